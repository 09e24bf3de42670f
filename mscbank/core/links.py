"""Looking forward without importing: each step registers its edges and what it says about other steps' things."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select

from mscbank.core.access import Principal
from mscbank.core.db import any_of, session
from mscbank.core.i18n import Sentence

BATCH = 10_000


@dataclass(frozen=True)
class Edge:
    """From kind to kind along the cells' way: a plain-join select of (source code, target code)."""

    source: str
    target: str
    pairs: Select[Any]
    words: str = ""

    def forward(self, codes: list[str]) -> list[tuple[str, str]]:
        """(source, target) for many sources at once."""
        return self._ask(0, codes)

    def backward(self, codes: list[str]) -> list[tuple[str, str]]:
        """(source, target) for many targets at once."""
        return self._ask(1, codes)

    def _ask(self, position: int, codes: list[str]) -> list[tuple[str, str]]:
        column = list(self.pairs.selected_columns)[position]
        found: list[tuple[str, str]] = []
        for start in range(0, len(codes), BATCH):
            rows = session.execute(self.pairs.where(any_of(column, codes[start : start + BATCH])))
            found += [(a, b) for a, b in rows]
        return found


EDGES: list[Edge] = []


def edge(source: str, target: str, pairs: Select[Any], words: str = "") -> None:
    """Register an edge; a new step appears in the trace by this alone."""
    EDGES.append(Edge(source, target, pairs, words))


@dataclass(frozen=True)
class Panel:
    """What a later step says about an earlier thing: a title, a template and its context."""

    title: Sentence
    template: str
    context: dict[str, Any]
    column: str = "evidence"


Say = Callable[[Any, Principal], Panel | None]
_panels: dict[str, list[Say]] = {}


def panel(kind: str) -> Callable[[Say], Say]:
    """Register what this step says about a thing of an earlier kind."""

    def register(say: Say) -> Say:
        _panels.setdefault(kind, []).append(say)
        return say

    return register


def panels(thing: Any, by: Principal) -> list[Panel]:
    """Everything that later steps say about a thing, in the order of the way."""
    return [found for say in _panels.get(thing.kind, ()) if (found := say(thing, by)) is not None]


@dataclass(frozen=True)
class Fact:
    """What a step tells the trace about a thing: its state in words, when, and figures to print."""

    kind: str
    code: str
    title: str
    state: str
    facts: dict[str, Any]


Describe = Callable[[list[str]], list[Fact]]
_descriptions: dict[str, Describe] = {}


def describes(kind: str) -> Callable[[Describe], Describe]:
    """Register how the things of a kind are told, many codes at once."""

    def register(describe: Describe) -> Describe:
        _descriptions[kind] = describe
        return describe

    return register


def told(kind: str, codes: list[str]) -> list[Fact]:
    """The facts of many things of one kind."""
    describe = _descriptions.get(kind)
    return describe(codes) if describe else []


@dataclass(frozen=True)
class Task:
    """One line of a worklist: sign, verb and object, a detail, when it is due, where it starts."""

    step: str
    title: Sentence
    detail: str
    url: str
    button: Sentence
    due: Any = None
    """An aware instant or a civil date; ``None`` when nothing is late."""
    sign: tuple[str, str] = ("ring", "move")
    thing: tuple[str, str] | None = None


Waiting = Callable[[Principal], list[Task]]
_worklists: list[Waiting] = []


def worklist(waiting: Waiting) -> Waiting:
    """Register what waits for somebody in this step."""
    _worklists.append(waiting)
    return waiting


def waiting_for(by: Principal) -> list[Task]:
    """Everything that waits for a person, in the order of the way."""
    return [task for waiting in _worklists for task in waiting(by)]
