"""Reading the courses of patients, many at once: when each was infused, and in which period an event lies."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import select

from mscbank.core.db import any_of, session
from mscbank.core.reading import once_an_act
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import GIVEN
from mscbank.safety import visits
from mscbank.safety.models import AdverseEvent, FollowUpVisit
from mscbank.safety.periods import Course, Period, day_of, period_of
from mscbank.safety.stopping import Judged
from mscbank.study.models import Protocol
from mscbank.study.schedule import Visit

Pair = tuple[int, int]
"""Recipient id and protocol id."""


def plans_of(protocol: Protocol) -> list[Visit]:
    """The visits of a protocol as the schedule computes with them."""
    return [Visit(v.name, v.days, v.months, v.before_days, v.after_days) for v in protocol.visits]


@once_an_act
def infusions_of(recipient_ids: Iterable[int]) -> dict[Pair, Infusion]:
    """(recipient, protocol) → the first infusion from which cells have reached the patient."""
    rows = session.scalars(
        select(Infusion)
        .where(
            any_of(Infusion.recipient_id, sorted(set(recipient_ids))),
            Infusion.state.in_(GIVEN),
            Infusion.started_at.is_not(None),
        )
        .order_by(Infusion.started_at, Infusion.id)
    )
    found: dict[Pair, Infusion] = {}
    for row in rows:
        found.setdefault((row.recipient_id, row.protocol_id), row)
    return found


def course_of(infusion: Infusion | None, protocol: Protocol) -> Course:
    """An infusion as the periods are counted from it."""
    if infusion is None or infusion.infused_on is None:
        return Course(None, None, protocol.infusion_zone)
    ends_on = visits.study_ends_on(infusion.infused_on, plans_of(protocol))
    return Course(infusion.started_at, infusion.ended_at, infusion.zone, ends_on)


def courses_of(events: Sequence[AdverseEvent]) -> dict[int, Course]:
    """Event id → the course of its person; a donor has none, so that every event lies before it."""
    infusions = infusions_of(e.recipient_id for e in events if e.recipient_id is not None)
    return {
        e.id: course_of(
            infusions.get((e.recipient_id, e.protocol_id)) if e.recipient_id else None, e.protocol
        )
        for e in events
    }


def periods_of(events: Sequence[AdverseEvent]) -> dict[int, tuple[Period, int | None]]:
    """Event id → its period and the day after the infusion."""
    courses = courses_of(events)
    return {e.id: (period_of(e.onset_at, courses[e.id]), day_of(e.onset_at, courses[e.id])) for e in events}


def judged(events: Sequence[AdverseEvent]) -> dict[int, Judged]:
    """Event id → what the stopping rule looks at."""
    periods = periods_of(events)
    return {e.id: Judged(e.ctcae_grade, e.is_related, periods[e.id][0]) for e in events}


@once_an_act
def standing_visits(recipient_ids: Iterable[int]) -> dict[Pair, list[FollowUpVisit]]:
    """(recipient, protocol) → the visits on record that no later entry corrects, by date."""
    rows = session.scalars(
        select(FollowUpVisit).where(any_of(FollowUpVisit.recipient_id, sorted(set(recipient_ids))))
    ).all()
    corrected = {(row.recipient_id, row.replaces) for row in rows if row.replaces is not None}
    found: dict[Pair, list[FollowUpVisit]] = {}
    for row in sorted(rows, key=lambda row: (row.visited_on, row.number)):
        if (row.recipient_id, row.number) not in corrected:
            found.setdefault((row.recipient_id, row.protocol_id), []).append(row)
    return found


def last_seen(rows: Iterable[FollowUpVisit]) -> date | None:
    """The date of the last visit."""
    return max((row.visited_on for row in rows), default=None)
