"""Small acts on accounts and sites, for tests of the door itself."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from mscbank.core.access import Principal, Role
from mscbank.core.acts import Action
from mscbank.core.db import session
from mscbank.core.record import Record
from mscbank.staff import actions
from mscbank.staff.models import Site, User
from tests.people import ADA

ADMIN = (Role.ADMIN,)


def someone(login: str = "bruno", name: str = "Bruno Lang", by: Principal = ADA) -> User:
    made: User = actions.register(by=by, login=login, printed_name=name)
    return made


def somewhere(code: str = "PARIS", by: Principal = ADA) -> Site:
    made: Site = actions.open_site(by=by, code=code, name="Hôpital Saint-Louis", zone="Europe/Paris")
    return made


def does(body: Callable[..., Any], *, name: str = "test.act", kind: str = "person", **options: Any) -> Action:
    """An action of this test alone: it is in no list of the house."""
    return Action(name, body, **{"role": ADMIN, "kind": kind, **options})


def creates(body: Callable[..., Any], *, kind: str = "person", **options: Any) -> Action:
    return does(body, kind=kind, creates=True, **options)


def rename(user: User, *, to: str) -> None:
    user.printed_name = to


RENAME = does(rename, name="test.rename")


def records(kind: str, code: str) -> list[Record]:
    """The chain of a thing, oldest first."""
    session.rollback()
    chain = select(Record).where(Record.chain_kind == kind, Record.chain_code == code)
    return list(session.scalars(chain.order_by(Record.chain_sequence)))


def name_of(login: str) -> str | None:
    session.rollback()
    return session.scalar(select(User.printed_name).where(User.code == login))
