"""The story of a walked family: one whole from every code, with its numbers and its record."""

from typing import Any

import pytest
from sqlalchemy import text

from mscbank.core.db import engines, permitted, session
from mscbank.custody.balance import Balance
from mscbank.trace import story
from mscbank.trace.story import tell
from tests.fixtures import Walked
from tests.worlds import VIALS


def starts(world: Walked) -> list[Any]:
    one = world.first
    return [
        one.donor, one.donation, one.batch, one.release, one.recipient, one.allocation, one.preparation,
        one.infusion, one.event, one.vials[0], one.vials[-1], one.link,
    ]  # fmt: skip


@pytest.mark.db
def test_the_same_whole_from_every_code(infused: Walked):
    wholes = {(thing.kind, thing.code): tell((thing.kind, thing.code)) for thing in starts(infused)}
    first, *_others = wholes
    things = [one.way.things for one in wholes.values()]
    assert all(found == things[0] for found in things)
    assert all(one.completeness.is_complete for one in wholes.values())
    assert {(one.chain_intact, one.act_count) for one in wholes.values()} == {(True, wholes[first].act_count)}
    assert {kind for kind, _code in things[0]} >= {
        "donor", "donation", "batch", "vial", "allocation", "preparation", "infusion", "recipient",
        "adverse_event", "material_lot", "release",
    }  # fmt: skip


def test_the_numbers_are_those_of_the_vials(infused: Walked):
    told = tell(("batch", infused.first.batch.code))
    used = sum(vial.condition == "infused" for vial in infused.first.vials)
    assert (told.completeness.filled, told.completeness.parts["infused"]) == (VIALS, used)
    assert used > 0
    assert told.patients == {infused.first.batch.code: [infused.first.recipient.code]}
    assert told.events_of(infused.first.recipient.code) == [infused.first.event.code]
    assert told.signatures == told.signatures_holding > 0


def test_reach_follows_the_cells(infused: Walked):
    by_condition = {vial.condition: vial for vial in infused.first.vials}
    given, kept = by_condition["infused"], by_condition["retained"]
    assert tell(("vial", given.code)).way.reached_of("recipient") == [infused.first.recipient.code]
    assert tell(("vial", kept.code)).way.reached_of("recipient") == []
    assert tell(("vial", kept.code)).way.reached_of("donor") == [infused.first.donor.code]


def test_a_lot_leads_to_both_families_and_one_patient(infused: Walked):
    whole = tell(("batch", infused.first.batch.code))
    lots = [code for kind, code in whole.way.things if kind == "material_lot"]
    told = tell(("material_lot", lots[0]))
    assert told.way.reached_of("batch") == sorted([infused.first.batch.code, infused.second.batch.code])
    assert told.way.reached_of("recipient") == [infused.first.recipient.code]
    assert told.completeness.filled == 2 * VIALS


def test_a_vial_that_is_missing_shows(infused: Walked, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(story, "balances", lambda ids: {key: Balance(filled=8, present=7) for key in ids})
    told = tell(("vial", infused.first.vials[0].code))
    assert not told.completeness.is_complete


OF_BATCHES = "FROM record WHERE chain_kind = 'batch'"
FIRST_CODE = f"(SELECT min(chain_code) {OF_BATCHES})"
OF_FIRST = f"{OF_BATCHES} AND chain_code = {FIRST_CODE}"
TAMPERED = [
    f"UPDATE record SET reason = 'another' WHERE id = (SELECT max(id) {OF_BATCHES})",
    f"UPDATE record SET chain_code = 'gone' WHERE id = (SELECT max(id) {OF_FIRST})",
    f"UPDATE record SET chain_code = 'gone' WHERE id = (SELECT min(id) {OF_FIRST})",
]


@pytest.mark.parametrize("tamper", TAMPERED, ids=["edited", "the last one gone", "the first one gone"])
def test_a_record_that_was_edited_or_is_missing_breaks_the_chain(infused: Walked, tamper: str):
    codes = [infused.first.batch.code, infused.second.batch.code]
    assert all(tell(("batch", code)).chain_intact for code in codes)
    session.remove()
    with engines().write.begin() as connection, permitted(connection):
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'record'"
        for name in connection.execute(text(guards)).scalars().all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text(tamper))
    assert not all(tell(("batch", code)).chain_intact for code in codes)


def test_holds_on_what_is_present_are_told(released: Walked):
    told = tell(("batch", released.first.batch.code))
    assert told.holds == []
    assert told.patients == {released.first.batch.code: []}
    assert "infused" not in [key for key, number in told.completeness.parts.items() if number]
