"""The attachments of anything, at both doors: listed, added, fetched, withdrawn.

What is fetched never runs: it goes out as a file to be saved, with a policy that lets nothing load or
execute; only pictures and PDF are shown, and only when they are asked for so (OWASP, file upload).
"""

import base64
import re
import unicodedata
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import marshmallow as ma
from flask import Blueprint, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from mscbank.coding import short
from mscbank.coding.errors import CodeError
from mscbank.coding.types import TYPES
from mscbank.core import attachments, codes, fields, links, media
from mscbank.core.access import Principal
from mscbank.core.attachments import Attachment, AttachmentWithdrawal
from mscbank.core.db import KINDS, Thing, session
from mscbank.core.errors import Invalid, Missing, NotAllowed, Refusal, Refused, Stale, WrongMedia
from mscbank.core.i18n import _
from mscbank.core.links import Panel
from mscbank.core.sealed import CODES_ONLY
from mscbank.core.shelf import shelf
from mscbank.core.web.api import Blueprints, act_schema, expected_version, idempotency_key, load
from mscbank.core.web.filters import person
from mscbank.core.web.forms import FormField, form_fields
from mscbank.core.web.here import LONGEST_CODE, actor, find
from mscbank.core.web.pages import must_hold, note_of
from mscbank.core.web.security import LARGER

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SANDBOX = "; sandbox"
FORM_BYTES = 64 * 1024
"""What a form needs beside its file."""
NO_FILE = Refusal("attachment.no_file", "Choose a file.")
JSON_ONLY_HERE = Refusal("attachment.is_json", "Send the file itself as the body, not JSON.")

pages = Blueprint("attachments", __name__, url_prefix="/attachments")
api = Blueprints(
    "api_attachments", "core", url_prefix="/api/v1/attachments",
    description="Files that anything bears: what they are, their digests, their content",
)  # fmt: skip
LARGER["attachments.add"] = lambda: shelf().most + FORM_BYTES
LARGER["api_attachments.add_file"] = lambda: shelf().most + 1


def bearer(code: str) -> Any:
    """The thing with this code, whatever it is; 404 where nothing that bears attachments has it."""
    actor()
    try:
        letter = short.parse(code).letter if len(code) <= LONGEST_CODE else ""
    except CodeError:
        letter = ""
    model = KINDS.get(TYPES.get(letter, ""))
    if model is None:
        raise Missing
    return find(model, code)


def page_of(thing: Thing) -> str:
    """Where a thing is shown."""
    found = codes.resolver(thing.kind)
    if found is None:
        raise Missing
    return found.page(thing)


# --- the panel --------------------------------------------------------------------------------------


def row(one: Attachment, withdrawn: AttachmentWithdrawal | None) -> dict[str, Any]:
    """An attachment as lists tell it, without the file's own name."""
    return {
        "number": one.number, "title": one.title, "media": one.media, "size": one.size, "digest": one.digest,
        "is_scanned": one.is_scanned, "attached_by": one.attached_by, "attached_at": one.attached_at,
        "withdrawn_by": withdrawn.withdrawn_by if withdrawn else None,
        "withdrawn_at": withdrawn.withdrawn_at if withdrawn else None,
        "reason": withdrawn.reason if withdrawn else None,
    }  # fmt: skip


SHOWN = frozenset(kind.media for kind in media.KINDS if kind.is_shown)


@links.panel(links.ANYTHING)
def said(thing: Thing, by: Principal) -> Panel | None:
    """What a thing bears, with the ways to read it, to add to it and to withdraw from it."""
    if not by.sees_names or thing.kind not in TYPES.values() or codes.resolver(thing.kind) is None:
        return None
    may = by.holds(attachments.WORKERS, thing.site) is not None
    listed = attachments.listed(thing)
    if not listed and not may:
        return None
    here = f"/attachments/{thing.code}"
    rows = [
        row(one, withdrawn)
        | {
            "url": f"{here}/{one.number}",
            "view": f"{here}/{one.number}/view" if one.media in SHOWN else None,
            "withdraw": f"{here}/{one.number}/withdraw" if may and withdrawn is None else None,
            "who": person(one.attached_by),
            "withdrawer": person(withdrawn.withdrawn_by) if withdrawn else None,
        }
        for one, withdrawn in listed
    ]
    add = f"{here}/new" if may else None
    return Panel(_("Attachments"), "core/attachments.html", {"rows": rows, "add": add})


# --- pages ------------------------------------------------------------------------------------------


class AttachSchema(fields.Schema):
    """What is said of a file."""

    title = fields.Text(
        max=attachments.TITLE_LENGTH, required=True, label=_("What it is"),
        help=_("For example: paper prescription, signed. No names of people."),
    )  # fmt: skip


class WithdrawSchema(fields.Schema):
    """Nothing but the reason, which each withdrawal carries."""


def _version() -> int:
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Stale
    return int(text)


def _key() -> str | None:
    return request.form.get("idempotency_key", "")[:200] or None


def _ask(
    thing: Any, action: Any, schema: type[ma.Schema], typed: dict[str, Any], refused: Refused | None = None,
    *, label: str, files: bool = False,
) -> str:  # fmt: skip
    faults = refused.faults if isinstance(refused, Invalid) else {}
    shown = form_fields(schema, typed, faults, thing, {})
    if files:
        shown.insert(0, _file_field(faults.get("file")))
    return render_template(
        "core/attach.html", thing=thing, fields=shown, label=label, key=uuid4().hex, version=thing.version,
        back=page_of(thing), files=files, action=action,
        refused=note_of(refused) if refused and not faults else None,
    )  # fmt: skip


def _file_field(fault: Any) -> FormField:
    most = shelf().most // 1024 // 1024
    return FormField(
        "file", str(_("File")), "file", required=True, fault=" ".join(map(str, fault)) if fault else None,
        help=str(_("%(kinds)s; at most %(most)s MB.", kinds=media.words(), most=most)),
        accept=",".join(ending for kind in media.KINDS for ending in kind.endings),
    )  # fmt: skip


@pages.route("/<code>/new", methods=["GET", "POST"])
def add(code: str) -> Any:
    """A form that attaches a file."""
    thing, by = bearer(code), actor()
    must_hold(by, attachments.attach, thing)
    label = str(_("Attach a file"))
    if request.method == "GET":
        return _ask(thing, attachments.attach, AttachSchema, {}, label=label, files=True)
    typed = {"title": request.form.get("title", "")}
    try:
        data = load(AttachSchema, {name: value for name, value in typed.items() if value.strip()})
        upload = _uploaded()
        attachments.attach(thing, by=by, expected=_version(), key=_key(), upload=upload, **data)
    except Refused as refused:
        session.rollback()
        thing = bearer(code)
        return _ask(
            thing, attachments.attach, AttachSchema, typed, refused, label=label, files=True
        ), refused.status
    flash(str(_("Attached: %(title)s", title=data["title"])), "done")
    return redirect(page_of(bearer(code)))


def _uploaded() -> attachments.Upload:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Invalid(NO_FILE(), faults={"file": [NO_FILE().sentence]})
    return attachments.received(file.filename, file.content_type or "", file.read(shelf().most + 1))


@pages.get("/<code>/<int:number>")
def content(code: str, number: int) -> Response:
    """An attachment, to be saved."""
    return _sent(bearer(code), number, shown=False)


@pages.get("/<code>/<int:number>/view")
def view(code: str, number: int) -> Response:
    """An attachment in the window where that is safe, else to be saved."""
    return _sent(bearer(code), number, shown=True)


def _sent(thing: Any, number: int, *, shown: bool) -> Response:
    """The content, under headers that let nothing in it run."""
    found = attachments.read(thing, number, by=actor())
    inline = shown and media.is_shown(found.media, found.content)
    answer = make_response(found.content)
    answer.headers["Content-Type"] = (
        f"{found.media.value}{'; charset=utf-8' if found.media is media.Media.TEXT else ''}"
    )
    answer.headers["Content-Disposition"] = disposition("inline" if inline else "attachment", found.name)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    is_pdf = inline and found.media is media.Media.PDF
    answer.headers["Content-Security-Policy"] = POLICY if is_pdf else POLICY + SANDBOX
    digest = base64.b64encode(bytes.fromhex(found.digest)).decode()
    answer.headers["Repr-Digest"] = f"sha-256=:{digest}:"
    return answer


def disposition(how: str, name: str) -> str:
    """How a file goes out, by a name in ASCII and by its own (RFC 6266, RFC 8187)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\;%]', "", plain).strip() or "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@pages.route("/<code>/<int:number>/withdraw", methods=["GET", "POST"])
def withdraw(code: str, number: int) -> Any:
    """A form that withdraws an attachment."""
    thing, by = bearer(code), actor()
    must_hold(by, attachments.withdraw, thing)
    schema = act_schema(attachments.withdraw, WithdrawSchema)
    found = attachments.of(thing, number)
    label = str(_("Withdraw the attachment: %(title)s", title=found.title))
    if request.method == "GET":
        return _ask(thing, attachments.withdraw, schema, {}, label=label)
    typed = {"reason": request.form.get("reason", "")}
    try:
        data = load(schema, {name: value for name, value in typed.items() if value.strip()})
        attachments.withdraw(
            thing, by=by, reason=data["reason"], expected=_version(), key=_key(), number=number
        )
    except Refused as refused:
        session.rollback()
        return _ask(bearer(code), attachments.withdraw, schema, typed, refused, label=label), refused.status
    flash(str(_("Withdrawn.")), "done")
    return redirect(page_of(bearer(code)))


# --- the API ----------------------------------------------------------------------------------------


class AttachmentSchema(fields.Schema):
    """A file that a thing bears; the file's own name comes with its content."""

    number = fields.Number()
    title = fields.Text()
    media = fields.Choice(media.Media)
    size = fields.Number()
    digest = ma.fields.String(metadata={"description": "SHA-256 of the content"})
    is_scanned = fields.Flag()
    attached_by = fields.Text()
    attached_at = fields.When()
    withdrawn_by = fields.Text(allow_none=True)
    withdrawn_at = fields.When(allow_none=True)
    reason = fields.Text(max=2000, allow_none=True)


class AttachmentsSchema(fields.Schema):
    """Every attachment of a thing, oldest first."""

    items = fields.ListOf(fields.Nested(AttachmentSchema))


class AttachQuery(AttachSchema):
    """What is said of the file in the address; the body is the file."""

    name = fields.Text(max=attachments.TITLE_LENGTH, required=True, help="the file's own name")


def _listed(code: str, status: int = 200) -> Response:
    thing, by = bearer(code), actor()
    if not by.sees_names:
        raise NotAllowed(CODES_ONLY())
    items = [row(*pair) for pair in attachments.listed(thing)]
    replayed = session.info.pop("replayed", False)
    answer = make_response(AttachmentsSchema().dump({"items": items}), status)
    answer.headers["ETag"] = f'"{thing.version}"'
    if replayed:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _answers(*statuses: int) -> dict[str, str]:
    return {str(status): "DEFAULT_ERROR" for status in statuses}


_VERSION = {
    "in": "header", "name": "If-Match", "required": True, "schema": {"type": "string"},
    "description": "The ETag that was seen", "example": '"1"',
}  # fmt: skip
_ONCE = {
    "in": "header", "name": "Idempotency-Key", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]{1,200}$"},
    "description": "A repeated request with the same key acts once",
}  # fmt: skip
_SAID = [
    {"in": "query", "name": name, "required": True, "description": said,
     "schema": {"type": "string", "minLength": 1, "maxLength": attachments.TITLE_LENGTH}}
    for name, said in (("title", "what it is"), ("name", "the file's own name"))
]  # fmt: skip
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@api.route("/<code>", methods=["GET"])
@api.doc(operationId="attachments.list", summary="List what a thing bears.", responses=_answers(404))
@api.response(200, AttachmentsSchema)
def list_of(code: str) -> Response:
    """What a thing bears."""
    return _listed(code)


@api.route("/<code>", methods=["POST"])
@api.doc(
    operationId="attachments.attach", summary=attachments.attach.doc, parameters=[*_SAID, _VERSION, _ONCE],
    responses=_answers(400, 404, 409, 412, 422, 428, 503),
    requestBody={
        "required": True, "content": {"application/octet-stream": _BINARY},
        "description": "The file itself; its own type may be said as Content-Type",
    },
)  # fmt: skip
@api.arguments(AttachQuery, location="query")
@api.response(201, AttachmentsSchema)
def add_file(data: dict[str, Any], code: str) -> Response:
    """Attach the body."""
    thing, by = bearer(code), actor()
    must_hold(by, attachments.attach, thing)
    expected, key = expected_version(required=True), idempotency_key()
    if request.mimetype == "application/json":
        raise WrongMedia(JSON_ONLY_HERE())
    upload = attachments.received(data.pop("name"), request.content_type or "", request.get_data(cache=False))
    attachments.attach(thing, by=by, expected=expected, key=key, upload=upload, **data)
    return _listed(code, 201)


@api.route("/<code>/<int:number>", methods=["GET"])
@api.doc(
    operationId="attachments.content", summary="Fetch the content of an attachment.",
    responses=_answers(404, 409)
    | {"200": {"description": "The file", "content": {one.value: _BINARY for one in media.Media}}},
)  # fmt: skip
def get_content(code: str, number: int) -> Response:
    """The content of one attachment."""
    return _sent(bearer(code), number, shown=False)


@api.route("/<code>/<int:number>/withdraw", methods=["POST"])
@api.doc(
    operationId="attachments.withdraw", summary=attachments.withdraw.doc, parameters=[_VERSION, _ONCE],
    responses=_answers(400, 404, 409, 412, 422, 428, 503),
)  # fmt: skip
@api.arguments(act_schema(attachments.withdraw, WithdrawSchema))
@api.response(200, AttachmentsSchema)
def withdraw_one(data: dict[str, Any], code: str, number: int) -> Response:
    """Withdraw one attachment."""
    thing, by = bearer(code), actor()
    attachments.withdraw(
        thing, by=by, expected=expected_version(required=True), key=idempotency_key(), number=number,
        reason=data["reason"], happened_at=data.get("happened_at"),
    )  # fmt: skip
    return _listed(code)
