"""The dose (D §6): target, viable cells in a vial, whole vials or a share, tolerance, DMSO, endotoxin.

Everything is integers and ``Fraction``: nothing is rounded before a comparison, and nothing at all except
for the eye. In binary arithmetic 57 exact cases at 1 million per kg and 288 at 3 million per kg would ask
one vial too many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from mscbank.core.types import decimal_of

GRAMS_PER_KG = 1000
MILLION = 1_000_000
PERCENT = 100
MINUTES_PER_HOUR = 60
DMSO_G_PER_ML = Fraction(11, 10)
"""Density of DMSO, g/mL (D §6)."""
LIGHTEST_G, HEAVIEST_G = 25_000, 250_000
"""Plausible body weights, 25 to 250 kg (PD-41)."""


class Band(StrEnum):
    """Where a planned dose lies from the prescribed one (PD-40, boundaries inclusive)."""

    ACCEPT = "accept"
    ACKNOWLEDGE = "acknowledge"
    REFUSE = "refuse"


class WeightBand(StrEnum):
    """What a new weight asks for (PD-41)."""

    FIRST = "first"
    INFORMATION = "information"
    ACKNOWLEDGE = "acknowledge"
    REVIEW = "review"


class PlanKind(StrEnum):
    """How the cells of the vials become the dose."""

    WHOLE = "whole"
    """All of every vial."""
    SHARE = "share"
    """A share of the pooled volume, because whole vials would be too much."""
    FEWER = "fewer"
    """Whole vials, one fewer than the target asks, still inside the tolerance."""
    SHORT = "short"
    """All the vials that there are, because they are too few."""


def target_viable(viable_cells_per_kg: int, weight_g: int) -> Fraction:
    """Prescribed viable cells: dose per kg × body weight (cells; weight in grams)."""
    _positive(viable_cells_per_kg=viable_cells_per_kg, weight_g=weight_g)
    return Fraction(viable_cells_per_kg * weight_g, GRAMS_PER_KG)


def viable_in_vial(
    *, tnc_at_fill: int | None = None, tnc_recovery: Fraction | None = None,
    viability_post_thaw: Fraction | None = None, viable_at_fill: Fraction | None = None,
    viable_recovery: Fraction | None = None,
) -> Fraction:  # fmt: skip
    """Viable cells that come out of a vial, by exactly one of the two forms of D §6.

    Either all cells at fill × recovery of all cells × share of these alive after the thaw, or viable cells at
    fill × recovery of viable cells. Mixing them would count viability twice and is refused.
    """
    by_all = (tnc_at_fill, tnc_recovery, viability_post_thaw)
    by_viable = (viable_at_fill, viable_recovery)
    if (all(v is not None for v in by_all)) == (all(v is not None for v in by_viable)) or (
        any(v is not None for v in by_all) and any(v is not None for v in by_viable)
    ):
        raise ValueError("viable cells in a vial follow from one form alone: viability counts once")
    viable = Fraction(1)
    for factor in (*by_all, *by_viable):
        viable *= Fraction(1) if factor is None else factor
    if viable <= 0:
        raise ValueError("a vial without viable cells gives no dose")
    return viable


def share_of(percent: Decimal | Fraction) -> Fraction:
    """A percent as a fraction; a recovery may lie above 100 by counting error, a viability never does."""
    return Fraction(percent) / PERCENT


def vials_needed(target: Fraction, viable_per_vial: Fraction) -> int:
    """Whole vials that hold the target: the quotient, rounded up; never one too many."""
    if target <= 0 or viable_per_vial <= 0:
        raise ValueError("a dose and a vial hold more than nothing")
    return -((-target) // viable_per_vial)


def enough(target: Fraction, viable_each: Sequence[Fraction]) -> int | None:
    """How many vials, taken in this order, hold the target; ``None`` when all of them are too few."""
    held = Fraction(0)
    for count, viable in enumerate(viable_each, start=1):
        held += viable
        if held >= target:
            return count
    return None


def difference(planned: Fraction, prescribed: Fraction) -> Fraction:
    """How far the planned dose lies from the prescribed one: 0.038 is 3.8 % more."""
    return planned / prescribed - 1


def band_of(off: Fraction, *, accept: int, acknowledge: int) -> Band:
    """The tolerance band of a difference; limits in percent, both inclusive (PD-40)."""
    size = abs(off) * PERCENT
    if size <= accept:
        return Band.ACCEPT
    return Band.ACKNOWLEDGE if size <= acknowledge else Band.REFUSE


@dataclass(frozen=True)
class Plan:
    """One way to give the dose: so many vials, all of them or a share of the pool."""

    kind: PlanKind
    vials: int
    pooled_viable: Fraction
    share: Fraction
    """The part of the pooled volume that is given; 1 when all is."""
    difference: Fraction
    band: Band

    @property
    def planned_viable(self) -> Fraction:
        """Viable cells that the patient gets."""
        return self.pooled_viable * self.share


def plan_for(target: Fraction, viable_each: Sequence[Fraction], *, accept: int, acknowledge: int) -> Plan:
    """The dose that exactly these vials give: whole, or a share where whole vials would be too much.

    Too few cells give all of them, and the tolerance says what that takes.
    """
    pooled = sum(viable_each, Fraction(0))
    off = difference(pooled, target)
    band = band_of(off, accept=accept, acknowledge=acknowledge)
    if off > 0 and band is not Band.ACCEPT:
        return Plan(PlanKind.SHARE, len(viable_each), pooled, target / pooled, Fraction(0), Band.ACCEPT)
    kind = PlanKind.WHOLE if off >= 0 else PlanKind.FEWER if band is Band.ACCEPT else PlanKind.SHORT
    return Plan(kind, len(viable_each), pooled, Fraction(1), off, band)


def plans(target: Fraction, viable_each: Sequence[Fraction], *, accept: int, acknowledge: int) -> list[Plan]:
    """The ways to give the target out of these vials, taken in this order; the first one is proposed.

    Whole vials where they stay within the tolerance above the target; otherwise the share of the pooled
    volume that is exactly the target. Where one vial fewer stays within the tolerance below, that is offered
    too. Where there are too few, all of them.
    """
    if not viable_each:
        return []
    count = enough(target, viable_each) or len(viable_each)
    found = [plan_for(target, viable_each[:count], accept=accept, acknowledge=acknowledge)]
    if count > 1 and sum(viable_each[:count], Fraction(0)) > target:
        fewer = plan_for(target, viable_each[: count - 1], accept=accept, acknowledge=acknowledge)
        if fewer.band is Band.ACCEPT:
            found.append(fewer)
    return found


def dose_per_kg(viable: Fraction, weight_g: int) -> Fraction:
    """Viable cells per kg of body weight."""
    return viable * GRAMS_PER_KG / weight_g


def volume_to_give(share: Fraction, pooled_ml: Fraction) -> Fraction:
    """The volume that holds the planned dose, mL: target / concentration, which is this share of the pool."""
    return share * pooled_ml


def delivered_viable(
    counted: int, viability_percent: Decimal, given_ml: Decimal, volume_ml: Decimal
) -> Fraction:
    """Viable cells delivered: counted in the preparation × share alive × share of its volume given."""
    if volume_ml <= 0:
        raise ValueError("a preparation has a volume")
    return counted * share_of(viability_percent) * Fraction(given_ml) / Fraction(volume_ml)


def dmso_g(volumes: Sequence[tuple[Decimal, Decimal]], share: Fraction = Fraction(1)) -> Fraction:
    """DMSO given, g: the sum of volume (mL) × fraction (percent v/v) × 1.10 g/mL, times the share given."""
    total = sum((Fraction(ml) * share_of(percent) for ml, percent in volumes), Fraction(0))
    return total * DMSO_G_PER_ML * share


def per_kg(amount: Fraction, weight_g: int) -> Fraction:
    """An amount per kg of body weight."""
    return amount * GRAMS_PER_KG / weight_g


def within(amount: Fraction, limit: Decimal) -> bool:
    """Whether an amount keeps its limit; the limit itself is kept."""
    return amount <= Fraction(limit)


def endotoxin_per_kg_h(
    eu_per_ml: Decimal | Fraction, volume_ml: Fraction, weight_g: int, minutes: int
) -> Fraction:
    """Endotoxin load, EU/kg/h; an infusion shorter than one hour counts as the whole dose in that hour."""
    if minutes <= 0:
        raise ValueError("an infusion lasts some minutes")
    whole = per_kg(Fraction(eu_per_ml) * volume_ml, weight_g)
    return whole if minutes < MINUTES_PER_HOUR else whole * MINUTES_PER_HOUR / minutes


def weight_is_fresh(weighed_on: date, infusion_on: date, *, oldest_days: int) -> bool:
    """Whether a weight was measured at most so many days before the infusion, and not after it (PD-41)."""
    return timedelta(0) <= infusion_on - weighed_on <= timedelta(days=oldest_days)


def weight_change(weight_g: int, before_g: int) -> Fraction:
    """The change from the weight before, as a share of it: 0.05 is 5 % more."""
    return Fraction(weight_g - before_g, before_g)


def weight_band(weight_g: int, before_g: int | None, *, information: int, acknowledge: int) -> WeightBand:
    """What a new weight asks for: nothing, an acknowledgement, or a review; limits inclusive (PD-41)."""
    if before_g is None:
        return WeightBand.FIRST
    size = abs(weight_change(weight_g, before_g)) * PERCENT
    if size <= information:
        return WeightBand.INFORMATION
    return WeightBand.ACKNOWLEDGE if size <= acknowledge else WeightBand.REVIEW


def three_figures(amount: Fraction) -> Decimal:
    """A number at three significant figures, half up: for lists, never for a comparison (D §6)."""
    if amount == 0:
        return Decimal(0)
    size = abs(amount)
    exponent = 0
    while size >= 10 ** (exponent + 1):
        exponent += 1
    while size < Fraction(10) ** exponent:
        exponent -= 1
    rounded = decimal_of(amount, 2 - exponent) if exponent <= 2 else _half_up_to(amount, exponent - 2)
    return rounded if abs(rounded) < Fraction(10) ** (exponent + 1) else three_figures(Fraction(rounded))


def millions(cells: Fraction, places: int = 3) -> Decimal:
    """Cells in millions for the ledger, where every line is checked by heart."""
    return decimal_of(cells / MILLION, places)


def percent_shown(off: Fraction) -> Decimal:
    """A share in percent with one decimal, half up, for the eye."""
    return decimal_of(off * PERCENT, 1)


def _half_up_to(amount: Fraction, zeros: int) -> Decimal:
    return Decimal(int(decimal_of(amount / 10**zeros, 0)) * 10**zeros)


def _positive(**amounts: int) -> None:
    for name, amount in amounts.items():
        if amount <= 0:
            raise ValueError(f"{name} is more than nothing")
