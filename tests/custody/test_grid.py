"""Positions are named by letter and number."""

import pytest

from mscbank.custody.grid import MOST_COLUMNS, MOST_ROWS, position_name, positions


@pytest.mark.parametrize(
    ("row", "column", "name"), [(1, 1, "A1"), (2, 5, "B5"), (9, 9, "I9"), (26, 30, "Z30")]
)
def test_names(row, column, name):
    assert position_name(row, column) == name


def test_a_box_of_nine_by_nine():
    grid = positions(9, 9)
    assert len(grid) == 81
    assert [name for _row, _column, name in grid[:10]] == [*(f"A{n}" for n in range(1, 10)), "B1"]
    assert grid[-1] == (9, 9, "I9")


def test_the_largest_box_names_no_position_twice():
    grid = positions(MOST_ROWS, MOST_COLUMNS)
    assert len({name for *_place, name in grid}) == MOST_ROWS * MOST_COLUMNS
