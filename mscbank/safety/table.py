"""The published table (D §1.4), counted from raw rows: events and patients apart, zeros shown, severity and
seriousness never merged. Denominators are infused patients."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from mscbank.safety.periods import PRIMARY, Period
from mscbank.safety.statistics import months, one_decimal, percent, quantile

SEVERE_FROM = 3
"""CTCAE grade from which an event is severe."""


@dataclass(frozen=True)
class PatientRow:
    """One enrolled patient, as the rows say."""

    number: int
    sex: str
    level: int
    viable_cells_per_kg: int
    enrolled_on: date
    infused_on: date | None
    last_seen_on: date | None
    """The last visit at which the patient was seen."""


@dataclass(frozen=True)
class EventRow:
    """One adverse event of a patient, as the rows say; period and relation are computed."""

    code: str
    number: int
    term: str
    grade: int
    is_serious: bool
    is_related: bool
    period: Period
    day: int | None


@dataclass(frozen=True)
class Count:
    """Events, the patients who had one, and of how many infused."""

    events: int
    patients: int
    of: int

    @property
    def percent(self) -> Decimal:
        """Patients with an event, in percent of the infused."""
        return percent(self.patients, self.of)


@dataclass(frozen=True)
class FollowUp:
    """Months from infusion to the last visit: median and quartiles, one decimal."""

    median: Decimal
    lower: Decimal
    upper: Decimal
    patients: int


@dataclass(frozen=True)
class Table:
    """The report's figures."""

    enrolled: int
    infused: int
    by_sex: dict[str, int]
    by_level: dict[int, int]
    doses: dict[int, int]
    first_enrolled_on: date | None
    last_enrolled_on: date | None
    related_severe_to_day_10: Count
    related_to_day_10: Count
    related_by_term: list[tuple[str, int, Count, list[int]]] = field(default_factory=list)
    """Term, grade, count and the patients' numbers of the related events to day 10."""
    related_after_day_10: Count = Count(0, 0, 0)
    severe_unrelated_after_day_10: Count = Count(0, 0, 0)
    serious_unrelated_after_day_10: Count = Count(0, 0, 0)
    follow_up: FollowUp | None = None


def count(events: Iterable[EventRow], infused: int) -> Count:
    """Events and distinct patients."""
    listed = list(events)
    return Count(len(listed), len({event.number for event in listed}), infused)


def follow_up_of(patients: Iterable[PatientRow]) -> FollowUp | None:
    """Median and interquartile range of the follow-up of those who were infused and seen again."""
    spans: list[Fraction] = [
        months((p.last_seen_on - p.infused_on).days)
        for p in patients
        if p.infused_on is not None and p.last_seen_on is not None
    ]
    if not spans:
        return None
    quartiles = (one_decimal(quantile(spans, Fraction(n, 4))) for n in (2, 1, 3))
    return FollowUp(*quartiles, patients=len(spans))


def tabulate(patients: Sequence[PatientRow], events: Sequence[EventRow]) -> Table:
    """Count it all."""
    infused = [p for p in patients if p.infused_on is not None]
    numbers = {p.number for p in infused}
    n = len(infused)
    theirs = [event for event in events if event.number in numbers]

    early = [e for e in theirs if e.period in PRIMARY]
    late = [e for e in theirs if e.period is Period.LATER]
    terms = sorted({(e.term, e.grade) for e in early if e.is_related}, key=lambda pair: (pair[1], pair[0]))
    enrolled = sorted(p.enrolled_on for p in patients)
    return Table(
        enrolled=len(patients),
        infused=n,
        by_sex=dict(Counter(p.sex for p in infused)),
        by_level=dict(Counter(p.level for p in infused)),
        doses={p.level: p.viable_cells_per_kg for p in patients},
        first_enrolled_on=enrolled[0] if enrolled else None,
        last_enrolled_on=enrolled[-1] if enrolled else None,
        related_severe_to_day_10=count((e for e in early if e.is_related and e.grade >= SEVERE_FROM), n),
        related_to_day_10=count((e for e in early if e.is_related), n),
        related_by_term=[
            (
                term,
                grade,
                count((e for e in early if e.is_related and (e.term, e.grade) == (term, grade)), n),
                sorted({e.number for e in early if e.is_related and (e.term, e.grade) == (term, grade)}),
            )
            for term, grade in terms
        ],
        related_after_day_10=count((e for e in late if e.is_related), n),
        severe_unrelated_after_day_10=count(
            (e for e in late if not e.is_related and e.grade >= SEVERE_FROM), n
        ),
        serious_unrelated_after_day_10=count((e for e in late if not e.is_related and e.is_serious), n),
        follow_up=follow_up_of(infused),
    )
