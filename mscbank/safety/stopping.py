"""The stopping rule (D §1.3): related events of a grade by day 10 pause enrolment and infusion."""

from collections.abc import Iterable
from dataclasses import dataclass

from mscbank.safety.periods import PRIMARY, Period


@dataclass(frozen=True)
class Judged:
    """What the stopping rule looks at in an event. Unanswered causality counts as related (D §7.1)."""

    grade: int | None
    is_related: bool
    period: Period


def stops(event: Judged, grade: int) -> bool:
    """Whether an event counts: related, of this grade or worse, from the infusion's start to day 10."""
    return event.grade is not None and event.grade >= grade and event.is_related and event.period in PRIMARY


def pauses(
    before: Judged | None, after: Judged, others: Iterable[Judged], *, grade: int, events: int
) -> bool:
    """Whether what was just written makes the protocol stop: this event has come to count, and with the
    others there are enough. What counted already was judged when it came to count."""
    if not stops(after, grade) or (before is not None and stops(before, grade)):
        return False
    return 1 + sum(stops(other, grade) for other in others) >= events
