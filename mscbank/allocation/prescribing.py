"""A prescription: drafted, prescribed, verified by another, sent back, given up."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from mscbank.allocation import dose, facts, held, rules, signed, weighing
from mscbank.allocation.calculation import Worked
from mscbank.allocation.dose import Band, PlanKind
from mscbank.allocation.models import Allergies, Allocation, Dose
from mscbank.allocation.standing import NOT_ENROLLED, OTHER_PROTOCOL
from mscbank.allocation.states import LIFE, State
from mscbank.batch.models import Batch
from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.types import decimal_of
from mscbank.custody.models import Vial
from mscbank.family.models import Enrolment, Recipient
from mscbank.study.models import Protocol

NOT_A_DRAFT = Refusal(
    "allocation.not_a_draft", "This was prescribed already: send it back before it is changed.",
    Role.PHARMACIST,
)  # fmt: skip
NOT_BETWEEN = Refusal(
    "allocation.nothing_to_acknowledge",
    "The planned dose needs no acknowledgement: it is accepted or refused.",
)


def enrolment_of(recipient: Recipient, protocol: Protocol) -> Enrolment:
    """The enrolment that counts; refused where there is none."""
    found = session.scalar(
        select(Enrolment).where(
            Enrolment.recipient_id == recipient.id, Enrolment.protocol_id == protocol.id,
            Enrolment.freed_at.is_(None),
        )
    )  # fmt: skip
    if found is None:
        raise Refused(NOT_ENROLLED(patient=recipient.called))
    return found


@action(
    "allocation.draft", role=Role.PRESCRIBER, creates="allocation",
    locks=lambda *, recipient, protocol, batch, **_: shared(recipient, protocol, batch),
)  # fmt: skip
def draft(
    *, by: Principal, recipient: Recipient, protocol: Protocol, batch: Batch, infusion_on: date,
    infusion_minutes: int = 60, allergies: Allergies = Allergies.NOT_ASKED, allergy_note: str | None = None,
    fluid_note: str | None = None, reference: str | None = None,
) -> Allocation:  # fmt: skip
    """Draft a prescription: the dose per kg follows from the dose level at which the patient is enrolled."""
    return drafted(
        by, recipient, protocol, batch, infusion_on=infusion_on, infusion_minutes=infusion_minutes,
        allergies=allergies, allergy_note=allergy_note, fluid_note=fluid_note, reference=reference,
    )  # fmt: skip


def drafted(by: Principal, recipient: Recipient, protocol: Protocol, batch: Batch, **said: Any) -> Allocation:
    """A new draft, with what is said of it."""
    if batch.protocol_id != protocol.id:
        raise Refused(OTHER_PROTOCOL(batch=batch.code))
    noted(said["allergies"], said["allergy_note"])
    level = enrolment_of(recipient, protocol).dose_level
    made = Allocation(
        code=new_code("allocation"), site=recipient.site, recipient=recipient, protocol=protocol, batch=batch,
        dose_level=level, viable_cells_per_kg=level.viable_cells_per_kg, entered_by=by.login, **said,
    )  # fmt: skip
    session.add(made)
    return made


def noted(allergies: Allergies, note: str | None) -> None:
    """Refuse allergies that are noted without saying which."""
    if allergies is Allergies.NOTED and not note:
        raise invalid(allergy_note=["Say which allergy."])


def not_a_draft(a: Allocation, by: Principal) -> Obstacle | None:
    """What was signed is not changed any more."""
    return None if a.state is State.DRAFT else NOT_A_DRAFT()


def _on_paper(a: Allocation, by: Principal) -> Obstacle | None:
    return rules.ON_PAPER() if a.paper_on is not None else None


@action(
    "allocation.amend", role=Role.PRESCRIBER, unless=(not_a_draft, _on_paper), reason=True,
    locks=lambda a, *, batch=None, **_: shared(a.recipient, a.protocol, batch or a.batch),
)  # fmt: skip
def amend(
    a: Allocation, *, infusion_on: date, infusion_minutes: int, allergies: Allergies,
    allergy_note: str | None = None, fluid_note: str | None = None, reference: str | None = None,
    batch: Batch | None = None,
) -> None:  # fmt: skip
    """Change a draft; the dose level is read again from the enrolment."""
    amended(
        a, batch, infusion_on=infusion_on, infusion_minutes=infusion_minutes, allergies=allergies,
        allergy_note=allergy_note, fluid_note=fluid_note, reference=reference,
    )  # fmt: skip


def amended(
    a: Allocation, batch: Batch | None, *, infusion_on: date, infusion_minutes: int, allergies: Allergies,
    allergy_note: str | None, fluid_note: str | None, reference: str | None,
) -> None:  # fmt: skip
    """Put other words into a draft."""
    noted(allergies, allergy_note)
    if batch is not None:
        if batch.protocol_id != a.protocol_id:
            raise Refused(OTHER_PROTOCOL(batch=batch.code))
        a.batch = batch
    a.dose_level = enrolment_of(a.recipient, a.protocol).dose_level
    a.viable_cells_per_kg = a.dose_level.viable_cells_per_kg
    a.infusion_on, a.infusion_minutes, a.reference = infusion_on, infusion_minutes, reference
    a.allergies, a.allergy_note, a.fluid_note = allergies, allergy_note, fluid_note


@does(LIFE, "prescribe", locks=signed.upstream, content=signed.what_is_prescribed)
def prescribe(a: Allocation, *, by: Principal) -> None:
    """Prescribe it."""
    a.prescribed_by, a.prescribed_at = by.login, clock.now()
    a.prescribed_weight_g = weighing.current(a).weight_g


@does(LIFE, "send_back", reason=True, locks=held.vials_of)
def send_back(a: Allocation, *, by: Principal) -> None:
    """Send it back to the prescriber; vials that it still held are free again."""
    held.free(a, by)
    a.prescribed_by = a.prescribed_at = a.prescribed_weight_g = a.verified_by = a.verified_at = None
    a.acknowledged_by = a.acknowledged_at = a.acknowledged_percent = a.plan = None
    a.transcribed_by = a.transcribed_at = a.scan = None
    a.is_compared = False


def _verified(
    a: Allocation, by: Principal, plan: PlanKind | None, vials: Sequence[Vial] | None = None, *,
    compared: bool,
) -> None:  # fmt: skip
    if a.paper_on is not None:
        if not compared:
            raise invalid(
                compared=["It was transcribed: compare it with the signed paper, and say that you did."]
            )
        a.is_compared = True
    found = facts.worked(a, wanted=plan, chosen=vials)
    if found is None:
        raise Refused(rules.NO_VIALS())
    if plan is not None and found.plan.kind is not plan:
        raise invalid(plan=["This way of giving the dose is not offered now."])
    a.plan = found.plan.kind
    a.verified_by, a.verified_at = by.login, clock.now()
    keep_dose(a, by, found)
    weighing.acknowledge(weighing.current(a), by)


def keep_dose(a: Allocation, by: Principal, found: Worked) -> None:
    """Keep the dose as it was verified, with every input."""
    last = signed.last_dose(a)
    given = found.given
    session.add(
        Dose(
            allocation=a, number=last.number + 1 if last else 1, computed_at=clock.now(),
            computed_for=by.login,
            viable_cells_per_kg=given.viable_cells_per_kg, weight_g=given.weight_g,
            tnc_recovery_percent=decimal_of(given.potency.recovery_percent, 6),
            viability_percent=decimal_of(given.potency.viability_percent, 6),
            vials=found.plan.vials, tnc_pooled=sum(vial.tnc for vial in found.vials), kind=found.plan.kind,
            band=found.plan.band, target_viable=decimal_of(found.target, 3),
            planned_viable=decimal_of(found.plan.planned_viable, 3),
            volume_to_give_ml=decimal_of(found.volume_ml, 3),
            volume_pooled_ml=decimal_of(found.pooled_ml, 3), dmso_g=decimal_of(found.dmso_g, 6),
        )
    )  # fmt: skip


@does(LIFE, "verify", locks=signed.upstream, content=signed.what_is_verified)
def verify(
    a: Allocation, *, by: Principal, plan: PlanKind | None = None, vials: Sequence[Vial] | None = None,
    compared: bool = False,
) -> None:  # fmt: skip
    """Verify patient, weight and every line of the dose, as a second person; it is worked out again here."""
    _verified(a, by, plan, vials, compared=compared)


@does(LIFE, "review", locks=signed.with_vials, content=signed.what_is_verified, reason=True)
def review(a: Allocation, *, by: Principal, plan: PlanKind | None = None, compared: bool = False) -> None:
    """Verify again after weight or level changed; the vials stayed reserved."""
    _verified(a, by, plan, compared=compared)


@does(LIFE, "plan_again", locks=signed.upstream, content=signed.what_is_verified, reason=True)
def plan_again(a: Allocation, *, by: Principal, plan: PlanKind | None = None, compared: bool = False) -> None:
    """Plan the dose anew after the vials came back or were lost."""
    a.dispensed_by = a.dispensed_at = a.reserved_at = a.reserved_until = None
    _verified(a, by, plan, compared=compared)


def _acknowledgeable(a: Allocation, by: Principal) -> Obstacle | None:
    found = facts.worked(a)
    return None if found is not None and found.plan.band is Band.ACKNOWLEDGE else NOT_BETWEEN()


@action(
    "allocation.acknowledge_dose", role=Role.PRESCRIBER, unless=_acknowledgeable, locks=signed.upstream,
    signs="dose acknowledged", content=signed.what_is_worked_out,
)  # fmt: skip
def acknowledge_dose(a: Allocation, *, by: Principal) -> None:
    """Accept, as the prescriber, a planned dose that lies between the two tolerances."""
    found = facts.worked(a)
    percent: Decimal | None = None if found is None else dose.percent_shown(found.plan.difference)
    a.acknowledged_by, a.acknowledged_at, a.acknowledged_percent = by.login, clock.now(), percent


@does(LIFE, "cancel", reason=True, locks=held.vials_of)
def cancel(a: Allocation, *, by: Principal) -> None:
    """Give the prescription up; its vials are free again."""
    held.free(a, by)


@does(LIFE, "complete", locks=signed.with_vials)
def complete(a: Allocation) -> None:
    """The dose was given; a spare vial that was not thawed is taken back."""


@does(LIFE, "happened", locks=signed.with_vials)
def happened(a: Allocation, *, gate: str, source_document: str) -> None:
    """What was given was not given as planned: the gate that it passed is named."""
    a.gate_passed, a.source_document = gate, source_document


@action("allocation.draft_as_happened", creates="allocation")
def draft_as_happened(
    *, by: Principal, recipient: Recipient, protocol: Protocol, batch: Batch, happened_on: date,
    gate: str, source_document: str,
) -> Allocation:  # fmt: skip
    """Give what has happened without a prescription a record that names patient, protocol and batch."""
    enrolment = session.scalar(
        select(Enrolment).where(Enrolment.recipient_id == recipient.id, Enrolment.protocol_id == protocol.id)
    )
    level = enrolment.dose_level if enrolment else protocol.levels[0]
    made = Allocation(
        code=new_code("allocation"), site=recipient.site, recipient=recipient, protocol=protocol, batch=batch,
        dose_level=level, viable_cells_per_kg=level.viable_cells_per_kg, infusion_on=happened_on,
        infusion_minutes=60, allergies=Allergies.NOT_ASKED, entered_by=by.login, as_happened=True,
        gate_passed=gate, source_document=source_document,
    )  # fmt: skip
    session.add(made)
    return made
