"""The ISBT 128 product code (DS003) and its divisions (DS032); ST-001 v6.2.2, 2.4.3, 2.4.32."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mscbank.coding.errors import CodeError
from mscbank.coding.structures import content_of

UNDIVIDED = "00"
SEE_DIVISIONS = "99"
"""Positions 7-8 when the division stands in DS032, which must then be read too."""
MOST_DIVISION = 999_999

COLLECTION_TYPES = {
    "0": "none",
    "V": "volunteer_allogeneic",
    "1": "autologous_only",
    "2": "directed_recipient_only",
    "3": "directed_recipient_biohazard",
    "4": "designated",
    "6": "designated_biohazard",
    "D": "directed_eligible_for_crossover",
    "E": "medical_exception",
    "F": "family_reserved",
    "R": "research",
}

_CODE = re.compile(r"[A-Z][A-Z0-9]{4}[A-Za-z0-9][A-Z0-9][a-z0-9]", re.ASCII)
_SPLIT = re.compile(r"00|99|[A-Z][0a-z]", re.ASCII)
_DIVISIONS = re.compile(r"(?!000000)[0-9]{6}|[A-Z]{6}", re.ASCII)
_NUMBERED_PACKS = frozenset("MNRTVW")
"""Classes (organs, tissues ...) whose last three characters are a pack number, no collection type."""


@dataclass(frozen=True, slots=True)
class ProductCode:
    """A product code of eight characters, with its DS032 division once known ('' otherwise)."""

    description: str
    collection_type: str
    split: str
    division: str = ""

    @property
    def code(self) -> str:
        """The eight characters of DS003."""
        return self.description + self.collection_type + self.split

    @property
    def collection(self) -> str:
        """The collection type in one word; '' when the table has none for this class or letter."""
        if self.description[0] in _NUMBERED_PACKS:
            return ""
        return COLLECTION_TYPES.get(self.collection_type, "")

    @property
    def needs_division(self) -> bool:
        """Whether DS032 is announced and not yet read: the product is not identified without it."""
        return self.split == SEE_DIVISIONS and not self.division

    def divided(self, division: str) -> ProductCode:
        """The same product with its DS032 division; CodeError if it is malformed or does not belong here."""
        if self.split != SEE_DIVISIONS:
            raise CodeError("product.division_unexpected", text=self.code)
        return ProductCode(self.description, self.collection_type, self.split, check_division(division))

    def __str__(self) -> str:
        return self.code + (f" {self.division}" if self.division else "")


def parse_product(code: str) -> ProductCode:
    """Read the eight characters of a product code; CodeError says what is wrong."""
    if not _CODE.fullmatch(code):
        raise CodeError("product.format", text=code)
    if code[0] in _NUMBERED_PACKS:
        if not code[5:].isdigit():
            raise CodeError("product.division", text=code[5:])
    elif not _SPLIT.fullmatch(code[6:]):
        raise CodeError("product.division", text=code[6:])
    return ProductCode(code[:5], code[5], code[6:])


def parse_scanned_product(text: str) -> ProductCode:
    """Read DS003 as scanned: ``=<S1234400``."""
    return parse_product(content_of(3, text))


def format_product(product: ProductCode) -> str:
    """DS003 for a symbol."""
    return "=<" + parse_product(product.code).code


def check_division(division: str) -> str:
    """The six characters of DS032: digits from 000001, or three pairs of capitals; CodeError otherwise."""
    if not _DIVISIONS.fullmatch(division):
        raise CodeError("product.division", text=division)
    return division


def division(number: int) -> str:
    """The DS032 division of the ``number``-th part (1 to 999 999): ``000001``."""
    if not 1 <= number <= MOST_DIVISION:
        raise CodeError("product.division", text=str(number))
    return f"{number:06d}"


def parse_scanned_division(text: str) -> str:
    """Read DS032 as scanned: ``=,000001``."""
    return check_division(content_of(32, text))


def format_division(code: str) -> str:
    """DS032 for a symbol."""
    return "=," + check_division(code)


def require_division(product: ProductCode) -> ProductCode:
    """The product, unless its DS032 division is still missing: CodeError ``product.division_missing``."""
    if product.needs_division:
        raise CodeError("product.division_missing", text=product.code)
    return product
