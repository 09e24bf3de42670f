"""The walk over the registered edges: which things belong to one way, and which of them one thing touched."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mscbank.core.links import EDGES, Edge

Key = tuple[str, str]

CONTEXT = frozenset({"material_lot", "protocol", "specification", "place", "shipper", "equipment"})
"""Kinds that many ways share: they are shown, and walked through only when they are what was asked for."""


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
                codes = fresh.get(near)
                if not codes or (near in CONTEXT and (near, *codes) != start):
                    continue
                for here, there in edge.pairs_from(sorted(codes), forward=forward):
                    ends = ((near, here), (far, there))
                    way.links.add(ends if forward else (ends[1], ends[0]))
                    if (far, there) not in way.things:
                        way.things.add((far, there))
                        following.setdefault(far, set()).add(there)
        fresh = following
    way.reached = _reached(way)
    return way


def _reached(way: Way) -> set[Key]:
    """What the start came from, and what came of it: the links walked one way only, each way."""
    down: dict[Key, set[Key]] = {}
    up: dict[Key, set[Key]] = {}
    for source, target in way.links:
        down.setdefault(source, set()).add(target)
        up.setdefault(target, set()).add(source)
    return _follow(way.start, down) | _follow(way.start, up)


def _follow(start: Key, leads: dict[Key, set[Key]]) -> set[Key]:
    found, fresh = {start}, [start]
    while fresh:
        following = [there for here in fresh for there in leads.get(here, ()) if there not in found]
        found.update(following)
        fresh = list(dict.fromkeys(following))
    return found
