"""In which period of a patient's time an event began (D §1.5): computed, never stored."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from mscbank.core.i18n import _


class Period(StrEnum):
    """Where an onset lies relative to the infusion."""

    PRE_INFUSION = "pre_infusion"
    DURING = "during_infusion"
    TO_DAY_10 = "to_day_10"
    LATER = "later"
    POST_STUDY = "post_study"


PERIOD_WORDS = {
    Period.PRE_INFUSION: _("before the infusion"),
    Period.DURING: _("during the infusion"),
    Period.TO_DAY_10: _("to day 10"),
    Period.LATER: _("after day 10"),
    Period.POST_STUDY: _("after the study"),
}
PRIMARY = frozenset({Period.DURING, Period.TO_DAY_10})
"""The primary window: from the start of the infusion to the end of day 10."""
LONGEST = timedelta(hours=24)
"""How long an infusion without an end on record can have lasted."""


@dataclass(frozen=True)
class Course:
    """One patient's infusion: start and end as instants, the civil zone of its site, the last study day."""

    started_at: datetime | None
    ended_at: datetime | None
    zone: str
    study_ends_on: date | None = None
    window_days: int = 10


def civil_date(instant: datetime, zone: str) -> date:
    """The date on the wall of the infusion site."""
    return instant.astimezone(ZoneInfo(zone)).date()


def period_of(onset_at: datetime, course: Course) -> Period:
    """The period of an onset: both ends of the primary window belong to it, by the site's civil date."""
    if course.started_at is None or onset_at < course.started_at:
        return Period.PRE_INFUSION
    onset_on = civil_date(onset_at, course.zone)
    if onset_at <= (course.ended_at or course.started_at + LONGEST):
        return Period.DURING
    if onset_on <= civil_date(course.started_at, course.zone) + timedelta(days=course.window_days):
        return Period.TO_DAY_10
    if course.study_ends_on is not None and onset_on > course.study_ends_on:
        return Period.POST_STUDY
    return Period.LATER


def day_of(onset_at: datetime, course: Course) -> int | None:
    """Days from the day of the infusion, 0 on that day; ``None`` before any infusion."""
    if course.started_at is None:
        return None
    return (civil_date(onset_at, course.zone) - civil_date(course.started_at, course.zone)).days
