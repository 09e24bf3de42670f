"""Whatever the computer's keyboard makes of a scanned code, the code comes back, or is refused."""

from itertools import product

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mscbank.coding import layouts, short
from mscbank.coding.errors import CodeError
from mscbank.coding.keyboards import BELGIAN, FRENCH, GERMAN, KEYBOARDS, STATES, US, Caps, meant, typed
from mscbank.coding.short import ALPHABET
from tests.coding.test_short import codes

EVERY_STATE = [pytest.param(*state, id=f"{state[0].name}-{state[1]}") for state in STATES]
CODE = short.make("V", "K7", 12_345_678, 3)


def garbled(code, keyboard, caps):
    return "".join(typed(keyboard, caps)[symbol] for symbol in code)


def repaired(text):
    """The repaired code, or why there is none."""
    try:
        return layouts.repair(text)
    except CodeError as refused:
        return refused.code


@pytest.mark.parametrize("keyboard", KEYBOARDS, ids=lambda k: k.name)
def test_the_rows_name_every_key(keyboard):
    assert len(keyboard.plain) == len(keyboard.shifted) == len(US.plain) == 47


@pytest.mark.parametrize(("keyboard", "caps"), EVERY_STATE)
def test_no_two_symbols_arrive_as_one(keyboard, caps):
    arrived = {layouts._folded(typed(keyboard, caps)[symbol]) for symbol in ALPHABET}
    assert len(arrived) == 29


@pytest.mark.parametrize("symbol", ALPHABET)
@pytest.mark.parametrize(("keyboard", "caps"), EVERY_STATE)
def test_every_symbol_comes_back_from_every_keyboard(keyboard, caps, symbol):
    """Each symbol stands once at every place of the number; the letters V, K and B show the case."""
    for place in range(6):
        number = ["C", "4", "H", "8", "N", "9"]
        number[place] = symbol
        body = "VK7" + "".join(number) + "0"
        code = body + short.check_character(body)
        assert layouts.repair(garbled(code, keyboard, caps)) == code


@pytest.mark.parametrize(("keyboard", "caps"), EVERY_STATE)
@given(code=codes)
def test_every_code_comes_back_from_every_keyboard(keyboard, caps, code):
    assert repaired(garbled(code, keyboard, caps)) in (code, "code.ambiguous")
    assume(any(s.isalpha() for s in code))
    text = garbled(code, keyboard, caps)
    if caps is not Caps.SHIFT or keyboard is not GERMAN:
        assert layouts.repair(text) == code


@pytest.mark.parametrize("prefix", ["]C1", "]d1", "]Q3", "]d2", "]Q1"])
@pytest.mark.parametrize(("keyboard", "caps"), EVERY_STATE)
def test_symbology_prefixes_are_stripped_garbled_or_not(keyboard, caps, prefix):
    assert layouts.repair(garbled(prefix + CODE, keyboard, caps)) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "{}\r", "{}\r\n", "{}\t", " {} ", "\ufeff{}", "\x02{}\x03", "\u200b{}", "]Q1{}\r\n",
    ],
)  # fmt: skip
def test_what_scanners_add_is_stripped(text):
    assert layouts.repair(text.format(CODE)) == CODE


@pytest.mark.parametrize("separator", [" ", "-", "\u00a0", "\u202f", "\u2011", "\u2013", " - "])
def test_separators_of_people_are_stripped(separator):
    assert layouts.repair(short.group(CODE).replace(" ", separator)) == CODE
    assert layouts.repair(short.group(CODE.lower()).replace(" ", separator)) == CODE


def made(number, letter="V", instance="K7"):
    body = letter + instance + number + "0"
    return body + short.check_character(body)


@pytest.mark.parametrize("number", ["666666", "6BC6DE", "BCDEF6", "606060"])
def test_a_hyphen_is_a_six_where_the_digits_are_french(number):
    code = made(number)
    text = garbled(code, FRENCH, Caps.OFF)
    assert "-" in text
    assert layouts.repair(text) == code


@pytest.mark.parametrize("number", ["666666", "6BC6DE", "123456"])
def test_a_hyphen_is_a_separator_where_the_digits_are_clean(number):
    code = made(number)
    assert layouts.repair("-".join(code)) == code
    assert layouts.repair(code[:1] + "-" + code[1:]) == code


@example(code=made("666666"), place=4)
@given(code=codes, place=st.integers(0, 10))
def test_a_hyphen_in_place_of_a_symbol_is_no_six_among_clean_digits(code, place):
    """Ten symbols and a hyphen stay ten symbols: the hyphen is not taken for the missing one."""
    assume(any(s.isdigit() for s in code[:place] + code[place + 1 :]))
    with pytest.raises(CodeError):
        layouts.scan(code[:place] + "-" + code[place + 1 :])


def test_a_german_z_is_a_y_and_never_both():
    code = made("Y00001")
    assert layouts.repair(code.replace("Y", "Z")) == code
    twice = made("YY0001")
    with pytest.raises(CodeError):
        layouts.scan(twice.replace("YY", "YZ"))


def test_a_belgian_six_and_eight_come_back():
    code = made("686868")
    text = garbled(code, BELGIAN, Caps.OFF)
    assert {"§", "!"} <= set(text)
    assert layouts.repair(text) == code


def test_states_of_the_keyboard_are_never_mixed():
    code = made("112233")
    with pytest.raises(CodeError):
        layouts.scan(code.replace("1", "&", 1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "code.empty"),
        (" \r\n", "code.empty"),
        ("V" * 65, "code.too_long"),
        ("VK7", "code.length"),
        (made("000001")[:-1] + "!", "code.unknown_symbol"),
        ("\u017f" + made("000001", "S")[1:], "code.unknown_symbol"),
    ],
)
def test_what_is_no_code_is_refused(text, code):
    with pytest.raises(CodeError) as refused:
        layouts.scan(text)
    assert refused.value.code == code


def test_a_misread_french_code_is_called_misread():
    text = garbled(made("123456"), FRENCH, Caps.OFF)
    wrong = text[:4] + ("&" if text[4] != "&" else "é") + text[5:]
    with pytest.raises(CodeError) as refused:
        layouts.scan(wrong)
    assert refused.value.code == "code.check_character"


def ambiguous():
    """A German code with Caps Lock, all of digits, that is a Belgian code too."""
    german, belgian = typed(GERMAN, Caps.SHIFT), meant(BELGIAN, Caps.OFF)
    shared = [d for d in "0123456789" if belgian.get(german[d], "?") in ALPHABET]
    for body in product(shared, repeat=10):
        code = "".join(body) + short.check_character("".join(body))
        text = "".join(german[s] for s in code)
        if short.is_wellformed("".join(belgian.get(c, "?") for c in text)):
            return text
    raise AssertionError


def test_two_possible_codes_are_refused_and_not_guessed():
    with pytest.raises(CodeError) as refused:
        layouts.repair(ambiguous())
    assert refused.value.code == "code.ambiguous"


@given(st.text(max_size=80))
def test_repair_answers_or_refuses(text):
    assert repaired(text)
