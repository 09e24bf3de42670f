"""Which vials to take: first expiring first, then nearest together; and of every other vial why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from mscbank.core.errors import Obstacle


@dataclass(frozen=True)
class Candidate:
    """A vial as the plan sees it."""

    code: str
    number: int
    viable: Fraction
    expires_on: date
    box: str | None
    """The code of the box in which it lies; ``None`` when it lies in no box."""
    row: int = 0
    column: int = 0
    obstacle: Obstacle | None = None
    """Why it cannot be taken, if so."""


@dataclass(frozen=True)
class Proposal:
    """The order in which the vials are taken, and the vials that cannot be."""

    order: tuple[Candidate, ...]
    """All vials that could be taken, the proposed ones first."""
    excluded: tuple[Candidate, ...]

    def first(self, count: int) -> tuple[Candidate, ...]:
        """The vials of a plan with so many."""
        return self.order[:count]


FAR = 1_000
"""Farther than any two positions of one box: another box is always farther."""


def distance(one: Candidate, other: Candidate) -> int:
    """How far apart two vials lie: steps in the box, or another box altogether."""
    if one.box is None or one.box != other.box:
        return FAR
    return abs(one.row - other.row) + abs(one.column - other.column)


def propose(candidates: Sequence[Candidate], target: Fraction) -> Proposal:
    """Order the vials: those that expire first, and of the last lot needed those that lie nearest together.

    Every vial that expires earlier is taken before one that expires later. Where not all vials of one date are
    needed, the ones nearest to each other (and to those taken already) come first, the lowest numbers first
    among equals.
    """
    free = sorted((c for c in candidates if c.obstacle is None), key=_stable)
    excluded = tuple(sorted((c for c in candidates if c.obstacle is not None), key=_stable))
    order: list[Candidate] = []
    for day in sorted({c.expires_on for c in free}):
        group = [c for c in free if c.expires_on == day]
        missing = target - sum((c.viable for c in order), Fraction(0))
        order += group if missing <= 0 else _nearest_first(group, order, missing)
    return Proposal(tuple(order), excluded)


def _stable(candidate: Candidate) -> tuple[date, str, int, int, int, str]:
    place = (candidate.box or "~", candidate.row, candidate.column)
    return (candidate.expires_on, *place, candidate.number, candidate.code)


def _nearest_first(group: list[Candidate], taken: list[Candidate], missing: Fraction) -> list[Candidate]:
    """The group with the closest cluster that holds what is missing in front; the whole group if it is too little."""
    clusters = [_cluster(seed, group, taken, missing) for seed in group]
    chosen = min(clusters, key=lambda c: (len(c), _spread(c, taken), [_stable(x) for x in sorted(c, key=_stable)]))
    chosen = sorted(chosen, key=_stable)
    codes = {c.code for c in chosen}
    return chosen + [c for c in group if c.code not in codes]


def _cluster(
    seed: Candidate, group: list[Candidate], taken: list[Candidate], missing: Fraction
) -> list[Candidate]:
    cluster, held = [seed], seed.viable
    rest = [c for c in group if c.code != seed.code]
    while held < missing and rest:
        nearest = min(rest, key=lambda c: (_spread([c], [*cluster, *taken]), _stable(c)))
        rest.remove(nearest)
        cluster.append(nearest)
        held += nearest.viable
    return cluster


def _spread(some: list[Candidate], others: list[Candidate]) -> int:
    """The sum of the distances within some, and from them to the others."""
    within = sum(distance(a, b) for i, a in enumerate(some) for b in some[i + 1 :])
    return within + sum(distance(a, b) for a in some for b in others)
