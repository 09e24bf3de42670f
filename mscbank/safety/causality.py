"""Whether an event counts as related: the investigator's word stands, the sponsor may only add (invariant 20)."""

from collections.abc import Iterable

from mscbank.safety.words import SUSPECTED, Causality, Criterion, Outcome


def is_related(investigator: Causality | None, sponsor: Causality | None) -> bool:
    """Related when either party suspects it; unanswered by the investigator counts as related (D §7.1)."""
    return investigator is None or investigator in SUSPECTED or sponsor in SUSPECTED


def differ(investigator: Causality | None, sponsor: Causality | None) -> bool:
    """Whether the two parties disagree; then both are reported."""
    if investigator is None or sponsor is None:
        return False
    return (investigator in SUSPECTED) is not (sponsor in SUSPECTED)


def is_susar(*, serious: bool, related: bool, expected: bool | None) -> bool:
    """Serious, suspected and unexpected; what nobody judged expected counts as unexpected."""
    return serious and related and expected is not True


def inconsistencies(grade: int, serious_for: Iterable[Criterion], outcome: Outcome) -> list[str]:
    """What does not fit together between grade, seriousness and outcome (D §7.1), in sentences."""
    criteria = set(serious_for)
    fatal = (grade == 5, Criterion.DEATH in criteria, outcome is Outcome.FATAL)
    found = []
    if any(fatal) and not all(fatal):
        found.append("Grade 5, death as a consequence and a fatal outcome go together.")
    if grade == 4 and Criterion.LIFE_THREATENING not in criteria:
        found.append("Grade 4 is life-threatening: say so under its consequences.")
    return found
