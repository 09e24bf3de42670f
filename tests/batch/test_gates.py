"""The rules that stand in the way of a batch or a lot, on facts alone."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mscbank.batch import gates
from mscbank.batch.gates import BatchFacts, Fill, LotFacts
from mscbank.batch.states import BATCH, MATERIAL_LOT
from mscbank.core.errors import Refusal
from tests.people import ANA, BRUNO

TODAY = date(2026, 3, 15)
ELSEWHERE = Refusal("test.elsewhere", "Somebody else says no.")()

READY = BatchFacts(
    din="A999926000001",
    donation_accepted=True,
    unacceptable=None,
    specification="MSC(M), edition 2",
    specification_approved=True,
    protocol="NCT02213705",
    protocol_open=True,
    link_verified=True,
    recipient=None,
    passages=2,
    open_passage=None,
    unchecked=(),
    fill=Fill(24, 0),
)
LOT = LotFacts(expires_on=TODAY, today=TODAY, certificate="CoA 1", received_by="bruno")


def code(found) -> str | None:
    return found.code if found else None


def test_a_ready_batch_meets_no_obstacle():
    for rule in (gates.cannot_start, gates.culture_open, gates.fill_open):
        assert rule(READY, BRUNO) is None


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"donation_accepted": False}, "batch.donation_not_accepted"),
        ({"unacceptable": ELSEWHERE}, "test.elsewhere"),
        ({"specification_approved": False}, "batch.specification_not_approved"),
        ({"protocol_open": False}, "batch.protocol_not_open"),
        ({"link_verified": False}, "batch.link_not_verified"),
        ({"recipient": ELSEWHERE}, "test.elsewhere"),
    ],
)
def test_each_thing_that_must_stand_before_the_start(change, obstacle: str):
    assert code(gates.cannot_start(replace(READY, **change), BRUNO)) == obstacle


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"passages": 0}, "batch.no_passage"),
        ({"open_passage": 0}, "batch.passage_open"),
        ({"open_passage": 1}, "batch.passage_open"),
        ({"unchecked": ("harvest of passage 1",)}, "batch.counts_unchecked"),
    ],
)
def test_each_thing_that_keeps_a_culture_open(change, obstacle: str):
    assert code(gates.culture_open(replace(READY, **change), BRUNO)) == obstacle


@pytest.mark.parametrize(
    ("fill", "obstacle"),
    [
        (Fill(0, 0), "batch.nothing_filled"),
        (Fill(24, 1), "batch.fill_differs"),
        (Fill(24, -1), "batch.fill_differs"),
        (Fill(1, 0), None),
    ],
)
def test_invariant_7_a_fill_closes_at_zero_difference(fill: Fill, obstacle: str | None):
    assert code(gates.fill_open(replace(READY, fill=fill), BRUNO)) == obstacle


@pytest.mark.parametrize(
    ("change", "by", "obstacle"),
    [
        ({}, ANA, None),
        ({"expires_on": TODAY - timedelta(days=1)}, ANA, "batch.lot_expired"),
        ({"certificate": None}, ANA, "batch.lot_without_certificate"),
        ({"certificate": ""}, ANA, "batch.lot_without_certificate"),
        ({}, BRUNO, "batch.own_lot"),
    ],
)
def test_a_lot_is_released_in_date_with_its_certificate_by_another(change, by, obstacle: str | None):
    assert code(gates.lot_not_releasable(replace(LOT, **change), by)) == obstacle


def test_no_state_is_without_a_way_on_but_the_ends():
    for life in (BATCH, MATERIAL_LOT):
        left = {source for source, _target in life.arrows}
        assert {state for state in type(life.start) if state not in left} == life.ends
