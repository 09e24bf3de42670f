"""Forms from schemas: the fields, how typed values become input, how faults come back to their field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from werkzeug.datastructures import MultiDict

from mscbank.coding import layouts, short
from mscbank.coding.errors import CodeError
from mscbank.core import fields
from mscbank.core.i18n import language, say
from mscbank.core.instance import instance

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")
_COMMA = re.compile(r"-?\d{1,18},\d{1,12}")

Choices = Mapping[str, Callable[[Any], list[tuple[str, str]]]]


@dataclass
class FormField:
    """What the ``field`` macro shows."""

    name: str
    label: str
    kind: str = "text"
    value: Any = ""
    fault: str | None = None
    help: str | None = None
    unit: str | None = None
    required: bool = False
    choices: list[tuple[str, str]] = field(default_factory=list)
    autocomplete: str = "off"
    inputmode: str | None = None
    accept: str | None = None
    private: bool = False
    """Whether the browser keeps no copy of what was typed."""
    begins: bool = False
    """Whether a group of fields begins here, on a line of its own."""
    alternative: bool = False
    """Whether it may stay empty because another field says the same."""


_KINDS = {"codes": "textarea", "code": "text"}


def label_of(name: str, made: ma.fields.Field[Any]) -> str:
    """The label of a field, in the reader's language."""
    label = made.metadata.get("label")
    return str(label) if label is not None else name.replace("_", " ").capitalize()


def form_fields(
    schema: type[ma.Schema], typed: Mapping[str, Any], faults: Mapping[str, Any], thing: Any, choices: Choices
) -> list[FormField]:
    """The fields of a form with what was typed and every fault at its place."""
    made = []
    for name, kind in schema().fields.items():
        if name in ("happened_at", "proofs") or isinstance(kind, ma.fields.Nested):
            continue
        metadata = kind.metadata
        shown = FormField(
            name=name, label=label_of(name, kind), kind=str(metadata.get("kind", "text")),
            value=typed.get(name, ""), fault=_fault(faults.get(name)),
            help=str(metadata["help"]) if metadata.get("help") else None,
            unit=str(metadata["unit"]) if metadata.get("unit") else None, required=kind.required,
        )  # fmt: skip
        if isinstance(kind, fields.Choice):
            shown.choices = _words(kind)
        elif isinstance(kind, fields.Choices):
            shown.choices = _words(kind.choice)
        if name in choices:
            shown.choices = choices[name](thing)
            shown.kind = "multi" if isinstance(kind, (fields.Refs, fields.ListOf)) else "select"
        if shown.kind == "select" and not kind.required:
            shown.choices = [("", "–"), *shown.choices]
        shown.kind = _KINDS.get(shown.kind, shown.kind)
        made.append(shown)
    return made


def _words(kind: fields.Choice) -> list[tuple[str, str]]:
    return [(word.value, str(label)) for word, label in kind.labels.items()]


def _fault(messages: Any) -> str | None:
    if not messages:
        return None
    if isinstance(messages, dict):
        return " ".join(filter(None, (_fault(value) for value in messages.values())))
    return " ".join(say(m) for m in messages) if isinstance(messages, (list, tuple)) else say(messages)


def typed_input(schema: type[ma.Schema], form: MultiDict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was typed, to show again, and the schema's input: blank is missing, local time gets its zone."""
    typed: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for name, kind in schema().fields.items():
        if name not in form and not isinstance(kind, fields.Flag):
            continue
        if isinstance(kind, fields.Flag):
            typed[name] = given[name] = name in form
            continue
        if isinstance(kind, ma.fields.List):
            values = form.getlist(name)
            typed[name] = "\n".join(values) if len(values) == 1 else values
            parts = [part for value in values for part in re.split(r"[\s,;]+", value) if part]
            if parts:
                given[name] = [as_code(part) if isinstance(kind, fields.Refs) else part for part in parts]
            continue
        value = form[name]
        typed[name] = value
        if value.strip():
            given[name] = _value(kind, value)
    return typed, given


def _value(kind: ma.fields.Field[Any], value: str) -> str:
    if isinstance(kind, fields.Ref):
        return as_code(value)
    if isinstance(kind, fields.When) and _LOCAL.fullmatch(value.strip()):
        local = datetime.fromisoformat(value.strip()).replace(tzinfo=ZoneInfo(instance().zone))
        return local.isoformat()
    if (
        isinstance(kind, (fields.Exact, fields.Weight))
        and language() == "fr"
        and _COMMA.fullmatch(value.strip())
    ):
        return value.strip().replace(",", ".")
    return value


def as_code(value: str) -> str:
    """A code as a gun or a person puts it into a field: repaired, and a print becomes the thing itself."""
    try:
        return short.parse(layouts.repair(value)).base
    except CodeError:
        return value.strip()
