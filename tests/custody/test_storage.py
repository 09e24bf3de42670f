"""Put away, move, take out, hand over: each with what the person saw."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.custody import actions
from mscbank.custody.ledger import place_seen, place_words
from mscbank.custody.models import CustodyEvent
from mscbank.custody.states import Condition, Reservation
from mscbank.custody.words import Area, Cause, HolderKind, Scan, Verb
from tests import make_custody
from tests.custody.conftest import as_owner, batches, first_box, first_vials, other_vials
from tests.people import ANA, BRUNO, NINA, OTTO, PAULA, TOMAS, sign

pytestmark = pytest.mark.db


def last_event(vial) -> CustodyEvent:
    rows = select(CustodyEvent).where(CustodyEvent.vial_id == vial.id).order_by(CustodyEvent.sequence.desc())
    return session.scalars(rows).first()


def free(number: int = 0):
    return make_custody.positions(first_box())[40 + number]


def test_the_first_put_away_freezes(stock):
    vial = other_vials()[0]
    actions.put_away(vial, by=BRUNO, position=free(), seen="person:bruno", scan=Scan.GUN)
    assert (vial.condition, vial.position, vial.holder) == (Condition.FROZEN, free(), None)
    assert vial.frozen_at is not None
    event = last_event(vial)
    assert (event.verb, event.scan, event.from_holder, event.position) == (
        Verb.PUT_AWAY,
        Scan.GUN,
        "person:bruno",
        free(),
    )
    assert (event.sequence, vial.events) == (2, 2)


def test_several_go_into_the_next_free_positions(stock):
    actions.put_away_all(first_box(), by=BRUNO, vials=other_vials())
    assert [vial.position.name for vial in other_vials()] == ["A7", "A8"]


def test_a_full_box_takes_no_more(stock):
    box = make_custody.box(rows=1, columns=1)
    with pytest.raises(Invalid) as refused:
        actions.put_away_all(box, by=BRUNO, vials=other_vials())
    assert "1 free" in refused.value.faults["vials"][0]
    assert [vial.position for vial in other_vials()] == [None, None]


def test_invariant_4_a_taken_position_is_refused_with_the_vial_that_lies_there(stock):
    taken = first_vials()[0].position
    with pytest.raises(Refused, match=r"A1 holds vial 01") as refused:
        actions.put_away(other_vials()[0], by=BRUNO, position=taken)
    assert refused.value.code == "custody.position_holds"


def test_invariant_4_the_database_refuses_a_second_vial_in_a_position(stock):
    taken, vial = first_vials()[0].position_id, other_vials()[0].code
    with pytest.raises(DBAPIError):
        as_owner(
            f"UPDATE vial SET position_id = {taken}, holder_kind = NULL, holder_code = NULL"
            f" WHERE code = '{vial}'"
        )


@pytest.mark.parametrize(
    "change",
    [
        "holder_kind = 'person', holder_code = 'bruno'",
        "position_id = NULL",
        "is_gone = true",
        "holder_code = 'bruno'",
        "reservation = 'reserved'",
        "reserved_by = 'KT100000100'",
        "quality = 'exceptional'",
        "condition = 'thawed'",
        "condition = 'destroyed'",
        "condition = 'infused'",
        "condition = 'nonsense'",
    ],
)
def test_invariant_4_the_database_refuses_a_vial_in_no_or_two_places(stock, change):
    with pytest.raises(DBAPIError):
        as_owner(f"UPDATE vial SET {change} WHERE code = '{first_vials()[0].code}'")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE custody_event SET actor = 'x'",
        "DELETE FROM custody_event",
        "DELETE FROM vial",
        "DELETE FROM fill",
    ],
)
def test_invariant_2_the_ledger_is_append_only(stock, statement):
    with pytest.raises(DBAPIError):
        as_owner(statement)


def test_a_scan_act_says_where_the_person_saw_the_vial(stock):
    vial = first_vials()[0]
    with pytest.raises(Refused, match=r"Box \d+ A1") as refused:
        actions.move(vial, by=BRUNO, position=free(), seen=free(1).code)
    assert refused.value.code == "custody.seen_elsewhere"
    actions.move(vial, by=BRUNO, position=free(), seen=place_seen(vial))
    assert vial.position is free()


def test_a_position_is_needed_not_a_box(stock):
    with pytest.raises(Refused, match=r"custody\.not_a_position"):
        actions.put_away(other_vials()[0], by=BRUNO, position=first_box())


def test_what_lies_is_not_put_away_again_and_what_does_not_lie_is_not_moved(stock):
    with pytest.raises(Refused, match=r"custody\.lies_there"):
        actions.put_away(first_vials()[0], by=BRUNO, position=free())
    with pytest.raises(Refused, match=r"custody\.lies_nowhere"):
        actions.move(other_vials()[0], by=BRUNO, position=free())
    with pytest.raises(Refused, match=r"custody\.lies_nowhere"):
        actions.take_out(other_vials()[0], by=BRUNO)


def test_taken_out_it_is_with_who_took_it(stock):
    vial = first_vials()[0]
    actions.take_out(vial, by=TOMAS)
    assert (vial.holder_kind, vial.holder_code, vial.position) == (HolderKind.PERSON, "tomas", None)
    assert place_words(vial) == "person tomas"
    actions.put_away(vial, by=TOMAS, position=free())
    assert last_event(vial).condition is Condition.FROZEN


def test_what_is_on_hold_is_taken_out_by_quality_assurance_alone(stock):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="looks odd")
    with pytest.raises(Refused, match=r"custody\.on_hold"):
        actions.take_out(vial, by=BRUNO)
    actions.take_out(vial, by=ANA)
    assert vial.holder_code == "ana"


def test_quarantine_does_not_lie_among_released_stock(stock):
    box = make_custody.box(rows=1, columns=2, area=Area.RELEASED)
    with pytest.raises(Refused, match=r"custody\.area_released"):
        actions.put_away_all(box, by=BRUNO, vials=other_vials())
    with pytest.raises(Refused, match=r"custody\.area_released"):
        actions.move(first_vials()[0], by=BRUNO, position=make_custody.positions(box)[0])


def test_released_stock_does_not_lie_in_quarantine(released):
    box = make_custody.box(rows=1, columns=1, area=Area.QUARANTINE)
    vial = first_vials()[0]
    with pytest.raises(Refused, match=r"custody\.area_quarantine"):
        actions.move(vial, by=BRUNO, position=make_custody.positions(box)[0])
    actions.hold(vial, by=ANA, reason="looks odd", cause=Cause.QUALITY)
    actions.move(vial, by=BRUNO, position=make_custody.positions(box)[0])


def test_a_hand_over_needs_both_sides(stock):
    vial = other_vials()[0]
    sign(actions.hand_over, vial, BRUNO, NINA, seen="person:bruno")
    assert vial.holder == "person:nina"
    event = last_event(vial)
    assert (event.verb, event.actor, event.second_person) == (Verb.HAND_OVER, "bruno", "nina")
    with pytest.raises(Refused, match=r"signature\.missing"):
        actions.hand_over(vial, by=NINA)


def test_a_shipper_is_a_holder_and_somebody_signs_for_it(stock):
    vial = other_vials()[0]
    sign(actions.hand_over, vial, BRUNO, PAULA, holder_kind=HolderKind.SHIPPER, holder="XT100000100")
    assert vial.holder == "shipper:XT100000100"
    sign(actions.hand_over, vial, PAULA, NINA)
    assert vial.holder == "person:nina"


def test_only_the_holder_hands_over_and_not_to_himself(stock):
    vial = other_vials()[0]
    with pytest.raises(Refused, match=r"custody\.not_yours"):
        sign(actions.hand_over, vial, TOMAS, NINA)
    with pytest.raises(Invalid) as refused:
        sign(actions.hand_over, vial, BRUNO, TOMAS, holder="nina")
    assert "holder" in refused.value.faults


def test_what_lies_in_a_position_is_taken_out_first(stock):
    with pytest.raises(Refused, match=r"custody\.still_there"):
        sign(actions.hand_over, first_vials()[0], BRUNO, TOMAS)


def test_several_vials_of_a_batch_are_handed_over_at_once(stock):
    sign(actions.hand_over_all, batches()[1], BRUNO, TOMAS, vials=other_vials())
    assert {vial.holder for vial in other_vials()} == {"person:tomas"}


def test_nothing_is_handed_to_where_it_is(stock):
    vial = other_vials()[0]
    station = {"holder_kind": HolderKind.STATION, "holder": "3T100000100"}
    sign(actions.hand_over, vial, BRUNO, TOMAS, **station)
    with pytest.raises(Refused, match=r"custody\.same_holder"):
        sign(actions.hand_over, vial, TOMAS, NINA, **station)


@pytest.mark.parametrize("by", [OTTO], ids=lambda p: p.login)
def test_others_move_nothing(stock, by):
    with pytest.raises(Refused, match=r"acts\.role_needed"):
        actions.put_away(other_vials()[0], by=by, position=free())


def test_invariant_6_a_refused_put_away_is_kept_among_the_blocked(stock):
    with pytest.raises(Refused) as refused:
        actions.put_away(other_vials()[0], by=BRUNO, position=first_vials()[0].position)
    assert refused.value.blocked_as
    assert other_vials()[0].events == 1


def test_putting_away_confirms_the_label_that_was_scanned(stock):
    batch, vial = batches()[1], other_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.put_away(vial, by=BRUNO, position=free(), print_number=1)
    with pytest.raises(Refused, match=r"custody\.unknown_print"):
        actions.put_away(other_vials()[1], by=BRUNO, position=free(1), print_number=5)
    assert other_vials()[1].position is None


def test_putting_a_returned_vial_away_ends_its_reservation(released):
    vial = first_vials()[0]
    make_custody.picked([vial])
    with pytest.raises(Refused, match=r"custody\.on_its_way"):
        actions.put_away(vial, by=BRUNO, position=free())
    make_custody.step([vial], actions.return_unopened, reason="not needed any more")
    actions.put_away(vial, by=BRUNO, position=free())
    assert (vial.reservation, vial.reserved_by) == (Reservation.NONE, None)
