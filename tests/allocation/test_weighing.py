"""The weight: as the scale shows it, confirmed where it changed, and what a change asks for (PD-41)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.allocation import actions
from mscbank.allocation.dose import WeightBand
from mscbank.allocation.models import Weighing
from mscbank.allocation.states import State
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from tests import make_allocation
from tests.make_allocation import WARD, WEIGHT, draft, weigh
from tests.people import BRUNO, MARTA, NINA, NOAH, OTTO, PAUL, PAULA, SAM, sign

pytestmark = pytest.mark.db


def last(a) -> Weighing:
    session.expire_all()
    rows = select(Weighing).where(Weighing.allocation_id == a.id).order_by(Weighing.number)
    return list(session.scalars(rows))[-1]


def test_a_weight_never_overwrites_another(prescribed):
    weigh(prescribed, 62_500)
    rows = session.scalars(select(Weighing).order_by(Weighing.number)).all()
    assert [row.weight_g for row in rows] == [WEIGHT, 62_500]
    assert rows[1].last_weight_g == WEIGHT


def test_137_after_62_4_is_typed_again_and_confirmed(prescribed):
    """Pounds for kilograms: more than ten percent from the last weight."""
    with pytest.raises(Invalid) as refused:
        weigh(prescribed, 137_000)
    assert set(refused.value.faults) == {"weight", "confirmed"}
    assert last(prescribed).weight_g == WEIGHT
    weigh(prescribed, 137_000, confirmed=True)
    assert (last(prescribed).weight_g, last(prescribed).confirmed) == (137_000, True)


def test_a_weight_of_the_future_is_refused(prescribed):
    with pytest.raises(Invalid) as refused:
        weigh(prescribed, WEIGHT, weighed_at=clock.now() + timedelta(minutes=5))
    assert "weighed_at" in refused.value.faults


def test_the_last_weight_of_the_patient_counts_whatever_it_was_measured_for(stocked):
    first = draft(stocked)
    actions.cancel(first, by=MARTA, reason="another day")
    second = draft(stocked, weight=None)
    with pytest.raises(Invalid):
        weigh(second, 80_000)


@pytest.mark.parametrize(
    ("state", "weight", "band", "after"),
    [
        (State.DRAFT, 65_600, WeightBand.FIRST, State.DRAFT),
        (State.PRESCRIBED, 65_520, WeightBand.INFORMATION, State.PRESCRIBED),
        (State.PRESCRIBED, 65_600, WeightBand.ACKNOWLEDGE, State.PRESCRIBED),
        (State.PRESCRIBED, 68_700, WeightBand.REVIEW, State.NEEDS_REVIEW),
        (State.VERIFIED, 68_640, WeightBand.ACKNOWLEDGE, State.VERIFIED),
        (State.VERIFIED, 56_100, WeightBand.REVIEW, State.NEEDS_REVIEW),
        (State.RESERVED, 65_600, WeightBand.ACKNOWLEDGE, State.RESERVED),
        (State.RESERVED, 68_700, WeightBand.REVIEW, State.NEEDS_REVIEW),
        (State.DISPENSED, 68_700, WeightBand.REVIEW, State.DISPENSED),
    ],
)
def test_what_a_new_weight_asks_for(stocked, state, weight, band, after):
    a = make_allocation.allocation(state, stocked)
    held = len(make_allocation.held(a))
    weigh(a, weight, confirmed=True)
    assert last(a).band is band
    assert a.state is after
    assert len(make_allocation.held(a)) == held, "vials stay reserved in every case"


def test_small_changes_add_up_against_the_weight_that_was_verified(verified):
    weigh(verified, 65_000)
    assert last(verified).band is WeightBand.INFORMATION
    weigh(verified, 67_000)
    assert last(verified).band is WeightBand.ACKNOWLEDGE
    weigh(verified, 69_000)
    assert (last(verified).band, verified.state) == (WeightBand.REVIEW, State.NEEDS_REVIEW)


def test_the_pharmacist_acknowledges_a_changed_weight_before_the_vials_are_dispensed(reserved):
    weigh(reserved, 65_600)
    make_allocation.pick(reserved)
    with pytest.raises(Refused) as refused:
        sign(actions.dispense, reserved, PAULA, to=WARD)
    assert refused.value.code == "allocation.weight_changed"
    with pytest.raises(NotAllowed):
        sign(actions.acknowledge_weight, reserved, NINA)
    sign(actions.acknowledge_weight, reserved, PAUL)
    sign(actions.dispense, reserved, PAULA, to=WARD)
    assert reserved.state is State.DISPENSED


def test_a_weight_that_needs_nothing_is_not_acknowledged(reserved):
    weigh(reserved, 63_000)
    with pytest.raises(Refused) as refused:
        sign(actions.acknowledge_weight, reserved, PAULA)
    assert refused.value.code == "allocation.weight_not_open"


def test_after_a_review_the_dose_rests_on_the_new_weight(reserved):
    weigh(reserved, 70_000, confirmed=True)
    assert reserved.state is State.NEEDS_REVIEW
    assert len(make_allocation.held(reserved)) == 4
    sign(actions.review, reserved, PAUL, reason="the new weight was checked")
    actions.reserve(reserved, by=PAUL)
    assert reserved.state is State.RESERVED
    assert len(make_allocation.held(reserved)) == 5
    weigh(reserved, 70_100)
    assert last(reserved).band is WeightBand.INFORMATION


def test_a_second_person_reviews_the_weight_once(stocked):
    a = draft(stocked)
    with pytest.raises(Refused) as refused:
        actions.review_weight(a, by=NINA)
    assert refused.value.code == "allocation.own_entry"
    actions.review_weight(a, by=NOAH)
    with pytest.raises(Refused) as refused:
        actions.review_weight(a, by=PAULA)
    assert refused.value.code == "allocation.weight_reviewed"


def test_there_is_something_to_review(stocked):
    with pytest.raises(Refused) as refused:
        actions.review_weight(draft(stocked, weight=None), by=NOAH)
    assert refused.value.code == "allocation.no_weight"


@pytest.mark.parametrize("by", [BRUNO, OTTO, SAM])
def test_only_the_ward_and_the_pharmacy_weigh(prescribed, by):
    with pytest.raises(NotAllowed):
        weigh(prescribed, WEIGHT, by=by)
