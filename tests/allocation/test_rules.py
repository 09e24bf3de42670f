"""The rules of a prescription by themselves: which obstacle comes first, and at which boundary."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from mscbank.allocation import rules
from mscbank.allocation.dose import Band, WeightBand
from mscbank.allocation.rules import DoseFacts, Facts, HeldFacts, PreparationFacts, WeightFacts
from mscbank.core.errors import Refusal
from tests.people import BRUNO, MARTA, PAULA

TODAY = date(2026, 10, 13)
AGAINST = Refusal("test.against_allocation", "Something stands against it.")

WEIGHT = WeightFacts(TODAY, "nina", None, WeightBand.INFORMATION, is_acknowledged=False)
DOSE = DoseFacts(
    band=Band.ACCEPT, percent=Decimal("3.8"), is_acknowledged=False, limit_percent=20, dmso_ok=True,
    dmso_shown=Decimal("0.035"), dmso_limit=Decimal(1), endotoxin_ok=True, endotoxin_shown=None,
    endotoxin_limit=Decimal(5),
)  # fmt: skip
HELD = HeldFacts(held=4, picked=4, handlers=frozenset({"bruno", "tomas"}), given=0)
FINE = Facts(
    today=TODAY, infusion_on=TODAY, oldest_days=7, are_allergies_asked=True, prescribed_by="marta",
    weight=WEIGHT, patient=(), chain=(), dose=DOSE, has_potency=True, held=HELD,
)  # fmt: skip


def code(obstacle) -> str | None:
    return obstacle.code if obstacle else None


def weight(**changes) -> dict:
    return {"weight": replace(WEIGHT, **changes)}


def dose(**changes) -> dict:
    return {"dose": replace(DOSE, **changes)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"are_allergies_asked": False}, "allocation.allergies_not_asked"),
        ({"infusion_on": TODAY - timedelta(days=1)}, "allocation.day_passed"),
        ({"weight": None}, "allocation.no_weight"),
        (weight(on=TODAY - timedelta(days=7)), None),
        (weight(on=TODAY - timedelta(days=8)), "allocation.weight_too_old"),
        ({"patient": (AGAINST(),)}, "test.against_allocation"),
        ({"chain": (AGAINST(),)}, None),
        ({"dose": None}, None),
    ],
)
def test_what_stands_in_the_way_of_prescribing(changes, expected):
    assert code(rules.not_prescribable(replace(FINE, **changes), MARTA)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"prescribed_by": "paula"}, "allocation.own_prescription"),
        (weight(entered_by="paula"), "allocation.own_weight"),
        (weight(entered_by="paula", reviewed_by="noah"), None),
        ({"weight": None}, "allocation.no_weight"),
        ({"patient": (AGAINST(),)}, "test.against_allocation"),
        ({"chain": (AGAINST(),)}, "test.against_allocation"),
        ({"has_potency": False}, "allocation.no_potency"),
        ({"dose": None}, "allocation.no_vials"),
        (dose(band=Band.ACKNOWLEDGE), "allocation.dose_not_acknowledged"),
        (dose(band=Band.ACKNOWLEDGE, is_acknowledged=True), None),
        (dose(band=Band.REFUSE, is_acknowledged=True), "allocation.dose_out_of_tolerance"),
        (dose(dmso_ok=False), "allocation.too_much_dmso"),
        (dose(endotoxin_ok=False, endotoxin_shown=Decimal("6.67")), "allocation.too_much_endotoxin"),
    ],
)
def test_invariant_16_what_stands_in_the_way_of_verifying(changes, expected):
    assert code(rules.not_verifiable(replace(FINE, **changes), PAULA)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        (weight(on=TODAY - timedelta(days=8)), "allocation.weight_too_old"),
        (weight(band=WeightBand.ACKNOWLEDGE), "allocation.weight_changed"),
        (weight(band=WeightBand.ACKNOWLEDGE, is_acknowledged=True), None),
        (weight(band=WeightBand.REVIEW), "allocation.weight_changed"),
        ({"chain": (AGAINST(),)}, "test.against_allocation"),
        (dose(band=Band.REFUSE), "allocation.dose_out_of_tolerance"),
    ],
)
def test_what_stands_in_the_way_of_reserving(changes, expected):
    assert code(rules.not_reservable(replace(FINE, **changes), PAULA)) == expected


@pytest.mark.parametrize(
    ("changes", "by", "expected"),
    [
        ({}, PAULA, None),
        ({}, BRUNO, "allocation.own_pick"),
        ({"held": HeldFacts()}, PAULA, "allocation.nothing_held"),
        ({"held": replace(HELD, picked=3)}, PAULA, "allocation.not_picked"),
        (weight(band=WeightBand.REVIEW), PAULA, "allocation.weight_changed"),
        ({"patient": (AGAINST(),)}, PAULA, "test.against_allocation"),
    ],
)
def test_what_stands_in_the_way_of_dispensing(changes, by, expected):
    assert code(rules.not_dispensable(replace(FINE, **changes), by)) == expected


def test_picking_reads_patient_and_batch_again():
    assert rules.not_pickable(FINE) is None
    assert code(rules.not_pickable(replace(FINE, chain=(AGAINST(),)))) == "test.against_allocation"


def test_what_ends_it():
    thawed = replace(FINE, held=replace(HELD, thawed=("03",), given=1))
    assert code(rules.not_given(FINE, PAULA)) == "allocation.nothing_given"
    assert rules.not_given(thawed, PAULA) is None
    assert code(rules.thawed_already(thawed, PAULA)) == "allocation.thawed"
    assert rules.thawed_already(FINE, PAULA) is None
    assert code(rules.not_all_gone(thawed, PAULA)) == "allocation.preparation_open"
    assert rules.not_all_gone(FINE, PAULA) is None
    assert code(rules.picked_already(FINE, PAULA)) == "allocation.picked"
    assert rules.picked_already(replace(FINE, held=replace(HELD, picked=0)), PAULA) is None


@pytest.mark.parametrize(
    ("thawed", "added", "expected"),
    [
        (0, 0, "preparation.none_in"),
        (4, 0, "preparation.none_in"),
        (4, 3, "preparation.not_all_in"),
        (4, 4, None),
    ],
)
def test_a_preparation_is_finished_when_all_is_in(thawed, added, expected):
    assert code(rules.not_all_in(PreparationFacts(thawed, added), BRUNO)) == expected
