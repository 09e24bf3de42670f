"""The service as it is, with the cast of `tests/people.py` as real accounts: sign-in, cookies, tokens."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.config import Config
from mscbank.core import clock, db, sealed
from mscbank.core.access import operator
from mscbank.core.db import session
from mscbank.core.web import here
from mscbank.staff import actions, secrets
from mscbank.staff.models import Site, User
from tests import people, worlds
from tests.copies import Copies, World
from tests.people import SECRET

HOST = operator("tests")
SETTINGS = {
    "MSCBANK_SECRET_KEY": "only for the tests, and long enough for them",
    "MSCBANK_MASTER_KEY": worlds.MASTER_KEY,
    "MSCBANK_CHECKPOINT_KEY": worlds.CHECKPOINT_KEY,
    "MSCBANK_ANCHOR": "folder:/nowhere",
    "MSCBANK_COOKIE_SECURE": "no",
    "MSCBANK_RATE_LIMIT": "100000 per minute",
    "MSCBANK_LOG_LEVEL": "error",
}


def employ(login: str, name: str, *grants: Any, password: str = SECRET) -> User:
    """An account with its roles and a password of its own."""
    user: User = actions.register(by=HOST, login=login, printed_name=name)
    for grant in grants:
        at = session.scalar(select(Site).where(Site.code == grant.site)) if grant.site else None
        actions.grant_role(user, by=HOST, role=grant.role, at=at)
    secrets.prepare(login, password)
    actions.set_password(user, by=HOST)
    return user


def build(url: str) -> None:
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    worlds.employ_staff()
    for person in people.PEOPLE.values():
        employ(person.login, person.printed_name, *person.grants)
    db.disconnect()


HOUSE = World("house", build, worlds.EMPTY)


class Someone:
    """Somebody of the cast at a browser, or at a program with a token."""

    def __init__(self, app: Flask, login: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.login = login
        self.headers: dict[str, str] = {}

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, headers=self.headers | options.pop("headers", {}), **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        """A form as a browser sends it, with the token of the page; JSON as a program sends it."""
        if "json" not in options and not self.headers:
            options["data"] = {"csrf_token": self.form_token(), **(options.get("data") or {})}
        return self.client.post(path, headers=self.headers | options.pop("headers", {}), **options)

    def form_token(self) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.client.get("/sign-in").text)
        assert found is not None
        return found[1]

    def sign_in(self, password: str = SECRET, **more: str) -> TestResponse:
        return self.post("/sign-in", data={"login": self.login, "password": password, **more})


@cache
def service() -> Flask:
    """The service, assembled once a process; every test puts its own database behind it."""
    app = create_app(Config(SETTINGS | {"MSCBANK_DATABASE_URL": "sqlite://"}))
    app.config.update(TESTING=True)
    return app


class House:
    """The service on a database with the cast employed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app = service()
        db.connect(url)
        sealed.open_master(worlds.MASTER_KEY)
        worlds.employ_staff()

    def stranger(self) -> Someone:
        """Somebody who has not signed in."""
        return Someone(self.app, "nobody")

    def client_of(self, login: str) -> Someone:
        """One of the cast, signed in at a browser."""
        one = Someone(self.app, login)
        assert one.sign_in().status_code == 302
        return one

    def api_of(self, login: str, scopes: str = "read write", **options: Any) -> Someone:
        """One of the cast at a program, with a bearer token."""
        one = Someone(self.app, login)
        one.headers = {"Authorization": f"Bearer {token_of(login, scopes, **options)}"}
        return one


def token_of(login: str, scopes: str = "read write", *, days: int = 30, is_device: bool = False) -> str:
    """A bearer token, issued as the host's operator issues one."""
    token, kept = actions.new_token()
    actions.issue_token(
        session.scalars(select(User).where(User.code == login)).one(), by=HOST, label="test", scopes=scopes,
        token_hash=kept, expires_at=clock.now() + timedelta(days=days), is_device=is_device,
    )  # fmt: skip
    return token


@pytest.fixture
def house(copies: Copies, engine_kind: str) -> Iterator[House]:
    """The service with the cast employed and nothing else in the bank."""
    kept = list(here._identify)
    yield House(copies.of(HOUSE, engine_kind))
    here._identify[:] = kept
    db.disconnect()
