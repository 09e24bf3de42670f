"""Rooms, tanks, racks, boxes; counting a box by two persons."""

import pytest
from sqlalchemy import select

from mscbank.core import record
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.custody import actions
from mscbank.custody.models import Place
from mscbank.custody.places import children, free_positions, number_in, vials_in
from mscbank.custody.words import Area, Level
from tests import make_custody
from tests.custody.conftest import first_box, first_vials
from tests.people import ANA, BRUNO, NINA, OTTO, TOMAS, sign


def test_a_box_comes_with_its_positions_in_one_act(bank):
    box = make_custody.box()
    positions = children(box)
    assert len(positions) == 81
    assert [p.name for p in positions[:10]] == [*(f"A{n}" for n in range(1, 10)), "B1"]
    assert {p.level for p in positions} == {Level.POSITION}
    assert len({p.code for p in positions}) == 81
    assert session.scalars(record.history("place", box.code)).all()[-1].action == "place.create_box"


def test_a_box_of_another_shape(bank):
    box = make_custody.box(rows=5, columns=10, area=Area.RELEASED)
    assert (len(children(box)), children(box)[-1].name) == (50, "E10")
    assert {p.area for p in children(box)} == {Area.RELEASED}


@pytest.mark.parametrize(
    ("rows", "columns", "field"), [(0, 9, "rows"), (27, 9, "rows"), (9, 0, "columns"), (9, 31, "columns")]
)
def test_impossible_boxes_are_refused(bank, rows, columns, field):
    tank = make_custody.tank()
    with pytest.raises(Invalid) as refused:
        actions.create_box(by=BRUNO, parent=tank, name="Box", rows=rows, columns=columns)
    assert field in refused.value.faults


@pytest.mark.parametrize(
    ("level", "parent", "field"),
    [
        (Level.BOX, True, "level"),
        (Level.POSITION, True, "level"),
        (Level.ROOM, True, "parent"),
        (Level.TANK, False, "parent"),
        (Level.RACK, False, "parent"),
        (Level.TANK, True, "parent"),
    ],
)
def test_what_may_stand_in_what(bank, level, parent, field):
    tank = make_custody.tank() if parent else None
    with pytest.raises(Invalid) as refused:
        actions.create_place(by=BRUNO, level=level, name="X", parent=tank)
    assert field in refused.value.faults


def test_a_rack_in_a_tank_takes_boxes_and_a_box_takes_none(bank):
    rack = actions.create_place(by=ANA, level=Level.RACK, name="Rack 3", parent=make_custody.tank())
    box = make_custody.box(parent=rack)
    with pytest.raises(Invalid):
        make_custody.box(parent=box)


def test_two_places_of_one_name_do_not_stand_in_one_place(bank):
    tank = make_custody.tank()
    actions.create_box(by=BRUNO, parent=tank, name="Box 4")
    with pytest.raises(Refused, match=r"custody\.place_exists"):
        actions.create_box(by=BRUNO, parent=tank, name="Box 4")


@pytest.mark.parametrize("by", [NINA, OTTO], ids=lambda p: p.login)
def test_others_set_up_nothing(bank, by):
    with pytest.raises(Refused, match=r"acts\.role_needed"):
        actions.create_place(by=by, level=Level.ROOM, name="Cryo")


def test_what_lies_in_a_box_and_what_is_free(stock):
    box = first_box()
    assert number_in(box) == 6
    assert [vial.number for _, vial in sorted(vials_in(box).items())] == [1, 2, 3, 4, 5, 6]
    assert [p.name for p in free_positions(box)[:3]] == ["A7", "A8", "A9"]


def test_two_people_count_the_box(stock):
    box = first_box()
    sign(actions.count, box, BRUNO, TOMAS, counted=6)
    row = session.scalars(record.history("place", box.code)).first()
    assert '"counted":"6"' in row.body
    assert '"checked_by":"tomas"' in row.body


def test_a_wrong_count_is_refused_with_both_numbers(stock):
    with pytest.raises(Refused, match=r"You count 5; the bank has 6") as refused:
        sign(actions.count, first_box(), BRUNO, TOMAS, counted=5)
    assert refused.value.code == "custody.count_differs"
    assert refused.value.blocked_as


def test_nobody_counts_alone(stock):
    with pytest.raises(Refused, match=r"signature\.same_person"):
        sign(actions.count, first_box(), BRUNO, BRUNO, counted=6)


def test_only_boxes_are_counted(stock):
    tank = session.scalars(select(Place).where(Place.level == Level.TANK)).first()
    with pytest.raises(Refused, match=r"custody\.not_a_box"):
        sign(actions.count, tank, BRUNO, TOMAS, counted=0)


def test_the_position_of_a_vial_stands_in_its_box(stock):
    assert first_vials()[0].position.parent is first_box()
