"""Units: what may be compared, with exact factors."""

from decimal import Decimal
from fractions import Fraction

import pytest

from mscbank.release.units import comparable, in_unit


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "exact"),
    [
        ("0.32", "IU/kg/h", "EU/kg/h", Fraction(8, 25)),
        ("5", "EU/kg/h", "IU/kg/h", Fraction(5)),
        ("0.25", "iu/mL", "EU/ml", Fraction(1, 4)),
        ("0.88", "fraction", "%", Fraction(88)),
        ("88", "%", "fraction", Fraction(22, 25)),
        ("19.9", "million cells", "cells", Fraction(19_900_000)),
        ("19900000", "cells", "million", Fraction(199, 10)),
        ("500", "µl", "ml", Fraction(1, 2)),
        ("500", "μl", "mL", Fraction(1, 2)),
        ("500", "uL", "ml", Fraction(1, 2)),
        ("250", "mg", "g", Fraction(1, 4)),
        ("2", "passage", "passage", Fraction(2)),
        ("3.954", "doublings", " Doublings ", Fraction(3954, 1000)),
    ],
)
def test_what_measures_the_same_converts_exactly(value, unit, wanted, exact):
    assert in_unit(Decimal(value), unit, wanted) == exact
    assert comparable(unit, wanted)


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("EU/ml", "EU/kg/h"),
        ("EU", "EU/ml"),
        ("cells", "viable cells"),
        ("%", ""),
        ("million", "%"),
        ("passage", "doublings"),
    ],
)
def test_what_measures_another_thing_is_never_converted(unit, wanted):
    assert in_unit(Decimal(1), unit, wanted) is None
    assert not comparable(unit, wanted)
