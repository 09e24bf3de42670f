"""The three lives of a vial, as the table has them."""

import pytest

from mscbank.core.access import Role
from mscbank.custody.facts import LifeFacts
from mscbank.custody.states import (
    COLD,
    CONDITION,
    GONE,
    QUALITY,
    RESERVATION,
    WARM,
    Condition,
    Quality,
    Reservation,
    kept_for_somebody,
    on_hold,
    released_without_qa,
)
from tests.people import ANA, BRUNO

LIVES = (CONDITION, QUALITY, RESERVATION)


def facts(**changes):
    values = {
        "code": "VT100000100",
        "called": "07",
        "site": None,
        "condition": Condition.FROZEN,
        "quality": Quality.QUARANTINE,
        "reservation": Reservation.NONE,
        "reserved_by": None,
        "holds": (),
    }
    return LifeFacts(**(values | changes))


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.column)
def test_no_state_is_without_a_way_on_unless_it_is_an_end(life):
    states = type(life.start)
    leads_on = {source for source, _target in life.arrows}
    assert set(states) - leads_on == set(life.ends)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.column)
def test_every_state_is_reached_and_has_a_word_and_a_sign(life):
    reached = {target for _source, target in life.arrows} | {life.start}
    assert reached == set(type(life.start))
    assert set(life.words) == set(life.signs) == set(type(life.start))


def test_invariant_17_no_arrow_leads_from_thawed_back_to_cold():
    assert not [(a, b) for a, b in CONDITION.arrows if a in WARM and b in COLD]


def test_what_is_lost_is_the_only_end_that_leads_back():
    assert {a for a, _b in CONDITION.arrows if a in GONE} == {Condition.LOST}


def test_steps_of_later_rooms_have_no_role():
    later = {"thaw", "into_preparation", "infuse", "freeze"}
    assert {m.name for m in CONDITION.moves if m.role is None} == later
    assert all(m.role is None for life in (QUALITY, RESERVATION) for m in life.moves)


@pytest.mark.parametrize("name", ["take_for_qc", "retain", "destroy", "record_as_happened"])
def test_two_persons_sign_what_takes_a_vial_out_for_good(name):
    assert len(CONDITION[name].meanings) == 2


def test_a_hold_blocks_every_way_out_but_destruction():
    held = facts(holds=("recalled",))
    assert on_hold(held, BRUNO).code == "custody.on_hold"
    assert on_hold(facts(), BRUNO) is None
    for name in ("take_for_qc", "retain", "thaw"):
        assert CONDITION.obstacle(CONDITION[name], held, held, ANA, child=True) is not None
    assert CONDITION.obstacle(CONDITION["destroy"], held, held, ANA) is None


@pytest.mark.parametrize("reservation", [Reservation.RESERVED, Reservation.PICKED, Reservation.DISPENSED])
def test_what_is_kept_for_a_patient_is_freed_first(reservation):
    kept = facts(reservation=reservation, reserved_by="KT100000100")
    assert kept_for_somebody(kept, BRUNO).code == "custody.reserved"
    assert "KT100000100" in str(kept_for_somebody(kept, BRUNO).sentence)


def test_what_was_thawed_for_a_patient_may_be_destroyed():
    thawed = facts(condition=Condition.THAWED, reservation=Reservation.DISPENSED, reserved_by="K")
    assert kept_for_somebody(thawed, BRUNO) is None


@pytest.mark.parametrize("quality", [Quality.AVAILABLE, Quality.CONDITIONAL, Quality.EXCEPTIONAL])
def test_released_stock_goes_to_tests_only_through_quality_assurance(quality):
    released = facts(quality=quality)
    assert released_without_qa(released, BRUNO).who is Role.QA
    assert released_without_qa(released, ANA) is None


@pytest.mark.parametrize("quality", [Quality.QUARANTINE, Quality.REJECTED])
def test_other_stock_goes_to_tests_by_the_laboratory(quality):
    assert released_without_qa(facts(quality=quality), BRUNO) is None
