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
from mscbank.core.errors import Refused, SignIn
from mscbank.core.i18n import _
from mscbank.core.web.here import actor_or_none
from mscbank.core.web.signing import LONGEST_ANSWER
from mscbank.staff import factors, identities, passkeys, people, provider
from mscbank.staff.factor_pages import origin

COOKIE = "sid"
SECRET, PASSKEY = "again_secret", "again_passkey"
WHOSE = "username"
"""Whose page asks: another person's secret does not open it, and another person's session keeps it locked."""
LEFT_OUT = re.compile(
    r"csrf_token|again_\w+|secret|password|old|old_code|new|code|ask|passkey|"
    r"(secret|code|passkey|badge|provider)_\d+"
)
"""Never sent back to a page: secrets are typed anew."""
OPEN = {"static", "staff.sign_in", "staff.sign_out", "staff.first_password", "staff.sign_in_code",
        "staff.passkey_challenge", "staff.sign_in_passkey", "home.choose_language",
        "provider.begin", "provider.begin_again", "provider.answer", "provider.on", "provider.link",
        "emergency.open_one", "home.refusals", "again.ask", "again.left",
        "again.passkey_challenge"}  # fmt: skip
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
    return ours(request.values.get("next", "")[:500])


def ours(wanted: str) -> str:
    """This address where it is one of ours, else the first page."""
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
        return _open_again(sid, login) if {SECRET, PASSKEY} & set(request.form) else _ask(login)
    if request.endpoint == "again.ask":
        return None
    return redirect(url_for("again.ask", next=request.full_path if request.query_string else request.path))


def _open_again(sid: str, login: str) -> Any:
    """Nothing when the secret is right: the view answers; otherwise the question once more."""
    try:
        right = _is_right(login)
    except Refused as refused:
        session.rollback()
        return _ask(login, refused.sentence, refused.status)
    if not right:
        return _ask(login, str(_("This is not your password.")))
    people.go_on(sid)
    g.pop("actor", None)
    return None


def _is_right(login: str) -> bool:
    """Whether the passkey answered, or the password is right."""
    if answer := request.form.get(PASSKEY, "")[:LONGEST_ANSWER]:
        return passkeys.answered(answer, passkeys.GO_ON) == login
    return check_secret(login, request.form.get(SECRET, "")[:1024])


def _ask(login: str, fault: str | None = None, status: int = 401) -> tuple[str, int]:
    """The question, with everything that was sent but secrets."""
    kept = [
        (name, value)
        for name, values in request.form.lists()
        if not LEFT_OUT.fullmatch(name)
        for value in values
    ]
    action = request.full_path if request.query_string else request.path
    return _question(login, fault, kept, action), status


def _question(login: str, fault: str | None, kept: list[tuple[str, str]], action: str) -> str:
    here = provider.in_use()
    linked = here is not None and identities.is_linked(login, here.settings.issuer)
    return render_template(
        "staff/again.html", login=login, fault=fault, kept=kept, files=bool(request.files), action=action,
        is_form=request.endpoint != "again.ask", has_password=people.has_password(login) or not linked,
        has_passkey=factors.PASSKEY in people.factors_of(login), next=next_page(),
        sign_on=here.settings.name if here and linked else "",
    )  # fmt: skip


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
    return _question(login, None, [("next", next_page())], url_for("again.ask"))


@again.post("/again/passkey/options")
def passkey_challenge() -> Any:
    """What a passkey is asked so that its owner goes on."""
    sid = cookie.get(COOKIE)
    login = people.idle_login(sid, idle_time(), life_time()) if sid else None
    if login is None:
        raise SignIn
    return passkeys.to_go_on(login, origin())


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
