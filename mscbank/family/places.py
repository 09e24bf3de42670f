"""Which number, dose level and place the next one enrolled gets (D §1.3, invariant 15)."""

from collections.abc import Iterable
from dataclasses import dataclass

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal

NO_PLACE = Refusal(
    "family.no_place",
    "Every place at the open dose levels is taken. The next level opens by the signed gate.",
    Role.SAFETY_REVIEWER,
)
FULL = Refusal("family.study_full", "Every place of the protocol is taken: nobody else can be enrolled.")


@dataclass(frozen=True)
class Level:
    """A dose level with its places."""

    number: int
    places: int
    is_open: bool


@dataclass(frozen=True)
class Given:
    """What the next one gets."""

    level: int
    place: int


def free(levels: Iterable[Level], taken: Iterable[Given]) -> list[Given]:
    """The free places of the open levels, the lowest level and place first."""
    held = set(taken)
    return [
        given
        for level in sorted(levels, key=lambda level: level.number)
        if level.is_open
        for place in range(1, level.places + 1)
        if (given := Given(level.number, place)) not in held
    ]


def give(levels: Iterable[Level], taken: Iterable[Given]) -> Given | Obstacle:
    """The place of the next one enrolled: at the lowest open level, the lowest that is free."""
    listed = list(levels)
    found = free(listed, taken)
    if found:
        return found[0]
    return NO_PLACE() if any(not level.is_open for level in listed) else FULL()


def next_number(given: Iterable[int]) -> int:
    """The next order number: one above the highest ever given, so that none is used again."""
    return max(given, default=0) + 1
