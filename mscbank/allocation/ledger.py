"""The dose line by line, as a pharmacist checks it by heart: what, number, unit, where from. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from mscbank.allocation import dose
from mscbank.allocation.calculation import Worked
from mscbank.allocation.dose import PlanKind
from mscbank.core.i18n import Sentence, _
from mscbank.core.types import decimal_of

CELL_PLACES = 3
"""Cells are shown in millions with three places here: every line is multiplied again by the reader."""
SHARE_PLACES = 4
RATE_PLACES = 6


class Kind(StrEnum):
    """Whether a line was entered, computed, or is a sum under a rule."""

    INPUT = "input"
    COMPUTED = "computed"
    SUM = "sum"


@dataclass(frozen=True)
class Sources:
    """Where the entered numbers come from, in the reader's words, and which were reviewed by a second."""

    prescribed: str = ""
    weight: str = ""
    cells: str = ""
    recovery: str = ""
    viability: str = ""
    is_prescribed: bool | None = None
    is_weight_reviewed: bool | None = None
    is_tested: bool | None = None


@dataclass(frozen=True)
class Line:
    """One line: the number is exact or rounded half up for the eye, never used again."""

    label: Sentence
    number: Decimal
    unit: Sentence
    source: str
    kind: Kind = Kind.COMPUTED
    reviewed: bool | None = None


def plain(number: Fraction, places: int) -> Decimal:
    """A number with as few places as it needs, at most so many, half up."""
    shown = decimal_of(number, places)
    return shown.quantize(Decimal(1)) if shown == shown.to_integral_value() else shown.normalize()


def lines(worked: Worked, sources: Sources) -> list[Line]:
    """The nine lines of the dose, from the prescription to what the patient gets."""
    given, plan = worked.given, worked.plan
    count = max(1, len(worked.vials))
    cells = Fraction(sum(vial.tnc for vial in worked.vials), count)
    each = plan.pooled_viable / count
    recovery, viability = given.potency.recovery_percent / 100, given.potency.viability_percent / 100
    viable = _("million viable cells")
    per_kg = plain(Fraction(given.viable_cells_per_kg, dose.MILLION), RATE_PLACES)
    weight = plain(Fraction(given.weight_g, dose.GRAMS_PER_KG), 3)
    return [
        Line(_("Prescribed dose"), per_kg, _("million per kg"), sources.prescribed, Kind.INPUT,
             sources.is_prescribed),
        Line(_("× Body weight"), weight, _("kg"), sources.weight, Kind.INPUT, sources.is_weight_reviewed),
        Line(_("= Target"), dose.millions(worked.target, CELL_PLACES), viable, str(_("line 1 × line 2")),
             Kind.SUM),
        Line(_("Cells in a vial at fill"), plain(cells / dose.MILLION, CELL_PLACES), _("million cells"),
             sources.cells),
        Line(_("× Recovery after thaw"), plain(recovery, RATE_PLACES), _("of all cells"), sources.recovery,
             Kind.INPUT, sources.is_tested),
        Line(_("× Viability after thaw"), plain(viability, RATE_PLACES), _("of these alive"),
             sources.viability, Kind.INPUT, sources.is_tested),
        Line(_("= Viable cells in a vial"), dose.millions(each, CELL_PLACES), viable,
             str(_("line 4 × 5 × 6")), Kind.SUM),
        Line(_("Vials needed"), decimal_of(worked.target / each, CELL_PLACES), _needed(worked),
             _why(plan.kind)),
        Line(_("= Dose the patient gets"), dose.millions(plan.planned_viable, CELL_PLACES), viable,
             _gets(worked), Kind.SUM),
    ]  # fmt: skip


def _needed(worked: Worked) -> Sentence:
    plan = worked.plan
    if plan.kind is PlanKind.SHARE:
        return _("→ %(count)s vials, not all of their volume", count=plan.vials)
    return _("→ %(count)s whole vials", count=plan.vials) if plan.vials != 1 else _("→ 1 whole vial")


def _why(kind: PlanKind) -> str:
    reasons = {
        PlanKind.WHOLE: _("line 3 ÷ line 7, rounded up to whole vials"),
        PlanKind.SHARE: _("line 3 ÷ line 7, rounded up; whole vials would be too much"),
        PlanKind.FEWER: _("line 3 ÷ line 7, one vial fewer, as chosen"),
        PlanKind.SHORT: _("line 3 ÷ line 7; there are no more"),
    }
    return str(reasons[kind])


def _gets(worked: Worked) -> str:
    plan = worked.plan
    per_kg = dose.millions(worked.per_kg, 2)
    if plan.kind is PlanKind.SHARE:
        share = decimal_of(plan.share, SHARE_PLACES)
        return str(_("%(share)s of the pool = %(dose)s million per kg", share=share, dose=per_kg))
    return str(_("%(count)s × line 7 = %(dose)s million per kg", count=plan.vials, dose=per_kg))
