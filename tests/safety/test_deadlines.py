"""The clocks (D §7.2): calendar days, day 0 is awareness, both ends."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mscbank.safety.deadlines import follow_up_due_on, report_is_late, susar_due_on

AWARE = datetime(2024, 10, 26, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "late"),
    [(timedelta(0), False), (timedelta(hours=24), False), (timedelta(hours=24, microseconds=1), True)],
)
def test_a_serious_event_is_late_after_24_hours_of_absolute_time(after, late):
    """Also in the night in which the clock goes back and the day has 25 hours."""
    assert report_is_late(AWARE, AWARE + after) is late


@pytest.mark.parametrize(
    ("aware", "due"),
    [
        (date(2024, 2, 22), date(2024, 2, 29)),
        (date(2024, 2, 23), date(2024, 3, 1)),
        (date(2023, 2, 22), date(2023, 3, 1)),
    ],
)
def test_fatal_or_life_threatening_is_due_after_7_days(aware, due):
    assert susar_due_on(aware, fatal_or_life_threatening=True) == due


@pytest.mark.parametrize(
    ("aware", "due"),
    [(date(2024, 2, 20), date(2024, 3, 6)), (date(2023, 2, 20), date(2023, 3, 7))],
)
def test_everything_else_is_due_after_15_days(aware, due):
    assert susar_due_on(aware, fatal_or_life_threatening=False) == due


@pytest.mark.parametrize(
    ("worse", "due"),
    [
        (date(2024, 5, 2), date(2024, 5, 9)),
        (date(2024, 5, 9), date(2024, 5, 16)),
        (date(2024, 5, 10), date(2024, 5, 16)),
        (date(2024, 6, 1), date(2024, 5, 16)),
    ],
)
def test_what_became_fatal_later_never_moves_the_clock_back(worse, due):
    """The earlier of the original due date (1 May + 15) and the worse outcome + 7."""
    assert susar_due_on(date(2024, 5, 1), fatal_or_life_threatening=True, worse_since=worse) == due


def test_significant_follow_up_has_a_clock_of_its_own():
    assert follow_up_due_on(date(2024, 12, 20)) == date(2025, 1, 4)
