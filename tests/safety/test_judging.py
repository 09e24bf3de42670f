"""What investigator and sponsor make of an event; the sponsor adds, never takes away (invariant 20)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.signatures import Signature
from mscbank.core.web.history import holds
from mscbank.ops.demo.cast import PHYSICIAN, PV, WARD
from mscbank.safety import actions
from mscbank.safety.states import LIFE, State
from mscbank.safety.words import Causality, Cause, Criterion
from tests import attack
from tests.make_safety import Trial, assess, close, do, judge, report
from tests.safety.test_recording import refused

SERIOUS = {"ctcae_grade": 3, "serious_for": [Criterion.HOSPITALISATION]}
HOUR = timedelta(hours=1)


def test_the_way_of_an_event_that_is_no_susar(trial: Trial):
    made = close(report(trial, 30, **SERIOUS))
    found = trial.event(made.code)
    assert (found.state, found.closed_by) == (State.CLOSED, "safety")
    assert (found.causality, found.cause, found.assessed_by) == (
        Causality.NOT_RELATED,
        Cause.DISEASE,
        "physician",
    )
    assert (found.is_susar, found.due_on) == (False, None)


def test_a_susar_is_submitted_before_it_is_closed(trial: Trial):
    made = judge(assess(report(trial, 30, **SERIOUS), Causality.POSSIBLE), is_expected=False)
    when = made.reported_at + 5 * HOUR
    assert made.due_on == made.day_0 + timedelta(days=15)
    refused("event.submit_first", do, actions.close, made, by=PV, at=when)
    do(actions.submit, made, by=PV, at=when, submission_reference="EV-1")
    assert trial.event(made.code).due_on is None
    do(actions.follow, made, by=PV, at=when + HOUR, note="the patient left the hospital")
    assert trial.event(made.code).due_on == made.day_0 + timedelta(days=15)
    refused("event.follow_up_first", do, actions.close, made, by=PV, at=when + 2 * HOUR)
    do(actions.submit_follow_up, made, by=PV, at=when + 2 * HOUR)
    refused("event.no_follow_up", do, actions.submit_follow_up, made, by=PV, at=when + 3 * HOUR)
    do(actions.close, made, by=PV, at=when + 3 * HOUR)
    assert trial.event(made.code).state is State.CLOSED


def test_only_a_susar_is_submitted(trial: Trial):
    made = judge(assess(report(trial, 30, **SERIOUS)))
    inputs = {"by": PV, "at": made.reported_at + 5 * HOUR, "submission_reference": "EV-1"}
    refused("event.not_a_susar", do, actions.submit, made, **inputs)


@pytest.mark.db
def test_invariant_20_the_sponsor_never_lowers_the_investigators_word(trial: Trial):
    made = assess(report(trial, 30, **SERIOUS), Causality.RELATED)
    judge(made, Causality.NOT_RELATED)
    found = trial.event(made.code)
    assert (found.causality, found.sponsor_causality) == (Causality.RELATED, Causality.NOT_RELATED)
    assert found.is_related
    with pytest.raises(NotAllowed):
        do(actions.assess, made, by=PV, at=made.reported_at + 3 * HOUR, causality=Causality.UNLIKELY,
           cause=Cause.DISEASE)  # fmt: skip
    attack.refused(
        "UPDATE adverse_event SET causality = 'unlikely' WHERE code = :code", "investigator", code=made.code
    )


@pytest.mark.db
def test_what_is_closed_is_closed_in_the_database_too(trial: Trial):
    made = close(report(trial, 30))
    for change in ("ctcae_grade = 1", "is_hospitalisation = true", "outcome = 'unknown'"):
        attack.refused(
            f"UPDATE adverse_event SET {change} WHERE code = :code", "opened again", code=made.code
        )
    attack.refused("UPDATE adverse_event SET reported_by = 'sam' WHERE code = :code", "never", code=made.code)


@pytest.mark.db
@pytest.mark.parametrize(
    "change",
    [
        "ctcae_grade = 5",
        "ctcae_grade = 6",
        "is_death = true",
        "ctcae_grade = NULL",
        "outcome = 'fatal'",
        "ctcae_grade = 4",
    ],
)
def test_the_database_keeps_grade_and_consequence_together(trial: Trial, change):
    made = report(trial, 30)
    attack.refused(
        f"UPDATE adverse_event SET {change} WHERE code = :code",
        r"(?i)check|constraint|violat",
        code=made.code,
    )


def test_the_sponsor_adds_suspicion(trial: Trial):
    made = judge(assess(report(trial, 30, **SERIOUS)), Causality.POSSIBLE, is_expected=False)
    assert trial.event(made.code).is_susar


def test_day_0_is_never_later_than_what_was_entered(trial: Trial):
    made = assess(report(trial, 30, **SERIOUS))
    for wrong in (made.reported_at + timedelta(seconds=1), made.onset_at - timedelta(seconds=1)):
        with pytest.raises(Invalid) as caught:
            judge(made, sponsor_aware_at=wrong)
        assert set(caught.value.faults) == {"sponsor_aware_at"}
    earlier = made.onset_at + timedelta(minutes=5)
    judge(made, sponsor_aware_at=earlier)
    assert trial.event(made.code).day_0 == earlier.date()


def test_assessing_confirms_or_corrects_grade_and_consequences(trial: Trial):
    made = report(trial, 30, **SERIOUS)
    with pytest.raises(Invalid) as caught:
        assess(made, ctcae_grade=4)
    assert set(caught.value.faults) == {"serious_for"}
    assert trial.event(made.code).state is State.REPORTED
    for reason in (None, "    ", "mild"):
        with pytest.raises(Invalid) as caught:
            assess(made, ctcae_grade=2, serious_for=[], reason=reason)
        assert set(caught.value.faults) == {"reason"}, "what was reported is corrected with a reason"
    assess(made, ctcae_grade=2, serious_for=[], reason="the letter of discharge")
    found = trial.event(made.code)
    assert (found.ctcae_grade, found.is_serious, found.state) == (2, False, State.ASSESSED)


def test_who_may_do_what(trial: Trial):
    made = report(trial, 30)
    with pytest.raises(NotAllowed):
        do(actions.assess, made, by=WARD, at=made.reported_at + HOUR, causality=Causality.RELATED,
           cause=Cause.PRODUCT)  # fmt: skip
    assess(made)
    with pytest.raises(NotAllowed):
        do(actions.sponsor_assess, made, by=PHYSICIAN, at=made.reported_at + HOUR,
           sponsor_causality=Causality.RELATED, is_expected=True, reference_information="4")  # fmt: skip
    refused("lifecycle.wrong_state", assess, made)


def test_opened_again_it_is_assessed_afresh_and_the_signature_shows_it(trial: Trial):
    made = close(report(trial, 30))
    session.expire_all()
    signature = session.scalars(select(Signature).where(Signature.action == "adverse_event.close")).one()
    assert holds(signature)
    when = made.reported_at + 4 * HOUR
    with pytest.raises(Invalid):
        do(actions.reopen, made, by=PV, at=when)
    do(actions.reopen, made, by=PV, at=when, reason="a letter from the hospital")
    found = trial.event(made.code)
    assert (found.state, found.closed_at, found.is_assessed) == (State.REOPENED, None, False)
    assert holds(signature), "nothing that was signed has changed yet"
    assess(found, Causality.POSSIBLE, at=when + HOUR)
    session.expire_all()
    assert trial.event(made.code).causality is Causality.POSSIBLE
    assert not holds(signature)


def test_submissions_and_follow_ups_lie_in_the_past(trial: Trial):
    made = judge(assess(report(trial, 30, **SERIOUS), Causality.POSSIBLE), is_expected=False)
    when = made.reported_at + 5 * HOUR
    with pytest.raises(Invalid) as caught:
        do(actions.submit, made, by=PV, at=when, submission_reference="x", submitted_at=when + HOUR)
    assert set(caught.value.faults) == {"submitted_at"}
    do(actions.submit, made, by=PV, at=when, submission_reference="x", submitted_at=when - HOUR)
    with pytest.raises(Invalid) as caught:
        do(actions.follow, made, by=PV, at=when, note="x", known_at=when + HOUR)
    assert set(caught.value.faults) == {"known_at"}


def test_every_state_has_a_way_on():
    reachable = {target for source, target in LIFE.arrows}
    assert reachable | {State.REPORTED} == set(State)
    assert {source for source, target in LIFE.arrows} == set(State)


def test_a_refused_close_leaves_it_open(trial: Trial):
    made = report(trial, 30)
    with pytest.raises(Refused):
        do(actions.close, made, by=PV, at=made.reported_at + HOUR)
    assert trial.event(made.code).closed_at is None
