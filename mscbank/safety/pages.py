"""The safety report with its gate, the events and the visits, for people."""

import csv
import io
from typing import Any

from flask import Response, render_template, request, url_for
from sqlalchemy import select

from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, num, person
from mscbank.core.web.here import actor, find
from mscbank.core.web.pages import Act, Pages
from mscbank.family.models import Recipient
from mscbank.safety import actions, board, gating
from mscbank.safety.lines import counted, finding, lines
from mscbank.safety.models import AdverseEvent
from mscbank.safety.periods import PERIOD_WORDS
from mscbank.safety.report import csv_rows, report_of
from mscbank.safety.schemas.events import (
    AssessEventSchema,
    CorrectEventSchema,
    FollowEventSchema,
    ReportEventSchema,
    SponsorAssessSchema,
    SubmitEventSchema,
    SubmitFollowUpSchema,
)
from mscbank.safety.schemas.report import DecideGateSchema
from mscbank.safety.schemas.visits import CorrectVisitForm, RecordVisitForm
from mscbank.safety.states import LIFE
from mscbank.safety.views import all_visits, event_rows, planned_visits, timing
from mscbank.safety.visits import UNPLANNED
from mscbank.safety.words import CAUSALITY_WORDS, CAUSE_WORDS, CRITERION_WORDS, OUTCOME_WORDS
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState


def write(value: Any) -> str:
    """Numbers and dates by the reader's language."""
    return day(value) if hasattr(value, "isoformat") else num(value)


# --- the report ---------------------------------------------------------------------------------


class ReportPages(Pages):
    """The report of a protocol; what is signed at its gate carries what stood there when it was read."""

    def gate(self, protocol: Protocol) -> list[board.Mark]:
        """The conditions of the next gate as they stand."""
        level = gating.next_level(protocol)
        if level is None:
            return []
        return board.conditions(gating.gate_facts(protocol, level.number - 1), None)

    def moves(self, thing: Any, by: Principal) -> list[dict[str, Any]]:
        """What may be done here; what there is nothing to do about is not offered at all."""
        pointless = (gating.NO_LEVEL.code, gating.NOT_PAUSED.code)
        offered = super().moves(thing, by)
        return [one for one in offered if (one["obstacle"] or {}).get("code") not in pointless]

    def _ask(self, act: Act, thing: Any, by: Principal, typed: dict[str, Any], *rest: Any) -> str:
        if act.at == "gate":
            level = gating.next_level(thing)
            if level is None:
                raise Refused(gating.NO_LEVEL())
            seen = gating.seen_of(gating.gate_facts(thing, level.number - 1))
            typed = {**typed, "seen": seen}
        return super()._ask(act, thing, by, typed, *rest)


def protocols_for(by: Principal) -> list[Protocol]:
    """The protocols with something to report, the oldest first."""
    found = session.scalars(
        select(Protocol).where(Protocol.state != ProtocolState.DRAFT).order_by(Protocol.id)
    )
    return [protocol for protocol in found if by.sees(protocol.site)]


def _report(protocol: Protocol, by: Principal) -> dict[str, Any]:
    report = report_of(protocol)
    enrolled, told = report.table.enrolled, len(report.events)
    return {
        "report": report,
        "others": [one for one in protocols_for(by) if one.id != protocol.id],
        "lines": lines(report.table, write),
        "board": board.escalation(report, write),
        "levels": [
            (board.level_title(report, level.number, write), board.level_line(report, level.number))
            for level in protocol.levels
        ],
        "conditions": [
            (facts.level, mark)
            for facts in report.gates
            for mark in board.conditions(facts, report.decision_on(facts.level))
        ],
        "decisions": [(one, board.signed_line(one, write)) for one in report.decisions],
        "plot": board.swimmers(report, write, _event_url),
        "periods": PERIOD_WORDS,
        "people": counted(enrolled, _("1 patient"), _("%(n)s patients", n=enrolled)),
        "events": counted(told, _("1 event"), _("%(n)s events", n=told)),
        "related": sum(event.is_related for event in report.events),
        "serious": sum(event.is_serious for event in report.events),
        "may_report": by.holds(actions.report.role) is not None,
    }


def _event_url(code: str) -> str:
    return url_for("adverse_events.show", code=code)


def _found(protocol: Protocol) -> str:
    return finding(report_of(protocol).table)


report_pages = ReportPages("safety", Protocol, path="safety", title=_("Safety report"), name="safety")
report_pages.shows(context=_report, finding=_found)
report_pages.acts(actions.decide_gate, DecideGateSchema, at="gate", label=_("Decide at the gate"))
report_pages.acts(actions.lift_pause, at="pause-lifted", label=_("Lift the pause"))


@report_pages.get("/")
def front() -> Any:
    """The report of the protocol that was asked for, or else of the oldest one."""
    by = actor()
    if code := request.args.get("protocol", "")[:80]:
        return report_pages._show(find(Protocol, code), _report, _found)
    found = protocols_for(by)
    if not found:
        return render_template("safety/empty.html")
    return report_pages._show(found[0], _report, _found)


@report_pages.get("/<code>/report.csv")
def as_csv(code: str) -> Response:
    """The table and the rows behind it, for a spreadsheet."""
    protocol = find(Protocol, code)
    text = io.StringIO()
    csv.writer(text).writerows(csv_rows(report_of(protocol)))
    name = f"safety-{protocol.code}.csv"
    return Response(
        "\ufeff" + text.getvalue(), mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


# --- events -------------------------------------------------------------------------------------


def _event(event: AdverseEvent, by: Principal) -> dict[str, Any]:
    placed = timing(event)
    when = PERIOD_WORDS[placed["period"]] if event.recipient_id else _("of a donor")
    if placed["day"] is not None:
        when = _("%(when)s, day %(day)s", when=when, day=placed["day"])
    found = codes.resolver(event.person.kind)
    seriousness = ", ".join(str(CRITERION_WORDS[one]) for one in event.serious_for)
    facts = [
        (_("Began"), local(event.onset_at), when),
        (_("Ended"), day(event.ended_on) if event.ended_on else _("not recorded")),
        (_("Outcome"), OUTCOME_WORDS[event.outcome]),
        (_("Grade (how bad)"), event.ctcae_grade or _("not graded"), f"CTCAE {event.ctcae_version}"),
        (_("Serious (what it led to)"), seriousness or _("no")),
        (_("Protocol"), event.protocol.called),
        (_("Site knew of it"), local(event.aware_at)),
        (_("Reported"), local(event.reported_at), person(event.reported_by)),
    ]
    if event.meddra_code:
        facts.insert(1, ("MedDRA", event.meddra_code, event.meddra_version or ""))
    return {
        "facts": facts,
        "person": event.person,
        "person_url": found.page(event.person) if found else None,
        "judgements": _judgements(event),
        "follow_up": event.follow_up_note,
    }


def _judgements(event: AdverseEvent) -> list[tuple[Any, ...]]:
    """What either party made of it; both stand, and the stricter one counts."""
    shown: list[tuple[Any, ...]] = []
    if event.causality is not None:
        cause = CAUSE_WORDS[event.cause] if event.cause else ""
        who = f"{person(event.assessed_by)}, {local(event.assessed_at)}"
        shown.append((_("Investigator"), CAUSALITY_WORDS[event.causality], f"{cause} · {who}"))
    if event.sponsor_causality is not None:
        expected = _("expected") if event.is_expected else _("unexpected")
        who = f"{person(event.sponsor_by)}, {local(event.sponsor_at)}"
        said = f"{expected}, {event.reference_information} · {who}"
        shown.append((_("Sponsor"), CAUSALITY_WORDS[event.sponsor_causality], said))
    counts = _("related") if event.is_related else _("not related")
    shown.append((_("Counts as"), counts))
    if event.is_susar and event.is_serious:
        shown.append((_("Suspected unexpected serious reaction"), _("yes")))
    if event.submitted_at is not None:
        shown.append((_("Submitted"), local(event.submitted_at), event.submission_reference or ""))
    return shown


def _event_found(event: AdverseEvent) -> str:
    who = event.person.called
    if event.ctcae_grade is None:
        return str(_("%(term)s, %(who)s", term=event.term, who=who))
    return str(_("%(term)s, grade %(grade)s, %(who)s", term=event.term, grade=event.ctcae_grade, who=who))


event_pages = Pages("safety", AdverseEvent, path="adverse-events", title=_("Adverse events"))
event_pages.lists(
    columns=[
        (_("Event"), lambda e: e.term),
        (_("Person"), lambda e: e.person.called),
        (_("Began"), lambda e: local(e.onset_at)),
        (_("Protocol"), lambda e: e.protocol.called),
        (_("State"), lambda e: LIFE.word(e.state)),
    ],
    empty=_("No adverse event is on record."),
)
event_pages.shows(context=_event, finding=_event_found)
event_pages.creates(
    actions.report, ReportEventSchema, label=_("Report an event"),
    choices={"protocol": lambda _thing: [(p.code, p.called) for p in protocols_for(actor())]},
)  # fmt: skip
event_pages.acts(actions.assess, AssessEventSchema)
event_pages.acts(actions.sponsor_assess, SponsorAssessSchema)
event_pages.acts(actions.submit, SubmitEventSchema)
event_pages.acts(actions.submit_follow_up, SubmitFollowUpSchema, label=_("Record the follow-up report"))
event_pages.acts(actions.follow, FollowEventSchema)
event_pages.acts(actions.close)
event_pages.acts(actions.reopen)
event_pages.acts(actions.correct, CorrectEventSchema, label=_("Correct the event"))


# --- visits -------------------------------------------------------------------------------------


def _visits(recipient: Recipient, by: Principal) -> dict[str, Any]:
    entries = all_visits(recipient)
    corrected = {visit.replaces for visit in entries}
    found = codes.resolver(recipient.kind)
    events = select(AdverseEvent).where(AdverseEvent.recipient_id == recipient.id)
    return {
        "entries": [(visit, visit.number in corrected, visit.name == UNPLANNED) for visit in entries],
        "planned": planned_visits(recipient),
        "events": event_rows(session.scalars(events).all()),
        "person_url": found.page(recipient) if found else None,
    }


def _visits_found(recipient: Recipient) -> str:
    late = sum(one["is_late"] for one in planned_visits(recipient))
    if late:
        return str(_("%(who)s: %(n)s visits are late", who=recipient.called, n=late))
    return str(_("Follow-up of %(who)s", who=recipient.called))


def _visit_names(recipient: Any) -> list[tuple[str, str]]:
    open_ones = [(one["name"], one["name"]) for one in planned_visits(recipient) if not one["is_recorded"]]
    return [*open_ones, (UNPLANNED, str(_("out of turn")))]


def _any_visit(recipient: Any) -> list[tuple[str, str]]:
    return [
        *((one["name"], one["name"]) for one in planned_visits(recipient)),
        (UNPLANNED, str(_("out of turn"))),
    ]


def _numbers(recipient: Any) -> list[tuple[str, str]]:
    entries = all_visits(recipient)
    corrected = {visit.replaces for visit in entries}
    return [
        (str(visit.number), f"{visit.number} · {visit.name} · {day(visit.visited_on)}")
        for visit in entries
        if visit.number not in corrected
    ]


def _protocols(recipient: Any) -> list[tuple[str, str]]:
    return [(one.protocol.code, one.protocol.called) for one in recipient.enrolments]


visit_pages = Pages("safety", Recipient, path="visits", title=_("Visits"))
visit_pages.shows(context=_visits, finding=_visits_found)
visit_pages.acts(
    actions.record_visit, RecordVisitForm, at="visits", label=_("Record a visit"),
    choices={"name": _visit_names, "protocol": _protocols},
)  # fmt: skip
visit_pages.acts(
    actions.correct_visit, CorrectVisitForm, at="corrections", label=_("Correct a visit"),
    choices={"name": _any_visit, "number": _numbers},
)  # fmt: skip

codes.resolves("adverse_event", page=event_pages.url, title=lambda event: event.called)

all_pages = [report_pages, event_pages, visit_pages]
