"""The safety report: general queries over raw rows, counted by ``table``; nothing of it is stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mscbank.core import clock
from mscbank.core.i18n import _
from mscbank.family.states import RecipientState
from mscbank.safety import gating, visits
from mscbank.safety.courses import last_seen, periods_of, plans_of, standing_visits
from mscbank.safety.gate import GateFacts, obstacles
from mscbank.safety.gating import Treated
from mscbank.safety.lines import counted, finding, gate_words, lines
from mscbank.safety.models import AdverseEvent, GateDecision
from mscbank.safety.table import EventRow, PatientRow, Table, tabulate
from mscbank.study.models import Protocol


@dataclass(frozen=True)
class Report:
    """Everything that the page, its print, the JSON, the CSV and the command line show."""

    protocol: Protocol
    made_at: datetime
    patients: list[PatientRow]
    events: list[EventRow]
    """Events of the enrolled patients that have a grade."""
    ungraded: int
    """Medication errors without a grade, counted apart."""
    table: Table
    gates: list[GateFacts]
    """What stands, or stood, before the gate above each level but the last."""
    decisions: list[GateDecision]
    treated: list[Treated]

    def decision_on(self, level: int) -> GateDecision | None:
        """The last decision about opening the level above this one."""
        return next((d for d in reversed(self.decisions) if d.opens_level == level + 1), None)


def report_of(protocol: Protocol) -> Report:
    """Count the safety of a protocol from its rows as they stand now."""
    treated = gating.treated_in(protocol)
    events = gating.events_of(protocol)
    patients = _patients(protocol, treated)
    rows = _events(treated, events)
    levels = [level.number for level in protocol.levels]
    return Report(
        protocol=protocol,
        made_at=clock.now(),
        patients=patients,
        events=rows,
        ungraded=sum(event.ctcae_grade is None for event in events),
        table=tabulate(patients, rows),
        gates=[gating.gate_facts(protocol, level, treated, events) for level in levels[:-1]],
        decisions=gating.decisions_of(protocol),
        treated=treated,
    )


def _patients(protocol: Protocol, treated: Iterable[Treated]) -> list[PatientRow]:
    listed = list(treated)
    seen = standing_visits(one.recipient.id for one in listed)
    return [
        PatientRow(
            number=one.enrolment.number,
            sex=one.recipient.sex.value,
            level=one.enrolment.level,
            viable_cells_per_kg=one.enrolment.dose_level.viable_cells_per_kg,
            enrolled_on=one.enrolment.enrolled_on,
            infused_on=one.infusion.infused_on if one.infusion else None,
            last_seen_on=last_seen(seen.get((one.recipient.id, protocol.id), ())),
            code=one.recipient.code,
            goes_on=_goes_on(protocol, one),
        )
        for one in listed
    ]


def _goes_on(protocol: Protocol, one: Treated) -> bool:
    """Whether the follow-up of an infused patient is not over: still in the study, the last window open."""
    if one.recipient.state is not RecipientState.ENROLLED:
        return False
    if one.infusion is None or one.infusion.infused_on is None:
        return True
    ends_on = visits.study_ends_on(one.infusion.infused_on, plans_of(protocol))
    return ends_on is None or clock.today(protocol.infusion_zone) <= ends_on


def _events(treated: Iterable[Treated], events: list[AdverseEvent]) -> list[EventRow]:
    numbers = {one.recipient.id: one.enrolment.number for one in treated}
    theirs = [e for e in events if e.recipient_id in numbers and e.ctcae_grade is not None]
    periods = periods_of(theirs)
    return [
        EventRow(
            code=e.code,
            number=numbers[e.recipient_id or 0],
            term=e.term,
            grade=e.ctcae_grade or 0,
            is_serious=e.is_serious,
            is_related=e.is_related,
            period=periods[e.id][0],
            day=periods[e.id][1],
        )
        for e in theirs
    ]


def report_lines(protocol: Protocol) -> list[str]:
    """The report for the command line: finding, table, gates."""
    report = report_of(protocol)
    table = report.table
    shown = [f"{_('Safety report')} · {protocol.registry_id} · {finding(table)}", ""]
    for line in lines(table):
        if line.kind == "group":
            shown += ["", f"{line.label!s:<38}{_('events')!s:>8}  {_('patients')}"]
        else:
            indent = "  " if line.kind == "part" else ""
            shown.append(f"{indent + str(line.label):<38}{line.figure:>8}  {line.said}".rstrip())
    if table.elsewhere:
        more = _("%(n)s further events stand in no row above.", n=table.elsewhere)
        shown += ["", counted(table.elsewhere, _("1 further event stands in no row above."), more)]
    for facts in report.gates:
        shown += ["", gate_words(facts, report.decision_on(facts.level))]
        shown += [f"  {one.sentence}" for one in obstacles(facts) if report.decision_on(facts.level) is None]
    return shown


def csv_rows(report: Report) -> list[list[str]]:
    """The table and the rows behind it, for a spreadsheet: part, then its own columns."""
    rows = [["part", "label", "figure", "patients"]]
    rows += [[line.kind, str(line.label), line.figure, line.said] for line in lines(report.table)]
    rows.append(["part", "number", "code", "sex", "dose_per_kg", "enrolled_on", "infused_on", "last_seen_on"])
    rows += [
        ["patient", f"{p.number:02d}", p.code, p.sex, str(p.viable_cells_per_kg), str(p.enrolled_on),
         str(p.infused_on or ""), str(p.last_seen_on or "")]
        for p in report.patients
    ]  # fmt: skip
    rows.append(["part", "number", "code", "term", "grade", "serious", "related", "period", "day"])
    rows += [
        ["event", f"{e.number:02d}", e.code, e.term, str(e.grade), _yes(e.is_serious), _yes(e.is_related),
         e.period.value, "" if e.day is None else str(e.day)]
        for e in report.events
    ]  # fmt: skip
    return [[harmless(cell) for cell in row] for row in rows]


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _yes(value: bool) -> str:
    return "yes" if value else "no"
