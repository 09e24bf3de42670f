"""What the tests of this version met: each refusal, each guard, each requirement; kept with the code.

A whole run of the tests writes ``evidence.json`` beside this module; pages and documents read it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("evidence.json")


@dataclass(frozen=True)
class Tried:
    """How often something was tried in a run: tests that passed and failed, and in which files."""

    passed: int = 0
    failed: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    """File of tests → how many of its tests."""

    @property
    def holds(self) -> bool:
        """Whether it was tried, and never in vain."""
        return self.passed > 0 and not self.failed


NEVER = Tried()


@dataclass(frozen=True)
class Run:
    """One whole run of the tests."""

    ran_at: datetime
    version: str
    commit: str
    python: str
    engines: tuple[str, ...]
    passed: int
    failed: int
    skipped: int
    refusals: Mapping[str, Tried]
    """By code."""
    guards: Mapping[str, Tried]
    """By the words with which the database refuses."""
    requirements: Mapping[str, Tried]
    """By their names in ``mscbank.ops.requirements``."""


KINDS = ("refusals", "guards", "requirements")


def read(file: Path = FILE) -> dict[str, Run]:
    """Name of a run (``test``, ``long``) → the last one; nothing where none was kept."""
    if not file.is_file():
        return {}
    return {name: _run(told) for name, told in json.loads(file.read_text(encoding="utf-8")).items()}


def _run(told: dict[str, Any]) -> Run:
    tried = {kind: {name: Tried(**one) for name, one in told[kind].items()} for kind in KINDS}
    return Run(
        **told | tried | {"ran_at": datetime.fromisoformat(told["ran_at"]), "engines": tuple(told["engines"])}
    )


def write(runs: Mapping[str, Run], file: Path = FILE) -> None:
    """Keep the runs."""
    told = {name: asdict(run) | {"ran_at": run.ran_at.isoformat()} for name, run in runs.items()}
    words = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False)
    file.write_text(words + "\n", encoding="utf-8")


@cache
def last_run() -> Run | None:
    """The run of the tests that came with this version, read once a process."""
    return read().get("test")
