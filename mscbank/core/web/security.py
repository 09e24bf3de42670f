"""Headers, tokens and limits that every answer carries."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask, g, request
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import Signer
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from mscbank.core import acts
from mscbank.core.access import Kind
from mscbank.core.db import session
from mscbank.core.errors import Malformed, NotAllowed, Refusal, TooMany
from mscbank.core.web.here import actor_or_none
from mscbank.core.web.origin import is_foreign, is_known
from mscbank.core.web.problem import answer, wants_json

log = structlog.get_logger()

FORM_TOKEN = Refusal(
    "form.token",
    "This form is too old or came from elsewhere. Open it again; what you typed is still in your browser.",
)

ELSEWHERE = Refusal(
    "request.elsewhere", "Another web site started this. Open mscbank itself and do it there."
)
HOST_UNKNOWN = Refusal("request.host", "This service does not go by the name that was asked for.")
IN_CLEAR = Refusal("request.in_clear", "This service is reached over TLS only (https://).")
TOO_MANY_TRIES = Refusal("sign_in.too_many", "Too many failed tries from here. Wait a minute.")

CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; script-src-attr 'none'; style-src 'self'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
CSP_DATA = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""For what a browser has nothing to run in: JSON, tables, plain text."""
DATA = ("application/json", "application/problem+json", "text/csv", "text/plain")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}

LARGER: dict[str, Callable[[], int]] = {}
"""Endpoint → the largest body that it takes from somebody who is known, in bytes."""

ALSO_TRIES: set[str] = set()
"""Endpoints that answer to GET and are tries to sign in all the same."""

UNLIMITED = {"health.alive", "health.ready", "health.metrics", "static"}

csrf = CSRFProtect()


def _who() -> str:
    by = actor_or_none()
    return by.login if by else request.remote_addr or "-"


def policy_of(mimetype: str) -> str:
    """The Content-Security-Policy of an answer of this kind."""
    return CSP_DATA if mimetype in DATA else CSP


class Cookie(SecureCookieSessionInterface):
    """The session's cookie, signed with SHA-256; the framework's own default is SHA-1."""

    digest_method = staticmethod(hashlib.sha256)


Signer.default_digest_method = staticmethod(hashlib.sha256)  # for the tokens of forms


class Tries:
    """Failed tries to sign in, counted by address: what slows down guessing across many log-ins."""

    def __init__(self, limit: str) -> None:
        self.limits, self.counter = parse_many(limit), FixedWindowRateLimiter(MemoryStorage())

    def refuse(self) -> None:
        """Refuse another try from an address that failed too often, before any password is hashed."""
        if self._is_try() and not all(self.counter.test(one, _address()) for one in self.limits):
            raise TooMany(TOO_MANY_TRIES())

    def count(self, status: int) -> None:
        """Count a try that failed."""
        if status == 401 and self._is_try():
            for one in self.limits:
                self.counter.hit(one, _address())

    @staticmethod
    def _is_try() -> bool:
        if request.endpoint in ALSO_TRIES:
            return True
        return request.method == "POST" and not wants_json() and actor_or_none() is None


def _address() -> str:
    return request.remote_addr or "-"


def init_app(
    app: Flask, *, rate_limit: str, sign_in_limit: str, secure: bool, hosts: list[str], tls_in_front: bool
) -> None:
    """Put headers, form tokens, rate limits and the request's id on every request; refuse strangers' ones.

    ``hosts`` are the names that are answered to (all when empty); ``tls_in_front`` says that a web server
    in front tells how it was reached.
    """
    app.session_interface = Cookie()
    tries = Tries(sign_in_limit)
    app.before_request(_begin)

    @app.before_request
    def guard() -> None:
        if request.endpoint in UNLIMITED:
            return
        if not is_known(request.host, hosts):
            raise Malformed(HOST_UNKNOWN())
        if tls_in_front and not request.is_secure:
            raise Malformed(IN_CLEAR())
        if is_foreign(request.method, request.headers, request.host):
            raise NotAllowed(ELSEWHERE())
        tries.refuse()

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
        tries.count(response.status_code)
        response.headers.setdefault("Content-Security-Policy", policy_of(response.mimetype))
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
            person=by.login if by and by.kind is Kind.PERSON else "-", address=_address(),
            refused=g.get("refused"), request=g.get("request_id"),
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
