"""The column types, the only ones that a model may use: the plain ones lie on one engine or the other."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, String, Table, Text, event
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator, TypeEngine

Id = BigInteger().with_variant(Integer(), "sqlite")
"""An internal key: never shown outside."""

WORD_LENGTH = 40
CODE_LENGTH = 11
MAX_SCALED = 2**63 - 1


class Utc(TypeDecorator[datetime]):
    """An aware instant, 1900 to 2200; timestamptz, or fixed-width ISO text that sorts on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not is_aware(value):
            raise TypeError("an instant must be aware")
        value = value.astimezone(UTC)
        if not 1900 <= value.year <= 2200:
            raise ValueError("the year lies outside 1900 to 2200")
        return iso(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


def is_aware(value: Any) -> bool:
    """Whether it is an instant and not a time of day somewhere."""
    return isinstance(value, datetime) and value.tzinfo is not None


def iso(instant: datetime) -> str:
    """UTC to the microsecond, always 27 characters: the form in which instants sort and are hashed."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0") + "Z"


_ALLOWED = {
    operators.eq, operators.ne, operators.lt, operators.le, operators.gt, operators.ge,
    operators.is_, operators.is_not, operators.in_op, operators.not_in_op, operators.neg,
    operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op,
    operators.add, operators.sub, operators.between_op,
}  # fmt: skip


class Exact(TypeDecorator[Decimal]):
    """A decimal with fixed places, kept as a scaled BIGINT; more places are refused, never rounded."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        if not 0 <= places <= 12:
            raise ValueError("places lie between 0 and 12")
        self.places = places
        super().__init__()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Id)

    def normal(self, value: Any) -> Decimal | None:
        """The value at the column's places; a float, more places or a value out of range are refused."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise TypeError(f"an exact number is an int or a Decimal, not {type(value).__name__}")
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError("an exact number is finite")
        scaled = number.scaleb(self.places) if number else Decimal(0)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than {self.places} places")
        if abs(scaled) > MAX_SCALED:
            raise ValueError(f"{value} is too large to be kept")
        return Decimal(int(scaled)).scaleb(-self.places)

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        number = self.normal(value)
        return None if number is None else int(number.scaleb(self.places))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-self.places)

    class Comparator(TypeDecorator.Comparator[Decimal]):
        """Only what stays right on scaled integers."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            if op not in _ALLOWED:
                raise TypeError(f"{getattr(op, '__name__', op)} is not exact on a scaled column")
            for operand in other:
                kind = getattr(operand, "type", None)
                if isinstance(kind, Exact) and kind.places != self.type.places:  # type: ignore[attr-defined]
                    raise TypeError("two exact columns of different places do not mix")
            return super().operate(op, *other, **kwargs)

        def reverse_operate(self, op: Any, other: Any, **kwargs: Any) -> Any:
            if op not in _ALLOWED:
                raise TypeError(f"{getattr(op, '__name__', op)} is not exact on a scaled column")
            return super().reverse_operate(op, other, **kwargs)

    comparator_factory = Comparator


class Word(TypeDecorator[StrEnum]):
    """One word of a ``StrEnum``, stored by value, with a CHECK named by table and column."""

    impl = String(WORD_LENGTH)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        self.words = words
        super().__init__()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


@dataclass(frozen=True)
class Envelope:
    """A sealed text: what a ``Sealed`` column takes and gives. Only ``core.sealed`` makes and opens one."""

    key_id: str
    nonce: bytes
    ciphertext: bytes

    def __str__(self) -> str:
        parts = (self.nonce, self.ciphertext)
        return ".".join(["1", self.key_id, *(base64.b64encode(part).decode() for part in parts)])

    @classmethod
    def read(cls, text: str) -> "Envelope":
        version, key_id, nonce, ciphertext = text.split(".")
        if version != "1":
            raise ValueError("an envelope of an unknown version")
        return cls(key_id, base64.b64decode(nonce), base64.b64decode(ciphertext))


class Sealed(TypeDecorator[Envelope]):
    """An identifying value: only an envelope from ``seal(person, field, text)`` may be stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Envelope):
            raise TypeError("a sealed column takes an envelope, never a text")
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Envelope | None:
        return None if value is None else Envelope.read(value)


@event.listens_for(Table, "after_parent_attach")
def _check_words(table: Table, metadata: Any) -> None:
    for column in table.columns:
        if isinstance(column.type, Word):
            listed = ", ".join(f"'{word.value}'" for word in column.type.words)
            table.append_constraint(CheckConstraint(f"{column.name} IN ({listed})", name=column.name))


def exact_columns(columns: Any) -> list[Column[Any]]:
    """The columns of a mapper that hold exact numbers."""
    return [column for column in columns if isinstance(column.type, Exact)]


def as_text(column: Column[Any], value: Any) -> Any:
    """A column's value as the record writes it: numbers as strings at their places, UTC microseconds."""
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, StrEnum) else value
    plain: dict[type, Callable[[Any], str]] = {datetime: iso, Envelope: str}
    for kind, write in plain.items():
        if isinstance(value, kind):
            return write(value)
    if isinstance(value, Decimal) and isinstance(column.type, Exact):
        return f"{column.type.normal(value):.{column.type.places}f}"
    if isinstance(value, (bytes, memoryview)):
        return "sha256:" + hashlib.sha256(bytes(value)).hexdigest()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def decimal_of(fraction: Fraction, places: int) -> Decimal:
    """A fraction for display, half up at ``places``; never used for a comparison."""
    scaled = fraction * 10**places
    whole, rest = divmod(abs(scaled.numerator), scaled.denominator)
    whole += 2 * rest >= scaled.denominator
    return Decimal(-whole if fraction < 0 else whole).scaleb(-places)
