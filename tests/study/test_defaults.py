"""The default specification says what the reference says."""

from decimal import Decimal

import pytest

from mscbank.study import defaults
from mscbank.study.limits import Operator

LINES = {line.attribute: line for line in defaults.SPECIFICATION}


@pytest.mark.parametrize(
    ("attribute", "operator", "low", "high"),
    [
        ("viability_fill", Operator.AT_LEAST, "80", None),
        ("viability_post_thaw", Operator.AT_LEAST, "70", None),
        ("viable_recovery", Operator.AT_LEAST, "60", None),
        ("tnc_per_vial", Operator.BETWEEN, "80", "120"),
        ("cd73", Operator.AT_LEAST, "95", None),
        ("cd90", Operator.AT_LEAST, "95", None),
        ("cd105", Operator.AT_LEAST, "95", None),
        ("cd34", Operator.AT_MOST, None, "2"),
        ("cd45", Operator.AT_MOST, None, "2"),
        ("cd14", Operator.AT_MOST, None, "2"),
        ("cd19", Operator.AT_MOST, None, "2"),
        ("endotoxin", Operator.AT_MOST, None, "5"),
        ("passage", Operator.AT_MOST, None, "3"),
    ],
)
def test_limits(attribute: str, operator: Operator, low: str | None, high: str | None):
    line = LINES[attribute]
    assert line.operator is operator
    assert line.low == (Decimal(low) if low else None)
    assert line.high == (Decimal(high) if high else None)
    assert line.blocking


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("sterility_marrow", "no growth"),
        ("sterility_in_process", "no growth"),
        ("sterility_final", "no growth"),
        ("gram", "negative"),
        ("mycoplasma", "absent"),
        ("donor_identity", "match"),
        ("karyotype", "no clonal abnormality"),
    ],
)
def test_expected_answers(attribute: str, expected: str):
    assert LINES[attribute].operator is Operator.EQUALS
    assert LINES[attribute].expected_text == expected


def test_only_two_tests_may_be_pending():
    assert {a for a, line in LINES.items() if line.may_be_pending} == {"sterility_final", "mycoplasma"}


def test_what_is_reported_blocks_nothing():
    reported = [line for line in LINES.values() if line.operator is Operator.REPORT]
    assert {line.attribute for line in reported} >= {"hla_dr", "population_doublings", "cfu_f", "potency"}
    assert not any(line.blocking for line in reported)


def test_no_vector_copy_number():
    assert not any("vector" in attribute for attribute in LINES)


def test_each_attribute_stands_once():
    assert len(LINES) == len(defaults.SPECIFICATION)
