"""The units of results and the exact factors between those that mean the same (D §2.2: 1 IU = 1 EU)."""

from decimal import Decimal
from fractions import Fraction

_ONE = Fraction(1)
_MILLION = Fraction(10**6)

_KNOWN: dict[str, tuple[str, Fraction]] = {
    "": ("number", _ONE),
    "%": ("share", _ONE),
    "percent": ("share", _ONE),
    "fraction": ("share", Fraction(100)),
    "cells": ("cells", _ONE),
    "million": ("cells", _MILLION),
    "million cells": ("cells", _MILLION),
    "viable cells": ("viable cells", _ONE),
    "million viable cells": ("viable cells", _MILLION),
    "eu": ("endotoxin", _ONE),
    "iu": ("endotoxin", _ONE),
    "eu/ml": ("endotoxin per ml", _ONE),
    "iu/ml": ("endotoxin per ml", _ONE),
    "eu/kg": ("endotoxin per kg", _ONE),
    "iu/kg": ("endotoxin per kg", _ONE),
    "eu/kg/h": ("endotoxin per kg and hour", _ONE),
    "iu/kg/h": ("endotoxin per kg and hour", _ONE),
    "g": ("mass", _ONE),
    "mg": ("mass", Fraction(1, 1000)),
    "ml": ("volume", _ONE),
    "µl": ("volume", Fraction(1, 1000)),
    "ul": ("volume", Fraction(1, 1000)),
}
"""Unit in lower case → (what it measures, how many of that measure's own unit it is)."""


def _measure(unit: str) -> tuple[str, Fraction]:
    plain = " ".join(unit.split()).casefold().replace("μ", "µ")
    return _KNOWN.get(plain, (plain, _ONE))


def comparable(unit: str, other: str) -> bool:
    """Whether a number in one unit can be said in the other."""
    return _measure(unit)[0] == _measure(other)[0]


def in_unit(value: Decimal, unit: str, wanted: str) -> Fraction | None:
    """The value in the wanted unit, exact; ``None`` when the two do not measure the same."""
    measure, factor = _measure(unit)
    wanted_measure, wanted_factor = _measure(wanted)
    return Fraction(value) * factor / wanted_factor if measure == wanted_measure else None
