"""How the culture grew: population doublings, yields, days (D §2.2). Pure.

Counts are whole cells as measured. P0 has no doubling: mononuclear cells go in, stromal cells come out, so
the cumulative figure begins at P1. The logarithm is irrational: it is given to three places, half up, from
exact counts; nothing is compared with a rounded figure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

PLACES = 3
_PRECISION = 50
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Count:
    """One passage as counted."""

    number: int
    seeded: int
    seeded_at: datetime
    harvested: int | None = None
    harvested_at: datetime | None = None
    viability_percent: Decimal | None = None


@dataclass(frozen=True)
class Grown:
    """One passage with its derived figures; ``None`` where there is nothing to derive from."""

    count: Count
    doublings: Decimal | None
    """Population doublings of this passage, three places."""
    cumulative: Decimal | None
    """Population doublings since P1, three places."""
    fold: Fraction | None
    """Harvested over seeded."""
    yield_per_cm2: Fraction | None
    days: Fraction | None
    """Days from seeding to harvest."""


def _log2(ratio: Fraction) -> Decimal:
    with localcontext() as context:
        context.prec = _PRECISION
        return (Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln() / Decimal(2).ln()


def _three_places(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-PLACES), ROUND_HALF_UP)


def doublings(seeded: int, harvested: int) -> Decimal:
    """log2(harvested / seeded) to three places; 12 million to 186 million cells is 3.954."""
    return _three_places(_log2(Fraction(harvested, seeded)))


def cumulative_doublings(counts: Iterable[Count]) -> Decimal:
    """The sum of log2(harvested / seeded) over P1 and later, rounded once, at the end."""
    ratio = Fraction(1)
    for count in counts:
        if count.number >= 1 and count.harvested:
            ratio *= Fraction(count.harvested, count.seeded)
    return _three_places(_log2(ratio)) + Decimal(0)


def days_between(start: datetime, end: datetime) -> Fraction:
    """Days from one instant to another, exactly."""
    between = end - start
    seconds = between.days * _SECONDS_A_DAY + between.seconds
    return Fraction(seconds * 1_000_000 + between.microseconds, _SECONDS_A_DAY * 1_000_000)


def grown(counts: Sequence[Count], surfaces: dict[int, Decimal] | None = None) -> list[Grown]:
    """Every passage with its figures; ``surfaces`` gives the culture surface in cm² by passage."""
    listed = sorted(counts, key=lambda count: count.number)
    found = []
    for position, count in enumerate(listed):
        harvested, ended = count.harvested, count.harvested_at
        surface = (surfaces or {}).get(count.number)
        counts_as_doubling = count.number >= 1 and bool(harvested)
        found.append(
            Grown(
                count=count,
                doublings=doublings(count.seeded, harvested) if counts_as_doubling and harvested else None,
                cumulative=cumulative_doublings(listed[: position + 1]) if counts_as_doubling else None,
                fold=Fraction(harvested, count.seeded) if harvested is not None else None,
                yield_per_cm2=Fraction(harvested) / Fraction(surface)
                if harvested is not None and surface
                else None,
                days=days_between(count.seeded_at, ended) if ended is not None else None,
            )
        )
    return found


@dataclass(frozen=True)
class Point:
    """One point of the growth curve: days since the first seeding, cells counted then."""

    days: Fraction
    cells: int
    passage: int
    is_harvest: bool


def curve(counts: Sequence[Count]) -> list[Point]:
    """The counts in the order of time, seeding and harvest of each passage.

    The seeding of P0 sets day 0 but is no point: those are mononuclear cells, not the cells that grow.
    """
    if not counts:
        return []
    first = min(count.seeded_at for count in counts)
    points = []
    for count in sorted(counts, key=lambda count: count.number):
        if count.number:
            seeded = days_between(first, count.seeded_at)
            points.append(Point(seeded, count.seeded, count.number, is_harvest=False))
        if count.harvested is not None and count.harvested_at is not None:
            harvested = days_between(first, count.harvested_at)
            points.append(Point(harvested, count.harvested, count.number, is_harvest=True))
    return points


def more_than_there_was(seeded: int, before: Count | None) -> bool:
    """Whether a passage would be seeded with more cells than the passage before it gave."""
    return before is not None and before.harvested is not None and seeded > before.harvested
