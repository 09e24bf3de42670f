"""Which components a signing asks for, and whether they are right (21 CFR 11.200(a)(1), decision 27)."""

from collections.abc import Sequence
from dataclasses import replace

from mscbank.core import signatures
from mscbank.core.access import Principal
from mscbank.core.errors import NotAllowed, Refusal, Refused, SignIn
from mscbank.core.signatures import NOT_BY_BADGE, WRONG_SECRET, Asked, Given, Means, Signer
from mscbank.staff import factors, identities, passkeys, people, presence, provider, secrets, signon

WRONG_LOGIN = Refusal(
    "signature.wrong_login",
    "Sign with your own log-in: it is not the one of this session. Nothing was signed.",
)
CODE_NEEDED = Refusal(
    "signature.code_needed",
    "%(name)s signs with a second factor: its code is asked for too. Nothing was signed.",
)
WRONG_CODE = Refusal(
    "signature.wrong_code", "The code is not right, or was used already. Nothing was signed."
)
WRONG_PASSKEY = Refusal(
    "signature.wrong_passkey", "The passkey's answer does not hold for this. Nothing was signed."
)

PROVIDER_SIGNS = Refusal(
    "signature.provider_signs",
    "%(name)s signs at the sign-on provider or with a passkey, not with a password. Nothing was signed.",
)

EMERGENCY_ALONE = Refusal(
    "signature.emergency_alone",
    "An emergency account signs in its own session alone, never as a second person or over the API.",
)


def asks(by: Principal | None) -> Asked:
    """All components for the first signing of a session and wherever there is none, else the password alone.

    Over the API the token, and for a second person the log-in, come with each request. Where a second
    factor is demanded and the account has none, the provider's word is the only one.
    """
    here = provider.in_use()
    if by is None:
        return Asked(code=factors.anybody_has_one(), provider=here.settings.name if here else "")
    has_passkey = factors.PASSKEY in by.factors
    found = Asked(login=by.session is not None, code=bool(by.factors), passkey=has_passkey)
    if by.session is not None and people.has_signed(by.session):
        found = Asked(passkey=has_passkey)
    if here is None:
        return found
    linked = identities.is_linked(by.login, here.settings.issuer)
    alone = linked and (
        not people.has_password(by.login) or (not by.factors and factors.is_demanded(by.roles))
    )
    return replace(found, provider=here.settings.name if linked else "", secret=not alone)


def vouch(signers: Sequence[Signer], content: str) -> list[Given]:
    """Verify every component of every signer; then the session of whoever acts has had its first signing."""
    given = []
    first = signers[0].by if signers else None
    station = first.session if first is not None else None
    for signer in signers:
        if signer.by is None:
            given.append(_witness(signer, first))
        else:
            if not signer.provider:
                _may_sign(signer.by)
            given.append(Given(signer.by.login, _verify(signer.by, signer, content, station)))
    for signer in signers:
        handle = signer.by.session if signer.by is not None else None
        if handle is not None and not people.has_signed(handle):
            people.note_signing(handle)
    return given


def _may_sign(by: Principal) -> None:
    if by.must_enrol:
        raise NotAllowed(factors.FACTOR_DEMANDED())


def _witness(signer: Signer, first: Principal | None) -> Given:
    """Whoever acts signs with a secret; then a badge of somebody who is present may witness."""
    if first is None:
        raise Refused(NOT_BY_BADGE())
    bearer, given = presence.witness(signer.badge, signer.browser, shown_by=first)
    _may_sign(bearer)
    return given


def _verify(by: Principal, signer: Signer, content: str, station: str | None) -> Means:
    """By what this person signs, when every component is right."""
    if signer.passkey:
        if passkeys.answered(signer.passkey, passkeys.SIGN, content=content) != by.login:
            raise SignIn(WRONG_PASSKEY())
        return Means.PASSKEY
    if signer.provider:
        signon.use_confirmed(station, by.login, content)
        return Means.PROVIDER
    if by.emergency and by.session is None:
        raise NotAllowed(EMERGENCY_ALONE())
    asked = asks(by)
    if asked.login and signer.login.strip() != by.login:
        raise SignIn(WRONG_LOGIN())
    if not asked.secret:
        raise SignIn(PROVIDER_SIGNS(name=by.printed_name))
    if not secrets.check(by.login, signer.secret):
        raise SignIn(WRONG_SECRET())
    if not asked.code:
        return Means.PASSWORD
    if not signer.code.strip():
        raise SignIn(CODE_NEEDED(name=by.printed_name))
    if not factors.check_code(by.login, signer.code):
        raise SignIn(WRONG_CODE())
    return Means.CODE


def join() -> None:
    """Let the accounts in the database say who is who, who may sign, and with what."""
    people.join()
    signatures.vouched_by(asks, vouch)


join()
