"""The walk over the registered edges: which things belong to one way, and which of them one thing touched."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mscbank.core.links import EDGES, Edge

Key = tuple[str, str]
"""Kind and code."""

CONTEXT = frozenset(
    {"material_lot", "protocol", "specification", "place", "shipper", "equipment", "deviation"}
)
"""Kinds that many ways share: they are shown, and walked through only when they are what was asked for."""

_PAPERS = frozenset({"family_link", "consent", "assessment", "release", "allocation"})
BESIDE = _PAPERS | CONTEXT - {"material_lot"}
"""What stands beside the cells' way and carries no cells: reached, never passed through."""


@dataclass
class Way:
    """Everything that belongs together with a thing, and what of it the thing itself reaches."""

    start: Key
    things: set[Key] = field(default_factory=set)
    links: set[tuple[Key, Key]] = field(default_factory=set)
    reached: set[Key] = field(default_factory=set)
    """The start, what it came from, and what came of it."""

    def of(self, kind: str) -> list[str]:
        """The codes of one kind."""
        return sorted(code for found, code in self.things if found == kind)

    def reached_of(self, kind: str) -> list[str]:
        """The codes of one kind that the start reaches."""
        return sorted(code for found, code in self.reached if found == kind)

    def is_reached(self, link: tuple[Key, Key]) -> bool:
        """Whether a link lies on the way that the start reaches."""
        return link[0] in self.reached and link[1] in self.reached


def whole(start: Key, edges: Iterable[Edge] | None = None) -> Way:
    """The way of a thing: one query an edge, direction and level, however many things lie on it."""
    known = list(EDGES if edges is None else edges)
    way = Way(start, {start})
    fresh: dict[str, set[str]] = {start[0]: {start[1]}}
    while fresh:
        following: dict[str, set[str]] = {}
        for edge in known:
            for near, far, forward in ((edge.source, edge.target, True), (edge.target, edge.source, False)):
                codes = _walked_from(near, fresh.get(near, set()), start)
                if not codes:
                    continue
                for here, there in edge.pairs_from(codes, forward=forward):
                    ends = ((near, here), (far, there))
                    way.links.add(ends if forward else (ends[1], ends[0]))
                    if (far, there) not in way.things:
                        way.things.add((far, there))
                        following.setdefault(far, set()).add(there)
        fresh = following
    way.reached = reach(way)
    return way


def _walked_from(kind: str, codes: set[str], start: Key) -> list[str]:
    """The things through which the walk goes on: of what many ways share, only what was asked for."""
    if kind in CONTEXT:
        codes = codes & {start[1]} if kind == start[0] else set()
    return sorted(codes)


def reach(way: Way, stopped: Collection[Key] = ()) -> set[Key]:
    """What the start came from, and what came of it: the links walked one way only, each way.

    ``stopped``: things that were planned and through which no cells went.
    """
    return flow(way, way.start, forward=True, stopped=stopped) | flow(
        way, way.start, forward=False, stopped=stopped
    )


def flow(way: Way, start: Key, *, forward: bool, stopped: Collection[Key] = ()) -> set[Key]:
    """A thing and everything downstream, or upstream, of it on this way."""
    leads: dict[Key, list[Key]] = {}
    for source, target in way.links:
        near, far = (source, target) if forward else (target, source)
        leads.setdefault(near, []).append(far)
    found, fresh = {start}, [start]
    while fresh:
        passed = [key for key in fresh if key == start or (key[0] not in BESIDE and key not in stopped)]
        fresh = [far for near in passed for far in dict.fromkeys(leads.get(near, ())) if far not in found]
        found.update(fresh)
    return found
