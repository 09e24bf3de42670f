"""What investigator and sponsor make of an event, and how it is closed (D §7.1, §7.2; invariant 20)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, reasoned
from mscbank.core.errors import Obstacle, invalid
from mscbank.core.i18n import n_
from mscbank.safety import rules
from mscbank.safety.courses import judged
from mscbank.safety.models import AdverseEvent
from mscbank.safety.recording import FUTURE, change, how_bad, stop_if_due, surroundings
from mscbank.safety.rules import EventFacts
from mscbank.safety.states import LIFE, State
from mscbank.safety.words import Causality, Cause, Criterion, Outcome

KNOWN_HERE = "The sponsor knew at the latest when it was entered here."
WHY_OTHER = n_("Say why it was otherwise than reported, in at least 5 characters.")
KNOWN_EARLY = "Nobody knew of it before it began."


def facts(events: list[AdverseEvent]) -> dict[int, EventFacts]:
    """What the moves of several events judge."""
    return {
        one.id: EventFacts(
            one.is_susar,
            one.submitted_at is not None,
            one.follow_up_aware_at is not None and one.follow_up_submitted_at is None,
        )
        for one in events
    }


LIFE.facts = facts


@does(LIFE, "assess", locks=surroundings)
def assess(
    event: AdverseEvent, *, by: Principal, causality: Causality, cause: Cause,
    ctcae_grade: int | None = None, serious_for: Sequence[Criterion] | None = None,
    outcome: Outcome | None = None, change_known_at: datetime | None = None, reason: str | None = None,
) -> None:  # fmt: skip
    """Judge as investigator what caused it, and confirm or correct how bad it was and what it led to."""
    before = judged([event])[event.id]
    reported = how_bad(event)
    event.causality, event.cause = causality, cause
    event.assessed_by, event.assessed_at = by.login, clock.now()
    change(event, ctcae_grade=ctcae_grade, serious_for=serious_for, outcome=outcome, known_at=change_known_at)
    if how_bad(event) != reported and not reasoned(reason):
        raise invalid(reason=[WHY_OTHER])
    stop_if_due(event, before, by)


@does(LIFE, "sponsor_assess", locks=surroundings)
def sponsor_assess(
    event: AdverseEvent, *, by: Principal, sponsor_causality: Causality, is_expected: bool,
    reference_information: str, sponsor_aware_at: datetime | None = None,
) -> None:  # fmt: skip
    """Judge it for the sponsor, beside the investigator's word: own causality, expected by which edition."""
    before = judged([event])[event.id]
    if sponsor_aware_at is not None:
        if sponsor_aware_at > (event.serious_reported_at or event.reported_at):
            raise invalid(sponsor_aware_at=[KNOWN_HERE])
        if sponsor_aware_at < event.onset_at:
            raise invalid(sponsor_aware_at=[KNOWN_EARLY])
        event.sponsor_aware_at = sponsor_aware_at
    event.sponsor_causality, event.is_expected = sponsor_causality, is_expected
    event.reference_information = reference_information
    event.sponsor_by, event.sponsor_at = by.login, clock.now()
    stop_if_due(event, before, by)


@does(LIFE, "submit")
def submit(event: AdverseEvent, *, submission_reference: str, submitted_at: datetime | None = None) -> None:
    """Record that the authority has it, with the number of the submission."""
    event.submitted_at = _past(submitted_at, "submitted_at")
    event.submission_reference = submission_reference


@does(LIFE, "follow")
def follow(event: AdverseEvent, *, note: str, known_at: datetime | None = None) -> None:
    """Open the follow-up with what has become known since the submission; its clock begins."""
    event.follow_up_note, event.follow_up_aware_at = note, _past(known_at, "known_at")
    event.follow_up_submitted_at = None


def _no_follow_up(event: AdverseEvent, by: Principal) -> Obstacle | None:
    if event.state is State.FOLLOW_UP and event.follow_up_submitted_at is None:
        return None
    return rules.NO_FOLLOW_UP()


@action("adverse_event.submit_follow_up", role=Role.PV_OFFICER, kind="adverse_event", unless=_no_follow_up)
def submit_follow_up(event: AdverseEvent, *, submitted_at: datetime | None = None) -> None:
    """Record that the authority has the follow-up report."""
    event.follow_up_submitted_at = _past(submitted_at, "submitted_at")


def _past(instant: datetime | None, name: str) -> datetime:
    now = clock.now()
    if instant is not None and instant > now:
        raise invalid(**{name: [FUTURE]})
    return instant or now


def what_is_closed(event: AdverseEvent) -> dict[str, Any]:
    """What closing an event signs: all that was judged of it."""
    return {
        "event": event.code, "person": event.person, "protocol": event.protocol, "term": event.term,
        "onset_at": event.onset_at, "ended_on": event.ended_on, "grade": event.ctcae_grade,
        "serious_for": event.serious_for, "outcome": event.outcome, "causality": event.causality,
        "cause": event.cause, "sponsor_causality": event.sponsor_causality, "expected": event.is_expected,
        "reference": event.reference_information, "submitted_at": event.submitted_at,
    }  # fmt: skip


@does(LIFE, "close", content=what_is_closed)
def close(event: AdverseEvent, *, by: Principal) -> None:
    """Close it, signed: from now on nothing in it changes."""
    event.closed_at, event.closed_by = clock.now(), by.login


@does(LIFE, "reopen", reason=True)
def reopen(event: AdverseEvent) -> None:
    """Open it again, with the reason; the investigator assesses it afresh."""
    event.closed_at = event.closed_by = None
