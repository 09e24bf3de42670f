"""The short code: made, read back, and refused when a symbol is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.coding import short
from mscbank.coding.errors import CodeError
from mscbank.coding.short import ALPHABET
from mscbank.coding.types import LETTERS, TYPES

pairs = st.text(ALPHABET, min_size=2, max_size=2)
codes = st.builds(
    short.make,
    st.sampled_from(sorted(TYPES)),
    pairs,
    st.integers(0, short.MOST_NUMBER),
    st.integers(0, short.MOST_PRINT),
)


def weighted(code: str) -> int:
    """The definition, term by term."""
    return sum(ALPHABET.index(s) * 2**i for i, s in enumerate(reversed(code))) % 29


def test_the_table_names_every_symbol_once():
    assert set(TYPES) == set(ALPHABET)
    assert len(LETTERS) == len(TYPES) == 29
    assert LETTERS["vial"] == "V"
    assert LETTERS["downtime_form"] == "9"


@given(codes)
def test_every_code_fulfils_the_definition(code):
    assert len(code) == 11
    assert weighted(code) == 1
    assert short.is_wellformed(code)


@given(st.sampled_from(sorted(TYPES)), pairs, st.integers(0, short.MOST_NUMBER), st.integers(0, 28))
def test_a_code_reads_back_as_it_was_made(letter, instance, number, print_):
    code = short.parse(short.make(letter, instance, number, print_))
    assert (code.letter, code.instance, code.number, code.print_) == (letter, instance, number, print_)
    assert code.base == short.make(letter, instance, number)
    assert code.kind == TYPES[letter]
    assert code.is_print is (print_ > 0)


@given(codes, st.integers(1, 28))
def test_a_label_carries_its_print(code, n):
    label = short.parse(short.with_print(code, n))
    assert label.print_ == n
    assert label.base == short.parse(code).base


@given(codes)
def test_every_single_substitution_is_refused(code):
    for place, symbol in enumerate(code):
        for other in ALPHABET.replace(symbol, ""):
            assert not short.is_wellformed(code[:place] + other + code[place + 1 :])


@given(codes)
def test_every_swap_of_neighbours_is_refused(code):
    for i in range(10):
        if code[i] != code[i + 1]:
            assert not short.is_wellformed(code[:i] + code[i + 1] + code[i] + code[i + 2 :])


@pytest.mark.parametrize("n", [0, 29, -1])
def test_the_twenty_ninth_print_is_refused(n):
    with pytest.raises(CodeError) as refused:
        short.with_print(short.make("V", "K7", 1), n)
    assert refused.value.code == "code.print"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "code.length"),
        ("VK7", "code.length"),
        ("VK700000100000", "code.length"),
        ("VK700000OO0", "code.unknown_symbol"),
        ("vk700000100", "code.unknown_symbol"),
        ("VK700000100", "code.check_character"),
    ],
)
def test_a_wrong_code_says_why(text, code):
    with pytest.raises(CodeError) as refused:
        short.parse(text)
    assert refused.value.code == code
    assert not short.is_wellformed(text)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("A", "K7", 1), "code.unknown_symbol"),
        (("V", "K", 1), "code.instance"),
        (("V", "KO", 1), "code.instance"),
        (("V", "K7", -1), "code.number"),
        (("V", "K7", 29**6), "code.number"),
        (("V", "K7", 1, 29), "code.print"),
    ],
)
def test_what_cannot_be_a_code_is_not_made(args, code):
    with pytest.raises(CodeError) as refused:
        short.make(*args)
    assert refused.value.code == code


def test_numbers_follow_each_other_at_the_end():
    assert short.make("V", "K7", 0)[:9] == "VK7000000"
    assert short.make("V", "K7", 28)[:9] == "VK700000Y"
    assert short.make("V", "K7", 29)[:9] == "VK7000010"
    assert short.make("V", "K7", 29**6 - 1)[:9] == "VK7YYYYYY"


def test_codes_are_shown_in_threes():
    assert short.group("VK738SHSK12") == "VK7 38S HSK 12"


def test_the_code_speaks_as_its_text():
    code = short.make("B", "K7", 5)
    assert str(short.parse(code)) == code
