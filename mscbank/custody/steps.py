"""The steps that later rooms take with a vial. None has a role: each happens only as part of a larger act.

The larger act has the vials among its locks (``locks_of(vials)`` gives them with what is read upstream).
What goes to a patient is judged by ``usable`` again at every step.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from mscbank.core import acts, clock
from mscbank.core.access import Principal
from mscbank.core.acts import does, shared
from mscbank.core.errors import Refused
from mscbank.custody import holding, ledger
from mscbank.custody.facts import usable_facts
from mscbank.custody.ledger import GONE, With
from mscbank.custody.models import Vial
from mscbank.custody.states import CONDITION, QUALITY, RESERVATION, Condition, Quality, Reservation
from mscbank.custody.usable import Use, usable
from mscbank.custody.words import Cause, HolderKind, Scan, Verb
from mscbank.family.models import Recipient


def locks_of(vials: Iterable[Vial]) -> list[Any]:
    """What an act that takes vials a step further locks: them, and what is only read upstream of them."""
    listed = list(vials)
    batches = {vial.batch_id: vial.batch for vial in listed}
    donations = {batch.donation_id: batch.donation for batch in batches.values()}
    assessments = {d.assessment_id: d.assessment for d in donations.values()}
    consents = {d.consent_id: d.consent for d in donations.values()}
    upstream = [group.values() for group in (batches, donations, assessments, consents)]
    return [*listed, *shared(*(thing for things in upstream for thing in things))]


def must_be_usable(
    vials: Iterable[Vial], use: Use, *, recipient: Recipient | None = None, allocation: str | None = None
) -> None:
    """Refuse unless the one predicate allows each now; for whom it is directed to unless somebody is named.

    Beyond the reservation a vial is judged under the prescription that holds it, unless one is named.
    """
    listed, now = list(vials), clock.now()
    facts = usable_facts(listed)
    for vial in listed:
        whom = recipient.id if recipient is not None else vial.batch.directed_to_id
        held_by = None if use is Use.RESERVE else vial.reserved_by
        if found := usable(facts[vial.id], whom, use, now, allocation=allocation or held_by):
            raise Refused(found)


def _usable_for(use: Use) -> Callable[..., None]:
    """The need of a step that takes vials nearer to a patient."""

    def needs(vials: list[Vial], *, recipient: Recipient | None = None, **_inputs: Any) -> None:
        must_be_usable(vials, use, recipient=recipient)

    return needs


# --- quality, moved by the release --------------------------------------------------------------


@does(QUALITY, "free")
def free(vial: Vial, *, by: Principal) -> None:
    """The batch is released: the vial may be used."""
    ledger.enter(vial, Verb.FREE, by=by, quality=Quality.AVAILABLE)


@does(QUALITY, "free_conditionally")
def free_conditionally(vial: Vial, *, by: Principal) -> None:
    """The batch is released in the first of two steps."""
    ledger.enter(vial, Verb.FREE, by=by, quality=Quality.CONDITIONAL)


@does(QUALITY, "except_for")
def except_for(vial: Vial, *, by: Principal, recipient: Recipient) -> None:
    """Free a vial out of specification by exception, for one named patient."""
    vial.exceptional_for = recipient
    ledger.enter(vial, Verb.EXCEPT, by=by, quality=Quality.EXCEPTIONAL, detail=recipient.code)


@does(QUALITY, "reject")
def reject(vial: Vial, *, by: Principal) -> None:
    """The batch is rejected: what is left of it is destroyed."""
    vial.exceptional_for = None
    ledger.enter(vial, Verb.REJECT, by=by, quality=Quality.REJECTED)


# --- reservation, moved by the allocation -------------------------------------------------------


@does(RESERVATION, "reserve", needs=_usable_for(Use.RESERVE))
def reserve(vial: Vial, *, by: Principal, allocation: str, recipient: Recipient | None = None) -> None:
    """Keep a vial for one prescription; nobody else can take it any more."""
    ledger.enter(vial, Verb.RESERVE, by=by, reservation=(Reservation.RESERVED,), reserved_by=allocation)


@does(RESERVATION, "unreserve")
def unreserve(vial: Vial, *, by: Principal) -> None:
    """Give a reserved vial back to the stock in which it still lies."""
    ledger.enter(vial, Verb.UNRESERVE, by=by, reservation=(Reservation.NONE,))


@does(RESERVATION, "pick", needs=_usable_for(Use.PICK))
def pick(
    vial: Vial, *, by: Principal, recipient: Recipient | None = None,
    holder_kind: HolderKind = HolderKind.PERSON, holder: str | None = None, second: str | None = None,
    seen: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Take a reserved vial out of its position; it is with who picked it."""
    ledger.must_be_seen(vial, seen)
    ledger.enter(
        vial, Verb.PICK, by=by, to=With(holder_kind, holder or by.login), reservation=(Reservation.PICKED,),
        second=second, scan=scan,
    )  # fmt: skip


@does(RESERVATION, "dispense", needs=_usable_for(Use.DISPATCH))
def dispense(
    vial: Vial, *, by: Principal, holder_kind: HolderKind, holder: str, recipient: Recipient | None = None,
    second: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Give a picked vial out for its patient: to a shipper, a site or a person."""
    ledger.enter(
        vial, Verb.DISPENSE, by=by, to=With(holder_kind, holder), reservation=(Reservation.DISPENSED,),
        second=second, scan=scan,
    )  # fmt: skip


@does(RESERVATION, "return_unopened")
def return_unopened(
    vial: Vial,
    *,
    by: Principal,
    reason: str,
    holder_kind: HolderKind = HolderKind.PERSON,
    holder: str | None = None,
) -> None:
    """Take a vial back that was never thawed, on hold until quality assurance has judged its journey."""
    if vial.condition is not Condition.FROZEN:
        raise Refused(ledger.THAWED(vial=vial.called))
    ledger.enter(
        vial,
        Verb.RETURN,
        by=by,
        to=With(holder_kind, holder or by.login),
        reservation=(Reservation.RETURNED,),
    )
    holding.hold(vial, by=by, reason=reason, cause=Cause.RETURNED)


@does(RESERVATION, "settle_return")
def settle_return(vial: Vial, *, by: Principal) -> None:
    """End the reservation of a returned vial; putting it away does this too."""
    ledger.enter(vial, Verb.UNRESERVE, by=by, reservation=(Reservation.NONE,))


@does(RESERVATION, "use_up")
def use_up(vial: Vial, *, by: Principal) -> None:
    """A dispensed vial is used up for its prescription, given or wasted."""
    ledger.enter(vial, Verb.USE_UP, by=by, reservation=(Reservation.CONSUMED,))


# --- condition ----------------------------------------------------------------------------------


@does(CONDITION, "freeze")
def freeze(vial: Vial, *, by: Principal) -> None:
    """Freeze a filled vial outside a position, in a controlled-rate freezer; else putting away does it."""
    vial.frozen_at = acts.current().time
    ledger.enter(vial, Verb.MOVE, by=by, condition=Condition.FROZEN)


@does(CONDITION, "thaw", needs=_usable_for(Use.THAW))
def thaw(
    vial: Vial, *, by: Principal, recipient: Recipient | None = None, at: datetime | None = None,
    second: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Thaw a vial for its patient; it never goes back."""
    vial.thawed_at = at or acts.current().time
    ledger.enter(
        vial, Verb.THAW, by=by, condition=Condition.THAWED, second=second, scan=scan, at=vial.thawed_at
    )


@does(CONDITION, "into_preparation")
def into_preparation(
    vial: Vial, *, by: Principal, preparation: str, second: str | None = None, scan: Scan = Scan.NONE
) -> None:
    """Take a thawed vial into a preparation."""
    ledger.enter(
        vial, Verb.INTO_PREPARATION, by=by, condition=Condition.IN_PREPARATION, second=second, scan=scan,
        detail=preparation,
    )  # fmt: skip


@does(CONDITION, "infuse")
def infuse(vial: Vial, *, by: Principal, at: datetime | None = None, second: str | None = None) -> None:
    """The cells have been given; the vial is gone and its reservation used up."""
    vial.ended_at = at or acts.current().time
    ledger.enter(
        vial, Verb.INFUSE, by=by, to=GONE, condition=Condition.INFUSED, reservation=ledger.ended(vial),
        second=second, at=vial.ended_at,
    )  # fmt: skip


consume = infuse
