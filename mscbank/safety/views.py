"""What safety shows of itself, and tells earlier pages and the trace; its worklists stand in ``tasks``."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from sqlalchemy import select

from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Panel
from mscbank.family.models import Donor, Recipient
from mscbank.safety import gating
from mscbank.safety.courses import infusions_of, periods_of, plans_of, standing_visits
from mscbank.safety.gate import obstacles
from mscbank.safety.lines import finding
from mscbank.safety.models import AdverseEvent, FollowUpVisit
from mscbank.safety.periods import PERIOD_WORDS, Period
from mscbank.safety.report import report_of
from mscbank.safety.states import INVESTIGATORS, LIFE
from mscbank.safety.tasks import waiting
from mscbank.study.models import Protocol
from mscbank.study.schedule import calendar
from mscbank.study.states import ProtocolState

__all__ = ["waiting"]

links.edge(
    "recipient",
    "adverse_event",
    select(Recipient.code, AdverseEvent.code).join(AdverseEvent, AdverseEvent.recipient_id == Recipient.id),
    "had",
)
links.edge(
    "donor",
    "adverse_event",
    select(Donor.code, AdverseEvent.code).join(AdverseEvent, AdverseEvent.donor_id == Donor.id),
    "had",
)


# --- of one thing -------------------------------------------------------------------------------


def timing(event: AdverseEvent) -> dict[str, Any]:
    """Show where an event lies relative to the infusion."""
    period, day = periods_of([event])[event.id]
    return {"period": period, "day": day}


def visits_json(recipient: Recipient) -> dict[str, Any]:
    """List the visits of a patient, on record and planned."""
    return {"recorded": all_visits(recipient), "planned": planned_visits(recipient)}


def all_visits(recipient: Recipient) -> list[FollowUpVisit]:
    """Every entry, corrected ones included, in the order of entry."""
    found = select(FollowUpVisit).where(FollowUpVisit.recipient_id == recipient.id)
    return list(session.scalars(found.order_by(FollowUpVisit.number)))


def planned_visits(recipient: Recipient) -> list[dict[str, Any]]:
    """The schedule of every protocol under which this patient was infused."""
    seen = standing_visits([recipient.id])
    planned = []
    for enrolment in recipient.enrolments:
        pair = (recipient.id, enrolment.protocol_id)
        infusion = infusions_of([recipient.id]).get(pair)
        if infusion is None or infusion.infused_on is None:
            continue
        recorded = {visit.name for visit in seen.get(pair, ())}
        today = clock.today(enrolment.protocol.infusion_zone)
        for due in calendar(infusion.infused_on, plans_of(enrolment.protocol)):
            on_record = due.name in recorded
            planned.append(
                {
                    "name": due.name,
                    "on": due.on,
                    "earliest": due.earliest,
                    "latest": due.latest,
                    "is_recorded": on_record,
                    "is_late": not on_record and due.is_late(today),
                }
            )
    return planned


def report_json(protocol: Protocol) -> dict[str, Any]:
    """Count the safety report of a protocol from its rows as they stand now."""
    report = report_of(protocol)
    gates = []
    for facts in report.gates:
        decision = report.decision_on(facts.level)
        shown = {name: getattr(facts, name) for name in GATE_FIGURES}
        gates.append(
            shown
            | {
                "seen": gating.seen_of(facts),
                "obstacles": [one.as_json() for one in obstacles(facts)],
                "decision": decision.decision if decision else None,
                "decided_by": decision.decided_by if decision else None,
                "decided_at": decision.decided_at if decision else None,
            }
        )
    return {
        "registry_id": protocol.registry_id,
        "made_at": report.made_at,
        "finding": finding(report.table),
        "table": report.table,
        "gates": gates,
        "patients": report.patients,
        "events": report.events,
    }


GATE_FIGURES = ("level", "wanted", "gate_day", "infused", "past", "unseen", "unreviewed", "severe_related",
                "is_open")  # fmt: skip


# --- for the trace ------------------------------------------------------------------------------


@links.describes("adverse_event")
def describe(codes: list[str]) -> list[Fact]:
    """Adverse events for the trace: grade, seriousness and relation are three facts, never one."""
    events = list(session.scalars(select(AdverseEvent).where(any_of(AdverseEvent.code, codes))))
    periods = periods_of(events)
    return [
        Fact(
            "adverse_event",
            event.code,
            event.term,
            LIFE.word(event.state),
            {
                "grade": event.ctcae_grade,
                "serious": event.is_serious,
                "related": event.is_related,
                "assessed": event.is_assessed,
                "period": periods[event.id][0].value if event.recipient_id else None,
                "day": periods[event.id][1],
                "of": event.person.code,
            },
        )
        for event in events
    ]


# --- for earlier pages --------------------------------------------------------------------------


def event_row(event: AdverseEvent, period: Period | None, day: int | None) -> dict[str, Any]:
    """An event as one line of a list or panel."""
    when = PERIOD_WORDS[period] if period else _("of a donor")
    return {
        "code": event.code,
        "term": event.term,
        "grade": event.ctcae_grade,
        "serious": event.is_serious,
        "related": event.is_related,
        "state": LIFE.word(event.state),
        "sign": LIFE.sign(event.state),
        "when": str(when) if day is None else str(_("%(when)s, day %(day)s", when=when, day=day)),
        "late": event.is_reported_late,
        "due_on": event.due_on,
    }


def event_rows(events: Iterable[AdverseEvent]) -> list[dict[str, Any]]:
    """Events as lines, the latest onset first."""
    listed = sorted(events, key=lambda one: one.onset_at, reverse=True)
    periods = periods_of(listed)
    return [
        event_row(one, periods[one.id][0] if one.recipient_id else None, periods[one.id][1]) for one in listed
    ]


@links.panel("recipient")
def of_recipient(recipient: Recipient, by: Principal) -> Panel | None:
    """What safety says about a patient: events and visits."""
    found = session.scalars(select(AdverseEvent).where(AdverseEvent.recipient_id == recipient.id)).all()
    planned = planned_visits(recipient)
    recorded = all_visits(recipient)
    if not (found or planned or recorded or recipient.consents):
        return None
    following = next((one for one in planned if not one["is_recorded"]), None)
    return Panel(
        _("Safety"),
        "safety/panel.html",
        {
            "events": event_rows(found),
            "visits": sum(visit.replaces is None for visit in recorded),
            "next": following,
            "report_url": _report_url(by, recipient=recipient.code),
            "visits_url": url_for("visits.show", code=recipient.code) if recipient.enrolments else None,
        },
    )


@links.panel("donor")
def of_donor(donor: Donor, by: Principal) -> Panel | None:
    """What safety says about a donor: events after the donation count as much as a patient's."""
    found = session.scalars(select(AdverseEvent).where(AdverseEvent.donor_id == donor.id)).all()
    if not (found or donor.consents):
        return None
    return Panel(
        _("Safety"),
        "safety/panel.html",
        {"events": event_rows(found), "report_url": _report_url(by, donor=donor.code)},
    )


@links.panel("protocol")
def of_protocol(protocol: Protocol, by: Principal) -> Panel | None:
    """Where the safety report of a protocol stands."""
    if protocol.state is ProtocolState.DRAFT:
        return None
    return Panel(
        _("Safety"),
        "safety/of_protocol.html",
        {"url": url_for("safety.show", code=protocol.code), "paused_why": protocol.paused_why},
        "decision",
    )


def _report_url(by: Principal, **person: str) -> str | None:
    reporters = (*INVESTIGATORS, Role.NURSE, Role.PHARMACIST, Role.PV_OFFICER, Role.COLLECTION)
    return f"{url_for('adverse_events.form_new')}?{urlencode(person)}" if by.holds(reporters) else None
