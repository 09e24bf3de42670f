"""The API keeps what its document promises: every operation of every room, as it joins."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mscbank.core import db
from mscbank.core.access import Grant, Role
from mscbank.core.web import here
from tests import worlds
from tests.conftest import COPIES
from tests.copies import SQLITE, Copies
from tests.house import House, Someone, employ, service

PROBLEM = "application/problem+json"
UPLOADS = "/api/v1/attachments/{code}"
"""The one resource that takes a file as its body."""


def document_of(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").json
    return found


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(service())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def headers(operation: dict[str, Any]) -> dict[str, bool]:
    return {p["name"]: p["required"] for p in operation.get("parameters", ()) if p["in"] == "header"}


def test_the_document_is_valid_openapi_31(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_wants_a_token(document: dict[str, Any]):
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    for path, method, operation in operations(document):
        assert "security" not in operation, (method, path)


def test_every_operation_has_a_name_of_its_own_a_place_and_a_sentence(document: dict[str, Any]):
    found = [operation.get("operationId") for _path, _method, operation in operations(document)]
    assert None not in found, [p for p, _m, o in operations(document) if not o.get("operationId")]
    assert len(found) == len(set(found))
    for path, method, operation in operations(document):
        assert operation.get("summary"), (method, path)
        assert len(operation["tags"]) == 1, (method, path)


def test_every_operation_says_its_refusals_as_problems(document: dict[str, Any]):
    error = document["components"]["responses"]["DEFAULT_ERROR"]
    assert set(error["content"]) == {PROBLEM}
    for path, method, operation in operations(document):
        needed = {"401", "403", "429"} | ({"413", "415", "422"} if method == "post" else set())
        said = {
            code for code, r in operation["responses"].items() if r.get("$ref", "").endswith("DEFAULT_ERROR")
        }
        assert needed <= said, (method, path, needed - said)


def test_an_act_on_a_thing_names_the_version_that_was_seen_and_takes_a_key(document: dict[str, Any]):
    for path, method, operation in operations(document):
        if method == "post" and "{code}" in path:
            found = headers(operation)
            assert found.get("Idempotency-Key") is False, path
            assert found.get("If-Match", "a scan") in (True, "a scan"), path
            if "If-Match" in found:
                assert "428" in operation["responses"], path


def test_every_input_has_a_type_and_nothing_else_is_taken(document: dict[str, Any]):
    schemas = document["components"]["schemas"]
    for path, _method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        if path == UPLOADS and content:
            assert content == {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
            continue
        for media, body in content.items():
            assert media == "application/json", path
            schema = schemas[body["schema"]["$ref"].rsplit("/", 1)[1]]
            assert schema["additionalProperties"] is False, path
            for name, kind in schema.get("properties", {}).items():
                assert kind.keys() & {"type", "$ref", "allOf", "anyOf"}, (
                    f"{path}: {name} is documented as {kind}"
                )


def test_numbers_have_their_range(document: dict[str, Any]):
    """Otherwise 10**30 would be offered, and refused."""
    for path, _method, operation in operations(document):
        for body in operation.get("requestBody", {}).get("content", {}).values():
            if path == UPLOADS:
                continue
            schema = document["components"]["schemas"][body["schema"]["$ref"].rsplit("/", 1)[1]]
            for name, kind in schema.get("properties", {}).items():
                if "integer" in str(kind.get("type")):
                    assert {"minimum", "maximum"} <= kind.keys(), f"{path}: {name}"


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PATHS = sorted(path for path, _method, _operation in operations(document_of(service())))
ROOMS = sorted({path.split("/")[3] for path in PATHS})


@pytest.fixture(scope="module")
def walked(pytestconfig: pytest.Config) -> Iterator[House]:
    """The service on a walked world, with somebody who holds every role and somebody who holds none."""
    shared = pytestconfig.stash[COPIES]
    copies = Copies(shared.session, f"{shared.worker}_contract")
    kept = list(here._identify)
    house = House(copies.of(worlds.INFUSED, SQLITE))
    employ("robin", "Robin All", *(Grant(role) for role in Role))
    employ("nemo", "Nemo Noone")
    yield house
    here._identify[:] = kept
    db.disconnect()
    copies.drop_all()


SENT = (
    ("robin", GenerationMode.POSITIVE, 2),
    ("robin", GenerationMode.NEGATIVE, 2),
    ("nemo", GenerationMode.POSITIVE, 1),
)
"""Who sends how many requests of which kind to every operation: a few, one privileged and one stranger."""


@pytest.mark.parametrize("room", ROOMS)
def test_every_operation_keeps_its_promise(walked: House, room: str):
    """A few made-up requests to each, right and wrong ones: no 5xx, every answer as documented.

    A request names a thing that is there, with its version, so that it comes further than the door.
    """
    schema = openapi.from_wsgi("/api/v1/openapi.json", walked.app)
    robin = walked.api_of("robin")
    for login, mode, examples in SENT:
        one, things = walked.api_of(login), versions(robin, room)
        for found in schema.include(path_regex=f"^/api/v1/{room}(/|$)").get_all_operations():
            send(one, found.ok(), mode, examples, things)


def versions(one: Someone, room: str) -> list[tuple[str, int]]:
    """A few things that are there, each with its version now."""
    listed = one.get(f"/api/v1/{room}?limit=3")
    found = listed.json["items"] if listed.status_code == 200 else []
    return [(item["code"], item["version"]) for item in found]


def send(
    one: Someone, operation: Any, mode: GenerationMode, examples: int, things: list[tuple[str, int]]
) -> None:
    try:
        strategy = operation.as_strategy(generation_mode=mode)
    except Unsatisfiable:
        return

    @settings(
        max_examples=examples, phases=[Phase.generate], derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy, choice=st.integers(0, 9))
    def each(case: Any, choice: int) -> None:
        sent = dict(one.headers)
        if things and "code" in (case.path_parameters or {}):
            case.path_parameters["code"], version = things[choice % len(things)]
            if case.method == "POST" and choice:
                sent["If-Match"] = f'"{version}"'
        case.call_and_validate(headers=sent, checks=CHECKS)

    with suppress(Unsatisfiable):
        each()
