"""How a vial changes: one function sets its columns, makes its moves and writes the row of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from mscbank.core import acts, clock
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused
from mscbank.core.i18n import _
from mscbank.custody.models import CustodyEvent, Place, Vial
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.words import HOLDER_WORDS, HolderKind, Level, Scan, Verb

SEEN_ELSEWHERE = Refusal(
    "custody.seen_elsewhere",
    "Vial %(vial)s is not where you saw it: the bank has it at %(place)s. Look, and settle which is right.",
)
THAWED = Refusal("custody.never_back", "Vial %(vial)s has been thawed: it never goes back to stock.")
NOT_A_POSITION = Refusal("custody.not_a_position", "%(place)s is no position in a box. Scan the position.")
TAKEN = Refusal("custody.position_holds", "Position %(place)s holds vial %(vial)s already.")


@dataclass(frozen=True)
class In:
    """Into a position."""

    position: Place


@dataclass(frozen=True)
class With:
    """With somebody or something."""

    kind: HolderKind
    code: str


@dataclass(frozen=True)
class Gone:
    """Nowhere any more."""


Whereabouts = In | With | Gone
GONE = Gone()


def enter(
    vial: Vial, verb: Verb, *, by: Principal, to: Whereabouts | None = None,
    condition: Condition | None = None, quality: Quality | None = None,
    reservation: tuple[Reservation, ...] = (), reserved_by: str | None = None, second: str | None = None,
    scan: Scan = Scan.NONE, detail: str | None = None, at: datetime | None = None,
) -> CustodyEvent:  # fmt: skip
    """Change a vial and say so in its ledger; ``reservation`` are the moves of that life, in order."""
    act = acts.current()
    happened = at or act.time
    was_in, was_with = vial.position, vial.holder
    if to is not None:
        _place(vial, to)
    vial.events += 1
    if condition is not None:
        act.lead(vial, condition, "condition")
    if quality is not None:
        act.lead(vial, quality, "quality")
    for step in reservation:
        act.lead(vial, step, "reservation")
        vial.reserved_by = None if step is Reservation.NONE else reserved_by or vial.reserved_by
    event = CustodyEvent(
        vial=vial, sequence=vial.events, act=act.frame.act, verb=verb, condition=vial.condition,
        quality=vial.quality, reservation=vial.reservation, reserved_by=vial.reserved_by,
        from_position=was_in, position=vial.position, from_holder=was_with, holder=vial.holder,
        is_gone=vial.is_gone, happened_at=happened, entered_at=clock.now(), actor=by.login,
        second_person=second, scan=scan, detail=detail,
    )  # fmt: skip
    session.add(event)
    return event


def begin(vials: list[Vial], *, by: Principal, second: str, at: datetime) -> None:
    """The first row of the ledger of vials that are being filled; their place is set."""
    act, now = acts.current(), clock.now()
    for vial in vials:
        vial.events = 1
        session.add(
            CustodyEvent(
                vial=vial, sequence=1, act=act.frame.act, verb=Verb.FILL, condition=Condition.FILLED,
                quality=Quality.QUARANTINE, reservation=Reservation.NONE, holder=vial.holder, is_gone=False,
                happened_at=at, entered_at=now, actor=by.login, second_person=second,
            )
        )  # fmt: skip


def _place(vial: Vial, to: Whereabouts) -> None:
    vial.position = to.position if isinstance(to, In) else None
    vial.holder_kind = to.kind if isinstance(to, With) else None
    vial.holder_code = to.code if isinstance(to, With) else None
    vial.is_gone = isinstance(to, Gone)


def place_seen(vial: Vial) -> str:
    """The whereabouts as a person sees them: the position's code, ``kind:code`` of the holder, or gone."""
    if vial.position is not None:
        return vial.position.code
    return vial.holder or "gone"


def place_words(vial: Vial) -> str:
    """The whereabouts in words: box and position, the holder, or that it is gone."""
    if vial.position is not None:
        return said(vial.position)
    if vial.holder_kind is not None:
        return f"{HOLDER_WORDS[vial.holder_kind]} {vial.holder_code}"
    return str(_("gone"))


def said(place: Place) -> str:
    """A place as people say it: a position with its box, ``Box 4 B5``."""
    return (
        f"{place.parent.name} {place.name}" if place.level is Level.POSITION and place.parent else place.name
    )


def must_be_seen(vial: Vial, seen: str | None) -> None:
    """A scan act carries the place or holder that the person saw; a difference is a conflict for a person."""
    if seen is not None and seen != place_seen(vial):
        raise Refused(SEEN_ELSEWHERE(vial=vial.called, place=place_words(vial)))


def must_be_free(position: Place, vial: Vial) -> None:
    """The place is a position, and no other vial lies in it."""
    if position.level is not Level.POSITION:
        raise Refused(NOT_A_POSITION(place=position.called))
    other = session.scalar(select(Vial).where(Vial.position_id == position.id, Vial.id != vial.id))
    if other is not None:
        raise Refused(TAKEN(place=said(position), vial=other.called))


def ended(vial: Vial) -> tuple[Reservation, ...]:
    """The moves that end a reservation as the vial is no more; what was dispensed and thawed is used up."""
    if vial.reservation is Reservation.RESERVED:
        return (Reservation.NONE,)
    if vial.reservation is Reservation.DISPENSED and vial.thawed_at is not None:
        return (Reservation.CONSUMED,)
    if vial.reservation in (Reservation.PICKED, Reservation.DISPENSED):
        return (Reservation.RETURNED, Reservation.NONE)
    return (Reservation.NONE,) if vial.reservation is Reservation.RETURNED else ()


def what_is_signed(vial: Vial) -> dict[str, Any]:
    """The identity of a vial, which everybody signs who signs an act on it."""
    product = f"{vial.product_code}{vial.collection_type}"
    return {
        "vial": vial.code,
        "batch": vial.batch.code,
        "number": vial.number,
        "identity": [vial.din, product, vial.division],
    }
