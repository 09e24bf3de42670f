"""Population doublings, yields and days."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.batch import growth
from mscbank.batch.growth import Count

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MILLION = 10**6


def count(number: int, seeded: int, harvested: int | None = None, days: int = 10) -> Count:
    at = START + timedelta(days=10 * number)
    ended = None if harvested is None else at + timedelta(days=days)
    return Count(number, seeded, at, harvested, ended)


def test_the_worked_example():
    assert growth.doublings(12 * MILLION, 186 * MILLION) == Decimal("3.954")


@pytest.mark.parametrize(
    ("seeded", "harvested", "doublings"),
    [
        (1, 1, "0.000"),
        (1, 2, "1.000"),
        (1, 1024, "10.000"),
        (2, 1, "-1.000"),
        (10**15, 1, "-49.829"),
        (3, 1, "-1.585"),
        (1, 3, "1.585"),
        (10_000_000, 10_003_466, "0.000"),
        (10_000_000, 10_003_467, "0.001"),
    ],
)
def test_doublings_to_three_places_half_up(seeded: int, harvested: int, doublings: str):
    assert growth.doublings(seeded, harvested) == Decimal(doublings)


@given(st.integers(1, 10**13), st.integers(1, 10**13))
def test_doublings_agree_with_the_logarithm_and_undo_each_other(seeded: int, harvested: int):
    found = growth.doublings(seeded, harvested)
    assert abs(found - Decimal(math.log2(harvested / seeded))) <= Decimal("0.00051")
    assert growth.doublings(harvested, seeded) == -found


def test_p0_has_no_doubling_and_the_sum_begins_at_p1():
    counts = [count(0, 120 * MILLION, 12 * MILLION), count(1, 12 * MILLION, 186 * MILLION)]
    first, second = growth.grown(counts)
    assert first.doublings is None
    assert first.cumulative is None
    assert second.doublings == second.cumulative == Decimal("3.954")
    assert growth.cumulative_doublings(counts[:1]) == 0
    assert growth.cumulative_doublings([]) == 0


def test_the_sum_is_rounded_once_at_the_end():
    counts = [count(n, 1_000_000, 1_000_346) for n in range(1, 5)]
    each = [g.doublings for g in growth.grown(counts)]
    assert each == [Decimal("0.000")] * 4
    assert growth.cumulative_doublings(counts) == Decimal("0.002")


def test_a_passage_that_is_still_growing_or_gave_nothing_adds_nothing():
    counts = [count(1, 12 * MILLION, 24 * MILLION), count(2, 24 * MILLION, 0), count(3, 5)]
    assert growth.cumulative_doublings(counts) == Decimal("1.000")
    grown = growth.grown(counts)
    assert [g.doublings for g in grown] == [Decimal("1.000"), None, None]
    assert [g.fold for g in grown] == [2, 0, None]
    assert [g.days for g in grown] == [10, 10, None]


def test_yield_is_exact_and_needs_a_surface():
    grown = growth.grown([count(1, 10, 1000)], {1: Decimal("0.3")})
    assert grown[0].yield_per_cm2 == Fraction(10000, 3)
    assert growth.grown([count(1, 10, 1000)])[0].yield_per_cm2 is None


def test_days_are_exact_to_the_microsecond():
    later = START + timedelta(days=1, hours=12, microseconds=1)
    assert growth.days_between(START, later) == Fraction(129_600_000_001, 86_400_000_000)


def test_the_curve_goes_by_time_and_leaves_the_mononuclear_cells_out():
    points = growth.curve([count(1, 12, 186), count(0, 120, 12)])
    assert [(p.passage, p.cells, p.days, p.is_harvest) for p in points] == [
        (0, 12, 10, True),
        (1, 12, 10, False),
        (1, 186, 20, True),
    ]
    assert growth.curve([]) == []
    assert growth.curve([count(0, 120)]) == []


def test_more_cells_than_there_were():
    before = count(0, 120, 12)
    assert growth.more_than_there_was(13, before)
    assert not growth.more_than_there_was(12, before)
    assert not growth.more_than_there_was(13, None)
    assert not growth.more_than_there_was(13, count(0, 120))
