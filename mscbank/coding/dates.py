"""ISBT 128 dates: c (hundreds of the year), yy, day of the year, perhaps hour and minute (DS004-DS009).

A label's date is civil time at the labelling facility: no zone is coded and none is given here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta

from mscbank.coding.errors import CodeError
from mscbank.coding.structures import BY_NUMBER, content_of

UNSPECIFIED = time(23, 59)
"""The time that stands for "no time given"; an expiry holds to the end of its minute, hence of its day."""

_CENTURIES = {"9": 1900, "0": 2000, "1": 2100}
_DATE = re.compile(r"([0-9])([0-9]{2})([0-9]{3})", re.ASCII)
_TIME = re.compile(r"([0-9]{2})([0-9]{2})", re.ASCII)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A civil date and a time to the minute, as a label states them."""

    day: date
    at: time = UNSPECIFIED


def parse_date(content: str) -> date:
    """The date of ``cyyjjj``: ``028060`` is 2028-02-29. CodeError ``date.format``."""
    match = _DATE.fullmatch(content)
    if not match or match[1] not in _CENTURIES:
        raise CodeError("date.format", text=content)
    year, day = _CENTURIES[match[1]] + int(match[2]), int(match[3])
    found = date(year, 1, 1) + timedelta(days=day - 1)
    if found.year != year:
        raise CodeError("date.format", text=content)
    return found


def format_date(day: date) -> str:
    """``cyyjjj`` of a date from 1900 to 2199; CodeError ``date.range`` beyond."""
    if not 1900 <= day.year <= 2199:
        raise CodeError("date.range", year=day.year)
    return f"{day.year // 100 % 10}{day.year % 100:02d}{day.timetuple().tm_yday:03d}"


def parse_moment(content: str) -> Moment:
    """Date and time of ``cyyjjjhhmm``: ``0280600930`` is 2028-02-29 09:30. CodeError ``date.format``."""
    match = _TIME.fullmatch(content[6:])
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise CodeError("date.format", text=content)
    return Moment(parse_date(content[:6]), time(int(match[1]), int(match[2])))


def format_moment(moment: Moment) -> str:
    """``cyyjjjhhmm``; seconds are cut, never rounded up."""
    return f"{format_date(moment.day)}{moment.at.hour:02d}{moment.at.minute:02d}"


def parse_scanned_date(number: int, text: str) -> date:
    """Read DS004 (expiry), DS006 (collection) or DS008 (production) as scanned: ``=>028060``."""
    return parse_date(content_of(number, text))


def parse_scanned_moment(number: int, text: str) -> Moment:
    """Read DS005 (expiry), DS007 (collection) or DS009 (production) as scanned: ``&>0280600930``."""
    return parse_moment(content_of(number, text))


def format_scanned_date(number: int, day: date) -> str:
    """DS004, DS006 or DS008 for a symbol."""
    return BY_NUMBER[number].identifier + format_date(day)


def format_scanned_moment(number: int, moment: Moment) -> str:
    """DS005, DS007 or DS009 for a symbol."""
    return BY_NUMBER[number].identifier + format_moment(moment)


def label_date(day: date) -> str:
    """The eye-readable date of a label: day, name of the month, year (``29 February 2028``), in English."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
