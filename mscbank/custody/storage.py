"""What people do with vials in the cryo room: put away, move, take out, hand over."""

from mscbank.batch.models import Batch
from mscbank.core import acts
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.db import at_hand
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.custody import filling, ledger
from mscbank.custody.areas import misfit
from mscbank.custody.facts import life_facts, open_holds
from mscbank.custody.ledger import In, With
from mscbank.custody.models import Place, Vial
from mscbank.custody.places import free_positions, no_box
from mscbank.custody.states import (
    COLD,
    CONDITION,
    HANDS,
    WARM,
    Condition,
    Reservation,
    kept_for_somebody,
    on_hold,
)
from mscbank.custody.words import HolderKind, Scan, Verb

CARRIERS = (*HANDS, Role.COURIER, Role.RECEIVING_SITE)

ENDED = Refusal("custody.ended", "Vial %(vial)s is no more: “%(state)s”.")
LIES_THERE = Refusal("custody.lies_there", "Vial %(vial)s lies in %(place)s already.")
LIES_NOWHERE = Refusal("custody.lies_nowhere", "Vial %(vial)s lies in no position: put it away first.")
STILL_THERE = Refusal("custody.still_there", "Vial %(vial)s lies in %(place)s: take it out first.")
ON_ITS_WAY = Refusal(
    "custody.on_its_way", "Vial %(vial)s is on its way for %(allocation)s: take it back as a return first.",
    Role.PHARMACIST,
)  # fmt: skip
NOT_YOURS = Refusal("custody.not_yours", "%(holder)s holds vial %(vial)s: only the holder hands it over.")
SAME_HOLDER = Refusal("custody.same_holder", "%(holder)s holds vial %(vial)s already.")


def has_ended(vial: Vial, by: Principal) -> Obstacle | None:
    """What is gone cannot be moved."""
    return ENDED(vial=vial.called, state=CONDITION.word(vial.condition)) if vial.is_gone else None


def never_back(vial: Vial, by: Principal) -> Obstacle | None:
    """Once thawed, never back to stock."""
    return ledger.THAWED(vial=vial.called) if vial.condition in WARM else None


def lies_somewhere(vial: Vial, by: Principal) -> Obstacle | None:
    """Put away is what is in somebody's hands."""
    return LIES_THERE(vial=vial.called, place=ledger.place_words(vial)) if vial.position else None


def lies_nowhere(vial: Vial, by: Principal) -> Obstacle | None:
    """Moved and taken out is what lies in a position."""
    return None if vial.position else LIES_NOWHERE(vial=vial.called)


def still_there(vial: Vial, by: Principal) -> Obstacle | None:
    """Handed over is what is in somebody's hands."""
    return STILL_THERE(vial=vial.called, place=ledger.place_words(vial)) if vial.position else None


def _may_lie(vial: Vial, position: Place, *, is_held: bool, is_free: bool = False) -> None:
    """Whether the vial may be put into the position at all; ``is_free``: nothing lies there, as was read."""
    if vial.condition in WARM:
        raise Refused(ledger.THAWED(vial=vial.called))
    if vial.condition not in (*COLD, Condition.RETAINED):
        raise Refused(ENDED(vial=vial.called, state=CONDITION.word(vial.condition)))
    if not is_free:
        ledger.must_be_free(position, vial)
    found = misfit(
        position.area, ledger.said(position), vial.called, quality=vial.quality, is_held=is_held,
        collection_type=vial.collection_type,
    )  # fmt: skip
    if found:
        raise Refused(found)


def _put(
    vial: Vial, position: Place, by: Principal, *, is_held: bool, scan: Scan, is_free: bool = False
) -> None:
    if found := lies_somewhere(vial, by):
        raise Refused(found)
    _may_lie(vial, position, is_held=is_held, is_free=is_free)
    if vial.reservation in (Reservation.PICKED, Reservation.DISPENSED):
        raise Refused(ON_ITS_WAY(vial=vial.called, allocation=vial.reserved_by))
    is_new = vial.condition is Condition.FILLED
    if is_new:
        vial.frozen_at = acts.current().time
    ledger.enter(
        vial, Verb.PUT_AWAY, by=by, to=In(position), condition=Condition.FROZEN if is_new else None,
        reservation=(Reservation.NONE,) if vial.reservation is Reservation.RETURNED else (), scan=scan,
    )  # fmt: skip


@action(
    "vial.put_away", role=HANDS, unless=(has_ended, never_back, lies_somewhere),
    locks=lambda vial, *, position, **_: [position, *shared(vial.batch)],
)  # fmt: skip
def put_away(
    vial: Vial, *, by: Principal, position: Place, seen: str | None = None, scan: Scan = Scan.NONE,
    print_number: int | None = None,
) -> None:  # fmt: skip
    """Put a vial into a position; the first time it is frozen there."""
    ledger.must_be_seen(vial, seen)
    _put(vial, position, by, is_held=bool(open_holds([vial])[vial.id]), scan=scan)
    if print_number:
        filling.confirm_label(vial, by=by, print_number=print_number)


@action(
    "place.put_away_all", role=HANDS, kind="place", unless=no_box,
    locks=lambda box, *, vials, **_: [*vials, *shared(*at_hand(Batch, [v.batch_id for v in vials]))],
)  # fmt: skip
def put_away_all(box: Place, *, by: Principal, vials: list[Vial], scan: Scan = Scan.NONE) -> None:
    """Put several vials into the next free positions of a box, in the order given."""
    free = free_positions(box)
    if len(free) < len(vials):
        raise invalid(vials=[f"The box has {len(free)} free positions."])
    holds = open_holds(vials)
    for vial, position in zip(vials, free, strict=False):
        _put(vial, position, by, is_held=bool(holds[vial.id]), scan=scan, is_free=True)


@action(
    "vial.move", role=HANDS, unless=(has_ended, lies_nowhere),
    locks=lambda vial, *, position, **_: [position, *shared(vial.batch)],
)  # fmt: skip
def move(
    vial: Vial, *, by: Principal, position: Place, seen: str | None = None, scan: Scan = Scan.NONE
) -> None:
    """Move a vial from one position to another."""
    ledger.must_be_seen(vial, seen)
    if vial.position is position:
        raise Refused(LIES_THERE(vial=vial.called, place=ledger.place_words(vial)))
    _may_lie(vial, position, is_held=bool(open_holds([vial])[vial.id]))
    ledger.enter(vial, Verb.MOVE, by=by, to=In(position), scan=scan)


@action(
    "vial.take_out", role=HANDS, unless=(has_ended, lies_nowhere), locks=lambda vial, **_: shared(vial.batch)
)
def take_out(vial: Vial, *, by: Principal, seen: str | None = None, scan: Scan = Scan.NONE) -> None:
    """Take a vial out of its position into your own hands."""
    ledger.must_be_seen(vial, seen)
    facts = life_facts([vial])[vial.id]
    found = kept_for_somebody(facts, by)
    if found is None and by.holds(Role.QA, vial.site) is None:
        found = on_hold(facts, by)
    if found:
        raise Refused(found)
    ledger.enter(vial, Verb.TAKE, by=by, to=With(HolderKind.PERSON, by.login), scan=scan)


def _hand(vial: Vial, by: Principal, kind: HolderKind, code: str | None, scan: Scan) -> None:
    if found := has_ended(vial, by) or still_there(vial, by):
        raise Refused(found)
    if vial.holder_kind is HolderKind.PERSON and vial.holder_code != by.login:
        raise Refused(NOT_YOURS(holder=vial.holder_code, vial=vial.called))
    receiver = acts.current().signers["received"]
    to = With(kind, code or receiver)
    if kind is HolderKind.PERSON and to.code != receiver:
        raise invalid(holder=["Who receives it signs for it."])
    if (vial.holder_kind, vial.holder_code) == (to.kind, to.code):
        raise Refused(SAME_HOLDER(holder=to.code, vial=vial.called))
    ledger.enter(vial, Verb.HAND_OVER, by=by, to=to, second=receiver, scan=scan)


@action(
    "vial.hand_over",
    role=CARRIERS,
    unless=(has_ended, still_there),
    signs=("handed over", "received"),
    by_badge=True,
    content=ledger.what_is_signed,
)
def hand_over(
    vial: Vial, *, by: Principal, holder_kind: HolderKind = HolderKind.PERSON, holder: str | None = None,
    seen: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Hand a vial over; who receives it signs too."""
    ledger.must_be_seen(vial, seen)
    _hand(vial, by, holder_kind, holder, scan)


@action(
    "custody.hand_over_all", role=CARRIERS, kind="batch", signs=("handed over", "received"), by_badge=True,
    locks=lambda batch, *, vials, **_: vials,
)  # fmt: skip
def hand_over_all(
    batch: object, *, by: Principal, vials: list[Vial], holder_kind: HolderKind = HolderKind.PERSON,
    holder: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Hand several vials of a batch over at once; who receives them signs too."""
    for vial in vials:
        _hand(vial, by, holder_kind, holder, scan)
