"""Whether a visit lies in its window, and which are due (D §1.5, PD-03)."""

from datetime import date, timedelta

import pytest

from mscbank.safety.visits import UNPLANNED, judge, outstanding, study_ends_on
from mscbank.study.defaults import VISITS

DAY_0 = date(2016, 2, 29)


def on(name: str, day: date, *, infused_on: date | None = DAY_0, recorded=()):
    return judge(name, day, infused_on=infused_on, plans=VISITS, recorded=recorded)


@pytest.mark.parametrize(
    ("name", "day", "in_window"),
    [
        ("D0", date(2016, 2, 29), True),
        ("D0", date(2016, 3, 1), False),
        ("D1", date(2016, 3, 1), True),
        ("D1", date(2016, 3, 2), True),
        ("D1", date(2016, 3, 3), False),
        ("D10", date(2016, 3, 10), True),
        ("D10", date(2016, 3, 13), True),
        ("D10", date(2016, 3, 14), False),
        ("M1", date(2016, 3, 22), True),
        ("M1", date(2016, 3, 21), False),
        ("M1", date(2016, 4, 5), True),
        ("M1", date(2016, 4, 6), False),
        ("M12", date(2017, 1, 29), True),
        ("M12", date(2017, 1, 28), False),
        ("M12", date(2017, 3, 30), True),
        ("M12", date(2017, 3, 31), False),
        ("M24", date(2018, 3, 30), True),
        ("M24", date(2018, 3, 31), False),
    ],
)
def test_both_ends_of_every_window(name, day, in_window):
    """29 February + 12 months is 28 February; outside a window a visit is kept and marked."""
    assert on(name, day) == on(name, day)
    assert on(name, day).fault is None
    assert on(name, day).in_window is in_window


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("D0", date(2016, 2, 28)),
        ("D1", date(2016, 2, 29)),
        ("D10", date(2016, 3, 9)),
        ("M1", date(2016, 2, 28)),
    ],
)
def test_the_first_days_are_never_early(name, day):
    """Day 10 before day 10 would close the primary endpoint early; no plan lies before it."""
    assert on(name, day).fault is not None


def test_what_cannot_be_recorded_says_why_at_its_field():
    assert on("M2", DAY_0).field == "name"
    assert on("M1", DAY_0, infused_on=None).field == "name"
    assert on("M1", date(2016, 3, 29), recorded={"M1"}).field == "name"
    assert on("M1", date(2016, 3, 29), recorded={"D10"}).fault is None


def test_a_visit_out_of_turn_is_always_possible():
    assert on(UNPLANNED, date(2015, 1, 1), infused_on=None).in_window


def test_due_are_those_whose_window_has_opened():
    def names(today: date, recorded=()) -> list[str]:
        return [one.name for one in outstanding(DAY_0, VISITS, recorded, today)]

    assert names(DAY_0 - timedelta(days=1)) == []
    assert names(DAY_0) == ["D0"]
    assert names(date(2016, 3, 21), {"D0", "D1"}) == ["D10"]
    assert names(date(2016, 3, 22), {"D0", "D1"}) == ["D10", "M1"]
    assert len(names(date(2020, 1, 1))) == len(VISITS)


def test_the_study_ends_with_the_last_window():
    assert study_ends_on(DAY_0, VISITS) == date(2018, 3, 30)
    assert study_ends_on(DAY_0, []) is None
