"""The input fields: nothing is rounded, guessed or silently dropped."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core import fields
from mscbank.core.types import MAX_SCALED

HOSTILE: list[Any] = [
    None, "", " ", "\0", "a\0b", "\ud800", "\u202eabc", "\u2066", "NaN", "Infinity", "-Infinity", "1e5",
    "1_0",
    "0x1", "１２", "٣", "1,5", "1.5.2", "--1", "+1", 1.5, 81.7, True, False, [], {}, [1], {"a": 1}, 10**30,
    -(10**30),
    "9" * 400, Decimal("1.5"), Decimal("NaN"), Decimal("1E+400"), b"x", "<script>", "' OR 1=1 --", "x" * 5000,
    "\u200f", "a\nb", "a\tb", "0" * 50, "1" + "0" * 30, "\r", "\x1b[2J", object(),
]  # fmt: skip


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


FIELDS: list[Any] = [
    fields.Text(), fields.Text(max=5, required=True), fields.Text(multiline=True), fields.Code(),
    fields.Secret(),
    fields.Count(), fields.Count(min=1, max=10), fields.Number(), fields.Exact(3), fields.Exact(0),
    fields.Exact(12),
    fields.Weight(), fields.When(), fields.Day(), fields.Choice(Colour), fields.Choices(Colour),
    fields.Flag(),
    fields.ListOf(fields.Text()),
]  # fmt: skip


def load(field: Any, value: Any) -> Any:
    return fields.Schema.from_dict({"x": field})().load({"x": value})["x"]


def tried(field: Any, value: Any) -> tuple[Any, Any]:
    """What came out, or the faults."""
    try:
        return {"x": load(field, value)}, None
    except ma.ValidationError as error:
        return None, error.messages


def refused(field: Any, value: Any) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        load(field, value)
    assert set(caught.value.messages) == {"x"}  # type: ignore[arg-type]
    assert json.dumps(caught.value.messages)


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: ascii(v)[:20])
def test_hostile_input_is_a_fault_at_its_field_or_a_clean_value(field: Any, value: Any):
    loaded, faults = tried(field, value)
    if faults:
        assert set(faults) == {"x"}
        return
    found = loaded["x"]
    assert not isinstance(found, float)
    if isinstance(found, str) and not isinstance(field, fields.Secret):
        assert not any(ord(char) < 32 and char != "\n" for char in found)
        found.encode()


def test_an_unknown_field_is_refused():
    class Form(fields.Schema):
        name = fields.Text()

    with pytest.raises(ma.ValidationError) as caught:
        Form().load({"name": "x", "nmae": "y"})
    assert set(caught.value.messages) == {"nmae"}  # type: ignore[arg-type]


class TestCount:
    @pytest.mark.parametrize(
        ("value", "number"),
        [(0, 0), ("0", 0), ("20000000", 20_000_000), (" 7 ", 7), (Decimal("5.0"), 5), (10**15, 10**15)],
    )
    def test_whole_numbers_pass(self, value: Any, number: int):
        found = load(fields.Count(), value)
        assert (found, type(found)) == (number, int)

    @pytest.mark.parametrize(
        "value",
        [
            81.7,
            1.0,
            "81.7",
            "1_0",
            "１２",
            "-1",
            "+1",
            "1e3",
            Decimal("1.5"),
            True,
            "",
            None,
            10**30,
            "9" * 19,
            Decimal("1E+30"),
        ],
    )
    def test_nothing_else_does(self, value: Any):
        refused(fields.Count(), value)

    @pytest.mark.parametrize("value", [0, 11, "11"])
    def test_limits_hold(self, value: Any):
        refused(fields.Count(min=1, max=10), value)

    @given(st.integers(0, 10**15))
    def test_every_count_comes_back(self, number: int):
        assert load(fields.Count(), number) == load(fields.Count(), str(number)) == number


class TestExact:
    @pytest.mark.parametrize(
        ("value", "number"),
        [("1.5", "1.5"), ("0", "0"), ("-3.125", "-3.125"), (7, "7"), (" 62.4 ", "62.4"), ("1.500", "1.500")],
    )
    def test_decimals_as_text_pass(self, value: Any, number: str):
        assert load(fields.Exact(3), value) == Decimal(number)

    @pytest.mark.parametrize(
        "value",
        [
            1.5,
            Decimal("1.5"),
            "1.2345",
            "1,5",
            ".5",
            "5.",
            "1e3",
            "NaN",
            "Infinity",
            "1_000",
            "１.5",
            True,
            "",
            "--1",
            "+1",
            "9" * 20,
        ],
    )
    def test_nothing_else_does(self, value: Any):
        refused(fields.Exact(3), value)

    def test_limits_hold_at_the_edge(self):
        field = fields.Exact(2, min=Decimal("0.10"), max=5)
        assert load(field, "0.10") == Decimal("0.10")
        assert load(field, "5.00") == 5
        refused(field, "0.09")
        refused(field, "5.01")

    @given(st.integers(-(10**17), 10**17), st.integers(0, 6))
    def test_what_passes_can_be_stored(self, scaled: int, places: int):
        text = f"{Decimal(scaled).scaleb(-places):f}"
        found = load(fields.Exact(places), text)
        assert found == Decimal(scaled).scaleb(-places)
        assert abs(found.scaleb(places)) <= MAX_SCALED
        assert fields.Exact(places)._serialize(found, "x", None) == text


class TestWeight:
    @pytest.mark.parametrize(
        ("value", "grams"),
        [("62.4", 62_400), ("62", 62_000), ("25", 25_000), ("250", 250_000), ("78.25", 78_250)],
    )
    def test_kilograms_become_whole_grams(self, value: str, grams: int):
        assert load(fields.Weight(), value) == grams

    @pytest.mark.parametrize(
        "value", ["62,4", "24.99", "250.01", "137 kg", "0.62", "62.425", 62.4, 62, "1e2", "", "６２.4", None]
    )
    def test_anything_else_is_typed_again(self, value: Any):
        refused(fields.Weight(), value)

    @given(st.integers(2500, 25000))
    def test_it_is_shown_as_it_was_typed(self, hundredths: int):
        text = f"{(Decimal(hundredths) / 100).normalize():f}"
        assert fields.Weight()._serialize(load(fields.Weight(), text), "x", None) == text


class TestText:
    def test_it_is_trimmed_and_normal(self):
        assert load(fields.Text(), "  e\u0301cole \r") == "école"
        assert load(fields.Text(multiline=True), "a\r\nb") == "a\nb"

    @pytest.mark.parametrize(
        "value", ["a\0", "a\ud800", "a\u202eb", "\u2067", "a\x07", "a\nb", "a\x85b", 5, True, []]
    )
    def test_what_cannot_be_stored_is_typed_again(self, value: Any):
        refused(fields.Text(), value)

    def test_blank_counts_as_missing(self):
        refused(fields.Text(required=True), "   ")
        refused(fields.Text(max=3), "abcd")

    @given(st.text())
    def test_what_passes_is_normal_and_encodes(self, value: str):
        try:
            found = load(fields.Text(max=100), value)
        except ma.ValidationError:
            return
        assert found == load(fields.Text(max=100), found)
        found.encode()
        assert len(found) <= 100


class TestWhenAndDay:
    @pytest.mark.parametrize(
        ("value", "instant"),
        [
            ("2026-10-13T14:32+02:00", datetime(2026, 10, 13, 12, 32, tzinfo=UTC)),
            ("2026-10-13T12:32:05.000001Z", datetime(2026, 10, 13, 12, 32, 5, 1, UTC)),
        ],
    )
    def test_an_instant_has_its_offset(self, value: str, instant: datetime):
        assert load(fields.When(), value) == instant

    @pytest.mark.parametrize(
        "value",
        ["2026-10-13T14:32", "2026-10-13", "13.10.2026", "2026-13-01T00:00Z", "1899-12-31T00:00Z",
        "2201-01-01T00:00Z",
         "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", 5, None, "", "now"],
    )  # fmt: skip
    def test_anything_else_is_no_instant(self, value: Any):
        refused(fields.When(), value)

    def test_a_civil_date(self):
        assert load(fields.Day(), "2026-10-13") == date(2026, 10, 13)
        for wrong in (
            "2026-2-1",
            "20261013",
            "2026-02-30",
            "1899-12-31",
            "2201-01-01",
            "13/10/2026",
            20261013,
            "2026-W01-1",
        ):
            refused(fields.Day(), wrong)


class TestChoices:
    def test_one_of_the_words(self):
        assert load(fields.Choice(Colour), "red") is Colour.RED
        assert load(fields.Choices(Colour), ["red", "blue"]) == [Colour.RED, Colour.BLUE]
        for wrong in ("RED", "", "green", 1, None, ["red"]):
            refused(fields.Choice(Colour), wrong)
        refused(fields.Choice(Colour, only=(Colour.RED,)), "blue")
        refused(fields.Choices(Colour), "red")
        refused(fields.Choices(Colour), ["red", "red"])

    @pytest.mark.parametrize("wrong", ["true", 1, 0, "on", None, "", []])
    def test_yes_and_no_are_json_booleans(self, wrong: Any):
        assert load(fields.Flag(), True) is True
        refused(fields.Flag(), wrong)


def test_lists_have_an_end():
    assert load(fields.ListOf(fields.Count(), max=2), [1, 2]) == [1, 2]
    refused(fields.ListOf(fields.Count(), max=2), [1, 2, 3])
    refused(fields.ListOf(fields.Count(), max=2), [1, "x"])


class TestSecret:
    def test_any_characters_in_one_normal_form(self):
        assert load(fields.Secret(), "pa\u0301ss ｗord") == "páss word"
        for wrong in ("", "\0", "\ud800", 5, None, "x" * 1025):
            refused(fields.Secret(), wrong)

    def test_it_is_never_shown(self):
        class Form(fields.Schema):
            password = fields.Secret()

        assert Form().dump({"password": "x"}) == {}
