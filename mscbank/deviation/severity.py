"""What a deviation's severity decides: whether it stands in the way of release, and when it may be closed.

Source: D §4.2, §4.8: critical and major block release until closed or accepted by quality assurance.
"""

from dataclasses import dataclass
from enum import StrEnum

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes


class Severity(StrEnum):
    """How much it may have harmed product or patient."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class State(StrEnum):
    """Where a deviation stands."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    CAPA = "capa"
    CLOSED = "closed"
    DUPLICATE = "rejected_as_duplicate"


BLOCKING = frozenset({Severity.MAJOR, Severity.CRITICAL})
SETTLED = frozenset({State.CLOSED, State.DUPLICATE})

NOT_CLASSIFIED = Refusal("deviation.not_classified", "Its severity has not been set yet.", Role.QA)
NOT_EXPLAINED = Refusal(
    "deviation.not_explained", "Root cause, impact and CAPA must be written before it is closed.", Role.QA
)
OWN_DEVIATION = FourEyes(
    "deviation.own",
    "You opened this deviation: another person of quality assurance decides.",
    Role.QA,
    first=("deviation.open",),
    second=("deviation.accept", "deviation.close"),
    held_by=(
        "ck_deviation_accepted_by_another",
        "ck_deviation_closed_by_another",
    ),
)


@dataclass(frozen=True)
class DeviationFacts:
    """What the rules of a deviation judge."""

    severity: Severity | None
    state: State
    is_accepted: bool
    opened_by: str
    has_root_cause: bool
    has_impact: bool
    has_capa: bool


def blocks(severity: Severity | None, state: State, *, is_accepted: bool) -> bool:
    """Whether a deviation stands in the way of release: major or critical, not settled, not accepted."""
    return severity in BLOCKING and state not in SETTLED and not is_accepted


def not_classified(facts: DeviationFacts, by: Principal) -> Obstacle | None:
    """Nobody concludes on a deviation whose severity is unknown."""
    return NOT_CLASSIFIED() if facts.severity is None else None


def not_explained(facts: DeviationFacts, by: Principal) -> Obstacle | None:
    """Closing needs root cause, impact on product and patient, and CAPA."""
    return None if facts.has_root_cause and facts.has_impact and facts.has_capa else NOT_EXPLAINED()


def opened_by_self(facts: DeviationFacts, by: Principal) -> Obstacle | None:
    """Who opened it neither accepts nor closes it: two sides of a paired act (invariant 11)."""
    return OWN_DEVIATION.stops(by, facts.opened_by)
