"""Parameters: declared by each step with a default and its source, changed by a signed act from a date on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.acts import action
from mscbank.core.db import Row, any_of, session
from mscbank.core.errors import invalid
from mscbank.core.reading import once_an_act
from mscbank.core.types import Utc


@dataclass(frozen=True)
class Parameter:
    """A number or text that no standard fixes: key, type, default, unit, meaning, source."""

    key: str
    default: int | Decimal | str
    unit: str
    meaning: str
    source: str

    def read(self, text: str) -> int | Decimal | str:
        """The stored text as a value of the parameter's type."""
        if isinstance(self.default, int):
            return int(text)
        return Decimal(text) if isinstance(self.default, Decimal) else text


PARAMETERS: dict[str, Parameter] = {}


def declare(key: str, default: int | Decimal | str, *, unit: str = "", meaning: str, source: str) -> str:
    """Declare a parameter, once, in the step that uses it."""
    if key in PARAMETERS:
        raise ValueError(f"two parameters are called {key}")
    PARAMETERS[key] = Parameter(key, default, unit, meaning, source)
    return key


class ParameterValue(Row):
    """A value from a date on; rows are never changed."""

    __tablename__ = "parameter_value"
    append_only = True
    key: ClassVar[tuple[str, ...]] = ("parameter", "effective_from")

    parameter: Mapped[str] = mapped_column(String(80))
    value: Mapped[str] = mapped_column(String(200))
    effective_from: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("parameter", "effective_from"),)

    kind: ClassVar[str] = "parameter"
    version: ClassVar[int] = 1
    site: ClassVar[None] = None

    @property
    def code(self) -> str:
        return self.parameter


@once_an_act
def _stored(keys: Iterable[str], at: datetime | None) -> dict[str, str]:
    rows = session.execute(
        select(ParameterValue.parameter, ParameterValue.value)
        .where(any_of(ParameterValue.parameter, keys), ParameterValue.effective_from <= (at or clock.now()))
        .order_by(ParameterValue.effective_from)
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


@action("parameter.set", role=Role.QA, creates="parameter", reason=True, signs="parameter set")
def set_value(*, parameter: str, value: str, effective_from: datetime | None = None) -> ParameterValue:
    """Set a parameter from now or from a later instant on."""
    declared = PARAMETERS.get(parameter)
    if declared is None:
        raise invalid(parameter=["There is no such parameter."])
    now = clock.now()
    start = effective_from or now
    if start < now:
        raise invalid(effective_from=["A parameter changes from now on or later, never backwards."])
    try:
        declared.read(value)
    except (ValueError, InvalidOperation):
        raise invalid(value=["This is not a value of the parameter's type."]) from None
    row = ParameterValue(parameter=parameter, value=value, effective_from=start)
    session.add(row)
    return row
