"""Holds: placed on a vial or a whole batch by one act, lifted by another; lifting one frees no other.

A hold that a larger act placed (a recall, a suspension) names what caused it and is lifted by that same
step; quality assurance lifts by hand what has no such source, or whose deviation is settled or accepted.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, or_, select

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.collection.models import Donation
from mscbank.core import acts, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import Thing, any_of, session
from mscbank.core.errors import Missing, Obstacle, Refusal, Refused
from mscbank.core.foureyes import FourEyes
from mscbank.core.messages import Touched
from mscbank.custody import ledger
from mscbank.custody.facts import origins
from mscbank.custody.models import Hold, Place, Vial
from mscbank.custody.words import CAUSE_WORDS, Cause, Verb
from mscbank.deviation.actions import CLASSIFIED, OPENED
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family.models import Consent, Donor, Recipient

NO_SUCH_HOLD = Refusal("custody.no_such_hold", "There is no hold %(number)s here.")
GONE_ALREADY = Refusal("custody.gone_already", "Vial %(vial)s is no more: there is nothing to hold.")
NOTHING_TO_LIFT = Refusal("custody.nothing_to_lift", "No hold of its own stands open here.")
LIFTED_ALREADY = Refusal("custody.hold_lifted", "Hold %(number)s was lifted already.")
LIFTED_BY_ITS_STEP = Refusal(
    "custody.hold_has_source", "This hold came from %(source)s and is lifted there, not by hand."
)
DEVIATION_OPEN = Refusal(
    "custody.hold_deviation_open",
    "Deviation %(deviation)s behind this hold is neither closed nor accepted.",
    Role.QA,
)
OWN_HOLD = FourEyes(
    "custody.own_hold",
    "You placed this hold: another person lifts it.",
    Role.QA,
    first=("vial.hold", "custody.hold_batch"),
    second=("vial.lift_hold", "custody.lift_batch_hold"),
    held_by=("guard_hold_own",),
)
NEVER_FILLED = (BatchState.CANCELLED, BatchState.ABANDONED)
BY_STEP_ONLY = frozenset({Cause.RECALL, Cause.SUSPENSION})


def _place(subject: Thing, by: Principal, cause: Cause, reason: str, source: Thing | None) -> Hold:
    column = Hold.vial_id if isinstance(subject, Vial) else Hold.batch_id
    last = session.scalar(select(func.max(Hold.number)).where(column == subject.id)) or 0
    hold = Hold(
        vial=subject if isinstance(subject, Vial) else None,
        batch=subject if isinstance(subject, Batch) else None,
        number=last + 1, cause=cause, reason=reason, placed_by=by.login, placed_at=acts.current().time,
        source_kind=source.kind if source else None, source_code=source.code if source else None,
    )  # fmt: skip
    session.add(hold)
    if isinstance(subject, Vial):
        ledger.enter(subject, Verb.HOLD, by=by, detail=f"{hold.number} {cause}")
    return hold


def _is_gone(vial: Vial, by: Principal) -> Obstacle | None:
    return GONE_ALREADY(vial=vial.called) if vial.is_gone else None


@action("vial.hold", role=Role.QA, reason=True, unless=_is_gone)
def hold(
    vial: Vial, *, by: Principal, reason: str, cause: Cause = Cause.QUALITY, source: Thing | None = None
) -> Hold:
    """Put a vial on hold: nothing but destruction leads out until the hold is lifted."""
    return _place(vial, by, cause, reason, source)


@action("custody.hold_batch", role=Role.QA, kind="batch", reason=True)
def hold_batch(
    batch: Batch, *, by: Principal, reason: str, cause: Cause = Cause.QUALITY, source: Thing | None = None
) -> Hold:
    """Put every vial of a batch on hold with one row, those filled later too."""
    return _place(batch, by, cause, reason, source)


def _lift(subject: Thing, by: Principal, reason: str, number: int) -> None:
    column = Hold.vial_id if isinstance(subject, Vial) else Hold.batch_id
    found = session.scalar(select(Hold).where(column == subject.id, Hold.number == number))
    if found is None:
        raise Missing(NO_SUCH_HOLD(number=number))
    if found.lifted_at is not None:
        raise Refused(LIFTED_ALREADY(number=number))
    if len(acts.current().stack) == 1:
        _by_hand(subject, found, by)
    found.lifted_by, found.lifted_at, found.lifted_reason = by.login, acts.current().time, reason
    if isinstance(subject, Vial):
        ledger.enter(subject, Verb.LIFT_HOLD, by=by, detail=f"{found.number} {found.cause}")


def _by_hand(subject: Thing, found: Hold, by: Principal) -> None:
    """What a person may lift: not what a larger step placed, and not one's own hold."""
    if found.source_kind == "deviation":
        source = session.scalar(select(Deviation).where(Deviation.code == found.source_code))
        if source is not None and not source.is_settled and source.accepted_at is None:
            raise Refused(DEVIATION_OPEN(deviation=source.code))
        return
    if found.cause in BY_STEP_ONLY:
        raise Refused(LIFTED_BY_ITS_STEP(source=found.source_code or str(CAUSE_WORDS[found.cause])))
    if found.cause is Cause.WITHDRAWAL:
        batch_id = subject.batch_id if isinstance(subject, Vial) else subject.id
        if obstacle := origins([batch_id])[batch_id]:
            raise Refused(obstacle)
    OWN_HOLD.refuse(by, found.placed_by)


def _not_held(subject: Thing, by: Principal) -> Obstacle | None:
    return None if open_on(subject) else NOTHING_TO_LIFT()


@action(
    "vial.lift_hold",
    role=Role.QA,
    reason=True,
    signs="hold lifted",
    unless=_not_held,
    content=ledger.what_is_signed,
)
def lift_hold(vial: Vial, *, by: Principal, reason: str, number: int) -> None:
    """Lift one hold of a vial; every other hold stays."""
    _lift(vial, by, reason, number)


@action(
    "custody.lift_batch_hold", role=Role.QA, kind="batch", reason=True, signs="hold lifted", unless=_not_held
)
def lift_batch_hold(batch: Batch, *, by: Principal, reason: str, number: int) -> None:
    """Lift one hold of a batch; every other hold stays."""
    _lift(batch, by, reason, number)


def open_on(subject: Thing) -> list[Hold]:
    """The holds of a vial or batch that stand open, its own only."""
    column = Hold.vial_id if isinstance(subject, Vial) else Hold.batch_id
    return list(
        session.scalars(select(Hold).where(column == subject.id, Hold.lifted_at.is_(None)).order_by(Hold.id))
    )


# --- consequences -------------------------------------------------------------------------------


def vials_touched(touched: Touched) -> list[Vial]:
    """The vials that an announcement names, or that lie in a place it names; what is gone is left out."""
    codes = [code for kind, code in touched if kind == "vial"]
    found = {vial.id: vial for vial in session.scalars(select(Vial).where(any_of(Vial.code, codes)))}
    inside = _inside([code for kind, code in touched if kind == "place"])
    if inside:
        found |= {
            vial.id: vial for vial in session.scalars(select(Vial).where(any_of(Vial.position_id, inside)))
        }
    return [vial for _, vial in sorted(found.items()) if not vial.is_gone]


def _inside(codes: Iterable[str]) -> list[int]:
    """The keys of the named places and of everything within them."""
    level = list(session.scalars(select(Place.id).where(any_of(Place.code, list(codes)))))
    found = list(level)
    while level:
        level = list(session.scalars(select(Place.id).where(any_of(Place.parent_id, level))))
        found += level
    return found


def _hold_critical(*, touched: Touched, severity: Severity | None, deviation: str, **_payload: Any) -> None:
    """A critical deviation on a vial, or on the place where vials lie, puts them on hold at once.

    A major one does not: it suspends the release of the batch that it touches, which blocks every vial, and
    a broken neighbour should not need its own hold lifted afterwards.
    """
    if severity is not Severity.CRITICAL:
        return
    source = session.scalar(select(Deviation).where(Deviation.code == deviation))
    for vial in vials_touched(touched):
        if any(one.source_code == deviation for one in open_on(vial)):
            continue
        hold(
            vial,
            by=acts.current().by,
            reason=f"critical deviation {deviation}",
            cause=Cause.DEVIATION,
            source=source,
        )


for announced in (OPENED, CLASSIFIED):
    messages.consequence(announced, locks=vials_touched)(_hold_critical)


def batches_of(touched: Touched) -> list[Batch]:
    """The batches made from the marrow of the donors named, or meant for the recipients named."""
    donors = [code for kind, code in touched if kind == "donor"]
    recipients = [code for kind, code in touched if kind == "recipient"]
    concerned = (
        select(Batch)
        .join(Donation, Donation.id == Batch.donation_id)
        .join(Donor, Donor.id == Donation.donor_id)
        .join(Recipient, Recipient.id == Batch.directed_to_id)
        .where(or_(any_of(Donor.code, donors), any_of(Recipient.code, recipients)))
        .where(Batch.state.not_in(NEVER_FILLED))
        .order_by(Batch.id)
    )
    return list(session.scalars(concerned))


@messages.consequence("consent.withdrawn", locks=batches_of)
def _hold_withdrawn(*, touched: Touched, consent: str, named: str | None = None, **_payload: Any) -> None:
    """A withdrawn consent puts every batch that rests on it on hold: one row a batch, at once.

    A donor's consent names one relative; batches for another relative do not rest on it.
    """
    source = session.scalar(select(Consent).where(Consent.code == consent))
    for batch in batches_of(touched):
        if named is None or batch.directed_to.code == named:
            why = f"consent {consent} withdrawn"
            hold_batch(batch, by=acts.current().by, reason=why, cause=Cause.WITHDRAWAL, source=source)
