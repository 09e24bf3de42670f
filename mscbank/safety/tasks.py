"""The worklists of safety: what waits for investigator, sponsor, ward and reviewer, with its due dates."""

from datetime import date, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.db import session
from mscbank.core.i18n import Sentence, _
from mscbank.core.links import Task
from mscbank.family.models import Enrolment, Recipient
from mscbank.family.states import RecipientState
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import GIVEN
from mscbank.safety import gating, visits
from mscbank.safety.courses import plans_of, standing_visits
from mscbank.safety.deadlines import INVESTIGATOR_HOURS
from mscbank.safety.models import AdverseEvent
from mscbank.safety.states import INVESTIGATORS, LIFE, State
from mscbank.safety.visiting import VISITORS
from mscbank.study.models import Protocol
from mscbank.study.schedule import Due
from mscbank.study.states import ProtocolState

MOST_TASKS = 50


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Events to assess, to judge for the sponsor, to submit; visits; the gate."""
    tasks: list[Task] = []
    if by.holds(INVESTIGATORS):
        tasks += _events_waiting(by, (State.REPORTED, State.REOPENED))
    if by.holds(Role.PV_OFFICER):
        tasks += _events_waiting(
            by, (State.ASSESSED, State.SPONSOR_ASSESSED, State.SUBMITTED, State.FOLLOW_UP)
        )
    if by.holds(VISITORS):
        tasks += _visits_waiting(by)
    if by.holds(Role.SAFETY_REVIEWER):
        tasks += _gates_waiting(by)
    return tasks


STEPS: dict[State, tuple[Sentence, Sentence]] = {
    State.REPORTED: (_("Assess %(event)s"), _("Assess")),
    State.REOPENED: (_("Assess %(event)s again"), _("Assess")),
    State.ASSESSED: (_("Judge %(event)s for the sponsor"), _("Judge")),
    State.SPONSOR_ASSESSED: (_("Close %(event)s"), _("Open")),
    State.SUBMITTED: (_("Follow %(event)s up"), _("Open")),
    State.FOLLOW_UP: (_("Finish the follow-up of %(event)s"), _("Open")),
}
SUBMIT = (_("Submit %(event)s to the authority"), _("Submit"))


def _events_waiting(by: Principal, states: tuple[State, ...]) -> list[Task]:
    found = session.scalars(
        select(AdverseEvent).where(AdverseEvent.state.in_(states)).order_by(AdverseEvent.id).limit(MOST_TASKS)
    )
    return [_event_task(event) for event in found if by.sees(event.site)]


def _event_task(event: AdverseEvent) -> Task:
    title, button = STEPS[event.state]
    if event.state is State.SPONSOR_ASSESSED and event.is_susar:
        title, button = SUBMIT
    detail = [event.person.called, LIFE.word(event.state)]
    if event.is_serious:
        detail.append(str(_("serious")))
    if event.is_reported_late:
        detail.append(str(_("reported later than 24 hours")))
    due: Any = event.due_on
    if not event.is_assessed:
        urgent = event.is_serious or event.is_medication_error
        due = event.aware_at + timedelta(hours=INVESTIGATOR_HOURS) if urgent else None
    return Task(
        step="safety",
        title=_(title.msgid, event=event.called),
        detail=" · ".join(detail),
        url=url_for("adverse_events.show", code=event.code),
        button=button,
        due=due,
        sign=("triangle", "wait") if event.is_serious else LIFE.sign(event.state),
        thing=("adverse_event", event.code),
    )


def _visits_waiting(by: Principal) -> list[Task]:
    rows = session.execute(
        select(Recipient, Protocol, Infusion.infused_on)
        .join(Infusion, Infusion.recipient_id == Recipient.id)
        .join(Protocol, Protocol.id == Infusion.protocol_id)
        .join(Enrolment, (Enrolment.recipient_id == Recipient.id) & (Enrolment.protocol_id == Protocol.id))
        .where(Recipient.state == RecipientState.ENROLLED, Infusion.state.in_(GIVEN))
        .order_by(Enrolment.number)
    ).all()
    seen = standing_visits(recipient.id for recipient, _protocol, _on in rows)
    tasks = [
        _visit_task(recipient, due)
        for recipient, protocol, infused_on in rows
        if infused_on is not None and by.sees(recipient.site)
        for due in _next_of(recipient, protocol, infused_on, seen)
    ]
    return sorted(tasks, key=lambda task: task.due)[:MOST_TASKS]


def _next_of(recipient: Recipient, protocol: Protocol, infused_on: date, seen: dict[Any, Any]) -> list[Due]:
    """The first visit whose window has opened and that is not on record, if any."""
    recorded = {visit.name for visit in seen.get((recipient.id, protocol.id), ())}
    today = clock.today(protocol.infusion_zone)
    return visits.outstanding(infused_on, plans_of(protocol), recorded, today)[:1]


def _visit_task(recipient: Recipient, due: Due) -> Task:
    return Task(
        step="safety",
        title=_("Visit %(visit)s of %(patient)s", visit=due.name, patient=recipient.called),
        detail=str(_("planned for %(day)s", day=due.on.isoformat())),
        url=url_for("visits.act_visits", code=recipient.code, name=due.name),
        button=_("Record"),
        due=due.latest,
        sign=("clock", "wait"),
        thing=("recipient", recipient.code),
    )


def _gates_waiting(by: Principal) -> list[Task]:
    tasks = []
    for protocol in session.scalars(select(Protocol).where(Protocol.state == ProtocolState.OPEN)):
        if not by.sees(protocol.site):
            continue
        level = gating.next_level(protocol)
        if protocol.paused_at is not None:
            title = _("%(protocol)s is paused: judge the event", protocol=protocol.called)
            detail, sign = protocol.paused_why or "", ("pause", "stop")
        elif level is not None and gating.gate_facts(protocol, level.number - 1).is_open:
            title = _(
                "Decide at the gate to level %(level)s of %(protocol)s",
                level=level.number,
                protocol=protocol.called,
            )
            detail, sign = str(_("every condition is met")), ("padlock", "wait")
        else:
            continue
        tasks.append(
            Task(
                step="safety",
                title=title,
                detail=detail,
                url=url_for("safety.show", code=protocol.code),
                button=_("Look"),
                sign=sign,
                thing=("protocol", protocol.code),
            )
        )
    return tasks
