"""Both doors of the service on a world, and the looks at what a refused request left behind."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.core import db, sealed
from mscbank.core.db import Base, Plumbing, engines, session
from mscbank.core.record import ActTouch, ChainHead, Outcome, Record
from mscbank.ops.demo.cast import DIRECTOR, NURSE, PASSWORD, PHARMACIST, QA, SPONSOR, TECH, WARD
from tests import worlds
from tests.browser import config, token_of
from tests.fixtures import Walked

MILLION = 1_000_000
NUL, SURROGATE, BIDI = "Zer\0o", "\ud800", "abc\u202edef"
SENDERS = (DIRECTOR, NURSE, PHARMACIST, QA, SPONSOR, TECH, WARD)
_made: list[Flask] = []


@dataclass
class Doors:
    """Both doors of the service on a world, with tokens and sessions of real accounts."""

    app: Flask
    world: Walked

    def __post_init__(self) -> None:
        self.tokens = {one.login: token_of(one.login) for one in SENDERS}
        self.browsers: dict[str, FlaskClient] = {}
        session.remove()

    def api(
        self, login: str, path: str, body: Any = None, *, raw: bytes | None = None, method: str = "POST",
        version: Any = None, **headers: str,
    ) -> TestResponse:  # fmt: skip
        """Send JSON, or just these bytes, as this person."""
        headers = {"Authorization": f"Bearer {self.tokens[login]}"} | headers
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        data = raw if raw is not None else json.dumps({} if body is None else body).encode()
        if method == "GET":
            data = b""
        return self.app.test_client().open(
            f"/api/v1/{path}", method=method, data=data, headers=headers, content_type="application/json"
        )

    def browser(self, login: str) -> FlaskClient:
        """A browser in which this person is signed in."""
        if login not in self.browsers:
            client = self.browsers[login] = self.app.test_client()
            done = client.post("/sign-in", data={"login": login, "password": PASSWORD})
            assert done.status_code == 302, done.text
        return self.browsers[login]

    def form(self, login: str, path: str, **typed: Any) -> TestResponse:
        """Fill in a page's form as this person, with the version and key that it carried."""
        client = self.browser(login)
        shown = client.get(path).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown))
        return client.post(path, data=hidden | typed)


@pytest.fixture
def doors(reserved: Walked) -> Doors:
    """The service on the world in which vials are reserved."""
    if not _made:
        app = create_app(config(reserved.url))
        app.config.update(WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
        _made.append(app)
    db.connect(reserved.url)
    sealed.open_master(worlds.MASTER_KEY)
    return Doors(_made[0], reserved)


OWN = {Record.__tablename__, ActTouch.__tablename__, ChainHead.__tablename__}


def state() -> dict[str, list[Any]]:
    """Everything in the database but plumbing and the record."""
    plumbing = {
        model.class_.__tablename__ for model in Base.registry.mappers if issubclass(model.class_, Plumbing)
    }
    found = {}
    with engines().read.connect() as connection:
        for table in sorted(set(Base.metadata.tables) - plumbing - OWN):
            found[table] = sorted(map(str, connection.execute(text(f'SELECT * FROM "{table}"'))))
    return found


def counted(outcome: Outcome) -> int:
    """How many outermost acts stand in the record with this outcome."""
    session.remove()
    found = session.scalar(select(func.count()).select_from(Record).where(Record.outcome == outcome))
    return int(found or 0)


def last_refused() -> str:
    """The body of the last refused act."""
    session.remove()
    newest = select(Record.body).where(Record.outcome == Outcome.REFUSED).order_by(Record.id.desc())
    return str(session.scalars(newest).first())


@contextmanager
def unchanged(*, kept: int = 0) -> Iterator[None]:
    """Nothing changes in the block; `kept` refused acts are added to the record, and no others."""
    before, acts, blocked = state(), counted(Outcome.DONE), counted(Outcome.REFUSED)
    yield
    assert state() == before
    assert counted(Outcome.DONE) == acts
    assert counted(Outcome.REFUSED) == blocked + kept


def refused(answer: TestResponse, status: int, code: str, **fields: str) -> Any:
    """A refusal as problem+json: this status and code, a sentence, and each of these faults at its field."""
    assert answer.content_type.startswith("application/problem+json"), answer.text[:300]
    body = answer.json
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["detail"]
    assert body["title"]
    assert "Traceback" not in answer.text
    for name, words in fields.items():
        assert words in str(body["errors"][name]), body["errors"]
    return body
