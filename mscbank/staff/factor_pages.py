"""One's own second factor: set up, confirmed, removed; the gate before everything else where it is demanded."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from markupsafe import Markup

from mscbank.coding import qr
from mscbank.core.access import Principal, check_secret
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, SignIn
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.web.here import actor, actor_or_none, find
from mscbank.core.web.problem import wants_json
from mscbank.staff import enrolling, factors, people, totp
from mscbank.staff.models import User

own = Blueprint("factor", "mscbank.staff")

OPEN_TO_ALL = frozenset(
    {"static", "staff.sign_out", "staff.sign_in", "staff.sign_in_code", "home.choose_language",
     "health.alive", "health.ready", "health.metrics"}
)  # fmt: skip
"""What stays open to somebody who must set up a second factor first, beside these pages themselves."""


@own.before_app_request
def enrol_first() -> Any:
    """Nothing but enrolling is open to whoever needs a second factor and has none."""
    if request.endpoint in OPEN_TO_ALL or request.blueprint == own.name:
        return None
    by = actor_or_none()
    if by is None or not by.must_enrol:
        return None
    if wants_json() or request.method != "GET":
        raise NotAllowed(factors.FACTOR_DEMANDED())
    return redirect(url_for("factor.show"))


def _show(by: Principal, faults: dict[str, Any] | None = None, **more: Any) -> str:
    shown: dict[str, Any] = {"secret": None, "symbol": None, "confirming": False, "codes": None} | more
    return render_template(
        "staff/second_factor.html", by=by, faults=faults or {}, held=people.factors_of(by.login),
        left=factors.recovery_codes_left(by.login), must_enrol=by.must_enrol, app=factors.APP, **shown,
    )  # fmt: skip


@own.get("/account/second-factor")
def show() -> str:
    """One's own second factor."""
    return _show(actor())


@own.post("/account/second-factor/begin")
def begin() -> str:
    """Show a fresh secret for an authenticator app, once."""
    by = actor()
    secret = factors.begin(by.login)
    made = instance()
    address = totp.address(secret, login=by.login, issuer=f"mscbank {made.name}"[:60])
    symbol = Markup(qr.svg(address, qr.Correction.M))  # noqa: S704 - made of an escaped text
    return _show(by, secret=totp.as_text(secret), symbol=symbol, confirming=True)


@own.post("/account/second-factor/confirm")
def confirm() -> Any:
    """Set the app up as second factor, with the password and a code that the app shows."""
    by = actor()
    try:
        _verify_again(by, code_as="old_code")
        step = factors.step_of_pending(by.login, request.form.get("code", "")[:200])
        if step is None:
            raise Invalid(faults={"code": [str(_("This is not the code that the app shows now."))]})
        codes, kept = factors.new_recovery_codes(by.login)
        enrolling.enrol_app(find(User, by.login), by=by, step=step, code_hashes=kept)
    except Refused as refused:
        session.rollback()
        return _show(by, _faults(refused), confirming=True), refused.status
    people.end_other_sessions(by.login, cookie.get("sid"))
    return _show(_now(by), codes=codes)


@own.post("/account/second-factor/change")
def change() -> Any:
    """Make new recovery codes, or remove one's own app, with the password and a code."""
    by = actor()
    codes: list[str] | None = None
    try:
        _verify_again(by)
        if request.form.get("move") == "renew":
            codes, kept = factors.new_recovery_codes(by.login)
            enrolling.renew_recovery_codes(find(User, by.login), by=by, code_hashes=kept)
        else:
            enrolling.remove_app(find(User, by.login), by=by, reason="removed by its owner")
    except Refused as refused:
        session.rollback()
        return _show(by, _faults(refused)), refused.status
    if codes is not None:
        return _show(by, codes=codes)
    flash(str(_("The authenticator app is removed")), "done")
    return redirect(url_for("factor.show"))


def _verify_again(by: Principal, *, code_as: str = "code") -> None:
    """The password, and the code of the second factor that there is: an open page alone changes nothing."""
    if not check_secret(by.login, request.form.get("password", "")[:1024]):
        raise SignIn(faults={"password": [str(_("This is not your password."))]})
    if by.factors and not factors.check_code(by.login, request.form.get(code_as, "")[:200]):
        raise SignIn(faults={code_as: [str(_("This code is not right, or was used already."))]})


def _faults(refused: Refused) -> dict[str, Any]:
    return refused.faults or {"password": [refused.sentence]}


def _now(by: Principal) -> Principal:
    """The same person as the account now is."""
    return people.load(by.login) or by
