"""From draft to verified: who may, what is read again, and what is kept as it was signed."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from mscbank.allocation import actions, facts
from mscbank.allocation.dose import Band, PlanKind
from mscbank.allocation.models import Allergies, Allocation, Dose
from mscbank.allocation.states import State
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, Stale
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.family import actions as families
from mscbank.release import actions as releases
from mscbank.release.models import Release
from mscbank.study import actions as studies
from mscbank.study.models import Protocol
from tests import make_allocation, make_family, make_release
from tests.make_allocation import WEIGHT, draft, today, weigh
from tests.people import (
    ANA,
    BRUNO,
    LUCIE,
    MARTA,
    NINA,
    NOAH,
    OTTO,
    PAUL,
    PAULA,
    PEOPLE,
    SAM,
    VERA,
    person,
    proofs,
    sign,
)

pytestmark = pytest.mark.db

BOTH = person("both", "Both Hats", Role.PRESCRIBER, Role.PHARMACIST)


def again(a: Allocation) -> Allocation:
    session.expire_all()
    return a


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


# --- the draft ----------------------------------------------------------------------------------


def test_the_dose_per_kg_follows_from_the_level_of_enrolment(stocked):
    a = draft(stocked)
    assert (a.state, a.viable_cells_per_kg, a.dose_level.number) == (State.DRAFT, 1_000_000, 1)
    assert a.entered_by == "marta"


@pytest.mark.parametrize("by", [PAULA, NINA, BRUNO, OTTO, SAM])
def test_only_a_prescriber_drafts(stocked, by):
    with pytest.raises(NotAllowed):
        draft(stocked, by=by)


def test_invariant_15_a_patient_has_one_prescription_a_protocol(stocked):
    draft(stocked)
    refusal("allocation.one_a_protocol", draft, stocked)


def test_a_cancelled_prescription_leaves_room_for_another(stocked):
    first = draft(stocked)
    actions.cancel(first, by=MARTA, reason="entered for the wrong day")
    assert draft(stocked).code != first.code


def test_who_is_not_enrolled_gets_no_prescription(stocked):
    other = make_family.recipient()
    refusal("allocation.not_enrolled", draft, stocked, recipient=other)


def test_a_noted_allergy_is_named(stocked):
    with pytest.raises(Invalid) as refused:
        draft(stocked, allergies=Allergies.NOTED)
    assert "allergy_note" in refused.value.faults
    assert draft(stocked, allergies=Allergies.NOTED, allergy_note="albumin").allergy_note == "albumin"


def test_a_draft_is_changed_with_a_reason_and_only_as_a_draft(stocked):
    a = draft(stocked)
    later = today() + timedelta(days=2)
    values = {"infusion_on": later, "infusion_minutes": 45, "allergies": Allergies.NONE_KNOWN}
    actions.amend(a, by=MARTA, reason="the ward asked for it", **values)
    assert (a.infusion_on, a.infusion_minutes) == (later, 45)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.not_a_draft", actions.amend, a, by=MARTA, reason="another day", **values)


# --- prescribe ----------------------------------------------------------------------------------


def test_a_physician_signs_the_prescription(stocked):
    a = draft(stocked)
    sign(actions.prescribe, a, MARTA)
    assert (a.state, a.prescribed_by, a.prescribed_weight_g) == (State.PRESCRIBED, "marta", WEIGHT)
    (signature,) = signatures_on("allocation", a.code)
    assert (signature.meaning, signature.holds) == ("prescription", True)


def test_allergies_are_asked_before_it_is_prescribed(stocked):
    a = draft(stocked, allergies=Allergies.NOT_ASKED)
    refusal("allocation.allergies_not_asked", sign, actions.prescribe, a, MARTA)


def test_there_is_a_weight_before_it_is_prescribed(stocked):
    refusal("allocation.no_weight", sign, actions.prescribe, draft(stocked, weight=None), MARTA)


def test_the_weight_is_at_most_seven_days_older_than_the_infusion(stocked):
    a = draft(stocked, infusion_on=today() + timedelta(days=8))
    refusal("allocation.weight_too_old", sign, actions.prescribe, a, MARTA)


def test_a_day_that_has_passed_is_not_prescribed_for(stocked):
    a = draft(stocked, infusion_on=today() - timedelta(days=1))
    refusal("allocation.day_passed", sign, actions.prescribe, a, MARTA)


def test_what_changed_after_the_proof_is_not_signed(stocked):
    a = draft(stocked)
    found = proofs(actions.prescribe, a, MARTA)
    weigh(a, 62_500)
    with pytest.raises(Stale):
        actions.prescribe(a, by=MARTA, proofs=found)
    assert again(a).state is State.DRAFT


@action("test.pause_for_allocation", role=Role.SAFETY_REVIEWER, kind="protocol")
def _pause(protocol: Protocol, *, by: Principal) -> None:
    """What the safety gate does when a stopping event is reported."""
    studies.pause(protocol, by=by, why="a related event of grade 3")


def test_a_paused_study_prescribes_nothing(stocked):
    a = draft(stocked)
    _pause(stocked.protocol, by=VERA)
    refusal("allocation.paused", sign, actions.prescribe, a, MARTA)


# --- verify -------------------------------------------------------------------------------------


def test_a_second_person_verifies_and_every_input_is_kept(prescribed):
    sign(actions.verify, prescribed, PAULA)
    a = again(prescribed)
    assert (a.state, a.verified_by, a.plan) == (State.VERIFIED, "paula", PlanKind.WHOLE)
    kept = session.scalars(select(Dose)).one()
    assert (kept.vials, kept.weight_g, kept.tnc_pooled) == (4, WEIGHT, 80_000_000)
    assert (kept.target_viable, kept.planned_viable) == (Decimal("62400000.000"), Decimal("64768000.000"))
    assert (kept.tnc_recovery_percent, kept.viability_percent) == (Decimal("92.000000"), Decimal("88.000000"))
    assert (kept.volume_to_give_ml, kept.dmso_g, kept.band) == (
        Decimal("20.000"), Decimal("2.200000"), Band.ACCEPT,
    )  # fmt: skip
    assert all(one.holds for one in signatures_on("allocation", a.code))


def test_invariant_11_who_prescribed_does_not_verify(stocked, monkeypatch):
    monkeypatch.setitem(PEOPLE, BOTH.login, BOTH)
    a = draft(stocked, by=BOTH)
    sign(actions.prescribe, a, BOTH)
    refusal("allocation.own_prescription", sign, actions.verify, a, BOTH)


def test_who_typed_the_weight_does_not_verify_it_alone(stocked):
    a = draft(stocked, weight=None)
    weigh(a, WEIGHT, by=PAULA)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.own_weight", sign, actions.verify, a, PAULA)
    actions.review_weight(a, by=NOAH)
    sign(actions.verify, a, PAULA)
    assert a.state is State.VERIFIED


@pytest.mark.parametrize("by", [MARTA, NINA, BRUNO, OTTO, SAM])
def test_only_a_pharmacist_verifies(prescribed, by):
    with pytest.raises(NotAllowed):
        sign(actions.verify, prescribed, by)


def test_the_plan_that_is_chosen_is_kept(stocked):
    """57.9 kg with 18.225 million a vial: a share of four, or three whole vials."""
    a = draft(stocked, weight=None)
    weigh(a, 70_600)
    sign(actions.prescribe, a, MARTA)
    offered = [plan.kind for plan in facts.worked(a).offered]
    assert offered == [PlanKind.SHARE, PlanKind.FEWER]
    sign(actions.verify, a, PAULA, plan=PlanKind.FEWER)
    kept = session.scalars(select(Dose)).one()
    assert (kept.kind, kept.vials, kept.band) == (PlanKind.FEWER, 4, Band.ACCEPT)


def test_a_plan_that_is_not_offered_is_refused(prescribed):
    with pytest.raises(Invalid) as refused:
        sign(actions.verify, prescribed, PAULA, plan=PlanKind.SHARE)
    assert "plan" in refused.value.faults


def test_invariant_9_a_batch_that_is_suspended_is_not_verified(prescribed):
    release = session.scalars(select(Release)).one()
    releases.suspend(release, by=ANA, reason="a doubt about the label")
    refusal("allocation.not_released", sign, actions.verify, prescribed, PAULA)


def test_invariant_9_a_withdrawn_consent_stops_the_verification(prescribed):
    consent = prescribed.batch.donation.consent
    families.withdraw_consent(consent, by=LUCIE, reason="the donor called", withdrawn_on=today())
    assert refusal_of(sign, actions.verify, prescribed, PAULA).startswith(
        ("family.", "collection.", "allocation.")
    )


def refusal_of(does, *args) -> str:
    with pytest.raises(Refused) as refused:
        does(*args)
    return refused.value.code


def test_invariant_14_a_batch_of_another_patient_is_not_verified(stocked):
    other = make_family.family(stocked.protocol)
    a = draft(stocked, recipient=other.recipient)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.other_patient", sign, actions.verify, a, PAULA)


def test_no_dose_without_usable_vials(prescribed):
    batch = prescribed.batch
    custody.hold_batch(batch, by=ANA, reason="a doubt about the label")
    refusal("allocation.no_vials", sign, actions.verify, prescribed, PAULA)


# --- between the tolerances ---------------------------------------------------------------------


def short_of(batch, kept: int):
    """All but so many vials on hold."""
    for vial in make_release.vials_of(batch)[kept:]:
        custody.hold(vial, by=ANA, reason="kept back for the test")


def test_invariant_16_between_ten_and_twenty_percent_the_prescriber_acknowledges(stocked):
    short_of(stocked, 3)
    a = draft(stocked, weight=None)
    weigh(a, 56_000)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.dose_not_acknowledged", sign, actions.verify, a, PAULA)
    with pytest.raises(NotAllowed):
        sign(actions.acknowledge_dose, a, PAULA)
    sign(actions.acknowledge_dose, a, MARTA)
    assert again(a).acknowledged_percent == Decimal("-13.3")
    sign(actions.verify, a, PAULA)
    assert session.scalars(select(Dose)).one().band is Band.ACKNOWLEDGE


def test_an_acknowledgement_counts_for_the_dose_that_was_shown(stocked):
    short_of(stocked, 3)
    a = draft(stocked, weight=None)
    weigh(a, 56_000)
    sign(actions.prescribe, a, MARTA)
    sign(actions.acknowledge_dose, a, MARTA)
    weigh(a, 57_000)
    refusal("allocation.dose_not_acknowledged", sign, actions.verify, a, PAULA)


def test_invariant_16_more_than_twenty_percent_is_refused(stocked):
    short_of(stocked, 2)
    a = draft(stocked)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.dose_out_of_tolerance", sign, actions.verify, a, PAULA)
    refusal("allocation.nothing_to_acknowledge", sign, actions.acknowledge_dose, a, MARTA)


def test_an_accepted_dose_needs_no_acknowledgement(prescribed):
    refusal("allocation.nothing_to_acknowledge", sign, actions.acknowledge_dose, prescribed, MARTA)


# --- back and away ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.PRESCRIBED, State.VERIFIED])
def test_the_pharmacist_sends_it_back_with_a_reason(stocked, state):
    a = make_allocation.allocation(state, stocked)
    with pytest.raises(Invalid):
        actions.send_back(a, by=PAULA)
    actions.send_back(a, by=PAULA, reason="the day is a holiday")
    found = again(a)
    assert found.state is State.DRAFT
    assert (found.prescribed_by, found.verified_by, found.plan) == (None, None, None)
    assert not any(one.holds for one in signatures_on("allocation", a.code) if one.meaning == "verification")


@pytest.mark.parametrize("by", [MARTA, PAULA])
def test_prescriber_and_pharmacist_cancel_with_a_reason(prescribed, by):
    actions.cancel(prescribed, by=by, reason="the patient has a fever")
    assert prescribed.state is State.CANCELLED
    refusal("lifecycle.wrong_state", actions.cancel, prescribed, by=by, reason="once more, please")


def test_a_cancelled_one_takes_no_weight(prescribed):
    actions.cancel(prescribed, by=MARTA, reason="the patient has a fever")
    refusal("allocation.over", weigh, prescribed, WEIGHT)


def test_who_leaves_the_study_makes_the_pharmacist_look_again(verified):
    families.withdraw(verified.recipient, by=MARTA, reason="the patient has decided")
    a = again(verified)
    assert a.state is State.NEEDS_REVIEW
    refusal("allocation.has_left", sign, actions.review, a, PAUL, reason="looked again")
