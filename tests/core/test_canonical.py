"""One form for one content, for ever."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core.canonical import canonical, digest, plain
from mscbank.core.i18n import _
from mscbank.core.types import Envelope


class Word(StrEnum):
    A = "a"


class Thing:
    kind, code = "vial", "V1"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"), (True, "true"), (0, '"0"'), (-7, '"-7"'), (Decimal("1.50"), '"1.50"'),
        (Decimal("1E+3"), '"1000"'), (Fraction(1, 3), '"1/3"'), ("e\u0301", '"é"'), (Word.A, '"a"'),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), '"2026-01-01T12:00:00.000000Z"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        ({"b": 1, "a": [1, "x"]}, '{"a":["1","x"],"b":"1"}'), ({Word.A: 1}, '{"a":"1"}'), ((1, 2),
        '["1","2"]'),
        ({"x", "y"}, '["x","y"]'), (Thing(), '["vial","V1"]'), (Envelope("k", b"n", b"c"), '"1.k.bg==.Yw=="'),
        (b"", '"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'),
        (_("At most %(n)s.", n=3), '"At most 3."'),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_one_form(value: Any, written: str):
    assert canonical(value) == written


@pytest.mark.parametrize("value", [1.5, [0.0], {"a": 2.0}, object(), {"a": object()}])
def test_a_float_or_an_unknown_thing_is_refused(value: Any):
    with pytest.raises(TypeError):
        canonical(value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_json_and_stays_what_it_is(value: Any):
    text = canonical(value)
    assert canonical(json.loads(text)) == text
    assert digest(text) == digest(canonical(plain(value)))


@given(st.dictionaries(st.text(alphabet="abcdefg", min_size=1), st.integers(), min_size=2))
def test_the_order_of_names_does_not_count(value: dict[str, int]):
    assert canonical(value) == canonical(dict(reversed(value.items())))
