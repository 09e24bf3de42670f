"""The door for people: a ``Pages`` registers list, show, creation and act pages in a line each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from jinja2 import TemplateNotFound
from sqlalchemy import Select

from mscbank.core import record
from mscbank.core.access import Principal, Role
from mscbank.core.acts import ROLE_NEEDED, Action
from mscbank.core.db import Thing, session
from mscbank.core.errors import Invalid, NotAllowed, Obstacle, Refused, Stale
from mscbank.core.i18n import Sentence, _
from mscbank.core.lifecycle import OpenMove, open_to
from mscbank.core.links import panels
from mscbank.core.signatures import Proof, prove, to_sign
from mscbank.core.web.api import act_schema, keyset, load
from mscbank.core.web.forms import Choices, form_fields, typed_input
from mscbank.core.web.here import actor, find
from mscbank.core.web.history import told
from mscbank.core.web.signing import answer_before, signers_of, signing_fields

Column = tuple[Sentence, Callable[[Any], Any]]


class Act:
    """An act as a page offers it."""

    def __init__(
        self, action: Action, schema: type[ma.Schema] | None, at: str, label: Sentence, choices: Choices
    ) -> None:
        self.action, self.at, self.label, self.choices = action, at, label, choices
        self.schema = act_schema(action, schema)
        self.asks = bool(schema and schema().fields) or action.reason or bool(action.meanings)


class Pages:
    """The pages of one kind."""

    def __init__(
        self, step: str, model: type[Thing], *, path: str, title: Sentence, name: str | None = None
    ) -> None:  # fmt: skip
        self.step, self.model, self.path, self.title = step, model, path, title
        self.name = name or path.replace("-", "_")
        self.blueprint = Blueprint(self.name, f"mscbank.{step}", url_prefix=f"/{path}")
        self.acts_offered: dict[str, Act] = {}
        self.creations: list[Act] = []
        self.get = self.blueprint.get
        self.post = self.blueprint.post

    def url(self, thing: Any) -> str:
        """The page of a thing."""
        return url_for(f"{self.name}.show", code=thing.code)

    def lists(
        self, *, columns: list[Column], query: Callable[[Any], Select[Any]] | None = None,
        empty: Sentence | None = None,
    ) -> None:  # fmt: skip
        """GET the list, newest first."""

        def view() -> str:
            by = actor()
            after = request.args.get("after", "")[:80] or None
            rows, following = keyset(self.model, by, query, after, 25)
            return self._render(
                "list.html", "core/list.html", title=self.title, columns=columns, rows=rows, url=self.url,
                next_url=url_for(f"{self.name}.list", after=following) if following else None,
                creations=[act for act in self.creations if by.holds(act.action.role)], empty=empty,
                step=self.step, pages=self,
            )  # fmt: skip

        self.blueprint.add_url_rule("/", "list", view, methods=["GET"])

    def shows(
        self, *, context: Callable[[Any, Principal], dict[str, Any]] | None = None,
        finding: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        """GET one thing: facts, the acts open to the reader with what stands in their way, history."""

        def view(code: str) -> str:
            return self._show(find(self.model, code), context, finding)

        self.context, self.finding = context, finding
        self.blueprint.add_url_rule("/<code>", "show", view, methods=["GET"])

    def creates(
        self, action: Action, schema: type[ma.Schema] | None = None, *, label: Sentence,
        choices: Choices | None = None, at: str = "new",
    ) -> None:  # fmt: skip
        """A form that makes a new thing."""
        act = Act(action, schema, at, label, choices or {})
        self.creations.append(act)
        self.blueprint.add_url_rule(
            f"/{at}", f"form_{at.replace('-', '_')}", lambda: self._form(act, None), methods=["GET", "POST"]
        )

    def acts(
        self, action: Action, schema: type[ma.Schema] | None = None, *, label: Sentence | None = None,
        at: str | None = None, choices: Choices | None = None,
    ) -> None:  # fmt: skip
        """A form, or for an act that asks nothing a button, on a thing's page."""
        verb = at or action.name.split(".")[1].replace("_", "-")
        words = label or (action.move.label if action.move else _(action.doc))
        act = self.acts_offered[action.name] = Act(action, schema, verb, words, choices or {})
        self.blueprint.add_url_rule(
            f"/<code>/{verb}", f"act_{verb.replace('-', '_')}",
            lambda code: self._form(act, find(self.model, code)), methods=["GET", "POST"],
        )  # fmt: skip

    def moves(self, thing: Any, by: Principal) -> list[dict[str, Any]]:
        """What this person may do here: the moves of its lives, then the other acts; off with the reason."""
        opened: dict[str, OpenMove] = {f"{thing.kind}.{m.name}": m for m in open_to(thing, by)}
        offered = []
        for name, act in self.acts_offered.items():
            move = opened.get(name)
            if move is None and (act.action.move is not None or not by.holds(act.action.role, thing.site)):
                continue
            obstacle = move.obstacle if move else _standing(act.action, thing, by)
            if obstacle is not None and obstacle.roles and not by.holds(act.action.role, thing.site):
                continue
            offered.append(
                {
                    "name": name, "label": str(act.label), "obstacle": shown_obstacle(obstacle),
                    "filled": False,
                    "url": url_for(f"{self.name}.act_{act.at.replace('-', '_')}", code=thing.code),
                    "signs": bool(act.action.meanings), "method": "get" if act.asks else "post",
                    "key": uuid4().hex,
                }
            )  # fmt: skip
        for shown in offered:
            if shown["obstacle"] is None:
                shown["filled"] = True
                break
        return offered

    def _show(
        self, thing: Any, context: Callable[[Any, Principal], dict[str, Any]] | None,
        finding: Callable[[Any], Any] | None,
    ) -> str:  # fmt: skip
        by = actor()
        more = context(thing, by) if context else {}
        return self._render(
            f"{thing.kind}.html", "core/thing.html", thing=thing, by=by, moves=self.moves(thing, by),
            panels=panels(thing, by), heading=finding(thing) if finding else thing.called, step=self.step,
            history=told(
                session.scalars(record.history(thing.kind, thing.code, limit=50)), (thing.kind, thing.code)
            ), pages=self,
            lives=_lives(thing), **more,
        )  # fmt: skip

    def _render(self, own: str, generic: str, **context: Any) -> str:
        try:
            return render_template([f"{self.step}/{own}", generic], **context)
        except TemplateNotFound as error:
            raise RuntimeError(f"no template {error.name}") from error

    def _form(self, act: Act, thing: Any) -> Any:
        by = actor()
        if request.method == "GET":
            must_hold(by, act.action, thing)
            typed = {name: value for name, value in request.args.items() if len(value) <= 200}
            return self._ask(act, thing, by, typed, {}, None)
        typed, given = typed_input(act.schema, request.form)
        try:
            data = load(act.schema, given)
            if act.action.meanings and (first := self._before(act, thing, by, data)) is not None:
                return first
            done = self._perform(act, thing, by, data)
        except Invalid as refused:
            session.rollback()
            return self._ask(act, thing, by, typed, refused.faults, None), refused.status
        except Refused as refused:
            session.rollback()
            return self._ask(act, thing, by, typed, {}, refused), refused.status
        flash(str(act.label), "done")
        return redirect(self.url(done if act.action.creates or thing is None else thing))

    def _perform(self, act: Act, thing: Any, by: Principal, data: dict[str, Any]) -> Any:
        action = act.action
        data.pop("proofs", None)
        reason, happened_at = data.pop("reason", None), data.pop("happened_at", None)
        expected = None
        if thing is not None:
            version = request.form.get("version", "")
            if not (version.isascii() and version.isdigit() and len(version) < 19):
                raise Stale
            expected = int(version)
        proofs = self._proofs(act, thing, by, data)
        key = request.form.get("idempotency_key", "")[:200] or None
        arguments = () if action.creates else (thing,)
        return action(
            *arguments,
            by=by,
            reason=reason,
            happened_at=happened_at,
            expected=expected,
            proofs=proofs,
            key=key,
            **data,
        )

    def _before(self, act: Act, thing: Any, by: Principal, data: dict[str, Any]) -> Any:
        """What the browser takes to a passkey or to the sign-on provider, for just this request."""
        inputs = {n: v for n, v in data.items() if n not in ("proofs", "reason", "happened_at")}
        return answer_before(by, lambda: to_sign(act.action.name, thing, act.action.content, inputs))

    def _proofs(self, act: Act, thing: Any, by: Principal, inputs: dict[str, Any]) -> list[Proof]:
        """In pages proof and act are one request: the passwords are verified here and go no further."""
        signers = signers_of(act.action.meanings, by, by_badge=act.action.by_badge)
        if not signers:
            return []
        return prove(act.action.name, thing, *signers, content=act.action.content, inputs=inputs)

    def _ask(
        self,
        act: Act,
        thing: Any,
        by: Principal,
        typed: dict[str, Any],
        faults: dict[str, Any],
        refused: Refused | None,
    ) -> str:
        shown = form_fields(act.schema, typed, faults, thing, act.choices)
        shown += signing_fields(act.action.meanings, by, faults, by_badge=act.action.by_badge)
        note = note_of(refused) if refused else None
        return self._render(
            f"form_{act.at}.html", "core/form.html", act=act, thing=thing, by=by, fields=shown, refused=note,
            version=thing.version if thing is not None else None, key=uuid4().hex, step=self.step, pages=self,
            back=self.url(thing) if thing is not None else url_for(f"{self.name}.list"),
            rest=_whole(faults),
        )  # fmt: skip


def must_hold(by: Principal, action: Action, thing: Any) -> None:
    """A form is shown to whoever may fill it in; the door judges again what is sent."""
    is_for_all = len(action.role) == len(Role)
    if not is_for_all and by.holds(action.role, getattr(thing, "site", None)) is None:
        raise NotAllowed(replace(ROLE_NEEDED(), who=action.role))


def shown_obstacle(obstacle: Obstacle | None) -> dict[str, Any] | None:
    """An obstacle as the macros show it: the sentence, who can lift it, the stable code."""
    return None if obstacle is None else obstacle.as_words()


def _standing(action: Action, thing: Any, by: Principal) -> Any:
    return next((found for rule in action.unless if (found := rule(thing, by))), None)


def _lives(thing: Any) -> list[tuple[str, str, str]]:
    """(sign, colour, word) of each life of a thing."""
    return [
        (*life.sign(getattr(thing, column)), life.word(getattr(thing, column)))
        for column, life in type(thing).lives.items()
    ]


def _whole(faults: dict[str, Any]) -> list[str]:
    """The faults of the form as a whole."""
    found = faults.get("_schema")
    return [str(message) for message in found] if isinstance(found, list) else []


def note_of(refused: Refused) -> dict[str, Any]:
    return {
        "title": str(_("Nothing was done")), "why": " ".join(str(o.sentence) for o in refused.obstacles),
        "code": refused.code, "who": [w for o in refused.obstacles for w in o.who_words] or None,
        "record": refused.blocked_as[:8] if refused.blocked_as else None,
    }  # fmt: skip
