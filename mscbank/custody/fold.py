"""The state of a vial is the fold of its ledger (invariant 3). Events in, state or the first fault out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mscbank.custody.states import CONDITION, GONE, QUALITY, RESERVATION, Condition, Quality, Reservation
from mscbank.custody.words import Verb

Place = tuple[int | None, str | None]
"""Position and holder; at most one of them."""


@dataclass(frozen=True)
class Event:
    """One row of the ledger."""

    sequence: int
    verb: Verb
    condition: Condition
    quality: Quality
    reservation: Reservation
    reserved_by: str | None
    from_place: Place
    place: Place
    is_gone: bool
    happened_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """What a vial is, as its own row says it or as its ledger tells it."""

    condition: Condition
    quality: Quality
    reservation: Reservation
    reserved_by: str | None
    place: Place
    is_gone: bool
    events: int


class LedgerBroken(ValueError):
    """The ledger of a vial tells no possible story; the sentence says where."""


def fold(events: Iterable[Event]) -> State:
    """The state after all events in order; ``LedgerBroken`` where one does not follow from the one before."""
    state: State | None = None
    for event in events:
        state = follow(state, event)
    if state is None:
        raise LedgerBroken("the ledger is empty")
    return state


def follow(state: State | None, event: Event) -> State:
    """The state after one more event."""
    if state is None:
        _begin(event)
    else:
        _go_on(state, event)
    position, holder = event.place
    if (position is not None) + (holder is not None) + event.is_gone != 1:
        raise LedgerBroken(f"event {event.sequence}: not exactly one of position, holder and gone")
    if event.is_gone is not (event.condition in GONE):
        raise LedgerBroken(f"event {event.sequence}: gone and “{event.condition}” do not fit")
    if (event.reservation is not Reservation.NONE) is not (event.reserved_by is not None):
        raise LedgerBroken(f"event {event.sequence}: “{event.reservation}” without its prescription")
    return State(
        event.condition,
        event.quality,
        event.reservation,
        event.reserved_by,
        event.place,
        event.is_gone,
        event.sequence,
    )


def _begin(event: Event) -> None:
    if event.sequence != 1 or event.verb is not Verb.FILL:
        raise LedgerBroken(f"it begins with event {event.sequence}, {event.verb}, and not with the filling")
    if event.from_place != (None, None):
        raise LedgerBroken("event 1: a vial comes from nowhere")
    begins = (CONDITION.start, QUALITY.start, RESERVATION.start)
    if (event.condition, event.quality, event.reservation) != begins:
        raise LedgerBroken("event 1: a vial begins filled, in quarantine, not reserved")


def _go_on(state: State, event: Event) -> None:
    if event.sequence != state.events + 1:
        raise LedgerBroken(f"event {state.events + 1} is missing")
    if event.from_place != state.place:
        raise LedgerBroken(f"event {event.sequence}: it was taken from where it was not")
    moves = (
        (CONDITION, state.condition, event.condition),
        (QUALITY, state.quality, event.quality),
        (RESERVATION, state.reservation, event.reservation),
    )
    for life, before, after in moves:
        if before is not after and not _reachable(life.arrows, before, after):
            raise LedgerBroken(f"event {event.sequence}: {life.column} makes no move {before} → {after}")


def _reachable(arrows: set[tuple[StrEnum, StrEnum]], before: StrEnum, after: StrEnum) -> bool:
    """One event may make two moves of one life (returned → none)."""
    return (before, after) in arrows or any((before, a) in arrows and (a, after) in arrows for a, _ in arrows)
