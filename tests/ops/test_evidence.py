"""A run of the tests as it is kept: what counts as met, and that a whole run misses nothing unnoticed."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mscbank.core.errors import Obstacle, Refused, invalid
from mscbank.core.evidence import Run, Tried
from mscbank.ops import requirements
from tests import evidence

MET, FAILED = Tried(passed=3), Tried(passed=3, failed=1)


def run(refusals: dict[str, Tried], guards: dict[str, Tried]) -> Run:
    return Run(datetime.now(UTC), "0", "-", "3", (), 1, 0, 0, refusals, guards, {})


def test_what_no_test_met_and_passed_is_named():
    refusals = dict.fromkeys(requirements.refusals(), MET)
    guards = dict.fromkeys(requirements.guards(), MET)
    assert requirements.unmet(run(refusals, guards)) == ([], [])
    del guards["vial keeps its codes"]
    refusals["missing"] = FAILED
    assert requirements.unmet(run(refusals, guards)) == (["missing"], ["vial keeps its codes"])


def test_a_refusal_is_met_when_it_is_raised_or_shown(monkeypatch: pytest.MonkeyPatch):
    for name in ("as_json", "as_words"):
        monkeypatch.setattr(Obstacle, name, getattr(Obstacle, name))
    monkeypatch.setattr(Refused, "__init__", Refused.__init__)
    watch = evidence.Watch()
    event.remove(Engine, "handle_error", watch._heard)
    found = Obstacle("a.rule", "found by a rule")
    assert watch.refusals == set()
    found.as_words()
    Obstacle("a.move", "off").as_json()
    invalid(Obstacle("a.fault", "typed wrong"), field=["typed wrong"])
    assert watch.refusals == {"a.rule", "a.move", "invalid", "a.fault"}


@pytest.mark.parametrize(
    ("kind", "missing", "stopped", "exitstatus", "ends"),
    [
        ("test", ["a.rule"], False, 0, 1),
        ("test", [], False, 0, 0),
        ("test", ["a.rule"], True, 0, 0),
        ("test", ["a.rule"], False, 2, 2),
        ("long", ["a.rule"], False, 0, 0),
    ],
)
def test_a_whole_run_that_misses_something_has_failed(
    monkeypatch: pytest.MonkeyPatch, kind: str, missing: list[str], stopped: bool, exitstatus: int, ends: int
):
    said: list[str] = []
    reporter: Any = SimpleNamespace(section=lambda title, **_: said.append(title), write_line=said.append)
    gathering = evidence.Gathering(SimpleNamespace(), kind)
    monkeypatch.setattr(gathering, "keep", lambda: missing)
    session: Any = SimpleNamespace(shouldstop=stopped, shouldfail=False, exitstatus=exitstatus)
    gathering.pytest_sessionfinish(session, exitstatus)
    gathering.pytest_terminal_summary(reporter)
    assert session.exitstatus == ends
    assert ("a.rule" in said) is (ends == 1)


@pytest.mark.parametrize("choice", evidence.CHOICES)
def test_a_choice_of_tests_is_no_whole_run(choice: str):
    paths = ["tests"]
    config: Any = SimpleNamespace(option=SimpleNamespace(), args=paths, getini=lambda _name: paths)
    assert evidence.is_whole(config)
    setattr(config.option, choice, ["x"])
    assert not evidence.is_whole(config)
    other: Any = SimpleNamespace(option=SimpleNamespace(), args=["tests/ops"], getini=lambda _name: paths)
    assert not evidence.is_whole(other)
