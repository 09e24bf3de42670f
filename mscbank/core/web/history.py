"""The record as people read it: who did what when and why, old and new."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from mscbank.core.acts import ACTIONS
from mscbank.core.db import any_of, session
from mscbank.core.record import Outcome, Record
from mscbank.core.signatures import Signature

LATE = timedelta(hours=24)
"""An entry later than this after the event is marked (PD-70)."""


@dataclass
class Told:
    """One line of a history."""

    sign: str
    colour: str
    what: str
    who: str
    role: str
    when: datetime
    happened_at: datetime
    reason: str | None
    changes: list[tuple[str, Any, Any]]
    act: str
    hash: str
    late: bool
    refused: bool
    signatures: list[Any] = field(default_factory=list)
    code: str | None = None


def told(rows: Iterable[Record]) -> list[Told]:
    """Record rows in words, with their signatures, in two statements however many there are."""
    listed = list(rows)
    acts = [row.parent or row.act for row in listed]
    signed: dict[str, list[Signature]] = {}
    for one in session.scalars(select(Signature).where(any_of(Signature.act, acts))) if acts else ():
        signed.setdefault(one.act, []).append(one)
    return [_one(row, signed.get(row.parent or row.act, [])) for row in listed]


def _one(row: Record, signatures: list[Signature]) -> Told:
    body = json.loads(row.body)
    changes = [
        (name if len(body["changes"]) == 1 else f"{change['thing'][0]} {change['thing'][1]}: {name}", old, new)
        for change in body["changes"]
        for name, (old, new) in sorted(change["fields"].items())
        if name not in ("version", "code")
    ]
    refused = row.outcome is Outcome.REFUSED
    action = ACTIONS.get(row.action)
    words = action.doc.rstrip(".") if action and action.doc else row.action
    obstacles = body["notes"].get("obstacles") or []
    return Told(
        sign="octagon" if refused else "pencil" if row.parent else "check", colour="stop" if refused else "ink",
        what=words, who=row.actor_name, role=row.actor_role, when=row.entered_at, happened_at=row.happened_at,
        reason=row.reason, changes=changes, act=row.act, hash=row.hash,
        late=row.entered_at - row.happened_at > LATE, refused=refused, signatures=signatures,
        code=obstacles[0]["code"] if obstacles else None,
    )  # fmt: skip
