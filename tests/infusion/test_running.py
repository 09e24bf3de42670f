"""While it runs and when it ends: interrupted, stopped, completed; the dose that was delivered."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from mscbank.allocation import actions as allocations
from mscbank.allocation.states import PreparationState
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.custody.balance import balances
from mscbank.custody.states import Condition, Reservation
from mscbank.deviation.models import Deviation
from mscbank.family import registry
from mscbank.infusion import actions
from mscbank.infusion.completing import COMPLETED
from mscbank.infusion.models import Moment, Observation, Pause
from mscbank.infusion.states import State
from tests import make_allocation
from tests.attack import heard
from tests.infusion.conftest import later, one, preparation
from tests.make_allocation import held
from tests.make_infusion import VOLUME, check, complete, confirm, prepare, thaw
from tests.people import ANA, BRUNO, NINA, NOAH, OTTO, PAULA, SAM, sign

pytestmark = pytest.mark.db


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


# --- what runs is not taken away ----------------------------------------------------------------


DISCARD = {"reason": "a leak at the port", "method": "autoclave", "waste_id": "W-9"}


@pytest.mark.parametrize("state", [State.STARTED, State.INTERRUPTED, State.STOPPED])
def test_what_runs_into_a_patient_ends_with_the_record_of_the_infusion(started, state):
    """Discarded past the record, nothing would have reached the patient, and the record could never close."""
    if state is State.INTERRUPTED:
        actions.interrupt(started, by=NINA, why="a leak at the port", given_ml=Decimal("12.500"))
    if state is State.STOPPED:
        actions.stop(started, by=NINA, why="a leak at the port", given_ml=Decimal("12.500"))
    vial = held(started.allocation, spare=False)[0]
    refusal("preparation.being_given", sign, allocations.discard, preparation(), NINA, NOAH, **DISCARD)
    refusal("custody.being_given", sign, custody.destroy, vial, BRUNO, NOAH, **DISCARD)
    happened = {"reason": "seen on the floor", "source_document": "form 12", "gate": "the bag burst",
                "became": Condition.DESTROYED, "occurred_at": clock.now()}  # fmt: skip
    refusal("custody.being_given", sign, custody.record_as_happened, vial, BRUNO, NOAH, **happened)
    for report in (custody.report_broken, custody.report_lost):
        why = {"reason": "seen on the floor", "immediate_action": "none"}
        refusal("custody.being_given", report, vial, by=BRUNO, **why)
    assert preparation().state is PreparationState.READY
    if state is State.INTERRUPTED:
        actions.stop(one(), by=NINA, why="a leak at the port", given_ml=Decimal("12.500"))
    complete(one(), Decimal("12.500"))
    assert one().state is State.COMPLETED


def test_before_it_runs_a_preparation_is_discarded(checked):
    sign(allocations.discard, preparation(), NINA, NOAH, **DISCARD)
    assert preparation().state is PreparationState.DISCARDED


# --- observed, interrupted, stopped -------------------------------------------------------------


def test_vital_signs_are_kept_before_during_and_after(started):
    actions.observe(started, by=NINA, moment=Moment.DURING, pulse=82, systolic=124, diastolic=78)
    actions.observe(started, by=NOAH, moment=Moment.DURING, temperature_c=Decimal("36.8"), note="well")
    complete(started)
    actions.observe(one(), by=NOAH, moment=Moment.AFTER, saturation_percent=98)
    rows = session.scalars(select(Observation).order_by(Observation.number)).all()
    assert [(row.number, row.moment, row.observed_by) for row in rows] == [
        (1, Moment.DURING, "nina"), (2, Moment.DURING, "noah"), (3, Moment.AFTER, "noah"),
    ]  # fmt: skip


def test_an_empty_observation_and_half_a_pressure_are_refused(started):
    with pytest.raises(Invalid):
        actions.observe(started, by=NINA, moment=Moment.DURING)
    with pytest.raises(Invalid) as refused:
        actions.observe(started, by=NINA, moment=Moment.DURING, systolic=120)
    assert "diastolic" in refused.value.faults


def test_nothing_is_observed_of_a_cancelled_infusion(planned):
    actions.cancel(planned, by=NINA, reason="the patient has a fever")
    refusal("infusion.cancelled", actions.observe, planned, by=NINA, moment=Moment.BEFORE, pulse=80)
    refusal("infusion.cancelled", thaw, planned, held(planned.allocation))


def test_interrupted_and_resumed_with_what_was_given(started):
    actions.interrupt(started, by=NINA, why="the line clotted", given_ml=Decimal("12.500"))
    assert started.state is State.INTERRUPTED
    actions.resume(started, by=NOAH)
    (row,) = session.scalars(select(Pause)).all()
    assert (row.why, row.given_ml, row.resumed_by) == ("the line clotted", Decimal("12.500"), "noah")
    assert started.state is State.STARTED


def test_a_hold_that_arrives_while_it_is_interrupted_stops_it_for_good(started):
    actions.interrupt(started, by=NINA, why="the line clotted", given_ml=Decimal(5))
    custody.hold(held(started.allocation)[0], by=ANA, reason="a sterility result")
    refusal("custody.on_hold", actions.resume, one(), by=NINA)
    actions.stop(one(), by=NINA, why="the vials are on hold", given_ml=Decimal(5))
    complete(one(), Decimal(5))
    assert one().state is State.COMPLETED


@pytest.mark.parametrize("given", [Decimal("-0.001"), VOLUME + Decimal("0.001")])
def test_no_more_is_given_than_was_prepared(started, given):
    for does, values in (
        (actions.interrupt, {"why": "a pause", "given_ml": given}),
        (actions.stop, {"why": "a reaction", "given_ml": given}),
    ):
        with pytest.raises(Invalid) as refused:
            does(started, by=NINA, **values)
        assert "given_ml" in refused.value.faults
    with pytest.raises(Invalid):
        complete(started, given)


# --- complete -----------------------------------------------------------------------------------


def test_the_record_closes_with_the_delivered_dose(started, monkeypatch):
    told = heard(monkeypatch, COMPLETED)
    complete(started)
    made = one()
    assert (made.state, made.volume_given_ml) == (State.COMPLETED, VOLUME)
    assert (made.delivered_viable, made.is_measured) == (Decimal("64768000.000"), False)
    assert made.allocation.state is AllocationState.COMPLETED
    assert preparation().state is PreparationState.GIVEN
    assert told == [{"touched": [("infusion", made.code), ("recipient", made.recipient.code)]}]
    assert all(s.holds for s in signatures_on("infusion", made.code))


def test_the_vials_are_used_up_and_the_batch_still_adds_up(started):
    before = balances([started.allocation.batch_id])[started.allocation.batch_id]
    complete(started)
    vials = held(one().allocation, spare=False)
    assert {(v.condition, v.reservation, v.is_gone) for v in vials} == {
        (Condition.INFUSED, Reservation.CONSUMED, True)
    }
    after = balances([one().allocation.batch_id])[one().allocation.batch_id]
    assert (before.infused, after.infused, after.filled) == (0, 4, before.filled)
    assert after.difference == 0


def test_who_was_infused_is_known_to_the_family(started):
    assert registry.infused([started.recipient_id]) == {started.recipient_id}


def test_the_counted_cells_decide_the_delivered_dose(ready):
    prepare(thaw(ready), tnc=80_000_000, viability=Decimal("85.00"))
    check(one())
    actions.start(one(), by=NINA)
    complete(one(), Decimal("36.000"))
    assert (one().delivered_viable, one().is_measured) == (Decimal("61200000.000"), True)


def test_the_residual_is_destroyed_before_a_witness(started):
    with pytest.raises(Invalid) as refused:
        sign(actions.complete, started, NINA, NOAH, given_ml=Decimal("30.000"))
    assert "residual_method" in refused.value.faults
    complete(one(), Decimal("30.000"))
    p = preparation()
    assert (p.given_ml, p.residual_ml) == (Decimal("30.000"), Decimal("10.000"))
    assert (p.discarded_by, p.discard_witness, p.discard_method) == ("nina", "noah", "autoclaved, waste 7")
    assert one().delivered_viable == Decimal("48576000.000")


def test_the_record_is_witnessed_by_another(started):
    refusal("signature.same_person", sign, actions.complete, started, NINA, NINA, given_ml=VOLUME)


@pytest.mark.parametrize("by", [BRUNO, PAULA, OTTO, SAM])
def test_only_the_ward_completes(started, by):
    with pytest.raises(NotAllowed):
        sign(actions.complete, started, by, NOAH, given_ml=VOLUME)


def test_what_was_stopped_is_completed_with_what_was_given(started):
    actions.stop(started, by=NINA, why="flushing", given_ml=Decimal("8.000"))
    assert (started.state, started.volume_given_ml) == (State.STOPPED, Decimal("8.000"))
    complete(started, Decimal("8.000"), reaction="flushing, grade 1")
    assert (one().state, one().reaction) == (State.COMPLETED, "flushing, grade 1")
    assert one().delivered_viable == Decimal("12953600.000")


def test_an_end_outside_the_window_is_a_deviation(started):
    with later(121):
        complete(one())
    (deviation,) = session.scalars(select(Deviation)).all()
    assert "window" in deviation.title


def test_an_end_is_not_dated_before_the_start(started):
    with pytest.raises(Invalid):
        actions.stop(
            started, by=NINA, why="flushing", given_ml=Decimal(1),
            happened_at=started.started_at - timedelta(minutes=1),
        )  # fmt: skip


def test_a_spare_that_was_not_thawed_is_taken_back(started):
    complete(started)
    (spare,) = held(one().allocation, spare=True)
    assert spare.reservation is Reservation.DISPENSED
    make_allocation.actions.take_back(
        one().allocation, by=BRUNO, reason="the spare was not needed", vials=[spare]
    )
    session.expire_all()
    assert (spare.reservation, spare.condition) == (Reservation.RETURNED, Condition.FROZEN)
    assert one().allocation.state is AllocationState.COMPLETED


def test_invariant_15_a_completed_patient_is_prescribed_nothing_more(started):
    complete(started)
    refusal("allocation.one_a_protocol", make_allocation.draft, one().allocation.batch)
    refusal("lifecycle.wrong_state", confirm, one())
