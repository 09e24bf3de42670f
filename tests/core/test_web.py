"""What every answer carries, and how each refusal is told: problem+json to programs, a page to people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.config import Config
from mscbank.core import acts, idempotency
from mscbank.core.access import Grant, Role
from mscbank.core.db import session
from mscbank.core.errors import Busy
from mscbank.core.web import assets
from mscbank.core.web.security import HEADERS, policy_of
from mscbank.staff import api
from mscbank.staff.models import User
from tests.core.acting import creates, records, somewhere
from tests.house import SETTINGS, House, Someone, employ, service
from tests.people import ADA

PROBLEM = {"type", "title", "status", "code", "detail", "obstacles", "request"}


def problem(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = json.loads(answer.data)
    assert set(body) >= PROBLEM
    assert body["status"] == status
    assert body["request"] == answer.headers["X-Request-Id"]
    assert body["type"].endswith("#" + body["code"])
    if code is not None:
        assert body["code"] == code
    return body


@pytest.fixture
def ada(house: House) -> Someone:
    return house.api_of("ada")


PEOPLE = "/api/v1/people"


class TestProblems:
    @pytest.mark.parametrize("raw", [b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 1000, b"\xff"])
    def test_400_what_cannot_be_read(self, ada: Someone, raw: bytes):
        problem(ada.post(PEOPLE, data=raw, content_type="application/json"), 400, "body.not_json")

    @pytest.mark.parametrize("etag", ["1", "*", '"x"', '"1", "2"', "", '"' + "9" * 30 + '"'])
    def test_400_an_if_match_that_is_none(self, ada: Someone, etag: str):
        answer = ada.post(f"{PEOPLE}/bruno/roles", json={"role": "qa"}, headers={"If-Match": etag})
        problem(answer, 400, "if_match.unquoted")

    @pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b", "é"])
    def test_400_a_key_that_is_none(self, ada: Someone, key: str):
        body = {"login": "new", "printed_name": "New"}
        problem(ada.post(PEOPLE, json=body, headers={"Idempotency-Key": key}), 400, "idempotency.key")

    @pytest.mark.parametrize(
        "sent", [None, "", "Bearer", "Bearer x", "Basic YTpi", "bearer msc_made-up", "Bearer " + "x" * 300]
    )
    def test_401_nobody_is_there(self, house: House, sent: str | None):
        one = house.stranger()
        answer = one.get(PEOPLE, headers={"Authorization": sent} if sent is not None else {})
        problem(answer, 401, "sign_in")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_401_a_cookie_opens_no_api(self, house: House):
        problem(house.client_of("ada").get(PEOPLE), 401)

    def test_403_somebody_else(self, house: House):
        answer = house.api_of("bruno").post(PEOPLE, json={"login": "new", "printed_name": "New"})
        body = problem(answer, 403, "acts.role_needed")
        assert body["obstacles"][0]["who"] == ["admin"]
        assert records("person", "bruno")[-1].act == body["record"]

    def test_403_a_token_for_something_else(self, house: House):
        problem(
            house.api_of("ada", "read").post(PEOPLE, json={"login": "new", "printed_name": "N"}),
            403,
            "acts.scope_needed",
        )
        problem(house.api_of("ada", "person.register").get(PEOPLE), 403, "acts.scope_needed")

    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/nothing",
            "/api/",
            f"{PEOPLE}/nobody",
            f"{PEOPLE}/%00",
            f"{PEOPLE}/{'x' * 500}",
            f"{PEOPLE}/a/b/c",
        ],
    )
    def test_404_what_is_not_there(self, ada: Someone, path: str):
        problem(ada.get(path), 404)

    def test_404_before_it_is_known_who_asks_is_401(self, house: House):
        problem(house.stranger().get(f"{PEOPLE}/nobody"), 401)

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_405_another_verb(self, ada: Someone, method: str):
        answer = ada.client.open(f"{PEOPLE}/bruno", method=method, headers=ada.headers)
        problem(answer, 405)
        assert "GET" in answer.headers["Allow"]

    def test_409_refused_by_state(self, ada: Someone):
        etag = ada.get(f"{PEOPLE}/bruno").headers["ETag"]
        answer = ada.post(f"{PEOPLE}/bruno/enable", json={"reason": "a mistake"}, headers={"If-Match": etag})
        body = problem(answer, 409, "lifecycle.wrong_state")
        assert body["record"]

    def test_412_a_stale_version(self, ada: Someone):
        answer = ada.post(f"{PEOPLE}/bruno/roles", json={"role": "qa"}, headers={"If-Match": '"1"'})
        problem(answer, 412, "stale")

    @pytest.mark.parametrize("path", [PEOPLE, f"{PEOPLE}/bruno/roles", "/api/v1/scan", "/api/v1/proofs"])
    def test_413_ten_megabytes(self, ada: Someone, path: str):
        answer = ada.post(path, data=b'{"a": "' + b"x" * 10_000_000 + b'"}', content_type="application/json")
        problem(answer, 413, "too_large")

    @pytest.mark.parametrize(
        "media", ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"]
    )
    def test_415_another_content_type(self, ada: Someone, media: str):
        problem(ada.post(PEOPLE, data=b"login=x", content_type=media), 415)

    @pytest.mark.parametrize(
        ("body", "faults"),
        [
            ({}, {"login", "printed_name"}), ({"login": "new"}, {"printed_name"}),
            ({"login": "NEW", "printed_name": "x"}, {"login"}),
            ({"login": 5, "printed_name": 1.5}, {"login", "printed_name"}),
            ({"login": "new", "printed_name": "x", "admin": True}, {"admin"}),
            ({"login": "new\u0000", "printed_name": "\ud800"}, {"login", "printed_name"}),
            ({"login": "new", "printed_name": "x" * 201}, {"printed_name"}),
            ([], {"_schema"}), ("x", {"_schema"}),
            ({"login": "new", "printed_name": "x", "happened_at": "2999-01-01T00:00Z"}, {"happened_at"}),
            ({"login": "new", "printed_name": "x", "happened_at": "yesterday"}, {"happened_at"}),
        ],
    )  # fmt: skip
    def test_422_every_fault_at_its_field(self, ada: Someone, body: Any, faults: set[str]):
        assert set(problem(ada.post(PEOPLE, json=body), 422)["errors"]) == faults

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=1_0",
            "after=nobody",
            "after=%00",
            "page=2",
        ],
    )
    def test_422_a_query_that_is_none(self, ada: Someone, query: str):
        problem(ada.get(f"{PEOPLE}?{query}"), 422)

    def test_428_without_a_version(self, ada: Someone):
        problem(ada.post(f"{PEOPLE}/bruno/roles", json={"role": "qa"}), 428, "version_missing")

    def test_500_what_nobody_expected(self, ada: Someone, monkeypatch: pytest.MonkeyPatch):
        def broken(*_args: object) -> None:
            raise ZeroDivisionError("a secret detail")

        monkeypatch.setattr(idempotency, "claim", broken)
        answer = ada.post(
            PEOPLE, json={"login": "new", "printed_name": "N"}, headers={"Idempotency-Key": "k"}
        )
        assert "secret detail" not in json.dumps(problem(answer, 500, "unexpected"))
        assert ada.get(PEOPLE).status_code == 200

    def test_503_when_the_database_stays_busy(self, ada: Someone, monkeypatch: pytest.MonkeyPatch):
        def busy(*_args: object) -> None:
            raise Busy

        monkeypatch.setattr(acts, "lock", busy)
        answer = ada.post(f"{PEOPLE}/bruno/roles", json={"role": "qa"}, headers={"If-Match": '"2"'})
        problem(answer, 503, "busy")
        assert answer.headers["Retry-After"]

    def test_the_type_of_a_problem_leads_to_its_words(self, house: House, ada: Someone):
        body = problem(ada.get(f"{PEOPLE}/nobody"), 404)
        page, _, code = body["type"].partition("#")
        answer = house.stranger().get(page)
        assert answer.status_code == 200
        assert f'id="{code}"' in answer.text


BEHIND_TLS = {"MSCBANK_COOKIE_SECURE": "yes", "MSCBANK_PROXIES": "1", "MSCBANK_HOSTS": "localhost"}
FORWARDED = {"X-Forwarded-Proto": "https"}


def limited(house: House, limit: str, **more: str) -> Flask:
    settings = {"MSCBANK_DATABASE_URL": house.url, "MSCBANK_RATE_LIMIT": limit} | more
    return create_app(Config(SETTINGS | settings))


def test_429_too_many_requests(house: House):
    token = house.api_of("ada").headers
    client = limited(house, "3 per minute").test_client()
    assert [client.get(PEOPLE, headers=token).status_code for _ in range(3)] == [200] * 3
    answer = client.get(PEOPLE, headers=token)
    problem(answer, 429)
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("proxies", "answers"), [("0", [200, 200, 429]), ("1", [200, 200, 200])])
def test_a_web_server_in_front_is_believed_only_when_it_was_named(
    house: House, proxies: str, answers: list[int]
):
    in_front = BEHIND_TLS if proxies != "0" else {"MSCBANK_PROXIES": proxies}
    client = limited(house, "2 per minute", **in_front).test_client()
    tls = {"X-Forwarded-Proto": "https"}
    from_each = [tls | {"X-Forwarded-For": f"203.0.113.{number}"} for number in range(3)]
    assert [client.get("/sign-in", headers=one).status_code for one in from_each] == answers


class TestReading:
    def test_a_thing_has_its_version_as_etag_and_its_moves(self, ada: Someone):
        answer = ada.get(f"{PEOPLE}/bruno")
        assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
        assert answer.json["state"] == "active"
        assert [(m["name"], m["obstacle"]) for m in answer.json["moves"]] == [("disable", None)]

    def test_a_move_that_is_off_says_why_and_who_can(self, house: House):
        (move,) = house.api_of("bruno").get(f"{PEOPLE}/bruno").json["moves"]
        assert move["obstacle"]["code"] == "lifecycle.role_needed"
        assert move["obstacle"]["who"] == ["admin"]

    def test_lists_go_on_after_the_last_code_without_totals(self, ada: Someone):
        seen: list[str] = []
        following: str | None = ""
        while following is not None:
            page = ada.get(f"{PEOPLE}?limit=4" + (f"&after={following}" if following else "")).json
            assert set(page) == {"items", "next"}
            assert len(page["items"]) <= 4
            seen += [item["code"] for item in page["items"]]
            following = page["next"]
        assert len(seen) == len(set(seen)) == 19

    def test_somebody_without_a_role_sees_nobody_but_himself(self, house: House):
        sam = house.api_of("sam")
        assert sam.get(PEOPLE).json == {"items": [], "next": None}
        problem(sam.get(f"{PEOPLE}/bruno"), 404)
        assert sam.get(f"{PEOPLE}/sam").status_code == 200

    def test_what_is_of_another_site_is_not_there_and_the_try_is_kept(self, house: House):
        def at_lyon() -> User:
            user = User(code="remote", printed_name="R", site="LYON")
            session.add(user)
            return user

        somewhere("PARIS")
        employ("anna", "Anna", Grant(Role.QA, "PARIS"))
        creates(at_lyon)(by=ADA)
        anna = house.api_of("anna")
        body = problem(anna.get(f"{PEOPLE}/remote"), 404, "missing")
        kept = records("person", "remote")[-1]
        assert (kept.action, kept.actor_login, kept.act) == ("core.look", "anna", body["record"])
        assert "remote" not in anna.get(PEOPLE).text


class TestActing:
    def test_a_creation_says_where_it_is(self, ada: Someone):
        answer = ada.post(PEOPLE, json={"login": "new", "printed_name": "New"})
        assert answer.status_code == 201
        assert answer.headers["Location"] == "/api/v1/people/new"
        assert answer.headers["ETag"] == '"1"'

    def test_an_act_answers_with_the_thing_as_it_is_now(self, ada: Someone):
        etag = ada.get(f"{PEOPLE}/bruno").headers["ETag"]
        answer = ada.post(f"{PEOPLE}/bruno/disable", json={"reason": "left us"}, headers={"If-Match": etag})
        assert (answer.status_code, answer.json["state"]) == (200, "disabled")
        assert answer.headers["ETag"] != etag

    def test_a_repeated_key_is_answered_and_marked(self, ada: Someone):
        sent = {"json": {"login": "new", "printed_name": "New"}, "headers": {"Idempotency-Key": "k1"}}
        first, again = ada.post(PEOPLE, **sent), ada.post(PEOPLE, **sent)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json == again.json
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(records("person", "new")) == 1

    def test_a_repeated_key_with_the_old_version_is_answered_too(self, ada: Someone):
        etag = ada.get(f"{PEOPLE}/bruno").headers["ETag"]
        sent = {"json": {"role": "qa"}, "headers": {"If-Match": etag, "Idempotency-Key": "k1"}}
        assert [ada.post(f"{PEOPLE}/bruno/roles", **sent).status_code for _ in range(2)] == [200, 200]

    def test_a_key_for_something_else_is_refused(self, ada: Someone):
        key = {"Idempotency-Key": "k1"}
        ada.post(PEOPLE, json={"login": "new", "printed_name": "New"}, headers=key)
        problem(
            ada.post(PEOPLE, json={"login": "other", "printed_name": "O"}, headers=key),
            409,
            "idempotency.reused",
        )

    def test_signing_over_the_api_takes_a_proof_then_the_act(self, house: House):
        bruno = house.api_of("bruno")
        etag = bruno.get(f"{PEOPLE}/bruno").headers["ETag"]
        asked = {
            "action": "person.open_presence", "subject": "bruno", "meaning": "present",
            "inputs": {"station": "bench 1"}, "secret": "a long enough secret 42",
        }  # fmt: skip
        proof = bruno.post("/api/v1/proofs", json=asked)
        assert (proof.status_code, proof.json["lives_seconds"]) == (201, 120)
        sent = {
            "json": {"station": "bench 1", "proofs": [proof.json["proof"]]},
            "headers": {"If-Match": etag},
        }
        assert bruno.post(f"{PEOPLE}/bruno/presence", **sent).status_code == 200
        sent["headers"] = {"If-Match": bruno.get(f"{PEOPLE}/bruno").headers["ETag"]}
        problem(bruno.post(f"{PEOPLE}/bruno/presence", **sent), 409, "signature.proof_used")
        for change, status in (
            ({"secret": "wrong"}, 401), ({"action": "no.such"}, 422), ({"meaning": "approved"}, 422),
            ({"subject": "nobody"}, 404), ({"inputs": {"station": ""}}, 422), ({"login": "nobody"}, 401),
            ({"login": "br\u0000no"}, 422),
        ):  # fmt: skip
            problem(bruno.post("/api/v1/proofs", json=asked | change), status)


class TestHeaders:
    @pytest.mark.parametrize(
        "path",
        [
            "/sign-in",
            "/healthz",
            "/readyz",
            "/metrics",
            "/api/v1/openapi.json",
            "/nothing",
            "/api/v1/people",
            "/static/css/base.css",
        ],
    )
    def test_every_answer_carries_them(self, house: House, path: str):
        answer = house.stranger().get(path)
        answer.close()
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert len(answer.headers["X-Request-Id"]) == 32
        assert ("no-store" in answer.headers.get("Cache-Control", "")) is not path.startswith("/static/")
        policy = answer.headers["Content-Security-Policy"]
        assert policy == policy_of(answer.mimetype)
        for part in ("default-src", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert part in policy
        assert "'unsafe-inline'" not in policy

    def test_a_browser_keeps_assets_until_their_address_changes(self, house: House):
        page = house.stranger().get("/sign-in").text
        stamped = re.search(r'href="(/static/css/base\.css\?v=[0-9a-f]{12})"', page)
        assert stamped is not None
        bare = "/static/css/base.css"
        for path, kept in ((stamped[1], True), (bare, False), (f"{bare}?v=old", False)):
            answer = house.stranger().get(path)
            answer.close()
            assert ("immutable" in answer.headers.get("Cache-Control", "")) is kept
        assert assets.stamp_of(Path(str(service().static_folder))) in stamped[1]

    def test_behind_tls_the_cookie_and_the_transport_are_strict(self, house: House):
        app = limited(house, "100 per minute", **BEHIND_TLS)
        one = Someone(app, "bruno")
        for path in ("/sign-in", "/nothing", "/healthz", "/api/v1/people", "/static/css/base.css"):
            answer = one.client.get(path, base_url="https://localhost", headers=FORWARDED)
            answer.close()
            age = re.match(r"max-age=(\d+); includeSubDomains", answer.headers["Strict-Transport-Security"])
            assert age is not None
            assert int(age[1]) >= 365 * 24 * 3600
        answer = app.test_client().get("/sign-in", base_url="https://localhost", headers=FORWARDED)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert "Domain" not in cookie
        for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/;"):
            assert part in cookie

    def test_the_documentation_is_open_and_says_no_secret(self, house: House):
        text = house.stranger().get("/api/v1/openapi.json").text
        assert SETTINGS["MSCBANK_SECRET_KEY"] not in text


def test_all_staff_operations_are_in_the_api(house: House):
    assert {door.path for door in api.apis} == {"people", "sites", "keys", "badges", "access-reviews"}


def test_health(house: House):
    one = house.stranger()
    assert one.get("/healthz").json == {"status": "ok"}
    assert one.get("/readyz").json == {
        "status": "ok",
        "schema": True,
        "clockwork": False,
        "scanner": False,
    }
    assert "mscbank_clockwork_age_seconds -1.0" in one.get("/metrics").text
