"""The part of a form where people sign: which components it asks for, and what was given."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import jsonify, request

from mscbank.core.access import Principal
from mscbank.core.access import load as load_principal
from mscbank.core.errors import Invalid
from mscbank.core.i18n import Sentence, _
from mscbank.core.signatures import Signer, asked_of
from mscbank.core.web.forms import FormField, as_code

COMPONENTS = ("secret", "login", "code", "passkey")
CONFIRMED = "confirmed"
ASKED = re.compile(r"provider_([01])")
LONGEST_SECRET = 1024
LONGEST_ANSWER = 16_000
"""A passkey's answer, as JSON."""
LONGEST_LOGIN = 80
LONGEST_BADGE = 200


_challenge: list[Callable[[Principal, str], dict[str, Any]]] = []


def challenged_by(challenge: Callable[[Principal, str], dict[str, Any]]) -> None:
    """``staff`` makes the challenge over a hash that a passkey of this person shall sign."""
    _challenge[:] = [challenge]


def challenge(by: Principal, wanted: str) -> dict[str, Any]:
    """What the browser hands to a passkey, so that it signs just this hash."""
    return _challenge[0](by, wanted)


_sent: list[Callable[[Principal, Principal, str], Any]] = []


def confirmed_by(send: Callable[[Principal, Principal, str], Any]) -> None:
    """``staff`` sends the browser to the sign-on provider, which recognises a signer of this hash anew."""
    _sent[:] = [send]


def answer_before(by: Principal, wanted: Callable[[], str]) -> Any:
    """What is answered in place of the act when the form asks for a passkey or the provider first.

    Nothing when it asks for neither. ``wanted`` is the hash of what would be signed.
    """
    asks = request.form.get("ask", "")
    if asks == "passkey":
        return jsonify(challenge(by, wanted()))
    found = ASKED.fullmatch(asks)
    if found is None:
        return None
    position = int(found[1])
    signer = load_principal(request.form.get("signer_1", "")[:LONGEST_LOGIN].strip()) if position else by
    if signer is None:
        raise Invalid(faults={f"signer_{position}": [str(_("Say first whose log-in it is."))]})
    return _sent[0](by, signer, wanted())


@dataclass(frozen=True)
class Station:
    """This browser as a shared station: its name, how it is told, who is present (log-in → printed name)."""

    name: str
    browser: str | None
    present: Mapping[str, str]
    page: str
    """Where presence is opened."""


_station: list[Callable[[], Station]] = []


def stationed_by(station: Callable[[], Station]) -> None:
    """``staff`` says which shared station the browser of this request is."""
    _station[:] = [station]


def signing_fields(
    meanings: tuple[str, ...],
    by: Principal,
    faults: Mapping[str, Any] | None = None,
    *,
    say_meaning: bool = True,
    by_badge: bool = False,
) -> list[FormField]:
    """The fields in which whoever acts, and each further person, signs an action with these meanings.

    ``by_badge``: a further person who is present at this station may scan a badge instead.
    """
    shown: list[FormField] = []
    for position, meaning in enumerate(meanings):
        asked = asked_of(None if position else by)
        words = f" ({_(meaning)})" if say_meaning else ""
        begins = len(shown)
        badge = _badge(position, by, words) if position and by_badge else None
        if badge is not None:
            shown.append(badge)
        needed = badge is None or badge.kind != "badge"
        if position:
            label = _("Second person: log-in") if needed else _("Or, without a badge: log-in")
            shown.append(_login(f"signer_{position}", label, required=needed, alternative=not needed))
        elif asked.login and asked.secret:
            shown.append(
                _login(
                    "login_0",
                    _("Your log-in"),
                    help=str(_("The first signing, also the first after a pause, asks for all.")),
                )
            )
        label = _("Second person: password") if position else _("Your password")
        if asked.secret:
            shown.append(
                FormField(f"secret_{position}", f"{label}{words}", "password", required=needed,
                          autocomplete="current-password")
            )  # fmt: skip
        if asked.code and asked.secret:
            label = _("Second person: code, where there is a second factor") if position else _("Your code")
            shown.append(
                FormField(f"code_{position}", str(label), required=not position, private=True,
                          alternative=bool(position),
                          autocomplete="one-time-code",
                          help=str(_("From the authenticator app, or a recovery code")))
            )  # fmt: skip
        if shown[begins:]:
            shown[begins].begins = True
        if asked.passkey:
            shown.append(FormField(f"passkey_{position}", str(_("Sign with a passkey instead")), "passkey"))
        if asked.provider:
            shown.append(FormField(f"provider_{position}", asked.provider, "provider"))
    for field in shown:
        fault = (faults or {}).get(field.name)
        field.fault = " ".join(map(str, fault)) if fault else None
    return shown


def _login(name: str, label: Sentence, *, required: bool = True, **more: Any) -> FormField:
    typed = request.form.get(name, "")[:LONGEST_LOGIN]
    return FormField(name, str(label), required=required, value=typed, private=True, **more)


def _badge(position: int, by: Principal, words: str) -> FormField:
    """Where the badge is scanned, when somebody else is present here; else how that comes about."""
    here = _station[0]()
    others = [name for login, name in here.present.items() if login != by.login]
    if not others:
        hint = _(
            "Nobody else is present at this station. A second person who is may scan a badge "
            "instead of typing."
        )
        return FormField(
            f"badge_{position}", str(_("Who is present here")), "hint", value=here.page, help=str(hint)
        )
    label = _("Second person: scan the badge")
    return FormField(
        f"badge_{position}", f"{label}{words}", "badge", required=True, private=True,
        help=str(_("Present at %(station)s: %(names)s", station=here.name, names=", ".join(others))),
    )  # fmt: skip


def signers_of(meanings: tuple[str, ...], by: Principal, *, by_badge: bool = False) -> list[Signer]:
    """Who signs, with what they gave in the form that was sent; what is missing is said at its field."""
    found: list[Signer] = []
    for position, meaning in enumerate(meanings):
        asked = asked_of(by) if not position else None
        given = {
            name: request.form.get(f"{name}_{position}", "")[
                : LONGEST_ANSWER if name == "passkey" else LONGEST_SECRET
            ]
            for name in COMPONENTS
        }
        signer: Principal | None = by
        badge = request.form.get(f"badge_{position}", "").strip()[:LONGEST_BADGE]
        if position and by_badge and badge and not given["secret"]:
            found.append(Signer(None, meaning, badge=as_code(badge), browser=_station[0]().browser))
            continue
        if position:
            login = request.form.get(f"signer_{position}", "")[:LONGEST_LOGIN]
            signer = load_principal(login) if login else None
        faults = {}
        if asked is not None and asked.passkey and given["passkey"]:
            found.append(Signer(by, meaning, passkey=given["passkey"]))
            continue
        if signer is not None and request.form.get(f"provider_{position}") == CONFIRMED:
            found.append(Signer(signer, meaning, provider=True))
            continue
        if asked is not None and not asked.secret:
            raise Invalid(faults={f"provider_{position}": [str(_("Sign here with one of these."))]})
        if signer is None or not given["secret"]:
            faults.update(_missing(position, by, by_badge=by_badge))
        if asked is not None and asked.login and given["login"].strip() != by.login:
            faults["login_0"] = [str(_("Sign with your own log-in: %(login)s is signed in.", login=by.login))]
        if asked is not None and asked.code and not given["code"].strip():
            faults["code_0"] = [str(_("Type the code of your second factor."))]
        if faults or signer is None:
            raise Invalid(faults=faults)
        found.append(
            Signer(signer, meaning, given["secret"], given["login"], given["code"], given["passkey"])
        )
    return found


def _missing(position: int, by: Principal, *, by_badge: bool) -> dict[str, list[str]]:
    """What is said, and where, when somebody has not signed."""
    if position and by_badge and _badge(position, by, "").kind == "badge":
        return {f"badge_{position}": [str(_("Scan the badge, or sign with log-in and password."))]}
    return {f"secret_{position}": [str(_("Sign here with the password."))]}
