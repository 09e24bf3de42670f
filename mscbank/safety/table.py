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

LOWER, MIDDLE, UPPER = Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)


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
    code: str = ""
    goes_on: bool = False
    """Whether the patient is still followed."""

    @property
    def followed_days(self) -> int | None:
        """Days from the infusion to the last visit."""
        if self.infused_on is None or self.last_seen_on is None:
            return None
        return (self.last_seen_on - self.infused_on).days


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

    @property
    def is_severe(self) -> bool:
        """Whether its grade is 3 or more: how bad it was, whatever it led to."""
        return self.grade >= SEVERE_FROM


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


NONE = Count(0, 0, 0)


@dataclass(frozen=True)
class FollowUp:
    """Months from infusion to the last visit: median and quartiles, one decimal."""

    median: Decimal
    lower: Decimal
    upper: Decimal
    patients: int


@dataclass(frozen=True)
class TermCount:
    """One term at one grade: how often, and in which patients."""

    term: str
    grade: int
    count: Count
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """The report's figures."""

    enrolled: int
    infused: int
    by_sex: dict[str, int]
    by_level: dict[int, int]
    """Dose level → infused patients; a level without any counts 0."""
    doses: dict[int, int]
    first_enrolled_on: date | None
    last_enrolled_on: date | None
    related_severe_to_day_10: Count
    related_to_day_10: Count
    related_by_term: list[TermCount] = field(default_factory=list)
    related_after_day_10: Count = NONE
    severe_unrelated_after_day_10: Count = NONE
    serious_unrelated_after_day_10: Count = NONE
    related_serious: Count = NONE
    """Related and serious in any period from the infusion on: the finding of the report."""
    elsewhere: int = 0
    """Events of infused patients that stand in no row above: before the infusion, mild and unrelated, after
    the study."""
    follow_up: FollowUp | None = None


def count(events: Iterable[EventRow], infused: int) -> Count:
    """Events and distinct patients."""
    listed = list(events)
    return Count(len(listed), len({event.number for event in listed}), infused)


def follow_up_of(patients: Iterable[PatientRow]) -> FollowUp | None:
    """Median and interquartile range of the follow-up of those who were infused and seen again."""
    spans = [months(days) for p in patients if (days := p.followed_days) is not None]
    if not spans:
        return None
    return FollowUp(
        median=one_decimal(quantile(spans, MIDDLE)),
        lower=one_decimal(quantile(spans, LOWER)),
        upper=one_decimal(quantile(spans, UPPER)),
        patients=len(spans),
    )


def by_term(events: Iterable[EventRow], infused: int) -> list[TermCount]:
    """Events gathered by term and grade, the mildest first."""
    gathered: dict[tuple[int, str], list[EventRow]] = {}
    for event in events:
        gathered.setdefault((event.grade, event.term), []).append(event)
    return [
        TermCount(term, grade, count(found, infused), tuple(sorted({e.number for e in found})))
        for (grade, term), found in sorted(gathered.items())
    ]


def tabulate(patients: Sequence[PatientRow], events: Sequence[EventRow]) -> Table:
    """Count it all."""
    infused = [p for p in patients if p.infused_on is not None]
    numbers = {p.number for p in infused}
    n = len(infused)
    theirs = [event for event in events if event.number in numbers]

    early_related = [e for e in theirs if e.period in PRIMARY and e.is_related]
    late = [e for e in theirs if e.period is Period.LATER]
    late_related = [e for e in late if e.is_related]
    late_severe = [e for e in late if not e.is_related and e.is_severe]
    late_serious = [e for e in late if not e.is_related and e.is_serious]
    shown = {id(e) for e in (*early_related, *late_related, *late_severe, *late_serious)}
    enrolled = sorted(p.enrolled_on for p in patients)
    doses = {p.level: p.viable_cells_per_kg for p in patients}
    at_level = Counter(p.level for p in infused)
    return Table(
        enrolled=len(patients),
        infused=n,
        by_sex=dict(Counter(p.sex for p in infused)),
        by_level={level: at_level[level] for level in sorted(doses)},
        doses=doses,
        first_enrolled_on=enrolled[0] if enrolled else None,
        last_enrolled_on=enrolled[-1] if enrolled else None,
        related_severe_to_day_10=count((e for e in early_related if e.is_severe), n),
        related_to_day_10=count(early_related, n),
        related_by_term=by_term(early_related, n),
        related_after_day_10=count(late_related, n),
        severe_unrelated_after_day_10=count(late_severe, n),
        serious_unrelated_after_day_10=count(late_serious, n),
        related_serious=count(
            (e for e in theirs if e.period is not Period.PRE_INFUSION and e.is_related and e.is_serious), n
        ),
        elsewhere=sum(id(e) not in shown for e in theirs),
        follow_up=follow_up_of(infused),
    )
