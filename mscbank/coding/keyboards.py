"""What arrives when a hand scanner types for an American keyboard into a computer set to another one.

A scanner of the keyboard kind presses keys, and the computer decides what they mean. The rows below name
the same keys in each layout, from left to right, without and with Shift. Caps Lock comes in two kinds: on
Windows it acts on the rows that a layout marks as Shift does (``shift``: French and Belgian digits come out
clean, German ones do not), elsewhere on letters alone (``letters``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Caps(StrEnum):
    """The state of Caps Lock on the computer."""

    OFF = "off"
    LETTERS = "letters"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A layout: its keys without and with Shift, and whether its Caps Lock may act as Shift on the digits."""

    name: str
    plain: str
    shifted: str
    locks_digits: bool


US = Keyboard(
    "us",
    "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",
    '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
    locks_digits=False,
)
BRITISH = Keyboard(
    "british",
    "`1234567890-=qwertyuiop[]#asdfghjkl;'zxcvbnm,./",
    '¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@ZXCVBNM<>?',
    locks_digits=False,
)
FRENCH = Keyboard(
    "french",
    "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
    "~1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    locks_digits=True,
)
BELGIAN = Keyboard(
    "belgian",
    "²&é\"'(§è!çà)-azertyuiop^$µqsdfghjklmùwxcvbn,;:=",
    "³1234567890°_AZERTYUIOP¨*£QSDFGHJKLM%WXCVBN?./+",
    locks_digits=True,
)
GERMAN = Keyboard(
    "german",
    "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
    "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    locks_digits=True,
)

KEYBOARDS = (US, BRITISH, FRENCH, BELGIAN, GERMAN)
STATES = tuple(
    (keyboard, caps)
    for keyboard in KEYBOARDS
    for caps in Caps
    if caps is not Caps.SHIFT or keyboard.locks_digits
)

_DIGIT_KEYS = range(1, 11)


@cache
def typed(keyboard: Keyboard, caps: Caps) -> dict[str, str]:
    """Character that an American scanner types → character that arrives on that computer in that state."""
    arrives: dict[str, str] = {" ": " "}
    for key, (plain, shifted) in enumerate(zip(US.plain, US.shifted, strict=True)):
        low, high = keyboard.plain[key], keyboard.shifted[key]
        if caps is Caps.LETTERS and low.isalpha():
            low, high = _upper(low), (high.lower() if high.isalpha() else high)
        elif caps is Caps.SHIFT and (low.isalpha() or key in _DIGIT_KEYS):
            low, high = high, low
        arrives[plain], arrives[shifted] = low, high
    return arrives


@cache
def meant(keyboard: Keyboard, caps: Caps) -> dict[str, str]:
    """Character that arrived → character that the scanner typed; only where it can be no other."""
    arrives = typed(keyboard, caps)
    meanings: dict[str, str] = {}
    for sent, seen in arrives.items():
        meanings[seen] = "" if seen in meanings else sent
    return {seen: sent for seen, sent in meanings.items() if sent}


def _upper(letter: str) -> str:
    return letter if letter in "ßµ" else letter.upper()
