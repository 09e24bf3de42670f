"""Passkeys (WebAuthn level 2): registered, asked, verified; a challenge is good once, for two minutes.

A signing's challenge is random and ends in the hash of what is signed: the answer of the passkey covers it.
"""

import json
import re
import secrets as random_secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import insert, or_, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mscbank.core import clock
from mscbank.core.access import Kind, Principal
from mscbank.core.acts import keep_reading
from mscbank.core.db import any_of, engines, plumbing, session
from mscbank.core.errors import Stale
from mscbank.core.signatures import LIFETIME, PROOF_STALE
from mscbank.staff.models import Challenge, Passkey, PasskeyUse, User

REGISTER, SIGN_IN, SIGN, GO_ON = "register", "sign_in", "sign", "go_on"
"""What a challenge is made for."""
NONCE_BYTES = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,1400}")
NOT_AN_ANSWER = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What a malformed answer raises on its way."""


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


def _as_dict(options: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def _handle(login: str) -> bytes:
    """The user handle that an authenticator keeps: says nothing about the person (WebAuthn, 14.6.1)."""
    return sha256(f"passkey:{login}".encode()).digest()


def _challenge(purpose: str, origin: str, login: str | None, content: str | None = None) -> bytes:
    made = random_secrets.token_bytes(NONCE_BYTES if content is None else 16)
    made += bytes.fromhex(content or "")
    with plumbing() as connection:
        connection.execute(
            insert(Challenge).values(
                challenge=bytes_to_base64url(made), purpose=purpose, origin=origin, login=login,
                content_hash=content, expires_at=clock.now() + LIFETIME,
            )
        )  # fmt: skip
    return made


def _descriptors(login: str) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.credential_id)) for one in held(login)]


def held(login: str) -> list[Passkey]:
    """The passkeys of somebody, oldest first."""
    return list(
        session.scalars(
            select(Passkey)
            .join(User, Passkey.person_id == User.id)
            .where(User.code == login, Passkey.removed_at.is_(None))
            .order_by(Passkey.number)
        )
    )


def to_register(by: Principal, origin: str) -> dict[str, Any]:
    """What the browser hands to an authenticator to make a new passkey."""
    return _as_dict(
        generate_registration_options(
            rp_id=_host(origin), rp_name="mscbank", user_name=by.login, user_display_name=by.printed_name,
            user_id=_handle(by.login), challenge=_challenge(REGISTER, origin, by.login),
            exclude_credentials=_descriptors(by.login),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
    )  # fmt: skip


def to_sign_in(origin: str) -> dict[str, Any]:
    """What the browser hands to an authenticator to sign in, whoever it is."""
    return _asked(origin, _challenge(SIGN_IN, origin, None), None)


def to_go_on(login: str, origin: str) -> dict[str, Any]:
    """What the browser hands to a passkey of this person to go on after the idle time."""
    return _asked(origin, _challenge(GO_ON, origin, login), login)


def to_sign(by: Principal, content: str, origin: str) -> dict[str, Any]:
    """What the browser hands to a passkey of this person to sign this hash."""
    return _asked(origin, _challenge(SIGN, origin, by.login, content), by.login)


def _asked(origin: str, challenge: bytes, login: str | None) -> dict[str, Any]:
    return _as_dict(
        generate_authentication_options(
            rp_id=_host(origin), challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED,
            allow_credentials=_descriptors(login) if login else [],
        )
    )  # fmt: skip


@dataclass(frozen=True)
class Registered:
    """A new passkey, verified: its id and public key in base64url."""

    credential_id: str
    public_key: str
    sign_count: int


def registered(answer: str, login: str) -> Registered | None:
    """The passkey that answers a challenge to register, if the answer holds; the challenge is used up."""
    try:
        given = json.loads(answer)
        row = _spend(given, REGISTER)
        if row is None or row.login != login:
            return None
        found = verify_registration_response(
            credential=given, expected_challenge=base64url_to_bytes(row.challenge),
            expected_rp_id=_host(row.origin), expected_origin=row.origin, require_user_verification=True,
        )  # fmt: skip
    except NOT_AN_ANSWER:
        return None
    made = Registered(
        bytes_to_base64url(found.credential_id), bytes_to_base64url(found.credential_public_key),
        found.sign_count,
    )  # fmt: skip
    with plumbing() as connection:
        values = {"sign_count": made.sign_count}
        known = connection.execute(
            update(PasskeyUse).where(PasskeyUse.credential_id == made.credential_id).values(values)
            .returning(PasskeyUse.id)
        ).one_or_none()  # fmt: skip
        if known is None:
            connection.execute(insert(PasskeyUse).values(credential_id=made.credential_id, **values))
    return made


def answered(answer: str, purpose: str, content: str | None = None) -> str | None:
    """The log-in whose passkey answers a challenge of this purpose; ``None`` when the answer does not hold.

    The challenge is used up either way. An answer over another content than this is refused (412).
    """
    login: str | None = None
    try:
        given = json.loads(answer)
        row = _spend(given, purpose)
        if row is None:
            return None
        if row.content_hash != content:
            raise Stale(PROOF_STALE())
        credential_id = _plain(given["id"])
        kept = _kept(credential_id)
        if kept is None:
            return None
        login = kept.code
        handle = given["response"].get("userHandle")
        if row.login not in (None, login) or (handle and base64url_to_bytes(handle) != _handle(kept.code)):
            raise ValueError("somebody else's passkey")
        found = verify_authentication_response(
            credential=given, expected_challenge=base64url_to_bytes(row.challenge),
            expected_rp_id=_host(row.origin), expected_origin=row.origin,
            credential_public_key=base64url_to_bytes(kept.public_key),
            credential_current_sign_count=kept.sign_count, require_user_verification=True,
        )  # fmt: skip
        if not _note_use(credential_id, kept.sign_count, found.new_sign_count):
            raise ValueError("used twice at once")
    except NOT_AN_ANSWER:
        if login is not None:
            nobody = Principal(login, login, kind=Kind.PERSON)
            keep_reading(nobody, "person.failed_passkey", {"purpose": purpose}, set())
        return None
    return login


def _plain(text: Any) -> str:
    """Base64url as it may be asked for in the database; ValueError for anything else."""
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise ValueError("this is no base64url")
    return text


def _kept(credential_id: str) -> Any:
    with engines().read.connect() as connection:
        return connection.execute(
            select(User.code, Passkey.public_key, PasskeyUse.sign_count)
            .join(Passkey, Passkey.person_id == User.id)
            .join(PasskeyUse, PasskeyUse.credential_id == Passkey.credential_id)
            .where(Passkey.credential_id == credential_id, Passkey.removed_at.is_(None))
        ).one_or_none()


def _note_use(credential_id: str, before: int, after: int) -> bool:
    """Keep how often it was used; False when another answer of the same passkey came in between."""
    with plumbing() as connection:
        done = connection.execute(
            update(PasskeyUse)
            .where(
                PasskeyUse.credential_id == credential_id,
                or_(PasskeyUse.sign_count == before, PasskeyUse.sign_count == 0),
            )
            .values(sign_count=after, used_at=clock.now())
            .returning(PasskeyUse.id)
        ).one_or_none()
    return done is not None


def _spend(given: Any, purpose: str) -> Any:
    """The challenge that an answer names, used up; ``None`` when there is none that is still good."""
    said = json.loads(base64url_to_bytes(given["response"]["clientDataJSON"]))
    challenge = _plain(said["challenge"])
    with plumbing() as connection:
        return connection.execute(
            update(Challenge)
            .where(
                Challenge.challenge == challenge, Challenge.purpose == purpose,
                Challenge.spent_at.is_(None), Challenge.expires_at >= clock.now(),
            )
            .values(spent_at=clock.now())
            .returning(Challenge.challenge, Challenge.login, Challenge.content_hash, Challenge.origin)
        ).one_or_none()  # fmt: skip


def last_used(credential_ids: list[str]) -> dict[str, Any]:
    """When each passkey was last used."""
    rows = select(PasskeyUse.credential_id, PasskeyUse.used_at).where(
        any_of(PasskeyUse.credential_id, credential_ids)
    )
    return dict(session.execute(rows).all())
