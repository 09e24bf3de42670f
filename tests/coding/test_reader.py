"""The scan box's reader says what a text is, and never raises."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.coding import short
from mscbank.coding.compound import Compound
from mscbank.coding.din import Din
from mscbank.coding.isbt import format_lot
from mscbank.coding.keyboards import BELGIAN, FRENCH, GERMAN, KEYBOARDS, Caps, typed
from mscbank.coding.product import ProductCode
from mscbank.coding.reader import LONGEST, Unknown, read
from mscbank.coding.sec import Sec
from mscbank.coding.short import ShortCode
from mscbank.coding.structures import Structure

VIAL = short.make("V", "K7", 12_345)
EXAMPLE = "=+03000=F75012600012369=<S1234400&>0280600930"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (VIAL, ShortCode),
        (short.group(VIAL).lower(), ShortCode),
        ("]Q3" + VIAL + "\r\n", ShortCode),
        (short.with_print(VIAL, 3), ShortCode),
        ("=G12349865432177", Din),
        ("]C1=G12349865432177\r", Din),
        ("=G12349865432106", Din),
        ("G1234 98 654321 H", Din),
        ("g123498654321h", Din),
        ("G151717600001*", Din),
        ("=<S1234400", ProductCode),
        (EXAMPLE, Compound),
        ("]d1" + EXAMPLE + "\r\n", Compound),
        ("SEC: PL001499Z549917123456 A00T041600320171231", Sec),
        ("PL001499Z549917123456A00T041600320171231", Sec),
        ("&,4PL001499Z549917123456A00T041600320171231", Sec),
        ("&>0280600930", Structure),
        ("&,1" + "5434RZ".rjust(18, "0"), Structure),
        (format_lot(short.make("B", "K7", 9)), ShortCode),
    ],
)
def test_it_says_what_a_text_is(text, kind):
    assert isinstance(read(text), kind)


def test_a_print_is_read_with_its_base():
    label = read(short.with_print(VIAL, 3))
    assert isinstance(label, ShortCode)
    assert (label.base, label.print_) == (VIAL, 3)


@pytest.mark.parametrize("keyboard", [FRENCH, BELGIAN, GERMAN], ids=lambda k: k.name)
@pytest.mark.parametrize(
    "text", ["=W12341512345681", "=A99992112345663", "=<S1234400", EXAMPLE, "&>0280600930"]
)
def test_isbt_strings_come_back_from_other_keyboards(keyboard, text):
    arrived = "".join(typed(keyboard, Caps.OFF)[c] for c in text)
    assert read(arrived) == read(text)


@pytest.mark.parametrize("keyboard", KEYBOARDS, ids=lambda k: k.name)
def test_a_vial_comes_back_from_every_keyboard(keyboard):
    arrived = "".join(typed(keyboard, Caps.OFF)[c] for c in VIAL)
    found = read(arrived + "\r")
    assert isinstance(found, ShortCode)
    assert found.base == VIAL


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "code.empty"),
        ("\r\n\t ", "code.empty"),
        ("x" * (LONGEST + 1), "code.too_long"),
        ("hello worlds", "code.unknown_symbol"),
        ("hello", "code.not_ours"),
        (VIAL[:-1] + ("2" if VIAL[-1] != "2" else "3"), "code.check_character"),
        ("V" + "O" + VIAL[2:], "code.unknown_symbol"),
        ("G1234 98 654321", "din.check_missing"),
        ("G1234 98 654321 J", "din.check_character"),
        ("=G12349865432178", "din.flag_checksum"),
        ("=G12349865432197", "din.flag"),
        ("=~123", "code.keyboard"),
        ("=<S12344", "isbt.length"),
        ("=[123456789012345678", "isbt.retired"),
        (EXAMPLE.replace("=+03", "=+04"), "isbt.count"),
        ("=+01000=<S1234499", "product.division_missing"),
        ("PL001499Z549917123456A00T041600320170230", "sec.expiry"),
        (EXAMPLE.replace("<", "&lt;"), "isbt.escaped"),
        (EXAMPLE.replace("=", "%3D"), "isbt.escaped"),
        ('V&é"ç§', "code.keyboard"),
        ("5012345678900", "din.check_missing"),
        ("https://example.org/", "code.not_ours"),
        ("&,3" + "1" * 19, "isbt.retired"),
    ],
)
def test_it_says_why_not(text, code):
    found = read(text)
    assert isinstance(found, Unknown)
    assert found.reason.code == code
    assert str(found.reason)


def test_a_lot_of_others_stays_a_lot():
    found = read(format_lot("5434RZ"))
    assert isinstance(found, Structure)
    assert found.number == 35


def test_a_sec_keeps_its_expiry():
    found = read("SEC: PL001499Z549917123456 A00T041600320171231")
    assert isinstance(found, Sec)
    assert found.expiry == date(2017, 12, 31)


texts = st.one_of(
    st.text(max_size=200),
    st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x20), max_size=60),
    st.builds(
        "{}{}".format, st.sampled_from(["=", "&", "=+", "&,1", "=<", "]C1", "SEC "]), st.text(max_size=60)
    ),
    st.builds(lambda n: "=" * n, st.integers(900, 1200)),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=12),
)


@given(texts)
def test_it_answers_every_text(text):
    found = read(text)
    if isinstance(found, Unknown):
        assert len(found.text) <= LONGEST
        assert str(found.reason)


@pytest.mark.parametrize("character", ["a", "=", "&", "-", " ", "é", "\U0001f9ea", "1"])
def test_huge_texts_are_cut(character):
    found = read(character * 1_000_000)
    assert isinstance(found, Unknown)
    assert found.reason.code == "code.too_long"
    assert len(found.text) == LONGEST
