"""Signatures: a re-authentication gives a one-use proof, an act uses it up (21 CFR 11.50, 11.70, 11.200)."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
    bindparam,
    insert,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import access, clock
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import Base, Plumbing, Row, Thing, plumbing, read_together, session
from mscbank.core.errors import NotAllowed, Refusal, Refused, SignIn, Stale
from mscbank.core.record import ACT_LENGTH, NAME_LENGTH
from mscbank.core.types import WORD_LENGTH, Utc, Word

LIFETIME = timedelta(minutes=2)

WRONG_SECRET = Refusal("signature.wrong_secret", "The password is not right. Nothing was signed.")
PROOF_MISSING = Refusal("signature.missing", "This act needs a signature: “%(meaning)s”.")
PROOF_USED = Refusal("signature.proof_used", "This signature was used or has expired. Sign again.")
PROOF_TOO_MANY = Refusal("signature.too_many", "There are more signatures than this act takes.")
PROOF_STALE = Refusal(
    "signature.content_changed", "What was to be signed changed meanwhile. Look again, then sign."
)
SAME_PERSON = Refusal("signature.same_person", "Two different people must sign this.")
NEVER_SIGNS = Refusal("signature.never_signs", "Only a person with a log-in can sign.")
NOT_BY_BADGE = Refusal(
    "signature.not_by_badge", "A badge witnesses at the bench and at the bedside; this it cannot sign."
)
BADGE_ROLE = Refusal(
    "signature.badge_role", "%(name)s holds no role that may do this, and so does not witness it by badge."
)


class Means(StrEnum):
    """By what somebody who signed proved who it was."""

    PASSWORD = "password"
    CODE = "code"
    """Password and the code of a second factor."""
    PASSKEY = "passkey"
    PROVIDER = "provider"
    """Recognised anew by the sign-on provider."""
    BADGE = "badge"
    """A badge, at a station where its bearer had opened presence with a secret."""


PRESENCE_LENGTH = 120
_BY_BADGE = "(means = 'badge') = (badge IS NOT NULL)"
_BADGE_IS_WHOLE = "(badge IS NULL) = (station IS NULL) AND (badge IS NULL) = (presence IS NULL)"


class ProofRow(Plumbing):
    """A proof that has been given and not yet, or already, used; only its digest is kept."""

    __tablename__ = "proof"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    login: Mapped[str] = mapped_column(String(80))
    meaning: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    content_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(Utc)
    used_act: Mapped[str | None] = mapped_column(String(ACT_LENGTH))
    means: Mapped[Means] = mapped_column(Word(Means))
    badge: Mapped[str | None] = mapped_column(String(80))
    station: Mapped[str | None] = mapped_column(String(80))
    presence: Mapped[str | None] = mapped_column(String(PRESENCE_LENGTH))


class Signature(Row):
    """Who signed which act with which meaning, over which content; append-only."""

    __tablename__ = "signature"
    append_only = True
    by_door = True

    act: Mapped[str] = mapped_column(ForeignKey("record.act", deferrable=True, initially="DEFERRED"))
    action: Mapped[str] = mapped_column(String(80))
    subject_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    subject_code: Mapped[str] = mapped_column(String(80))
    login: Mapped[str] = mapped_column(String(80))
    printed_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    role: Mapped[str] = mapped_column(Text)
    meaning: Mapped[str] = mapped_column(String(80))
    signed_at: Mapped[datetime] = mapped_column(Utc)
    content_hash: Mapped[str] = mapped_column(String(64))
    """What the signer proved: codes, versions, content and inputs of the request."""
    held_hash: Mapped[str] = mapped_column(String(64))
    """The signed content as it stood after the act: a later change of it shows."""
    held: Mapped[str] = mapped_column(Text)
    means: Mapped[Means] = mapped_column(Word(Means))
    badge: Mapped[str | None] = mapped_column(String(80))
    station: Mapped[str | None] = mapped_column(String(80))
    presence: Mapped[str | None] = mapped_column(String(PRESENCE_LENGTH))
    """By badge: at which station, under which presence there (the log-in and its number)."""

    __table_args__ = (
        UniqueConstraint("act", "meaning", "login"),
        CheckConstraint(_BY_BADGE, name="by_badge"),
        CheckConstraint(_BADGE_IS_WHOLE, name="badge_is_whole"),
    )


_PROOF, KEEP = (insert(Base.metadata.tables[name]) for name in ("proof", "signature"))
_USED = (
    update(ProofRow)
    .where(
        ProofRow.token_hash == bindparam("token"),
        ProofRow.used_act.is_(None),
        ProofRow.action == bindparam("of_action"),
        ProofRow.expires_at >= bindparam("now"),
    )
    .values(used_act=bindparam("in_act"))
    .returning(
        ProofRow.login, ProofRow.meaning, ProofRow.content_hash, ProofRow.means, ProofRow.badge,
        ProofRow.station, ProofRow.presence,
    )
)  # fmt: skip
GIVEN = ("means", "badge", "station", "presence")
MARKS = ("meaning", "login", "printed_name", "role", "content_hash", "held_hash", *GIVEN)
"""What the chained row keeps of a signature, so that a changed signature shows."""


@dataclass(frozen=True)
class Proof:
    """A one-use token; whoever holds it can complete exactly one act within two minutes."""

    token: str


Content = Callable[..., Any]


def content_hash(action: str, subject: Any, content: Content | None, inputs: dict[str, Any]) -> str:
    """The digest of all that the request signs: action, subject, its content, inputs; things by version."""
    signed = content(subject) if content and subject is not None else None
    stands = _standing(subject) if subject is not None else None
    return digest(
        canonical({"action": action, "subject": stands, "content": signed, "inputs": _standing(inputs)})
    )


def _standing(value: Any) -> Any:
    """Inputs as they are signed: a thing by kind, code and version."""
    if isinstance(value, Thing):
        return [value.kind, value.code, value.version]
    if isinstance(value, dict):
        return {name: _standing(item) for name, item in value.items()}
    return [_standing(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class Signer:
    """Who signs, with which meaning, and the components that prove it."""

    by: access.Principal | None
    """Nobody yet: whom the badge names."""
    meaning: str
    secret: str = field(default="", repr=False)
    login: str = ""
    """The log-in name as typed; asked for where it does not come with the request in another way."""
    code: str = field(default="", repr=False)
    passkey: str = field(default="", repr=False)
    """What a passkey answered to a challenge over the hash of what is signed; then nothing else is asked."""
    provider: bool = False
    """Whether the sign-on provider has confirmed the hash of what is signed; then nothing else is asked."""
    badge: str = ""
    """The code of a scanned badge, in the place of all components of a witness who is present."""
    browser: str | None = None
    """The browser in which the badge was scanned, by the digest of what it keeps."""


@dataclass(frozen=True)
class Given:
    """Who gave a signature, and by what; by badge, at which station and under which presence."""

    login: str
    means: Means = Means.PASSWORD
    badge: str | None = None
    station: str | None = None
    presence: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a signing asks for (21 CFR 11.200(a)(1))."""

    login: bool = False
    code: bool = False
    passkey: bool = False
    """Whether a passkey may take the place of everything else."""
    provider: str = ""
    """The sign-on provider's name, where it may take the place of everything else."""
    secret: bool = True
    """Whether there is a password at all."""


def _by_password(signers: Sequence[Signer], _content: str) -> list[Given]:
    given = []
    for signer in signers:
        if signer.by is None or not access.check_secret(signer.by.login, signer.secret):
            raise SignIn(WRONG_SECRET())
        given.append(Given(signer.by.login))
    return given


Asks = Callable[[access.Principal | None], Asked]
Vouch = Callable[[Sequence[Signer], str], list[Given]]
_vouching: list[tuple[Asks, Vouch]] = []


def vouched_by(asks: Asks = lambda _by: Asked(), vouch: Vouch = _by_password) -> None:
    """``staff`` says which components a signing asks for (of ``None``: of whoever), and verifies them.

    ``vouch(signers, hash)`` answers, for each signer, who gave it by what; it refuses when any component of
    any signer is wrong, and counts what was wrong.
    """
    _vouching[:] = [(asks, vouch)]


vouched_by()


def asked_of(by: access.Principal | None) -> Asked:
    """What the next signing asks this person for; of ``None``, what it may ask a person not yet named."""
    return _vouching[0][0](by)


def prove(
    action: str, subject: Any, *signers: Signer, content: Content | None, inputs: dict[str, Any]
) -> list[Proof]:
    """Verify the components of each signer and give the proofs, all or none.

    A wrong secret is counted by ``staff``, which records what was to be signed, and refused.
    """
    if any(signer.by is not None and signer.by.kind is not access.Kind.PERSON for signer in signers):
        raise NotAllowed(NEVER_SIGNS())
    wanted = to_sign(action, subject, content, inputs)
    about = (subject.kind, subject.code) if isinstance(subject, Thing) else None
    with access.signing(action, about):
        given = _vouching[0][1](signers, wanted)
    proofs = [Proof(secrets.token_urlsafe(32)) for _ in signers]
    rows = [
        {
            "token_hash": digest(proof.token), "login": one.login, "meaning": signer.meaning,
            "action": action, "content_hash": wanted, "expires_at": clock.now() + LIFETIME,
            **{name: getattr(one, name) for name in GIVEN},
        }
        for signer, proof, one in zip(signers, proofs, given, strict=True)
    ]  # fmt: skip
    with plumbing() as connection:
        connection.execute(_PROOF, rows)
    return proofs


def to_sign(action: str, subject: Any, content: Content | None, inputs: dict[str, Any]) -> str:
    """The digest of what a request would sign, over what is read now."""
    session.rollback()
    read_together(inputs)
    wanted = content_hash(action, subject, content, inputs)
    session.rollback()
    return wanted


@dataclass(frozen=True)
class Signed:
    """A proof that has been used up in this act."""

    login: str
    meaning: str
    content_hash: str
    given: Given


def use(
    connection: Connection, act: str, action: str, proofs: Iterable[Proof], meanings: tuple[str, ...],
    by: access.Principal, wanted: str, *, may_badge: bool = False,
) -> list[Signed]:  # fmt: skip
    """Use up one proof for each meaning, the first by whoever acts, the others by other people.

    Just these proofs: one too many would be a signature that nobody asked for. ``may_badge``: whether the
    others may sign by badge; the first never does.
    """
    used: list[Signed] = []
    now = clock.now()
    for proof in proofs:
        asked = {"token": digest(proof.token), "of_action": action, "now": now, "in_act": act}
        row = connection.execute(_USED, asked).one_or_none()
        if row is None:
            raise Refused(PROOF_USED())
        if row.content_hash != wanted:
            raise Stale(PROOF_STALE())
        given = Given(row.login, row.means, row.badge, row.station, row.presence)
        used.append(Signed(row.login, row.meaning, row.content_hash, given))
    by_meaning = {signed.meaning: signed for signed in used}
    for position, meaning in enumerate(meanings):
        signed = by_meaning.get(meaning)
        if signed is None or (position == 0 and signed.login != by.login):
            raise Refused(PROOF_MISSING(meaning=meaning))
    if len(used) != len(meanings):
        raise Refused(PROOF_TOO_MANY())
    if len({signed.login for signed in used}) != len(used):
        raise Refused(SAME_PERSON())
    first = meanings[0] if meanings else None
    for signed in used:
        if signed.given.means is Means.BADGE and (not may_badge or signed.meaning == first):
            raise Refused(NOT_BY_BADGE())
    return used
