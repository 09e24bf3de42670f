"""Sign-on at the OpenID provider: the way there, the way back, and linking an account.

The way there begins with a press of a button and is a page of ours that leads on, because a form may lead
to no other site (``form-action``). The way back is a request that another site starts, to which browsers
add no strict cookie: it is judged by a cookie of its own, shows no form, touches no session, and leads on
to a page of ours.
"""

from typing import Any

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask import session as cookie
from werkzeug.wrappers import Response

from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.errors import Refused, SignIn
from mscbank.core.i18n import _
from mscbank.core.web.here import actor
from mscbank.core.web.security import ALSO_TRIES
from mscbank.core.web.signing import confirmed_by
from mscbank.staff import factors, identities, people, provider, secrets, signon
from mscbank.staff.again import COOKIE, idle_time, life_time, next_page, ours
from mscbank.staff.entering import enter
from mscbank.staff.factor_pages import origin
from mscbank.staff.models import User
from mscbank.staff.signon import GO_ON, SIGN, SIGN_IN, Wanted

own = Blueprint("provider", "mscbank.staff")
ALSO_TRIES.add("provider.answer")


def _cookie_name() -> str:
    """No page of another host sets it, behind TLS."""
    return "__Host-provider" if current_app.config["SESSION_COOKIE_SECURE"] else "provider"


def _browser() -> str | None:
    found = request.cookies.get(_cookie_name(), "")
    return found if signon.SECRET.fullmatch(found) else None


def _redirect_uri() -> str:
    return origin() + url_for("provider.answer")


def lead_there(wanted: Wanted) -> Response:
    """A page that leads on to the provider, and the cookie by which this browser is known on its return."""
    browser = _browser() or signon.fresh()
    address = signon.begin(wanted, browser, _redirect_uri(), life_time())
    page = render_template("staff/provider_there.html", address=address, name=signon.ready().settings.name)
    response = current_app.make_response(page)
    response.set_cookie(
        _cookie_name(), browser, max_age=int(signon.LIVES.total_seconds()), httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"], path="/",
    )  # fmt: skip
    return response


def _to_sign(by: Principal, signer: Principal, content: str) -> Response:
    """The provider recognises a signer of this content anew, in a window beside the form."""
    here = signon.ready()
    if not identities.is_linked(signer.login, here.settings.issuer):
        raise Refused(identities.NONE_LINKED())
    return lead_there(Wanted(SIGN, login=signer.login, session=by.session, content=content))


confirmed_by(_to_sign)


@own.post("/sign-in/provider")
def begin() -> Response:
    """Sign in at the provider."""
    return lead_there(Wanted(SIGN_IN, following=next_page()))


@own.post("/again/provider")
def begin_again() -> Response:
    """Go on after the idle time, recognised by the provider."""
    token = cookie.get(COOKIE)
    login = people.idle_login(token, idle_time(), life_time()) if token else None
    if token is None or login is None:
        return redirect(next_page())
    return lead_there(
        Wanted(
            GO_ON, login=login, session=people.session_of(token), following=request.form.get("next", "")[:500]
        )
    )


@own.before_request
def only_with_a_provider() -> Response | None:
    """Where no provider is set these addresses lead to the other ways in; what would ask one is not there."""
    reads = request.method != "POST" and request.endpoint != "provider.confirmed"
    return redirect(url_for("staff.sign_in")) if reads and provider.in_use() is None else None


@own.get("/sign-in/provider/answer")
def answer() -> Any:
    """Where the provider sends the browser back to; nothing that is said here is believed unverified."""
    try:
        handle = signon.answer(_browser(), request.args, _redirect_uri(), life_time())
    except Refused as refused:
        session.rollback()
        return _failed(refused)
    return render_template("staff/provider_back.html", address=url_for("provider.on", of=handle))


def _failed(refused: Refused) -> tuple[str, int]:
    return render_template(
        "staff/provider_failed.html", why=refused.sentence, code=refused.code,
        who=[word for one in refused.obstacles for word in one.who_words],
    ), refused.status  # fmt: skip


@own.get("/sign-in/provider/on")
def on() -> Any:
    """On from the provider's answer: a session, an account to link, an idle session, or back to the form."""
    try:
        row = signon.look(_browser(), request.args.get("of", ""))
        if row.purpose == SIGN:
            return render_template("staff/provider_confirmed.html", is_signing=True)
        if row.purpose == GO_ON:
            return _go_on(row)
        login = identities.login_of(row.issuer, row.subject)
        if login is None:
            return redirect(url_for("provider.link", of=row.handle))
        if people.load(login) is None:
            raise SignIn(signon.DISABLED())
        signon.spend(row)
        return _enter(login, row)
    except Refused as refused:
        session.rollback()
        return _failed(refused)


def _enter(login: str, row: Any) -> Response:
    return enter(
        login, row.following, begun_by=people.PROVIDER, authenticated_at=row.authenticated_at,
        is_strong=row.is_strong,
    )  # fmt: skip


def _go_on(row: Any) -> Any:
    signon.spend(row)
    signon.go_on(row)
    if row.following:
        return redirect(ours(row.following))
    return render_template("staff/provider_confirmed.html", is_signing=False)


@own.get("/account/provider/confirmed")
def confirmed() -> Any:
    """Whether the provider has confirmed a signing of this session; asking does not prolong it."""
    by = actor()
    return jsonify(confirmed=by.session is not None and signon.is_waiting(by.session))


@own.route("/sign-in/provider/link", methods=["GET", "POST"])
def link() -> Any:
    """Link whom the provider recognised to one's account, by its password, one's own or handed over."""
    signon.ready()
    try:
        row = signon.look(_browser(), request.values.get("of", ""))
        if row.purpose != SIGN_IN:
            raise SignIn(signon.NO_REQUEST())
    except Refused as refused:
        session.rollback()
        return _failed(refused)
    login = request.form.get("login", "").strip()[:80]
    fault: Refused | None = None
    if request.method == "POST":
        try:
            return _link(row, login)
        except Refused as refused:
            session.rollback()
            fault = refused
    page = render_template(
        "staff/provider_link.html", of=row.handle, login=login, subject=row.subject, fault=_said(fault),
        at=(fault.faults if fault else {}), name=signon.ready().settings.name,
    )  # fmt: skip
    return page, fault.status if fault else 200


def _said(fault: Refused | None) -> str | None:
    if fault is None or fault.faults:
        return None
    return str(_("Log-in or password is not right.")) if fault.code == SignIn.default.code else fault.sentence


def _link(row: Any, login: str) -> Response:
    right = secrets.verify(login, request.form.get("password", "")[:1024])
    by = people.load(login) if right else None
    if by is None:
        raise SignIn
    if by.factors and not factors.check_code(login, request.form.get("code", "")[:200]):
        raise SignIn(faults={"code": [str(_("This code is not right, or was used already."))]})
    signon.refuse_weak(by, told=row.is_strong)
    user = session.query(User).filter(User.code == login).one()
    identities.link(user, by=by, issuer=row.issuer, subject=row.subject)
    signon.spend(row)
    flash(str(_("Your account is linked: from now on the sign-on provider opens it.")), "done")
    return _enter(login, row)


def name_for(login: str) -> str:
    """The provider's name where this person comes by it; asked by the page that stands locked."""
    here = provider.in_use()
    return here.settings.name if here and identities.is_linked(login, here.settings.issuer) else ""
