"""The report counts raw rows by general queries, and changes when one of them does."""

from datetime import timedelta
from decimal import Decimal

import pytest

from mscbank.core import clock
from mscbank.core.db import session
from mscbank.family import actions as family
from mscbank.ops.demo.cast import DIRECTOR, PHYSICIAN
from mscbank.safety import actions
from mscbank.safety.periods import Period
from mscbank.safety.report import Report, csv_rows, harmless, report_lines, report_of
from mscbank.safety.table import Count
from mscbank.safety.words import Causality, Criterion
from tests.make_safety import Trial, assess, do, judge, report, see
from tests.safety.test_gating import decide, past, seen_on_day_10

SERIOUS = {"ctcae_grade": 3, "serious_for": [Criterion.HOSPITALISATION]}


def counted(trial: Trial, days: int = 800) -> Report:
    session.expire_all()
    with clock.moved_to(trial.after(days)):
        return report_of(trial.protocol)


@pytest.mark.db
def test_every_figure_follows_its_rows(trial: Trial):
    empty = counted(trial).table
    assert (empty.enrolled, empty.infused, empty.by_sex) == (2, 2, {"female": 1, "male": 1})
    assert empty.by_level == {1: 2}
    assert (empty.follow_up, empty.elsewhere) == (None, 0)
    seen_on_day_10(trial)
    see(trial, 365, "M12")
    see(trial, 731, "M24", number=2)
    flush = assess(report(trial, 0, term="Flushing", ctcae_grade=1), Causality.RELATED)
    fever = assess(report(trial, 30, term="Pneumonia", **SERIOUS))
    table = counted(trial).table
    assert table.related_to_day_10 == Count(1, 1, 2)
    assert [one.numbers for one in table.related_by_term] == [(1,)]
    assert table.serious_unrelated_after_day_10 == Count(1, 1, 2)
    assert table.severe_unrelated_after_day_10.percent == Decimal(50)
    assert table.follow_up is not None
    assert (table.follow_up.median, table.follow_up.lower, table.follow_up.upper) == (
        Decimal("18.0"),
        Decimal("15.0"),
        Decimal("21.0"),
    )
    judge(fever, Causality.POSSIBLE)
    assert counted(trial).table.related_after_day_10 == Count(1, 1, 2)
    do(actions.correct, flush, by=PHYSICIAN, at=trial.after(1), reason="worse than thought", ctcae_grade=2)
    assert [one.grade for one in counted(trial).table.related_by_term] == [2]


def test_a_corrected_visit_counts_once(trial: Trial):
    see(trial, 365, "M12")
    do(
        actions.correct_visit, trial.patient(), by=PHYSICIAN, at=trial.after(366), reason="a year later",
        number=1, name="M12", visited_on=trial.after(335).date(),
    )  # fmt: skip
    follow_up = counted(trial).table.follow_up
    assert follow_up is not None
    assert (follow_up.median, follow_up.patients) == (Decimal("11.0"), 1)


def test_periods_are_computed_from_the_infusion(trial: Trial):
    report(trial, onset_at=trial.infusion().started_at - timedelta(hours=1))
    report(trial, 0)
    report(trial, 10)
    report(trial, 11)
    report(trial, 762)
    assert [(e.period, e.day) for e in counted(trial).events] == [
        (Period.PRE_INFUSION, 0),
        (Period.DURING, 0),
        (Period.TO_DAY_10, 10),
        (Period.LATER, 11),
        (Period.POST_STUDY, 762),
    ]


def test_who_is_still_followed_goes_on(trial: Trial):
    assert [p.goes_on for p in counted(trial, 30).patients] == [True, True]
    left = trial.after(40)
    do(family.lose, trial.patient(), by=DIRECTOR, at=left, reason="moved abroad", left_on=left.date())
    assert [p.goes_on for p in counted(trial, 50).patients] == [False, True]
    assert [p.goes_on for p in counted(trial, 800).patients] == [False, False]


def test_the_gate_stands_beside_the_figures(trial: Trial):
    seen_on_day_10(trial)
    shut = counted(trial, 3)
    assert shut.gates[0].past < shut.gates[0].infused
    assert shut.decision_on(1) is None
    decide(trial, past(trial))
    assert counted(trial).decision_on(1) is not None


def test_the_command_line_prints_what_the_page_shows(trial: Trial):
    assess(report(trial, 0, term="Flushing", ctcae_grade=1), Causality.RELATED)
    with clock.moved_to(trial.after(800)):
        shown = report_lines(trial.protocol)
    assert shown[0] == "Safety report · NCT00000777 · No treatment-related serious event in 2 patients"
    told = [" ".join(line.split()) for line in shown]
    assert "Infused 2 1 woman, 1 man" in told
    assert "Flushing, grade 1 1 patient 01" in told
    assert "Infusion-related, severe 0 0 of 2, 0 %" in told
    assert "Gate closed: 1 condition is open" in told


def test_what_stands_in_no_row_is_said(trial: Trial):
    report(trial, onset_at=trial.infusion().started_at - timedelta(hours=1))
    with clock.moved_to(trial.after(800)):
        assert "1 further event stands in no row above." in report_lines(trial.protocol)


def test_the_spreadsheet_holds_table_and_rows_and_no_formula(trial: Trial):
    report(trial, 30, term="=cmd|' /C calc'!A1")
    rows = csv_rows(counted(trial))
    assert next(row[:2] for row in rows if row[0] == "event") == ["event", "01"]
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert harmless("-1") == "'-1"
    assert harmless("pneumonia") == "pneumonia"
