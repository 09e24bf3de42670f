"""The published table, counted from rows (D §1.4); one row changed changes it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from mscbank.ops.demo.published import FAMILIES
from mscbank.safety.periods import Period
from mscbank.safety.table import Count, EventRow, PatientRow, follow_up_of, tabulate

MILLION = 1_000_000


def infused_on(row) -> date:
    return row.enrolled + timedelta(days=90)


PATIENTS = [
    PatientRow(
        number=row.number, sex="female" if row.woman else "male", level=1 if row.number <= 10 else 2,
        viable_cells_per_kg=MILLION if row.number <= 10 else 3 * MILLION, enrolled_on=row.enrolled,
        infused_on=infused_on(row), last_seen_on=infused_on(row) + timedelta(days=row.follow_up_days),
    )
    for row in FAMILIES
]  # fmt: skip
EVENTS = [
    EventRow(
        code=f"E{row.number:02d}-{n}", number=row.number, term=event.term, grade=event.grade,
        is_serious=event.serious, is_related=event.related,
        period=Period.DURING if event.day == 0 else Period.TO_DAY_10 if event.day <= 10 else Period.LATER,
        day=event.day,
    )
    for row in FAMILIES
    for n, event in enumerate(row.events)
]  # fmt: skip
TABLE = tabulate(PATIENTS, EVENTS)


def changed(code: str, **changes) -> list[EventRow]:
    return [replace(event, **changes) if event.code == code else event for event in EVENTS]


def test_the_published_figures():
    assert (TABLE.enrolled, TABLE.infused) == (20, 20)
    assert TABLE.by_sex == {"female": 13, "male": 7}
    assert TABLE.by_level == {1: 10, 2: 10}
    assert TABLE.doses == {1: MILLION, 2: 3 * MILLION}
    assert (TABLE.first_enrolled_on, TABLE.last_enrolled_on) == (date(2014, 3, 24), date(2020, 1, 6))
    assert TABLE.related_severe_to_day_10 == Count(0, 0, 20)
    assert TABLE.related_to_day_10 == Count(3, 2, 20)
    assert [(t.term, t.grade, t.count.events, t.numbers) for t in TABLE.related_by_term] == [
        ("Flushing", 1, 1, (4,)),
        ("Nausea", 1, 1, (9,)),
        ("Asthenia", 2, 1, (9,)),
    ]
    assert TABLE.related_after_day_10 == Count(0, 0, 20)
    assert TABLE.severe_unrelated_after_day_10 == Count(36, 14, 20)
    assert TABLE.serious_unrelated_after_day_10 == Count(36, 14, 20)
    assert TABLE.severe_unrelated_after_day_10.percent == Decimal(70)
    assert TABLE.related_serious == Count(0, 0, 20)
    assert TABLE.elsewhere == 0
    assert TABLE.follow_up is not None
    assert (TABLE.follow_up.median, TABLE.follow_up.lower, TABLE.follow_up.upper) == (
        Decimal("24.1"),
        Decimal("20.8"),
        Decimal("24.5"),
    )


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({"grade": 2}, {"severe_unrelated_after_day_10": Count(35, 14, 20)}),
        ({"is_serious": False}, {"serious_unrelated_after_day_10": Count(35, 14, 20)}),
        (
            {"is_related": True},
            {"related_after_day_10": Count(1, 1, 20), "severe_unrelated_after_day_10": Count(35, 14, 20)},
        ),
        ({"is_related": True}, {"related_serious": Count(1, 1, 20)}),
        ({"period": Period.POST_STUDY}, {"severe_unrelated_after_day_10": Count(35, 14, 20)}),
        (
            {"period": Period.TO_DAY_10, "is_related": True},
            {"related_severe_to_day_10": Count(1, 1, 20), "related_to_day_10": Count(4, 3, 20)},
        ),
        ({"period": Period.PRE_INFUSION}, {"elsewhere": 1}),
        ({"grade": 2, "is_serious": False}, {"elsewhere": 1}),
    ],
)
def test_one_row_changes_the_figures(changes, figures):
    table = tabulate(PATIENTS, changed("E02-0", **changes))
    for name, count in figures.items():
        assert getattr(table, name) == count, name


def test_grade_and_seriousness_are_never_merged():
    """A grade 4 that led to nothing is severe; a grade 1 that led to hospital is serious (invariant 20)."""
    apart = [replace(EVENTS[-1], is_serious=False, grade=4), replace(EVENTS[-2], grade=1)]
    table = tabulate(PATIENTS, apart)
    assert table.severe_unrelated_after_day_10.events == 1
    assert table.serious_unrelated_after_day_10.events == 1


def test_denominators_are_infused_patients():
    waiting = replace(PATIENTS[0], infused_on=None, last_seen_on=None)
    table = tabulate([waiting, *PATIENTS[1:]], EVENTS)
    assert (table.enrolled, table.infused) == (20, 19)
    assert table.by_level == {1: 9, 2: 10}
    assert table.related_to_day_10.of == 19
    left_out = replace(PATIENTS[1], infused_on=None)
    assert tabulate([left_out], EVENTS).serious_unrelated_after_day_10 == Count(0, 0, 0)


def test_an_empty_study_is_all_zeros():
    table = tabulate([], [])
    assert (table.enrolled, table.infused, table.follow_up, table.first_enrolled_on) == (0, 0, None, None)
    assert table.related_to_day_10 == Count(0, 0, 0)
    assert table.related_to_day_10.percent == 0


def test_a_level_without_anybody_infused_counts_zero():
    waiting = replace(PATIENTS[-1], infused_on=None)
    assert tabulate([PATIENTS[0], waiting], []).by_level == {1: 1, 2: 0}


def test_follow_up_counts_those_who_were_seen_after_the_infusion():
    never_seen = replace(PATIENTS[0], last_seen_on=None)
    found = follow_up_of([never_seen, PATIENTS[1]])
    assert found is not None
    assert (found.patients, found.median) == (1, Decimal("24.8"))
    assert follow_up_of([never_seen]) is None
