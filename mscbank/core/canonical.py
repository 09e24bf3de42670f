"""Canonical JSON: sorted keys, NFC, numbers as strings: the same content has the same digest for ever."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from mscbank.core.i18n import Sentence
from mscbank.core.types import Envelope, iso


def plain(value: Any) -> Any:
    """A value as canonical JSON holds it. Things become kind and code; a float is refused."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        raise TypeError("no binary float enters the record")
    for kinds, write in _FORMS:
        if isinstance(value, kinds):
            return write(value)
    if hasattr(value, "kind") and hasattr(value, "code"):
        return [str(value.kind), value.code]
    raise TypeError(f"{type(value).__name__} has no canonical form")


_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda v: plain(v.value)),
    (Sentence, lambda v: unicodedata.normalize("NFC", v.english)),
    (str, lambda v: unicodedata.normalize("NFC", str(v))),
    (int, str),
    (Decimal, lambda v: format(v, "f")),
    (Fraction, lambda v: f"{v.numerator}/{v.denominator}"),
    (datetime, iso),
    (date, date.isoformat),
    (Envelope, str),
    ((bytes, memoryview), lambda v: "sha256:" + hashlib.sha256(bytes(v)).hexdigest()),
    (Mapping, lambda v: {str(plain(key)): plain(item) for key, item in v.items()}),
    ((set, frozenset), lambda v: sorted((plain(item) for item in v), key=str)),
    ((list, tuple), lambda v: [plain(item) for item in v]),
)
"""How each kind of value is written, the first that fits."""


def canonical(value: Any) -> str:
    """The canonical text of a value."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
