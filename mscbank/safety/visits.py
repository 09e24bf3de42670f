"""Whether a visit lies in its window (D §1.5, PD-03), and which visits are due."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from mscbank.study.schedule import Due, Visit, calendar, due

UNPLANNED = "unplanned"

NOT_PLANNED = "The protocol has no visit of this name. Leave it empty for a visit out of turn."
BEFORE_INFUSION = "This visit is counted from the infusion, and nothing was infused yet."
EARLY = "Never before %(earliest)s: record an earlier visit as one out of turn."
TAKEN = "This visit is on record already: correct that entry instead."
FUTURE = "This lies in the future."


@dataclass(frozen=True)
class Judged:
    """Whether a visit counts as in its window, or why it cannot be recorded so."""

    in_window: bool
    fault: str | None = None
    field: str = "visited_on"


def judge(
    name: str, day: date, *, infused_on: date | None, plans: Iterable[Visit], recorded: Collection[str]
) -> Judged:
    """Judge one visit. A planned visit without days before (day 0, day 1, day 10) is never early: it would
    close the primary endpoint before its last day. Later, or out of a window with days before, it is kept
    and marked."""
    if name == UNPLANNED:
        return Judged(True)
    plan = next((one for one in plans if one.name == name), None)
    if plan is None:
        return Judged(False, NOT_PLANNED, "name")
    if infused_on is None:
        return Judged(False, BEFORE_INFUSION, "name")
    if name in recorded:
        return Judged(False, TAKEN, "name")
    window = due(infused_on, plan)
    if day < window.earliest and (not plan.before_days or day < infused_on):
        return Judged(False, EARLY % {"earliest": window.earliest.isoformat()})
    return Judged(window.holds(day))


def outstanding(
    infused_on: date, plans: Iterable[Visit], recorded: Collection[str], today: date
) -> list[Due]:
    """The visits whose window has opened and that are not on record, the earliest first."""
    return [one for one in calendar(infused_on, plans) if one.earliest <= today and one.name not in recorded]


def study_ends_on(infused_on: date, plans: Iterable[Visit]) -> date | None:
    """The last day of the last planned visit's window: what begins later is after the study."""
    return max((one.latest for one in calendar(infused_on, plans)), default=None)
