"""The record read in time: by everybody, by a person, by a day, by what was done; page by page."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, or_, select, text

from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.errors import invalid
from mscbank.core.instance import instance
from mscbank.core.record import ActTouch, Record
from mscbank.core.types import iso

PAGE = 50
FAILED = "person.failed_secret"
READERS = (Role.QA, Role.QP, Role.RESPONSIBLE_PERSON, Role.AUDITOR, Role.INSPECTOR)
"""Who reads what everybody did; everybody reads what he did himself."""


class Only(StrEnum):
    """Which acts are wanted."""

    BLOCKED = "blocked"
    FAILED_LOG_INS = "failed_log_ins"
    SIGNED = "signed"


@dataclass(frozen=True)
class Wanted:
    """A selection of the record; what is not said is not restricted. Days are those of the installation."""

    person: str | None = None
    action: str | None = None
    only: Only | None = None
    since: date | None = None
    until: date | None = None
    thing: tuple[str, str] | None = None


@dataclass(frozen=True)
class Page:
    """Acts, newest first, the steps of each, and where the next page begins."""

    acts: list[Record]
    steps: dict[str, list[Record]]
    following: str | None


_OUTERMOST: dict[Only | None, Any] = {
    Only.BLOCKED: text("record.outcome = 'refused'"),
    Only.SIGNED: and_(Record.signature.is_not(None), func.coalesce(Record.parent, "") == ""),
}
"""Which rows are outermost acts: a refused one always is; the steps of a signed one carry its signature."""


def reads_all(by: Principal) -> bool:
    """Whether somebody reads what everybody did: with a reader's role for all sites."""
    return any(grant.role in READERS and grant.site is None for grant in by.grants)


def select_of(wanted: Wanted) -> Select[Any]:
    """The select of a selection, newest first; each filter by itself is served by an index in that order.

    What is rare (blocked, signed) is said in its own words, so that its own index is taken and no other.
    """
    found = select(Record).where(_OUTERMOST.get(wanted.only, Record.parent.is_(None)))
    if wanted.thing is not None:
        kind, code = wanted.thing
        touched = select(Record.parent, Record.act).join(ActTouch, ActTouch.act == Record.act)
        about = touched.where(ActTouch.kind == kind, ActTouch.code == code).subquery()
        parents = select(about.c.parent).where(about.c.parent.is_not(None))
        found = found.where(Record.act.in_(select(about.c.act).union(parents)))
    if wanted.person is not None:
        found = found.where(Record.actor_login == wanted.person)
    if wanted.action is not None:
        found = found.where(Record.action == wanted.action)
    if wanted.only is Only.FAILED_LOG_INS:
        found = found.where(Record.action == FAILED)
    if wanted.since is not None:
        found = found.where(Record.entered_at >= _midnight(wanted.since))
    if wanted.until is not None:
        found = found.where(Record.entered_at < _midnight(wanted.until + timedelta(days=1)))
    return found.order_by(Record.entered_at.desc(), Record.id.desc())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(instance().zone))


def after(cursor: str) -> Any:
    """The condition that leaves out what was seen up to a cursor, ``instant/act``."""
    instant, _, act = cursor.partition("/")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        at = None
    last = (
        session.scalar(select(Record.id).where(Record.act == act)) if at is not None and at.tzinfo else None
    )
    if at is None or last is None:
        raise invalid(after=["There is no such place to go on from."])
    return and_(Record.entered_at <= at, or_(Record.entered_at < at, Record.id < last))


def page(wanted: Wanted, cursor: str | None = None, *, size: int = PAGE) -> Page:
    """A page of a selection with the steps of its acts."""
    asked = select_of(wanted)
    rows = list(session.scalars((asked if cursor is None else asked.where(after(cursor))).limit(size + 1)))
    acts = rows[:size]
    steps: dict[str, list[Record]] = {}
    for row in session.scalars(
        select(Record).where(any_of(Record.parent, [one.act for one in acts])).order_by(Record.id)
    ):
        steps.setdefault(row.parent or "", []).append(row)
    more = len(rows) > size
    return Page(acts, steps, f"{iso(acts[-1].entered_at)}/{acts[-1].act}" if more else None)
