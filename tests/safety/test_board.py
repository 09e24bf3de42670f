"""The pictures of the report: boxes that hide nothing, conditions with their sign."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mscbank.safety.board import BOX_MONTHS, apart, conditions, event_words
from mscbank.safety.gate import GateFacts
from mscbank.safety.models import GateDecision
from mscbank.safety.words import Decision
from tests.safety.test_table import EVENTS

PLACES = st.lists(st.integers(0, 900).map(lambda day: Fraction(day) / 30), max_size=8)


@given(PLACES)
def test_no_box_hides_another_and_none_stands_early(places):
    found = apart(places, BOX_MONTHS)
    assert all(later - earlier >= BOX_MONTHS for earlier, later in itertools.pairwise(found))
    assert all(at >= wanted for at, wanted in zip(found, sorted(places), strict=True))


def test_a_box_alone_stands_where_it_fell():
    assert apart([Fraction(5)], BOX_MONTHS) == [5]
    assert apart([Fraction(0)], BOX_MONTHS) == [BOX_MONTHS / 2]


FACTS = GateFacts(1, 2, 10, (date(2024, 1, 1), date(2024, 1, 8)), 0, 0, date(2024, 6, 1))


def colours(facts, decision=None) -> list[str]:
    return [colour for _sign, colour, _words in conditions(facts, decision)]


def test_every_condition_carries_its_sign():
    assert colours(FACTS) == ["go"] * 4
    assert colours(replace(FACTS, wanted=3)) == ["wait", "go", "go", "go"]
    assert colours(replace(FACTS, today=date(2024, 1, 18))) == ["go", "wait", "go", "go"]
    assert colours(replace(FACTS, unreviewed=1)) == ["go", "go", "wait", "go"]
    assert colours(replace(FACTS, unseen=1)) == ["go", "go", "wait", "go"]
    assert colours(replace(FACTS, severe_related=1)) == ["go", "go", "go", "wait"]
    assert colours(replace(FACTS, is_paused=True)) == ["go", "go", "go", "wait", "go"]
    assert colours(replace(FACTS, infused_on=()))[:2] == ["wait", "wait"]


def test_an_opened_gate_shows_what_the_signer_saw():
    signed = GateDecision(
        decision=Decision.ESCALATE, opens_level=2, infused=2, past_day=2, unreviewed=0, severe_related=0,
        decided_by="vera", decided_at=datetime(2024, 2, 1, tzinfo=UTC),
    )  # fmt: skip
    assert colours(replace(FACTS, unreviewed=4, severe_related=1), signed) == ["go"] * 4


def test_an_event_is_said_with_its_three_facts():
    assert event_words(EVENTS[0]) == "Pneumonia, grade 4, serious, not related, day 400"
    assert event_words(replace(EVENTS[0], day=None)).endswith("day –")
