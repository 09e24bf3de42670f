"""Re-direction inside the family (D §1.8 c, invariant 14): link, new prescription, decision of the QP."""

from typing import Any

from sqlalchemy import select

from mscbank.allocation import signed, standing
from mscbank.allocation.models import AllocatedVial, Allocation
from mscbank.allocation.states import State
from mscbank.batch import actions as batches
from mscbank.core import acts
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, first
from mscbank.core.foureyes import FourEyes
from mscbank.core.messages import Touched
from mscbank.family import rules as family_rules

NOT_PRESCRIBED = Refusal(
    "allocation.redirect_unprescribed", "A new prescription for this relative comes first.", Role.PRESCRIBER
)
OWN_PRESCRIPTION = FourEyes(
    "allocation.redirect_own",
    "You prescribed it: another person, the qualified person, decides.",
    Role.QP,
    first=("allocation.prescribe",),
    second=("allocation.redirect",),
)
HIS_ALREADY = Refusal("allocation.redirect_nothing", "The batch is directed to this patient already.")
HELD_FOR_ANOTHER = Refusal(
    "allocation.redirect_held",
    "Vials of this batch are held for %(allocation)s: that prescription is cancelled first.",
    Role.PHARMACIST,
)


def _not_redirectable(a: Allocation, by: Principal) -> Obstacle | None:
    """Prescribed by another, for a patient who may be infused, and nothing of it held for somebody else."""
    if a.state is not State.PRESCRIBED:
        return NOT_PRESCRIBED()
    if found := OWN_PRESCRIPTION.stops(by, a.prescribed_by):
        return found
    if a.batch.directed_to_id == a.recipient_id:
        return HIS_ALREADY()
    other = session.scalar(
        select(Allocation.code)
        .join(AllocatedVial, AllocatedVial.allocation_id == Allocation.id)
        .where(
            Allocation.batch_id == a.batch_id, Allocation.id != a.id, AllocatedVial.freed_at.is_(None),
            Allocation.state != State.COMPLETED,
        )
        .limit(1)
    )  # fmt: skip
    if other is not None:
        return HELD_FOR_ANOTHER(allocation=other)
    return first(standing.patients([a])[a.id])


def what_is_redirected(a: Allocation) -> dict[str, Any]:
    """What the qualified person signs: which batch, from whom to whom, under which prescription."""
    return {
        "batch": a.batch.code, "from": a.batch.directed_to.code, "to": a.recipient.code,
        "prescription": signed.what_is_prescribed(a),
    }  # fmt: skip


def _locks(a: Allocation, **_inputs: Any) -> list[Any]:
    donation = a.batch.donation
    return [
        a.batch,
        *shared(
            a.protocol, a.recipient, donation.consent, donation.assessment, donation,
            family_rules.verified_link(donation.donor, a.recipient),
        ),
    ]  # fmt: skip


def _batch(a: Allocation, **_inputs: Any) -> Touched:
    return [(a.batch.kind, a.batch.code)]


@action(
    "allocation.redirect", role=Role.QP, reason=True, unless=_not_redirectable, locks=_locks,
    signs="re-direction", content=what_is_redirected, announces={batches.REDIRECTED: _batch},
)  # fmt: skip
def redirect(a: Allocation, *, by: Principal, reason: str, serostatus_review: str) -> None:
    """Direct the batch to this relative instead, after the review of infection markers and serostatus."""
    acts.current().note(serostatus_review=serostatus_review)
    batches.redirect(a.batch, by=by, reason=reason, recipient=a.recipient)
