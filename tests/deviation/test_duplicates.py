"""A duplicate never makes something stop blocking."""

import pytest

from mscbank.deviation import duplicates
from mscbank.deviation.severity import Severity, State

VIAL, OTHER = ("vial", "V1"), ("vial", "V2")


def code(
    severity: Severity | None, other: Severity | None, *, state: State = State.OPEN,
    about: tuple = (VIAL,), named: tuple = (VIAL, OTHER),
) -> str | None:  # fmt: skip
    found = duplicates.obstacle(severity, about, other, state, named)
    return found.code if found else None


@pytest.mark.parametrize(
    ("severity", "other"),
    [
        (None, None),
        (None, Severity.MINOR),
        (Severity.MINOR, Severity.MINOR),
        (Severity.MINOR, Severity.CRITICAL),
        (Severity.MAJOR, Severity.CRITICAL),
        (Severity.CRITICAL, Severity.CRITICAL),
    ],
)
def test_as_grave_and_as_wide_is_enough(severity: Severity | None, other: Severity | None):
    assert code(severity, other) is None


@pytest.mark.parametrize(
    ("severity", "other"),
    [
        (Severity.MINOR, None),
        (Severity.MAJOR, None),
        (Severity.MAJOR, Severity.MINOR),
        (Severity.CRITICAL, Severity.MAJOR),
    ],
)
def test_a_milder_one_does_not_stand_for_it(severity: Severity, other: Severity | None):
    assert code(severity, other) == "deviation.other_milder"


def test_a_narrower_one_does_not_stand_for_it():
    assert code(None, None, about=(VIAL, OTHER), named=(VIAL,)) == "deviation.other_narrower"


@pytest.mark.parametrize("state", [State.CLOSED, State.DUPLICATE])
def test_a_settled_one_does_not_stand_for_it(state: State):
    assert code(None, None, state=state) == "deviation.other_settled"
