"""What is signed of a prescription and its dose, and what is locked while it is judged."""

from typing import Any

from sqlalchemy import select

from mscbank.allocation import facts, held
from mscbank.allocation.models import Allocation, Dose
from mscbank.allocation.standing import release_of
from mscbank.core.acts import shared
from mscbank.core.db import session
from mscbank.core.types import decimal_of


def what_is_prescribed(a: Allocation) -> dict[str, Any]:
    """What the physician signs: for whom, how much, of which batch, with which weight, when."""
    weight = facts.weights([a]).get(a.id)
    return {
        "prescribed_by": a.prescribed_by, "recipient": a.recipient.code, "protocol": a.protocol.code,
        "level": a.dose_level.number,
        "viable_cells_per_kg": a.viable_cells_per_kg, "batch": a.batch.code, "reference": a.reference,
        "infusion_on": a.infusion_on, "infusion_minutes": a.infusion_minutes, "allergies": a.allergies,
        "allergy_note": a.allergy_note, "fluid_note": a.fluid_note,
        "weight_g": a.prescribed_weight_g or (weight.weight_g if weight else None),
    } | what_is_on_paper(a)  # fmt: skip


def what_is_on_paper(a: Allocation) -> dict[str, Any]:
    """Of a transcribed prescription also: who signed the paper and when, and the digest of its scan."""
    if a.paper_on is None:
        return {}
    return {
        "transcribed_by": a.transcribed_by, "paper_prescriber": a.paper_prescriber, "paper_on": a.paper_on,
        "paper_sha256": a.scan.digest if a.scan else None,
    }  # fmt: skip


def what_is_worked_out(a: Allocation) -> dict[str, Any]:
    """The prescription and its dose, as verified or as it stands worked out."""
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


def what_is_verified(a: Allocation) -> dict[str, Any]:
    """What the pharmacist signs: prescription and dose; it holds as long as the verification stands."""
    compared = {} if a.paper_on is None else {"is_compared": a.is_compared}
    return what_is_worked_out(a) | {"verified_by": a.verified_by} | compared


def last_dose(a: Allocation) -> Dose | None:
    """The dose as it was last verified."""
    return session.scalar(
        select(Dose).where(Dose.allocation_id == a.id).order_by(Dose.number.desc()).limit(1)
    )


def upstream(a: Allocation, **_inputs: Any) -> list[Any]:
    """What is only read upstream of a prescription: patient, study, batch, kinship, donation."""
    donation = a.batch.donation
    return shared(
        a.protocol, a.recipient, a.batch.link, donation.consent, donation.assessment, donation, a.batch,
        release_of(a.batch),
    )  # fmt: skip


def with_vials(a: Allocation, **_inputs: Any) -> list[Any]:
    """Upstream, and the vials that it holds."""
    return [*upstream(a), *held.vials_of(a)]


def what_is_weighed(a: Allocation) -> dict[str, Any]:
    """What is signed when a changed weight is acknowledged: the dose, and the weight that counts now."""
    weight = facts.weights([a]).get(a.id)
    return what_is_worked_out(a) | {"weight_now_g": weight.weight_g if weight else None}
