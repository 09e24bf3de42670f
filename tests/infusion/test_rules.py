"""The rules of the bedside by themselves: when a confirmation lapses, what a mismatch is, who goes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mscbank.allocation.stability import Light
from mscbank.core.errors import Refusal
from mscbank.infusion import rules
from mscbank.infusion.completing import split
from mscbank.infusion.rules import Facts, PreparationFacts, Scans
from tests.people import NINA

NOW = datetime(2026, 10, 15, 10, 0, tzinfo=UTC)
HOUR = timedelta(minutes=60)
READY = PreparationFacts("Y1", is_ready=True, is_given=False, expires_at=NOW + HOUR)
AGAINST = Refusal("test.against_infusion", "Something stands against it.")

FINE = Facts(
    now=NOW, is_reserved=True, is_dispensed=True, ready_at=NOW - timedelta(minutes=10), thawed_at=None,
    ready_holds=HOUR, standing=(), preparations=(READY,), light=Light.GREEN, floor_percent=80,
)  # fmt: skip


def code(obstacle) -> str | None:
    return obstacle.code if obstacle else None


@pytest.mark.parametrize(
    ("ready_at", "thawed_at", "holds"),
    [
        (None, None, False),
        (NOW, None, True),
        (NOW - HOUR, None, True),
        (NOW - HOUR - timedelta(microseconds=1), None, False),
        (NOW - timedelta(hours=5), NOW - timedelta(hours=5), True),
    ],
)
def test_a_confirmation_holds_for_an_hour_or_once_something_is_thawed(ready_at, thawed_at, holds):
    assert rules.is_ready(ready_at, thawed_at, NOW, HOUR) is holds


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"ready_at": None}, "infusion.ready_first"),
        ({"ready_at": NOW - timedelta(minutes=61)}, "infusion.ready_lapsed"),
        ({"is_dispensed": False}, "infusion.not_dispensed"),
        ({"weight_open": True}, "infusion.weight_open"),
        ({"standing": (AGAINST(),)}, "test.against_infusion"),
    ],
)
def test_invariant_17_what_stands_in_the_way_of_a_thaw(changes, expected):
    assert code(rules.not_thawable(replace(FINE, **changes))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"preparations": ()}, "infusion.nothing_prepared"),
        ({"preparations": (READY, replace(READY, is_ready=False))}, "infusion.nothing_prepared"),
        ({"standing": (AGAINST(),)}, "test.against_infusion"),
        ({"light": Light.AMBER}, None),
        ({"light": Light.RED}, "infusion.out_of_window"),
        ({"light": Light.RED, "window_decided": True}, None),
        ({"is_low": True, "measured_percent": Decimal("70.5")}, "infusion.too_few_cells"),
        ({"is_low": True, "low_choice": "give"}, None),
        ({"is_low": True, "low_choice": "stop"}, "infusion.prescriber_stopped"),
        ({"is_low": True, "low_choice": "add_spare", "has_spare": True}, "infusion.spare_first"),
        ({"is_low": True, "low_choice": "add_spare", "has_spare": False}, None),
    ],
)
def test_invariant_17_what_stands_in_the_way_of_a_start(changes, expected):
    assert code(rules.not_startable(replace(FINE, **changes), NINA)) == expected


def test_the_ward_is_asked_for_vials_on_their_way():
    assert code(rules.not_preparable(replace(FINE, is_reserved=False), NINA)) == "infusion.not_reserved"
    assert code(rules.not_preparable(replace(FINE, standing=(AGAINST(),)), NINA)) == "test.against_infusion"
    assert rules.not_preparable(FINE, NINA) is None


def test_resumed_only_when_nothing_stands_against_it():
    assert rules.not_resumable(FINE, NINA) is None
    assert code(rules.not_resumable(replace(FINE, standing=(AGAINST(),)), NINA)) == "test.against_infusion"


def test_cancelled_only_when_nothing_is_thawed():
    assert code(rules.thawed_and_kept(FINE, NINA)) == "infusion.thawed"
    assert rules.thawed_and_kept(replace(FINE, preparations=()), NINA) is None


MATCHING = Scans(
    wristband_known=True, wristband_matches=True, prescription_read="K1", prescription_wanted="K1",
    preparations_read=("Y1", "Y2"), preparations_wanted=("Y1", "Y2"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"preparations_read": ("Y2", "Y1")}, []),
        ({"wristband_known": False, "wristband_matches": False}, ["infusion.no_wristband"]),
        ({"wristband_matches": False}, ["infusion.wrong_wristband"]),
        ({"prescription_read": "K2"}, ["infusion.wrong_prescription"]),
        ({"preparations_read": ("Y1",)}, ["infusion.preparation_not_scanned"]),
        ({"preparations_read": ("Y1", "Y2", "Y3")}, ["infusion.wrong_preparation"]),
        ({"preparations_read": ()}, ["infusion.preparation_not_scanned"] * 2),
    ],
)
def test_invariant_19_every_mismatch_is_found(changes, expected):
    assert [o.code for o in rules.mismatches(replace(MATCHING, **changes))] == expected


@pytest.mark.parametrize(
    ("given", "shares"),
    [
        ("0", ["0", "0"]),
        ("15", ["15", "0"]),
        ("20", ["20", "0"]),
        ("25.5", ["20", "5.5"]),
        ("30", ["20", "10"]),
    ],
)
def test_what_was_given_is_split_over_the_preparations_in_their_order(given, shares):
    assert split(Decimal(given), [Decimal(20), Decimal(10)]) == [Decimal(s) for s in shares]
