"""Looking forward without importing: steps register their edges and what they say about others' things."""

from collections.abc import Callable, Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Select, select

from mscbank.core.access import Principal
from mscbank.core.db import KINDS, Thing, any_of, session
from mscbank.core.i18n import Sentence

BATCH = 10_000

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True)
class Edge:
    """From kind to kind along the cells' way: a plain-join select of (source code, target code)."""

    source: str
    target: str
    pairs: Select[str, str]
    words: str = ""

    def forward(self, codes: list[str]) -> list[tuple[str, str]]:
        """(source, target) for many sources at once."""
        return self._ask(0, codes)

    def backward(self, codes: list[str]) -> list[tuple[str, str]]:
        """(source, target) for many targets at once."""
        return self._ask(1, codes)

    def pairs_from(self, codes: list[str], *, forward: bool) -> list[tuple[str, str]]:
        """(here, there) for many codes at once, down the way or up."""
        return self.forward(codes) if forward else [(b, a) for a, b in self.backward(codes)]

    def _ask(self, position: int, codes: list[str]) -> list[tuple[str, str]]:
        column = list(self.pairs.selected_columns)[position]
        found: list[tuple[str, str]] = []
        for start in range(0, len(codes), BATCH):
            rows = session.execute(self.pairs.where(any_of(column, codes[start : start + BATCH])))
            found += [(a, b) for a, b in rows]
        return found


EDGES: list[Edge] = []


def edge(source: str, target: str, pairs: Select[str, str], words: str = "") -> None:
    """Register an edge; a new step appears in the trace by this alone."""
    EDGES.append(Edge(source, target, pairs, words))


def reach_each(kind: str, codes: Iterable[str], target: str) -> dict[str, list[str]]:
    """For each thing of a kind, the things of ``target`` that it touches, down the way and up the way.

    The walk never turns round: a vial reaches its batch and a donor the batches made from the marrow, but a
    vial does not reach the sister batches of its donor.
    """
    starts = list(dict.fromkeys(codes))
    found: dict[str, set[str]] = {code: set() for code in starts}
    for forward in (True, False):
        for code, origins in _walk(kind, starts, target, forward).items():
            for origin in origins:
                found[origin].add(code)
    return {origin: sorted(reached) for origin, reached in found.items()}


def reach(kind: str, codes: Iterable[str], target: str) -> list[str]:
    """The codes of everything of ``target`` that things of a kind touch, up or down the way."""
    return sorted({code for reached in reach_each(kind, codes, target).values() for code in reached})


def reach_things(touched: Iterable[tuple[str, str]], target: str) -> list[Any]:
    """The things of ``target`` that (kind, code) pairs touch: what a blocking row must lock."""
    by_kind: dict[str, list[str]] = {}
    for kind, code in touched:
        by_kind.setdefault(kind, []).append(code)
    codes = sorted({code for kind, listed in by_kind.items() for code in reach(kind, listed, target)})
    model = KINDS.get(target)
    return list(session.scalars(select(model).where(any_of(model.code, codes)))) if model and codes else []


def _walk(kind: str, starts: list[str], target: str, forward: bool) -> dict[str, set[str]]:
    """Target code → the starts from which it is reached, along the edges of one direction."""
    ends = [(e, e.source, e.target) if forward else (e, e.target, e.source) for e in EDGES]
    leads = {target}
    while more := {near for _, near, far in ends if far in leads} - leads:
        leads |= more
    seen: dict[tuple[str, str], set[str]] = {(kind, code): {code} for code in starts}
    fresh = {kind: {code: {code} for code in starts}} if kind in leads and kind != target else {}
    while fresh:
        following: dict[str, dict[str, set[str]]] = {}
        for edge_, near, far in ends:
            if far not in leads or near not in fresh:
                continue
            codes = sorted(fresh[near])
            for source, reached in edge_.pairs_from(codes, forward=forward):
                new = fresh[near][source] - seen.get((far, reached), set())
                if new:
                    seen.setdefault((far, reached), set()).update(new)
                    following.setdefault(far, {}).setdefault(reached, set()).update(new)
        following.pop(target, None)
        fresh = following
    return {code: origins for (at, code), origins in seen.items() if at == target}


@dataclass(frozen=True)
class Panel:
    """What a later step says about an earlier thing: a title, a template and its context."""

    title: Sentence
    template: str
    context: dict[str, Any]
    column: str = "evidence"


Say = Callable[[Any, Principal], Panel | None]
_panels: dict[str, list[Say]] = {}
ANYTHING = "*"
"""In place of a kind: a panel on the page of everything."""


def panel(kind: str) -> Callable[[Say], Say]:
    """Register what this step says about a thing of an earlier kind."""

    def register(say: Say) -> Say:
        _panels.setdefault(kind, []).append(say)
        return say

    return register


def panels(thing: Any, by: Principal) -> list[Panel]:
    """Everything that later steps say about a thing, in the order of the way."""
    said = [*_panels.get(thing.kind, ()), *_panels.get(ANYTHING, ())]
    return [found for say in said if (found := say(thing, by)) is not None]


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


_asked: ContextVar[Callable[[str], Collection[str]] | None] = ContextVar("asked_about", default=None)
"""Kind → the codes that are asked about; nothing when everything is."""


def narrowed(statement: S, model: type[Thing]) -> S:
    """The select of a worklist over things of a kind, or only over those that are asked about."""
    codes = _asked.get()
    return statement if codes is None else statement.where(any_of(model.code, sorted(codes(model.kind))))


def waiting_about(kind: str, code: str, by: Principal) -> list[Task]:
    """What waits for a person and is about one thing, or about what that touches.

    Worklists that read much ask through ``narrowed`` only for what is wanted here.
    """

    @cache
    def codes(of: str) -> frozenset[str]:
        if of == kind:
            return frozenset({code})
        return frozenset(reach(kind, [code], of)) if of in KINDS else frozenset()

    token = _asked.set(codes)
    try:
        tasks = waiting_for(by)
    finally:
        _asked.reset(token)
    return [task for task in tasks if task.thing is not None and task.thing[1] in codes(task.thing[0])]


@dataclass(frozen=True)
class Clock:
    """A clock that everybody sees: what runs out, since when, until when, and where it is acted on."""

    title: Sentence
    detail: str
    start: datetime
    limit: datetime
    url: str


Running = Callable[[Principal], list[Clock]]
_clocks: list[Running] = []


def clock(running: Running) -> Running:
    """Register the clocks that run in this step."""
    _clocks.append(running)
    return running


def running_for(by: Principal) -> list[Clock]:
    """Every clock that runs now in a person's sight, the one that ends first in front."""
    return sorted((found for running in _clocks for found in running(by)), key=lambda c: c.limit)
