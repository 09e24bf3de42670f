"""The Single European Code of tissues and cells: Directive 2006/86/EC as amended by (EU) 2015/565, Annex VII.

Forty characters: country 2, tissue establishment 6, donation 13; then system 1, product 7, split 3, expiry 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from mscbank.coding.errors import CodeError

LENGTH = 40
DONATION_LENGTH = 21
SYSTEMS = {"E": "EUTC", "A": "ISBT 128", "B": "Eurocode"}
NO_EXPIRY = "00000000"

_LABEL = re.compile(r"^SEC\s*:?\s*", re.IGNORECASE)
_DONATION = re.compile(r"([A-Z]{2})([A-Z0-9]{6})([A-Z0-9]{13})", re.ASCII)
_PRODUCT = re.compile(r"([EAB])([A-Z0-9]{7})([A-Z0-9]{3})([0-9]{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sec:
    """A read code; ``expiry`` is None where none is defined."""

    country: str
    establishment: str
    donation: str
    system: str
    product: str
    split: str
    expiry: date | None

    @property
    def donation_sequence(self) -> str:
        """The donation identification sequence: 21 characters, never altered."""
        return self.country + self.establishment + self.donation

    @property
    def product_sequence(self) -> str:
        """The product identification sequence: 19 characters."""
        expiry = f"{self.expiry:%Y%m%d}" if self.expiry else NO_EXPIRY
        return self.system + self.product + self.split + expiry

    @property
    def text(self) -> str:
        """The forty characters as DS038 carries them, without a space."""
        return self.donation_sequence + self.product_sequence

    def __str__(self) -> str:
        return f"{self.donation_sequence} {self.product_sequence}"


def parse_sec(text: str) -> Sec:
    """Read a code as printed (``SEC: ...``), in two parts or as forty characters; CodeError if it is none."""
    body = "".join(_LABEL.sub("", text.strip()).split())
    if len(body) != LENGTH or not body.isascii():
        raise CodeError("sec.format", text=text)
    donation = _DONATION.fullmatch(body[:DONATION_LENGTH])
    if not donation:
        raise CodeError("sec.donation", text=body[:DONATION_LENGTH])
    product = _PRODUCT.fullmatch(body[DONATION_LENGTH:])
    if not product:
        raise CodeError("sec.product", text=body[DONATION_LENGTH:])
    country, establishment, number = donation.groups()
    system, kind, split, expiry = product.groups()
    return Sec(country, establishment, number, system, kind, split, _expiry(expiry))


def make_sec(
    *,
    country: str,
    establishment: str,
    donation: str,
    system: str,
    product: str,
    split: str = "000",
    expiry: date | None = None,
) -> Sec:
    """Build a code; shorter numbers are filled with zeros on the left. CodeError if malformed."""
    sec = Sec(
        country=country,
        establishment=establishment.rjust(6, "0"),
        donation=donation.rjust(13, "0"),
        system=system,
        product=product.rjust(7, "0"),
        split=split.rjust(3, "0"),
        expiry=expiry,
    )
    return parse_sec(sec.text)


def format_sec(sec: Sec) -> str:
    """As it is printed: ``SEC: `` and the two parts with a space between."""
    return f"SEC: {sec}"


def _expiry(digits: str) -> date | None:
    if digits == NO_EXPIRY:
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise CodeError("sec.expiry", text=digits) from None
