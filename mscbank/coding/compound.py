"""The ISBT 128 compound message (DS023): several data structures in one two-dimensional symbol.

``=+aabbb`` announces aa structures in sequence bbb (000: free); they follow without separators and are cut by
identifier and length. The count must agree, and nothing may be unknown, twice or left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from mscbank.coding import dates, markers, product
from mscbank.coding import din as dins
from mscbank.coding.errors import CodeError
from mscbank.coding.structures import BY_NUMBER, Structure, single, take

MESSAGE = BY_NUMBER[23]
MOST = 99

_CHECKS: dict[int, Callable[[str], object]] = {
    1: dins.content,
    3: product.parse_product,
    4: dates.parse_date,
    5: dates.parse_moment,
    6: dates.parse_date,
    7: dates.parse_moment,
    8: dates.parse_date,
    9: dates.parse_moment,
    27: markers.parse_markers,
    32: product.check_division,
    35: markers.unpad_lot,
}


@dataclass(frozen=True, slots=True)
class Compound:
    """A read message: its structures in order, each one checked, and its sequence number."""

    structures: tuple[Structure, ...]
    sequence: int = 0

    @property
    def din(self) -> dins.Din | None:
        """The donation number, when the message has one."""
        content = self.content(1)
        return dins.content(content) if content else None

    @property
    def product(self) -> product.ProductCode | None:
        """The product code with its DS032 division, when the message has one."""
        code, division = self.content(3), self.content(32)
        if not code:
            return None
        found = product.parse_product(code)
        return found.divided(division) if division else found

    @property
    def expiry(self) -> dates.Moment | None:
        """The expiry; a date alone holds to the end of its day."""
        if content := self.content(5):
            return dates.parse_moment(content)
        content = self.content(4)
        return dates.Moment(dates.parse_date(content)) if content else None

    @property
    def collected(self) -> date | None:
        """The day of collection."""
        content = self.content(7) or self.content(6)
        return dates.parse_date(content[:6]) if content else None

    @property
    def lot(self) -> str:
        """The lot without padding, or ''."""
        content = self.content(35)
        return markers.unpad_lot(content) if content else ""

    def content(self, number: int) -> str:
        """The content of the data structure of this number, or ''."""
        return next((s.content for s in self.structures if s.number == number), "")


def parse_compound(text: str) -> Compound:
    """Read a whole message, from ``=+`` to its last character; CodeError says what is wrong."""
    head, rest = take(text)
    if head.number != MESSAGE.number:
        raise CodeError("isbt.identifier", given=text[:2], expected=MESSAGE.identifier, name=MESSAGE.name)
    announced = int(head.content[:2])
    found: list[Structure] = []
    while rest and len(found) < announced:
        structure, rest = take(rest)
        found.append(structure)
    if len(found) != announced or not found:
        raise CodeError("isbt.count", announced=announced, found=len(found))
    if rest:
        raise CodeError("isbt.trailing", announced=announced, text=rest)
    return _checked(Compound(tuple(found), int(head.content[2:])))


def format_compound(structures: Iterable[str | Structure], sequence: int = 0) -> str:
    """The message of these structures, each given as it would be scanned alone; CodeError as by reading."""
    found = tuple(single(str(structure)) for structure in structures)
    if not found:
        raise CodeError("isbt.empty")
    if len(found) > MOST or not 0 <= sequence <= 999:
        raise CodeError("isbt.too_many", found=max(len(found), sequence))
    _checked(Compound(found, sequence))
    return f"{MESSAGE.identifier}{len(found):02d}{sequence:03d}" + "".join(s.text for s in found)


def check_content(structure: Structure) -> None:
    """Check a structure's content as its own reader would: dates that exist, flags that fit. CodeError."""
    if check := _CHECKS.get(structure.number):
        check(structure.content)


def _checked(message: Compound) -> Compound:
    seen: set[int] = set()
    for structure in message.structures:
        if structure.number == MESSAGE.number:
            raise CodeError("isbt.nested", name=structure.name)
        if structure.number in seen:
            raise CodeError("isbt.duplicate", name=structure.name)
        seen.add(structure.number)
        check_content(structure)
    if found := message.product:
        product.require_division(found)
    return message
