"""The judgement itself: opened, checked, certified, released, rejected, re-opened, each by its person."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.batch import actions as batches
from mscbank.batch.models import Batch
from mscbank.core.access import Role, operator, system
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, Stale
from mscbank.core.lifecycle import open_to
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.custody.states import Condition, Quality
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity
from mscbank.family import actions as family
from mscbank.family.models import Consent
from mscbank.release import actions, rules
from mscbank.release.states import State
from tests import make_batch, make_deviation, make_release
from tests.make_release import enter, vials_of
from tests.people import ANA, BRUNO, INES, MARTA, OTTO, PIETER, QUENTIN, QUITERIA, SAM, person, proofs, sign
from tests.release.conftest import FROZEN, past_the_door

pytestmark = pytest.mark.db


def qualities(release):
    session.expire_all()
    return [vial.quality for vial in vials_of(release.batch)]


def test_the_review_opens_when_the_vials_are_frozen(bank):
    with pytest.raises(Refused, match="release.batch_not_frozen"):
        actions.open_review(by=ANA, batch=make_batch.batch())


def test_a_batch_has_one_release(opened_review):
    with pytest.raises(Refused, match="release.already_open"):
        actions.open_review(by=ANA, batch=opened_review.batch)


def test_the_review_is_opened_by_quality(enter_world):
    enter_world(FROZEN)
    batch = session.scalars(select(Batch)).one()
    for by in (BRUNO, QUITERIA, OTTO, SAM):
        with pytest.raises(NotAllowed):
            actions.open_review(by=by, batch=batch)
    assert actions.open_review(by=INES, batch=batch).state is State.UNDER_REVIEW


def test_three_acts_by_the_right_people_free_the_vials(reviewed):
    sign(actions.check, reviewed, ANA)
    assert (reviewed.state, reviewed.checked_by) == (State.CHECKED, "ana")
    make_release.certify(reviewed)
    assert (reviewed.state, reviewed.certified_by) == (State.CERTIFIED, "quiteria")
    assert set(qualities(reviewed)) == {Quality.QUARANTINE}
    sign(actions.release_batch, reviewed, QUITERIA)
    assert reviewed.state is State.RELEASED
    assert set(qualities(reviewed)) == {Quality.AVAILABLE}
    meanings = [(s.meaning, s.login, s.holds) for s in signatures_on("release", reviewed.code)]
    assert meanings == [
        ("manufacture and testing checked", "ana", True),
        ("audit trail reviewed", "ana", True),
        ("certification", "quiteria", True),
        ("released for use", "quiteria", True),
    ]


def test_what_is_not_complete_is_neither_checked_nor_certified(opened_review):
    with pytest.raises(Refused, match="release.things_open"):
        sign(actions.check, opened_review, ANA)
    make_release.fill_in(opened_review, without=["karyotype"])
    with pytest.raises(Refused, match="release.result_missing") as refused:
        sign(actions.check, opened_review, ANA)
    assert "Karyotype" in refused.value.sentence


def test_the_moves_come_with_their_obstacles(opened_review):
    [check, *rest] = open_to(opened_review, ANA)
    assert (check.name, check.obstacle.code) == ("check", "release.things_open")
    assert {move.name for move in rest} == {"reject", "except"}
    assert all(move.obstacle.code == "lifecycle.role_needed" for move in rest)


@pytest.mark.parametrize("by", [BRUNO, INES, QUITERIA, OTTO, SAM], ids=lambda p: p.login)
def test_only_quality_assurance_checks(reviewed, by):
    with pytest.raises(NotAllowed):
        sign(actions.check, reviewed, by)


def test_only_a_qualified_person_certifies(reviewed):
    sign(actions.check, reviewed, ANA)
    for by in (ANA, QUENTIN, INES, BRUNO, OTTO, SAM):
        with pytest.raises(NotAllowed):
            sign(actions.certify, reviewed, by)


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ("bruno", "release.own_work"),
        ("tomas", "release.own_work"),
        ("ines", "release.own_results"),
        ("pieter", "release.own_results"),
        ("ana", "release.own_check"),
    ],
)
def test_invariant_11_who_made_tested_or_checked_does_not_certify(reviewed, login, code):
    sign(actions.check, reviewed, ANA)
    with pytest.raises(Refused, match=code):
        sign(actions.certify, reviewed, person(login, login, Role.QP))


@pytest.mark.parametrize(("login", "code"), [("bruno", "release.own_work"), ("ines", "release.own_results")])
def test_invariant_11_who_made_or_tested_does_not_check(reviewed, login, code):
    with pytest.raises(Refused, match=code):
        sign(actions.check, reviewed, person(login, login, Role.QA))


@pytest.mark.parametrize("login", ["ana", "ines"])
def test_invariant_11_the_database_refuses_the_same_person_too(reviewed, login):
    sign(actions.check, reviewed, ANA)
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(
            text("UPDATE release SET certified_by = :login, certified_at = checked_at"), {"login": login}
        )


@pytest.mark.parametrize("quality", ["available", "conditional"])
def test_invariant_9_the_database_frees_no_vial_of_a_batch_that_is_not_released(reviewed, quality):
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(text("UPDATE vial SET quality = :quality"), {"quality": quality})


def test_invariant_9_nor_does_an_act_that_skips_the_release(reviewed):
    vial = vials_of(reviewed.batch)[0]
    with pytest.raises(NotAllowed):
        custody.free(vial, by=QUITERIA)


def test_invariant_6_the_state_makes_only_the_moves_of_its_table(reviewed):
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(text("UPDATE release SET state = 'released'"))


def test_only_what_is_in_the_cold_is_freed(reviewed):
    first, second, *_rest = vials_of(reviewed.batch)
    sign(custody.destroy, first, BRUNO, PIETER, reason="cracked cap", method="autoclave", waste_id="W-1")
    sign(custody.take_for_qc, second, INES, PIETER, purpose="test thaw")
    sign(actions.check, reviewed, ANA)
    make_release.certify(reviewed)
    sign(actions.release_batch, reviewed, QUITERIA)
    session.expire_all()
    found = {vial.condition: vial.quality for vial in vials_of(reviewed.batch)}
    assert found == {
        Condition.DESTROYED: Quality.QUARANTINE,
        Condition.QC_USED: Quality.QUARANTINE,
        Condition.FROZEN: Quality.AVAILABLE,
    }


@pytest.mark.parametrize("severity", [Severity.MAJOR, Severity.CRITICAL])
def test_an_open_deviation_on_batch_vial_donation_or_lot_blocks(reviewed, severity):
    batch = reviewed.batch
    for thing in (batch, vials_of(batch)[0], batch.donation, batch.uses[0].lot):
        made = make_deviation.deviation(thing, severity=severity)
        with pytest.raises(Refused) as refused:
            sign(actions.check, reviewed, ANA)
        assert refused.value.code == "release.deviation_open"
        assert made.code in refused.value.sentence
        make_deviation.accepted(made, QUENTIN)
    sign(actions.check, reviewed, ANA)


def test_a_minor_deviation_does_not_block_and_one_without_severity_does(reviewed):
    make_deviation.deviation(reviewed.batch, severity=Severity.MINOR)
    made = make_deviation.deviation(reviewed.batch)
    with pytest.raises(Refused, match="release.deviation_unclassified"):
        sign(actions.check, reviewed, ANA)
    deviations.classify(made, by=ANA, reason="seen by quality", severity=Severity.MINOR)
    sign(actions.check, reviewed, ANA)


def test_a_lot_that_is_rejected_later_blocks(reviewed):
    lot = reviewed.batch.uses[0].lot
    batches.reject(lot, by=ANA, reason="the supplier recalled it")
    with pytest.raises(Refused, match="release.material_not_in_order") as refused:
        sign(actions.check, reviewed, ANA)
    assert lot.code in refused.value.sentence


def test_a_recipient_without_consent_blocks(reviewed):
    consent = session.scalars(
        select(Consent).where(Consent.recipient_id == reviewed.batch.directed_to_id)
    ).one()
    family.withdraw_consent(consent, by=MARTA, reason="the patient changed his mind")
    with pytest.raises(Refused, match="family.no_recipient_consent"):
        sign(actions.check, reviewed, ANA)


def test_vials_without_a_label_block(bank):
    release = make_release.fill_in(make_release.opened(make_release.frozen(labelled=False)))
    with pytest.raises(Refused, match="release.labels_open") as refused:
        sign(actions.check, release, ANA)
    assert "4 of 4" in refused.value.sentence
    custody.print_labels(release.batch, by=BRUNO, vials=vials_of(release.batch))
    sign(actions.check, release, ANA)


def test_a_deviation_between_check_and_certification_blocks_the_certification(reviewed):
    sign(actions.check, reviewed, ANA)
    make_deviation.deviation(reviewed.batch, severity=Severity.MAJOR)
    with pytest.raises(Refused, match="release.deviation_open"):
        sign(actions.certify, reviewed, QUITERIA)
    assert reviewed.state is State.CHECKED


def test_what_changed_after_the_proof_is_not_signed(reviewed):
    sign(actions.check, reviewed, ANA)
    make_release.certify(reviewed)
    given = proofs(actions.release_batch, reviewed, QUITERIA)
    sign(actions.reopen, reviewed, ANA, reason="one more look")
    make_release.fill_in(reviewed)
    sign(actions.check, reviewed, ANA)
    make_release.certify(reviewed)
    with pytest.raises(Stale):
        actions.release_batch(reviewed, by=QUITERIA, proofs=given)


def test_a_rejected_batch_has_no_vial_to_give(reviewed):
    with pytest.raises(Invalid):
        sign(actions.reject, reviewed, QUITERIA)
    sign(actions.reject, reviewed, QUITERIA, reason="karyotype in doubt")
    assert reviewed.state is State.REJECTED
    assert set(qualities(reviewed)) == {Quality.REJECTED}


def test_re_opening_before_the_release_asks_for_check_and_certification_anew(reviewed):
    sign(actions.check, reviewed, ANA)
    make_release.certify(reviewed)
    sign(actions.reopen, reviewed, QUENTIN, reason="a result is to be corrected")
    assert (reviewed.state, reviewed.checked_by, reviewed.certified_by) == (State.UNDER_REVIEW, None, None)
    actions.correct_result(
        reviewed, by=INES, reason="typing error", attribute="cd73", number=1, value_text="96"
    )
    with pytest.raises(Refused, match="release.result_unreviewed"):
        sign(actions.check, reviewed, ANA)
    actions.review_result(reviewed, by=PIETER, attribute="cd73", number=2)
    held = {(s.meaning, s.holds) for s in signatures_on("release", reviewed.code)}
    assert ("certification", False) in held, "what was certified has changed, and the signature says so"
    sign(actions.check, reviewed, ANA)
    make_release.certify(reviewed)
    assert [c.number for c in reviewed.certifications] == [1, 2]


def test_a_release_is_certified_by_hand_never_by_a_job_or_the_host(reviewed):
    for by in (system("anything"), operator("root")):
        with pytest.raises(NotAllowed):
            actions.certify(reviewed, by=by)


def test_recall_happens_only_as_part_of_a_larger_act(released):
    with pytest.raises(NotAllowed, match="acts.not_by_itself"):
        actions.recall(released, by=QUITERIA, reason="a defect")


def test_the_potency_is_that_of_the_reviewed_results(released):
    found = rules.potency(released.batch)
    assert (found.tnc_recovery, found.viability_post_thaw) == (92, 88)
    assert [line.result.attribute for line in found.sources] == ["tnc_recovery", "viability_post_thaw"]
    assert rules.stands_released([released.batch_id]) == {released.batch_id}


def test_without_a_reviewed_number_there_is_no_potency(opened_review):
    assert rules.potency(opened_review.batch) is None
    enter(opened_review, "viability_post_thaw", "> 80")
    enter(opened_review, "tnc_recovery", "92")
    assert rules.potency(opened_review.batch) is None
    enter(opened_review, "viability_post_thaw", "0.88", unit="fraction", reason="measured again", review=None)
    assert rules.potency(opened_review.batch) is None
    actions.review_result(opened_review, by=PIETER, attribute="viability_post_thaw", number=2)
    assert rules.potency(opened_review.batch).viability_post_thaw == 88
