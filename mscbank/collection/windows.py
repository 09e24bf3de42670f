"""When a sample counts for a donation: calendar days between civil dates, both ends included (D §3.2).

d = donation date - sampling date, in days. The sampling date counts, never the date of the result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mscbank.collection.panel import Marker
from mscbank.core.i18n import Sentence, _


class Profile(StrEnum):
    """The rules under which the donor is judged."""

    EU_MARROW = "EU_MARROW"
    FDA_MARROW = "FDA_MARROW"
    EU_OTHER_LIVING = "EU_OTHER_LIVING"


PROFILE_WORDS: dict[Profile, Sentence] = {
    Profile.EU_MARROW: _("EU, marrow: sampled in the 30 days before"),
    Profile.FDA_MARROW: _("FDA, marrow: sampled from 30 days before to 7 days after"),
    Profile.EU_OTHER_LIVING: _("EU, other living donor: sampled on the day or up to 7 days after"),
}


@dataclass(frozen=True)
class Window:
    """The days before (positive) and after (negative) the donation on which a sample may be drawn."""

    least: int
    most: int


WINDOWS: dict[Profile, Window] = {
    Profile.EU_MARROW: Window(0, 30),
    Profile.FDA_MARROW: Window(-7, 30),
    Profile.EU_OTHER_LIVING: Window(-7, 0),
}
"""2006/17 Annex II 2.6; 21 CFR 1271.80(b); 2006/17 Annex II 2.5."""

MAY_FOLLOW = frozenset({Profile.FDA_MARROW, Profile.EU_OTHER_LIVING})
"""Profiles in which the marrow may be taken before the results are in: samples may be drawn after it."""

REPEAT_AFTER_DAYS = 180


def days_before(donated_on: date, sampled_on: date) -> int:
    """How many calendar days the sample lies before the donation; negative when after it."""
    return (donated_on - sampled_on).days


def accepts(profile: Profile, donated_on: date, sampled_on: date) -> bool:
    """Whether a sample of that day counts for a donation of that day."""
    window = WINDOWS[profile]
    return window.least <= days_before(donated_on, sampled_on) <= window.most


def first_day(profile: Profile, donated_on: date) -> date:
    """The earliest day on which a sample may be drawn for a donation of that day."""
    return donated_on - timedelta(days=WINDOWS[profile].most)


def last_day(profile: Profile, donated_on: date) -> date:
    """The latest day on which a sample may be drawn for a donation of that day."""
    return donated_on - timedelta(days=WINDOWS[profile].least)


def good_until(profile: Profile, sampled_on: date) -> date:
    """The last day of donation for which a sample of that day counts."""
    return sampled_on + timedelta(days=WINDOWS[profile].most)


def outside(
    profile: Profile, donated_on: date, sampled: Iterable[tuple[Marker, date]], wanted: Iterable[Marker]
) -> list[Marker]:
    """The wanted markers without any sample in the window: only these are drawn again."""
    covered = {marker for marker, day in sampled if accepts(profile, donated_on, day)}
    return [marker for marker in wanted if marker not in covered]


def repeat_due(profile: Profile, donated_on: date, with_nat: bool) -> date | None:
    """From when on a living donor other than of marrow is tested again for long storage; NAT waives it."""
    if profile is not Profile.EU_OTHER_LIVING or with_nat:
        return None
    return donated_on + timedelta(days=REPEAT_AFTER_DAYS)
