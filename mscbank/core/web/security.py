"""Headers, tokens and limits that every answer carries."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask, g, request
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFError, CSRFProtect

from mscbank.core import acts
from mscbank.core.access import Kind
from mscbank.core.db import session
from mscbank.core.errors import Malformed, Refusal
from mscbank.core.web.here import actor_or_none
from mscbank.core.web.problem import answer

log = structlog.get_logger()

FORM_TOKEN = Refusal(
    "form.token",
    "This form is too old or came from elsewhere. Open it again; what you typed is still in your browser.",
)

CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

LARGER: dict[str, Callable[[], int]] = {}
"""Endpoint → the largest body that it takes from somebody who is known, in bytes."""

UNLIMITED = {"health.alive", "health.ready", "health.metrics", "static"}

csrf = CSRFProtect()


def _who() -> str:
    by = actor_or_none()
    return by.login if by else request.remote_addr or "-"


def init_app(app: Flask, *, rate_limit: str, secure: bool) -> None:
    """Put headers, form tokens, rate limits and the request's id on every request."""
    app.before_request(_begin)
    app.teardown_request(_end)
    app.config.update(WTF_CSRF_TIME_LIMIT=None)
    csrf.init_app(app)
    limiter = Limiter(
        _who, app=app, default_limits=[rate_limit], storage_uri="memory://", headers_enabled=True
    )
    limiter.request_filter(lambda: request.endpoint in UNLIMITED)

    @app.errorhandler(CSRFError)
    def token_missing(_error: CSRFError) -> Any:
        return answer(Malformed(FORM_TOKEN()))

    @app.after_request
    def add(response: Any) -> Any:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-Id"] = g.get("request_id", "-")
        by = g.get("actor")
        log.info(
            "request", method=request.method, route=str(request.url_rule or "-"), status=response.status_code,
            person=by.login if by and by.kind is Kind.PERSON else "-", request=g.get("request_id"),
        )  # fmt: skip
        return response


def _begin() -> None:
    g.request_id = uuid4().hex
    g.in_request = acts.request(g.request_id)
    g.in_request.__enter__()
    larger = LARGER.get(request.endpoint or "")
    if larger is not None and request.method == "POST" and actor_or_none() is not None:
        request.max_content_length = larger()


def _end(_error: BaseException | None) -> None:
    if (entered := g.pop("in_request", None)) is not None:
        entered.__exit__(None, None, None)
    session.remove()
