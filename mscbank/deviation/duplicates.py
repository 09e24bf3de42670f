"""When one deviation may be set aside as a duplicate of another: never so that something stops blocking."""

from collections.abc import Iterable

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.deviation.severity import SETTLED, Severity, State

SAME = Refusal("deviation.duplicate_of_itself", "A deviation is no duplicate of itself.")
OTHER_SETTLED = Refusal(
    "deviation.other_settled",
    "The other deviation is settled already: what happened again is a deviation of its own.",
    Role.QA,
)
OTHER_MILDER = Refusal(
    "deviation.other_milder",
    "The other deviation is classified lower than this one: classify it first.",
    Role.QA,
)
OTHER_NARROWER = Refusal(
    "deviation.other_narrower", "The other deviation does not name %(codes)s: extend it first.", Role.QA
)

_RANK = {None: 0, Severity.MINOR: 1, Severity.MAJOR: 2, Severity.CRITICAL: 3}


def obstacle(
    severity: Severity | None,
    subjects: Iterable[tuple[str, str]],
    other_severity: Severity | None,
    other_state: State,
    other_subjects: Iterable[tuple[str, str]],
) -> Obstacle | None:
    """Why the other deviation cannot stand for this one."""
    if other_state in SETTLED:
        return OTHER_SETTLED()
    if _RANK[other_severity] < _RANK[severity]:
        return OTHER_MILDER()
    if missing := sorted(code for _, code in set(subjects) - set(other_subjects)):
        return OTHER_NARROWER(codes=", ".join(missing))
    return None
