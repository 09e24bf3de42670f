"""What people do with a prescription: draft, weigh, prescribe, verify. Its vials: see ``reserving``."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from mscbank.allocation import dose, facts, held, rules
from mscbank.allocation.calculation import Worked
from mscbank.allocation.dose import Band, PlanKind, WeightBand
from mscbank.allocation.models import Allergies, Allocation, Dose, Weighing
from mscbank.allocation.standing import NOT_ENROLLED, OTHER_PROTOCOL, release_of
from mscbank.allocation.states import LIFE, State
from mscbank.batch.models import Batch
from mscbank.batch.rules import civil
from mscbank.core import acts, clock, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.types import decimal_of
from mscbank.custody.models import Vial
from mscbank.family.models import Enrolment, Recipient
from mscbank.study.models import Protocol

WEIGHS = (Role.NURSE, Role.PRESCRIBER, Role.PHARMACIST, Role.INVESTIGATOR)
OVER = (State.COMPLETED, State.CANCELLED)
FLAGGED = (State.PRESCRIBED, State.VERIFIED, State.RESERVED)

NOT_A_DRAFT = Refusal(
    "allocation.not_a_draft", "This was prescribed already: send it back before it is changed.",
    Role.PHARMACIST,
)  # fmt: skip
NO_WEIGHT_NOW = Refusal("allocation.over", "This prescription is over: no weight counts for it any more.")
OWN_ENTRY = Refusal(
    "allocation.own_entry", "You typed this weight yourself: another person reviews it.", Role.NURSE
)
REVIEWED = Refusal("allocation.weight_reviewed", "This weight was reviewed already.")
NOTHING_OPEN = Refusal("allocation.weight_not_open", "The weight needs no acknowledgement.")
NOT_BETWEEN = Refusal(
    "allocation.nothing_to_acknowledge",
    "The planned dose needs no acknowledgement: it is accepted or refused.",
)
TYPE_AGAIN = "More than %s %% from the last weight. Type it again as the scale shows it, then confirm it."
FUTURE = "This lies in the future."


# --- what is signed -----------------------------------------------------------------------------


def what_is_prescribed(a: Allocation) -> dict[str, Any]:
    """What the physician signs: for whom, how much, of which batch, with which weight, when."""
    weight = facts.weights([a]).get(a.id)
    return {
        "recipient": a.recipient.code, "protocol": a.protocol.code, "level": a.dose_level.number,
        "viable_cells_per_kg": a.viable_cells_per_kg, "batch": a.batch.code, "reference": a.reference,
        "infusion_on": a.infusion_on, "infusion_minutes": a.infusion_minutes, "allergies": a.allergies,
        "allergy_note": a.allergy_note, "fluid_note": a.fluid_note,
        "weight_g": a.prescribed_weight_g or (weight.weight_g if weight else None),
    }  # fmt: skip


def what_is_verified(a: Allocation) -> dict[str, Any]:
    """What the pharmacist signs: the prescription and the dose, as verified or as it stands worked out."""
    last = last_dose(a) if a.verified_at is not None else None
    found = None if last else facts.worked(a)
    figures: dict[str, Any] | None = None
    if last is not None:
        figures = {
            "weight_g": last.weight_g, "kind": last.kind, "vials": last.vials,
            "target": last.target_viable, "planned": last.planned_viable,
        }  # fmt: skip
    elif found is not None:
        figures = {
            "weight_g": found.given.weight_g, "kind": found.plan.kind, "vials": found.plan.vials,
            "target": decimal_of(found.target, 3), "planned": decimal_of(found.plan.planned_viable, 3),
        }  # fmt: skip
    return what_is_prescribed(a) | {"dose": figures}


def last_dose(a: Allocation) -> Dose | None:
    """The dose as it was last verified."""
    return session.scalar(
        select(Dose).where(Dose.allocation_id == a.id).order_by(Dose.number.desc()).limit(1)
    )


# --- the draft ----------------------------------------------------------------------------------


def _enrolment(recipient: Recipient, protocol: Protocol) -> Enrolment:
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
    if batch.protocol_id != protocol.id:
        raise Refused(OTHER_PROTOCOL(batch=batch.code))
    _noted(allergies, allergy_note)
    level = _enrolment(recipient, protocol).dose_level
    made = Allocation(
        code=new_code("allocation"), site=recipient.site, recipient=recipient, protocol=protocol, batch=batch,
        dose_level=level, viable_cells_per_kg=level.viable_cells_per_kg, infusion_on=infusion_on,
        infusion_minutes=infusion_minutes, allergies=allergies, allergy_note=allergy_note,
        fluid_note=fluid_note, reference=reference, entered_by=by.login,
    )  # fmt: skip
    session.add(made)
    return made


def _noted(allergies: Allergies, note: str | None) -> None:
    if allergies is Allergies.NOTED and not note:
        raise invalid(allergy_note=["Say which allergy."])


def _is_draft(a: Allocation, by: Principal) -> Obstacle | None:
    return None if a.state is State.DRAFT else NOT_A_DRAFT()


@action(
    "allocation.amend", role=Role.PRESCRIBER, unless=_is_draft, reason=True,
    locks=lambda a, *, batch=None, **_: shared(a.recipient, a.protocol, batch or a.batch),
)  # fmt: skip
def amend(
    a: Allocation, *, infusion_on: date, infusion_minutes: int, allergies: Allergies,
    allergy_note: str | None = None, fluid_note: str | None = None, reference: str | None = None,
    batch: Batch | None = None,
) -> None:  # fmt: skip
    """Change a draft; the dose level is read again from the enrolment."""
    _noted(allergies, allergy_note)
    if batch is not None:
        if batch.protocol_id != a.protocol_id:
            raise Refused(OTHER_PROTOCOL(batch=batch.code))
        a.batch = batch
    a.dose_level = _enrolment(a.recipient, a.protocol).dose_level
    a.viable_cells_per_kg = a.dose_level.viable_cells_per_kg
    a.infusion_on, a.infusion_minutes, a.reference = infusion_on, infusion_minutes, reference
    a.allergies, a.allergy_note, a.fluid_note = allergies, allergy_note, fluid_note


# --- the weight ---------------------------------------------------------------------------------


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
    limits = parameters.values((dose.CHANGE_INFORMATION, dose.CHANGE_ACKNOWLEDGE))
    information, acknowledge = limits[dose.CHANGE_INFORMATION], limits[dose.CHANGE_ACKNOWLEDGE]
    when = weighed_at or acts.current().time
    if when > clock.now():
        raise invalid(weighed_at=[FUTURE])
    before = last_weight_g(a.recipient)
    far = dose.weight_band(weight, before, information=information, acknowledge=acknowledge)
    if far is WeightBand.REVIEW and not confirmed:
        raise invalid(weight=[TYPE_AGAIN % acknowledge], confirmed=["Confirm the changed weight."])
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
    last = last_dose(a) if a.verified_at is not None else None
    return last.weight_g if last else a.prescribed_weight_g


def _current(a: Allocation) -> Weighing:
    found = facts.weights([a]).get(a.id)
    if found is None:
        raise Refused(rules.NO_WEIGHT())
    return found


@action("allocation.review_weight", role=WEIGHS)
def review_weight(a: Allocation, *, by: Principal) -> None:
    """Review the weight as a second person, against the scale's slip (Annex 11, 6)."""
    weighing = _current(a)
    if weighing.entered_by == by.login:
        raise Refused(OWN_ENTRY())
    if weighing.reviewed_by is not None:
        raise Refused(REVIEWED())
    weighing.reviewed_by, weighing.reviewed_at = by.login, clock.now()


def _weight_open(a: Allocation, by: Principal) -> Obstacle | None:
    weight = facts.weight_facts(facts.weights([a]).get(a.id))
    open_bands = (WeightBand.ACKNOWLEDGE, WeightBand.REVIEW)
    return None if weight and weight.band in open_bands and not weight.is_acknowledged else NOTHING_OPEN()


@action(
    "allocation.acknowledge_weight", role=Role.PHARMACIST, unless=_weight_open,
    signs="weight change acknowledged", content=what_is_verified,
)  # fmt: skip
def acknowledge_weight(a: Allocation, *, by: Principal) -> None:
    """Acknowledge a changed weight after looking at the dose that it gives."""
    _acknowledge(_current(a), by)


def _acknowledge(weighing: Weighing, by: Principal) -> None:
    if weighing.acknowledged_by is None:
        weighing.acknowledged_by, weighing.acknowledged_at = by.login, clock.now()


# --- prescribed, verified, sent back, given up --------------------------------------------------


def upstream(a: Allocation, **_inputs: Any) -> list[Any]:
    """What is only read upstream of a prescription: patient, study, batch, kinship, donation."""
    donation = a.batch.donation
    return shared(
        a.protocol, a.recipient, a.batch.link, donation.consent, donation.assessment, donation, a.batch,
        release_of(a.batch),
    )  # fmt: skip


@does(LIFE, "prescribe", locks=upstream, content=what_is_prescribed)
def prescribe(a: Allocation, *, by: Principal) -> None:
    """Prescribe it."""
    a.prescribed_by, a.prescribed_at = by.login, clock.now()
    a.prescribed_weight_g = _current(a).weight_g


@does(LIFE, "send_back", reason=True, locks=held.vials_of)
def send_back(a: Allocation, *, by: Principal) -> None:
    """Send it back to the prescriber; vials that it still held are free again."""
    held.free(a, by)
    a.prescribed_by = a.prescribed_at = a.prescribed_weight_g = a.verified_by = a.verified_at = None
    a.acknowledged_by = a.acknowledged_at = a.acknowledged_percent = a.plan = None


def _verified(
    a: Allocation, by: Principal, plan: PlanKind | None, vials: Sequence[Vial] | None = None
) -> None:
    found = facts.worked(a, wanted=plan, chosen=vials)
    if found is None:
        raise Refused(rules.NO_VIALS())
    if plan is not None and found.plan.kind is not plan:
        raise invalid(plan=["This way of giving the dose is not offered now."])
    a.plan = found.plan.kind
    a.verified_by, a.verified_at = by.login, clock.now()
    keep_dose(a, by, found)
    _acknowledge(_current(a), by)


def keep_dose(a: Allocation, by: Principal, found: Worked) -> None:
    """Keep the dose as it was verified, with every input."""
    last = last_dose(a)
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


def with_vials(a: Allocation, **_inputs: Any) -> list[Any]:
    """Upstream, and the vials that it holds."""
    return [*upstream(a), *held.vials_of(a)]


@does(LIFE, "verify", locks=upstream, content=what_is_verified)
def verify(
    a: Allocation, *, by: Principal, plan: PlanKind | None = None, vials: Sequence[Vial] | None = None
) -> None:
    """Verify patient, weight and every line of the dose, as a second person; it is worked out again here."""
    _verified(a, by, plan, vials)


@does(LIFE, "review", locks=with_vials, content=what_is_verified, reason=True)
def review(a: Allocation, *, by: Principal, plan: PlanKind | None = None) -> None:
    """Verify again after weight or level changed; the vials stayed reserved."""
    _verified(a, by, plan)


@does(LIFE, "plan_again", locks=upstream, content=what_is_verified, reason=True)
def plan_again(a: Allocation, *, by: Principal, plan: PlanKind | None = None) -> None:
    """Plan the dose anew after the vials came back or were lost."""
    a.dispensed_by = a.dispensed_at = a.reserved_at = a.reserved_until = None
    _verified(a, by, plan)


@does(LIFE, "flag", reason=True)
def flag(a: Allocation) -> None:
    """Weight, level or vials changed: the pharmacist looks again; the vials stay reserved."""


def _acknowledgeable(a: Allocation, by: Principal) -> Obstacle | None:
    found = facts.worked(a)
    return None if found is not None and found.plan.band is Band.ACKNOWLEDGE else NOT_BETWEEN()


@action(
    "allocation.acknowledge_dose", role=Role.PRESCRIBER, unless=_acknowledgeable, locks=upstream,
    signs="dose acknowledged", content=what_is_verified,
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


@does(LIFE, "complete", locks=with_vials)
def complete(a: Allocation) -> None:
    """The dose was given; a spare vial that was not thawed is taken back."""


@does(LIFE, "happened", locks=with_vials)
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
