"""What is required, where it is met, and by which tests: what a site's own qualification starts from.

The clauses are those of 21 CFR Part 11, EU GMP Annex 11 and ALCOA+ that bear on software; the invariants are
the house's own. What a test proves is told by its file or name: an invariant's tests carry its number.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mscbank.core import evidence
from mscbank.core.errors import DECLARED
from mscbank.core.guards import triggers
from mscbank.ops.markdown import code, page, said, table

PAGE = "validation.md"
HEAD = "<!-- Written by a whole run of the tests. -->"
_NUMBERED = re.compile(r"::test_invariant_0*(\d+)(?!\d)")


@dataclass(frozen=True)
class Requirement:
    """One requirement."""

    name: str
    asks: str
    code: tuple[str, ...]
    """Modules or folders below ``mscbank/`` that meet it."""
    tests: tuple[str, ...] = ()
    """Files or folders below ``tests/``; an invariant's tests are known by their number."""

    @property
    def number(self) -> int | None:
        """The number of an invariant."""
        found = re.fullmatch(r"Invariant (\d+)", self.name)
        return int(found[1]) if found else None


def _read() -> dict[str, tuple[Requirement, ...]]:
    told = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        source: tuple(
            Requirement(name, one["asks"], tuple(one["code"]), tuple(one.get("tests", ())))
            for name, one in group.items()
        )
        for source, group in told.items()
    }


CLAUSES = _read()
"""Source → its requirements, as ``requirements.toml`` tells them."""
ALL = tuple(one for group in CLAUSES.values() for one in group)


def met_by(test: str) -> Iterator[str]:
    """The requirements that a test, by its whole name, speaks for."""
    numbered = _NUMBERED.search(test)
    number = int(numbered[1]) if numbered else None
    for one in ALL:
        if (number is not None and one.number == number) or test.startswith(_beginnings(one)):
            yield one.name


@cache
def _beginnings(one: Requirement) -> tuple[str, ...]:
    return tuple(f"tests/{name}" + ("" if name.endswith(".py") else "/") for name in one.tests)


def refusals() -> set[str]:
    """The codes of all refusals; the steps must be loaded."""
    return set(DECLARED)


def guards() -> set[str]:
    """The words of the database's guards on either engine."""
    return {one.message for dialect in ("sqlite", "postgresql") for one in triggers(dialect)}


def unmet(run: evidence.Run) -> tuple[list[str], list[str]]:
    """The refusals, by code, and the guards, by their words, that no test of a run met and passed."""
    return _without(refusals(), run.refusals), _without(guards(), run.guards)


def _without(known: set[str], tried: Mapping[str, evidence.Tried]) -> list[str]:
    return sorted(known - {name for name, one in tried.items() if one.holds})


# --- the page -----------------------------------------------------------------------------------


def write_page(folder: Path) -> None:
    """Write the matrix with the last result of each test."""
    (folder / PAGE).write_text(validation(), encoding="utf-8")


def validation() -> str:
    """The matrix: requirement, code, tests, last result."""
    run = evidence.read().get("test")
    about = said("""
        Each clause and each invariant with the code that meets it and the tests that prove it, and what they
        said in the last whole run. A site's own qualification starts from this page: it tells what
        was tested where the system is made, not that an installation is qualified.""")
    if run is None:
        return page(HEAD, "# Requirements, code, tests, results", about, "No whole run is kept.")
    untried, silent = unmet(run)
    return page(
        HEAD, "# Requirements, code, tests, results", about, _told(run),
        *(text for title, group in CLAUSES.items() for text in (f"## {title}", _matrix(group, run))),
        "## Forbidden acts",
        _met("refusals", len(refusals()), list(map(code, untried))),
        _met("guards of the database, by their words,", len(guards()), silent),
    )  # fmt: skip


def _met(what: str, count: int, missing: list[str]) -> str:
    """How many were met by tests that passed, refused or shown by the service, and which were not."""
    rest = f" Not met: {'; '.join(missing)}." if missing else ""
    return f"Of {count} {what} {count - len(missing)} were met by tests that passed.{rest}"


def _told(run: evidence.Run) -> str:
    return said(f"""
        Version {run.version}, commit {code(run.commit)}, {run.ran_at:%Y-%m-%d %H:%M} UTC,
        Python {run.python}, {" and ".join(run.engines)}: {run.passed:,} passed, {run.failed:,} failed,
        {run.skipped:,} skipped.""")


def _matrix(group: tuple[Requirement, ...], run: evidence.Run) -> str:
    heads = ("Requirement", "What it asks", "Code", "Tests", "Last result")
    return table(heads, (_line(one, run.requirements.get(one.name, evidence.NEVER)) for one in group))


def _line(one: Requirement, tried: evidence.Tried) -> tuple[str, ...]:
    files = ", ".join(f"{code(name.removeprefix('tests/'))} {count}" for name, count in tried.files.items())
    where = ", ".join(map(code, one.code))
    return one.name, one.asks, where, files, _result(tried)


def _result(tried: evidence.Tried) -> str:
    if tried.failed:
        return f"**{tried.failed} failed**"
    return "passed" if tried.passed else "**not tested**"
