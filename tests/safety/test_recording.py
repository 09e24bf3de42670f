"""Reporting and correcting events: what belongs to the study, what fits together, what is late."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.family import actions as family
from mscbank.family.models import Donor
from mscbank.ops.demo.cast import DIRECTOR, NURSE, PHARMACIST, PHYSICIAN, PV, QA, REVIEWER, WARD
from mscbank.ops.demo.stage import at
from mscbank.safety import actions
from mscbank.safety.models import AdverseEvent
from mscbank.safety.states import State
from mscbank.safety.words import Causality, Criterion, Outcome
from tests.make_safety import Trial, assess, close, do, judge, report

SEVERE = {"ctcae_grade": 3, "serious_for": [Criterion.HOSPITALISATION]}


def refused(code: str, act, *arguments, **inputs) -> None:
    with pytest.raises(Refused) as caught:
        act(*arguments, **inputs)
    assert caught.value.code == code


def faults(act, *arguments, **inputs) -> dict:
    with pytest.raises(Invalid) as caught:
        act(*arguments, **inputs)
    return caught.value.faults


@pytest.mark.db
def test_an_event_is_reported_with_grade_and_seriousness_apart(trial: Trial):
    made = report(trial, 30, by=WARD, ctcae_grade=3, description="Fever since the morning")
    found = trial.event(made.code)
    assert found.state is State.REPORTED
    assert (found.ctcae_grade, found.is_serious, found.ctcae_version) == (3, False, "5.0")
    assert found.protocol is trial.protocol
    assert (found.reported_by, found.causality) == ("nurse", None)
    assert found.is_related, "unanswered counts as related"
    mild = report(trial, 31, ctcae_grade=1, serious_for=[Criterion.IMPORTANT, Criterion.HOSPITALISATION])
    assert trial.event(mild.code).serious_for == [Criterion.HOSPITALISATION, Criterion.IMPORTANT]


def test_an_event_has_exactly_one_person(trial: Trial):
    donor = session.scalars(select(Donor)).first()
    both = faults(report, trial, donor=donor)
    assert set(both) == {"recipient", "donor"}
    assert set(faults(report, trial, recipient=None)) == {"recipient", "donor"}


def test_the_collection_reports_events_of_donors_only(trial: Trial):
    donor = session.scalars(select(Donor)).first()
    made = report(
        trial, by=NURSE, recipient=None, donor=donor, protocol=trial.protocol, term="Pain at the hip",
        onset_at=at(date(2019, 2, 19)),
    )  # fmt: skip
    assert trial.event(made.code).person is donor
    assert made.is_serious is False
    with pytest.raises(NotAllowed):
        report(trial, by=NURSE)
    with pytest.raises(NotAllowed):
        report(trial, by=QA)
    for by in (WARD, PHARMACIST, PV):
        report(trial, by=by)


def test_an_event_of_a_donor_needs_its_protocol(trial: Trial):
    donor = session.scalars(select(Donor)).first()
    assert set(faults(report, trial, recipient=None, donor=donor)) == {"protocol"}


def test_an_event_belongs_to_a_person_from_consent_onward(trial: Trial):
    """Both ends: the day of the consent belongs to the study, the day before is medical history."""
    consented = trial.patient().consents[0].given_on
    report(trial, onset_at=at(consented, 0), at=at(consented, 10))
    refused(
        "event.medical_history",
        report, trial, onset_at=at(consented, 0) - timedelta(seconds=1), at=at(consented, 10),
    )  # fmt: skip
    stranger = do(
        family.register_recipient, by=PHYSICIAN, at=at(date(2019, 6, 3)), family_name="Nobody",
        given_name="Yet", born_on=date(1980, 1, 1), sex=trial.patient().sex,
    )  # fmt: skip
    refused("event.no_consent", report, trial, recipient=stranger, protocol=trial.protocol)


def test_a_withdrawn_consent_does_not_end_reporting(trial: Trial):
    consent = trial.patient().consents[0]
    do(family.withdraw_consent, consent, by=DIRECTOR, at=trial.after(20), reason="the patient's wish",
       withdrawn_on=trial.after(20).date())  # fmt: skip
    assert trial.event(report(trial, 30).code).state is State.REPORTED


@pytest.mark.parametrize(
    ("given", "at_fault"),
    [
        ({"ctcae_grade": 5}, {"serious_for", "outcome"}),
        ({"serious_for": [Criterion.DEATH]}, {"ctcae_grade", "outcome"}),
        ({"outcome": Outcome.FATAL}, {"ctcae_grade", "serious_for"}),
        ({"ctcae_grade": 4}, {"serious_for"}),
        ({"ctcae_grade": 4, "serious_for": [Criterion.HOSPITALISATION]}, {"serious_for"}),
        ({"ctcae_grade": None}, {"ctcae_grade"}),
    ],
)
def test_what_does_not_fit_is_named_at_its_fields(trial: Trial, given, at_fault):
    assert set(faults(report, trial, **given)) == at_fault
    assert session.scalars(select(AdverseEvent)).all() == []


def test_times_fit_together(trial: Trial):
    onset = trial.after(30)
    assert set(faults(report, trial, onset_at=onset, at=onset - timedelta(minutes=1))) >= {"onset_at"}
    assert set(faults(report, trial, ended_on=(onset - timedelta(days=1)).date())) == {"ended_on"}
    assert set(faults(report, trial, ended_on=(onset + timedelta(days=1)).date())) == {"ended_on"}
    assert set(faults(report, trial, aware_at=onset - timedelta(seconds=1))) == {"aware_at"}
    assert set(faults(report, trial, aware_at=onset + timedelta(hours=3))) == {"aware_at"}
    same_day = report(trial, onset_at=onset, aware_at=onset, ended_on=onset.date())
    assert trial.event(same_day.code).ended_on == onset.date()


@pytest.mark.parametrize(
    ("serious", "after", "late"),
    [
        (True, timedelta(hours=24), False),
        (True, timedelta(hours=24, seconds=1), True),
        (True, timedelta(days=400), True),
        (False, timedelta(days=400), False),
    ],
)
def test_a_late_report_is_kept_and_flagged_never_refused(trial: Trial, serious, after, late):
    onset = trial.after(30)
    made = report(
        trial, onset_at=onset, aware_at=onset, at=onset + after, **(SEVERE if serious else {})
    )  # fmt: skip
    assert trial.event(made.code).is_reported_late is late


def test_a_medication_error_that_harmed_nobody_has_no_grade(trial: Trial):
    made = report(trial, 0, is_medication_error=True, ctcae_grade=None, term="Given too fast")
    assert trial.event(made.code).called == "Given too fast"


def test_a_correction_keeps_what_is_left_out_and_needs_a_reason(trial: Trial):
    made = report(trial, 30, ctcae_grade=2)
    when = trial.after(31)
    assert "reason" in faults(do, actions.correct, made, by=WARD, at=when, term="Bronchitis")
    do(actions.correct, made, by=WARD, at=when, reason="read again", term="Bronchitis", ctcae_grade=1)
    found = trial.event(made.code)
    assert (found.term, found.ctcae_grade, found.outcome) == ("Bronchitis", 1, Outcome.RECOVERED)
    assert set(faults(do, actions.correct, made, by=WARD, at=when, reason="read again", ctcae_grade=4)) == {
        "serious_for"
    }


def test_after_the_assessment_only_an_investigator_corrects(trial: Trial):
    made = assess(report(trial, 30))
    inputs = {"reason": "read again", "term": "Bronchitis"}
    refused("event.assessed", do, actions.correct, made, by=WARD, at=trial.after(31), **inputs)
    do(actions.correct, made, by=PHYSICIAN, at=trial.after(31), **inputs)
    with pytest.raises(NotAllowed):
        do(actions.correct, made, by=PV, at=trial.after(31), **inputs)


def test_a_closed_event_is_not_corrected(trial: Trial):
    made = close(report(trial, 30))
    inputs = {"reason": "read again", "ctcae_grade": 1}
    refused("event.closed", do, actions.correct, made, by=PHYSICIAN, at=trial.after(31), **inputs)


def test_what_became_serious_later_starts_its_clock_later(trial: Trial):
    onset = trial.after(30)
    made = report(trial, onset_at=onset)
    known = onset + timedelta(days=4)
    do(
        actions.correct, made, by=PHYSICIAN, at=known + timedelta(hours=25), reason="taken to hospital",
        serious_for=[Criterion.HOSPITALISATION], change_known_at=known,
    )  # fmt: skip
    found = trial.event(made.code)
    assert found.serious_aware_at == known
    assert found.is_reported_late
    assert found.day_0 == (known + timedelta(hours=25)).date()


def test_what_became_fatal_later_is_due_seven_days_after_that_was_known(trial: Trial):
    onset = trial.after(30)
    made = report(trial, onset_at=onset, **SEVERE)
    worse = onset + timedelta(days=4)
    assess(
        made, Causality.POSSIBLE, at=worse + timedelta(hours=1), ctcae_grade=5, change_known_at=worse,
        serious_for=[Criterion.HOSPITALISATION, Criterion.DEATH], outcome=Outcome.FATAL,
        reason="he died in hospital",
    )  # fmt: skip
    found = trial.event(made.code)
    assert found.worse_aware_at == worse
    assert found.due_on == (worse + timedelta(days=7)).date()


def stopped(trial: Trial) -> str | None:
    session.expire_all()
    return trial.protocol.paused_why


@pytest.mark.db
@pytest.mark.parametrize(
    ("days", "grade", "stops"), [(0, 3, True), (10, 3, True), (11, 3, False), (5, 2, False)]
)
def test_one_related_grade_3_by_day_10_pauses_in_the_same_act(trial: Trial, days, grade, stops):
    made = report(trial, days, ctcae_grade=grade)
    why = stopped(trial)
    assert (why is not None) is stops
    assert not stops or made.code in str(why)


def test_before_the_infusion_and_ungraded_nothing_stops(trial: Trial):
    report(trial, onset_at=trial.infusion().started_at - timedelta(seconds=1), ctcae_grade=3)
    report(trial, 1, is_medication_error=True, ctcae_grade=None)
    assert stopped(trial) is None


def test_the_act_that_makes_it_so_pauses(trial: Trial):
    """A correction of the grade, the investigator's word, the sponsor's word: each can set it off."""
    corrected = report(trial, 3, ctcae_grade=2)
    assert stopped(trial) is None
    do(actions.correct, corrected, by=PHYSICIAN, at=trial.after(4), reason="worse", ctcae_grade=3)
    assert corrected.code in str(stopped(trial))


def test_a_pause_is_set_off_once_by_an_event_and_lifted_by_the_reviewer(trial: Trial):
    made = report(trial, 3, ctcae_grade=3)
    assess(made, Causality.NOT_RELATED)
    assert stopped(trial) is not None, "the investigator's word does not lift it"
    lift(trial)
    assert stopped(trial) is None
    judge(made, Causality.POSSIBLE)
    assert made.code in str(stopped(trial)), "the sponsor suspects it: it has come to count again"


def lift(trial: Trial) -> None:
    do(
        actions.lift_pause, trial.protocol, by=REVIEWER, at=trial.after(12),
        reason="the event is explained by the disease",
    )  # fmt: skip


def test_a_second_event_pauses_again(trial: Trial):
    report(trial, 3, ctcae_grade=3)
    lift(trial)
    second = report(trial, 4, ctcae_grade=3)
    assert second.code in str(stopped(trial))
