"""Visits: planned days, clamped months, windows."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.study import defaults, schedule
from mscbank.study.schedule import Visit

DAYS = st.dates(date(1990, 1, 1), date(2150, 12, 31))


def visit(name: str) -> Visit:
    return next(one for one in defaults.VISITS if one.name == name)


@pytest.mark.parametrize(
    ("infused_on", "name", "planned"),
    [
        (date(2016, 2, 29), "M12", date(2017, 2, 28)),
        (date(2016, 2, 29), "M24", date(2018, 2, 28)),
        (date(2016, 1, 31), "M1", date(2016, 2, 29)),
        (date(2015, 1, 31), "M1", date(2015, 2, 28)),
        (date(2015, 8, 31), "M6", date(2016, 2, 29)),
        (date(2014, 12, 15), "M1", date(2015, 1, 15)),
        (date(2014, 11, 30), "M3", date(2015, 2, 28)),
        (date(2014, 3, 24), "D0", date(2014, 3, 24)),
        (date(2014, 3, 24), "D10", date(2014, 4, 3)),
        (date(2014, 12, 31), "D1", date(2015, 1, 1)),
    ],
)
def test_planned_days(infused_on: date, name: str, planned: date):
    assert schedule.planned_on(infused_on, visit(name)) == planned


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("D0", 0, 0), ("D1", 0, 1), ("D10", 0, 3), ("M1", 7, 7), ("M3", 14, 14), ("M6", 14, 14),
        ("M9", 14, 14), ("M12", 30, 30), ("M18", 30, 30), ("M24", 30, 30),
    ],
)  # fmt: skip
def test_windows_of_the_default_plan(name: str, before: int, after: int):
    one = schedule.due(date(2020, 6, 15), visit(name))
    assert (one.on - one.earliest).days == before
    assert (one.latest - one.on).days == after
    assert one.holds(one.earliest)
    assert one.holds(one.latest)
    assert not one.holds(one.earliest - timedelta(days=1))
    assert not one.holds(one.latest + timedelta(days=1))


def test_day_10_is_never_early():
    assert not schedule.due(date(2020, 6, 15), visit("D10")).holds(date(2020, 6, 24))


def test_it_is_late_only_after_the_window():
    one = schedule.due(date(2020, 6, 15), visit("D10"))
    assert not one.is_late(date(2020, 6, 28))
    assert one.is_late(date(2020, 6, 29))


def test_the_calendar_is_in_order():
    found = schedule.calendar(date(2020, 6, 15), reversed(defaults.VISITS))
    assert [one.name for one in found] == [one.name for one in defaults.VISITS]


@given(DAYS, st.integers(0, 600))
def test_a_month_later_is_in_that_month(day: date, months: int):
    later = schedule.add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
    assert later.day == day.day or (later + timedelta(days=1)).day == 1


@given(DAYS, st.integers(0, 3650))
def test_days_are_counted(day: date, days: int):
    assert (schedule.planned_on(day, Visit("x", days, None)) - day).days == days
