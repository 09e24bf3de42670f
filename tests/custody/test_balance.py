"""filled = QC + retained + infused + destroyed + broken + lost + present (invariant 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.custody.balance import PRESENT, Balance, balance_of
from mscbank.custody.states import Condition

counts = st.dictionaries(st.sampled_from(Condition), st.integers(0, 200))


@given(counts)
def test_invariant_7_every_condition_is_counted_exactly_once(by_condition):
    total = sum(by_condition.values())
    balance = balance_of(total, by_condition)
    assert balance.accounted == total
    assert balance.difference == 0
    assert balance.closes


@given(counts, st.integers(1, 50))
def test_invariant_7_a_vial_more_or_less_shows(by_condition, more):
    total = sum(by_condition.values())
    assert balance_of(total + more, by_condition).difference == more
    assert balance_of(total - more, by_condition).difference == -more
    assert not balance_of(total + more, by_condition).closes


def test_the_example_of_the_face():
    balance = Balance(filled=37, infused=9, present=20, qc_used=4, retained=3, destroyed=1)
    assert (balance.accounted, balance.difference, balance.closes) == (37, 0, True)


@pytest.mark.parametrize("condition", Condition)
def test_each_condition_is_either_present_or_a_way_out(condition):
    balance = balance_of(1, {condition: 1})
    assert (balance.present == 1) is (condition in PRESENT)
    assert balance.closes


def test_a_batch_never_filled_closes_at_nothing():
    assert balance_of(0, {}) == Balance(0)
