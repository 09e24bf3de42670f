"""The windows of D §3.2, on both edges of every profile."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.collection import windows
from mscbank.collection.panel import Marker
from mscbank.collection.windows import Profile

DONATED = date(2026, 3, 15)


@pytest.mark.parametrize(
    ("profile", "days", "counts"),
    [
        (Profile.EU_MARROW, -1, False),
        (Profile.EU_MARROW, 0, True),
        (Profile.EU_MARROW, 30, True),
        (Profile.EU_MARROW, 31, False),
        (Profile.FDA_MARROW, -8, False),
        (Profile.FDA_MARROW, -7, True),
        (Profile.FDA_MARROW, 30, True),
        (Profile.FDA_MARROW, 31, False),
        (Profile.EU_OTHER_LIVING, -8, False),
        (Profile.EU_OTHER_LIVING, -7, True),
        (Profile.EU_OTHER_LIVING, 0, True),
        (Profile.EU_OTHER_LIVING, 1, False),
    ],
)
def test_both_ends_are_included(profile: Profile, days: int, counts: bool):
    assert windows.accepts(profile, DONATED, DONATED - timedelta(days=days)) is counts


@pytest.mark.parametrize(
    ("donated", "sampled", "days"),
    [
        (date(2024, 3, 1), date(2024, 2, 1), 29),
        (date(2023, 3, 1), date(2023, 2, 1), 28),
        (date(2026, 1, 1), date(2025, 12, 2), 30),
        (date(2026, 3, 30), date(2026, 3, 28), 2),
        (date(2026, 3, 15), date(2026, 3, 20), -5),
    ],
)
def test_days_are_calendar_days_over_month_leap_day_and_clock_change(donated: date, sampled: date, days: int):
    assert windows.days_before(donated, sampled) == days


@given(st.sampled_from(list(Profile)), st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-60, 60))
def test_first_and_last_day_are_the_edges_of_what_is_accepted(profile: Profile, donated: date, shift: int):
    day = donated + timedelta(days=shift)
    inside = windows.first_day(profile, donated) <= day <= windows.last_day(profile, donated)
    assert windows.accepts(profile, donated, day) is inside


@given(st.sampled_from(list(Profile)), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_sample_is_good_until_its_last_day_and_no_longer(profile: Profile, sampled: date):
    last = windows.good_until(profile, sampled)
    assert windows.accepts(profile, last, sampled)
    assert not windows.accepts(profile, last + timedelta(days=1), sampled)


def test_only_the_marker_outside_is_drawn_again():
    sampled = [
        (Marker.HIV_NAT, DONATED - timedelta(days=31)),
        (Marker.HCV_NAT, DONATED - timedelta(days=30)),
        (Marker.HBV_NAT, DONATED - timedelta(days=40)),
        (Marker.HBV_NAT, DONATED - timedelta(days=2)),
    ]
    wanted = [Marker.HIV_NAT, Marker.HCV_NAT, Marker.HBV_NAT, Marker.SYPHILIS]
    assert windows.outside(Profile.EU_MARROW, DONATED, sampled, wanted) == [Marker.HIV_NAT, Marker.SYPHILIS]


def test_the_repeat_after_180_days_is_waived_by_nat_and_unknown_to_marrow():
    assert windows.repeat_due(Profile.EU_OTHER_LIVING, DONATED, with_nat=False) == date(2026, 9, 11)
    assert windows.repeat_due(Profile.EU_OTHER_LIVING, DONATED, with_nat=True) is None
    assert windows.repeat_due(Profile.EU_MARROW, DONATED, with_nat=False) is None
    assert windows.repeat_due(Profile.FDA_MARROW, DONATED, with_nat=False) is None


def test_only_profiles_that_sample_after_the_donation_let_it_precede_the_results():
    assert {p for p in Profile if windows.WINDOWS[p].least < 0} == windows.MAY_FOLLOW
