"""The two doors for tests: the whole service with somebody of the cast at the other end of the line."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.config import Config
from mscbank.core import db, sealed
from mscbank.core.access import Principal
from mscbank.core.web import here
from tests import people, worlds
from tests.people import SECRET

SETTINGS = {
    "MSCBANK_SECRET_KEY": "only for the tests, and long enough for them",
    "MSCBANK_MASTER_KEY": worlds.MASTER_KEY,
    "MSCBANK_CHECKPOINT_KEY": worlds.CHECKPOINT_KEY,
    "MSCBANK_ANCHOR": "folder:/nowhere",
    "MSCBANK_COOKIE_SECURE": "no",
    "MSCBANK_RATE_LIMIT": "100000 per minute",
    "MSCBANK_LOG_LEVEL": "error",
}


class Caller:
    """Somebody who opens pages and sends JSON."""

    def __init__(self, app: Flask, by: Principal | None) -> None:
        self.client: FlaskClient = app.test_client()
        self.by = by

    def _as(self) -> None:
        here.identified_by(lambda: self.by)

    def page(self, path: str) -> str:
        """The text of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, (answer.status, answer.text)
        return answer.text

    def get(self, path: str) -> TestResponse:
        """GET, whatever comes."""
        self._as()
        return self.client.get(path)

    def form(self, path: str, **typed: Any) -> TestResponse:
        """Fill in the form of a page and send it, with the version and key that it carried."""
        self._as()
        shown = self.client.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
        return self.client.post(path, data=hidden | typed)

    def api(
        self, path: str, body: Any = None, *, version: int | None = None, method: str = "POST", **headers: str
    ) -> TestResponse:
        """Send JSON under ``/api/v1``."""
        self._as()
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self.client.open(
            f"/api/v1/{path}", method=method, json={} if body is None else body, headers=headers
        )

    def read(self, path: str) -> Any:
        """GET JSON that is there."""
        answer = self.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (answer.status, answer.text)
        return answer.json

    def proofs(self, action: str, code: str, meaning: str, **inputs: Any) -> list[str]:
        """One signature by this person over the API."""
        asked = {"action": action, "subject": code, "secret": SECRET, "meaning": meaning, "inputs": inputs}
        answer = self.api("proofs", asked)
        assert answer.status_code == 201, answer.text
        return [answer.json["proof"]]


def _app(url: str) -> Flask:
    app = create_app(Config(SETTINGS | {"MSCBANK_DATABASE_URL": url}))
    app.config.update(WTF_CSRF_ENABLED=False, TESTING=True)
    return app


_made: list[Flask] = []
"""The service, assembled once a process; every test puts its own database behind it."""


class Service:
    """The service on the test's database."""

    def __init__(self, url: str) -> None:
        if not _made:
            _made.append(_app(url))
        self.app = _made[0]
        db.connect(url)
        sealed.open_master(worlds.MASTER_KEY)
        people.on_stage()

    def call(self, by: Principal | None) -> Caller:
        """Somebody at the other end of the line."""
        return Caller(self.app, by)


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    """The whole service on an empty bank."""
    yield Service(database_url)
    db.disconnect()
