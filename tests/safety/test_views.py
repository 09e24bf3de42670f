"""What safety tells the trace and the pages of earlier steps."""

from datetime import timedelta

import pytest

from mscbank.core import links
from mscbank.core.access import Grant, Principal, Role
from mscbank.ops.demo.cast import PV
from mscbank.safety import actions, views
from mscbank.safety.words import Causality
from tests.make_safety import Trial, assess, do, report, see

NURSE = Principal("n", "Nurse", frozenset({Grant(Role.NURSE)}))
READER = Principal("o", "Reader", frozenset({Grant(Role.AUDITOR)}))


@pytest.mark.db
def test_the_trace_is_told_three_facts_and_walks_from_the_patient(trial: Trial):
    made = assess(report(trial, 3, term="Nausea", ctcae_grade=1), Causality.RELATED)
    (fact,) = links.told("adverse_event", [made.code])
    assert (fact.title, fact.state) == ("Nausea", "Assessed")
    assert fact.facts == {
        "grade": 1, "serious": False, "related": True, "assessed": True, "period": "to_day_10", "day": 3,
        "of": trial.patient().code,
    }  # fmt: skip
    assert links.reach("recipient", [trial.patient().code], "adverse_event") == [made.code]
    assert links.reach("adverse_event", [made.code], "recipient") == [trial.patient().code]
    assert views.timing(trial.event(made.code)) == {"period": "to_day_10", "day": 3}


def test_the_schedule_says_what_is_recorded_and_what_is_late(trial: Trial):
    see(trial, 10, "D10")
    found = {one["name"]: one for one in views.planned_visits(trial.patient())}
    assert (found["D10"]["is_recorded"], found["D10"]["is_late"]) == (True, False)
    assert (found["D0"]["is_recorded"], found["D0"]["is_late"]) == (False, True)
    infused_on = trial.infusion().infused_on
    assert infused_on is not None
    assert found["D10"]["latest"] == infused_on + timedelta(days=13)


def test_events_are_listed_the_latest_first_with_what_is_late(trial: Trial):
    early = report(trial, 3)
    late = report(trial, 40, at=trial.after(44), aware_at=trial.after(40), serious_for=["hospitalisation"])
    rows = views.event_rows([trial.event(early.code), trial.event(late.code)])
    assert [row["code"] for row in rows] == [late.code, early.code]
    assert [row["late"] for row in rows] == [True, False]
    assert rows[0]["when"] == "after day 10, day 40"


def test_a_follow_up_report_is_seen_in_the_row(trial: Trial):
    made = assess(report(trial, 30, serious_for=["hospitalisation"]), Causality.POSSIBLE)
    when = made.reported_at + timedelta(hours=3)
    do(
        actions.sponsor_assess, made, by=PV, at=when, sponsor_causality=Causality.POSSIBLE, is_expected=False,
        reference_information="brochure 4",
    )  # fmt: skip
    (row,) = views.event_rows([trial.event(made.code)])
    assert row["due_on"] == made.day_0 + timedelta(days=15)
