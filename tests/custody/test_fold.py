"""The ledger tells the state of a vial, or where it stops making sense (invariant 3)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.custody.fold import Event, LedgerBroken, State, fold
from mscbank.custody.states import CONDITION, GONE, QUALITY, RESERVATION, Condition, Quality, Reservation
from mscbank.custody.words import Verb

LAB = (None, "person:bruno")
B5 = (5, None)
NOWHERE = (None, None)

FILLED = Event(
    1, Verb.FILL, Condition.FILLED, Quality.QUARANTINE, Reservation.NONE, None, NOWHERE, LAB, is_gone=False
)
PUT = replace(FILLED, sequence=2, verb=Verb.PUT_AWAY, condition=Condition.FROZEN, from_place=LAB, place=B5)
FREED = replace(PUT, sequence=3, verb=Verb.FREE, quality=Quality.AVAILABLE, from_place=B5)
RESERVED = replace(
    FREED, sequence=4, verb=Verb.RESERVE, reservation=Reservation.RESERVED, reserved_by="KT100000100"
)
PICKED = replace(
    RESERVED, sequence=5, verb=Verb.PICK, reservation=Reservation.PICKED, place=(None, "person:tomas")
)
STORY = [FILLED, PUT, FREED, RESERVED, PICKED]


def test_invariant_3_the_state_is_the_fold_of_the_ledger():
    assert fold(STORY) == State(
        Condition.FROZEN,
        Quality.AVAILABLE,
        Reservation.PICKED,
        "KT100000100",
        (None, "person:tomas"),
        False,
        5,
    )


def test_a_returned_vial_makes_two_moves_in_one_event():
    returned = replace(
        PICKED, sequence=6, verb=Verb.RETURN, reservation=Reservation.RETURNED, from_place=PICKED.place
    )
    settled = replace(
        returned, sequence=7, verb=Verb.PUT_AWAY, reservation=Reservation.NONE, reserved_by=None, place=B5
    )
    assert fold([*STORY, returned, settled]).place == B5
    at_once = replace(settled, sequence=6)
    assert fold([*STORY, at_once]).reservation is Reservation.NONE


BROKEN = {
    "empty": [],
    "begins in the middle": STORY[1:],
    "begins with another verb": [replace(FILLED, verb=Verb.MOVE)],
    "begins somewhere": [replace(FILLED, from_place=B5)],
    "begins frozen": [replace(FILLED, condition=Condition.FROZEN)],
    "begins available": [replace(FILLED, quality=Quality.AVAILABLE)],
    "begins reserved": [replace(FILLED, reservation=Reservation.RESERVED, reserved_by="K")],
    "a row is missing": [FILLED, PUT, RESERVED],
    "a row stands twice": [FILLED, PUT, PUT],
    "taken from where it was not": [FILLED, replace(PUT, from_place=(None, "person:tomas"))],
    "in two places": [FILLED, replace(PUT, place=(5, "person:bruno"))],
    "in no place": [FILLED, replace(PUT, place=NOWHERE)],
    "gone and in a place": [FILLED, replace(PUT, is_gone=True)],
    "gone without an end": [FILLED, replace(PUT, place=NOWHERE, is_gone=True)],
    "an end, and still there": [FILLED, replace(PUT, condition=Condition.DESTROYED)],
    "reserved for nobody": [FILLED, PUT, FREED, replace(RESERVED, reserved_by=None)],
    "kept for somebody, not reserved": [FILLED, PUT, replace(FREED, reserved_by="K")],
    "used up without having been picked": [
        FILLED,
        PUT,
        replace(FREED, quality=Quality.QUARANTINE, reservation=Reservation.CONSUMED, reserved_by="K"),
    ],
}


@pytest.mark.parametrize("events", BROKEN.values(), ids=BROKEN.keys())
def test_invariant_3_a_ledger_that_tells_no_possible_story_is_named(events):
    with pytest.raises(LedgerBroken):
        fold(events)


def test_it_says_which_row_is_missing():
    with pytest.raises(LedgerBroken, match="event 3 is missing"):
        fold([FILLED, PUT, RESERVED])


def walk(life, choose):
    state, path = life.start, [life.start]
    for pick in choose:
        onward = sorted((b for a, b in life.arrows if a is state), key=str)
        if not onward:
            break
        state = onward[pick % len(onward)]
        path.append(state)
    return path


@given(st.lists(st.integers(0, 9), max_size=8), st.lists(st.integers(0, 9), max_size=8), st.data())
def test_invariant_3_every_walk_along_the_lives_folds_and_no_row_of_it_can_be_left_out(a, b, data):
    events = [FILLED]
    for life, column in ((QUALITY, "quality"), (RESERVATION, "reservation"), (CONDITION, "condition")):
        for _before, state in pairwise(walk(life, data.draw(st.sampled_from([a, b])))):
            last = events[-1]
            made = replace(
                last, sequence=last.sequence + 1, verb=Verb.MOVE, from_place=last.place, **{column: state}
            )
            kept = None if made.reservation is Reservation.NONE else made.reserved_by or "K"
            gone = made.condition in GONE
            place = NOWHERE if gone else B5 if last.place == NOWHERE else last.place
            events.append(replace(made, reserved_by=kept, is_gone=gone, place=place))
    assert fold(events).events == len(events)
    if len(events) > 1:
        left_out = data.draw(st.integers(0, len(events) - 2))
        with pytest.raises(LedgerBroken):
            fold(events[:left_out] + events[left_out + 1 :])
