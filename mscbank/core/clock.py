"""The one clock. It is a seam for the tests and for a demonstration database, and for nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_moved: ContextVar[datetime | None] = ContextVar("moved_clock", default=None)


def now() -> datetime:
    """The present instant, aware, in UTC, to the microsecond."""
    return _moved.get() or datetime.now(UTC)


def today(zone: str) -> date:
    """The civil date in an IANA time zone, as people there write it into a form."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def moved_to(instant: datetime) -> Iterator[None]:
    """Let ``now()`` answer ``instant`` inside the block; the door refuses it outside a demonstration."""
    if instant.tzinfo is None:
        raise ValueError("the clock is moved to an aware instant only")
    token = _moved.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _moved.reset(token)


def is_moved() -> bool:
    """Whether the clock stands where somebody put it."""
    return _moved.get() is not None
