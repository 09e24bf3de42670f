"""The short code: type 1 + instance 2 + number 6 + print 1 + check 1, eleven symbols out of twenty-nine.

The check character makes the sum of value * 2**i (i = 0 at the check character) equal 1 modulo 29. Since 29
is prime and 2 generates its residues, every single substitution and every swap of neighbours is caught.
Print ``0`` is the thing itself; ``1`` to ``Y`` are its labels.
"""

from __future__ import annotations

from dataclasses import dataclass

from mscbank.coding.errors import CodeError
from mscbank.coding.types import TYPES

ALPHABET = "0123456789BCDEFGHJKLNPRSTUVXY"
LENGTH = 11
NUMBER_LENGTH = 6
MOST_NUMBER = len(ALPHABET) ** NUMBER_LENGTH - 1
MOST_PRINT = len(ALPHABET) - 1

_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}
_MODULUS = len(ALPHABET)


@dataclass(frozen=True, slots=True)
class ShortCode:
    """A read code: ``text`` as scanned, ``base`` the thing itself, ``print_`` the label (0 = none)."""

    letter: str
    instance: str
    number: int
    print_: int
    text: str
    base: str

    @property
    def kind(self) -> str:
        """The kind of thing, from the fixed table of type symbols."""
        return TYPES[self.letter]

    @property
    def is_print(self) -> bool:
        """Whether a label was read, and not the address of the thing."""
        return self.print_ != 0

    def __str__(self) -> str:
        return self.text


def check_character(body: str) -> str:
    """The check character of the ten symbols before it; CodeError for a foreign symbol."""
    total = 0
    for place, symbol in enumerate(body, start=1):
        total = (total + _value(symbol, place, body)) * 2 % _MODULUS
    return ALPHABET[(1 - total) % _MODULUS]


def make(letter: str, instance: str, number: int, print_: int = 0) -> str:
    """The code of thing ``number`` (0 to 29**6 - 1) of a kind in an instance, or of one of its labels."""
    if letter not in TYPES:
        raise CodeError("code.unknown_symbol", symbol=letter, place=1, text=letter)
    if len(instance) != 2 or any(symbol not in _VALUE for symbol in instance):
        raise CodeError("code.instance", alphabet=ALPHABET, text=instance)
    if not 0 <= number <= MOST_NUMBER:
        raise CodeError("code.number", most=MOST_NUMBER, number=number)
    if not 0 <= print_ <= MOST_PRINT:
        raise CodeError("code.print", print=print_)
    body = letter + instance + _digits(number) + ALPHABET[print_]
    return body + check_character(body)


def parse(text: str) -> ShortCode:
    """Read a code in its exact form, as it stands in addresses and records; CodeError says what is wrong.

    What comes from a scanner or a person goes through :func:`mscbank.coding.layouts.repair` first.
    """
    if len(text) != LENGTH:
        raise CodeError("code.length", length=len(text), text=text)
    for place, symbol in enumerate(text, start=1):
        _value(symbol, place, text)
    if check_character(text[:-1]) != text[-1]:
        raise CodeError("code.check_character", text=text)
    thing = text[:-2] + ALPHABET[0]
    return ShortCode(
        letter=text[0],
        instance=text[1:3],
        number=_number(text[3:9]),
        print_=_VALUE[text[9]],
        text=text,
        base=thing + check_character(thing),
    )


def is_wellformed(text: str) -> bool:
    """Whether the text is a code in its exact form, its check character included."""
    return (
        len(text) == LENGTH
        and all(symbol in _VALUE for symbol in text)
        and check_character(text[:-1]) == text[-1]
    )


def with_print(code: str, n: int) -> str:
    """The code of label ``n`` (1 to 28) of the thing, given the thing's code or that of any of its labels."""
    if not 1 <= n <= MOST_PRINT:
        raise CodeError("code.print", print=n)
    body = parse(code).text[:-2] + ALPHABET[n]
    return body + check_character(body)


def group(code: str) -> str:
    """The code in threes for the eye: ``VK7 38S HSK 12``."""
    return " ".join(code[i : i + 3] for i in range(0, len(code), 3))


def _value(symbol: str, place: int, text: str) -> int:
    try:
        return _VALUE[symbol]
    except KeyError:
        raise CodeError("code.unknown_symbol", symbol=symbol, place=place, text=text) from None


def _digits(number: int) -> str:
    symbols = ""
    for _ in range(NUMBER_LENGTH):
        number, value = divmod(number, _MODULUS)
        symbols = ALPHABET[value] + symbols
    return symbols


def _number(symbols: str) -> int:
    number = 0
    for symbol in symbols:
        number = number * _MODULUS + _VALUE[symbol]
    return number
