"""For what an identity is read: found without asking what else waits for the reader."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from mscbank.allocation import views as allocation_views
from mscbank.app import create_app
from mscbank.core import links
from mscbank.core.access import Principal
from mscbank.core.db import engines, session
from mscbank.family.purposes import purpose_of
from mscbank.ops.demo.cast import QA, TECH
from mscbank.release import views as release_views
from mscbank.staff import people
from tests.both_doors import Doors, doors
from tests.browser import config
from tests.fixtures import Walked

__all__ = ["doors"]

MOST_STATEMENTS = 100


@pytest.fixture
def app(reserved: Walked) -> Iterator[Flask]:
    made = create_app(config(reserved.url))
    with made.test_request_context():
        yield made


class Counted:
    """The statements of a block."""

    def __enter__(self) -> "Counted":
        session.rollback()
        self.count = 0
        event.listen(engines().read, "before_cursor_execute", self._one)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(engines().read, "before_cursor_execute", self._one)

    def _one(self, *_: Any) -> None:
        self.count += 1


def principal(login: str) -> Principal:
    found = people.load(login)
    assert found is not None
    return found


def test_it_is_the_task_about_just_this_person(app: Flask, reserved: Walked):
    by = principal(TECH.login)
    waits = f"task: Pick 4 vials for {reserved.first.recipient.called}"
    assert purpose_of(reserved.first.donor, by, "x") == waits
    assert purpose_of(reserved.second.donor, by, "x") == "x, as lab technician"


def test_what_waits_about_others_is_not_even_read(app: Flask, reserved: Walked, monkeypatch):
    asked: list[list[str]] = []

    def seen(find: Any) -> Any:
        def found(things: list[Any]) -> Any:
            asked.append([thing.code for thing in things])
            return find(things)

        return found

    monkeypatch.setattr(allocation_views, "held_rows", seen(allocation_views.held_rows))
    monkeypatch.setattr(release_views, "dossiers", seen(release_views.dossiers))
    own = {reserved.first.allocation.code, reserved.first.release.code}
    for login in (TECH.login, QA.login):
        by = principal(login)
        purpose_of(reserved.first.donor, by, "x")
        assert {code for codes in asked for code in codes} <= own
        asked.clear()
        purpose_of(reserved.second.donor, by, "x")
        assert not {code for codes in asked for code in codes}
    links.waiting_for(principal(TECH.login))
    assert own & {code for codes in asked for code in codes}, "the first page asks for everything"


@pytest.mark.parametrize("login", [TECH.login, QA.login])
def test_its_statements_are_counted(app: Flask, reserved: Walked, login: str):
    by = principal(login)
    for person in (reserved.first.recipient, reserved.first.donor):
        with Counted() as found:
            purpose_of(person, by, "x")
        assert found.count <= MOST_STATEMENTS, found.count
    with Counted() as everything:
        links.waiting_for(by)
    assert everything.count <= MOST_STATEMENTS


def test_the_first_page_asks_once(doors: Doors, monkeypatch):
    browser, asked = doors.browser(TECH.login), []
    monkeypatch.setattr(links, "_worklists", [lambda by: asked.append(by.login) or []])
    assert browser.get("/").status_code == 200
    assert asked == [TECH.login]
