"""Shares of a key: any two of three give it back, one alone tells nothing, what is mistyped is named."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core import shares
from mscbank.core.shares import WrongShare

KEY = bytes(range(32))
keys = st.binary(min_size=32, max_size=32)


@given(keys)
def test_any_two_give_the_key_back_in_any_order(key: bytes):
    made = shares.split(key)
    for pair in permutations(made, 2):
        assert shares.combine(pair) == key


@given(keys)
def test_a_share_is_read_as_it_was_written(key: bytes):
    for share in shares.split(key):
        written = str(share)
        assert shares.read(written) == share
        assert shares.read(written.lower().replace("\n", "-")) == share


def test_three_lines_of_print_each_share():
    for number, share in enumerate(shares.split(KEY), start=1):
        lines = str(share).splitlines()
        assert [[len(group) for group in line.split(" ")] for line in lines] == [[4, 4, 4, 4, 1]] * 4
        assert share.number == number
        assert not set("ILOU") & set(str(share))


def test_one_share_alone_fits_every_key():
    """Whatever one share says, each key is as possible as any other: the heights are uniform."""
    one = shares.split(KEY)[0]
    for other_key in (bytes(32), bytes([255]) * 32):
        slope = bytes(a ^ b for a, b in zip(one.heights, other_key, strict=True))
        second = bytes(a ^ shares._times(s, 2) for a, s in zip(other_key, slope, strict=True))
        fits = shares.Share(2, shares.mark_of(other_key), second)
        assert shares.combine([shares.Share(1, fits.mark, one.heights), fits]) == other_key


def test_shares_differ_each_time():
    assert shares.split(KEY)[0].heights != shares.split(KEY)[0].heights


@given(st.integers(0, 67), st.sampled_from(shares.SYMBOLS))
def test_one_wrong_symbol_is_found(place: int, symbol: str):
    plain = "".join(str(shares.split(KEY)[1]).split())
    typed = plain[:place] + symbol + plain[place + 1 :]
    if typed == plain:
        assert shares.read(typed).number == 2
        return
    with pytest.raises(WrongShare, match=rf"line {place // 17 + 1} is mistyped|this share is mistyped"):
        shares.read(typed)


@given(st.integers(0, 66))
def test_two_swapped_neighbours_are_found(place: int):
    plain = "".join(str(shares.split(KEY)[1]).split())
    typed = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
    if typed != plain:
        with pytest.raises(WrongShare, match="mistyped"):
            shares.read(typed)


def test_what_looks_alike_is_read_as_it_is_meant():
    share = next(s for _ in range(50) for s in shares.split(KEY) if {"0", "1"} <= set(str(s)))
    assert shares.read(str(share).replace("0", "O").replace("1", "l")) == share


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "has 0"), ("ABCD", "has 4"), ("U" * 68, "'U' is no symbol"), ("é" * 68, "is no symbol")],
)
def test_what_is_no_share_is_refused(text: str, words: str):
    with pytest.raises(WrongShare, match=words):
        shares.read(text)


def test_shares_that_do_not_belong_together_are_refused():
    ours, others = shares.split(KEY), shares.split(bytes(32))
    with pytest.raises(WrongShare, match="different keys"):
        shares.combine([ours[0], others[1]])
    with pytest.raises(WrongShare, match="two different shares"):
        shares.combine([ours[0], ours[0]])
    mixed = shares.split(KEY)
    with pytest.raises(WrongShare, match="do not give a key"):
        shares.combine([ours[0], mixed[1]])


def test_a_key_has_its_length():
    with pytest.raises(ValueError, match="32 bytes"):
        shares.split(b"short")


def test_the_field_is_that_of_aes():
    """FIPS 197, 4.2: {57} times {83} is {c1}; and every byte has its inverse."""
    assert shares._times(0x57, 0x83) == 0xC1
    assert all(shares._times(a, shares._inverse(a)) == 1 for a in range(1, 256))
    for one, other in combinations(range(1, 4), 2):
        assert one ^ other
