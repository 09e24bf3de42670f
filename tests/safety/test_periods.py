"""In which period an event began: both ends of every window, by the civil date of the infusion site."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mscbank.safety.periods import PRIMARY, Course, Period, civil_date, day_of, period_of

PARIS = "Europe/Paris"


def paris(year, month, day, hour=0, minute=0, second=0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)


START, END = paris(2024, 3, 20, 10), paris(2024, 3, 20, 10, 40)
COURSE = Course(START, END, PARIS, study_ends_on=date(2026, 4, 19))
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("onset", "period", "day"),
    [
        (START - SECOND, Period.PRE_INFUSION, 0),
        (paris(2024, 3, 20), Period.PRE_INFUSION, 0),
        (START, Period.DURING, 0),
        (END, Period.DURING, 0),
        (END + SECOND, Period.TO_DAY_10, 0),
        (paris(2024, 3, 30, 23, 59, 59), Period.TO_DAY_10, 10),
        (paris(2024, 3, 31), Period.LATER, 11),
        (paris(2026, 4, 19, 23, 59, 59), Period.LATER, 760),
        (paris(2026, 4, 20), Period.POST_STUDY, 761),
    ],
)
def test_both_ends_of_every_period(onset, period, day):
    assert period_of(onset, COURSE) is period
    assert day_of(onset, COURSE) == day


def test_day_10_ends_at_midnight_of_the_site_across_the_change_of_the_clock():
    """Summer time begins on 31 March 2024: the tenth day after 21 March is an hour short."""
    course = Course(paris(2024, 3, 21, 23, 30), paris(2024, 3, 21, 23, 50), PARIS)
    assert period_of(datetime(2024, 3, 31, 21, 59, 59, tzinfo=UTC), course) is Period.TO_DAY_10
    assert period_of(datetime(2024, 3, 31, 22, 0, tzinfo=UTC), course) is Period.LATER
    autumn = Course(paris(2024, 10, 17, 9), paris(2024, 10, 17, 9, 30), PARIS)
    assert period_of(datetime(2024, 10, 27, 22, 59, 59, tzinfo=UTC), autumn) is Period.TO_DAY_10
    assert period_of(datetime(2024, 10, 27, 23, 0, tzinfo=UTC), autumn) is Period.LATER


def test_the_civil_date_is_that_of_the_site_not_of_utc():
    late = Course(paris(2024, 1, 10, 0, 30), paris(2024, 1, 10, 1), PARIS)
    assert civil_date(late.started_at, PARIS) == date(2024, 1, 10)
    assert late.started_at.date() == date(2024, 1, 9)
    assert period_of(paris(2024, 1, 20, 23, 30), late) is Period.TO_DAY_10
    assert period_of(paris(2024, 1, 21, 0, 30), late) is Period.LATER


def test_without_an_infusion_everything_lies_before_it():
    course = Course(None, None, PARIS)
    assert period_of(START, course) is Period.PRE_INFUSION
    assert day_of(START, course) is None


def test_an_infusion_without_an_end_lasts_at_most_a_day():
    course = Course(START, None, PARIS)
    assert period_of(START + timedelta(hours=24), course) is Period.DURING
    assert period_of(START + timedelta(hours=24, seconds=1), course) is Period.TO_DAY_10
    assert period_of(paris(2024, 4, 20), course) is Period.LATER


def test_the_primary_window_is_the_infusion_and_the_days_to_the_tenth():
    assert {Period.DURING, Period.TO_DAY_10} == PRIMARY


def test_an_event_has_no_end_date_without_a_schedule():
    course = Course(START, END, PARIS)
    assert period_of(paris(2060, 1, 1), course) is Period.LATER
