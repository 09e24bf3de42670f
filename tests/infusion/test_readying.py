"""Planned, ready, thawed: nothing is warm before the ward is ready (invariants 15 and 17)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.allocation import actions as allocations
from mscbank.allocation.models import Preparation, Weighing
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.custody import actions as custody
from mscbank.custody.states import Condition
from mscbank.family import actions as families
from mscbank.infusion import actions, facts
from mscbank.infusion.states import State
from mscbank.release import actions as releases
from mscbank.release.models import Release
from tests import make_allocation, make_release
from tests.infusion.conftest import later, one, preparation
from tests.make_allocation import WARD, held, today
from tests.make_infusion import complete, confirm, thaw
from tests.make_infusion import planned as plan
from tests.people import ANA, BRUNO, MARTA, NINA, NOAH, OTTO, PAULA, SAM, TOMAS, proofs, sign

pytestmark = pytest.mark.db


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


# --- plan ---------------------------------------------------------------------------------------


def test_an_infusion_names_patient_prescription_and_study(dispensed):
    made = plan(dispensed)
    assert (made.state, made.recipient_id, made.protocol_id) == (
        State.PLANNED, dispensed.recipient_id, dispensed.protocol_id,
    )  # fmt: skip
    assert (made.zone, made.planned_minutes) == ("Europe/Paris", 30)


def test_invariant_15_one_infusion_a_patient_and_protocol(planned):
    refusal("infusion.one_a_protocol", plan, planned.allocation)


def test_a_cancelled_infusion_leaves_room(planned):
    actions.cancel(planned, by=NINA, reason="the patient has a fever")
    assert plan(planned.allocation).state is State.PLANNED


def test_invariant_15_nothing_is_planned_after_an_infusion(started):
    complete(started)
    refusal("infusion.not_prescribed", plan, started.allocation)


def test_a_day_that_has_passed_is_not_planned(dispensed):
    with pytest.raises(Invalid):
        plan(dispensed, planned_on=today() - timedelta(days=1))


def test_another_day_needs_a_reason_and_comes_before_the_ward_is_ready(planned):
    values = {"planned_on": today() + timedelta(days=1), "ward": "Ward 4", "planned_minutes": 45}
    with pytest.raises(Invalid):
        actions.replan(planned, by=NINA, **values)
    actions.replan(planned, by=NINA, reason="the ward is full", **values)
    assert planned.ward == "Ward 4"
    confirm(planned)
    refusal("infusion.not_planned", actions.replan, planned, by=NINA, reason="the ward is full", **values)


@pytest.mark.parametrize("by", [BRUNO, ANA, OTTO, SAM])
def test_the_ward_and_the_pharmacy_plan(dispensed, by):
    with pytest.raises(NotAllowed):
        plan(dispensed, by=by)


# --- ready --------------------------------------------------------------------------------------


def test_two_people_confirm_and_the_weight_stands_among_the_others(planned):
    confirm(planned, weight=62_500)
    made = planned.ready_checks[0]
    assert (planned.state, made.confirmed_by, made.second_checker, made.weight_g) == (
        State.READY, "nina", "noah", 62_500,
    )  # fmt: skip
    last = session.scalars(select(Weighing).order_by(Weighing.number.desc())).first()
    assert (last.weight_g, last.weighed_where) == (62_500, WARD)


@pytest.mark.parametrize("left", ["is_fit", "line_is_open"])
def test_a_patient_who_is_not_ready_is_not_confirmed(planned, left):
    with pytest.raises(Invalid) as refused:
        confirm(planned, **{left: False})
    assert set(refused.value.faults) == {left}


def test_the_second_person_is_of_the_ward(planned):
    values = {"is_fit": True, "line_is_open": True, "premedication": "none", "weight": 62_400}
    refusal("infusion.second_not_qualified", sign, actions.confirm_ready, planned, NINA, BRUNO, **values)


def test_137_kg_is_typed_again_at_the_ward_too(planned):
    with pytest.raises(Invalid) as refused:
        confirm(planned, weight=137_000)
    assert "weight" in refused.value.faults


def test_the_ward_is_ready_only_for_vials_on_their_way(stocked):
    a = make_allocation.allocation(AllocationState.VERIFIED, stocked)
    refusal("infusion.not_reserved", confirm, plan(a))


def test_invariant_17_the_word_of_the_ward_holds_for_an_hour(ready):
    assert facts.is_ready(ready)
    told = ready.ready_at
    with clock.moved_to(told + timedelta(minutes=59)):
        assert facts.is_ready(one())
    with clock.moved_to(told + timedelta(minutes=61)):
        assert not facts.is_ready(one())
        refusal("infusion.ready_lapsed", thaw, one())
        confirm(one())
        assert facts.is_ready(one())
        thaw(one())
    assert one().thawed_at is not None


def test_once_thawed_the_word_of_the_ward_no_longer_lapses(ready):
    thaw(ready)
    with later(90):
        assert facts.is_ready(one())


# --- thaw ---------------------------------------------------------------------------------------


def test_invariant_17_nothing_is_thawed_before_the_ward_is_ready(planned):
    refusal("infusion.ready_first", thaw, planned)
    assert {vial.condition for vial in held(planned.allocation)} == {Condition.FROZEN}


def test_invariant_17_a_thaw_is_not_dated_before_the_ward_was_ready(ready):
    vials = held(ready.allocation)
    values = {"vials": vials, "made_where": "Thaw room"}
    found = proofs(actions.thaw, ready, BRUNO, TOMAS, **values)
    before = ready.ready_at - timedelta(minutes=1)
    refusal("infusion.ready_first", actions.thaw, ready, by=BRUNO, proofs=found, happened_at=before, **values)


def test_the_first_thaw_opens_a_preparation_with_its_clock(ready):
    thaw(ready)
    made = preparation()
    assert made.window_minutes == 120
    assert made.expires_at == (made.first_thaw_at + timedelta(minutes=120)).replace(second=0, microsecond=0)
    assert [row.vial.number for row in made.vials] == [1, 2, 3, 4]
    assert {row.vial.condition for row in made.vials} == {Condition.THAWED}
    assert one().preparations[0].preparation_id == made.id


def test_vials_thawed_one_after_the_other_share_the_first_clock(ready):
    vials = held(ready.allocation, spare=False)
    thaw(ready, vials[:2])
    first = preparation().first_thaw_at
    thaw(one(), held(ready.allocation, spare=False)[2:])
    assert preparation().first_thaw_at == first
    assert len(preparation().vials) == 4


def test_invariant_17_the_vials_of_another_prescription_are_not_thawed(ready):
    other = make_release.vials_of(ready.allocation.batch)[6:7]
    refusal("allocation.not_held", thaw, ready, other)
    assert session.scalars(select(Preparation)).all() == []


def test_vials_are_dispensed_before_they_are_thawed(stocked):
    a = make_allocation.allocation(AllocationState.RESERVED, stocked)
    made = confirm(plan(a))
    refusal("infusion.not_dispensed", thaw, made)


def test_the_same_person_is_never_both_sides_of_a_thaw(ready):
    refusal("signature.same_person", thaw, ready, None, by=BRUNO, second=BRUNO)


def test_invariant_17_a_hold_stops_the_thaw(ready):
    custody.hold(held(ready.allocation)[0], by=ANA, reason="a doubt about the shipper")
    refusal("custody.on_hold", thaw, ready)


def test_invariant_9_a_suspension_stops_the_thaw(ready):
    releases.suspend(session.scalars(select(Release)).one(), by=ANA, reason="a doubt about the label")
    refusal("allocation.not_released", thaw, ready)


def test_who_left_the_study_is_not_thawed_for(ready):
    families.withdraw(ready.recipient, by=MARTA, reason="the patient has decided")
    refusal("allocation.has_left", thaw, one())


def test_a_weight_that_changed_too_much_waits_for_the_pharmacist(planned):
    confirm(planned, weight=70_000, confirmed=True)
    assert planned.allocation.state is AllocationState.DISPENSED
    refusal("infusion.weight_open", thaw, planned)
    sign(allocations.acknowledge_weight, planned.allocation, PAULA)
    thaw(one())


def test_once_thawed_never_back_to_stock(ready):
    thaw(ready)
    a = one().allocation
    refusal("allocation.thawed", allocations.come_back, a, by=PAULA, reason="the patient has a fever")
    refusal("allocation.preparation_open", allocations.waste, a, by=PAULA, reason="the patient has a fever")
    refusal("infusion.thawed", actions.cancel, one(), by=NINA, reason="the patient has a fever")


def test_what_was_thawed_in_vain_is_discarded_and_planned_again(ready):
    thaw(ready)
    p = preparation()
    values = {"method": "autoclave", "waste_id": "W-9", "reason": "the patient has a fever"}
    sign(allocations.discard, p, BRUNO, NOAH, **values)
    session.expire_all()
    assert {row.vial.condition for row in preparation().vials} == {Condition.DESTROYED}
    actions.cancel(one(), by=NINA, reason="the patient has a fever")
    a = one().allocation
    allocations.waste(a, by=PAULA, reason="the patient has a fever")
    assert a.state is AllocationState.WASTED
    assert make_allocation.held(a) == []
    assert clock.now() > p.first_thaw_at


def test_an_expired_vial_is_not_thawed(planned):
    vials = held(planned.allocation)
    with clock.moved_to(vials[0].expires_at):
        confirm(planned)
        refusal("custody.expired", thaw, planned)
    session.expire_all()
    assert {vial.condition for vial in vials} == {Condition.FROZEN}
    assert session.scalars(select(Preparation)).all() == []


def test_invariant_17_nothing_more_is_thawed_once_it_runs(started):
    spare = held(started.allocation, spare=True)
    refusal("infusion.no_thaw_now", thaw, started, spare)
    assert {vial.condition for vial in held(started.allocation, spare=True)} == {Condition.FROZEN}
