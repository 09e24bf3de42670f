"""The pane of the record: one chronological view, of everybody or one person, of any days, of one thing."""

from datetime import date
from typing import Any

import marshmallow as ma
from flask import Blueprint, render_template, request, url_for

from mscbank.core import browsing, fields
from mscbank.core.access import Principal, printed_names
from mscbank.core.acts import ACTIONS, OUT_OF_SIGHT, SUBJECTS
from mscbank.core.browsing import Only, Wanted
from mscbank.core.db import KINDS, Thing
from mscbank.core.errors import Missing
from mscbank.core.i18n import Sentence, _, say
from mscbank.core.record import Record
from mscbank.core.web.api import Blueprints, load
from mscbank.core.web.forms import FormField
from mscbank.core.web.here import actor, find
from mscbank.core.web.history import Told, told

MOST_VALUES = 60
ONLY_WORDS: dict[Only, Sentence] = {
    Only.BLOCKED: _("Blocked acts"),
    Only.FAILED_LOG_INS: _("Wrong passwords"),
    Only.SIGNED: _("Signed acts"),
}

pages = Blueprint("recorded", __name__)
api = Blueprints("api_record", __name__, url_prefix="/api/v1/record", description="The record, newest first")


class RecordQuery(fields.Schema):
    """What of the record is wanted; days are civil days of the installation."""

    person = fields.Code(load_default=None, metadata={"description": "a login"})
    action = fields.Code(load_default=None, metadata={"description": "such as custody.print_labels"})
    show = fields.Choice(Only, words=ONLY_WORDS, load_default=None)
    since = fields.Day(load_default=None)
    until = fields.Day(load_default=None)
    kind = fields.Code(load_default=None, metadata={"description": "with `code`: what touched one thing"})
    code = fields.Code(load_default=None)
    after = fields.Code(load_default=None, metadata={"description": "`next` of the page before"})


class RecordChangeSchema(fields.Schema):
    """A value that an act changed, as people read it."""

    field = fields.Text()
    old = fields.Text(max=fields.LONGEST, allow_none=True)
    new = fields.Text(max=fields.LONGEST, allow_none=True)


class RecordActSchema(fields.Schema):
    """One act with the values that it and its steps changed."""

    act = fields.Text()
    action = fields.Text()
    what = fields.Text()
    login = fields.Text()
    who = fields.Text()
    role = fields.Text(max=fields.LONGEST)
    kind = fields.Text()
    code = fields.Text()
    entered_at = fields.When()
    happened_at = fields.When()
    is_late = fields.Flag()
    is_refused = fields.Flag()
    refusal = fields.Text(allow_none=True, metadata={"description": "the code of the refusal"})
    reason = fields.Text(allow_none=True)
    steps = fields.Number()
    changes = ma.fields.List(fields.Nested(RecordChangeSchema))
    signed_as = ma.fields.List(ma.fields.String())
    hash = fields.Text()


class RecordPageSchema(fields.Schema):
    """A page of the record."""

    items = ma.fields.List(fields.Nested(RecordActSchema))
    next = fields.Text(allow_none=True)


def _wanted(asked: dict[str, Any], by: Principal) -> Wanted:
    """What somebody asks for, kept to what he may read: his own acts, or one thing that he sees."""
    thing = None
    if asked["kind"] in SUBJECTS and asked["code"]:
        thing = (asked["kind"], asked["code"])
    elif asked["kind"] and asked["code"]:
        model: type[Thing] | None = KINDS.get(asked["kind"])
        if model is None:
            raise Missing(OUT_OF_SIGHT())
        thing = (model.kind, find(model, asked["code"]).code)
    person = asked["person"]
    if thing is None and not browsing.reads_all(by):
        person = by.login
    return Wanted(person, asked["action"], asked["show"], asked["since"], asked["until"], thing)


def _values(row: Record, steps: list[Record], words: dict[str, Told]) -> list[tuple[str, Any, Any]]:
    return [value for one in (row, *steps) for value in words[one.act].changes][:MOST_VALUES]


def _read(asked: dict[str, Any], by: Principal) -> tuple[browsing.Page, dict[str, Told], Wanted]:
    wanted = _wanted(asked, by)
    found = browsing.page(wanted, asked["after"])
    rows = [*found.acts, *(one for listed in found.steps.values() for one in listed)]
    return found, {one.act: one for one in told(rows, wanted.thing)}, wanted


@api.route("", methods=["GET"])
@api.doc(responses={"404": "DEFAULT_ERROR", "422": "DEFAULT_ERROR"})
@api.arguments(RecordQuery, location="query")
@api.response(200, RecordPageSchema)
def get_record(asked: dict[str, Any]) -> dict[str, Any]:
    """The record, newest first: who did what when and why, with old and new values."""
    found, words = _read(asked, actor())[:2]
    return {
        "items": [_act(row, found.steps.get(row.act, []), words) for row in found.acts],
        "next": found.following,
    }


def _act(row: Record, steps: list[Record], words: dict[str, Told]) -> dict[str, Any]:
    one = words[row.act]
    return {
        "act": row.act, "action": row.action, "what": one.what, "login": row.actor_login, "who": one.who,
        "role": one.role, "kind": row.subject_kind, "code": row.subject_code, "entered_at": row.entered_at,
        "happened_at": row.happened_at, "is_late": one.late, "is_refused": one.refused, "refusal": one.code,
        "reason": row.reason, "steps": len(steps), "hash": row.hash,
        "signed_as": [signature.meaning for signature in one.signatures],
        "changes": [
            {"field": name, "old": _text(old), "new": _text(new)}
            for name, old, new in _values(row, steps, words)
        ],
    }  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


@pages.get("/record")
def show() -> Any:
    """The record with its filters."""
    by = actor()
    given = {name: value for name, value in request.args.items() if value.strip()}
    asked = load(RecordQuery, given)
    found, words, wanted = _read(asked, by)
    lines = [
        {
            "told": words[row.act],
            "about": [(row.subject_kind, row.subject_code)],
            "values": _values(row, steps, words),
            "steps": len(steps),
        }
        for row in found.acts
        for steps in [found.steps.get(row.act, [])]
    ]
    kept: dict[str, Any] = {name: value for name, value in given.items() if name != "after"}
    return render_template(
        "core/record.html", lines=lines, wanted=wanted,
        fields=_filters(asked, wanted, browsing.reads_all(by)),
        next_url=url_for("recorded.show", **kept, after=found.following) if found.following else None,
        first_url=url_for("recorded.show", **kept) if asked["after"] else None,
    )  # fmt: skip


def _filters(asked: dict[str, Any], wanted: Wanted, everybody: bool) -> list[FormField]:
    """The filters as they stand; whoever reads only himself does not choose a person."""
    names = sorted(printed_names().items(), key=lambda one: one[1])
    done = sorted((say(one.doc.rstrip(".")), name) for name, one in ACTIONS.items() if one.role and one.doc)
    made = [
        FormField("action", str(_("What was done")), "select", asked["action"] or "", required=False,
                  choices=[("", "–"), *((name, f"{words} ({name})") for words, name in done)]),
        FormField("show", str(_("Only")), "select", asked["show"] or "",
                  choices=[("", "–"), *((one.value, str(words)) for one, words in ONLY_WORDS.items())]),
        FormField("since", str(_("From the day")), "date", _iso(wanted.since)),
        FormField("until", str(_("To the day")), "date", _iso(wanted.until)),
    ]  # fmt: skip
    if everybody or wanted.thing is not None:
        people = [("", "–"), *((login, f"{name} ({login})") for login, name in names)]
        made.insert(0, FormField("person", str(_("Person")), "select", wanted.person or "", choices=people))
    if wanted.thing is not None:
        made += [FormField(name, name, "hidden", value)
                 for name, value in zip(("kind", "code"), wanted.thing, strict=True)]  # fmt: skip
    return made


def _iso(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
