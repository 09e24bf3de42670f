"""The one predicate: may this vial be used for this recipient, for this purpose, now? In Python and as SQL.

What stands downstream (the release) speaks through quality and holds; consent and determination speak
through the family's and the collection's rules and come in as ``origin``. Both forms are asked at reserve,
pick, dispatch, receipt, thaw and start, and a property test holds them to the same answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from mscbank.batch.models import Batch
from mscbank.core.access import Role
from mscbank.core.db import any_of
from mscbank.core.errors import Obstacle, Refusal
from mscbank.custody.models import Hold, Vial
from mscbank.custody.states import (
    CONDITION,
    ON_HOLD,
    USABLE_QUALITY,
    Condition,
    Quality,
    Reservation,
)
from mscbank.custody.words import CAUSE_WORDS, Cause


class Use(StrEnum):
    """What the vial is wanted for: the six gates on its way, and the preparation between thaw and start."""

    RESERVE = "reserve"
    PICK = "pick"
    DISPATCH = "dispatch"
    RECEIVE = "receive"
    THAW = "thaw"
    PREPARE = "prepare"
    START = "start"


CONDITION_FOR: dict[Use, Condition] = {
    Use.RESERVE: Condition.FROZEN,
    Use.PICK: Condition.FROZEN,
    Use.DISPATCH: Condition.FROZEN,
    Use.RECEIVE: Condition.FROZEN,
    Use.THAW: Condition.FROZEN,
    Use.PREPARE: Condition.THAWED,
    Use.START: Condition.IN_PREPARATION,
}
RESERVATION_FOR: dict[Use, tuple[Reservation, ...]] = {
    Use.RESERVE: (Reservation.NONE,),
    Use.PICK: (Reservation.RESERVED,),
    Use.DISPATCH: (Reservation.PICKED,),
    Use.RECEIVE: (Reservation.PICKED, Reservation.DISPENSED),
    Use.THAW: (Reservation.PICKED, Reservation.DISPENSED),
    Use.PREPARE: (Reservation.PICKED, Reservation.DISPENSED),
    Use.START: (Reservation.PICKED, Reservation.DISPENSED),
}
FROM_STOCK = frozenset({Use.RESERVE, Use.PICK})

NOT_IN_CONDITION = Refusal(
    "custody.not_in_condition", "Vial %(vial)s is “%(state)s”; here it must be “%(wanted)s”."
)
IN_QUARANTINE = Refusal(
    "custody.in_quarantine", "Vial %(vial)s is in quarantine: its batch is not released.", Role.QP
)
REJECTED = Refusal("custody.rejected", "Vial %(vial)s is rejected: its batch may not be used.")
OTHER_RECIPIENT = Refusal("custody.other_recipient", "Vial %(vial)s was made for another patient.", Role.QP)
EXCEPTION_FOR_OTHER = Refusal(
    "custody.exception_for_other", "Vial %(vial)s is freed by exception for another patient only.", Role.QP
)
EXPIRED = Refusal("custody.expired", "Vial %(vial)s has expired.")
NOT_FOR_THIS = Refusal(
    "custody.not_for_this",
    "Vial %(vial)s is reserved for %(allocation)s, not for this prescription.",
    Role.PHARMACIST,
)
NOT_RESERVED = Refusal(
    "custody.not_reserved", "Vial %(vial)s is not kept for this prescription.", Role.PHARMACIST
)
NOT_IN_STOCK = Refusal(
    "custody.not_in_stock", "Vial %(vial)s lies in no position: somebody has it.", Role.LAB_TECH
)
IS_IN_STOCK = Refusal(
    "custody.is_in_stock", "Vial %(vial)s lies in stock: it has not been picked.", Role.LAB_TECH
)


@dataclass(frozen=True)
class VialFacts:
    """What the predicate judges, loaded in bulk by ``custody.facts``."""

    called: str
    condition: Condition
    quality: Quality
    reservation: Reservation
    reserved_by: str | None
    exceptional_for: int | None
    directed_to: int
    is_in_stock: bool
    holds: tuple[Cause, ...]
    expires_at: datetime
    origin: Obstacle | None
    """What speaks against donor, donation or consent now."""


def usable(
    facts: VialFacts, recipient: int, use: Use, now: datetime, *, allocation: str | None = None
) -> Obstacle | None:
    """Why the vial may not be used for this recipient and purpose now; ``None`` when it may."""
    wanted = CONDITION_FOR[use]
    if facts.condition is not wanted:
        return NOT_IN_CONDITION(
            vial=facts.called, state=CONDITION.word(facts.condition), wanted=CONDITION.word(wanted)
        )
    if facts.holds:
        return ON_HOLD(vial=facts.called, causes=said(facts.holds))
    return (
        _quality(facts, recipient)
        or facts.origin
        or (EXPIRED(vial=facts.called) if now >= facts.expires_at else None)
        or _kept_for(facts, use, allocation)
        or _place(facts, use)
    )


def said(causes: Iterable[Cause]) -> str:
    """Causes of holds in words, each once."""
    return ", ".join(dict.fromkeys(str(CAUSE_WORDS[cause]) for cause in causes))


def _quality(facts: VialFacts, recipient: int) -> Obstacle | None:
    if facts.quality is Quality.QUARANTINE:
        return IN_QUARANTINE(vial=facts.called)
    if facts.quality is Quality.REJECTED:
        return REJECTED(vial=facts.called)
    if facts.directed_to != recipient:
        return OTHER_RECIPIENT(vial=facts.called)
    if facts.quality is Quality.EXCEPTIONAL and facts.exceptional_for != recipient:
        return EXCEPTION_FOR_OTHER(vial=facts.called)
    return None


def _kept_for(facts: VialFacts, use: Use, allocation: str | None) -> Obstacle | None:
    if facts.reservation not in RESERVATION_FOR[use]:
        if facts.reserved_by is not None and facts.reserved_by != allocation:
            return NOT_FOR_THIS(vial=facts.called, allocation=facts.reserved_by)
        return NOT_RESERVED(vial=facts.called)
    if facts.reservation is not Reservation.NONE and facts.reserved_by != allocation:
        return NOT_FOR_THIS(vial=facts.called, allocation=facts.reserved_by)
    return None


def _place(facts: VialFacts, use: Use) -> Obstacle | None:
    if use in FROM_STOCK:
        return None if facts.is_in_stock else NOT_IN_STOCK(vial=facts.called)
    return IS_IN_STOCK(vial=facts.called) if facts.is_in_stock else None


def usable_where(
    recipient: int, use: Use, now: datetime, *, allocation: str | None = None, unfit: Iterable[int] = ()
) -> ColumnElement[bool]:
    """The same over ``Vial``; ``unfit``: the batches whose donor, donation or consent speaks against use."""
    on_vial = select(Hold.id).where(Hold.vial_id == Vial.id, Hold.lifted_at.is_(None)).exists()
    on_batch = select(Hold.id).where(Hold.batch_id == Vial.batch_id, Hold.lifted_at.is_(None)).exists()
    directed = select(Batch.id).where(Batch.id == Vial.batch_id, Batch.directed_to_id == recipient).exists()
    kept: list[ColumnElement[bool]] = [Vial.reservation.in_(RESERVATION_FOR[use])]
    if use is not Use.RESERVE:
        kept.append(Vial.reserved_by == allocation)
    in_stock = Vial.position_id.is_not(None) if use in FROM_STOCK else Vial.position_id.is_(None)
    return and_(
        Vial.condition == CONDITION_FOR[use],
        ~on_vial,
        ~on_batch,
        Vial.quality.in_(USABLE_QUALITY),
        directed,
        or_(Vial.quality != Quality.EXCEPTIONAL, Vial.exceptional_for_id == recipient),
        ~any_of(Vial.batch_id, unfit),
        Vial.expires_at > now,
        *kept,
        in_stock,
    )
