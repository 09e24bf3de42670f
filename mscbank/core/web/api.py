"""The JSON door: an ``Api`` registers lists, shows, creations and acts of one kind in a line each."""

import re
from collections.abc import Callable
from typing import Any

import marshmallow as ma
from flask import Response, g, make_response, request
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint
from sqlalchemy import Select, select

from mscbank.core import fields
from mscbank.core.acts import Action
from mscbank.core.db import Thing, session
from mscbank.core.errors import Invalid, Malformed, Refusal, VersionMissing, invalid
from mscbank.core.lifecycle import open_to
from mscbank.core.signatures import Proof
from mscbank.core.web.body import BodyParser
from mscbank.core.web.here import actor, find

IF_MATCH = Refusal("if_match.unquoted", 'If-Match is the ETag in double quotes, for example "3".')
KEY_TOO_LONG = Refusal("idempotency.key", "An idempotency key has 1 to 200 printable characters.")
PAGE = 25
MOST = 200

_ETAG = re.compile(r'(W/)?"([0-9]{1,18})"')
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

INPUTS: dict[str, tuple[type[ma.Schema] | None, type[Thing] | None]] = {}
"""Action name → (schema of its inputs, model of its subject): what a proof asked over the API is about."""


class Problem(fields.Schema):
    """A refusal (RFC 9457)."""

    type = ma.fields.String()
    title = ma.fields.String()
    status = ma.fields.Integer()
    code = ma.fields.String(metadata={"description": "stable; listed in docs/errors.md"})
    detail = ma.fields.String()
    obstacles = ma.fields.List(ma.fields.Dict())
    errors = ma.fields.Dict()
    record = ma.fields.String(metadata={"description": "the row among the blocked actions"})
    request = ma.fields.String()


class ListQuery(fields.Schema):
    """Keyset paging: ``after`` is the last code that was seen; there are no totals."""

    after = fields.Code(load_default=None)
    limit = fields.Count(min=1, max=MOST, load_default=PAGE)


class Blueprints(Blueprint):
    """Flask-smorest's blueprint with our reading of JSON; each operation has a name and says its refusals."""

    ARGUMENTS_PARSER = BodyParser()

    def route(self, rule: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
        """Register an operation; what it does not say itself is said for it."""
        path = self.name.removeprefix("api_")
        options.setdefault("tags", [path])
        register = super().route(rule, **options)
        refusals = (401, 403, 429, *((413, 415) if "POST" in options.get("methods", ()) else ()))

        def add(view: Callable[..., Any]) -> Any:
            said = getattr(view, "_apidoc", {}).get("manual_doc", {})
            missing = {str(code): "DEFAULT_ERROR" for code in refusals} | said.get("responses", {})
            name = said.get("operationId", f"{path}.{view.__name__}")
            return register(self.doc(operationId=name, responses=missing)(view))

        return add


class JsonApi(SmorestApi):
    """Flask-smorest's API; refusals are documented, and answered, as problem+json."""

    ERROR_SCHEMA = Problem

    def _register_responses(self) -> None:
        for spec in self._specs():
            spec.components.response(
                "DEFAULT_ERROR",
                {"description": "A refusal", "content": {"application/problem+json": {"schema": Problem}}},
            )

    def _specs(self) -> list[Any]:
        return [self.spec]

    def _register_error_handlers(self) -> None:
        """The house answers errors in one place: ``core.web.problem``."""


def expected_version(required: bool) -> int | None:
    """The version in ``If-Match``; the door compares it, after the idempotency key."""
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise VersionMissing
        return None
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Malformed(IF_MATCH())
    return int(found[2])


def idempotency_key() -> str | None:
    """The key of this request, if it has one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Malformed(KEY_TOO_LONG())
    return key


def act_schema(action: Action, schema: type[ma.Schema] | None) -> type[ma.Schema]:
    """The body of an act: its inputs, and what every act may carry (reason, event time, proofs)."""
    extra: dict[str, Any] = {
        "reason": fields.Text(max=2000, load_default=None, allow_none=True, required=False),
        "happened_at": fields.When(load_default=None, allow_none=True),
    }
    if action.reason:
        extra["reason"] = fields.Text(max=2000, required=True)
    if action.meanings:
        extra["proofs"] = fields.ListOf(fields.Text(max=200), max=4, load_default=list)
    name = "".join(part.title() for part in re.split(r"[._]", action.name))
    return type(f"{name}Act", (schema or fields.Schema,), extra)


def perform(action: Action, thing: Any, data: dict[str, Any], *, expected: int | None) -> Any:
    """Call an action with what came in; the reader sees what the door answers."""
    proofs = [Proof(token) for token in data.pop("proofs", [])]
    arguments = () if action.creates else (thing,)
    return action(
        *arguments, by=actor(), reason=data.pop("reason", None), happened_at=data.pop("happened_at", None),
        expected=expected, proofs=proofs, key=idempotency_key(), **data,
    )  # fmt: skip


class Api:
    """The operations of one kind."""

    def __init__(
        self, step: str, model: type[Thing], schema: type[ma.Schema], *, path: str, doc: str = ""
    ) -> None:
        self.model, self.path = model, path
        self.kind = model.kind
        self.blueprint = Blueprints(
            f"api_{path.replace('-', '_')}", step, url_prefix=f"/api/v1/{path}", description=doc
        )
        lives = {column: ma.fields.String() for column in model.lives}
        name = self.name = schema.__name__.removesuffix("Schema")
        base: tuple[type, ...] = (
            (schema,) if issubclass(schema, fields.ThingSchema) else (schema, fields.ThingSchema)
        )
        self.row = type(
            f"{name}Row", base, {k: v for k, v in lives.items() if k not in schema._declared_fields}
        )
        moves = ma.fields.List(ma.fields.Nested(fields.MoveSchema))
        self.shown = type(f"{name}Shown", (self.row,), {"moves": moves})
        self.listed = type(
            f"{name}List",
            (fields.Schema,),
            {"items": ma.fields.List(ma.fields.Nested(self.row)), "next": ma.fields.String(allow_none=True)},
        )

    def lists(
        self, *, query: Callable[[Any], Select[Any]] | None = None,
        filters: dict[str, ma.fields.Field[Any]] | None = None,
    ) -> None:  # fmt: skip
        """GET the list, newest first, by keyset."""
        names = tuple(filters or {})
        schema = type(f"{self.name}Query", (ListQuery,), dict(filters or {}))

        def view(arguments: dict[str, Any]) -> dict[str, Any]:
            by = actor()
            chosen = {name: arguments[name] for name in names if arguments.get(name) is not None}
            rows, following = keyset(self.model, by, query, arguments["after"], arguments["limit"], chosen)
            return {"items": rows, "next": following}

        self._add("", "list", view, "GET", [self.blueprint.arguments(schema, location="query"),
                  self.blueprint.response(200, self.listed)], f"List {self.path}.", (422,))  # fmt: skip

    def shows(self) -> None:
        """GET one thing, with its moves and what stands in their way."""

        def view(code: str) -> Any:
            return self._answer(find(self.model, code))

        self._add("/<code>", "show", view, "GET", [self.blueprint.response(200, self.shown)],
                  f"Show one of the {self.path}.", (404,))  # fmt: skip

    def creates(self, action: Action, schema: type[ma.Schema] | None = None, *, at: str = "") -> None:
        """POST a new thing."""
        INPUTS[action.name] = (schema, None)

        def view(data: dict[str, Any]) -> Any:
            made = perform(action, None, data, expected=None)
            response = make_response(self._answer(made))
            response.status_code = 201
            response.headers["Location"] = f"/api/v1/{self.path}/{made.code}"
            return response

        self._add(f"/{at}" if at else "", action.name.split(".")[1], view, "POST",
                  [self.blueprint.arguments(act_schema(action, schema)),
                   self.blueprint.response(201, self.shown)],
                  action.doc, (400, 403, 404, 409, 412, 422, 503), keyed=True)  # fmt: skip

    def acts(
        self, action: Action, schema: type[ma.Schema] | None = None, *, at: str | None = None,
        scan: bool = False,
    ) -> None:  # fmt: skip
        """POST an act on an existing thing; ``If-Match`` says which version was seen, a scan the place."""
        INPUTS[action.name] = (schema, self.model)
        verb = at or action.name.split(".")[1].replace("_", "-")

        def view(data: dict[str, Any], code: str) -> Any:
            thing = find(self.model, code)
            expected = expected_version(required=not scan)
            perform(action, thing, data, expected=expected)
            session.expire_all()
            return self._answer(find(self.model, code))

        errors = (400, 403, 404, 409, 412, 422, 503) if scan else (400, 403, 404, 409, 412, 422, 428, 503)
        self._add(f"/<code>/{verb}", action.name.split(".")[1], view, "POST",
                  [self.blueprint.arguments(act_schema(action, schema)),
                   self.blueprint.response(200, self.shown)],
                  action.doc, errors, keyed=True, versioned=not scan)  # fmt: skip

    def reads(self, at: str, read: Callable[[Any], Any], schema: type[ma.Schema]) -> None:
        """GET something computed about one thing."""

        def view(code: str) -> Any:
            return read(find(self.model, code))

        self._add(f"/<code>/{at}", at.replace("-", "_"), view, "GET", [self.blueprint.response(200, schema)],
                  (read.__doc__ or at).split("\n", 1)[0], (404,))  # fmt: skip

    def sends(self, at: str, make: Callable[[Any], Response], media: str) -> None:
        """GET a file about one thing (a PDF, an SVG)."""

        def view(code: str) -> Any:
            actor()
            return make(find(self.model, code))

        content = {media: {"schema": {"type": "string", "format": "binary"}}}
        doc = self.blueprint.doc(responses={200: {"description": "The file", "content": content}})
        self._add(f"/<code>/{at}", at.replace("-", "_").replace(".", "_"), view, "GET", [doc],
                  (make.__doc__ or at).split("\n", 1)[0], (404,))  # fmt: skip

    def _answer(self, thing: Thing) -> Any:
        body = self.shown().dump(thing)
        body["moves"] = [move.as_json() for move in open_to(thing, actor())]
        g.replayed = session.info.pop("replayed", False)
        response = make_response(body)
        response.headers["ETag"] = f'"{thing.version}"'
        if g.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def _add(
        self, rule: str, name: str, view: Callable[..., Any], method: str, decorators: list[Any],
        summary: str, errors: tuple[int, ...], *, keyed: bool = False, versioned: bool = False,
    ) -> None:  # fmt: skip
        view.__name__ = f"{method.lower()}_{name}"
        view.__doc__ = summary
        parameters = []
        if versioned:
            parameters.append({"in": "header", "name": "If-Match", "required": True,
                               "schema": {"type": "string"}, "description": "The ETag that was seen",
                               "example": '"1"'})  # fmt: skip
        if keyed:
            parameters.append({"in": "header", "name": "Idempotency-Key", "required": False,
                               "schema": {"type": "string", "minLength": 1, "maxLength": 200,
                                          "pattern": "^[\\x21-\\x7e]{1,200}$"},
                               "description": "A repeated request with the same key acts once"})  # fmt: skip
        responses = {str(code): "DEFAULT_ERROR" for code in errors}
        made = self.blueprint.doc(
            parameters=parameters, summary=summary, responses=responses,
            operationId=f"{self.path}.{name}" if method == "POST" else f"{self.path}.{method.lower()}_{name}",
        )(view)  # fmt: skip
        for decorate in reversed(decorators):
            made = decorate(made)
        self.blueprint.route(rule, methods=[method], tags=[self.path])(made)


def keyset(
    model: type[Thing], by: Any, query: Callable[[Any], Select[Any]] | None, after: str | None, limit: int,
    chosen: dict[str, Any] | None = None,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """A page of things in the reader's sight, newest first, and the code after which the next page begins."""
    if not by.grants:
        return [], None
    statement = query(by) if query else select(model)
    sites = {grant.site for grant in by.grants}
    if None not in sites:
        statement = statement.where(model.site.is_(None) | model.site.in_(sites))
    for name, value in (chosen or {}).items():
        statement = statement.where(
            getattr(model, f"{name}_id") == value.id
            if isinstance(value, Thing)
            else getattr(model, name) == value
        )
    if after:
        last = session.scalar(select(model.id).where(model.code == after))
        if last is None:
            raise invalid(after=["There is no such code to go on from."])
        statement = statement.where(model.id < last)
    rows = list(session.scalars(statement.order_by(model.id.desc()).limit(limit + 1)))
    return rows[:limit], rows[limit - 1].code if len(rows) > limit else None


def load(schema: type[ma.Schema], data: Any) -> dict[str, Any]:
    """Input by its schema; every fault at its field, all at once."""
    try:
        loaded: dict[str, Any] = schema().load(data)
    except ma.ValidationError as error:
        faults = error.messages if isinstance(error.messages, dict) else {"_schema": error.messages}
        raise Invalid(faults=faults) from None
    return loaded
