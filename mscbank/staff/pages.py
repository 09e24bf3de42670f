"""Signing in and out, one's own account, and the administrator's pages."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask import session as cookie
from sqlalchemy import select
from werkzeug.wrappers import Response

from mscbank.core import codes
from mscbank.core.access import ROLE_WORDS, Principal, Role, check_secret
from mscbank.core.clock import now
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused, SignIn, invalid
from mscbank.core.fields import clean_text
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.masters import MasterKey
from mscbank.core.web.filters import local
from mscbank.core.web.here import actor, actor_or_none, find, identified_by
from mscbank.core.web.pages import Pages
from mscbank.core.web.signing import LONGEST_ANSWER
from mscbank.staff import (
    actions,
    emergency,
    emergency_pages,
    enrolling,
    factor_pages,
    factors,
    identities,
    passkeys,
    passwords,
    people,
    presence,
    provider,
    provider_pages,
    schemas,
    secrets,
    sessions,
    station_pages,
    views,
    vouching,
)
from mscbank.staff.again import COOKIE, again, idle_time, life_time, next_page
from mscbank.staff.badge_pages import badges, stands
from mscbank.staff.entering import enter
from mscbank.staff.keys import sign_check
from mscbank.staff.models import Badge, RoleGrant, Site, User
from mscbank.staff.review_pages import reviews

HALF = "half"
HALF_LIVES = timedelta(minutes=5)
"""How long a right password waits for the code."""
UNTOUCHED = ("again.left", "provider.confirmed")
"""What a page asks by itself: it does not prolong the session."""
TOKEN_DAYS = ("7", "30", "90", "365")
LOOK_INTO = (Role.ADMIN, Role.QA, Role.AUDITOR, Role.INSPECTOR)
"""Who sees where somebody else is signed in and which tokens he has."""

own = Blueprint("staff", "mscbank.staff")


class Accounts(Pages):
    """The pages of accounts; what is done about emergency accounts alone is offered there alone."""

    def moves(self, thing: Any, by: Principal) -> list[dict[str, Any]]:
        """What this person may do here."""
        offered = super().moves(thing, by)
        return [one for one in offered if thing.is_emergency or one["name"] != emergency.review_seal.name]

    def uses(self, user: User) -> list[list[str]]:
        """Every seal of an emergency account, in the words of its table."""
        return [emergency_pages.told(one) for one in emergency.uses(user)]

    def since(self, user: User) -> str | None:
        """The civil day on which its seal in force was opened."""
        seal = emergency.in_force(user)
        opened = seal.opened_at if seal is not None else None
        return opened.astimezone(ZoneInfo(instance().zone)).date().isoformat() if opened else None


accounts = Accounts("staff", User, path="people", title=_("People"))
sites = Pages("staff", Site, path="sites", title=_("Sites"))
keys = Pages("staff", MasterKey, path="keys", title=_("Master keys"))
all_pages = [
    own,
    factor_pages.own,
    provider_pages.own,
    emergency_pages.own,
    station_pages.own,
    accounts,
    sites,
    keys,
    again,
    badges,
    reviews,
]


def identify() -> Principal | None:
    """Who sent this request: a bearer token under the API, the session's cookie elsewhere."""
    if request.path.startswith("/api/"):
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        return people.by_token(token) if kind.lower() == "bearer" and 0 < len(token) < 200 else None
    sid: str | None = cookie.get(COOKIE)
    return (
        people.by_session(sid, idle_time(), life_time(), touch=request.endpoint not in UNTOUCHED)
        if sid
        else None
    )


identified_by(identify)


@own.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Sign in."""
    login = request.form.get("login", "").strip()[:80]
    fault, status = None, 200
    if request.method == "POST":
        try:
            right = check_secret(login, request.form.get("password", "")[:1024])
            found = people.load(login) if right else None
            if found is None:
                raise SignIn
        except Refused as refused:
            session.rollback()
            if refused.code == secrets.TEMPORARY.code:
                return redirect(url_for("staff.first_password", login=login))
            fault, status = _why(refused), refused.status
        else:
            if found.emergency:
                return redirect(url_for("emergency.open_one", login=login, next=next_page()))
            if found.factors:
                cookie[HALF] = [found.login, now().isoformat()]
                return redirect(url_for("staff.sign_in_code", next=next_page()))
            return enter(found.login, next_page())
    return _asked(login, fault=fault), status


def _asked(login: str = "", **more: Any) -> str:
    """The page that asks who one is."""
    here = provider.in_use()
    return render_template(
        "staff/sign_in.html", login=login, next=next_page(), demonstration=_cast(),
        sign_on=here.settings.name if here else "", **more,
    )  # fmt: skip


def _half() -> Principal | None:
    """Whose password was right a moment ago in this browser, and has not been changed since."""
    login, when = cookie.get(HALF) or ("", "")
    if not login:
        return None
    at = datetime.fromisoformat(when)
    if not timedelta(0) <= now() - at <= HALF_LIVES or secrets.changed_since(login, at):
        return None
    return people.load(login)


@own.route("/sign-in/code", methods=["GET", "POST"])
def sign_in_code() -> Any:
    """Sign in, the second step: the code of the second factor."""
    found = _half()
    if found is None:
        cookie.pop(HALF, None)
        return redirect(url_for("staff.sign_in", next=next_page()))
    fault, status = None, 200
    if request.method == "POST":
        try:
            if not factors.check_code(found.login, request.form.get("code", "")[:200]):
                raise SignIn(vouching.WRONG_CODE())
        except Refused as refused:
            session.rollback()
            wrong = isinstance(refused, SignIn)
            fault = str(_("This code is not right, or was used already.")) if wrong else refused.sentence
            status = refused.status
        else:
            return enter(found.login, next_page())
    return render_template("staff/sign_in_code.html", fault=fault, next=next_page()), status


@own.post("/sign-in/passkey/options")
def passkey_challenge() -> Response:
    """What a passkey is asked so that its owner signs in."""
    return jsonify(passkeys.to_sign_in(factor_pages.origin()))


@own.post("/sign-in/passkey")
def sign_in_passkey() -> Any:
    """Sign in with a passkey alone: its authenticator has verified who holds it."""
    login = passkeys.answered(request.form.get("passkey", "")[:LONGEST_ANSWER], passkeys.SIGN_IN)
    found = people.load(login) if login else None
    if found is not None:
        return enter(found.login, next_page(), begun_by=people.PASSKEY)
    return _asked(fault=None, failed=str(_("This passkey opens nothing here."))), 401


def _why(refused: Refused) -> str:
    return str(_("Log-in or password is not right.")) if isinstance(refused, SignIn) else refused.sentence


@own.route("/first-password", methods=["GET", "POST"])
def first_password() -> Any:
    """Choose one's own password, with the one that was handed over."""
    login = request.values.get("login", "").strip()[:80]
    faults: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            _choose(login, request.form.get("old", "")[:1024], request.form.get("new", "")[:1024])
        except Refused as refused:
            session.rollback()
            named = {("new" if name == "password" else name): text for name, text in refused.faults.items()}
            faults, status = named or {"old": [_why(refused)]}, refused.status
        else:
            flash(str(_("Your password is set. Sign in with it.")), "done")
            return redirect(url_for("staff.sign_in"))
    return render_template("staff/first_password.html", login=login, faults=faults), status


def _choose(login: str, old: str, new: str) -> None:
    """Put one's own password in the place of another."""
    by = people.load(login) if secrets.verify(login, old) else None
    if by is None:
        raise SignIn
    here = actor_or_none()
    if here is not None and here.login == login:
        by = here
    if new == old:
        raise Invalid(faults={"new": [str(_("Take another one than the old one."))]})
    passwords.judge(login, new, printed_name=by.printed_name)
    secrets.prepare(login, new)
    actions.set_password(session.scalars(select(User).where(User.code == login)).one(), by=by)


def _cast() -> list[tuple[str, str]]:
    config = current_app.config["MSCBANK"]
    if not config.demonstration:
        return []
    rows = session.execute(
        select(User.code, RoleGrant.role)
        .join(RoleGrant, RoleGrant.person_id == User.id)
        .order_by(RoleGrant.id)
    )
    found: dict[str, list[str]] = {}
    for login, role in rows:
        found.setdefault(login, []).append(str(ROLE_WORDS[role]))
    return [(login, ", ".join(roles)) for login, roles in found.items()]


@own.post("/sign-out")
def sign_out() -> Response:
    """Sign out: the session ends on the server too."""
    by = actor_or_none()
    if token := cookie.get(COOKIE):
        idle = None if by else people.idle_login(token, idle_time(), life_time())
        by = people.load(idle) if idle else by
        people.end_session(token)
    if by is not None:
        presence.end_on_leaving(by)
    cookie.pop(COOKIE, None)
    return redirect(url_for("staff.sign_in"))


@own.get("/account")
def account() -> Any:
    """One's own account: roles, tokens, password."""
    user = find(User, actor().login)
    return _shown(user)


def _shown(user: User, *, faults: dict[str, Any] | None = None, token: str | None = None) -> str:
    return render_template(
        "staff/account.html", user=user, faults=faults or {}, token=token, **_account(user)
    )


def _account(user: User) -> dict[str, Any]:
    return {
        "tokens": sessions.tokens(user),
        "sessions": sessions.open_sessions(user.code, life_time(), actor().session),
        "standing": presence.standing_at(user), "factors": factors.words(people.factors_of(user.code)),
        "has_password": people.has_password(user.code), "linked": identities.of(user),
    }  # fmt: skip


@own.post("/account/password")
def change_password() -> Any:
    """Change one's own password: the old one first."""
    by = actor()
    user = find(User, by.login)
    faults: dict[str, Any] = {}
    try:
        _choose(by.login, request.form.get("old", "")[:1024], request.form.get("new", "")[:1024])
    except Refused as refused:
        session.rollback()
        named = {("new" if name == "password" else name): text for name, text in refused.faults.items()}
        wrong = _("This is not your password.") if isinstance(refused, SignIn) else refused.sentence
        faults = named or {"old": [str(wrong)]}
        return _shown(user, faults=faults), refused.status
    flash(str(_("Your password is changed")), "done")
    return redirect(url_for("staff.account"))


def _typed(name: str, longest: int) -> str:
    """What was typed into a field of one's account; what cannot be kept is refused (422) at its field."""
    try:
        return clean_text(request.form.get(name, ""), longest=longest)
    except ma.ValidationError as error:
        raise invalid(**{name: error.messages}) from None


@own.post("/account/sessions/end")
def end_own_sessions() -> Response:
    """End one of one's own sessions, or all the others."""
    by = actor()
    handle = _typed("handle", 16) or None
    actions.end_own_sessions(find(User, by.login), by=by, handle=handle)
    flash(str(_("Signed out there")), "done")
    return redirect(url_for("staff.account"))


@own.post("/account/tokens")
def make_token() -> Any:
    """Make an API token; it is shown once."""
    by = actor()
    user = find(User, by.login)
    token, kept = actions.new_token()
    label = _typed("label", 80) or "token"
    scopes = "read" if request.form.get("scopes") == "read" else "read write"
    if only := _typed("only", 190).split():
        scopes = " ".join(["read", *only])
    days = request.form.get("days", "")
    actions.issue_token(
        user,
        by=by,
        label=label,
        scopes=scopes,
        token_hash=kept,
        expires_at=now() + timedelta(days=int(days) if days in TOKEN_DAYS else 90),
    )
    return _shown(user, token=token)


@own.post("/account/tokens/<int(max=1000000):number>/revoke")
def drop_token(number: int) -> Response:
    """Revoke one of one's own tokens."""
    by = actor()
    actions.revoke_token(find(User, by.login), by=by, number=number, reason="revoked by its owner")
    flash(str(_("The token is revoked")), "done")
    return redirect(url_for("staff.account"))


@own.post("/people/<code>/password")
def give_password(code: str) -> Any:
    """Give somebody a password that opens nothing but the way to his own; it is shown once."""
    by = actor()
    user = find(User, code)
    given = secrets.temporary()
    if by.holds(Role.ADMIN, user.site) and by.login != user.code:
        secrets.prepare(user.code, given)
    actions.set_password(user, by=by)
    return render_template("staff/given_password.html", user=user, given=given)


def _roles(user: User, by: Principal) -> dict[str, Any]:
    rows = session.scalars(select(RoleGrant).where(RoleGrant.person_id == user.id).order_by(RoleGrant.number))
    moment = now()
    facts = [
        (str(ROLE_WORDS[g.role]), g.at.name if g.at else str(_("all sites")),
         str(_("ended")) if g.ends_at is not None and g.ends_at <= moment else None)
        for g in rows
    ]  # fmt: skip
    held = factors.words(people.factors_of(user.code))
    facts.append((str(_("Second factor")), held, None))
    facts += [
        (
            str(_("Sign-on provider")),
            f"{one.issuer} · {one.subject}",
            str(_("ended")) if one.ended_at else None,
        )
        for one in identities.of(user)
    ]
    may_give = by.holds(Role.ADMIN, user.site) is not None and by.login != user.code
    looks = by.login == user.code or by.holds(LOOK_INTO) is not None
    return {
        "facts": [(str(_("Log-in")), user.code), *facts], "may_give_password": may_give,
        "sessions": sessions.open_sessions(user.code, life_time()) if looks else None,
        "tokens": sessions.tokens(user) if looks else None,
        "uses": accounts.uses(user) if user.is_emergency else [],
        "badges": list(session.scalars(select(Badge).where(Badge.person_id == user.id).order_by(Badge.id))),
        "may_issue": by.holds(Role.ADMIN, user.site) is not None, "badge_stands": stands,
    }  # fmt: skip


accounts.lists(columns=[(_("Name"), lambda u: u.printed_name), (_("Log-in"), lambda u: u.code),
                        (_("State"), lambda u: type(u).lives["state"].word(u.state))])  # fmt: skip
accounts.shows(context=_roles)
accounts.creates(actions.register, schemas.RegisterSchema, label=_("Give somebody an account"))
accounts.acts(actions.grant_role, schemas.RoleSchema, at="roles", label=_("Give a role"))
accounts.acts(actions.end_role, schemas.EndRoleSchema, at="end-role", label=_("End a role"))
accounts.acts(actions.end_sessions, label=_("End all sessions"))
accounts.acts(
    actions.revoke_token, schemas.TokenNumberSchema, at="revoke-token", label=_("Revoke an API token")
)
accounts.acts(identities.unlink, at="unlink", label=_("End the link to the sign-on provider"))
accounts.acts(enrolling.reset_factors, label=_("Take away the second factor"))
accounts.acts(
    emergency.review_seal, schemas.FindingSchema, at="review-use", label=_("Review the use of the account")
)
accounts.acts(actions.disable)
accounts.acts(actions.enable)

sites.lists(
    columns=[(_("Site"), lambda s: s.name), (_("Code"), lambda s: s.code), (_("Time zone"), lambda s: s.zone)]
)
sites.shows(context=lambda s, _by: {"facts": views.of_site(s)})
sites.creates(actions.open_site, schemas.OpenSiteSchema, label=_("Open a site"))
sites.acts(
    actions.set_formats, schemas.FormatsSchema, at="formats", label=_("Set the forms of the identifiers")
)

keys.lists(
    columns=[
        (_("Key"), lambda k: k.code), (_("In force since"), lambda k: local(k.introduced_at)),
        (_("Shares read back"), lambda k: k.shares_read or "–"),
    ]
)  # fmt: skip
keys.shows(
    context=lambda k, _by: {"facts": views.of_key(k)}, finding=lambda k: _("Key %(code)s", code=k.code)
)
keys.acts(sign_check, at="sign-check", label=_("Sign the yearly check of the keys"))

codes.resolves("badge", page=badges.url)
