"""When an entry is late: how long after the event it may be made (contemporaneous, ALCOA+)."""

from datetime import timedelta

from mscbank.core import parameters

LATE_HOURS = parameters.declare(
    "record.late_hours",
    24,
    unit="hours",
    meaning="An entry that is made later than this after the event is marked as late",
    source="PD-70",
    least=1,
    most=8760,
)


def late_after() -> timedelta:
    """How long after the event an entry may be made without being marked."""
    return timedelta(hours=int(parameters.value(LATE_HOURS)))
