"""Parameters for people and programs: what is in force, every value that ever was, and the setting of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import marshmallow as ma
from flask import make_response, render_template, request
from werkzeug.wrappers import Response

from mscbank.core import clock, fields, record
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.errors import Missing, Stale
from mscbank.core.i18n import _, say
from mscbank.core.parameters import PARAMETERS, Course, Parameter, ParameterValue, Type, courses, set_value
from mscbank.core.web.api import INPUTS, Blueprints, act_schema, perform
from mscbank.core.web.filters import num
from mscbank.core.web.here import actor
from mscbank.core.web.history import signatures_on, told
from mscbank.core.web.pages import Act, Pages

MOST_SEEN = 1_000_000
HISTORY = 50


@dataclass(frozen=True)
class Shown:
    """A parameter as it stands at an instant."""

    course: Course
    now: datetime

    kind = ParameterValue.kind
    site = None

    @property
    def declared(self) -> Parameter:
        """What its step declared."""
        return self.course.declared

    @property
    def code(self) -> str:
        """Its key."""
        return self.declared.key

    @property
    def version(self) -> int:
        """How many values have been set."""
        return self.course.version

    @property
    def row(self) -> ParameterValue | None:
        """The value in force; none while the default is."""
        return self.course.row_at(self.now)

    @property
    def value(self) -> Any:
        """What is in force."""
        return self.course.at(self.now)

    @property
    def is_changed(self) -> bool:
        """Whether something else than the default is in force."""
        return bool(self.value != self.declared.default)

    @property
    def coming(self) -> list[ParameterValue]:
        """What was set and holds only later."""
        return [row for row in self.course.in_time if row.effective_from > self.now]

    def state_of(self, row: ParameterValue) -> str:
        """``now``, ``later`` or ``over``."""
        return "later" if row.effective_from > self.now else "now" if row is self.row else "over"

    def words(self, value: Any) -> str:
        """A value of it, with the unit."""
        if self.declared.type is Type.TEXT:
            return str(value)
        unit = say(self.declared.unit)
        return f"{num(value)}\u00a0{unit}" if unit else num(value)

    def words_of(self, row: ParameterValue) -> str:
        """A value that was set, with the unit."""
        return self.words(self.declared.read(row.value))

    @property
    def range_words(self) -> str:
        """What it may be."""
        if self.declared.words:
            return ", ".join(self.declared.words)
        if self.declared.type is Type.TEXT:
            return ""
        least, most = (num(bound) for bound in self.declared.bounds)
        return str(_("%(least)s to %(most)s", least=least, most=most))


def everything() -> list[Shown]:
    """Every declared parameter, by key."""
    now = clock.now()
    return [Shown(course, now) for _key, course in sorted(courses(PARAMETERS).items())]


def one(key: str) -> Shown:
    """One parameter; 404 for what nobody declared."""
    if key not in PARAMETERS:
        raise Missing
    return Shown(courses([key])[key], clock.now())


# --- pages --------------------------------------------------------------------------------------


class ParameterPages(Pages):
    """A parameter is a key that a step declared; only its values are rows, so it is found in its own way."""

    def act_on(self, shown: Shown) -> Act:
        """The setting, with a field of the parameter's own type."""
        declared = shown.declared
        value = declared.field(
            required=True, label=_("New value"), unit=say(declared.unit), help=shown.range_words
        )
        start = fields.When(
            load_default=None, allow_none=True, label=_("Holds from"),
            help=_("Blank: from now on. Never from a moment that is past."),
        )  # fmt: skip
        schema = type("ValueSchema", (fields.Schema,), {"value": value, "effective_from": start})
        return Act(set_value, schema, "set", _("Set the parameter"), {})

    def form(self, shown: Shown) -> Any:
        """The form of a setting."""
        return self._form(self.act_on(shown), shown)

    def _perform(self, act: Act, thing: Any, by: Principal, data: dict[str, Any]) -> Any:
        return super()._perform(act, None, by, _inputs(thing, data))

    def _before(self, act: Act, thing: Any, by: Principal, data: dict[str, Any]) -> Any:
        return super()._before(act, None, by, _inputs(thing, data))


def _inputs(shown: Shown, data: dict[str, Any]) -> dict[str, Any]:
    """What a form sends, as the action takes it: the value as text, and the version that the form carried."""
    seen = request.form.get("version", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 19):
        raise Stale
    return data | {"parameter": shown.code, "value": Parameter.written(data["value"]), "seen": int(seen)}


pages = ParameterPages("core", ParameterValue, path="parameters", title=_("Parameters"))  # type: ignore[arg-type]


@pages.blueprint.get("/", endpoint="list")
def all_of_them() -> str:
    """Every parameter with what is in force."""
    actor()
    return render_template("core/parameters.html", shown=everything(), pages=pages)


@pages.blueprint.get("/<code>", endpoint="show")
def show(code: str) -> str:
    """One parameter with every value that ever was."""
    by, shown = actor(), one(code)
    rows = session.scalars(record.history(shown.kind, shown.code, limit=HISTORY))
    return render_template(
        "core/parameter.html", thing=shown, history=told(rows), lines=_told(shown),
        may_set=by.holds(set_value.role) is not None,
    )  # fmt: skip


@pages.blueprint.route("/<code>/set", endpoint="act_set", methods=["GET", "POST"])
def set_one(code: str) -> Any:
    """The form in which quality assurance sets it."""
    return pages.form(one(code))


def _told(shown: Shown) -> list[tuple[ParameterValue, Any]]:
    """Every value with its signature, the one that holds last in front."""
    signed = dict(enumerate(signatures_on(shown.kind, shown.code), start=1))
    return [(row, signed.get(row.number)) for row in reversed(shown.course.in_time)]


# --- the API ------------------------------------------------------------------------------------

api = Blueprints(
    "api_parameters", __name__, url_prefix="/api/v1/parameters",
    description="Numbers that no standard fixes: what is in force, and the setting of one",
)  # fmt: skip


class ParameterSetSchema(fields.Schema):
    """A value to be set; to be signed as `parameter set` with the same inputs."""

    parameter = fields.Code(required=True, metadata={"description": "its key"})
    value = fields.Text(
        max=200, required=True, label=_("Value"), help="a text in JSON, whatever its type: “12”, “2.5”"
    )
    effective_from = fields.When(
        load_default=None, allow_none=True, label=_("Holds from"), help="from now on when it is left out"
    )
    seen = fields.Count(
        max=MOST_SEEN, required=True, help="the `version` that was seen; 412 when another value was set since"
    )


class ParameterValueSchema(fields.Schema):
    """A value from an instant on."""

    number = fields.Number()
    value = fields.Text(max=200)
    effective_from = fields.When()
    set_by = fields.Text()
    reason = fields.Text(max=fields.LONGEST)
    signed_at = fields.When(allow_none=True)
    signature_holds = fields.Flag(allow_none=True)


class ParameterSchema(fields.Schema):
    """A parameter with what is in force; every value is a text that keeps its digits."""

    code = fields.Code()
    type = fields.Choice(Type)
    unit = fields.Text()
    meaning = fields.Text(max=fields.LONGEST)
    source = fields.Text(max=fields.LONGEST)
    default = fields.Text()
    value = fields.Text()
    since = fields.When(allow_none=True)
    set_by = fields.Text(allow_none=True)
    least = fields.Text(allow_none=True)
    most = fields.Text(allow_none=True)
    words = ma.fields.List(ma.fields.String())
    version = fields.Number()


class ParameterShownSchema(ParameterSchema):
    """A parameter with every value that was ever set, the one that holds last in front."""

    values = ma.fields.List(fields.Nested(ParameterValueSchema))


class ParameterListSchema(fields.Schema):
    """All parameters; there is one page of them."""

    items = ma.fields.List(fields.Nested(ParameterSchema))
    next = fields.Text(allow_none=True)


def _row(shown: Shown) -> dict[str, Any]:
    declared, row = shown.declared, shown.row
    is_number = declared.type is not Type.TEXT
    least, most = (declared.written(bound) if is_number else None for bound in declared.bounds)
    return {
        "code": shown.code, "type": declared.type, "unit": declared.unit, "meaning": declared.meaning,
        "source": declared.source, "default": declared.written(declared.default),
        "value": declared.written(shown.value), "since": row.effective_from if row else None,
        "set_by": row.set_by if row else None, "least": least, "most": most, "words": list(declared.words),
        "version": shown.version,
    }  # fmt: skip


def _answer(key: str) -> Response:
    shown = one(key)
    values = [
        {
            "number": row.number, "value": row.value, "effective_from": row.effective_from,
            "set_by": row.set_by, "reason": row.reason, "signed_at": signed.signed_at if signed else None,
            "signature_holds": signed.holds if signed else None,
        }
        for row, signed in _told(shown)
    ]  # fmt: skip
    response = make_response(ParameterShownSchema().dump(_row(shown) | {"values": values}))
    response.headers["ETag"] = f'"{shown.version}"'
    if session.info.pop("replayed", False):
        response.headers["Idempotency-Replayed"] = "true"
    return response


@api.route("", methods=["GET"])
@api.response(200, ParameterListSchema)
def get_list() -> dict[str, Any]:
    """List the parameters with what is in force."""
    actor()
    return {"items": [_row(shown) for shown in everything()], "next": None}


@api.route("/<code>", methods=["GET"])
@api.doc(responses={"404": "DEFAULT_ERROR"})
@api.response(200, ParameterShownSchema)
def get_show(code: str) -> Response:
    """Show a parameter with every value that was ever set."""
    actor()
    return _answer(code)


INPUTS[set_value.name] = (ParameterSetSchema, None)
KEYED = {
    "in": "header", "name": "Idempotency-Key", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]{1,200}$"},
    "description": "A repeated request with the same key acts once",
}  # fmt: skip


@api.route("", methods=["POST"])
@api.doc(
    parameters=[KEYED],
    responses={str(c): "DEFAULT_ERROR" for c in (400, 403, 409, 412, 422, 503)},
)
@api.arguments(act_schema(set_value, ParameterSetSchema))
@api.response(201, ParameterShownSchema)
def post_set(data: dict[str, Any]) -> Response:
    """Set a parameter from now or from a later instant on."""
    made = perform(set_value, None, data, expected=None)
    response = _answer(made.code)
    response.status_code = 201
    response.headers["Location"] = f"/api/v1/parameters/{made.code}"
    return response
