"""From what a scanner or a person typed back to a short code.

The alphabet leaves out A, I, M, O, Q, W and Z, so that the letters survive French and Belgian keyboards,
and Y is the only one that a German keyboard changes (into Z, which is free). The digits of one keyboard
state are read back with the table of that state only, never mixed. A few signs mean different digits in
different states (``"`` is 3 in French and 2 in German with Caps Lock), so all states are tried; the check
character, then the case of the letters, decides. Two answers are refused, never guessed.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from mscbank.coding.errors import CodeError
from mscbank.coding.keyboards import STATES, Caps, Keyboard, typed
from mscbank.coding.short import ALPHABET, LENGTH, ShortCode, is_wellformed, parse

LONGEST = 64
"""Longer texts are no short code, whatever separators they hold."""

_PREFIX_MARKS = "]$£+*"
"""What the ``]`` of a symbology prefix (``]C1``, ``]d1``, ``]Q3``) becomes on the five keyboards."""
_PREFIX_LENGTH = 3

_DROPPED = {"Cc", "Cf", "Zs", "Zl", "Zp"}
"""Unicode categories that never carry a symbol: controls, invisible marks, all spaces."""


def repair(text: str) -> str:
    """The short code that the text stands for; the nearest readable text if it is none.

    Raises CodeError: ``code.too_long``, ``code.empty``, or ``code.ambiguous`` when two codes are possible.
    """
    bodies = _bodies(text)
    read: dict[str, bool] = {}
    for body in bodies:
        for keyboard, caps in STATES:
            code = _read(body, keyboard, caps)
            if code is not None:
                read[code] = read.get(code, False) or _case_fits(body, caps)
    found = {code: fits for code, fits in read.items() if is_wellformed(code)}
    likely = [code for code, fits in found.items() if fits] or list(found)
    if len(likely) > 1:
        raise CodeError("code.ambiguous", first=likely[0], second=likely[1])
    return next(iter(likely or read), None) or _plainest(bodies)


def scan(text: str) -> ShortCode:
    """Repair and read: for the scan box and for typing. CodeError as by ``repair`` and ``parse``."""
    return parse(repair(text))


def _bodies(text: str) -> list[str]:
    """The texts that may be the symbols: hyphens as separators or signs, with or without a prefix."""
    if len(text) > LONGEST:
        raise CodeError("code.too_long", limit=LONGEST)
    kept = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in _DROPPED)
    joined = "".join(c for c in kept if unicodedata.category(c) != "Pd")
    if not joined:
        raise CodeError("code.empty")
    dashed = "".join(c for c in kept if c == "-" or unicodedata.category(c) != "Pd")
    bodies = []
    for body in dict.fromkeys((joined, dashed)):
        if _has_prefix(body):
            bodies.append(body[_PREFIX_LENGTH:])
        bodies.append(body)
    return bodies


def _has_prefix(body: str) -> bool:
    return len(body) > LENGTH and body[0] in _PREFIX_MARKS and body[1].isascii() and body[1].isalpha()


def _read(body: str, keyboard: Keyboard, caps: Caps) -> str | None:
    if len(body) != LENGTH:
        return None
    meanings = _symbols(keyboard, caps)
    symbols = [meanings.get(_folded(c)) for c in body]
    return None if None in symbols else "".join(s for s in symbols if s)


@cache
def _symbols(keyboard: Keyboard, caps: Caps) -> dict[str, str]:
    arrives = typed(keyboard, caps)
    return {_folded(arrives[symbol]): symbol for symbol in ALPHABET}


def _case_fits(body: str, caps: Caps) -> bool:
    """Whether capitals arrived as this state of Caps Lock leaves them: as capitals, or as small letters."""
    letters = [c for c in body if c.isascii() and c.isalpha()]
    return all(c.islower() == (caps is not Caps.OFF) for c in letters)


def _folded(character: str) -> str:
    return character.lower() if character.isascii() or character in "ÉÈÇÀ" else character


def _plainest(bodies: list[str]) -> str:
    body = min(bodies, key=lambda text: abs(len(text) - LENGTH))
    return "".join(c.upper() if c.isascii() else c for c in body)
