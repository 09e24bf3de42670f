"""Milestones: neighbours of one sort on one day are one; every name is that of an action."""

from datetime import UTC, datetime

from mscbank.core.acts import ACTIONS
from mscbank.trace.moments import MILESTONES, Act, gather


def act(action: str, day: int, who: str = "Bruno", code: str = "V1") -> Act:
    return Act(f"{action}{day}{code}", action, datetime(2026, 3, day, 10, tzinfo=UTC), who, "vial", code)


def test_neighbours_of_one_sort_on_one_day_are_told_as_one():
    found = gather([act("a", 1), act("a", 1, "Tomás", "V2"), act("b", 1), act("a", 1), act("a", 2)])
    assert [(one.action, one.at.day, len(one.things)) for one in found] == [
        ("a", 1, 2),
        ("b", 1, 1),
        ("a", 1, 1),
        ("a", 2, 1),
    ]
    assert found[0].who == ["Bruno", "Tomás"]


def test_the_same_thing_twice_counts_once():
    (one,) = gather([act("a", 1), act("a", 1)])
    assert (one.things, one.who) == ([("vial", "V1")], ["Bruno"])


def test_every_milestone_is_an_action():
    assert set(MILESTONES) <= set(ACTIONS)
