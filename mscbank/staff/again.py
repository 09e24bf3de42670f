"""After the idle time: the secret alone goes on where one stopped, and nothing that was typed is lost.

The page asks in place (``static/js/idle.js``). Where it could not, because the form was sent by a browser
without scripts or from a page that slept, the form comes back with all that was typed, the version that was
seen and its idempotency key, and asks for the secret (NIST SP 800-63B-4, 2.2.3; WCAG 2.2, 2.2.5).
"""

import re
from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from flask import session as cookie
from werkzeug.wrappers import Response

from mscbank.core.access import check_secret
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.i18n import _
from mscbank.core.web.here import actor_or_none
from mscbank.staff import people

COOKIE = "sid"
SECRET = "again_secret"
WHOSE = "username"
"""Whose page asks: another person's secret does not open it, and another person's session keeps it locked."""
LEFT_OUT = re.compile(
    r"csrf_token|again_secret|secret|password|old|old_code|new|code|(secret|code|passkey|badge)_\d+"
)
"""Never sent back to a page: secrets are typed anew."""
OPEN = {"static", "staff.sign_in", "staff.sign_out", "staff.first_password", "staff.sign_in_code",
        "staff.passkey_challenge", "staff.sign_in_passkey", "home.choose_language",
        "home.refusals", "again.ask", "again.left"}  # fmt: skip
OURS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")
"""A path of ours: browsers take //host and /\\host for another one, and drop tabs and line ends first."""

again = Blueprint("again", "mscbank.staff")


def idle_time() -> timedelta:
    """After how long without a request a session asks for the secret again."""
    return timedelta(minutes=current_app.config["MSCBANK"].number("MSCBANK_IDLE_MINUTES"))


def life_time() -> timedelta:
    """How long a session lives at most."""
    return timedelta(hours=current_app.config["MSCBANK"].number("MSCBANK_SESSION_HOURS"))


def next_page() -> str:
    """Where to go after signing in: a page of ours, never another host."""
    wanted = request.values.get("next", "")[:500]
    return wanted if OURS.fullmatch(wanted) else url_for("home.home_page")


@again.before_app_request
def stop_the_idle() -> Any:
    """Ask whoever was idle for the secret; with the right one the request goes on as it was sent."""
    by_page = not request.path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))
    sid = cookie.get(COOKIE) if by_page else None
    if sid is None or request.endpoint in OPEN - {"again.ask"} or actor_or_none() is not None:
        return None
    login = people.idle_login(sid, idle_time(), life_time())
    if login is None:
        return None
    if request.endpoint == "again.ask" and _is_for_another(login):
        return _not_yours()
    if request.method == "POST":
        return _open_again(sid, login) if SECRET in request.form else _ask(login)
    if request.endpoint == "again.ask":
        return None
    return redirect(url_for("again.ask", next=request.full_path if request.query_string else request.path))


def _open_again(sid: str, login: str) -> Any:
    """Nothing when the secret is right: the view answers; otherwise the question once more."""
    try:
        right = check_secret(login, request.form[SECRET][:1024])
    except Refused as refused:
        session.rollback()
        return _ask(login, refused.sentence, refused.status)
    if not right:
        return _ask(login, str(_("This is not your password.")))
    people.go_on(sid)
    g.pop("actor", None)
    return None


def _ask(login: str, fault: str | None = None, status: int = 401) -> tuple[str, int]:
    """The question, with everything that was sent but secrets."""
    kept = [
        (name, value)
        for name, values in request.form.lists()
        if not LEFT_OUT.fullmatch(name)
        for value in values
    ]
    page = render_template(
        "staff/again.html", login=login, fault=fault, kept=kept, files=bool(request.files),
        action=request.full_path if request.query_string else request.path,
        is_form=request.endpoint != "again.ask",
    )  # fmt: skip
    return page, status


@again.route("/again", methods=["GET", "POST"])
def ask() -> Any:
    """Go on after the idle time: the secret alone, then the page where one stopped."""
    by = actor_or_none()
    if by is not None and _is_for_another(by.login):
        return _not_yours()
    if by is not None:
        asks = request.accept_mimetypes.best == "application/json"
        return Response(status=204) if asks else redirect(next_page())
    sid = cookie.get(COOKIE)
    login = people.idle_login(sid, idle_time(), life_time()) if sid else None
    if login is None:
        return redirect(url_for("staff.sign_in", next=next_page()))
    return render_template(
        "staff/again.html", login=login, fault=None, kept=[("next", next_page())], files=False,
        action=url_for("again.ask"), is_form=False,
    )  # fmt: skip


@again.get("/again/left")
def left() -> Any:
    """Seconds for which the session may still stand idle; asking does not prolong it."""
    sid = cookie.get(COOKIE)
    by = actor_or_none()
    if by is not None and _is_for_another(by.login):
        return _not_yours()
    seconds = people.time_left(sid, idle_time(), life_time()).total_seconds() if sid else 0
    return {"left": int(seconds)}


def _is_for_another(login: str) -> bool:
    return request.values.get(WHOSE, login) != login


def _not_yours() -> Response:
    """The page belongs to somebody who is not signed in here any more: it goes away unread."""
    return Response(status=409)
