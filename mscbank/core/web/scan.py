"""The scan box: takes anything, answers at once, goes where the thing is. It knows no step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, request, url_for
from marshmallow import fields as ma
from sqlalchemy import select
from werkzeug.wrappers import Response

from mscbank.coding import reader, short
from mscbank.coding.compound import Compound
from mscbank.coding.din import Din
from mscbank.coding.errors import CodeError
from mscbank.coding.sec import Sec
from mscbank.coding.types import TYPES
from mscbank.core import codes, fields
from mscbank.core.db import KINDS, Thing, session
from mscbank.core.errors import Missing, Obstacle
from mscbank.core.i18n import _
from mscbank.core.lifecycle import open_to
from mscbank.core.web.api import Blueprints
from mscbank.core.web.here import actor, answer_with

LONGEST = 2000

pages = Blueprint("scan", __name__)
api = Blueprints("api_scan", __name__, url_prefix="/api/v1/scan", description="The scan box")


@dataclass
class Read:
    """What a scan stands for: the thing and the print index that was read, or why nothing was found."""

    text: str
    thing: Any = None
    print_: int | None = None
    alarm: Obstacle | None = None
    unknown: str | None = None
    reason: str | None = None


def read(text: str, *, wristbands: bool = True) -> Read:
    """What a text stands for in the reader's sight; one from an address is never a wristband."""
    return resolve(text, actor().sees, wristbands=wristbands)


def resolve(
    text: str, sees: Callable[[str | None], bool] = lambda _site: True, *, wristbands: bool = True
) -> Read:
    """Resolve a scanned or typed text: short codes, DIN, ISBT 128, wristbands; never raises on any text."""
    answer = Read(text)
    reading = reader.read(text[:LONGEST])
    if isinstance(reading, short.ShortCode):
        model = KINDS.get(TYPES[reading.letter])
        answer.thing = session.scalar(select(model).where(model.code == reading.base)) if model else None
        answer.print_ = reading.print_
    elif isinstance(reading, Din):
        answer.thing = codes.by_din(reading.value)
    elif isinstance(reading, Compound) and reading.din is not None:
        answer.thing = codes.by_din(reading.din.value)
    elif isinstance(reading, Sec):
        answer.thing = codes.by_din(reading.donation)
    if answer.thing is None and wristbands:
        answer.thing = codes.by_wristband(text[:LONGEST].strip(), sees)
    if answer.thing is not None and not sees(answer.thing.site):
        answer.thing = None
    if answer.thing is None:
        reason = getattr(reading, "reason", None)
        answer.unknown = getattr(reason, "code", None) or "code.unknown"
        answer.reason = (
            reason_words(reason) if isinstance(reason, CodeError) else str(_("Nothing here has this code."))
        )
        return answer
    answer.alarm = codes.print_alarm(answer.thing, answer.print_)
    return answer


def reason_words(error: CodeError) -> str:
    """Why a code could not be read, in the reader's language."""
    return str(_(error.sentence, **error.values))


@pages.post("/scan")
def scan() -> Response:
    """Go where the scanned thing is."""
    answer = read(request.form.get("code", ""))
    if isinstance(answer.thing, Thing) and (found := codes.resolver(answer.thing.kind)):
        if answer.alarm:
            answer_with("stop", str(answer.alarm.sentence))
        return redirect(found.page(answer.thing))
    shown = "".join(c for c in answer.text[:40] if c.isprintable())
    answer_with(
        "unknown", str(_("Not one of our codes")),
        facts=str(_("Read: %(text)s. %(why)s", text=shown, why=answer.reason or "")),
        following=str(_("scan the square code on the thing, beside its number.")),
    )  # fmt: skip
    return redirect(
        request.referrer
        if request.referrer and request.referrer.startswith(request.host_url)
        else url_for("home.home_page")
    )


class ScanInput(fields.Schema):
    """What the gun, the camera or a person gave."""

    code = ma.String(required=True, validate=lambda text: len(text) <= LONGEST or None)


class ScanAnswer(fields.Schema):
    """What it stands for, and what is open to you there."""

    kind = ma.String()
    code = ma.String()
    print = ma.Integer(allow_none=True)
    page = ma.String()
    alarm = ma.Dict(allow_none=True)
    moves = ma.List(ma.Nested(fields.MoveSchema))


@api.route("", methods=["POST"])
@api.doc(responses={str(c): "DEFAULT_ERROR" for c in (400, 404, 422)})
@api.arguments(ScanInput)
@api.response(200, ScanAnswer)
def resolved(data: dict[str, Any]) -> dict[str, Any]:
    """Say what a scanned code stands for."""
    answer = read(data["code"])
    if not isinstance(answer.thing, Thing):
        raise Missing(Obstacle(answer.unknown or "code.unknown", _("%(why)s", why=answer.reason)))
    found = codes.resolver(answer.thing.kind)
    return {
        "kind": answer.thing.kind, "code": answer.thing.code, "print": answer.print_,
        "page": found.page(answer.thing) if found else None,
        "alarm": answer.alarm.as_json() if answer.alarm else None,
        "moves": [move.as_json() for move in open_to(answer.thing, actor())],
    }  # fmt: skip
