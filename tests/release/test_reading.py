"""A result is read as it is reported; nothing is guessed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.release.criteria import Qualifier
from mscbank.release.reading import Unreadable, read_number


@pytest.mark.parametrize(
    ("text", "qualifier", "value"),
    [
        ("88.0", Qualifier.NONE, "88.0"),
        (" 69.9 ", Qualifier.NONE, "69.9"),
        ("81,7", Qualifier.NONE, "81.7"),
        ("0,005", Qualifier.NONE, "0.005"),
        ("0", Qualifier.NONE, "0"),
        ("-1.5", Qualifier.NONE, "-1.5"),
        ("< 0.05", Qualifier.LESS_THAN, "0.05"),
        ("<0,05", Qualifier.LESS_THAN, "0.05"),
        ("> 200", Qualifier.GREATER_THAN, "200"),
        ("123456789012.123456", Qualifier.NONE, "123456789012.123456"),
    ],
)
def test_numbers_keep_every_digit(text, qualifier, value):
    assert read_number(text) == (qualifier, Decimal(value))


@pytest.mark.parametrize("text", ["not detected", "Not  Detected", "n.d.", "ND", "non détecté"])
def test_not_detected_is_a_word_without_a_number(text):
    assert read_number(text) == (Qualifier.NOT_DETECTED, None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "release.not_a_number"),
        ("about 88", "release.not_a_number"),
        ("88 %", "release.not_a_number"),
        ("1e6", "release.not_a_number"),
        ("1_0", "release.not_a_number"),
        ("nan", "release.not_a_number"),
        ("Infinity", "release.not_a_number"),
        ("٨٨", "release.not_a_number"),
        ("≥ 88", "release.not_a_number"),
        ("88.", "release.not_a_number"),
        (".5", "release.not_a_number"),
        ("1.2.3", "release.not_a_number"),
        ("1,234", "release.ambiguous_comma"),
        ("62,400", "release.ambiguous_comma"),
        ("1.1234567", "release.too_many_places"),
        ("1234567890123", "release.too_many_places"),
        ("1234567890123,5", "release.too_many_places"),
    ],
)
def test_what_can_be_read_in_two_ways_or_in_none_is_refused(text, code):
    with pytest.raises(Unreadable) as refused:
        read_number(text)
    obstacle = refused.value.obstacle
    assert obstacle.code == code
    assert obstacle.values == ({} if code == "release.not_a_number" else {"text": text})


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6))
def test_any_plain_decimal_is_read_unchanged(number):
    assert read_number(f"{number:f}") == (Qualifier.NONE, number)
