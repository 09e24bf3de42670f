"""A prescription worked out: from what was measured to the vials, the volume and the limits (D §6). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from mscbank.allocation import dose
from mscbank.allocation.dose import Plan, PlanKind
from mscbank.allocation.plan import Candidate, Proposal, propose
from mscbank.core.errors import Obstacle


@dataclass(frozen=True)
class Potency:
    """What the test vial of the batch gave, in percent."""

    recovery_percent: Fraction
    """All cells after the thaw, of all cells at fill."""
    viability_percent: Fraction
    """Alive after the thaw, of these."""


@dataclass(frozen=True)
class Limits:
    """The parameters of D §6 in force."""

    accept: int
    acknowledge: int
    dmso_g_per_kg: Decimal
    endotoxin_eu_per_kg_h: Decimal


@dataclass(frozen=True)
class StockVial:
    """A vial of the batch, whatever its state."""

    code: str
    number: int
    tnc: int
    volume_ml: Decimal
    dmso_percent: Decimal
    expires_on: date
    box: str | None
    row: int
    column: int
    obstacle: Obstacle | None
    is_held: bool = False
    """Held for this very prescription, not as a spare."""


@dataclass(frozen=True)
class Given:
    """Everything that goes into the calculation."""

    viable_cells_per_kg: int
    weight_g: int
    minutes: int
    potency: Potency
    vials: Sequence[StockVial]
    limits: Limits
    endotoxin_eu_per_ml: Fraction | None = None
    """Concentration in the product, from which the load of this patient follows."""
    endotoxin_eu_per_kg_h: Fraction | None = None
    """The load as tested at the intended dose and rate, where that is what was reported."""
    wanted: PlanKind | None = None
    """The plan that the pharmacist chose, where there is a choice."""
    chosen: Sequence[str] | None = None
    """The codes of the vials that the pharmacist chose, instead of the proposal."""
    fixed: bool = False
    """Whether the vials that are held are what is given, whatever else there is."""


@dataclass(frozen=True)
class Worked:
    """The dose, with everything that a page, a rule and a signature want of it."""

    given: Given
    target: Fraction
    viable: Mapping[str, Fraction]
    """Viable cells that come out of each vial."""
    proposal: Proposal
    offered: tuple[Plan, ...]
    plan: Plan
    vials: tuple[StockVial, ...]
    """The vials of the plan, in the order in which they are taken."""
    dmso_g: Fraction
    endotoxin: Fraction | None
    """EU/kg/h; ``None`` where the batch has no endotoxin result."""

    @property
    def pooled_ml(self) -> Fraction:
        """The volume of all vials of the plan."""
        return sum((Fraction(vial.volume_ml) for vial in self.vials), Fraction(0))

    @property
    def volume_ml(self) -> Fraction:
        """The volume to give of these vials."""
        return dose.volume_to_give(self.plan.share, self.pooled_ml)

    @property
    def per_kg(self) -> Fraction:
        """Viable cells per kg that the patient gets."""
        return dose.dose_per_kg(self.plan.planned_viable, self.given.weight_g)

    @property
    def dmso_per_kg(self) -> Fraction:
        """DMSO, g/kg."""
        return dose.per_kg(self.dmso_g, self.given.weight_g)

    @property
    def dmso_ok(self) -> bool:
        """Whether the DMSO keeps its limit."""
        return dose.within(self.dmso_per_kg, self.given.limits.dmso_g_per_kg)

    @property
    def endotoxin_ok(self) -> bool:
        """Whether the endotoxin keeps its limit; without a result there is nothing to keep."""
        limit = self.given.limits.endotoxin_eu_per_kg_h
        return self.endotoxin is None or dose.within(self.endotoxin, limit)


def viable_in(vial: StockVial, potency: Potency) -> Fraction:
    """Viable cells out of a vial: all cells at fill × recovery × alive after the thaw, each once."""
    return dose.viable_in_vial(
        tnc_at_fill=vial.tnc,
        tnc_recovery=dose.share_of(potency.recovery_percent),
        viability_post_thaw=dose.share_of(potency.viability_percent),
    )


def work_out(given: Given) -> Worked | None:
    """The dose out of the vials that are held, chosen or proposed; ``None`` when there is no vial to take."""
    target = dose.target_viable(given.viable_cells_per_kg, given.weight_g)
    viable = {vial.code: viable_in(vial, given.potency) for vial in given.vials}
    by_code = {vial.code: vial for vial in given.vials}
    proposal = propose([_candidate(vial, viable[vial.code]) for vial in given.vials], target)
    limits = {"accept": given.limits.accept, "acknowledge": given.limits.acknowledge}
    codes = _fixed_codes(given)
    if codes is None:
        order = [candidate.code for candidate in proposal.order]
        offered = dose.plans(target, [viable[code] for code in order], **limits)
    else:
        order = codes
        offered = [dose.plan_for(target, [viable[code] for code in order], **limits)] if order else []
    if not offered:
        return None
    plan = next((p for p in offered if p.kind is given.wanted), offered[0])
    vials = tuple(by_code[code] for code in order[: plan.vials])
    volume = dose.volume_to_give(plan.share, sum((Fraction(v.volume_ml) for v in vials), Fraction(0)))
    endotoxin = given.endotoxin_eu_per_kg_h
    if given.endotoxin_eu_per_ml is not None:
        endotoxin = dose.endotoxin_per_kg_h(given.endotoxin_eu_per_ml, volume, given.weight_g, given.minutes)
    grams = dose.dmso_g([(v.volume_ml, v.dmso_percent) for v in vials], plan.share)
    return Worked(given, target, viable, proposal, tuple(offered), plan, vials, grams, endotoxin)


def _fixed_codes(given: Given) -> list[str] | None:
    """The vials that are given whatever is proposed: chosen or held ones; ``None``: the proposal."""
    if given.chosen is not None:
        known = {vial.code for vial in given.vials}
        return [code for code in given.chosen if code in known]
    if given.fixed:
        return [vial.code for vial in given.vials if vial.is_held]
    return None


def _candidate(vial: StockVial, viable: Fraction) -> Candidate:
    return Candidate(
        vial.code, vial.number, viable, vial.expires_on, vial.box, vial.row, vial.column, vial.obstacle
    )
