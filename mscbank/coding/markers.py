"""Infection markers (DS027) and lots (DS035) of ISBT 128; ST-001 v6.2.2, 2.4.27 and 2.4.35."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from mscbank.coding.errors import CodeError
from mscbank.coding.structures import content_of

LOT_LENGTH = 18

MARKERS: tuple[tuple[str, str], ...] = (
    ("hiv_antibody", "hiv_p24"),
    ("hiv_nat", "hcv_antibody"),
    ("hcv_antigen", "hcv_nat"),
    ("hbc_antibody", "hbs_antigen"),
    ("hbv_nat", "htlv_antibody"),
    ("syphilis", "cmv_antibody"),
    ("cmv_nat", "ebv_nat"),
    ("wnv_nat", "b19_antibody"),
    ("b19_nat", "chagas_antibody"),
    ("hev_nat", ""),
)
"""The two markers of each of the first ten digits; the other eight digits are 0."""

_LOT = re.compile(r"[A-Z1-9][A-Z0-9]{0,17}", re.ASCII)


class Marker(StrEnum):
    """What a label says of one infection marker. ``no_information`` is never "negative"."""

    NO_INFORMATION = "no_information"
    NEGATIVE = "negative"
    POSITIVE = "positive"


_RESULTS = tuple(Marker)


def parse_markers(content: str) -> dict[str, Marker]:
    """The result of every marker from the 18 digits of DS027; CodeError ``markers.format``."""
    used, rest = content[: len(MARKERS)], content[len(MARKERS) :]
    if not re.fullmatch("[0-8]{10}", used, re.ASCII) or rest != "0" * 8:
        raise CodeError("markers.format", text=content)
    results: dict[str, Marker] = {}
    for digit, (first, second) in zip(used, MARKERS, strict=True):
        high, low = divmod(int(digit), 3)
        results[first] = _RESULTS[high]
        if second:
            results[second] = _RESULTS[low]
        elif low:
            raise CodeError("markers.format", text=content)
    return results


def format_markers(results: Mapping[str, Marker]) -> str:
    """The 18 digits of DS027; a marker left out is ``no_information``. KeyError for an unknown name."""
    known = {name for pair in MARKERS for name in pair if name}
    if unknown := sorted(set(results) - known):
        raise KeyError(unknown[0])
    digits = ""
    for first, second in MARKERS:
        high = _RESULTS.index(results.get(first, Marker.NO_INFORMATION))
        low = _RESULTS.index(results.get(second, Marker.NO_INFORMATION)) if second else 0
        digits += str(3 * high + low)
    return digits + "0" * 8


def parse_scanned_markers(text: str) -> dict[str, Marker]:
    """Read DS027 as scanned."""
    return parse_markers(content_of(27, text))


def pad_lot(lot: str) -> str:
    """The 18 characters of DS035: zeros before the lot, which therefore may not begin with one itself."""
    if not _LOT.fullmatch(lot):
        raise CodeError("lot.format", text=lot)
    return lot.rjust(LOT_LENGTH, "0")


def unpad_lot(content: str) -> str:
    """The lot without its padding zeros; CodeError ``lot.format`` if there is none or it is malformed."""
    lot = content.lstrip("0")
    if len(content) != LOT_LENGTH or not _LOT.fullmatch(lot):
        raise CodeError("lot.format", text=content)
    return lot


def parse_scanned_lot(text: str) -> str:
    """Read DS035 as scanned."""
    return unpad_lot(content_of(35, text))


def format_lot(lot: str) -> str:
    """DS035 for a symbol."""
    return "&,1" + pad_lot(lot)
