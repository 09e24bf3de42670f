"""From an act to its rows in the record: what was done, what was refused, whose identity was read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from mscbank.core import clock, record, signatures
from mscbank.core.access import Principal
from mscbank.core.access import load as load_principal
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import Thing, engines, is_busy, permitted, session
from mscbank.core.errors import Busy, Refused
from mscbank.core.frame import Frame, OpenAct
from mscbank.core.instance import instance, instance_or_none
from mscbank.core.naming import Key
from mscbank.core.version import VERSION

if TYPE_CHECKING:
    from mscbank.core.acts import Call

TRIES = 3
BLOCKED = (403, 404, 409)
"""The refusals that leave a row among the blocked actions."""
REFUSAL = "refusal"
"""The kind under which a blocked action touches the code of what stood in its way."""


_request: ContextVar[str | None] = ContextVar("request_id", default=None)


@contextmanager
def request(identifier: str) -> Iterator[None]:
    """Everything inside belongs to one request; its id is kept with every act."""
    token = _request.set(identifier)
    try:
        yield
    finally:
        _request.reset(token)


@dataclass(frozen=True)
class Circumstances:
    """What all rows of one act share: who, when, in which request."""

    by: Principal
    entered: datetime
    happened: datetime
    zone: str
    key: str | None = None


def _values(frame: Frame, about: Key, under: Circumstances, outcome: record.Outcome) -> dict[str, Any]:
    frame.touched.add(about)
    return {
        "act": frame.act, "parent": frame.parent, "outcome": outcome, "subject_kind": about[0],
        "subject_code": about[1], "action": frame.action, "actor_login": under.by.login,
        "actor_name": under.by.printed_name, "actor_role": frame.role, "reason": frame.reason,
        "happened_at": under.happened, "happened_zone": under.zone, "entered_at": under.entered,
        "request": _request.get(), "idempotency_key": under.key, "signature": None, "app_version": VERSION,
        "body": frame.body(),
    }  # fmt: skip


def write_down(call: "Call", act: OpenAct, subject: Any, signed: list[signatures.Signed]) -> None:
    """Write the act and its children into the subject's chain, parent first, with the signatures."""
    entered = clock.now()
    under = Circumstances(
        call.by, entered, call.happened_at or entered, call.zone or instance().zone, call.key
    )
    held = canonical(call.action.content(subject) if signed and call.action.content else None)
    rows = [_signature(call, act, subject, one, entered, held) for one in signed]
    marks = canonical([{name: row[name] for name in signatures.MARKS} for row in rows]) if rows else None
    entries = []
    for frame in act.frames:
        about = frame.subject if frame.subject is not None else subject
        key = (about.kind, about.code)
        values = _values(frame, key, under, record.Outcome.DONE) | {"signature": marks}
        entries.append(record.Entry(values, frozenset(frame.touched)))
    with permitted(act.own):
        record.append(act.own, (subject.kind, subject.code), entries)
        if rows:
            act.own.execute(signatures.KEEP, rows)


def _signature(
    call: "Call", act: OpenAct, subject: Any, one: signatures.Signed, at: datetime, held: str
) -> dict[str, Any]:
    signer = call.by if one.login == call.by.login else load_principal(one.login) or call.by
    return {
        "act": act.outer.act, "action": call.action.name, "subject_kind": subject.kind,
        "subject_code": subject.code, "login": one.login, "printed_name": signer.printed_name,
        "role": signer.role_label, "meaning": one.meaning, "signed_at": at, "content_hash": one.content_hash,
        "held_hash": digest(held), "held": held,
        **{name: getattr(one.given, name) for name in signatures.GIVEN},
    }  # fmt: skip


def keep_blocked(call: "Call", refused: Refused) -> Refused:
    """A row among the blocked actions, in a short transaction of its own after the rollback."""
    session.rollback()
    if refused.status not in BLOCKED or instance_or_none() is None:
        return refused
    about = call.about or ("person", call.by.login)
    frame = Frame(call.action.name, None, call.reason, call.by.role_label or call.by.kind.value, None)
    frame.notes["obstacles"] = [
        {"code": o.code, "values": {k: str(v) for k, v in o.values.items()}} for o in refused.obstacles
    ]
    frame.touched |= {("person", call.by.login), *((REFUSAL, o.code) for o in refused.obstacles)}
    refused.blocked_as = _keep(
        frame, about, call.by, record.Outcome.REFUSED, happened=call.happened_at, zone=call.zone
    )
    return refused


def keep_reading(by: Principal, action_name: str, notes: dict[str, Any], touched: set[Key]) -> None:
    """Record that an identity is about to be read: a short transaction whose chain is the reader."""
    frame = Frame(action_name, None, None, by.role_label or by.kind.value, None)
    frame.notes.update(notes)
    frame.touched |= touched
    session.rollback()
    _keep(frame, ("person", by.login), by, record.Outcome.DONE)


def keep_out_of_sight(by: Principal, thing: Thing) -> str:
    """A row among the blocked actions: somebody asked for a thing of a site that is not theirs."""
    frame = Frame("core.look", None, None, by.role_label or by.kind.value, None)
    frame.notes["obstacles"] = [{"code": "missing", "values": {}}]
    frame.touched |= {("person", by.login), (REFUSAL, "missing")}
    about = (thing.kind, thing.code)
    session.rollback()
    return _keep(frame, about, by, record.Outcome.REFUSED)


def _keep(
    frame: Frame, about: Key, by: Principal, outcome: record.Outcome, *,
    happened: datetime | None = None, zone: str | None = None,
) -> str:  # fmt: skip
    """One row, at the end of a chain, in a transaction of its own."""
    entered = clock.now()
    under = Circumstances(by, entered, happened or entered, zone or instance().zone)
    session.rollback()
    entry = record.Entry(_values(frame, about, under, outcome), frozenset(frame.touched))

    def write() -> None:
        with engines().write.begin() as connection, permitted(connection):
            record.append(connection, about, [entry])

    patiently(write)
    return frame.act


def patiently(write: Callable[[], None]) -> None:
    """Do a short write of its own, again when the database was busy, and say so when it stays busy."""
    for attempt in range(TRIES):
        try:
            return write()
        except DBAPIError as error:
            if not is_busy(error):
                raise
        time.sleep(0.02 * (attempt + 1))
    raise Busy
