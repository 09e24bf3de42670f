"""The conditions of the gate (D §1.3, PD-01), each alone, both ends of day 10."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mscbank.safety.gate import GateFacts, obstacles

LAST = date(2024, 5, 1)
FACTS = GateFacts(
    level=1, wanted=10, gate_day=10, infused_on=tuple(LAST - timedelta(days=7 * n) for n in range(10)),
    unreviewed=0, severe_related=0, today=LAST + timedelta(days=11),
)  # fmt: skip


def codes(**changes) -> list[str]:
    return [one.code for one in obstacles(replace(FACTS, **changes))]


def test_every_condition_met_leaves_only_the_signature():
    assert codes() == []
    assert FACTS.is_open
    assert (FACTS.infused, FACTS.past) == (10, 10)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"infused_on": FACTS.infused_on[1:]}, ["gate.not_infused"]),
        ({"infused_on": ()}, ["gate.not_infused"]),
        ({"today": LAST + timedelta(days=10)}, ["gate.window_open"]),
        ({"today": LAST + timedelta(days=11)}, []),
        ({"unseen": 1}, ["gate.visit_missing"]),
        ({"unreviewed": 1}, ["gate.events_unreviewed"]),
        ({"is_paused": True}, ["gate.paused"]),
        ({"severe_related": 3}, []),
        (
            {"infused_on": (LAST,), "today": LAST, "unreviewed": 2, "unseen": 1, "is_paused": True},
            ["gate.paused", "gate.not_infused", "gate.window_open", "gate.visit_missing",
             "gate.events_unreviewed"],
        ),
    ],
)  # fmt: skip
def test_each_condition_keeps_it_shut_and_grade_3_is_only_shown(changes, found):
    assert codes(**changes) == found


def test_more_than_asked_for_is_enough():
    assert codes(infused_on=(*FACTS.infused_on, LAST)) == []
    assert codes(infused_on=(*FACTS.infused_on, LAST + timedelta(days=1))) == ["gate.window_open"]
