"""Whole years."""

from datetime import date

import pytest

from mscbank.family.ages import whole_years


@pytest.mark.parametrize(
    ("born_on", "on", "years"),
    [
        (date(2000, 5, 17), date(2018, 5, 16), 17),
        (date(2000, 5, 17), date(2018, 5, 17), 18),
        (date(2000, 5, 17), date(2018, 5, 18), 18),
        (date(1950, 1, 1), date(2020, 12, 31), 70),
        (date(1950, 1, 1), date(2021, 1, 1), 71),
        (date(2000, 2, 29), date(2018, 2, 28), 17),
        (date(2000, 2, 29), date(2018, 3, 1), 18),
        (date(2000, 2, 29), date(2020, 2, 29), 20),
        (date(2020, 6, 1), date(2020, 6, 1), 0),
    ],
)
def test_whole_years(born_on: date, on: date, years: int):
    assert whole_years(born_on, on) == years
