"""The Single European Code, as Annex VII prints it."""

from datetime import date

import pytest

from mscbank.coding.errors import CodeError
from mscbank.coding.sec import Sec, format_sec, make_sec, parse_sec

PRINTED = "SEC: PL001499Z549917123456 A00T041600320171231"
READ = Sec("PL", "001499", "Z549917123456", "A", "00T0416", "003", date(2017, 12, 31))


@pytest.mark.parametrize(
    "text",
    [
        PRINTED,
        PRINTED.removeprefix("SEC: "),
        PRINTED.removeprefix("SEC: ").replace(" ", ""),
        PRINTED.removeprefix("SEC: ").replace(" ", "\n"),
        "sec" + PRINTED.removeprefix("SEC"),
        " SEC PL001499Z549917123456 A00T041600320171231\r\n",
    ],
)
def test_the_published_code_reads_in_every_form(text):
    assert parse_sec(text) == READ


def test_it_is_printed_in_two_parts():
    assert format_sec(READ) == PRINTED
    assert READ.donation_sequence == "PL001499Z549917123456"
    assert len(READ.product_sequence) == 19
    assert len(READ.text) == 40


def test_short_numbers_are_filled_on_the_left():
    made = make_sec(
        country="PL",
        establishment="1499",
        donation="Z549917123456",
        system="A",
        product="T0416",
        split="3",
        expiry=date(2017, 12, 31),
    )
    assert made == READ


def test_no_expiry_is_eight_zeros():
    made = make_sec(country="FR", establishment="1", donation="1", system="E", product="1")
    assert str(made) == "FR0000010000000000001 E000000100000000000"
    assert parse_sec(str(made)).expiry is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "sec.format"),
        (PRINTED[:-1], "sec.format"),
        (PRINTED + "0", "sec.format"),
        (PRINTED.replace("PL", "12"), "sec.donation"),
        (PRINTED.replace(" A", " C"), "sec.product"),
        (PRINTED.replace("20171231", "20170230"), "sec.expiry"),
        (PRINTED.replace("20171231", "00000001"), "sec.expiry"),
        (PRINTED.replace("PL", "ÉL"), "sec.format"),
    ],
)
def test_wrong_codes_say_why(text, code):
    with pytest.raises(CodeError) as refused:
        parse_sec(text)
    assert refused.value.code == code


def test_too_long_parts_are_not_built():
    with pytest.raises(CodeError):
        make_sec(country="FR", establishment="1234567", donation="1", system="E", product="1")
