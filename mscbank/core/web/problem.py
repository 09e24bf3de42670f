"""One place answers what was refused: problem+json under the API (RFC 9457), a page or a form elsewhere."""

from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, redirect, render_template, request, url_for
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, SignIn
from mscbank.core.i18n import _, say

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"
UNEXPECTED = Refusal("unexpected", "Something went wrong here. Nothing was changed; the fault was noted.")


def wants_json() -> bool:
    """Whether the answer goes to a program."""
    return request.path.startswith("/api/") or request.path in ("/healthz", "/readyz")


def as_problem(refused: Refused) -> dict[str, Any]:
    """The members of the problem document."""
    body: dict[str, Any] = {
        "type": f"/errors#{refused.code}",
        "title": str(refused.title),
        "status": refused.status,
        "code": refused.code,
        "detail": refused.sentence,
        "obstacles": [obstacle.as_json() for obstacle in refused.obstacles],
    }
    if refused.faults:
        body["errors"] = {str(k): _plain(v) for k, v in refused.faults.items()}
    if refused.blocked_as:
        body["record"] = refused.blocked_as
    if "request_id" in g:
        body["request"] = g.request_id
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return say(value)


def problem(refused: Refused, headers: dict[str, str] | None = None) -> Response:
    """A refusal as problem+json."""
    g.refused = refused.code
    response = Response(orjson.dumps(as_problem(refused)), status=refused.status, content_type=CONTENT_TYPE)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.status in (429, 503):
        response.headers.setdefault("Retry-After", "2")
    return response


def _page(refused: Refused) -> BaseResponse | tuple[str, int]:
    g.refused = refused.code
    if isinstance(refused, SignIn) and request.method == "GET":
        return redirect(
            url_for("staff.sign_in", next=request.full_path if request.query_string else request.path)
        )
    note = {
        "title": str(refused.title),
        "why": refused.sentence,
        "code": refused.code,
        "who": [word for o in refused.obstacles for word in o.who_words] or None,
        "record": refused.blocked_as[:8] if refused.blocked_as else None,
    }
    return render_template("error.html", note=note, refused=note, status=refused.status), refused.status


def from_http(error: HTTPException) -> Refused:
    """What werkzeug and its friends refuse, in our words."""
    for kind in Refused.__subclasses__():
        if kind.status == error.code and kind.default is not None:
            return kind()
    made = Refused(Refusal(f"http.{error.code}", str(error.name) + ".")())
    made.__dict__["status"] = error.code or 500
    return made


def answer(refused: Refused) -> Any:
    """A refusal, to whoever asked."""
    session.rollback()
    return problem(refused) if wants_json() else _page(refused)


def init_app(app: Flask) -> None:
    """Answer every refusal, every HTTP error, and what nobody expected."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Any:
        return answer(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Any:
        if error.code is not None and 300 <= error.code < 400:
            return error
        made = from_http(error)
        headers = {"Allow": error.get_response().headers["Allow"]} if error.code == 405 else {}
        return problem(made, headers) if wants_json() else _page(made)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Any:
        session.rollback()
        busy = isinstance(error, DBAPIError) and error.connection_invalidated
        log.error("unexpected", kind=type(error).__name__, busy=busy, exc_info=app.debug or app.testing)
        if app.config.get("PROPAGATE_EXCEPTIONS"):
            raise error
        made = Refused(UNEXPECTED())
        made.__dict__["status"] = 503 if busy else 500
        made.__dict__["title"] = _("Try again") if busy else _("A fault on our side")
        return problem(made) if wants_json() else _page(made)
