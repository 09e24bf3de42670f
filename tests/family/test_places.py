"""Who gets which number, level and place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core.errors import Obstacle
from mscbank.family import places
from mscbank.family.places import Given, Level

TRIAL = [Level(1, 10, True), Level(2, 10, False)]
BOTH = [Level(1, 10, True), Level(2, 10, True)]
FIRST_TEN = [Given(1, place) for place in range(1, 11)]


def test_the_first_gets_the_first_place():
    assert places.give(TRIAL, []) == Given(1, 1)


def test_the_tenth_gets_the_tenth():
    assert places.give(TRIAL, FIRST_TEN[:9]) == Given(1, 10)


def test_the_eleventh_waits_for_the_gate():
    found = places.give(TRIAL, FIRST_TEN)
    assert isinstance(found, Obstacle)
    assert found.code == "family.no_place"


def test_the_eleventh_gets_the_second_level_once_it_is_open():
    assert places.give(BOTH, FIRST_TEN) == Given(2, 1)


def test_a_place_given_back_is_filled_first():
    assert places.give(TRIAL, [one for one in FIRST_TEN if one.place != 4]) == Given(1, 4)
    assert places.give(BOTH, [one for one in FIRST_TEN if one.place != 4]) == Given(1, 4)


def test_a_full_study_takes_nobody():
    found = places.give(BOTH, [*FIRST_TEN, *(Given(2, place) for place in range(1, 11))])
    assert isinstance(found, Obstacle)
    assert found.code == "family.study_full"


def test_without_any_open_level_nobody_is_enrolled():
    found = places.give([Level(1, 10, False)], [])
    assert isinstance(found, Obstacle)
    assert found.code == "family.no_place"


def test_the_order_of_the_levels_given_does_not_matter():
    assert places.give(list(reversed(BOTH)), []) == Given(1, 1)


@pytest.mark.parametrize(("given", "following"), [([], 1), ([1], 2), ([1, 2, 3], 4), ([1, 3], 4), ([7], 8)])
def test_numbers_go_on_and_are_never_used_again(given: list[int], following: int):
    assert places.next_number(given) == following


LEVELS = st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=4).map(
    lambda found: [Level(n, size, is_open) for n, (size, is_open) in enumerate(found, start=1)]
)


@given(LEVELS, st.data())
def test_what_is_given_was_free_open_and_the_lowest(levels: list[Level], data: st.DataObject):
    every = [Given(level.number, place) for level in levels for place in range(1, level.places + 1)]
    taken = data.draw(st.lists(st.sampled_from(every), unique=True))
    open_ = {level.number for level in levels if level.is_open}
    left = [one for one in every if one.level in open_ and one not in taken]
    found = places.give(levels, taken)
    assert (found == left[0]) if left else isinstance(found, Obstacle)
