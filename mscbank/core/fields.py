"""The input fields, the only ones that a schema may use: nothing is rounded, guessed or silently dropped."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Self, cast

import marshmallow as ma
from sqlalchemy import select

from mscbank.coding import short
from mscbank.coding.errors import CodeError
from mscbank.core.db import KINDS, Thing, session
from mscbank.core.i18n import Sentence, _
from mscbank.core.types import MAX_SCALED

Function = ma.fields.Function
Nested = ma.fields.Nested
MAX_COUNT = 10**15
MIN_YEAR, MAX_YEAR = 1900, 2200

_BIDI = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_WEIGHT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?", re.ASCII)


class Schema(ma.Schema):
    """Base of every schema: a field that it does not know is refused."""

    class Meta:
        """Options of marshmallow."""

        unknown = ma.RAISE

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        """Itself: every decorator of an operation copies what the ones before it said, schemas and all."""
        return self


def _asks(kw: dict[str, Any]) -> dict[str, Any]:
    """Take what a page needs of a field out of its keywords, into its metadata."""
    metadata = dict(kw.pop("metadata", {}))
    for name in ("label", "unit", "help", "kind"):
        if name in kw:
            metadata[name] = kw.pop(name)
    if isinstance(metadata.get("help"), (str, Sentence)):
        metadata["description"] = str(metadata["help"])
    kw["metadata"] = metadata
    return kw


def _default(field: ma.fields.Field[Any], name: str, value: Any) -> None:
    cast(dict[str, Any], field.metadata).setdefault(name, value)


def _fault(sentence: Sentence) -> ma.ValidationError:
    return ma.ValidationError([str(sentence)])


def clean_text(value: object, *, longest: int, multiline: bool = False) -> str:
    """A text as it is stored: NFC, trimmed, without control, surrogate or bidirectional characters."""
    if not isinstance(value, str):
        raise _fault(_("Type a text."))
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
    for char in text:
        allowed = char == "\n" and multiline
        if not allowed and (unicodedata.category(char) in ("Cc", "Cs") or char in _BIDI):
            raise _fault(_("There is a character in it that cannot be stored. Type it again."))
    if len(text) > longest:
        raise _fault(_("At most %(longest)s characters.", longest=longest))
    return text


LONGEST = 1_000_000
"""The end of a text that is only shown: whatever a row of the record may hold."""


class Text(ma.fields.String):
    """A text of at most ``max`` characters; blank counts as missing."""

    def __init__(self, *, max: int = 200, multiline: bool = False, **kw: Any) -> None:
        self.longest, self.multiline = max, multiline
        if kw.get("required"):
            kw["validate"] = ma.validate.Length(min=1, max=max)
        else:
            kw["validate"] = ma.validate.Length(max=max)
        super().__init__(**_asks(kw))
        _default(self, "kind", "textarea" if multiline else "text")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        text = clean_text(value, longest=self.longest, multiline=self.multiline)
        if self.required and not text:
            raise _fault(_("This is needed."))
        return text


class Secret(ma.fields.String):
    """A password; never stored, logged or shown again."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(load_only=True, validate=ma.validate.Length(min=1, max=1024), **_asks(kw))
        _default(self, "kind", "password")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or "\0" in value or any(unicodedata.category(c) == "Cs" for c in value):
            raise _fault(_("Type the password."))
        return unicodedata.normalize("NFKC", value)


class Count(ma.fields.Integer):
    """A whole number: ASCII digits, or a JSON number without a fraction."""

    def __init__(self, *, min: int = 0, max: int = MAX_COUNT, **kw: Any) -> None:
        self.least, self.most = min, max
        super().__init__(validate=ma.validate.Range(min=min, max=max), **_asks(kw))
        _default(self, "kind", "number")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        number: int | None = None
        if isinstance(value, bool):
            number = None
        elif isinstance(value, int):
            number = value
        elif isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) <= MAX_SCALED:
            number = int(value)
        elif isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
            number = int(value.strip())
        if number is None:
            raise _fault(_("Type a whole number, digits only."))
        if not self.least <= number <= self.most:
            raise _fault(_("Between %(least)s and %(most)s.", least=self.least, most=self.most))
        return number


Number = Count


class Exact(ma.fields.String):
    """An exact decimal: a text with a point; more places than the field has are refused, never rounded."""

    def __init__(
        self, places: int, *, min: Decimal | int | None = None, max: Decimal | int | None = None, **kw: Any
    ) -> None:  # fmt: skip
        self.places, self.least, self.most = places, min, max
        pattern = rf"^-?[0-9]{{1,18}}(\.[0-9]{{1,{places}}})?$" if places else r"^-?[0-9]{1,18}$"
        super().__init__(**_asks(kw))
        _default(self, "kind", "number")
        _default(self, "pattern", pattern)
        _default(self, "example", str(1 if min is None or min < 1 <= (max or 1) else min))

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _DECIMAL.fullmatch(text.strip()):
            raise _fault(_("Type a number with a point, for example 62.4, as text."))
        number = Decimal(text.strip())
        if -int(number.as_tuple().exponent) > self.places:
            raise _fault(_("At most %(places)s decimal places.", places=self.places))
        if abs(number.scaleb(self.places)) > MAX_SCALED:
            raise _fault(_("This number is too large."))
        if self.least is not None and number < self.least:
            raise _fault(_("At least %(least)s.", least=self.least))
        if self.most is not None and number > self.most:
            raise _fault(_("At most %(most)s.", most=self.most))
        return number

    def _serialize(self, value: Any, attr: Any, obj: Any, **kw: Any) -> Any:
        return None if value is None else f"{Decimal(value):f}"


class Weight(ma.fields.String):
    """A body weight in kg as the scale shows it (``62.4``); it becomes whole grams. 25 to 250 kg (PD-41)."""

    def __init__(self, **kw: Any) -> None:
        kw.setdefault("unit", "kg")
        super().__init__(**_asks(kw))
        _default(self, "kind", "weight")
        _default(self, "pattern", r"^[0-9]{1,3}(\.[0-9]{1,2})?$")
        _default(self, "example", "62.4")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or not _WEIGHT.fullmatch(value.strip()):
            raise _fault(
                _("Type the weight again as the scale shows it, in kg with a point, for example 62.4.")
            )
        grams = int(Decimal(value.strip()).scaleb(3))
        if not 25_000 <= grams <= 250_000:
            raise _fault(_("A weight lies between 25 and 250 kg. Type it again as the scale shows it."))
        return grams

    def _serialize(self, value: Any, attr: Any, obj: Any, **kw: Any) -> Any:
        return None if value is None else f"{Decimal(value).scaleb(-3).normalize():f}"


class When(ma.fields.DateTime):
    """An instant with its offset from UTC."""

    def __init__(self, *, future: bool = False, **kw: Any) -> None:
        self.future = future
        super().__init__(format="iso", **_asks(kw))
        _default(self, "kind", "datetime")
        _default(self, "example", "2026-10-13T14:32:00+02:00")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        written = value.strip() if isinstance(value, str) else ""
        try:
            instant = datetime.fromisoformat(written if _INSTANT.fullmatch(written) else "")
        except ValueError:
            raise _fault(_("Type date and time, for example 2026-10-13T14:32+02:00.")) from None
        if instant.tzinfo is None:
            raise _fault(_("Say the offset from UTC too, for example +02:00 or Z."))
        if not MIN_YEAR < instant.year < MAX_YEAR:
            raise _fault(_("The year lies outside 1900 to 2200."))
        return instant.astimezone(UTC)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kw: Any) -> Any:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Day(ma.fields.Date):
    """A civil date, ``2026-10-13``."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(format="iso", **_asks(kw))
        _default(self, "kind", "date")
        _default(self, "example", "2026-10-13")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        written = value.strip() if isinstance(value, str) else ""
        try:
            day = date.fromisoformat(written) if _DAY.fullmatch(written) else None
        except ValueError:
            day = None
        if day is None or not MIN_YEAR <= day.year <= MAX_YEAR:
            raise _fault(_("Type a date, for example 2026-10-13."))
        return day


class Choice(ma.fields.String):
    """One word of a ``StrEnum``."""

    def __init__(self, enum: type[StrEnum], /, *, only: tuple[StrEnum, ...] | None = None, **kw: Any) -> None:
        self.enum = enum
        self.allowed = only or tuple(enum)
        labels: Mapping[Any, Any] = kw.pop("words", None) or {}
        super().__init__(**_asks(kw))
        _default(self, "kind", "select")
        _default(self, "enum", [*(word.value for word in self.allowed), *([None] if self.allow_none else [])])
        self.labels = {w: labels.get(w, w.value.replace("_", " ")) for w in self.allowed}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        found = (
            next((word for word in self.allowed if word.value == value), None)
            if isinstance(value, str)
            else None
        )
        if found is None:
            listed = ", ".join(word.value for word in self.allowed)
            raise _fault(_("Choose one of: %(words)s.", words=listed))
        return found

    def _serialize(self, value: Any, attr: Any, obj: Any, **kw: Any) -> Any:
        return None if value is None else str(value)


class Choices(ma.fields.List[Any]):
    """Several words of a ``StrEnum``, each once."""

    def __init__(self, enum: type[StrEnum], /, **kw: Any) -> None:
        inner = Choice(enum, words=kw.pop("words", None))
        super().__init__(inner, **_asks(kw))
        _default(self, "kind", "multi")
        self.choice = inner

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        found: list[Any] = list(super()._deserialize(value, attr, data, **kw) or ())
        if len(set(found)) != len(found):
            raise _fault(_("The same word stands there twice."))
        return found


class Flag(ma.fields.Boolean):
    """Yes or no: JSON ``true`` or ``false``, nothing that looks like it."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**_asks(kw))
        _default(self, "kind", "checkbox")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        if not isinstance(value, bool):
            raise _fault(_("Say true or false."))
        return value


_sight: list[Callable[[Thing], bool]] = []


def sight(sees: Callable[[Thing], bool]) -> None:
    """The web room says which things the present reader can see."""
    _sight[:] = [sees]


def thing_of(kind: str, value: object) -> Thing:
    """The thing of a kind with this short code, in the reader's sight; a fault otherwise."""
    model = KINDS[kind]
    typed = value.strip() if isinstance(value, str) else ""
    code = typed.lower() if model.lower else typed.upper()
    if 0 < len(code) <= 80 and short.is_wellformed(code):
        try:
            if short.parse(code).print_:
                raise _fault(_("This is a printed label's code. Give the code of the thing itself."))
        except CodeError:
            code = ""
    is_code = 0 < len(code) <= 80 and code.isascii() and code.isprintable()
    thing = session.scalar(select(model).where(model.code == code)) if is_code else None
    if thing is None or (_sight and not _sight[0](thing)):
        raise _fault(_("Nothing here has this code. Scan it again."))
    return thing


class Ref(ma.fields.String):
    """Another thing, by its short code."""

    def __init__(self, thing_kind: str, **kw: Any) -> None:
        self.thing_kind = thing_kind
        super().__init__(**_asks(kw))
        _default(self, "kind", "code")
        _default(self, "description", f"the short code of a {thing_kind.replace('_', ' ')}")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        return thing_of(self.thing_kind, value)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kw: Any) -> Any:
        return getattr(value, "code", value)


class Refs(ma.fields.List[Any]):
    """Other things of one kind, by their short codes, each once."""

    def __init__(self, thing_kind: str, *, max: int = 1000, **kw: Any) -> None:
        self.thing_kind = thing_kind
        super().__init__(Ref(thing_kind), validate=ma.validate.Length(max=max), **_asks(kw))
        _default(self, "kind", "codes")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        found: list[Any] = list(super()._deserialize(value, attr, data, **kw) or ())
        if len({thing.id for thing in found}) != len(found):
            raise _fault(_("The same code stands there twice."))
        return found


class Code(Text):
    """A code as text, whatever it stands for."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(max=80, **kw)


class ListOf(ma.fields.List[Any]):
    """Several values of one field."""

    def __init__(self, inner: ma.fields.Field[Any], *, max: int = 1000, **kw: Any) -> None:
        super().__init__(inner, validate=ma.validate.Length(max=max), **_asks(kw))


class MoveSchema(Schema):
    """A move that stands open, or is off with its obstacle."""

    name = ma.fields.String()
    label = ma.fields.String()
    signs = ma.fields.List(ma.fields.String())
    obstacle = ma.fields.Dict(allow_none=True)


class ThingSchema(Schema):
    """What every thing shows."""

    code = ma.fields.String()
    version = ma.fields.Integer()
    site = ma.fields.String(allow_none=True)

    LISTED: ClassVar[bool] = True
