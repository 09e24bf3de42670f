"""Parameters: declared by each step with a default and its source, changed by a signed act from a date on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, cast

import marshmallow as ma
from sqlalchemy import String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, synonym

from mscbank.core import acts, clock, fields
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import Row, any_of, session
from mscbank.core.errors import Refusal, Refused, Stale, invalid, unique_means
from mscbank.core.reading import once_an_act
from mscbank.core.types import Id, Utc

KEY_LENGTH = 80
VALUE_LENGTH = 200
MOST = 10**9
PLACES = 2
"""Decimal places of a value, where the declaration says nothing else."""

Value = int | Decimal | str


class Type(StrEnum):
    """What kind of value a parameter has."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"


@dataclass(frozen=True)
class Parameter:
    """A number or text that no standard fixes: key, type, default, unit, meaning, source, bounds."""

    key: str
    default: Value
    unit: str
    meaning: str
    source: str
    least: Value | None = None
    most: Value | None = None
    words: tuple[str, ...] = ()
    """The only values that a text may have; none: any that fits the form."""
    form: str = ""
    """The regular expression that a text follows as a whole."""
    not_above: str = ""
    """The key of the parameter that this one never exceeds."""

    @property
    def type(self) -> Type:
        """The type, which is that of the default."""
        if isinstance(self.default, int):
            return Type.INTEGER
        return Type.DECIMAL if isinstance(self.default, Decimal) else Type.TEXT

    @property
    def bounds(self) -> tuple[Value, Value]:
        """The least and the most that a number may be."""
        return 0 if self.least is None else self.least, MOST if self.most is None else self.most

    def read(self, text: str) -> Value:
        """The stored text as a value of the parameter's type."""
        if self.type is Type.INTEGER:
            return int(text)
        return Decimal(text) if self.type is Type.DECIMAL else text

    def field(self, **kw: Any) -> ma.fields.Field[Any]:
        """The field in which a value is typed: exact, within the bounds."""
        if self.type is not Type.TEXT:
            least, most = self.bounds
            if self.type is Type.INTEGER:
                return fields.Count(min=int(least), max=int(most), **kw)
            return fields.Exact(PLACES, min=Decimal(least), max=Decimal(most), **kw)
        if self.words:
            return fields.Choice(_words(self.words), **kw)
        return fields.Text(max=VALUE_LENGTH, **kw)

    def typed(self, text: str) -> Value:
        """A value as it was sent; ``Invalid`` at ``value`` when it is none of this type, or out of bounds."""
        try:
            found: Value = self.field(required=True).deserialize(text)
        except ma.ValidationError as error:
            raise invalid(value=error.messages) from None
        if self.form and not re.fullmatch(self.form, str(found)):
            raise invalid(value=["This does not have the form of such a value."])
        return str(found) if self.type is Type.TEXT else found

    @staticmethod
    def written(value: Value) -> str:
        """A value as it is stored and sent: digits and a point, never an exponent."""
        return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _words(words: tuple[str, ...]) -> type[StrEnum]:
    made: type[StrEnum] = cast(Any, StrEnum)("Words", [(f"W{n}", word) for n, word in enumerate(words)])
    return made


PARAMETERS: dict[str, Parameter] = {}

CHANGED = Refusal(
    "parameter.changed",
    "Somebody set this parameter meanwhile. Look at it again, then repeat what is still right.",
)
SAME = Refusal("parameter.same", "It is %(value)s from then on already. Nothing would change.")
CROSSED = Refusal(
    "parameter.crossed",
    "%(low)s would be above %(high)s: %(low_value)s against %(high_value)s. Set the other one first.",
    Role.QA,
)


def declare(
    key: str, default: Value, *, unit: str = "", meaning: str, source: str, least: Value | None = None,
    most: Value | None = None, words: Iterable[str] = (), form: str = "", not_above: str = "",
) -> str:  # fmt: skip
    """Declare a parameter, once, in the step that uses it."""
    if key in PARAMETERS:
        raise ValueError(f"two parameters are called {key}")
    made = Parameter(key, default, unit, meaning, source, least, most, tuple(words), form, not_above)
    made.typed(made.written(default))
    PARAMETERS[key] = made
    return key


class ParameterValue(Row):
    """A value from an instant on; rows are never changed, of two from the same instant the later counts."""

    __tablename__ = "parameter_value"
    append_only = True
    key: ClassVar[tuple[str, ...]] = ("parameter", "number")

    parameter: Mapped[str] = mapped_column(String(KEY_LENGTH))
    number: Mapped[int] = mapped_column(Id)
    """The how-manieth value of the parameter; it stands for the version that somebody saw."""
    value: Mapped[str] = mapped_column(String(VALUE_LENGTH))
    effective_from: Mapped[datetime] = mapped_column(Utc)
    set_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("parameter", "number"),)

    kind: ClassVar[str] = "parameter"
    site: ClassVar[None] = None
    code = synonym("parameter")

    @property
    def version(self) -> int:
        """What the next setting must have seen."""
        return self.number


acts.SUBJECTS[ParameterValue.kind] = ParameterValue
unique_means("uq_parameter_value_parameter_number", "parameter_value", ("parameter", "number"), CHANGED)


@once_an_act
def _stored(keys: Iterable[str], at: datetime | None) -> dict[str, str]:
    rows = session.execute(
        select(ParameterValue.parameter, ParameterValue.value)
        .where(any_of(ParameterValue.parameter, keys), ParameterValue.effective_from <= (at or clock.now()))
        .order_by(ParameterValue.effective_from, ParameterValue.number)
    )
    return dict(rows.all())


def values(keys: Iterable[str], at: datetime | None = None) -> dict[str, Any]:
    """The values of several parameters in force at an instant; kept with the act that is open."""
    wanted = list(keys)
    stored = _stored(wanted, at)
    found = {k: PARAMETERS[k].read(stored[k]) if k in stored else PARAMETERS[k].default for k in wanted}
    act = session.registry().act
    if act is not None:
        act.note(parameters=dict(found))
    return found


def value(key: str, at: datetime | None = None) -> Any:
    """The value of one parameter in force at an instant."""
    return values([key], at)[key]


@dataclass(frozen=True)
class Course:
    """A parameter with every value that was ever set, in the order in which they were set."""

    declared: Parameter
    rows: tuple[ParameterValue, ...]

    @property
    def in_time(self) -> list[ParameterValue]:
        """The values by the instant from which they hold; of the same instant the later set is later."""
        return sorted(self.rows, key=lambda row: (row.effective_from, row.number))

    def row_at(self, at: datetime) -> ParameterValue | None:
        """The value that holds at an instant; ``None`` for the default."""
        return next((row for row in reversed(self.in_time) if row.effective_from <= at), None)

    def at(self, at: datetime) -> Value:
        """What holds at an instant."""
        row = self.row_at(at)
        return self.declared.read(row.value) if row else self.declared.default

    @property
    def version(self) -> int:
        """How many values were set: what the next setting must have seen."""
        return len(self.rows)


def courses(keys: Iterable[str]) -> dict[str, Course]:
    """The courses of several declared parameters, read in one statement."""
    wanted = list(keys)
    found: dict[str, list[ParameterValue]] = {key: [] for key in wanted}
    for row in session.scalars(
        select(ParameterValue)
        .where(any_of(ParameterValue.parameter, wanted))
        .order_by(ParameterValue.parameter, ParameterValue.number)
    ):
        found[row.parameter].append(row)
    return {key: Course(PARAMETERS[key], tuple(rows)) for key, rows in found.items()}


def _refuse_crossing(wanted: Course, new: Any, start: datetime) -> None:
    """Of a pair of limits the lower never lies above the upper, from the new value's beginning on."""
    key = wanted.declared.key
    pairs = [(p.key, p.not_above) for p in PARAMETERS.values() if p.not_above and key in (p.key, p.not_above)]
    if not pairs:
        return
    held = courses({name for pair in pairs for name in pair})
    following = next((r.effective_from for r in wanted.in_time if r.effective_from > start), None)
    for low, high in pairs:
        other = held[high if key == low else low]
        moments = {start} | {r.effective_from for r in other.rows if r.effective_from > start}
        for moment in sorted(moments):
            if following is not None and moment >= following:
                break
            beside: Any = other.at(moment)
            lower, upper = (new, beside) if key == low else (beside, new)
            if lower > upper:
                raise Refused(CROSSED(low=low, high=high, low_value=lower, high_value=upper))


def _signed(row: ParameterValue) -> dict[str, Any]:
    return {"parameter": row.parameter, "value": row.value, "effective_from": row.effective_from}


@action(
    "parameter.set", role=Role.QA, creates="parameter", reason=True, signs="parameter set", content=_signed
)
def set_value(
    *, by: Principal, reason: str, parameter: str, value: str, effective_from: datetime | None = None,
    seen: int | None = None,
) -> ParameterValue:  # fmt: skip
    """Set a parameter from now or from a later instant on.

    ``value`` is the text of a value of its type; ``seen`` is how many values had been set when the person
    looked: another one meanwhile is ``Stale``.
    """
    declared = PARAMETERS.get(parameter)
    if declared is None:
        raise invalid(parameter=["There is no such parameter."])
    now = clock.now()
    start = effective_from or now
    if start < now:
        raise invalid(effective_from=["A parameter changes from now on or later, never backwards."])
    new = declared.typed(value)
    course = courses([parameter])[parameter]
    if seen is not None and seen != course.version:
        raise Stale
    if course.at(start) == new:
        raise Refused(SAME(value=declared.written(new)))
    _refuse_crossing(course, new, start)
    row = ParameterValue(
        parameter=parameter, number=course.version + 1, value=declared.written(new), effective_from=start,
        set_by=by.login, reason=reason,
    )  # fmt: skip
    session.add(row)
    return row
