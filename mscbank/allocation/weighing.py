"""The weight: measured, confirmed where it changed, reviewed by another, acknowledged by the pharmacist."""

from datetime import datetime

from sqlalchemy import func, select

from mscbank.allocation import dose, facts, rules, signed, tolerances
from mscbank.allocation.dose import WeightBand
from mscbank.allocation.models import Allocation, Weighing
from mscbank.allocation.states import LIFE, State
from mscbank.collection.zones import civil
from mscbank.core import acts, clock, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.foureyes import FourEyes
from mscbank.core.i18n import _, n_
from mscbank.family.models import Recipient

WEIGHS = (Role.NURSE, Role.PRESCRIBER, Role.PHARMACIST, Role.INVESTIGATOR)
FLAGGED = (State.PRESCRIBED, State.VERIFIED, State.RESERVED)
OVER = (State.COMPLETED, State.CANCELLED)
NO_WEIGHT_NOW = Refusal("allocation.over", "This prescription is over: no weight counts for it any more.")
OWN_ENTRY = FourEyes(
    "allocation.own_entry",
    "You typed this weight yourself: another person reviews it.",
    Role.NURSE,
    first=("allocation.record_weight",),
    second=("allocation.review_weight",),
    held_by=("ck_weighing_reviewed_by_another",),
)
REVIEWED = Refusal("allocation.weight_reviewed", "This weight was reviewed already.")
NOTHING_OPEN = Refusal("allocation.weight_not_open", "The weight needs no acknowledgement.")
TYPE_AGAIN = n_(
    "More than %(limit)s %% from the last weight. Type it again as the scale shows it, then confirm it."
)


@does(LIFE, "flag", reason=True)
def flag(a: Allocation) -> None:
    """Weight, level or vials changed: the pharmacist looks again; the vials stay reserved."""


def last_weight_g(recipient: Recipient) -> int | None:
    """The last weight known of a patient, whatever it was measured for, in grams."""
    return session.scalar(
        select(Weighing.weight_g)
        .join(Allocation, Allocation.id == Weighing.allocation_id)
        .where(Allocation.recipient_id == recipient.id)
        .order_by(Weighing.weighed_at.desc(), Weighing.id.desc())
        .limit(1)
    )


def _weight_counts(a: Allocation, by: Principal) -> Obstacle | None:
    return NO_WEIGHT_NOW() if a.state in OVER else None


@action("allocation.record_weight", role=WEIGHS, unless=_weight_counts)
def record_weight(
    a: Allocation, *, by: Principal, weight: int, weighed_where: str, weighed_at: datetime | None = None,
    confirmed: bool = False,
) -> None:  # fmt: skip
    """Record a body weight, in grams; what its change asks for follows from the weight last verified."""
    limits = parameters.values((tolerances.CHANGE_INFORMATION, tolerances.CHANGE_ACKNOWLEDGE))
    information, acknowledge = limits[tolerances.CHANGE_INFORMATION], limits[tolerances.CHANGE_ACKNOWLEDGE]
    when = weighed_at or acts.current().time
    if when > clock.now():
        raise invalid(weighed_at=["This lies in the future."])
    before = last_weight_g(a.recipient)
    far = dose.weight_band(weight, before, information=information, acknowledge=acknowledge)
    if far is WeightBand.REVIEW and not confirmed:
        raise invalid(
            weight=[str(_(TYPE_AGAIN, limit=acknowledge))], confirmed=["Confirm the changed weight."]
        )
    reference = _reference_g(a)
    band = dose.weight_band(weight, reference, information=information, acknowledge=acknowledge)
    number = session.scalar(select(func.max(Weighing.number)).where(Weighing.allocation_id == a.id)) or 0
    session.add(
        Weighing(
            allocation=a, number=number + 1, weight_g=weight, weighed_at=when,
            weighed_on=civil(when, a.protocol.infusion_zone), weighed_where=weighed_where,
            last_weight_g=before if reference is None else reference, band=band,
            confirmed=far is WeightBand.REVIEW, entered_by=by.login,
        )
    )  # fmt: skip
    session.flush()
    if band is WeightBand.REVIEW and a.state in FLAGGED:
        flag(a, by=by, reason=f"weight changed from {reference} g to {weight} g")


def _reference_g(a: Allocation) -> int | None:
    """The weight on which the dose rests: as verified, as prescribed; none while it is a draft."""
    if a.state is State.DRAFT:
        return None
    last = signed.last_dose(a) if a.verified_at is not None else None
    return last.weight_g if last else a.prescribed_weight_g


def current(a: Allocation) -> Weighing:
    found = facts.weights([a]).get(a.id)
    if found is None:
        raise Refused(rules.NO_WEIGHT())
    return found


def _reviewable(a: Allocation, by: Principal) -> Obstacle | None:
    weighing = facts.weights([a]).get(a.id)
    if weighing is None:
        return rules.NO_WEIGHT()
    if weighing.reviewed_by is not None:
        return REVIEWED()
    return OWN_ENTRY.stops(by, weighing.entered_by)


@action("allocation.review_weight", role=WEIGHS, unless=_reviewable)
def review_weight(a: Allocation, *, by: Principal) -> None:
    """Review the weight as a second person, against the scale's slip (Annex 11, 6)."""
    weighing = current(a)
    weighing.reviewed_by, weighing.reviewed_at = by.login, clock.now()


def _weight_open(a: Allocation, by: Principal) -> Obstacle | None:
    weight = facts.weight_facts(facts.weights([a]).get(a.id))
    return None if rules.is_weight_open(weight) else NOTHING_OPEN()


@action(
    "allocation.acknowledge_weight", role=Role.PHARMACIST, unless=_weight_open,
    signs="weight change acknowledged", content=signed.what_is_weighed,
)  # fmt: skip
def acknowledge_weight(a: Allocation, *, by: Principal) -> None:
    """Acknowledge a changed weight after looking at the dose that it gives."""
    acknowledge(current(a), by)


def acknowledge(weighing: Weighing, by: Principal) -> None:
    if weighing.acknowledged_by is None:
        weighing.acknowledged_by, weighing.acknowledged_at = by.login, clock.now()
