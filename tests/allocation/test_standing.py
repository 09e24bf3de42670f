"""What is read again at every step of a prescription: each thing that may speak against it, brought about.

What no act brings about, because another rule comes first, is written past the door, as a restored or mended
database might hold it: the step refuses all the same.
"""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.allocation import actions
from mscbank.allocation.states import State
from mscbank.batch.models import Batch
from mscbank.collection.panel import Marker, Outcome
from mscbank.core import parameters
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.states import Reservation
from mscbank.family import actions as families
from mscbank.family.models import Enrolment
from mscbank.infusion import actions as infusions
from mscbank.release import actions as releases
from mscbank.study import actions as studies
from tests import make_collection, make_infusion, make_release, make_study
from tests.attack import past_the_door
from tests.make_allocation import WARD, draft, held, pick, weigh
from tests.people import ANA, BRUNO, EVA, MARTA, NINA, NOAH, PAULA, TOMAS, proofs, sign


def refusal(code: str, does: Any, *arguments: Any, **inputs: Any) -> Refused:
    """Refused with this code first, and nothing is changed."""
    session.expire_all()
    with pytest.raises(Refused) as refused:
        does(*arguments, **inputs)
    assert refused.value.code == code, refused.value
    assert not session.dirty
    return refused.value


def vials_of(batch: Batch) -> list[Vial]:
    return make_release.vials_of(batch)


# --- the patient and the study ------------------------------------------------------------------


def test_a_dose_is_of_a_batch_made_under_its_protocol(stocked):
    other = make_study.protocol()
    refusal("allocation.other_protocol", draft, stocked, protocol=other)


def test_nothing_is_prescribed_under_a_protocol_that_was_closed(prescribed):
    sign(studies.close_protocol, prescribed.protocol, EVA, reason="the last visit is over")
    refusal("allocation.protocol_not_open", sign, actions.verify, prescribed, PAULA)
    assert prescribed.state is State.PRESCRIBED


def test_invariant_15_the_level_of_a_prescription_is_the_level_of_the_enrolment(prescribed):
    enrolment = session.scalars(select(Enrolment)).one()
    second = prescribed.protocol.level(2)
    past_the_door("UPDATE enrolment SET dose_level_id = :level", level=second.id)
    found = refusal("allocation.other_level", sign, actions.verify, prescribed, PAULA)
    assert found.obstacles[0].values["level"] == second.number
    assert enrolment.dose_level_id != prescribed.dose_level_id


def test_invariant_15_a_level_that_no_gate_has_opened_is_not_given(prescribed):
    past_the_door("UPDATE dose_level SET opened_at = NULL WHERE number = 1")
    refusal("allocation.level_closed", sign, actions.verify, prescribed, PAULA)


# --- the batch ----------------------------------------------------------------------------------


def test_invariant_14_a_link_that_was_refuted_stops_the_dose(prescribed):
    families.refute(prescribed.batch.link, by=EVA, reason="the record book names others")
    refusal("family.no_verified_link", sign, actions.verify, prescribed, PAULA)


def test_invariant_9_a_result_that_overtakes_the_determination_stops_the_dose(prescribed):
    assessment = prescribed.batch.donation.assessment
    make_collection.report(assessment, [Marker.HTLV_ANTIBODY], Outcome.REACTIVE)
    refusal("collection.determination_overtaken", sign, actions.verify, prescribed, PAULA)


def test_there_is_no_dose_without_numbers_of_recovery_and_viability(bank):
    batch = make_release.frozen(vials=4)
    release = make_release.opened(batch)
    make_release.fill_in(release, without=["tnc_recovery"])
    make_release.enter(release, "tnc_recovery", "> 70")
    sign(releases.check, release, ANA)
    make_release.certify(release)
    sign(releases.release_batch, release, make_release.QUITERIA)
    a = draft(batch)
    sign(actions.prescribe, a, MARTA)
    refusal("allocation.no_potency", sign, actions.verify, a, PAULA)


# --- the dose -----------------------------------------------------------------------------------


def set_to(parameter: str, value: str) -> None:
    inputs = {"parameter": parameter, "value": value}
    given = proofs(parameters.set_value, None, ANA, **inputs)
    parameters.set_value(by=ANA, reason="a stricter limit of the hospital", proofs=given, **inputs)


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("dmso.limit_g_per_kg", "allocation.too_much_dmso"),
        ("endotoxin.limit_eu_per_kg_h", "allocation.too_much_endotoxin"),
    ],
)
def test_invariant_16_a_dose_beyond_a_limit_is_not_verified(prescribed, parameter: str, code: str):
    set_to(parameter, "0.01")
    found = refusal(code, sign, actions.verify, prescribed, PAULA)
    assert found.obstacles[0].values["limit"] == Decimal("0.01")
    assert prescribed.verified_by is None


# --- the vials that are taken -------------------------------------------------------------------


def test_a_vial_in_somebodys_hands_is_not_reserved(verified):
    vials = vials_of(verified.batch)
    custody.take_out(vials[0], by=BRUNO)
    refusal("custody.not_in_stock", actions.reserve, verified, by=PAULA, vials=vials[:4])
    assert held(verified) == []


def test_a_vial_that_is_lost_is_not_reserved(verified):
    vials = vials_of(verified.batch)
    custody.report_lost(vials[0], by=BRUNO, reason="not in its position", immediate_action="searched")
    refusal("custody.not_in_condition", actions.reserve, verified, by=PAULA, vials=vials[:4])
    assert held(verified) == []


def test_what_was_picked_is_taken_back_before_another_is_reserved(reserved):
    first = vials_of(reserved.batch)[:4]
    pick(reserved)
    weigh(reserved, 70_000, confirmed=True)
    assert reserved.state is State.NEEDS_REVIEW
    sign(actions.review, reserved, PAULA, reason="weighed again at the ward")
    others = vials_of(reserved.batch)[4:]
    chosen = [*first[1:], *others[:2]]
    refusal("allocation.picked_one", actions.reserve, reserved, by=PAULA, vials=chosen)
    assert held(reserved) == first
    assert {vial.reservation for vial in others} == {Reservation.NONE}


def test_nothing_is_dispensed_that_is_not_held(reserved):
    pick(reserved)
    past_the_door("UPDATE allocated_vial SET freed_at = picked_at, freed_by = picked_by")
    refusal("allocation.nothing_held", sign, actions.dispense, reserved, PAULA, to=WARD)


def test_what_lies_in_a_position_was_not_picked(reserved):
    vials = held(reserved)
    places = {vial.id: vial.position_id for vial in vials}
    pick(reserved)
    for key, place in places.items():
        past_the_door(
            "UPDATE vial SET position_id = :place, holder_kind = NULL, holder_code = NULL WHERE id = :id",
            place=place, id=key,
        )  # fmt: skip
    refusal("custody.is_in_stock", sign, actions.dispense, reserved, PAULA, to=WARD)


def test_a_thawed_vial_goes_into_a_preparation_of_its_own_prescription(dispensed):
    one = make_infusion.confirm(make_infusion.planned(dispensed))
    preparation = make_infusion.thaw(one)
    vials = held(dispensed)
    assert {vial.reserved_by for vial in vials} == {dispensed.code}
    for kept, by, expected in (
        ("dispensed", "KT100000208", "custody.not_for_this"),
        ("returned", dispensed.code, "custody.not_reserved"),
    ):
        past_the_door(
            "UPDATE vial SET reservation = :kept, reserved_by = :by WHERE reserved_by IS NOT NULL",
            kept=kept, by=by,
        )  # fmt: skip
        refusal(expected, sign, actions.add_vials, preparation, BRUNO, TOMAS, vials=vials)


def test_a_prescription_is_complete_when_something_reached_the_patient(dispensed):
    one = make_infusion.confirm(make_infusion.planned(dispensed))
    make_infusion.prepare(make_infusion.thaw(one))
    make_infusion.check(one)
    infusions.start(one, by=NINA)
    past_the_door(
        "UPDATE vial SET condition = 'destroyed', is_gone = :gone, holder_kind = NULL, holder_code = NULL"
        " WHERE condition = 'in_preparation'",
        gone=True,
    )
    refusal(
        "allocation.nothing_given", sign, infusions.complete, one, NINA, NOAH, given_ml=make_infusion.VOLUME,
        residual_method=None,
    )  # fmt: skip
    assert one.state == "started"
