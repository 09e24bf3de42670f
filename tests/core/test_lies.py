"""The page that asks to be lied to: every forbidden act, its guards, the attempts in life and in tests."""

from datetime import UTC, datetime

import pytest

from mscbank.core import evidence
from mscbank.core.errors import DECLARED
from mscbank.core.evidence import NEVER, Run, Tried
from mscbank.core.foureyes import PAIRS
from mscbank.core.web import lies
from mscbank.custody import actions as custody
from mscbank.ops.demo.cast import QA, QA_2
from tests.fixtures import Walked
from tests.walking import refuses


@pytest.fixture
def run() -> Run:
    return Run(
        datetime(2026, 11, 2, 9, 30, tzinfo=UTC), "1.0", "0123456789ab", "3.11.2", ("postgresql", "sqlite"),
        9000, 1, 3, {"custody.own_hold": Tried(2, 0, {"tests/a.py": 2}), "stale": Tried(1, 1)},
        {"record is append-only": Tried(4)}, {"11.50": Tried(0)},
    )  # fmt: skip


def test_what_was_kept_is_read_again(run: Run, tmp_path):
    evidence.write({"test": run}, tmp_path / "evidence.json")
    assert evidence.read(tmp_path / "evidence.json") == {"test": run}


def test_where_nothing_was_kept_nothing_is_claimed(tmp_path):
    assert evidence.read(tmp_path / "none.json") == {}


@pytest.mark.parametrize(("tried", "holds"), [(NEVER, False), (Tried(3, 0), True), (Tried(3, 1), False)])
def test_it_holds_when_tried_and_never_in_vain(tried: Tried, holds: bool):
    assert tried.holds is holds


@pytest.mark.db
def test_every_refusal_stands_there_once_four_eyes_first(released: Walked, run: Run):
    groups = lies.forbidden(run)
    assert next(iter(groups)) == "four eyes"
    assert {one.code for one in groups["four eyes"]} == set(PAIRS)
    assert sorted(one.code for lines in groups.values() for one in lines) == sorted(DECLARED)


@pytest.mark.db
def test_an_attempt_in_life_is_counted_and_dated(released: Walked, run: Run):
    stage, vial = released.stage, released.first.stock[0]
    assert "custody.own_hold" not in lies.in_life()
    stage.do(custody.hold, vial, by=QA, reason="Label hard to read")
    for _ in range(2):
        tried_at = stage.now
        refuses(
            "custody.own_hold", stage.sign, custody.lift_hold, vial, QA, number=1, reason="It was nothing"
        )
    found = lies.in_life()["custody.own_hold"]
    assert (found.count, found.last) == (2, tried_at)
    shown = next(one for one in lies.forbidden(run)["four eyes"] if one.code == "custody.own_hold")
    assert shown.in_life == found
    assert shown.in_tests.passed == 2
    assert shown.guards == ("guard_hold_own",)
    stage.sign(custody.lift_hold, vial, QA_2, number=1, reason="It was nothing")


@pytest.mark.db
def test_every_guard_of_the_database_stands_there(released: Walked, run: Run):
    found = {one.words: one for one in lies.guarded(run)}
    assert found["record is append-only"].in_tests.passed == 4
    assert {"guard_record_update", "guard_record_delete"} <= set(found["record is append-only"].names)
    assert found["vial keeps its codes"].in_tests == NEVER
