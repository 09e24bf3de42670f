"""What a run of the tests met: refusals, guards of the database, requirements; a whole run is kept.

In a worker each test's report carries what was refused while it ran; the controller adds it up and writes
``mscbank/core/evidence.json``, from which a page and ``docs/validation.md`` are made.
"""

import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from mscbank.app import load_steps
from mscbank.core import evidence
from mscbank.core.errors import Obstacle, Refused
from mscbank.core.version import VERSION
from mscbank.ops import requirements

ROOT = Path(__file__).parent.parent
MET = "met"
PAGE = """
from pathlib import Path
from mscbank.app import load_steps
from mscbank.core import evidence
from mscbank.ops import requirements
load_steps()
requirements.write_page(Path("docs"))
run = evidence.read().get("test")
for missing in requirements.unmet(run) if run else ():
    print(*missing, sep="\\n", end="\\n" if missing else "")
"""
"""In a process of its own: what tests declare must not reach the page. Prints what no test met."""
UNMET = (
    "No test meets these. Write the one that provokes it, through the service or by raw SQL, or delete what "
    "can never happen, with its words:"
)
CHOICES = ("keyword", "markexpr", "collectonly", "ignore", "ignore_glob", "deselect", "lf", "stepwise")
"""Options that choose among the tests: a run with one of them is no whole one."""
WRITTEN = ("mscbank/core/evidence.json", "docs/validation.md")


class Watch:
    """In the process that runs tests: refusals raised or shown, words with which the database refused.

    A refusal is met when the service refuses with it, or shows it, on a page or over the API, as what stands
    in the way; that a rule has found it is not enough.
    """

    def __init__(self) -> None:
        self.refusals: set[str] = set()
        self.words: set[str] = set()
        self._watch_refusals()
        for shows in ("as_json", "as_words"):
            self._watch_shown(shows)
        event.listen(Engine, "handle_error", self._heard)

    def _watch_refusals(self) -> None:
        original = Refused.__init__

        @wraps(original)
        def noted(refused: Refused, *arguments: Any, **named: Any) -> None:
            original(refused, *arguments, **named)
            self.refusals |= {obstacle.code for obstacle in refused.obstacles}

        Refused.__init__ = noted  # type: ignore[method-assign]

    def _watch_shown(self, name: str) -> None:
        original = getattr(Obstacle, name)

        @wraps(original)
        def noted(obstacle: Obstacle) -> dict[str, Any]:
            self.refusals.add(obstacle.code)
            shown: dict[str, Any] = original(obstacle)
            return shown

        setattr(Obstacle, name, noted)

    def _heard(self, context: ExceptionContext) -> None:
        self.words.add(str(context.original_exception).splitlines()[0][:200])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.refusals.clear()
        self.words.clear()
        try:
            return (yield)
        finally:
            item.user_properties.append(
                (MET, {"refusals": sorted(self.refusals), "words": sorted(self.words)})
            )


@dataclass
class Count:
    """Tests that passed and failed, and how many in each file."""

    passed: int = 0
    failed: int = 0
    files: Counter[str] = field(default_factory=Counter)

    def add(self, test: str, *, passed: bool) -> None:
        self.passed += passed
        self.failed += not passed
        self.files[test.partition("::")[0]] += 1

    def tried(self) -> evidence.Tried:
        return evidence.Tried(self.passed, self.failed, dict(sorted(self.files.items())))


class Gathering:
    """In the controller: every report, added up; written when the run was a whole one.

    A whole run in which a refusal or a guard was met by no test has failed.
    """

    def __init__(self, config: pytest.Config, kind: str) -> None:
        self.config, self.kind = config, kind
        self.unmet: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.refusals: dict[str, Count] = {}
        self.words: dict[str, Count] = {}
        self.requirements: dict[str, Count] = {}
        self.engines: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.outcome == "skipped" or (report.when != "call" and report.outcome == "passed"):
            return
        passed = report.outcome == "passed"
        self.engines |= {kind for kind in ("sqlite", "postgresql") if f"[{kind}" in report.nodeid}
        for name in requirements.met_by(report.nodeid):
            self.requirements.setdefault(name, Count()).add(report.nodeid, passed=passed)
        for name, met in report.user_properties:
            if name == MET:
                for code in met["refusals"]:
                    self.refusals.setdefault(code, Count()).add(report.nodeid, passed=passed)
                for words in met["words"]:
                    self.words.setdefault(words, Count()).add(report.nodeid, passed=passed)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus in (0, 1) and not session.shouldstop and not session.shouldfail:
            found = self.keep()
            if self.kind == "test" and found:
                self.unmet = found
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unmet:
            terminalreporter.section("met by no test", red=True)
            for line in (UNMET, *self.unmet):
                terminalreporter.write_line(line)

    def keep(self) -> list[str]:
        """Write the run and the page about it; answers with what the last run of the tests met nowhere."""
        evidence.write(evidence.read() | {self.kind: self.run()})
        made = [sys.executable, "-c", PAGE]
        done = subprocess.run(made, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()

    def run(self) -> evidence.Run:
        """The run as it is kept."""
        load_steps()
        return evidence.Run(
            ran_at=datetime.now(UTC).replace(microsecond=0), version=VERSION, commit=commit(),
            python=platform.python_version(), engines=tuple(sorted(self.engines)),
            passed=self.outcomes["passed"], failed=self.outcomes["failed"], skipped=self.outcomes["skipped"],
            refusals=_kept(self.refusals, requirements.refusals()),
            guards=_kept(self.words, requirements.guards()),
            requirements=_kept(self.requirements, {one.name for one in requirements.ALL}),
        )  # fmt: skip


def _kept(counted: dict[str, Count], known: set[str]) -> dict[str, evidence.Tried]:
    return {name: count.tried() for name, count in counted.items() if name in known}


def commit() -> str:
    """The commit that was tested, with a mark where the files differed from it."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", *(f":!{name}" for name in WRITTEN))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + (" with changes" if changed else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def is_whole(config: pytest.Config) -> bool:
    """Whether this run takes every test there is of its kind, not a choice."""
    chosen = any(getattr(config.option, name, None) for name in CHOICES)
    return not chosen and config.args == config.getini("testpaths")


def watch(config: pytest.Config) -> None:
    """Take part in a run: watch where tests run, gather where their reports arrive."""
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(Watch())
    if not is_worker and is_whole(config):
        kind = "long" if config.getoption("--long") else "test"
        config.pluginmanager.register(Gathering(config, kind))
