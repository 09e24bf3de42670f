"""The matrix of requirements names what is there, and each requirement has tests that are found."""

import re
from pathlib import Path

import pytest

from mscbank.ops import requirements
from mscbank.ops.requirements import ALL, Requirement

ROOT = Path(__file__).parent.parent.parent
INVARIANTS = 26


@pytest.mark.parametrize("one", ALL, ids=[one.name for one in ALL])
def test_what_a_requirement_names_is_there(one: Requirement):
    assert [name for name in one.code if not (ROOT / "mscbank" / name).exists()] == []
    assert [name for name in one.tests if not (ROOT / "tests" / name).exists()] == []
    assert one.code
    assert one.tests or one.number


def test_each_invariant_stands_there_once():
    assert [one.number for one in ALL if one.number] == list(range(1, INVARIANTS + 1))


@pytest.mark.parametrize("number", range(1, INVARIANTS + 1))
def test_each_invariant_has_tests_that_carry_its_number(number: int):
    name = re.compile(rf"def test_invariant_0*{number}(?!\d)")
    assert any(name.search(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize(
    ("test", "met"),
    [
        ("tests/release/test_gates.py::TestX::test_invariant_09_a[sqlite]", {"Invariant 9", "Annex 11, 15"}),
        ("tests/a.py::test_invariant_1_a", {"Invariant 1"}),
        ("tests/a.py::test_invariant_19_a", {"Invariant 19"}),
        ("tests/trace/test_walk.py::test_b", {"Complete"}),
        ("tests/a.py::test_b", set()),
    ],
)
def test_a_test_speaks_for_its_requirements(test: str, met: set[str]):
    assert set(requirements.met_by(test)) == met
