"""What speaks against a released batch stops it in the same act; it goes on when its causes are settled."""

import pytest
from sqlalchemy import select

from mscbank.batch import actions as batches
from mscbank.collection import actions as collection
from mscbank.core.access import Role
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.custody import actions as custody
from mscbank.custody.holding import open_on
from mscbank.custody.states import Quality
from mscbank.custody.words import Cause as HoldCause
from mscbank.deviation import actions as deviations
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family import actions as family
from mscbank.family.models import Consent
from mscbank.release import actions
from mscbank.release.models import Cause
from mscbank.release.states import State
from tests import make_deviation, make_release
from tests.make_release import enter, vials_of
from tests.people import ANA, BRUNO, EVA, INES, LUCIE, MARTA, PIETER, QUENTIN, QUITERIA, sign

pytestmark = pytest.mark.db


def fresh(release):
    session.expire_all()
    return release


def causes(release):
    return [one.cause for one in fresh(release).suspensions if one.lifted_at is None]


def holds(release):
    fresh(release)
    return [hold.cause for hold in open_on(release.batch)]


def qualities(release):
    return {vial.quality for vial in vials_of(fresh(release).batch)}


def lift(release, by=ANA):
    return sign(actions.lift, release, by, reason="the cause is settled")


def test_quality_stops_a_batch_and_lets_it_go(released):
    with pytest.raises(Invalid):
        actions.suspend(released, by=ANA)
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    assert (released.state, released.suspended_from) == (State.SUSPENDED, State.RELEASED)
    assert (causes(released), holds(released)) == ([Cause.DECISION], [HoldCause.SUSPENSION])
    lift(released)
    assert (released.state, released.suspended_from) == (State.RELEASED, None)
    assert (causes(released), holds(released)) == ([], [])
    assert qualities(released) == {Quality.AVAILABLE}


@pytest.mark.parametrize("severity", [Severity.MAJOR, Severity.CRITICAL])
@pytest.mark.parametrize("name", ["batch", "vial", "donation", "lot"])
def test_a_grave_deviation_that_touches_it_suspends_in_the_same_act(released, severity, name):
    batch = released.batch
    thing = {
        "batch": batch, "vial": vials_of(batch)[0], "donation": batch.donation, "lot": batch.uses[0].lot,
    }[name]  # fmt: skip
    made = make_deviation.deviation(thing)
    assert fresh(released).state is State.RELEASED
    deviations.classify(made, by=ANA, reason="seen by quality", severity=severity)
    assert fresh(released).state is State.SUSPENDED
    assert causes(released) == [Cause.DEVIATION]
    with pytest.raises(Refused, match="release.deviation_open"):
        lift(released)
    make_deviation.accepted(made, QUENTIN)
    lift(released)
    assert released.state is State.RELEASED


def test_a_minor_deviation_changes_nothing(released):
    make_deviation.deviation(released.batch, severity=Severity.MINOR)
    assert fresh(released).state is State.RELEASED


def test_each_cause_is_kept_and_the_same_one_only_once(released):
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    made = make_deviation.deviation(released.batch, severity=Severity.MAJOR)
    deviations.classify(made, by=ANA, reason="worse than thought", severity=Severity.CRITICAL)
    assert causes(released) == [Cause.DECISION, Cause.DEVIATION]
    assert fresh(released).suspended_from is State.RELEASED


def test_lifting_a_suspension_frees_no_other_hold(released):
    custody.hold_batch(
        released.batch, by=QUENTIN, reason="temperature to be judged", cause=HoldCause.EXCURSION
    )
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    lift(released)
    assert holds(released) == [HoldCause.EXCURSION]


def test_a_hold_of_a_suspension_is_not_lifted_by_hand(released):
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    [hold] = open_on(released.batch)
    with pytest.raises(Refused, match="custody.hold_has_source"):
        sign(custody.lift_batch_hold, released.batch, QUENTIN, reason="it is fine", number=hold.number)


def donor_consent(release):
    return session.scalars(select(Consent).where(Consent.donor_id == release.batch.donation.donor_id)).one()


def test_a_donor_who_withdraws_stops_the_batch(released):
    family.withdraw_consent(donor_consent(released), by=LUCIE, reason="the donor changed her mind")
    assert fresh(released).state is State.SUSPENDED
    assert Cause.CONSENT in causes(released)
    with pytest.raises(Refused):
        lift(released)


def test_a_recipient_who_withdraws_stops_the_batch(released):
    consent = session.scalars(
        select(Consent).where(Consent.recipient_id == released.batch.directed_to_id)
    ).one()
    family.withdraw_consent(consent, by=MARTA, reason="the patient changed his mind")
    assert fresh(released).state is State.SUSPENDED
    assert causes(released) == [Cause.CONSENT]


def test_a_determination_that_is_lost_stops_the_batch(released):
    collection.reassess(released.batch.donation.assessment, by=EVA, reason="a new illness of the donor")
    assert fresh(released).state is State.SUSPENDED
    assert causes(released) == [Cause.DETERMINATION]


def test_a_link_that_is_refuted_stops_the_batch(released):
    family.refute(released.batch.link, by=EVA, reason="the record book names others")
    assert fresh(released).state is State.SUSPENDED
    assert Cause.KINSHIP in causes(released) or Cause.DETERMINATION in causes(released)


def test_a_lot_that_is_rejected_stops_the_batch(released):
    batches.reject(released.batch.uses[0].lot, by=ANA, reason="the supplier recalled it")
    assert fresh(released).state is State.SUSPENDED
    assert causes(released) == [Cause.MATERIAL]


def test_before_the_release_the_same_news_block_and_suspend_nothing(reviewed):
    make_deviation.deviation(reviewed.batch, severity=Severity.CRITICAL)
    family.withdraw_consent(donor_consent(reviewed), by=LUCIE, reason="the donor changed her mind")
    assert fresh(reviewed).state is State.UNDER_REVIEW
    assert reviewed.suspensions == []
    with pytest.raises(Refused, match="release.things_open"):
        sign(actions.check, reviewed, ANA)


def test_re_opening_a_released_record_suspends_and_a_new_release_lifts_the_hold(released):
    sign(actions.reopen_released, released, QUENTIN, reason="a count is to be corrected")
    assert (fresh(released).state, causes(released)) == (State.SUSPENDED, [Cause.REOPENED])
    sign(actions.reopen, released, QUENTIN, reason="a count is to be corrected")
    assert (released.state, released.certified_by, released.suspended_from) == (
        State.UNDER_REVIEW,
        None,
        None,
    )
    assert holds(released) == [HoldCause.SUSPENSION], "the vials wait until the batch is released again"
    actions.correct_result(
        released, by=INES, reason="typing error", attribute="cd73", number=1, value_text="96"
    )
    actions.review_result(released, by=PIETER, attribute="cd73", number=2)
    sign(actions.check, released, ANA)
    make_release.certify(released)
    sign(actions.release_batch, released, QUITERIA)
    assert (holds(released), qualities(released)) == ([], {Quality.AVAILABLE})


def test_a_suspended_batch_can_be_rejected(released):
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    sign(actions.reject, released, QUITERIA, reason="the label was wrong")
    assert (released.state, qualities(released)) == (State.REJECTED, {Quality.REJECTED})


def test_a_result_that_fails_after_the_release_stops_the_batch_at_once(released):
    enter(released, "sterility_final", "growth", reason="second bottle, day 21", review=None)
    assert fresh(released).state is State.SUSPENDED
    assert causes(released) == [Cause.RESULT, Cause.DEVIATION]
    [found] = session.scalars(select(Deviation)).all()
    assert (found.severity, found.severity_by) == (Severity.CRITICAL, "ines")
    assert [one.attribute for one in released.investigations] == ["sterility_final"]
    make_deviation.accepted(found, ANA)
    with pytest.raises(Refused, match="release.things_open"):
        lift(released)


def test_a_result_that_was_certified_is_corrected_only_in_a_re_opened_record(released):
    with pytest.raises(Refused, match="release.result_locked"):
        actions.correct_result(
            released, by=INES, reason="typing error", attribute="cd73", number=1, value_text="96"
        )


@action("test.recall", role=Role.QP, kind="release", locks=lambda release, **_: [release.batch])
def recall_all(release, *, by, reason):
    """Stand for the step that recalls."""
    actions.recall(release, by=by, reason=reason)


@pytest.mark.parametrize("state", [State.RELEASED, State.SUSPENDED])
def test_a_recall_holds_every_vial_for_good(released, state):
    if state is State.SUSPENDED:
        actions.suspend(released, by=ANA, reason="a doubt about the label")
    recall_all(released, by=QUITERIA, reason="a defect of the caps")
    assert (fresh(released).state, released.suspended_from) == (State.RECALLED, None)
    assert HoldCause.RECALL in holds(released)


def test_the_recalled_stay_recalled(released):
    recall_all(released, by=QUITERIA, reason="a defect of the caps")
    make_deviation.deviation(released.batch, severity=Severity.CRITICAL, by=BRUNO)
    assert fresh(released).state is State.RECALLED
    assert make_release.results(released, "gram")
