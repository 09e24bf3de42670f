"""Badges of the cast, and presence opened at a station as people open it."""

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mscbank.core import clock
from mscbank.core.db import session
from mscbank.ops.demo.cast import ADMIN, PASSWORD
from mscbank.staff import people, presence
from mscbank.staff.models import Badge, User


def user(login: str) -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def badge_of(login: str, days: int = 90) -> str:
    """The code of a new badge."""
    by = people.load(ADMIN.login)
    assert by is not None
    made: Badge = presence.issue_badge(
        by=by, person=user(login), expires_at=clock.now() + timedelta(days=days)
    )
    code = str(made.code)
    session.remove()
    return code


def stand(browser: FlaskClient, login: str, station: str = "bench 2", **typed: str) -> TestResponse:
    """Somebody opens presence in a browser, whoever is signed in there."""
    given = {"station": station, "login": login, "secret": PASSWORD}
    return browser.post("/station/stand", data=given | typed)
