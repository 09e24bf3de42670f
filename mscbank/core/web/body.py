"""How a request body is read: numbers stay exact, and what JSON leaves open is refused."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from flask import Request, request
from webargs import core
from webargs.flaskparser import FlaskParser

from mscbank.core.errors import Invalid, Malformed, Refusal, WrongMedia

NOT_JSON = Refusal("body.not_json", "The body is not JSON that can be read here: %(why)s.")
MAX_DIGITS = 40
MAX_DEPTH = 32


def _refuse(why: str) -> NoReturn:
    raise Malformed(NOT_JSON(why=why))


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        _refuse("a number is too long")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        _refuse("a number is too long")
    return Decimal(text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse("a name stands there twice")
        found[name] = value
    return found


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _depth(text: str) -> int:
    deepest = depth = 0
    for char in re.findall(r"[\[{\]}]", _STRING.sub("", text)):
        depth += 1 if char in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def read_json(raw: bytes) -> Any:
    """A JSON text as values; duplicate names, deep nesting, NaN and very long numbers are 400."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    if _depth(text) > MAX_DEPTH:
        _refuse("it is nested too deeply")
    try:
        return json.loads(
            text, parse_float=_decimal, parse_int=_int,
            parse_constant=lambda name: _refuse(f"{name} is no number"), object_pairs_hook=_pairs,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")
    except RecursionError:
        _refuse("it is nested too deeply")


class BodyParser(FlaskParser):
    """Webargs with our reading of JSON."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": "raise"}

    def _raw_load_json(self, req: Request) -> Any:
        raw = req.get_data(cache=True)
        if not raw.strip():
            return {}
        if not core.is_json(req.mimetype):
            raise WrongMedia
        return read_json(raw)

    def handle_error(self, error: Any, req: Any, schema: Any, **kw: Any) -> NoReturn:
        """Every fault at its field, all at once."""
        faults: dict[str, Any] = {}
        for located in error.messages.values():
            faults |= located if isinstance(located, dict) else {"_schema": located}
        raise Invalid(faults=faults)


def json_body() -> Any:
    """The body of this request."""
    return BodyParser()._raw_load_json(request)
