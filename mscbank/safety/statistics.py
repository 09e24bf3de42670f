"""Months and quantiles as the report prints them (D §1.4, PD-02): exact inside, rounded once at the end."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from mscbank.core.types import decimal_of

DAYS_A_MONTH = Fraction("30.4375")


def months(days: int) -> Fraction:
    """Days as months of 30.4375 days."""
    return Fraction(days) / DAYS_A_MONTH


def quantile(values: Sequence[Fraction], q: Fraction) -> Fraction:
    """The quantile by linear interpolation at position q·(n−1) of the sorted values (type 7)."""
    if not values:
        raise ValueError("no values, no quantile")
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = position.numerator // position.denominator
    if below + 1 >= len(ordered):
        return ordered[-1]
    return ordered[below] + (position - below) * (ordered[below + 1] - ordered[below])


def one_decimal(value: Fraction) -> Decimal:
    """One decimal, half up."""
    return decimal_of(value, 1)


def percent(part: int, whole: int) -> Decimal:
    """Part of whole in percent, one decimal, half up; 0 of 0 is 0."""
    return decimal_of(Fraction(100 * part, whole), 1) if whole else Decimal(0)
