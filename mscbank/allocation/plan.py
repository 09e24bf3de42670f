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


def propose(candidates: Sequence[Candidate], target: Fraction) -> Proposal:
    """Order the vials: those that expire first, and of one date those that lie nearest together.

    Every vial that expires earlier is taken before one that expires later. Where not all vials of one date
    are needed, as few boxes as possible are opened (one that is open already counts nothing), and a box is
    emptied along its rows.
    """
    free = sorted((c for c in candidates if c.obstacle is None), key=_along)
    excluded = tuple(
        sorted((c for c in candidates if c.obstacle is not None), key=lambda c: (c.number, c.code))
    )
    order: list[Candidate] = []
    for day in sorted({c.expires_on for c in free}):
        missing = target - _viable(order)
        order += _fewest_boxes([c for c in free if c.expires_on == day], {c.box for c in order}, missing)
    return Proposal(tuple(order), excluded)


def _along(candidate: Candidate) -> tuple[str, int, int, int, str]:
    return (candidate.box or "~", candidate.row, candidate.column, candidate.number, candidate.code)


def _viable(candidates: Sequence[Candidate]) -> Fraction:
    return sum((c.viable for c in candidates), Fraction(0))


def _fewest_boxes(group: list[Candidate], opened: set[str | None], missing: Fraction) -> list[Candidate]:
    """The group box by box: those open already, then the smallest that is enough alone, else the fullest."""
    boxes: dict[str, list[Candidate]] = {}
    for candidate in group:
        boxes.setdefault(candidate.box or "~", []).append(candidate)
    order: list[Candidate] = []
    open_now = {box or "~" for box in opened}
    while boxes:
        left = missing - _viable(order)
        box = min(boxes, key=lambda name: _preference(name, boxes[name], left, name in open_now))
        order += boxes.pop(box)
    return order


def _preference(
    name: str, vials: list[Candidate], left: Fraction, is_open: bool
) -> tuple[bool, bool, Fraction, str]:
    held = _viable(vials)
    suffices = held >= left
    return (not is_open, not suffices, held if suffices else -held, name)
