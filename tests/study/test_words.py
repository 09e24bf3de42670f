"""Limits as people read them."""

from decimal import Decimal

import pytest

from mscbank.study import defaults, words
from mscbank.study.limits import Operator, Stage

LINES = {line.attribute: line for line in defaults.SPECIFICATION}


@pytest.mark.parametrize(
    ("attribute", "written"),
    [
        ("viability_fill", "≥ 80 %"),
        ("cd34", "≤ 2 %"),
        ("tnc_per_vial", "80–120 % of nominal"),
        ("gram", "negative"),
        ("hla_dr", "reported"),
        ("endotoxin", "≤ 5 EU/kg/h"),
    ],
)
def test_limits(attribute: str, written: str):
    assert words.limit(LINES[attribute]) == written


@pytest.mark.parametrize(("value", "written"), [("80.000000", "80"), ("0.500000", "0.5"), ("100", "100")])
def test_numbers_have_no_empty_places(value: str, written: str):
    assert words.number(Decimal(value)) == written
    assert words.number(None) == "–"


def test_every_word_is_said():
    assert set(words.STAGE_WORDS) == set(Stage)
    assert set(words.OPERATOR_WORDS) == set(Operator)
