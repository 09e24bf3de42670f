"""The sums by which a verification sees that nothing differs, and what they take of memory."""

import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mscbank.core.tally import Tally

KEY = ("vial", "VDD00000100")
VALUES = st.one_of(st.none(), st.booleans(), st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3))
ROWS = st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1)


def change(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {"thing": list(KEY), "fields": {name: [before.get(name), after.get(name)] for name in names}}


@given(st.lists(ROWS, min_size=1, max_size=5), ROWS)
def test_it_holds_for_the_last_values_and_for_no_others(states: list[dict[str, Any]], other: dict[str, Any]):
    tally, before = Tally(), dict[str, Any]()
    for state in states:
        tally.fold(change(before, state))
        before = state
    assert tally.holds(KEY, before)
    there = {name: value for name, value in before.items() if value is not None}
    differs = {name: value for name, value in other.items() if value is not None} != there
    assert tally.holds(KEY, other) is not differs


def test_values_do_not_change_places():
    tally = Tally()
    tally.fold(change({}, {"a": "1", "b": "2", "c": ["x", "y"], "d": True}))
    for wrong in (
        {"a": "2", "b": "1", "c": ["x", "y"], "d": True}, {"a": "1", "b": "2", "c": ["y", "x"], "d": True},
        {"a": "1", "b": "2", "c": '["x", "y"]', "d": True},
        {"a": "1", "b": "2", "c": ["x", "y"], "d": "true"},
        {"a": "1", "b": "2", "c": ["x", "y"]}, {},
    ):  # fmt: skip
        assert not tally.holds(KEY, wrong), wrong
    assert not tally.holds(("vial", "another"), {})


def test_who_was_not_asked_about_is_told():
    tally = Tally()
    for number in range(3):
        tally.fold({"thing": ["site", f"S{number}"], "fields": {"a": [None, "x"]}})
    assert tally.holds(("site", "S1"), {"a": "x"})
    assert set(tally.unseen()) == {tally.name(("site", "S0")), tally.name(("site", "S2"))}


def test_a_row_takes_a_few_bytes_however_much_stands_in_it():
    rows, long = 5000, "a long text " * 200
    tracemalloc.start()
    tally = Tally()
    for number in range(rows):
        fields = {f"field {n}": [None, f"{long} {number} {n}"] for n in range(20)}
        tally.fold({"thing": ["vial", f"V{number}"], "fields": fields})
    taken, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / rows < 250
