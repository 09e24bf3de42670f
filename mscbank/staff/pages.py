"""Signing in and out, one's own account, and the administrator's pages."""

import re
from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask import session as cookie
from sqlalchemy import select
from werkzeug.wrappers import Response

from mscbank.core import codes
from mscbank.core.access import ROLE_WORDS, Principal, Role, check_secret
from mscbank.core.clock import now
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused, SignIn
from mscbank.core.fields import clean_text
from mscbank.core.i18n import _
from mscbank.core.web.here import actor, find, identified_by
from mscbank.core.web.pages import Pages
from mscbank.staff import actions, people, schemas, secrets
from mscbank.staff.models import ApiToken, RoleGrant, Site, User

COOKIE = "sid"
TOKEN_DAYS = 90
OURS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")
"""A path of ours: browsers take //host and /\\host for another one, and drop tabs and line ends first."""

own = Blueprint("staff", "mscbank.staff")
accounts = Pages("staff", User, path="people", title=_("People"))
sites = Pages("staff", Site, path="sites", title=_("Sites"))
all_pages = [own, accounts, sites]


def identify() -> Principal | None:
    """Who sent this request: a bearer token under the API, the session's cookie elsewhere."""
    if request.path.startswith("/api/"):
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        return people.by_token(token) if kind.lower() == "bearer" and 0 < len(token) < 200 else None
    sid: str | None = cookie.get(COOKIE)
    idle = timedelta(minutes=current_app.config["MSCBANK"].number("MSCBANK_IDLE_MINUTES"))
    return people.by_session(sid, idle) if sid else None


identified_by(identify)


def _next_page() -> str:
    """Where to go after signing in: a page of ours, never another host."""
    wanted = request.values.get("next", "")[:500]
    return wanted if OURS.fullmatch(wanted) else url_for("home.home_page")


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
            language = cookie.get("language")
            if before := cookie.get(COOKIE):
                people.end_session(before)
            cookie.clear()
            if language:
                cookie["language"] = language
            cookie[COOKIE] = people.open_session(found.login, request.remote_addr or "-")
            return redirect(_next_page())
    return render_template(
        "staff/sign_in.html", login=login, fault=fault, next=_next_page(), demonstration=_cast()
    ), status


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
    if new == old:
        raise Invalid(faults={"new": [str(_("Take another one than the old one."))]})
    secrets.prepare(login, new)
    actions.set_password(session.scalars(select(User).where(User.code == login)).one(), by=by)
    people.end_other_sessions(login, cookie.get(COOKIE))


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
    if token := cookie.get(COOKIE):
        people.end_session(token)
    cookie.pop(COOKIE, None)
    return redirect(url_for("staff.sign_in"))


@own.get("/account")
def account() -> Any:
    """One's own account: roles, tokens, password."""
    user = find(User, actor().login)
    return render_template("staff/account.html", user=user, faults={}, token=None, **_account(user))


def _account(user: User) -> dict[str, Any]:
    tokens = session.scalars(
        select(ApiToken).where(ApiToken.person_id == user.id).order_by(ApiToken.number)
    ).all()
    return {"tokens": tokens, "now": now()}


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
        page = render_template("staff/account.html", user=user, faults=faults, token=None, **_account(user))
        return page, refused.status
    flash(str(_("Your password is changed")), "done")
    return redirect(url_for("staff.account"))


@own.post("/account/tokens")
def make_token() -> Any:
    """Make an API token; it is shown once."""
    by = actor()
    user = find(User, by.login)
    token, kept = actions.new_token()
    label = clean_text(request.form.get("label", ""), longest=80) or "token"
    scopes = "read" if request.form.get("scopes") == "read" else "read write"
    actions.issue_token(
        user,
        by=by,
        label=label,
        scopes=scopes,
        token_hash=kept,
        expires_at=now() + timedelta(days=TOKEN_DAYS),
    )
    return render_template("staff/account.html", user=user, faults={}, token=token, **_account(user))


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
    may_give = by.holds(Role.ADMIN, user.site) is not None and by.login != user.code
    return {"facts": [(str(_("Log-in")), user.code), *facts], "may_give_password": may_give}


accounts.lists(columns=[(_("Name"), lambda u: u.printed_name), (_("Log-in"), lambda u: u.code),
                        (_("State"), lambda u: type(u).lives["state"].word(u.state))])  # fmt: skip
accounts.shows(context=_roles)
accounts.creates(actions.register, schemas.RegisterSchema, label=_("Give somebody an account"))
accounts.acts(actions.grant_role, schemas.RoleSchema, at="roles", label=_("Give a role"))
accounts.acts(actions.end_role, schemas.EndRoleSchema, at="end-role", label=_("End a role"))
accounts.acts(actions.disable)
accounts.acts(actions.enable)

sites.lists(
    columns=[(_("Site"), lambda s: s.name), (_("Code"), lambda s: s.code), (_("Time zone"), lambda s: s.zone)]
)
sites.shows(context=lambda s, _by: {"facts": [(str(_("Code")), s.code), (str(_("Time zone")), s.zone)]})
sites.creates(actions.open_site, schemas.OpenSiteSchema, label=_("Open a site"))

codes.resolves("badge", page=lambda badge: accounts.url(badge.person))
