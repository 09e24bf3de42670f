"""How long thawed cells may be given (PD-42): absolute time, so no night of clock change adds an hour."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mscbank.core import parameters

WINDOW = parameters.declare(
    "stability.window_minutes", 120, unit="min", source="PD-42",
    meaning="From the first thaw to the end of the infusion, at 15 to 25 °C", least=1, most=1440,
)  # fmt: skip


class Light(StrEnum):
    """What the clock says when the infusion is to start."""

    GREEN = "green"
    AMBER = "amber"
    """There is time to start, but the planned end lies beyond the window: a deviation."""
    RED = "red"
    """The window has passed: only prescriber and pharmacist together decide, otherwise it is discarded."""


def elapsed(since: datetime, now: datetime) -> timedelta:
    """Real time between two instants, in UTC: Python subtracts the wall clocks of one zone."""
    return _utc(now) - _utc(since)


def expiry(first_thaw: datetime, window: timedelta) -> datetime:
    """The end of the window, to the minute, rounded down: a label never promises more than there is."""
    return (_utc(first_thaw) + window).replace(second=0, microsecond=0)


def light(first_thaw: datetime, now: datetime, planned: timedelta, window: timedelta) -> Light:
    """Green, amber or red at the start of an infusion that is planned to last so long."""
    gone = elapsed(first_thaw, now)
    if gone >= window:
        return Light.RED
    return Light.GREEN if gone + planned <= window else Light.AMBER


def minutes_left(first_thaw: datetime, now: datetime, window: timedelta) -> int:
    """Whole minutes that are left, rounded down; nothing is left from the limit on."""
    left = window - elapsed(first_thaw, now)
    return max(0, left // timedelta(minutes=1))


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant is aware")
    return instant.astimezone(UTC)
