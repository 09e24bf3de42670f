"""What blocks release, and when a deviation may be concluded and closed."""

from dataclasses import replace

import pytest

from mscbank.deviation import severity
from mscbank.deviation.severity import DeviationFacts, Severity, State
from tests.people import ANA, BRUNO

FACTS = DeviationFacts(
    severity=Severity.MAJOR,
    state=State.CAPA,
    is_accepted=False,
    opened_by="bruno",
    has_root_cause=True,
    has_impact=True,
    has_capa=True,
)


@pytest.mark.parametrize(
    ("how_bad", "state", "is_accepted", "blocks"),
    [
        (Severity.CRITICAL, State.OPEN, False, True),
        (Severity.MAJOR, State.OPEN, False, True),
        (Severity.MAJOR, State.INVESTIGATING, False, True),
        (Severity.MAJOR, State.CAPA, False, True),
        (Severity.MAJOR, State.CLOSED, False, False),
        (Severity.CRITICAL, State.DUPLICATE, False, False),
        (Severity.CRITICAL, State.OPEN, True, False),
        (Severity.MINOR, State.OPEN, False, False),
        (None, State.OPEN, False, False),
    ],
)
def test_blocking(how_bad: Severity | None, state: State, is_accepted: bool, blocks: bool):
    assert severity.blocks(how_bad, state, is_accepted=is_accepted) is blocks


def test_it_is_closed_when_all_is_written():
    assert severity.not_classified(FACTS, ANA) is None
    assert severity.not_explained(FACTS, ANA) is None
    assert severity.opened_by_self(FACTS, ANA) is None


@pytest.mark.parametrize("missing", ["has_root_cause", "has_impact", "has_capa"])
def test_it_says_what_is_missing(missing: str):
    found = severity.not_explained(replace(FACTS, **{missing: False}), ANA)
    assert found is not None
    assert found.code == "deviation.not_explained"


def test_an_unknown_severity_is_in_the_way():
    found = severity.not_classified(replace(FACTS, severity=None), ANA)
    assert found is not None
    assert found.code == "deviation.not_classified"


def test_invariant_11_who_opened_it_does_not_judge_it():
    found = severity.opened_by_self(FACTS, BRUNO)
    assert found is not None
    assert found.code == "deviation.own"
