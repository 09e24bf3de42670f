"""The clocks of D §7.2: calendar days, weekends count, day 0 is the day of awareness, due = day 0 + n."""

from datetime import date, datetime, timedelta

INVESTIGATOR_HOURS = 24
FATAL_DAYS = 7
OTHER_DAYS = 15


def report_is_late(aware_at: datetime, reported_at: datetime) -> bool:
    """Whether a serious event reached the sponsor later than 24 hours after awareness (CTR Art. 41)."""
    return reported_at - aware_at > timedelta(hours=INVESTIGATOR_HOURS)


def susar_due_on(day_0: date, *, fatal_or_life_threatening: bool, worse_since: date | None = None) -> date:
    """When a suspected unexpected serious reaction is due at the authority (CTR Art. 42).

    ``worse_since``: the day on which it became known to be fatal or life-threatening, where that came later.
    """
    if not fatal_or_life_threatening:
        return day_0 + timedelta(days=OTHER_DAYS)
    if worse_since is None:
        return day_0 + timedelta(days=FATAL_DAYS)
    return min(day_0 + timedelta(days=OTHER_DAYS), worse_since + timedelta(days=FATAL_DAYS))


def follow_up_due_on(aware_on: date) -> date:
    """When significant new information on a submitted reaction is due: a clock of its own, day 0 + 15."""
    return aware_on + timedelta(days=OTHER_DAYS)
