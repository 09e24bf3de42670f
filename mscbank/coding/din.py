"""The ISBT 128 donation identification number, its check character and its flags (ST-001 v6.2.2, DS001)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mscbank.coding.errors import CodeError

LENGTH = 13
CHECK_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
UNREAD = ""
"""The flag of a number that was typed: labels print the check character instead."""

_DIN = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{8}", re.ASCII)
_CHECKSUM_BASE = 60
_CHECKSUM_FLAGS = range(60, 97)
_TUBE_FLAGS = range(6, 11)
_LOCAL_FLAGS = range(20, 60)
_NAMED_FLAGS = {
    0: "none",
    1: "container_1",
    2: "container_2",
    3: "container_3",
    4: "container_4",
    5: "repeat_label",
    6: "pilot_tube",
    7: "test_tube",
    8: "donor_record",
    9: "nat_tube",
    10: "bacterial_sample",
    11: "match_label",
    12: "affixed_partial_label",
    13: "attached_label",
    15: "container_5",
    16: "container_6",
    17: "container_7",
    18: "container_8",
    19: "container_9",
}


@dataclass(frozen=True, slots=True)
class Din:
    """A donation number: ``value`` its 13 characters (the key), ``flag`` the two beside it, '' if typed."""

    value: str
    flag: str = UNREAD

    @property
    def facility(self) -> str:
        """The facility identification number that assigned it."""
        return self.value[:5]

    @property
    def year(self) -> str:
        """Two digits of the nominal year; it may differ from the calendar's by a month."""
        return self.value[5:7]

    @property
    def sequence(self) -> str:
        """The number within facility and year, six digits."""
        return self.value[7:]

    @property
    def check(self) -> str:
        """The boxed character K of the label."""
        return check_character(self.value)

    @property
    def spaced(self) -> str:
        """As labels print it, check character last: ``G1234 98 654321 H``."""
        return f"{self.facility} {self.year} {self.sequence} {self.check}"

    @property
    def flag_meaning(self) -> str:
        """What the flag says in a word: ``none``, ``checksum``, ``local``, ``test_tube`` ...; '' if typed."""
        return flag_meaning(self.flag) if self.flag else ""

    @property
    def is_tube_label(self) -> bool:
        """Whether the flag names a tube, a sample or the donor's record instead of a product."""
        return self.flag.isdigit() and int(self.flag) in _TUBE_FLAGS

    def __str__(self) -> str:
        return self.value


def checksum(din: str) -> int:
    """ISO/IEC 7064 Mod 37-2 of the 13 characters, 0 to 36."""
    total = 0
    for character in din:
        total = (total + CHECK_ALPHABET.index(character)) * 2 % 37
    return (38 - total) % 37


def check_character(din: str) -> str:
    """The keyboard check character K of a donation number; CodeError ``din.format`` if it is none."""
    return CHECK_ALPHABET[checksum(_wellformed(din))]


def checksum_flag(din: str) -> str:
    """The flag 60 to 96 that carries the checksum in the barcode."""
    return str(_CHECKSUM_BASE + checksum(_wellformed(din)))


def flag_meaning(flag: str) -> str:
    """One word for a two-digit flag; CodeError ``din.flag`` for a reserved one."""
    if re.fullmatch("[0-9]{2}", flag, re.ASCII):
        number = int(flag)
        if number in _NAMED_FLAGS:
            return _NAMED_FLAGS[number]
        if number in _LOCAL_FLAGS:
            return "local"
        if number in _CHECKSUM_FLAGS:
            return "checksum"
    raise CodeError("din.flag", flag=flag, text="")


def parse_scanned_din(text: str) -> Din:
    """Read DS001 as a scanner gives it: ``=`` + 13 characters + flag, for example ``=G12349865432177``.

    Spaces are tolerated. A checksum flag must fit; a reserved flag is refused. Raises CodeError.
    """
    body = text.replace(" ", "")
    if not body.startswith("="):
        raise CodeError("isbt.identifier", given=body[:1], expected="=", name="DIN")
    return content(body[1:])


def content(text: str) -> Din:
    """Read the 15 characters behind the ``=``."""
    if len(text) != LENGTH + 2:
        raise CodeError("din.format", text=text)
    value, flag = _wellformed(text[:LENGTH]), text[LENGTH:]
    try:
        meaning = flag_meaning(flag)
    except CodeError:
        raise CodeError("din.flag", flag=flag, text=value) from None
    if meaning == "checksum" and int(flag) != _CHECKSUM_BASE + checksum(value):
        raise CodeError("din.flag_checksum", flag=flag, text=value)
    return Din(value, flag)


def parse_typed_din(text: str) -> Din:
    """Read a number typed by a person, its check character K mandatory: ``G1234 98 654321 H``.

    Spaces and small letters are tolerated; O is never taken for 0. Raises CodeError.
    """
    body = "".join(c.upper() if c.isascii() else c for c in "".join(text.split()))
    if len(body) == LENGTH and _DIN.fullmatch(body):
        raise CodeError("din.check_missing", text=body)
    if len(body) != LENGTH + 1:
        raise CodeError("din.format", text=body)
    value, given = _wellformed(body[:LENGTH]), body[LENGTH]
    if given != check_character(value):
        raise CodeError("din.check_character", text=value, given=given)
    return Din(value)


def format_din(din: str, flag: str | Literal["checksum"] = "checksum") -> str:
    """DS001 for a symbol, with the checksum flag unless another is given (``00``, ``06`` ...)."""
    written = f"={_wellformed(din)}{checksum_flag(din) if flag == 'checksum' else flag}"
    return "=" + content(written[1:]).value + written[-2:]


def require_product(din: Din) -> Din:
    """The number, unless its flag says that it stands on a tube or a record: CodeError ``din.tube_label``."""
    if din.is_tube_label:
        raise CodeError("din.tube_label", flag=din.flag, text=din.value)
    return din


def _wellformed(din: str) -> str:
    if not _DIN.fullmatch(din):
        raise CodeError("din.format", text=din)
    return din
