"""Canonical JSON: sorted keys, NFC, numbers as strings: the same content has the same digest for ever."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import NoneType
from typing import Any

from mscbank.core.i18n import Sentence
from mscbank.core.types import Envelope, iso


def plain(value: Any) -> Any:
    """A value as canonical JSON holds it. Things become kind and code; a float is refused."""
    return _writer(type(value))(value)


def _writer(kind: type) -> Callable[[Any], Any]:
    """How values of a type are written: the first form that fits."""
    if kind not in _writers:
        _writers[kind] = next((write for kinds, write in _FORMS if issubclass(kind, kinds)), _named)
    return _writers[kind]


_writers: dict[type, Callable[[Any], Any]] = {}


def _named(value: Any) -> Any:
    if hasattr(value, "kind") and hasattr(value, "code"):
        return [str(value.kind), value.code]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _refused(_value: float) -> None:
    raise TypeError("no binary float enters the record")


def _text(value: str) -> str:
    return str(value) if value.isascii() else unicodedata.normalize("NFC", str(value))


_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((NoneType, bool), lambda v: v),
    (float, _refused),
    (Enum, lambda v: plain(v.value)),
    (Sentence, lambda v: _text(v.english)),
    (str, _text),
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
