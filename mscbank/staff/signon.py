"""Sign-on and signing by the OpenID provider: what is asked, for whom, and what an answer is good for.

A request belongs to the browser that began it, serves one purpose, is answered once and used once. The
provider recognises people anew for each signing, so its answer counts as all components (decision 33).
"""

import hmac
import re
import secrets as random_secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, NoReturn

import structlog
from sqlalchemy import insert, select, update

from mscbank.core import clock
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import keep_reading
from mscbank.core.canonical import digest
from mscbank.core.db import engines, plumbing
from mscbank.core.errors import Busy, Missing, NotAllowed, Refusal, SignIn, Stale
from mscbank.core.signatures import LIFETIME, PROOF_STALE
from mscbank.staff import factors, identities, people, provider
from mscbank.staff.idtoken import SKEW, Told, Untrusted
from mscbank.staff.models import SignOn, WebSession
from mscbank.staff.provider import Provider, Unreachable

log = structlog.get_logger()

SIGN_IN, SIGN, GO_ON = "sign_in", "sign", "go_on"
"""What a request is made for."""
LIVES = timedelta(minutes=10)
"""How long the provider may take to recognise somebody, and somebody to link an account."""
NOBODY_KNOWN = "openid:unknown"
"""Whose chain keeps the tries of those whom no account is linked to; no log-in looks like it."""
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

UNREACHABLE = Refusal(
    "provider.unreachable",
    "The sign-on provider does not answer. Nothing was done. Try again, sign in with password or passkey, or "
    "take the sealed emergency account.",
)
REFUSED = Refusal(
    "provider.refused", "The answer of the sign-on provider does not hold. Nothing was done. Begin again."
)
CANCELLED = Refusal("provider.cancelled", "The sign-on provider recognised nobody. Nothing was done.")
NO_REQUEST = Refusal(
    "provider.no_request",
    "This browser did not ask for this answer, or too long ago, or it was used. Begin again.",
)
OTHER_PERSON = Refusal(
    "provider.other_person", "The sign-on provider recognised somebody else. Nothing was done."
)
TOO_OLD = Refusal(
    "provider.too_old", "The sign-on provider did not ask anew who you are. Nothing was done.", Role.ADMIN
)
WEAK = Refusal(
    "provider.weak",
    "Your role works here with a second factor, and the sign-on provider told of none.",
    Role.ADMIN,
)
DISABLED = Refusal("provider.disabled", "This account is disabled.", Role.ADMIN)
NOT_CONFIRMED = Refusal(
    "signature.not_confirmed",
    "The sign-on provider has not confirmed this, or more than two minutes ago. Nothing was signed.",
)


@dataclass(frozen=True)
class Wanted:
    """A request: for what, who has to be recognised, in which session, over which content, what follows."""

    purpose: str
    login: str | None = None
    session: str | None = None
    content: str | None = None
    following: str = "/"


def fresh() -> str:
    """A secret for the cookie of a browser that is about to ask the provider."""
    return random_secrets.token_urlsafe(32)


def _derived(browser: str, what: str, state: str) -> str:
    """PKCE's verifier and the nonce come of the cookie: the database alone opens nothing."""
    made = hmac.new(browser.encode(), f"{what}:{state}".encode(), sha256).digest()
    return urlsafe_b64encode(made).decode().rstrip("=")


def ready() -> Provider:
    """The provider; 404 where there is none."""
    found = provider.in_use()
    if found is None:
        raise Missing
    return found


def begin(wanted: Wanted, browser: str, redirect_uri: str, life: timedelta) -> str:
    """Keep a request of this browser; the answer is the provider's address to which it goes.

    Whoever signs or goes on is always recognised anew; at sign-in the settings say so.
    """
    here, state = ready(), fresh()
    anew = wanted.purpose != SIGN_IN or here.settings.prompt == "login"
    try:
        address = here.address_to_ask(
            redirect_uri=redirect_uri, state=state, nonce=_derived(browser, "nonce", state),
            verifier=_derived(browser, "verifier", state),
            max_age=0 if anew else int(life.total_seconds()),
            prompt="login" if anew else here.settings.prompt,
        )  # fmt: skip
    except Untrusted as untrusted:
        log.warning("provider not usable", why=str(untrusted))
        raise Busy(UNREACHABLE()) from None
    now = clock.now()
    with plumbing() as connection:
        connection.execute(
            insert(SignOn).values(
                state_hash=digest(state), browser_hash=digest(browser), handle=random_secrets.token_hex(8),
                purpose=wanted.purpose, login=wanted.login, session=wanted.session,
                content_hash=wanted.content, following=wanted.following[:500], began_at=now,
                expires_at=now + LIVES,
            )
        )  # fmt: skip
    return address


def answer(browser: str | None, given: Mapping[str, str], redirect_uri: str, life: timedelta) -> str:
    """Judge what the provider sent the browser back with; the handle of the request that it confirms.

    Whatever does not hold is refused, and recorded where it answers a request of ours.
    """
    here = ready()
    state = given.get("state", "")
    row = _use_up(state, browser)
    assert browser is not None
    if given.get("iss", here.settings.issuer) != here.settings.issuer:
        _fail(row.login, Untrusted("the answer is from another issuer"))
    if "error" in given:
        _kept_try(row.login, "the provider recognised nobody")
        raise SignIn(CANCELLED())
    try:
        if here.says_who_answers and "iss" not in given:
            raise Untrusted("the answer does not say who gave it")
        told = here.told(
            given.get("code", "")[:2000], redirect_uri=redirect_uri, nonce=_derived(browser, "nonce", state),
            verifier=_derived(browser, "verifier", state),
        )  # fmt: skip
    except Untrusted as untrusted:
        _fail(row.login, untrusted)
    _judge(row, told, here, life)
    with plumbing() as connection:
        connection.execute(
            update(SignOn)
            .where(SignOn.id == row.id)
            .values(
                confirmed_at=clock.now(), issuer=told.issuer, subject=told.subject,
                authenticated_at=told.authenticated_at, is_strong=here.is_strong(told),
            )
        )  # fmt: skip
    return str(row.handle)


def _use_up(state: str, browser: str | None) -> Any:
    """The request that this answer is for, which takes no second one; of this very browser."""
    now = clock.now()
    with plumbing() as connection:
        row = connection.execute(
            update(SignOn)
            .where(SignOn.state_hash == digest(state), SignOn.answered_at.is_(None), SignOn.expires_at >= now)
            .values(answered_at=now)
            .returning(*SignOn.__table__.c)
        ).one_or_none()
    if row is None:
        log.warning("sign-on without request")
        raise SignIn(NO_REQUEST())
    if browser is None or not hmac.compare_digest(row.browser_hash, digest(browser)):
        _kept_try(row.login, "the answer came to another browser")
        raise SignIn(NO_REQUEST())
    return row


def _judge(row: Any, told: Told, here: Provider, life: timedelta) -> None:
    """Whether the right person was recognised, when it had to be, as strongly as it had to be."""
    anew = row.purpose != SIGN_IN or here.settings.prompt == "login"
    since = row.began_at if anew else clock.now() - life
    login = identities.login_of(told.issuer, told.subject)
    at = told.authenticated_at
    if at is None or at < since - SKEW or at > clock.now() + SKEW:
        _kept_try(login or row.login, "the provider did not recognise the person anew", told)
        raise SignIn(TOO_OLD())
    if row.purpose != SIGN_IN and login != row.login:
        _kept_try(row.login, "the provider recognised somebody else", told)
        raise SignIn(OTHER_PERSON())
    if login is None:
        _kept_try(None, "no account is linked", told)
        return
    by = people.load(login)
    if by is None:
        _kept_try(login, "the account is disabled", told)
        raise NotAllowed(DISABLED())
    refuse_weak(by, told=here.is_strong(told))


def refuse_weak(by: Principal, *, told: bool) -> None:
    """Refuse where a second factor is asked for, by the settings or of the role, and none was told."""
    here = ready()
    if not told and (here.settings.tells_strength or factors.is_demanded(by.roles)):
        _kept_try(by.login, "the provider told no second factor")
        raise NotAllowed(WEAK())


def _fail(login: str | None, why: Untrusted) -> NoReturn:
    _kept_try(login, str(why))
    if isinstance(why, Unreachable):
        raise Busy(UNREACHABLE()) from None
    raise SignIn(REFUSED()) from None


def _kept_try(login: str | None, why: str, told: Told | None = None) -> None:
    """A try that opened nothing stands in the record, as a wrong password does."""
    who = login or NOBODY_KNOWN
    log.warning("sign-on failed", person=who, why=why)
    notes = {"why": why} | ({"issuer": told.issuer, "subject": told.subject} if told else {})
    keep_reading(Principal(who, who, kind=Kind.PERSON), "person.failed_sign_on", notes, set())


_BY_BROWSER = (SignOn.spent_at.is_(None), SignOn.confirmed_at.is_not(None))


def look(browser: str | None, handle: str) -> Any:
    """A request of this browser that was confirmed and not used yet; 401 when there is none."""
    with engines().read.connect() as connection:
        row = connection.execute(
            select(*SignOn.__table__.c).where(
                *_BY_BROWSER, SignOn.handle == handle[:16], SignOn.browser_hash == digest(browser or ""),
                SignOn.expires_at >= clock.now(),
            )
        ).one_or_none()  # fmt: skip
    if row is None:
        raise SignIn(NO_REQUEST())
    return row


def spend(row: Any) -> None:
    """Use a confirmed request; 401 for the second of two at once."""
    with plumbing() as connection:
        done = connection.execute(
            update(SignOn)
            .where(SignOn.id == row.id, SignOn.spent_at.is_(None))
            .values(spent_at=clock.now())
            .returning(SignOn.id)
        ).one_or_none()
    if done is None:
        raise SignIn(NO_REQUEST())


def is_waiting(session: str) -> bool:
    """Whether a signing in this session was confirmed, not used yet, and not too long ago."""
    with engines().read.connect() as connection:
        found = connection.scalar(
            select(SignOn.id)
            .where(*_BY_BROWSER, *_confirmed_in(session))
            .limit(1)
        )  # fmt: skip
    return found is not None


def _confirmed_in(session: str) -> tuple[Any, ...]:
    since = clock.now() - LIFETIME
    return SignOn.session == session, SignOn.purpose == SIGN, SignOn.confirmed_at >= since


def use_confirmed(session: str | None, login: str, content: str) -> None:
    """Use the provider's confirmation of just this content by this person in this session, once.

    A confirmation of another content is refused (412), and used up with it.
    """
    wanted = (SignOn.login == login, *_BY_BROWSER, *_confirmed_in(session or ""))
    spending = update(SignOn).values(spent_at=clock.now()).returning(SignOn.id)
    with plumbing() as connection:
        right = connection.execute(spending.where(*wanted, SignOn.content_hash == content)).all()
        others = [] if right else connection.execute(spending.where(*wanted)).all()
    if others:
        raise Stale(PROOF_STALE())
    if not right:
        raise SignIn(NOT_CONFIRMED())


def go_on(row: Any) -> None:
    """Open the idle session again for which this was asked; its next signing asks for all components."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(WebSession.handle == row.session, WebSession.login == row.login,
                   WebSession.ended_at.is_(None))
            .values(seen_at=clock.now(), signed_at=None)
        )  # fmt: skip
