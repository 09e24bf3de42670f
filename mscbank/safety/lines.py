"""The report in words: the table line by line, its finding, its gates (face.md §8); zeros are printed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from mscbank.core.i18n import Sentence, _
from mscbank.family.words import Sex
from mscbank.safety.gate import GateFacts, obstacles
from mscbank.safety.models import GateDecision
from mscbank.safety.table import Count, Table
from mscbank.safety.words import Decision

MILLION = 1_000_000

Write = Callable[[Any], str]
"""How a number or a date is written: by language on a page, plainly elsewhere."""


@dataclass(frozen=True)
class Line:
    """One line of the table. A group stands above its lines, a part beneath its sum."""

    label: Sentence
    figure: str = ""
    said: str = ""
    kind: str = "line"


def plain(value: Any) -> str:
    """A number or date as everybody writes it."""
    return (
        value.isoformat()
        if isinstance(value, date)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def shorter(value: Decimal) -> Decimal:
    """70.0 as 70: a decimal that says nothing is left out."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def dose_words(viable_cells_per_kg: int, write: Write = plain) -> str:
    """A dose as people say it: 1 million/kg."""
    amount = Decimal(viable_cells_per_kg) / MILLION
    return str(_("%(dose)s million/kg", dose=write(shorter(amount.normalize() + 0))))


def counted(number: int, one: Sentence, many: Sentence) -> str:
    """One thing, or several, as people say it."""
    return str(one if number == 1 else many)


def patients_of(found: Count, write: Write = plain) -> str:
    """2 of 20, 10 %."""
    share = write(shorter(found.percent))
    return str(_("%(some)s of %(all)s, %(percent)s %%", some=found.patients, all=found.of, percent=share))


def finding(table: Table) -> str:
    """What the report has found, in one sentence."""
    worst, n = table.related_serious, table.infused
    if not n:
        return str(_("Nobody has been infused yet"))
    people = counted(n, _("1 patient"), _("%(n)s patients", n=n))
    if not worst.events:
        return str(_("No treatment-related serious event in %(people)s", people=people))
    if worst.events == 1:
        return str(_("1 treatment-related serious event in 1 of %(people)s", people=people))
    words = _("%(events)s treatment-related serious events in %(some)s of %(people)s", events=worst.events,
              some=worst.patients, people=people)  # fmt: skip
    return str(words)


def lines(table: Table, write: Write = plain) -> list[Line]:
    """The table line by line, zeros included."""
    women, men = table.by_sex.get(Sex.FEMALE.value, 0), table.by_sex.get(Sex.MALE.value, 0)
    sexes = f"{counted(women, _('1 woman'), _('%(n)s women', n=women))}, "
    sexes += counted(men, _("1 man"), _("%(n)s men", n=men))
    return [
        Line(_("Enrolled"), str(table.enrolled), _enrolment(table, write)),
        Line(_("Infused"), str(table.infused), sexes),
        *(
            Line(_("At %(dose)s", dose=dose_words(table.doses[level], write)), str(number), kind="part")
            for level, number in table.by_level.items()
        ),
        Line(_("Day 0 to day 10"), kind="group"),
        _count(_("Infusion-related, severe"), table.related_severe_to_day_10, write),
        _count(_("Infusion-related, all"), table.related_to_day_10, write),
        *(
            Line(
                _("%(term)s, grade %(grade)s", term=one.term, grade=one.grade),
                str(one.count.events),
                _numbers(one.numbers),
                "part",
            )
            for one in table.related_by_term
        ),
        Line(_("After day 10"), kind="group"),
        _count(_("Treatment-related"), table.related_after_day_10, write),
        _count(_("Severe, not treatment-related"), table.severe_unrelated_after_day_10, write),
        _count(_("Serious, not treatment-related"), table.serious_unrelated_after_day_10, write),
        _follow_up(table, write),
    ]


def _count(label: Sentence, found: Count, write: Write) -> Line:
    return Line(label, str(found.events), patients_of(found, write))


def _enrolment(table: Table, write: Write) -> str:
    if table.first_enrolled_on is None or table.last_enrolled_on is None:
        return ""
    first, last = write(table.first_enrolled_on), write(table.last_enrolled_on)
    return str(_("%(first)s to %(last)s", first=first, last=last))


def _numbers(numbers: Iterable[int]) -> str:
    listed = [f"{number:02d}" for number in numbers]
    if len(listed) == 1:
        return str(_("patient %(number)s", number=listed[0]))
    return str(_("patients %(numbers)s", numbers=", ".join(listed)))


def _follow_up(table: Table, write: Write) -> Line:
    found = table.follow_up
    if found is None:
        return Line(_("Follow-up, months"), "–", str(_("no visit after an infusion yet")))
    said = _("median, quartiles %(low)s and %(high)s", low=write(found.lower), high=write(found.upper))
    return Line(_("Follow-up, months"), write(found.median), str(said))


def gate_words(facts: GateFacts, decision: GateDecision | None) -> str:
    """What the gate says as a whole."""
    if decision is not None and decision.decision is Decision.ESCALATE:
        title = _("Gate open: level %(level)s may start", level=decision.opens_level)
    elif found := obstacles(facts):
        title = _("Gate closed: %(n)s conditions are open", n=len(found))
        if len(found) == 1:
            title = _("Gate closed: 1 condition is open")
    else:
        title = _("Gate closed: it waits for the reviewer's signature")
    return str(title)
