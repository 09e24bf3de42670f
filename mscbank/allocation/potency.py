"""What the test thaw of a batch says of its vials: recovery, viability, endotoxin, with its source."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from mscbank.allocation.calculation import Potency
from mscbank.core.web.filters import person
from mscbank.release.criteria import Qualifier
from mscbank.release.judged import Line, judged
from mscbank.release.rules import releases_of
from mscbank.release.units import in_unit

RECOVERY, VIABILITY, ENDOTOXIN = "tnc_recovery", "viability_post_thaw", "endotoxin"
PERCENT, PER_ML, PER_KG_H = "%", "EU/mL", "EU/kg/h"


@dataclass(frozen=True)
class Measured:
    """A reviewed number in the wanted unit, and the result that says so."""

    value: Fraction
    line: Line


@dataclass(frozen=True)
class Tested:
    """The results of one batch from which a dose follows."""

    recovery: Measured | None = None
    viability: Measured | None = None
    endotoxin: Measured | None = None
    """EU/mL of the product; “< 0.05” counts as 0.05, the most that it can be."""
    endotoxin_load: Measured | None = None
    """EU/kg/h at the intended dose and rate, where the laboratory reports that."""

    @property
    def potency(self) -> Potency | None:
        """Recovery and viability, where both are there."""
        if self.recovery is None or self.viability is None:
            return None
        return Potency(self.recovery.value, self.viability.value)


def tested(batch_ids: Iterable[int]) -> dict[int, Tested]:
    """The results of many batches, the last one that counts of each test."""
    releases = releases_of(set(batch_ids))
    read = judged(releases.values())
    found: dict[int, Tested] = {}
    for batch_id, release in releases.items():
        lines = {each.criterion.attribute: each.standing for each in read[release.id]}
        found[batch_id] = Tested(
            recovery=_last(lines.get(RECOVERY, []), PERCENT),
            viability=_last(lines.get(VIABILITY, []), PERCENT),
            endotoxin=_last(lines.get(ENDOTOXIN, []), PER_ML, bounds=True),
            endotoxin_load=_last(lines.get(ENDOTOXIN, []), PER_KG_H, bounds=True),
        )
    return found


def _last(lines: list[Line], unit: str, *, bounds: bool = False) -> Measured | None:
    """The newest reviewed number that can be said in the unit; a bound instead only where that is safe."""
    allowed = {Qualifier.NONE, Qualifier.LESS_THAN} if bounds else {Qualifier.NONE}
    for line in reversed(lines):
        result = line.result
        if line.review is None or result.value is None or result.qualifier not in allowed:
            continue
        value = in_unit(result.value, result.unit, unit)
        if value is not None:
            return Measured(value, line)
    return None


def people(line: Line) -> tuple[str, str]:
    """Who entered and who reviewed a result, by their printed names."""
    reviewer = line.review.reviewed_by if line.review else ""
    return person(line.result.entered_by), person(reviewer)
