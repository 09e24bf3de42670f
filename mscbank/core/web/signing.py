"""The part of a form where people sign: which components it asks for, and what was given."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import jsonify, request

from mscbank.core.access import Principal
from mscbank.core.access import load as load_principal
from mscbank.core.errors import Invalid
from mscbank.core.i18n import Sentence, _
from mscbank.core.signatures import Signer, asked_of
from mscbank.core.web.forms import FormField

COMPONENTS = ("secret", "login", "code", "passkey")
CONFIRMED = "confirmed"
ASKED = re.compile(r"provider_([01])")
LONGEST_SECRET = 1024
LONGEST_ANSWER = 16_000
"""A passkey's answer, as JSON."""
LONGEST_LOGIN = 80


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


def signing_fields(
    meanings: tuple[str, ...],
    by: Principal,
    faults: Mapping[str, Any] | None = None,
    *,
    say_meaning: bool = True,
) -> list[FormField]:
    """The fields in which whoever acts, and each further person, signs an action with these meanings."""
    shown: list[FormField] = []
    for position, meaning in enumerate(meanings):
        asked = asked_of(None if position else by)
        words = f" ({_(meaning)})" if say_meaning else ""
        if position:
            shown.append(_login(f"signer_{position}", _("Second person: log-in")))
        elif asked.login and asked.secret:
            shown.append(_login("login_0", _("Your log-in"), help=str(_("The first signing asks for all."))))
        label = _("Second person: password") if position else _("Your password")
        if asked.secret:
            shown.append(
                FormField(f"secret_{position}", f"{label}{words}", "password", required=True,
                          autocomplete="current-password")
            )  # fmt: skip
        if asked.code and asked.secret:
            label = _("Second person: code, where there is a second factor") if position else _("Your code")
            shown.append(
                FormField(f"code_{position}", str(label), required=not position, private=True,
                          autocomplete="one-time-code",
                          help=str(_("From the authenticator app, or a recovery code")))
            )  # fmt: skip
        if asked.passkey:
            shown.append(FormField(f"passkey_{position}", str(_("Sign with a passkey instead")), "passkey"))
        if asked.provider:
            shown.append(FormField(f"provider_{position}", asked.provider, "provider"))
    for field in shown:
        fault = (faults or {}).get(field.name)
        field.fault = " ".join(map(str, fault)) if fault else None
    return shown


def _login(name: str, label: Sentence, **more: Any) -> FormField:
    typed = request.form.get(name, "")[:LONGEST_LOGIN]
    return FormField(name, str(label), required=True, value=typed, private=True, **more)


def signers_of(meanings: tuple[str, ...], by: Principal) -> list[Signer]:
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
            faults[f"secret_{position}"] = [str(_("Sign here with the password."))]
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
