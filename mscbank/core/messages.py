"""An act announces by name; later steps subscribe here, so that imports stay one way.

A consequence runs at once, inside the announcing act; a message goes to the outbox and is delivered
after the commit.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock
from mscbank.core.canonical import canonical
from mscbank.core.db import Plumbing, session
from mscbank.core.record import ACT_LENGTH
from mscbank.core.types import WORD_LENGTH, Id, Utc

Touched = list[tuple[str, str]]
"""What an announcement is about: kinds and codes."""


@dataclass(frozen=True)
class Subscription:
    """What a later step does at once when something is announced, and what it will lock for it."""

    does: Callable[..., None]
    locks: Callable[[Touched], Iterable[Any]]


_consequences: dict[str, list[Subscription]] = {}
ANNOUNCEMENTS: dict[str, str] = {}
"""Every name that may be announced, with its meaning."""


def announcement(name: str, meaning: str) -> str:
    """Declare a name, once, in the step that announces it."""
    ANNOUNCEMENTS[name] = meaning
    return name


def consequence(
    name: str, *, locks: Callable[[Touched], Iterable[Any]]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Subscribe: it gets ``touched`` and the payload, in the announcing act; its failure fails all."""

    def subscribe(does: Callable[..., None]) -> Callable[..., None]:
        _consequences.setdefault(name, []).append(Subscription(does, locks))
        return does

    return subscribe


def consequence_locks(name: str, touched: Touched) -> list[Any]:
    """What the consequences of an announcement will change: part of the announcing action's locks."""
    return [thing for subscription in _consequences.get(name, ()) for thing in subscription.locks(touched)]


def announce(name: str, *, touched: Touched, **payload: Any) -> None:
    """Run every consequence now, in the act that is open."""
    if name not in ANNOUNCEMENTS:
        raise ValueError(f"nobody declared the announcement {name}")
    for subscription in _consequences.get(name, ()):
        subscription.does(touched=touched, **payload)


class Outbox(Plumbing):
    """A message to be delivered after the commit: to a worklist, by e-mail, to a printer."""

    __tablename__ = "outbox"

    name: Mapped[str] = mapped_column(String(80))
    act: Mapped[str] = mapped_column(String(ACT_LENGTH))
    subject_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    subject_code: Mapped[str] = mapped_column(String(80))
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Utc)
    due_at: Mapped[datetime] = mapped_column(Utc, index=True)
    tries: Mapped[int] = mapped_column(Id, default=0)
    leased_until: Mapped[datetime | None] = mapped_column(Utc)
    sent_at: Mapped[datetime | None] = mapped_column(Utc)
    delivered_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(80))
    failure: Mapped[str | None] = mapped_column(String(200))


def message(name: str, about: Any, **payload: Any) -> None:
    """Put a message into the outbox, in the transaction of the act that is open. No names of people in it."""
    act = session.registry().act
    if act is None:
        raise RuntimeError("a message belongs to an act")
    now = clock.now()
    session.add(
        Outbox(
            name=name, act=act.frame.act, subject_kind=about.kind, subject_code=about.code,
            payload=canonical(payload), created_at=now, due_at=now,
        )
    )  # fmt: skip


Deliver = Callable[[str, tuple[str, str], Mapping[str, Any]], None]
_deliveries: dict[str, list[Deliver]] = {}


def delivery(name: str) -> Callable[[Deliver], Deliver]:
    """Register what delivers a message of this name; it gets the name, (kind, code) and the payload."""

    def register(deliver: Deliver) -> Deliver:
        _deliveries.setdefault(name, []).append(deliver)
        return deliver

    return register


def deliveries(name: str) -> list[Deliver]:
    """Who delivers a message of this name."""
    return _deliveries.get(name, [])
