"""Vials: reserved for one, picked by two, dispensed by a third, or back unopened."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.allocation import actions
from mscbank.allocation.models import AllocatedVial, Dose
from mscbank.allocation.states import State
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.custody.models import Hold
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.release import actions as releases
from mscbank.release.models import Release
from tests import make_allocation, make_family, make_release
from tests.attack import refused as refused_by_the_database
from tests.make_allocation import WARD, draft, held, pick, rows
from tests.people import ANA, BRUNO, MARTA, NINA, OTTO, PAUL, PAULA, QUITERIA, SAM, TOMAS, sign

pytestmark = pytest.mark.db


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def numbers(a) -> list[int]:
    return [vial.number for vial in held(a)]


# --- reserve ------------------------------------------------------------------------------------


def test_invariant_5_the_vials_of_the_verified_dose_are_reserved(verified):
    actions.reserve(verified, by=PAULA)
    assert verified.state is State.RESERVED
    assert numbers(verified) == [1, 2, 3, 4]
    for vial in held(verified):
        assert (vial.reservation, vial.reserved_by) == (Reservation.RESERVED, verified.code)
    left = verified.reserved_until - clock.now()
    assert timedelta(hours=71) < left <= timedelta(hours=72)


def test_verified_and_reserved_with_one_signature(prescribed):
    sign(actions.verify_and_reserve, prescribed, PAULA)
    assert (prescribed.state, numbers(prescribed)) == (State.RESERVED, [1, 2, 3, 4])
    made = signatures_on("allocation", prescribed.code)
    assert [(one.meaning, one.holds) for one in made] == [("prescription", True), ("verification", True)]


def test_verify_and_reserve_is_refused_like_its_parts(stocked):
    a = draft(stocked)
    refusal("lifecycle.wrong_state", sign, actions.verify_and_reserve, a, PAULA)
    sign(actions.prescribe, a, MARTA)
    for by in (MARTA, NINA, BRUNO, OTTO, SAM):
        with pytest.raises(NotAllowed):
            sign(actions.verify_and_reserve, a, by)


def test_a_spare_is_reserved_beside_the_dose(verified):
    actions.reserve(verified, by=PAULA, spares=1)
    assert [(row.vial.number, row.is_spare) for row in rows(verified)] == [
        (1, False), (2, False), (3, False), (4, False), (5, True),
    ]  # fmt: skip


def test_more_spares_than_there_are_vials_are_refused(verified):
    refusal("allocation.no_spare", actions.reserve, verified, by=PAULA, spares=5)
    assert held(verified) == []


def test_the_pharmacist_may_choose_other_vials(verified):
    chosen = make_release.vials_of(verified.batch)[4:]
    actions.reserve(verified, by=PAULA, vials=chosen)
    assert numbers(verified) == [5, 6, 7, 8]


def test_chosen_vials_are_as_many_as_were_verified(verified):
    chosen = make_release.vials_of(verified.batch)[3:]
    refusal("allocation.plan_changed", actions.reserve, verified, by=PAULA, vials=chosen)


def test_chosen_vials_that_are_too_few_are_refused(verified):
    chosen = make_release.vials_of(verified.batch)[6:]
    refusal("allocation.dose_out_of_tolerance", actions.reserve, verified, by=PAULA, vials=chosen)


def test_invariant_9_a_chosen_vial_on_hold_is_refused(verified):
    vials = make_release.vials_of(verified.batch)
    custody.hold(vials[0], by=ANA, reason="out of the cold")
    refusal("custody.on_hold", actions.reserve, verified, by=PAULA, vials=vials[:4])
    actions.reserve(verified, by=PAULA)
    assert numbers(verified) == [2, 3, 4, 5]


def test_a_dose_comes_from_one_batch(verified):
    family = make_family.family(verified.protocol)
    other = make_release.vials_of(make_release.frozen(family))[0]
    mine = make_release.vials_of(verified.batch)[:3]
    refusal("allocation.other_batch", actions.reserve, verified, by=PAULA, vials=[*mine, other])


def test_what_was_verified_and_what_the_stock_gives_now_must_agree(verified):
    for vial in make_release.vials_of(verified.batch)[3:]:
        custody.hold(vial, by=ANA, reason="kept back")
    code = refusal_code(actions.reserve, verified, by=PAULA)
    assert code in ("allocation.dose_out_of_tolerance", "allocation.plan_changed")


def refusal_code(does, *args, **kw) -> str:
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    return refused.value.code


def test_invariant_9_a_suspension_since_the_verification_stops_the_reservation(verified):
    release = session.scalars(select(Release)).one()
    releases.suspend(release, by=ANA, reason="a doubt about the label")
    refusal("allocation.not_released", actions.reserve, verified, by=PAULA)


@pytest.mark.parametrize("by", [MARTA, NINA, BRUNO, OTTO, SAM])
def test_only_a_pharmacist_reserves(verified, by):
    with pytest.raises(NotAllowed):
        actions.reserve(verified, by=by)


def test_invariant_5_the_database_keeps_a_vial_in_one_live_reservation(reserved):
    row = session.scalars(select(AllocatedVial)).first()
    columns = "allocation_id, vial_id, is_spare, reserved_by, reserved_at, as_happened"
    refused_by_the_database(
        f"INSERT INTO allocated_vial (number, {columns})"
        f" SELECT 99, {columns} FROM allocated_vial WHERE id = :id",
        "(?i)unique",
        id=row.id,
    )


def test_a_dose_is_never_changed_afterwards(reserved):
    refused_by_the_database("UPDATE dose SET vials = 9", "append-only|permission denied")


def test_invariant_11_the_database_knows_that_another_person_verified(reserved):
    refused_by_the_database("UPDATE allocation SET verified_by = prescribed_by", "(?i)check")


def test_invariant_17_the_database_completes_what_was_dispensed_alone(reserved):
    refused_by_the_database(
        "UPDATE allocation SET state = 'completed'",
        "an allocation is completed from dispensed, or as something that happened all the same",
    )


def test_cancelling_frees_the_vials(reserved):
    vials = held(reserved)
    actions.cancel(reserved, by=PAULA, reason="the patient has a fever")
    session.expire_all()
    assert {vial.reservation for vial in vials} == {Reservation.NONE}
    assert held(reserved) == []
    again = make_allocation.allocation(State.RESERVED, reserved.batch)
    assert numbers(again) == [1, 2, 3, 4]


# --- pick, dispense -----------------------------------------------------------------------------


def test_two_people_pick_by_scan(reserved):
    pick(reserved)
    for row in rows(reserved):
        assert (row.picked_by, row.pick_checked_by) == ("bruno", "tomas")
        assert (row.vial.reservation, row.vial.position, row.vial.holder_code) == (
            Reservation.PICKED, None, "bruno",
        )  # fmt: skip


def test_the_same_person_is_never_both_sides_of_a_pick(reserved):
    with pytest.raises(Refused) as refused:
        sign(actions.pick, reserved, BRUNO, BRUNO, vials=held(reserved))
    assert refused.value.code == "signature.same_person"


def test_a_vial_scanned_twice_is_picked_by_nobody(reserved):
    vials = held(reserved)
    with pytest.raises(Refused) as refused:
        sign(actions.pick, reserved, BRUNO, TOMAS, vials=[*vials, vials[0]])
    assert refused.value.code == "acts.twice"
    assert {vial.reservation for vial in held(reserved)} == {Reservation.RESERVED}


def test_only_what_is_held_is_picked(reserved):
    other = make_release.vials_of(reserved.batch)[6]
    refusal("allocation.not_held", sign, actions.pick, reserved, BRUNO, TOMAS, vials=[other])
    with pytest.raises(Invalid):
        sign(actions.pick, reserved, BRUNO, TOMAS, vials=[])


def test_nothing_is_picked_before_it_is_reserved(verified):
    vials = make_release.vials_of(verified.batch)[:1]
    refusal("allocation.not_reserved", sign, actions.pick, verified, BRUNO, TOMAS, vials=vials)


def test_a_hold_that_arrived_stops_the_pick(reserved):
    first, *others = held(reserved)
    custody.hold(first, by=ANA, reason="out of the cold")
    refusal("custody.on_hold", sign, actions.pick, reserved, BRUNO, TOMAS, vials=[first, *others])
    assert all(row.picked_at is None for row in rows(reserved)), "nothing was picked"
    sign(actions.pick, reserved, BRUNO, TOMAS, vials=others)


def test_all_vials_are_picked_before_they_are_dispensed(reserved):
    refusal("allocation.not_picked", sign, actions.dispense, reserved, PAULA, to=WARD)
    pick(reserved, held(reserved)[:3])
    refusal("allocation.not_picked", sign, actions.dispense, reserved, PAULA, to=WARD)
    pick(reserved, held(reserved)[3:])
    sign(actions.dispense, reserved, PAULA, to=WARD)
    assert reserved.state is State.DISPENSED
    for vial in held(reserved):
        assert (vial.reservation, vial.holder) == (Reservation.DISPENSED, f"site:{WARD}")


def test_invariant_11_who_picked_does_not_dispense(reserved):
    sign(actions.pick, reserved, PAULA, TOMAS, vials=held(reserved))
    refusal("allocation.own_pick", sign, actions.dispense, reserved, PAULA, to=WARD)
    sign(actions.dispense, reserved, PAUL, to=WARD)


def test_invariant_9_a_suspension_since_the_pick_stops_the_dispensing(reserved):
    pick(reserved)
    releases.suspend(session.scalars(select(Release)).one(), by=ANA, reason="a doubt about the label")
    refusal("allocation.not_released", sign, actions.dispense, reserved, PAULA, to=WARD)


# --- back ---------------------------------------------------------------------------------------


def test_a_picked_vial_comes_back_on_hold_and_the_pharmacist_looks_again(reserved):
    pick(reserved)
    refusal("allocation.picked", actions.cancel, reserved, by=PAULA, reason="the patient has a fever")
    vials = held(reserved)
    actions.take_back(reserved, by=BRUNO, reason="the ward called", vials=vials)
    assert (reserved.state, held(reserved)) == (State.NEEDS_REVIEW, [])
    session.expire_all()
    assert {vial.reservation for vial in vials} == {Reservation.RETURNED}
    assert len(session.scalars(select(Hold).where(Hold.lifted_at.is_(None))).all()) == 4
    actions.cancel(reserved, by=PAULA, reason="the patient has a fever")


def test_vials_come_back_only_while_they_can(verified):
    vials = make_release.vials_of(verified.batch)[:1]
    refusal("allocation.no_return", actions.take_back, verified, by=BRUNO, reason="a mistake", vials=vials)


def test_dispensed_vials_come_back_unopened_and_the_dose_is_planned_again(dispensed):
    vials = held(dispensed)
    actions.come_back(dispensed, by=PAULA, reason="the patient has a fever")
    assert (dispensed.state, held(dispensed)) == (State.RETURNED, [])
    session.expire_all()
    assert {vial.reservation for vial in vials} == {Reservation.RETURNED}
    sign(actions.plan_again, dispensed, PAUL, reason="the patient is well again")
    assert (dispensed.state, dispensed.dispensed_at) == (State.VERIFIED, None)
    actions.reserve(dispensed, by=PAUL)
    assert numbers(dispensed) == [5, 6, 7, 8]
    assert len(session.scalars(select(Dose)).all()) == 2


def test_what_came_back_may_be_cancelled(dispensed):
    actions.come_back(dispensed, by=PAULA, reason="the patient has a fever")
    actions.cancel(dispensed, by=MARTA, reason="the patient has a fever")
    assert dispensed.state is State.CANCELLED


def test_giving_up_takes_unopened_vials_back(dispensed):
    actions.waste(dispensed, by=PAULA, reason="the bag was dropped")
    assert (dispensed.state, held(dispensed)) == (State.WASTED, [])


def test_a_reserved_vial_that_breaks_makes_the_pharmacist_look_again(reserved):
    first = held(reserved)[0]
    custody.report_broken(first, by=BRUNO, reason="the cap cracked", immediate_action="spill cleaned")
    session.expire_all()
    assert (first.condition, reserved.state) == (Condition.BROKEN, State.NEEDS_REVIEW)
    assert numbers(reserved) == [2, 3, 4]
    sign(actions.review, reserved, PAUL, reason="one vial broke")
    actions.reserve(reserved, by=PAUL)
    assert numbers(reserved) == [2, 3, 4, 5]


def test_a_vial_that_is_kept_for_somebody_is_not_destroyed(reserved):
    vial = held(reserved)[0]
    values = {"method": "autoclave", "waste_id": "W-7", "reason": "by mistake"}
    refusal("custody.reserved", sign, custody.destroy, vial, BRUNO, TOMAS, **values)


def test_a_rejected_batch_leaves_nothing_to_pick(reserved):
    release = session.scalars(select(Release)).one()
    releases.suspend(release, by=ANA, reason="a late result")
    sign(releases.reject, release, QUITERIA, reason="the late result fails")
    session.expire_all()
    assert {vial.quality for vial in held(reserved)} == {Quality.REJECTED}
    refusal("allocation.not_released", sign, actions.pick, reserved, BRUNO, TOMAS, vials=held(reserved))
