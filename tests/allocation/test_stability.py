"""The thaw window, also on the nights when the clocks change (PD-42)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mscbank.allocation.stability import Light, elapsed, expiry, light, minutes_left

PARIS = ZoneInfo("Europe/Paris")
WINDOW = timedelta(minutes=120)
THAW = datetime(2026, 10, 15, 9, 30, 40, tzinfo=UTC)


def after(minutes: int, seconds: int = 0) -> datetime:
    return THAW + timedelta(minutes=minutes, seconds=seconds)


@pytest.mark.parametrize(
    ("minutes", "seconds", "planned", "shown"),
    [
        (0, 0, 30, Light.GREEN),
        (90, 0, 30, Light.GREEN),
        (90, 1, 30, Light.AMBER),
        (119, 59, 1, Light.AMBER),
        (120, 0, 30, Light.RED),
        (121, 0, 0, Light.RED),
        (0, 0, 120, Light.GREEN),
        (0, 0, 121, Light.AMBER),
    ],
)
def test_green_amber_and_red_at_the_start(minutes, seconds, planned, shown):
    assert light(THAW, after(minutes, seconds), timedelta(minutes=planned), WINDOW) is shown


def test_expiry_is_to_the_minute_and_never_promises_more():
    assert expiry(THAW, WINDOW) == datetime(2026, 10, 15, 11, 30, tzinfo=UTC)


def test_minutes_left_are_rounded_down_and_end_at_nothing():
    assert minutes_left(THAW, after(0), WINDOW) == 120
    assert minutes_left(THAW, after(10, 1), WINDOW) == 109
    assert minutes_left(THAW, after(120), WINDOW) == 0
    assert minutes_left(THAW, after(500), WINDOW) == 0


def test_the_night_when_an_hour_comes_twice_adds_no_hour():
    """Clocks go back at 3:00 on 25 October 2026: from 1:30 to 3:00 by the wall are two and a half hours."""
    thaw = datetime(2026, 10, 25, 1, 30, tzinfo=PARIS)
    start = datetime(2026, 10, 25, 3, 0, tzinfo=PARIS)
    assert start - thaw == timedelta(minutes=90), "what the wall clocks say"
    assert elapsed(thaw, start) == timedelta(minutes=150)
    assert light(thaw, start, timedelta(minutes=20), WINDOW) is Light.RED


def test_the_night_when_an_hour_is_missing_takes_no_hour():
    """Clocks go forward at 2:00 on 29 March 2026: from 1:30 to 4:00 by the wall is an hour and a half."""
    thaw = datetime(2026, 3, 29, 1, 30, tzinfo=PARIS)
    start = datetime(2026, 3, 29, 4, 0, tzinfo=PARIS)
    assert elapsed(thaw, start) == timedelta(minutes=90)
    assert light(thaw, start, timedelta(minutes=30), WINDOW) is Light.GREEN
    assert expiry(thaw, WINDOW) == datetime(2026, 3, 29, 4, 30, tzinfo=PARIS)


def test_the_two_half_past_twos_of_that_night_are_an_hour_apart():
    first = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    assert elapsed(first, second) == timedelta(hours=1)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError):
        elapsed(datetime(2026, 1, 1, 1, 1), THAW)  # noqa: DTZ001 - the naive instant is what is tried
