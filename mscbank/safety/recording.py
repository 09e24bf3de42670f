"""Reporting and correcting adverse events (D §7.1): late is kept and marked, what does not fit is refused."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from mscbank.core import clock, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import NotAllowed, Obstacle, Refused, invalid
from mscbank.family.models import Consent, Donor, Recipient
from mscbank.safety import rules, stopping
from mscbank.safety.causality import inconsistencies
from mscbank.safety.courses import infusions_of, judged
from mscbank.safety.models import AdverseEvent, flags_of
from mscbank.safety.periods import civil_date
from mscbank.safety.states import State
from mscbank.safety.stopping import Judged
from mscbank.safety.words import Criterion, Outcome
from mscbank.study import actions as study
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState

CTCAE = parameters.declare(
    "safety.ctcae_version", "5.0", source="D §1.7, §7.1",
    meaning="Edition of the CTCAE by which new events are graded; kept with each event",
    form=r"[0-9]{1,2}\.[0-9]",
)  # fmt: skip
STOPPING_GRADE = parameters.declare(
    "safety.stopping_grade", 3, unit="grade", source="D §1.3",
    meaning="Grade from which a related event by day 10 counts for the stopping rule", least=1, most=5,
)  # fmt: skip
STOPPING_EVENTS = parameters.declare(
    "safety.stopping_events", 1, unit="events", source="D §1.3",
    meaning="How many such events pause enrolment and infusion of a protocol", least=1, most=100,
)  # fmt: skip

CARERS = (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.PV_OFFICER)
REPORTERS = (*CARERS, Role.COLLECTION)
INVESTIGATORS = (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN)
CORRECTORS = (*INVESTIGATORS, Role.NURSE, Role.PHARMACIST, Role.COLLECTION)

ONE_PERSON = "An event has one person: a patient or a donor."
WHICH_PROTOCOL = "Say under which protocol."
OTHER_PROTOCOL = "This patient is enrolled in another protocol."
FUTURE = "This lies in the future."
ENDS_EARLY = "It does not end before it began."
KNOWN_EARLY = "Nobody knew of it before it began."
GRADED = "Give the grade, 1 to 5. Only a medication error that harmed nobody has none."


def protocol_of(recipient: Recipient | None, protocol: Protocol | None) -> Protocol | None:
    """The protocol that was named, or else the one in which the patient is enrolled."""
    if protocol is not None or recipient is None or recipient.enrolment is None:
        return protocol
    return recipient.enrolment.protocol


def surroundings(event: AdverseEvent, **_inputs: Any) -> list[Any]:
    """What an act on an event reads or may change: its protocol, whose stopping rule it can set off, its
    person and the infusion from which its period counts."""
    return around(event.protocol, event.recipient, event.donor)


def around(protocol: Protocol | None, recipient: Recipient | None, donor: Donor | None) -> list[Any]:
    """The protocol for change; person and infusions against change."""
    infusions = infusions_of([recipient.id]).values() if recipient is not None else ()
    return [protocol, *shared(recipient, donor, *infusions)]


def _report_locks(
    *, recipient: Recipient | None = None, donor: Donor | None = None, protocol: Protocol | None = None,
    **_inputs: Any,
) -> list[Any]:  # fmt: skip
    return around(protocol_of(recipient, protocol), recipient, donor)


@action("adverse_event.report", role=REPORTERS, creates="adverse_event", locks=_report_locks)
def report(
    *, by: Principal, term: str, onset_at: datetime, outcome: Outcome, ctcae_grade: int | None = None,
    recipient: Recipient | None = None, donor: Donor | None = None, protocol: Protocol | None = None,
    serious_for: Sequence[Criterion] = (), description: str | None = None, ended_on: date | None = None,
    aware_at: datetime | None = None, is_medication_error: bool = False, meddra_code: str | None = None,
    meddra_version: str | None = None, ctcae_version: str | None = None,
) -> AdverseEvent:  # fmt: skip
    """Report what happened to a patient or a donor, how bad it was, and apart from that what it led to."""
    now = clock.now()
    study_of = protocol_of(recipient, protocol)
    person = recipient or donor
    if person is None or (recipient is not None and donor is not None):
        raise invalid(recipient=[ONE_PERSON], donor=[ONE_PERSON])
    if study_of is None:
        raise invalid(protocol=[WHICH_PROTOCOL])
    enrolled = {one.protocol_id for one in recipient.enrolments} if recipient is not None else set()
    if enrolled and study_of.id not in enrolled:
        raise invalid(protocol=[OTHER_PROTOCOL])
    if recipient is not None and by.holds(CARERS, person.site) is None:
        raise NotAllowed(rules.OF_DONORS())
    event = AdverseEvent(
        code=new_code("adverse_event"), site=person.site, recipient=recipient, donor=donor, protocol=study_of,
        term=term, meddra_code=meddra_code, meddra_version=meddra_version, description=description,
        onset_at=onset_at, ended_on=ended_on, is_medication_error=is_medication_error,
        ctcae_grade=ctcae_grade, ctcae_version=ctcae_version or parameters.value(CTCAE), outcome=outcome,
        aware_at=aware_at or now, reported_by=by.login, reported_at=now, **flags_of(serious_for),
    )  # fmt: skip
    check(event, now)
    if event.is_serious:
        event.serious_aware_at, event.serious_reported_at = event.aware_at, now
    session.add(event)
    session.flush()
    stop_if_due(event, None, by)
    return event


def check(event: AdverseEvent, now: datetime) -> None:
    """Every fault at its field, all at once; then whether the event belongs to the study at all."""
    with session.no_autoflush:
        faults = _faults(event, now)
        onset_on = civil_date(event.onset_at, event.protocol.infusion_zone)
    if faults:
        raise invalid(**faults)
    _belongs(event.person, onset_on)


def _faults(event: AdverseEvent, now: datetime) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = inconsistencies(event.ctcae_grade, event.serious_for, event.outcome)
    zone = event.protocol.infusion_zone
    if event.onset_at > now:
        faults["onset_at"] = [FUTURE]
    if event.aware_at > now:
        faults["aware_at"] = [FUTURE]
    elif event.aware_at < event.onset_at <= now:
        faults["aware_at"] = [KNOWN_EARLY]
    if event.ended_on is not None and event.ended_on < civil_date(event.onset_at, zone):
        faults["ended_on"] = [ENDS_EARLY]
    elif event.ended_on is not None and event.ended_on > civil_date(now, zone):
        faults["ended_on"] = [FUTURE]
    if event.ctcae_grade is None and not event.is_medication_error:
        faults["ctcae_grade"] = [GRADED]
    return faults


def _belongs(person: Recipient | Donor, onset_on: date) -> None:
    """From the first consent onward, also after its withdrawal; what began before is medical history."""
    column = Consent.recipient_id if isinstance(person, Recipient) else Consent.donor_id
    given_on = session.scalar(select(func.min(Consent.given_on)).where(column == person.id))
    if given_on is None:
        raise Refused(rules.NO_CONSENT(person=person.called))
    if onset_on < given_on:
        raise Refused(rules.MEDICAL_HISTORY(onset=onset_on.isoformat(), consent=given_on.isoformat()))


def _open(event: AdverseEvent, by: Principal) -> Obstacle | None:
    if event.state is State.CLOSED:
        return rules.CLOSED()
    if event.is_assessed and by.holds(INVESTIGATORS, event.site) is None:
        return rules.ASSESSED()
    return None


@action(
    "adverse_event.correct", role=CORRECTORS, kind="adverse_event", reason=True, unless=_open,
    locks=surroundings,
)  # fmt: skip
def correct(
    event: AdverseEvent, *, by: Principal, term: str | None = None, description: str | None = None,
    onset_at: datetime | None = None, ended_on: date | None = None, ctcae_grade: int | None = None,
    serious_for: Sequence[Criterion] | None = None, outcome: Outcome | None = None,
    aware_at: datetime | None = None, change_known_at: datetime | None = None,
    meddra_code: str | None = None, meddra_version: str | None = None,
) -> None:  # fmt: skip
    """Correct or complete an event before it is closed. What is left out stays as it is."""
    before = judged([event])[event.id]
    given = {
        "term": term, "description": description, "onset_at": onset_at, "ended_on": ended_on,
        "aware_at": aware_at, "meddra_code": meddra_code, "meddra_version": meddra_version,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None:
            setattr(event, name, value)
    change(event, ctcae_grade=ctcae_grade, serious_for=serious_for, outcome=outcome, known_at=change_known_at)
    stop_if_due(event, before, by)


def how_bad(event: AdverseEvent) -> tuple[int | None, frozenset[str]]:
    """Grade and consequences as they stand."""
    return event.ctcae_grade, frozenset(name for name in flags_of(()) if getattr(event, name))


def change(
    event: AdverseEvent, *, ctcae_grade: int | None, serious_for: Iterable[Criterion] | None,
    outcome: Outcome | None, known_at: datetime | None,
) -> None:  # fmt: skip
    """Grade, consequences and outcome as they are known now; the clocks start when a worse one was known."""
    now = clock.now()
    was_serious, was_worst = event.is_serious, event.is_death or event.is_life_threatening
    if ctcae_grade is not None:
        event.ctcae_grade = ctcae_grade
    if serious_for is not None:
        for name, value in flags_of(serious_for).items():
            setattr(event, name, value)
    if outcome is not None:
        event.outcome = outcome
    known = known_at or now
    if known > now:
        raise invalid(change_known_at=[FUTURE])
    check(event, now)
    if event.is_serious and not was_serious:
        event.serious_aware_at, event.serious_reported_at = max(known, event.aware_at), now
    elif was_serious and not was_worst and (event.is_death or event.is_life_threatening):
        event.worse_aware_at = known


def stop_if_due(event: AdverseEvent, before: Judged | None, by: Principal) -> None:
    """Pause the protocol in this same act when the event has come to count for its stopping rule."""
    protocol = event.protocol
    if protocol.state is not ProtocolState.OPEN or protocol.paused_at is not None:
        return
    asked = parameters.values([STOPPING_GRADE, STOPPING_EVENTS])
    grade, events = asked[STOPPING_GRADE], asked[STOPPING_EVENTS]
    others = session.scalars(
        select(AdverseEvent).where(
            AdverseEvent.protocol_id == protocol.id,
            AdverseEvent.id != event.id,
            AdverseEvent.ctcae_grade >= grade,
        )
    ).all()
    after = judged([event])[event.id]
    if stopping.pauses(before, after, judged(others).values(), grade=grade, events=events):
        study.pause(protocol, by=by, why=f"stopping rule, event {event.code}: {event.called}, related")
