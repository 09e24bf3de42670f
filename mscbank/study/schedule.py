"""When a visit is due, and its window (D §1.5, PD-03).

``Dn`` is the infusion date + n days. ``Mn`` is the same day of the month n months later, clamped to the end
of the month: 29 Feb 2016 + 12 months = 28 Feb 2017. All dates are civil dates of the infusion site.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Visit:
    """A planned visit: days or months after the infusion, and the window in days around it."""

    name: str
    days: int | None
    months: int | None
    before_days: int = 0
    after_days: int = 0


@dataclass(frozen=True)
class Due:
    """When a visit is due for one person; both ends of the window are included."""

    name: str
    on: date
    earliest: date
    latest: date

    def holds(self, day: date) -> bool:
        """Whether a visit on that day lies in the window."""
        return self.earliest <= day <= self.latest

    def is_late(self, today: date) -> bool:
        """Whether the window has closed."""
        return today > self.latest


def add_months(day: date, months: int) -> date:
    """The same day of the month ``months`` later, clamped to the end of the month."""
    year, month = divmod(day.year * MONTHS_A_YEAR + day.month - 1 + months, MONTHS_A_YEAR)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def planned_on(infused_on: date, visit: Visit) -> date:
    """The day for which a visit is planned."""
    if visit.months is not None:
        return add_months(infused_on, visit.months)
    return infused_on + timedelta(days=visit.days or 0)


def due(infused_on: date, visit: Visit) -> Due:
    """The planned day of a visit and its window."""
    day = planned_on(infused_on, visit)
    return Due(
        visit.name, day, day - timedelta(days=visit.before_days), day + timedelta(days=visit.after_days)
    )


def calendar(infused_on: date, visits: Iterable[Visit]) -> list[Due]:
    """All visits of one person, by planned day."""
    return sorted((due(infused_on, visit) for visit in visits), key=lambda one: (one.on, one.name))
