"""What a scanned or typed text is: the one entrance of the scan box. It never raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mscbank.coding import layouts
from mscbank.coding.compound import Compound, check_content, parse_compound
from mscbank.coding.din import Din, parse_scanned_din, parse_typed_din
from mscbank.coding.errors import CodeError
from mscbank.coding.keyboards import BELGIAN, FRENCH, GERMAN, Caps, meant
from mscbank.coding.markers import unpad_lot
from mscbank.coding.product import ProductCode, parse_product
from mscbank.coding.sec import Sec, parse_sec
from mscbank.coding.short import LENGTH, ShortCode, is_wellformed, parse
from mscbank.coding.structures import Structure, single

LONGEST = 1024
"""Longer texts are refused unread: a compound message of 99 structures does not come from a label."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text that is no code that we know, and why."""

    text: str
    reason: CodeError


Reading = ShortCode | Din | ProductCode | Compound | Sec | Structure | Unknown

_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_TYPED_DIN = re.compile(r"[A-Za-z0-9]{5}[ ]?[0-9]{2}[ ]?[0-9]{6}[ ]?[A-Za-z0-9*]?", re.ASCII)
_SEC = re.compile(r"(SEC\s*:?\s*)?[A-Za-z]{2}[A-Za-z0-9]{19}\s*[A-Za-z0-9]{19}", re.ASCII | re.IGNORECASE)
_ESCAPED = re.compile(r"&(lt|gt|amp|quot|#[0-9]+);|%(3[CDE]|2[0-9A-F])", re.IGNORECASE)
_FOREIGN = frozenset("éèçà§ùµ²³äöüÄÖÜß´")


def read(text: str) -> Reading:
    """Say what the text is: always a reading, at worst ``Unknown`` with the reason."""
    try:
        if len(text) > LONGEST:
            raise CodeError("code.too_long", limit=LONGEST)
        return _read(text)
    except CodeError as reason:
        return Unknown(text[:LONGEST], reason)


def _read(text: str) -> Reading:
    body = _PREFIX.sub("", text.strip("\r\n\t \ufeff\x00\x1d\x04"), count=1) if "]" in text[:4] else text
    body = body.strip("\r\n\t \ufeff\x00\x1d\x04")
    if body[:1] in ("=", "&") and (found := _attempt(partial(_isbt, body))):
        return found
    if found := _attempt(partial(layouts.scan, text)):
        return found
    if _TYPED_DIN.fullmatch(body):
        return parse_typed_din(body)
    if _SEC.fullmatch(body):
        return parse_sec(body)
    if found := _retyped(body):
        return found
    raise _why_not(text, body)


def _isbt(body: str) -> Reading:
    """Read one ISBT 128 string, by its identifier. Raises CodeError."""
    if body.startswith("=+"):
        return parse_compound(body)
    structure = single(body)
    match structure.number:
        case 1:
            return parse_scanned_din(body)
        case 3:
            return parse_product(structure.content)
        case 38:
            return parse_sec(structure.content)
        case 35 if is_wellformed(unpad_lot(structure.content)):
            return parse(unpad_lot(structure.content))
    check_content(structure)
    return structure


def _retyped(body: str) -> Reading | None:
    """An ISBT 128 string that went through another keyboard, if exactly one keyboard explains it."""
    found: dict[str, Reading] = {}
    for keyboard in (FRENCH, BELGIAN, GERMAN):
        meanings = meant(keyboard, Caps.OFF)
        sent = "".join(meanings.get(c, "\0") for c in body)
        if sent[:1] in ("=", "&") and sent != body and (reading := _attempt(partial(_isbt, sent))):
            found[sent] = reading
    return next(iter(found.values())) if len(found) == 1 else None


def _attempt(reader: Callable[[], Reading]) -> Reading | None:
    try:
        return reader()
    except CodeError:
        return None


def _why_not(text: str, body: str) -> CodeError:
    """The most helpful reason, once every reader has refused."""
    if not body:
        return CodeError("code.empty")
    if _ESCAPED.search(body):
        return CodeError("isbt.escaped", text=body)
    if body[0] in "=&" and (reason := _reason(partial(_isbt, body))):
        likely_retyped = _FOREIGN & set(body) or reason.code == "isbt.unknown_identifier"
        return CodeError("code.keyboard", text=body) if likely_retyped else reason
    reason = _reason(partial(layouts.scan, text))
    if reason and reason.code in ("code.check_character", "code.ambiguous"):
        return reason
    if _FOREIGN & set(body):
        return CodeError("code.keyboard", text=body)
    if reason and reason.code == "code.unknown_symbol" and _looks_short(body):
        return reason
    return CodeError("code.not_ours", text=body)


def _looks_short(body: str) -> bool:
    symbols = "".join(c for c in body if c.isascii() and c.isalnum())
    return len(symbols) == LENGTH


def _reason(reader: Callable[[], Reading]) -> CodeError | None:
    try:
        reader()
    except CodeError as reason:
        return reason
    return None
