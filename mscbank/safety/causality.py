"""Whether an event counts as related: the sponsor adds to the investigator's word, never takes away
(invariant 20)."""

from collections.abc import Iterable

from mscbank.safety.words import SUSPECTED, Causality, Criterion, Outcome

FATAL = "Grade 5, death as a consequence and a fatal outcome go together."
LIFE = "Grade 4 is life-threatening: say so among its consequences."


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


def inconsistencies(
    grade: int | None, serious_for: Iterable[Criterion], outcome: Outcome
) -> dict[str, list[str]]:
    """What does not fit together between grade, seriousness and outcome (D §7.1): field → what to do.

    Grade says how bad it was, seriousness what it led to: beyond death and danger to life neither follows
    from the other.
    """
    criteria = set(serious_for)
    faults: dict[str, list[str]] = {}
    if grade == 5 or Criterion.DEATH in criteria or outcome is Outcome.FATAL:
        if grade != 5:
            faults["ctcae_grade"] = [FATAL]
        if Criterion.DEATH not in criteria:
            faults["serious_for"] = [FATAL]
        if outcome is not Outcome.FATAL:
            faults["outcome"] = [FATAL]
    if grade == 4 and Criterion.LIFE_THREATENING not in criteria:
        faults["serious_for"] = [*faults.get("serious_for", []), LIFE]
    return faults
