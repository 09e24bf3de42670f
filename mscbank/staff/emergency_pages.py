"""Emergency accounts for people: sealed by two at one station, opened by whoever holds the envelope."""

from typing import Any

import marshmallow as ma
from flask import Blueprint, render_template, request, url_for

from mscbank.core.access import ROLE_WORDS, Principal, Role, check_secret
from mscbank.core.acts import Action, reasoned
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Missing, Refused, SignIn
from mscbank.core.fields import clean_text
from mscbank.core.i18n import _
from mscbank.core.signatures import prove, to_sign
from mscbank.core.web.api import act_schema, load
from mscbank.core.web.filters import local, person
from mscbank.core.web.forms import form_fields, typed_input
from mscbank.core.web.here import actor, find
from mscbank.core.web.pages import must_hold
from mscbank.core.web.signing import answer_before, signers_of, signing_fields
from mscbank.staff import emergency, people, schemas, secrets
from mscbank.staff.again import next_page
from mscbank.staff.entering import enter
from mscbank.staff.factor_pages import origin
from mscbank.staff.models import Seal, User

own = Blueprint("emergency", "mscbank.staff")


@own.route("/emergency", methods=["GET", "POST"])
def open_one() -> Any:
    """Sign in with the sealed secret of an emergency account: once, under one's own name, with the reason."""
    login = request.values.get("login", "").strip()[:80]
    faults: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            return _opened(login)
        except Refused as refused:
            session.rollback()
            wrong = str(_("Log-in or secret is not right.")) if refused.code == SignIn.default.code else None
            faults, status = refused.faults or {"login": [wrong or refused.sentence]}, refused.status
    page = render_template(
        "staff/emergency.html", login=login, name=request.form.get("name", "")[:80],
        why=request.form.get("reason", "")[:500], faults=faults, next=next_page(),
    )  # fmt: skip
    return page, status


def _opened(login: str) -> Any:
    """Who and why first: the secret is not tried, and nothing counted, while these are missing."""
    name, why = _typed("name", emergency.LONGEST_NAME), _typed("reason", 500)
    missing = {}
    if len(name) < 3:
        missing["name"] = [str(_("Type your own name."))]
    if not reasoned(why):
        missing["reason"] = [str(_("Say why, in at least 5 characters."))]
    if missing:
        raise Invalid(faults=missing)
    secret = request.form.get("password", "")[:1024].strip().lower()
    by = people.load(login) if check_secret(login, secret) else None
    if by is None or not by.emergency:
        raise SignIn
    user = session.query(User).filter(User.code == login).one()
    emergency.open_seal(user, by=by, reason=why, held_by=name)
    return enter(login, next_page(), begun_by=people.SEALED)


def _typed(name: str, longest: int) -> str:
    try:
        return clean_text(request.form.get(name, ""), longest=longest)
    except ma.ValidationError as error:
        raise Invalid(faults={name: error.messages}) from None


@own.route("/emergency/new", methods=["GET", "POST"])
def make() -> Any:
    """Make an emergency account and seal it; its secret is shown this once, to both."""
    return _sealing(emergency.make, None, schemas.EmergencySchema, str(_("Make an emergency account")))


@own.route("/emergency/<code>/seal", methods=["GET", "POST"])
def seal(code: str) -> Any:
    """Seal an emergency account anew."""
    user = find(User, code)
    if not user.is_emergency:
        raise Missing
    return _sealing(emergency.seal_anew, user, None, str(_("Seal a new secret")))


def _sealing(action: Action, user: User | None, schema: type[ma.Schema] | None, title: str) -> Any:
    by = actor()
    must_hold(by, action, user)
    asked = act_schema(action, schema)
    typed, given = typed_input(asked, request.form)
    faults: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            return _sealed(action, user, by, load(asked, given))
        except Refused as refused:
            session.rollback()
            faults = refused.faults or {"login" if user is None else "reason": [refused.sentence]}
            status = refused.status
    choices = {} if user is not None else {"roles": _roles}
    fields = form_fields(asked, typed, faults, user, choices) + signing_fields(action.meanings, by, faults)
    page = render_template("staff/emergency_seal.html", user=user, title=title, fields=fields)
    return page, status


def _sealed(action: Action, user: User | None, by: Principal, data: dict[str, Any]) -> Any:
    data.pop("proofs", None)
    reason, _moment = data.pop("reason", None), data.pop("happened_at", None)
    first = answer_before(by, lambda: to_sign(action.name, user, None, data))
    if first is not None:
        return first
    proofs = prove(action.name, user, *signers_of(action.meanings, by), content=None, inputs=data)
    secret, login = emergency.new_secret(), user.code if user is not None else data["login"]
    if user is not None or not people.is_known(login):
        secrets.prepare(login, secret)
    subject = () if user is None else (user,)
    made = action(*subject, by=by, reason=reason, proofs=proofs, **data)
    found = emergency.uses(made)[0]
    return render_template(
        "staff/emergency_sheet.html", user=made, secret=secret, seal=found, roles=roles_of(made),
        address=origin() + url_for("emergency.open_one"), sealed_by=person(found.sealed_by),
        sealed_with=person(found.sealed_with),
    )  # fmt: skip


def _roles(_user: Any) -> list[tuple[str, str]]:
    return [(role.value, str(words)) for role, words in ROLE_WORDS.items() if role not in emergency.NEVER]


def roles_of(user: User) -> str:
    """What an emergency account may do, in words."""
    by = people.load(user.code)
    return ", ".join(str(ROLE_WORDS[role]) for role in Role if by and role in by.roles)


def told(one: Seal) -> list[str]:
    """How a seal stands, for the table of a person's page: number, sealed, used, reviewed."""
    used = (
        f"{local(one.opened_at)}, {one.opened_by}"
        if one.opened_at
        else str(_("void"))
        if one.voided_at
        else "–"
    )
    seen = f"{local(one.reviewed_at)}, {person(one.reviewed_by)}: {one.finding}" if one.reviewed_at else "–"
    return [
        str(one.number),
        f"{local(one.sealed_at)}, {person(one.sealed_by)}, {person(one.sealed_with)}",
        used,
        seen,
    ]
