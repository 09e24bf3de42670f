"""The ISBT 128 data structures that we read: identifier, length and characters come before any value.

Source: ST-001 v6.2.2, section 2.4. A structure is told by its identifier alone and has a fixed length
(but DS025, which states its own), so that a message without separators can be cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mscbank.coding.errors import CodeError

_PRINTABLE = r"[!-~ ]"
_FACILITY = r"[A-NP-Z1-9][A-NP-Z0-9]{4}"
_DATE = r"[0-9]{6}"
_MOMENT = r"[0-9]{10}"


@dataclass(frozen=True, slots=True)
class Form:
    """How one data structure is written: its number and name, its identifier, its content as a pattern."""

    number: int
    name: str
    identifier: str
    length: int
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Structure:
    """A data structure that was read: ``content`` without the identifier (DS001 keeps its second half)."""

    number: int
    name: str
    identifier: str
    content: str

    @property
    def text(self) -> str:
        """The structure as it stands in a symbol."""
        return self.identifier + self.content

    def __str__(self) -> str:
        return self.text


def _form(number: int, name: str, identifier: str, length: int, pattern: str) -> Form:
    return Form(number, name, identifier, length, re.compile(pattern, re.ASCII))


DIN = _form(1, "Donation Identification Number", "=", 15, r"[A-NP-Z1-9].{14}")
PATIENT_ID = 25
FORMS: tuple[Form, ...] = (
    DIN,
    _form(2, "Blood Groups", "=%", 4, r"[0-9A-Za-z]{4}"),
    _form(3, "Product Code", "=<", 8, r"[A-Z][A-Z0-9]{4}[A-Za-z0-9][A-Z0-9][a-z0-9]"),
    _form(4, "Expiration Date", "=>", 6, _DATE),
    _form(5, "Expiration Date and Time", "&>", 10, _MOMENT),
    _form(6, "Collection Date", "=*", 6, _DATE),
    _form(7, "Collection Date and Time", "&*", 10, _MOMENT),
    _form(8, "Production Date", "=}", 6, _DATE),
    _form(9, "Production Date and Time", "&}", 10, _MOMENT),
    _form(10, "Special Testing: General", "&(", 5, r"[A-Z0-9]{5}"),
    _form(12, "Red Blood Cell Antigens: General", "=\\", 18, r"[0-9]{18}"),
    _form(13, "Red Blood Cell Antigens: Finnish", "&\\", 18, r"[0-9]{18}"),
    _form(14, "Platelet HLA and Platelet Specific Antigens", "&{", 18, r"[A-Z0-9]{18}"),
    _form(17, "Container Manufacturer and Catalog Number", "=)", 10, _PRINTABLE + "{10}"),
    _form(18, "Container Lot Number", "&)", 10, _PRINTABLE + "{10}"),
    _form(19, "Donor Identification Number", "=;", 21, _FACILITY + r"[A-Z0-9]{16}"),
    _form(20, "Staff Member Identification Number", "='", 11, _FACILITY + r"[A-Z0-9]{6}"),
    _form(21, "Manufacturer and Catalog Number", "=-", 10, _PRINTABLE + "{10}"),
    _form(22, "Lot Number", "&-", 10, _PRINTABLE + "{10}"),
    _form(23, "Compound Message", "=+", 5, r"[0-9]{5}"),
    _form(24, "Patient Date of Birth", "=#", 10, r"[0-9A-Z]{2}[0-9]{8}"),
    _form(PATIENT_ID, "Patient Identification Number", "&#", 4, r"[0-9A-Z]{2}[0-9]{2}" + _PRINTABLE + "*"),
    _form(26, "Expiration Month and Year", "=]", 6, r"[0-9]{6}"),
    _form(27, "Infectious Markers", '&"', 18, r"[0-9]{18}"),
    _form(28, "Product Consignment", "=$", 16, r"[0-9A-Z]{16}"),
    _form(31, "Flexible Date and Time", "=(", 16, r"[A-Z0-9]{16}"),
    _form(32, "Product Divisions", "=,", 6, r"[A-Z0-9]{6}"),
    _form(33, "Processing Facility Information Code", "&+", 11, r"[A-Z0-9]{11}"),
    _form(34, "Processor Product Identification Code", "=/", 16, r"[A-Z0-9]{16}"),
    _form(35, "MPHO Lot Number", "&,1", 18, r"[A-Z0-9]{18}"),
    _form(36, "MPHO Supplemental Identification Number", "&,2", 18, r"[A-Z0-9]{18}"),
    _form(38, "Single European Code", "&,4", 40, r"[A-Za-z0-9]{40}"),
    _form(39, "Global Registration Identifier for Donors", "&:", 19, r"[A-Z0-9]{19}"),
    _form(40, "Chain of Identity Identifier", "&/", 15, r"CH[A-Z0-9]{13}"),
)
RETIRED = {
    "={": "Red Blood Cell Antigens (DS011)",
    "=[": "HLA-A and -B Alleles (DS015)",
    '="': "HLA-DRB1 Alleles (DS016)",
    "&,3": "Global Registration Identifier for Donors (DS037)",
}
BY_NUMBER = {form.number: form for form in FORMS}

_BY_IDENTIFIER = {form.identifier: form for form in FORMS if form is not DIN}
_DIN_START = re.compile(r"=[A-NP-Z1-9]", re.ASCII)
_LOCAL_START = re.compile(r"&[a-z]", re.ASCII)


def take(text: str) -> tuple[Structure, str]:
    """Cut the first data structure from the text and give it with the rest; CodeError says what is wrong."""
    form = _form_of(text)
    start = len(form.identifier)
    end = start + _length_at(form, text[start:])
    content = text[start:end]
    if len(text) < end:
        raise CodeError("isbt.length", name=form.name, expected=end - start, length=len(content), text=text)
    if not form.pattern.fullmatch(content):
        raise CodeError("isbt.characters", name=form.name, text=content)
    return Structure(form.number, form.name, form.identifier, content), text[end:]


def single(text: str) -> Structure:
    """Read a text that must be exactly one data structure."""
    structure, rest = take(text)
    if rest:
        expected = len(structure.content)
        raise CodeError(
            "isbt.length", name=structure.name, expected=expected, length=expected + len(rest), text=text
        )
    return structure


def content_of(number: int, text: str) -> str:
    """The content of the text, which must be the data structure of this number, or CodeError."""
    form = BY_NUMBER[number]
    if not text.startswith(form.identifier) or (structure := single(text)).number != number:
        raise CodeError("isbt.identifier", given=text[:3], expected=form.identifier, name=form.name)
    return structure.content


def _form_of(text: str) -> Form:
    if _DIN_START.match(text):
        return DIN
    for length in (2, 3):
        if form := _BY_IDENTIFIER.get(text[:length]):
            return form
    for identifier, name in RETIRED.items():
        if text.startswith(identifier):
            raise CodeError("isbt.retired", name=name)
    if _LOCAL_START.match(text):
        raise CodeError("isbt.nested", name=text[:2])
    raise CodeError("isbt.unknown_identifier", text=text)


def _length_at(form: Form, rest: str) -> int:
    if form.number == PATIENT_ID and re.match(r"[0-9A-Z]{2}[0-9]{2}", rest, re.ASCII):
        return form.length + int(rest[2:4])
    return form.length
