"""Months, quantiles and percent as the report prints them (D §1.4, PD-02)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.safety.statistics import DAYS_A_MONTH, months, one_decimal, percent, quantile

NUMBERS = st.lists(st.integers(0, 4000).map(Fraction), min_size=1, max_size=30)
HALF, LOWER, UPPER = Fraction(1, 2), Fraction(1, 4), Fraction(3, 4)


def test_a_month_has_30_4375_days():
    assert Fraction(4870, 160) == DAYS_A_MONTH
    assert months(487) == 16
    assert months(0) == 0


@pytest.mark.parametrize(
    ("values", "q", "found"),
    [
        ([1], HALF, 1),
        ([1, 2], HALF, Fraction(3, 2)),
        ([1, 2, 3, 4], LOWER, Fraction(7, 4)),
        ([1, 2, 3, 4], UPPER, Fraction(13, 4)),
        ([4, 1, 3, 2], HALF, Fraction(5, 2)),
        ([1, 2, 3, 4, 5], LOWER, 2),
        ([10, 20], Fraction(0), 10),
        ([10, 20], Fraction(1), 20),
    ],
)
def test_quantiles_interpolate_at_q_times_n_less_one(values, q, found):
    assert quantile([Fraction(v) for v in values], q) == found


def test_no_values_no_quantile():
    with pytest.raises(ValueError, match="no values"):
        quantile([], HALF)


@given(NUMBERS)
def test_quantiles_lie_in_order_within_the_values(values):
    found = [quantile(values, Fraction(n, 4)) for n in range(5)]
    assert found == sorted(found)
    assert (found[0], found[4]) == (min(values), max(values))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("24.05", "24.1"), ("24.04", "24.0"), ("24.0499999", "24.0"), ("0.05", "0.1"), ("-0.05", "-0.1")],
)
def test_one_decimal_is_rounded_half_up(value, shown):
    assert one_decimal(Fraction(value)) == Decimal(shown)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (14, 20, "70.0"),
        (2, 20, "10.0"),
        (0, 20, "0.0"),
        (1, 3, "33.3"),
        (2, 3, "66.7"),
        (1, 16, "6.3"),
        (0, 0, "0"),
    ],
)
def test_percent_half_up_and_nothing_of_nothing(part, whole, shown):
    assert percent(part, whole) == Decimal(shown)
