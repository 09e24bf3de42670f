"""The completeness figure: filled, accounted for, and what is missing."""

import pytest

from mscbank.custody.balance import Balance
from mscbank.trace.completeness import PARTS, add_up


def test_the_example_of_the_face():
    first = Balance(filled=24, infused=4, present=15, qc_used=2, retained=2, destroyed=1)
    second = Balance(filled=13, infused=5, present=5, qc_used=2, retained=1)
    total = add_up([first, second])
    assert (total.filled, total.accounted, total.is_complete) == (37, 37, True)
    assert total.parts["present"] == 20


@pytest.mark.parametrize("part", PARTS)
def test_each_way_out_accounts_for_a_vial(part):
    assert add_up([Balance(filled=1, **{part: 1})]).is_complete


@pytest.mark.parametrize(("filled", "present"), [(2, 1), (1, 2)])
def test_one_too_few_or_too_many_is_incomplete(filled, present):
    assert not add_up([Balance(filled=filled, present=present)]).is_complete


def test_two_wrongs_do_not_make_a_right_in_one_batch():
    total = add_up([Balance(filled=2, present=1), Balance(filled=3, present=3)])
    assert (total.filled - total.accounted, total.is_complete) == (1, False)


def test_nothing_filled_is_complete():
    assert add_up([]).is_complete
