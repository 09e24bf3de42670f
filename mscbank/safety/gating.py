"""The gate as it stands, its signed decision, and lifting a pause (D §1.3; invariant 15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, Stale
from mscbank.family.models import Enrolment, Recipient
from mscbank.infusion.models import Infusion
from mscbank.safety import gate
from mscbank.safety.courses import courses_of, infusions_of, standing_visits
from mscbank.safety.gate import GateFacts
from mscbank.safety.models import AdverseEvent, GateDecision
from mscbank.safety.periods import Course, day_of
from mscbank.safety.table import SEVERE_FROM
from mscbank.safety.words import Decision
from mscbank.study import actions as study
from mscbank.study.models import DoseLevel, Protocol
from mscbank.study.states import ProtocolState

NO_LEVEL = Refusal("gate.no_level", "Every dose level of this protocol is open: no gate is left.")
NOT_OPEN = Refusal("gate.not_open", "The protocol is not open.", Role.MEDICAL_DIRECTOR)
NOT_PAUSED = Refusal("gate.not_paused", "The protocol is not paused.")


@dataclass(frozen=True)
class Treated:
    """One enrolled patient of a level with the infusion, if there was one."""

    recipient: Recipient
    enrolment: Enrolment
    infusion: Infusion | None


def treated_in(protocol: Protocol) -> list[Treated]:
    """Everybody ever enrolled in a protocol, by number, with the infusion."""
    rows = session.execute(
        select(Enrolment, Recipient)
        .join(Recipient, Recipient.id == Enrolment.recipient_id)
        .where(Enrolment.protocol_id == protocol.id)
        .order_by(Enrolment.number)
    ).all()
    infusions = infusions_of(recipient.id for _, recipient in rows)
    return [
        Treated(recipient, enrolment, infusions.get((recipient.id, protocol.id)))
        for enrolment, recipient in rows
    ]


def events_of(protocol: Protocol) -> list[AdverseEvent]:
    """The events of a protocol, by onset."""
    found = select(AdverseEvent).where(AdverseEvent.protocol_id == protocol.id)
    return list(session.scalars(found.order_by(AdverseEvent.onset_at, AdverseEvent.id)))


def next_level(protocol: Protocol) -> DoseLevel | None:
    """The lowest level that is not open: the one to which the next gate leads."""
    return next((level for level in protocol.levels if level.opened_at is None), None)


def gate_facts(
    protocol: Protocol, level: int, treated: Iterable[Treated] | None = None,
    events: Iterable[AdverseEvent] | None = None,
) -> GateFacts:  # fmt: skip
    """What stands before the gate from a level to the next, as the rows say now."""
    people = [
        one
        for one in (treated_in(protocol) if treated is None else treated)
        if one.infusion is not None and one.enrolment.level == level
    ]
    infused_on = [one.infusion.infused_on for one in people if one.infusion and one.infusion.infused_on]
    listed = list(events_of(protocol) if events is None else events)
    ids = {one.recipient.id for one in people}
    courses = courses_of([e for e in listed if e.recipient_id in ids])
    early = [e for e in listed if e.id in courses and _is_early(e, courses[e.id], protocol.gate_day)]
    return GateFacts(
        level=level,
        wanted=protocol.gate_infused,
        gate_day=protocol.gate_day,
        infused_on=tuple(infused_on),
        unreviewed=sum(not e.is_assessed for e in early),
        severe_related=sum(e.is_related and (e.ctcae_grade or 0) >= SEVERE_FROM for e in early),
        today=clock.today(protocol.infusion_zone),
        unseen=_unseen(protocol, people),
        is_paused=protocol.paused_at is not None,
    )


def _is_early(event: AdverseEvent, course: Course, last_day: int) -> bool:
    day = day_of(event.onset_at, course)
    started = course.started_at
    return started is not None and event.onset_at >= started and day is not None and day <= last_day


def _unseen(protocol: Protocol, people: list[Treated]) -> int:
    """How many are past the gate's day without a visit of that day on record, though they were still here."""
    planned = {visit.name for visit in protocol.visits if visit.days == protocol.gate_day}
    if not planned:
        return 0
    today = clock.today(protocol.infusion_zone)
    seen = standing_visits(one.recipient.id for one in people)
    missing = 0
    for one in people:
        infused_on = one.infusion.infused_on if one.infusion else None
        last = infused_on + timedelta(days=protocol.gate_day) if infused_on else None
        left = one.recipient.left_on
        if last is None or today <= last or (left is not None and left <= last):
            continue
        names = {visit.name for visit in seen.get((one.recipient.id, protocol.id), ())}
        missing += not names & planned
    return missing


def decisions_of(protocol: Protocol) -> list[GateDecision]:
    """What was decided at the gates, oldest first."""
    found = select(GateDecision).where(GateDecision.protocol_id == protocol.id)
    return list(session.scalars(found.order_by(GateDecision.number)))


def seen_of(facts: GateFacts) -> str:
    """The digest of what stands before a gate: what a signer saw, to be compared with what is true."""
    return digest(
        canonical(
            [facts.level, facts.wanted, facts.gate_day, list(facts.infused_on), facts.past, facts.unseen,
             facts.unreviewed, facts.severe_related, facts.is_paused]
        )
    )  # fmt: skip


def _nothing_to_decide(protocol: Protocol, by: Principal) -> Obstacle | None:
    if protocol.state is not ProtocolState.OPEN:
        return NOT_OPEN()
    return None if next_level(protocol) is not None else NO_LEVEL()


def _at_the_gate(protocol: Protocol, **_inputs: Any) -> list[Any]:
    people = treated_in(protocol)
    return shared(*(one.recipient for one in people), *(one.infusion for one in people))


def what_is_gated(protocol: Protocol) -> dict[str, Any]:
    """What does not change beneath a decision: the gate's conditions and the levels. What stood before the
    gate is among the inputs, as the signer saw it, and kept in the decision's own row."""
    return {
        "protocol": protocol.code,
        "gate": [protocol.gate_infused, protocol.gate_day],
        "levels": [[one.number, one.viable_cells_per_kg, one.places] for one in protocol.levels],
    }


@action(
    "protocol.decide_gate", role=Role.SAFETY_REVIEWER, kind="protocol", unless=_nothing_to_decide,
    locks=_at_the_gate, signs="gate decision", content=what_is_gated,
)  # fmt: skip
def decide_gate(
    protocol: Protocol, *, by: Principal, decision: Decision, comment: str, seen: str | None = None
) -> None:
    """Decide at the gate, signed: escalate opens the next dose level, hold keeps it shut."""
    level = next_level(protocol)
    if level is None:
        raise Refused(NO_LEVEL())
    facts = gate_facts(protocol, level.number - 1)
    if seen is not None and seen != seen_of(facts):
        raise Stale
    if decision is Decision.ESCALATE:
        if found := gate.obstacles(facts):
            raise Refused(*found)
        study.open_level(protocol, by=by, number=level.number)
    number = len(decisions_of(protocol)) + 1
    session.add(
        GateDecision(
            protocol=protocol, number=number, opens_level=level.number, decision=decision,
            infused=facts.infused, past_day=facts.past, unreviewed=facts.unreviewed,
            severe_related=facts.severe_related, comment=comment, decided_by=by.login, decided_at=clock.now(),
        )
    )  # fmt: skip


def _not_paused(protocol: Protocol, by: Principal) -> Obstacle | None:
    return None if protocol.paused_at is not None else NOT_PAUSED()


@action(
    "protocol.lift_pause", role=Role.SAFETY_REVIEWER, kind="protocol", unless=_not_paused, reason=True,
    signs="pause lifted", content=what_is_gated,
)  # fmt: skip
def lift_pause(protocol: Protocol, *, by: Principal) -> None:
    """Let enrolment and infusion go on after the stopping rule, signed, with the reason."""
    study.resume(protocol, by=by)
