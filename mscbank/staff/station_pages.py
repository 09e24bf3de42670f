"""This browser as a shared station: who is present, how presence is opened and ended (decision 34)."""

import re
import secrets as random_secrets
from typing import Any

import marshmallow as ma
from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mscbank.core.access import Principal, check_secret
from mscbank.core.access import load as load_principal
from mscbank.core.canonical import digest
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused, SignIn, invalid
from mscbank.core.fields import clean_text
from mscbank.core.i18n import _
from mscbank.core.signatures import WRONG_SECRET, Signer, prove
from mscbank.core.web.here import actor
from mscbank.core.web.signing import LONGEST_LOGIN, LONGEST_SECRET, Station, stationed_by
from mscbank.staff import factors, presence
from mscbank.staff.models import Presence

own = Blueprint("station", "mscbank.staff")

COOKIE_DAYS = 400
"""As long as browsers keep a cookie; each opening of presence begins anew."""
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def _cookie() -> str:
    return "__Host-station" if current_app.config["SESSION_COOKIE_SECURE"] else "station"


def _token() -> str | None:
    """What this browser keeps and no other one has."""
    found = request.cookies.get(_cookie(), "")
    return found if TOKEN.fullmatch(found) else None


def _browser() -> str | None:
    token = _token()
    return digest(token) if token else None


def here() -> Station:
    """The station that the browser of this request is."""
    browser = _browser()
    standing = presence.standing_in(browser)
    name = standing[0].station if standing else presence.last_name_of(browser)
    present = {one.person.code: one.person.printed_name for one in standing}
    return Station(name, browser, present, url_for("station.show"))


stationed_by(here)


def _shown(faults: dict[str, Any] | None = None) -> str:
    browser = _browser()
    standing = presence.standing_in(browser)
    name = standing[0].station if standing else presence.last_name_of(browser)
    return render_template(
        "staff/station.html", standing=standing, name=name, typed=request.form, faults=faults or {},
        asks_code=factors.anybody_has_one(), by=actor(),
    )  # fmt: skip


@own.get("/station")
def show() -> str:
    """Who is present at this station."""
    actor()
    return _shown()


@own.post("/station/stand")
def stand() -> Any:
    """Open presence here: whoever it is types log-in, password and code, beside whoever is signed in."""
    actor()
    token = _token() or random_secrets.token_urlsafe(32)
    try:
        station = _station_name()
        person, secret = _person()
        inputs: dict[str, Any] = {"station": station, "browser": digest(token)}
        signer = Signer(person, "present", secret, code=request.form.get("code", "")[:LONGEST_SECRET])
        user, opens = presence.user_of(person), presence.open_presence
        proofs = prove(opens.name, user, signer, content=None, inputs=inputs)
        opens(user, by=person, proofs=proofs, **inputs)
    except Refused as refused:
        session.rollback()
        return _shown(refused.faults or {_field_of(refused): [refused.sentence]}), refused.status
    words = _("%(name)s is present at %(station)s", name=person.printed_name, station=station)
    flash(str(words), "done")
    answer: Response = redirect(url_for("station.show"))
    answer.set_cookie(
        _cookie(), token, max_age=COOKIE_DAYS * 86_400, httponly=True, samesite="Strict",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )  # fmt: skip
    return answer


def _station_name() -> str:
    try:
        station = clean_text(request.form.get("station", ""), longest=80)
    except ma.ValidationError as error:
        raise Invalid(faults={"station": error.messages}) from None
    if not station:
        raise invalid(station=[_("Say which station it is.")])
    return station


def _person() -> tuple[Principal, str]:
    """Who wants to stand here; the password is verified with the signature."""
    login = request.form.get("login", "").strip()[:LONGEST_LOGIN]
    secret = request.form.get("secret", "")[:LONGEST_SECRET]
    found = load_principal(login)
    if found is None:
        check_secret(login, secret)
        raise SignIn(WRONG_SECRET())
    return found, secret


def _field_of(refused: Refused) -> str:
    if refused.code.startswith("person.station"):
        return "station"
    return "code" if "code" in refused.code else "secret"


@own.post("/station/leave")
def leave() -> Response:
    """End presence here, one's own or that of somebody who went away."""
    by, browser = actor(), _browser()
    login = request.form.get("login", "")[:LONGEST_LOGIN]
    found = next((one for one in presence.standing_in(browser) if one.person.code == login), None)
    if found is None and login == by.login:
        found = presence.standing_at(presence.user_of(by))
    if found is not None:
        _leave(found, by, browser)
    return redirect(url_for("station.show"))


def _leave(standing: Presence, by: Principal, browser: str | None) -> None:
    name, station = standing.person.printed_name, standing.station
    presence.close_presence(standing.person, by=by, station=station, browser=browser)
    flash(str(_("%(name)s left %(station)s", name=name, station=station)), "done")
