"""The pictures of the report: dose levels with their gates, and each patient's time (face, picture 9)."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from mscbank.core.i18n import _
from mscbank.core.pictures import Event, Gate, Lane, Level, escalation_board, swimmer_plot
from mscbank.core.web.filters import person
from mscbank.safety.gate import GateFacts
from mscbank.safety.lines import Write, dose_words, gate_words
from mscbank.safety.models import GateDecision
from mscbank.safety.report import Report
from mscbank.safety.statistics import months
from mscbank.safety.table import EventRow, PatientRow
from mscbank.safety.words import Decision

TICK_MONTHS = 3
LONGEST_SHOWN = 24
BOX_MONTHS = Fraction(6, 10)
"""The width of a grade's box on the axis of two years."""

Url = Callable[[str], str]
Mark = tuple[str, str, str]
"""Silhouette, colour, words."""


def escalation(report: Report, write: Write) -> Markup:
    """The levels as rows of people, and between two of them the gate as a signed door."""
    levels = [_level(report, number, write) for number in sorted(_numbers(report))]
    gates = [_gate(facts, report.decision_on(facts.level), report, write) for facts in report.gates]
    titles = [gate_words(facts, report.decision_on(facts.level)) for facts in report.gates]
    return escalation_board(
        levels, gates, title=str(_("Dose escalation")),
        sentence=". ".join([*(str(level.line) for level in levels), *titles]),
    )  # fmt: skip


def _numbers(report: Report) -> list[int]:
    return [level.number for level in report.protocol.levels]


def _people(report: Report, level: int) -> list[PatientRow]:
    """Who holds a place at a level: whoever left before the infusion gave it back."""
    freed = {one.enrolment.number for one in report.treated if one.enrolment.freed_at is not None}
    return [p for p in report.patients if p.level == level and p.number not in freed]


def past(report: Report, patient: PatientRow) -> bool:
    """Whether a patient has passed the end of the gate's day."""
    if patient.infused_on is None:
        return False
    return _today(report) > patient.infused_on + timedelta(days=report.protocol.gate_day)


def _today(report: Report) -> date:
    return report.gates[0].today if report.gates else report.made_at.date()


def patient_mark(report: Report, patient: PatientRow) -> Mark:
    """Where one patient stands on the way to the gate's day."""
    if patient.infused_on is None:
        return "ring", "end", str(_("enrolled, not infused"))
    if past(report, patient):
        return "check", "go", str(_("past day %(day)s", day=report.protocol.gate_day))
    day = (_today(report) - patient.infused_on).days
    return "clock", "wait", str(_("day %(day)s", day=day))


def level_line(report: Report, number: int) -> str:
    """10 of 10 infused, 10 of 10 past day 10."""
    level = report.protocol.level(number)
    people = _people(report, number)
    return str(
        _(
            "%(infused)s of %(places)s infused, %(past)s of %(infused)s past day %(day)s",
            infused=sum(p.infused_on is not None for p in people),
            places=level.places if level else 0,
            past=sum(past(report, p) for p in people),
            day=report.protocol.gate_day,
        )
    )


def level_title(report: Report, number: int, write: Write) -> str:
    """Level 1: 1 million/kg."""
    level = report.protocol.level(number)
    dose = dose_words(level.viable_cells_per_kg, write) if level else ""
    return str(_("Level %(number)s: %(dose)s", number=number, dose=dose))


def _level(report: Report, number: int, write: Write) -> Level:
    level = report.protocol.level(number)
    people = [(f"{p.number:02d}", *patient_mark(report, p)) for p in _people(report, number)]
    empty = (level.places if level else 0) - len(people)
    people += [("–", "ring", "end", str(_("free place")))] * max(empty, 0)
    return Level(level_title(report, number, write), level_line(report, number), people)


def conditions(facts: GateFacts, decision: GateDecision | None) -> list[Mark]:
    """What the gate asks for, each met or not; the last line is information to the signer, no condition."""
    if decision is not None and decision.decision is Decision.ESCALATE:
        infused, passed, unseen, open_ = decision.infused, decision.past_day, 0, decision.unreviewed
        severe, paused = decision.severe_related, False
    else:
        infused, passed, unseen, open_ = facts.infused, facts.past, facts.unseen, facts.unreviewed
        severe, paused = facts.severe_related, facts.is_paused
    day = facts.gate_day
    shown = [
        _mark(
            infused >= facts.wanted, "clock",
            _("%(n)s of %(wanted)s patients infused at level %(level)s", n=infused, wanted=facts.wanted,
              level=facts.level),
        ),
        _mark(
            infused > 0 and passed >= infused, "clock",
            _("%(n)s of %(all)s past the end of day %(day)s", n=passed, all=infused, day=day),
        ),
        _mark(
            not unseen and not open_, "triangle",
            _("All day 0 to %(day)s events entered and reviewed", day=day)
            if not unseen and not open_
            else _("%(open)s events not assessed, %(unseen)s visits of day %(day)s missing", open=open_,
                   unseen=unseen, day=day),
        ),
    ]  # fmt: skip
    if paused:
        shown.append(_mark(False, "octagon", _("The protocol is paused by its stopping rule")))
    seen = _("Seen by the signer: %(n)s related of grade 3 or more", n=severe)
    shown.append(("check" if not severe else "triangle", "go" if not severe else "wait", str(seen)))
    return shown


def _mark(met: bool, else_: str, words: Any) -> Mark:
    return ("check", "go", str(words)) if met else (else_, "wait", str(words))


def _gate(facts: GateFacts, decision: GateDecision | None, report: Report, write: Write) -> Gate:
    is_open = decision is not None and decision.decision is Decision.ESCALATE
    return Gate(
        title=gate_words(facts, decision),
        line=signed_line(decision, write),
        sign="check" if is_open else "padlock",
        colour="go" if is_open else "wait",
        conditions=conditions(facts, decision),
    )


def signed_line(decision: GateDecision | None, write: Write) -> str:
    """Who signed which decision, and when."""
    if decision is None:
        return str(_("nobody has signed"))
    words = _("escalate") if decision.decision is Decision.ESCALATE else _("hold")
    on = write(decision.decided_at.date())
    return str(_("signed “%(what)s”, %(who)s, %(on)s", what=words, who=person(decision.decided_by), on=on))


# --- each patient's time ------------------------------------------------------------------------


def swimmers(report: Report, write: Write, url: Url) -> Markup:
    """Each infused patient's time from the infusion, by dose level, every event where it fell."""
    infused = [p for p in report.patients if p.infused_on is not None]
    groups = []
    for level in _numbers(report):
        lanes = [_lane(report, p, url) for p in infused if p.level == level]
        if lanes:
            dose = dose_words(next(p.viable_cells_per_kg for p in infused if p.level == level), write)
            groups.append((dose, None if level == _numbers(report)[0] else "move", lanes))
    longest = max([LONGEST_SHOWN, *(int(lane.length) for _name, _colour, lanes in groups for lane in lanes)])
    ticks = [(at, str(at)) for at in range(0, longest + 1, TICK_MONTHS)]
    return swimmer_plot(
        groups,
        ticks,
        unit=str(_("months")),
        title=str(_("Each patient's time")),
        sentence=str(
            _("%(patients)s patients, %(events)s events.", patients=len(infused), events=len(report.events))
        ),
    )


def _lane(report: Report, patient: PatientRow, url: Url) -> Lane:
    theirs = [e for e in report.events if e.number == patient.number and e.day is not None and e.day >= 0]
    theirs.sort(key=lambda event: (event.day or 0, event.grade))
    places = apart([months(event.day or 0) for event in theirs], BOX_MONTHS)
    events = [_event(event, at, url) for event, at in zip(theirs, places, strict=True)]
    followed = months(patient.followed_days or 0)
    if patient.goes_on and patient.infused_on is not None:
        followed = max(followed, months((_today(report) - patient.infused_on).days))
    return Lane(f"{patient.number:02d}", max([followed, *(e.at for e in events)]), events, patient.goes_on)


def apart(places: list[Fraction], room: Fraction) -> list[Fraction]:
    """Where boxes stand so that none hides another: each at its place, or just behind the one before."""
    found: list[Fraction] = []
    for place in sorted(places):
        found.append(max(place, found[-1] + room if found else room / 2))
    return found


def _event(event: EventRow, at: Fraction, url: Url) -> Event:
    return Event(
        at=at,
        grade=event.grade,
        serious=event.is_serious,
        related=event.is_related,
        url=url(event.code),
        words=event_words(event),
    )


def event_words(event: EventRow) -> str:
    """An event in words: its term, how bad, what it led to, whether it is related, when."""
    serious = _("serious") if event.is_serious else _("not serious")
    related = _("related") if event.is_related else _("not related")
    return str(
        _(
            "%(term)s, grade %(grade)s, %(serious)s, %(related)s, day %(day)s",
            term=event.term,
            grade=event.grade,
            serious=serious,
            related=related,
            day="–" if event.day is None else event.day,
        )
    )
