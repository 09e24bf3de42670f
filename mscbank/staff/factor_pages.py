"""One's own second factor, and the gate before everything else where one is demanded."""

import re
from typing import Any

import marshmallow as ma
from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask import session as cookie
from markupsafe import Markup

from mscbank.coding import qr
from mscbank.core.access import Principal, check_secret
from mscbank.core.canonical import digest
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, SignIn
from mscbank.core.fields import clean_text
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.web.here import actor, actor_or_none, find
from mscbank.core.web.problem import wants_json
from mscbank.core.web.signing import CONFIRMED, LONGEST_ANSWER, answer_before, challenged_by
from mscbank.staff import enrolling, factors, identities, passkeys, people, provider, signon, totp
from mscbank.staff.models import User

own = Blueprint("factor", "mscbank.staff")

NUMBERED = re.compile(r"passkey-([0-9]{1,6})")
OPEN_TO_ALL = frozenset(
    {"static", "staff.sign_out", "staff.sign_in", "staff.sign_in_code",
     "staff.sign_in_passkey", "staff.passkey_challenge", "home.choose_language",
     "provider.begin", "provider.answer", "provider.on", "provider.link", "emergency.open_one",
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


def origin() -> str:
    """The address that this browser shows; a passkey answers to no other."""
    configured: str = current_app.config["MSCBANK"]["MSCBANK_ORIGIN"]
    return (configured or request.host_url).rstrip("/")


challenged_by(lambda by, wanted: passkeys.to_sign(by, wanted, origin()))


def _ways(by: Principal) -> dict[str, Any]:
    """With what somebody shows who he is before anything is changed here."""
    here = provider.in_use()
    linked = here is not None and identities.is_linked(by.login, here.settings.issuer)
    return {
        "has_password": not linked or people.has_password(by.login),
        "sign_on": here.settings.name if here and linked else "",
    }


def _show(by: Principal, faults: dict[str, Any] | None = None, **more: Any) -> str:
    shown: dict[str, Any] = {"secret": None, "symbol": None, "confirming": False, "codes": None} | more
    keys = passkeys.held(by.login)
    used = passkeys.last_used([one.credential_id for one in keys])
    return render_template(
        "staff/second_factor.html", by=by, **_ways(by), faults=faults or {}, held=people.factors_of(by.login),
        left=factors.recovery_codes_left(by.login), must_enrol=by.must_enrol, app=factors.APP,
        passkeys=[(one, used.get(one.credential_id)) for one in keys], **shown,
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
    if (first := _sent_there(by)) is not None:
        return first
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
    """Make new recovery codes, or remove one's own app or a passkey, with the password and a code."""
    by = actor()
    if (first := _sent_there(by)) is not None:
        return first
    codes: list[str] | None = None
    try:
        _verify_again(by)
        if request.form.get("move") == "renew":
            codes, kept = factors.new_recovery_codes(by.login)
            enrolling.renew_recovery_codes(find(User, by.login), by=by, code_hashes=kept)
        elif number := NUMBERED.fullmatch(request.form.get("move", "")):
            enrolling.remove_passkey(
                find(User, by.login), by=by, number=int(number[1]), reason="removed by its owner"
            )
        else:
            enrolling.remove_app(find(User, by.login), by=by, reason="removed by its owner")
    except Refused as refused:
        session.rollback()
        return _show(by, _faults(refused)), refused.status
    if codes is not None:
        return _show(by, codes=codes)
    flash(str(_("It is removed")), "done")
    return redirect(url_for("factor.show"))


@own.post("/account/passkeys/options")
def passkey_options() -> Any:
    """What an authenticator is asked to make a passkey for this account."""
    return jsonify(passkeys.to_register(actor(), origin()))


@own.route("/account/passkeys/new", methods=["GET", "POST"])
def add_passkey() -> Any:
    """Add the passkey that the authenticator made, with the password, and the code where there is one."""
    by = actor()
    if request.method == "GET":
        return render_template("staff/new_passkey.html", held=by.factors, faults={}, name="", **_ways(by))
    if (first := _sent_there(by)) is not None:
        return first
    codes: list[str] = []
    kept: list[str] = []
    try:
        name = _name(request.form.get("name", ""))
        if not name:
            raise Invalid(faults={"name": [str(_("Give it a name by which you will know it again."))]})
        made = passkeys.registered(request.form.get("passkey", "")[:LONGEST_ANSWER], by.login)
        if made is None:
            raise Invalid(faults={"passkey": [str(_("The authenticator made no passkey. Try again."))]})
        _verify_again(by)
        if not by.factors:
            codes, kept = factors.new_recovery_codes(by.login)
        enrolling.add_passkey(
            find(User, by.login), by=by, name=name, credential_id=made.credential_id,
            public_key=made.public_key, code_hashes=kept,
        )  # fmt: skip
    except Refused as refused:
        session.rollback()
        name = request.form.get("name", "")[:80]
        page = render_template(
            "staff/new_passkey.html", held=by.factors, faults=_faults(refused), name=name, **_ways(by)
        )
        return page, refused.status
    flash(str(_("The passkey is added")), "done")
    return _show(_now(by), codes=codes) if codes else redirect(url_for("factor.show"))


def _name(typed: str) -> str:
    try:
        return clean_text(typed, longest=80)
    except ma.ValidationError as error:
        raise Invalid(faults={"name": error.messages}) from None


def _content(by: Principal) -> str:
    """What the provider confirms, where it takes the place of password and code."""
    return digest(f"person.change_factors:{by.login}")


def _sent_there(by: Principal) -> Any:
    """The way to the provider, where the form asks for it."""
    return answer_before(by, lambda: _content(by)) if request.method == "POST" else None


def _verify_again(by: Principal, *, code_as: str = "code") -> None:
    """The password, and the code of the second factor that there is: an open page alone changes nothing.

    Or the provider, that has recognised the person anew for this.
    """
    if request.form.get("provider_0") == CONFIRMED:
        signon.use_confirmed(by.session, by.login, _content(by))
        return
    if not check_secret(by.login, request.form.get("password", "")[:1024]):
        raise SignIn(faults={"password": [str(_("This is not your password."))]})
    if by.factors and not factors.check_code(by.login, request.form.get(code_as, "")[:200]):
        raise SignIn(faults={code_as: [str(_("This code is not right, or was used already."))]})


def _faults(refused: Refused) -> dict[str, Any]:
    return refused.faults or {"password": [refused.sentence]}


def _now(by: Principal) -> Principal:
    """The same person as the account now is."""
    return people.load(by.login) or by
