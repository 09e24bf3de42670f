"""Accounts, roles by site, sites; and, outside the record, what is secret about them."""

import re
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.access import Role
from mscbank.core.db import Part, Plumbing, Thing, Trigger
from mscbank.core.masters import MasterKey
from mscbank.core.naming import DIGESTED
from mscbank.core.types import Envelope, Id, Sealed, Utc, Word
from mscbank.staff import states

FORMATS = 200
LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,39}")
"""What a log-in looks like; any other text is nobody's."""


class Site(Thing):
    """A place of work of the organisation; roles are held for one or for all."""

    __tablename__ = "site"
    kind: ClassVar[str] = "site"

    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(60))
    wristband_format: Mapped[str | None] = mapped_column(String(FORMATS))
    """What its wristbands say (``masks``); nothing: anything."""
    hospital_number_format: Mapped[str | None] = mapped_column(String(FORMATS))

    @property
    def called(self) -> str:
        return self.name


class KeyCheck(Part):
    """What a check of the keys found, and who signed it; a row a check, signed once."""

    __tablename__ = "key_check"
    owner: ClassVar[str] = "master"
    key: ClassVar[tuple[str, ...]] = ("number",)

    master_id: Mapped[int] = mapped_column(ForeignKey("master_key.id"))
    master: Mapped[MasterKey] = relationship()
    number: Mapped[int] = mapped_column(Id)
    examined_at: Mapped[datetime] = mapped_column(Utc)
    examined_by: Mapped[str] = mapped_column(String(80))
    people: Mapped[int] = mapped_column(Id)
    """People whose key stands in the database."""
    opened: Mapped[int] = mapped_column(Id)
    """Those whose key opened, and who are found by their names."""
    faults: Mapped[str | None] = mapped_column(Text)
    shares: Mapped[str | None] = mapped_column(String(20))
    """The shares that were read and gave the key in force."""
    signed_at: Mapped[datetime | None] = mapped_column(Utc)
    signed_by: Mapped[str | None] = mapped_column(String(80))

    __table_args__ = (
        UniqueConstraint("master_id", "number"),
        CheckConstraint("(signed_at IS NULL) = (signed_by IS NULL)", name="signature_is_whole"),
        CheckConstraint("opened BETWEEN 0 AND people", name="opened_are_people"),
        CheckConstraint(
            "signed_at IS NULL OR (faults IS NULL AND opened = people AND shares IS NOT NULL)",
            name="signed_holds",
        ),
    )
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_key_check_signed", "key_check", "BEFORE UPDATE", "OLD.signed_at IS NOT NULL",
            "a signed check of the keys stays as it is",
        ),
        Trigger(
            "guard_key_check_found", "key_check", "BEFORE UPDATE OF people, opened, examined_at",
            "OLD.people <> NEW.people OR OLD.opened <> NEW.opened OR OLD.examined_at <> NEW.examined_at",
            "what a check of the keys found stays",
        ),
    )  # fmt: skip

    @property
    def holds(self) -> bool:
        """Whether every key opened and two shares gave the key in force: what may be signed."""
        return self.faults is None and self.opened == self.people and self.shares is not None


class User(Thing):
    """Somebody with a log-in; the code is the log-in, never used again for another person."""

    __tablename__ = "person"
    kind: ClassVar[str] = "person"
    lower: ClassVar[bool] = True
    lives: ClassVar = {"state": states.LIFE}

    printed_name: Mapped[str] = mapped_column(String(200))
    state: Mapped[states.Account] = mapped_column(Word(states.Account))
    is_emergency: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is nobody's: its sealed secret lies in an envelope, for when nothing else opens."""

    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_person_emergency", "person", "BEFORE UPDATE OF is_emergency",
            "OLD.is_emergency <> NEW.is_emergency", "an emergency account stays one, no other becomes one",
        ),
    )  # fmt: skip

    @property
    def called(self) -> str:
        return self.printed_name


class RoleGrant(Part):
    """A role, for a site or for all, from one instant to another; ended, never deleted."""

    __tablename__ = "role_grant"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    role: Mapped[Role] = mapped_column(Word(Role))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    at: Mapped[Site | None] = relationship()
    starts_at: Mapped[datetime] = mapped_column(Utc)
    ends_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("person_id", "number"),)


class Badge(Thing):
    """A badge: it identifies, it never authenticates."""

    __tablename__ = "badge"
    kind: ClassVar[str] = "badge"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    expires_at: Mapped[datetime] = mapped_column(Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(Utc)
    touches: ClassVar[tuple[str, ...]] = ("person",)


class ApiToken(Part):
    """A bearer token of somebody, with scopes and an end; only its digest is kept."""

    __tablename__ = "api_token"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    label: Mapped[str] = mapped_column(String(80))
    scopes: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(Utc)
    is_device: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (UniqueConstraint("person_id", "number"),)


class Presence(Part):
    """Somebody stands at a shared station: opened with a secret, at most four hours, ended on leaving."""

    __tablename__ = "presence"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    station: Mapped[str] = mapped_column(String(80), index=True)
    browser: Mapped[str | None] = mapped_column(String(64), index=True)
    """The digest of what this station's browser keeps; none for presence opened over the API."""
    opened_at: Mapped[datetime] = mapped_column(Utc)
    closes_at: Mapped[datetime] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("person_id", "number"),
        Index(
            "uq_presence_at_one_station", "person_id", unique=True,
            sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL"),
        ),
    )  # fmt: skip
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_presence_station", "presence", "BEFORE INSERT",
            "EXISTS (SELECT 1 FROM presence p WHERE p.closed_at IS NULL AND p.closes_at > NEW.opened_at"
            " AND (p.station = NEW.station) <> (p.browser = NEW.browser))",
            "where somebody stands, a station is one browser and a browser is one station",
        ),
        Trigger(
            "guard_presence_stays", "presence", "BEFORE UPDATE",
            "OLD.station <> NEW.station OR OLD.person_id <> NEW.person_id OR OLD.number <> NEW.number"
            " OR OLD.opened_at <> NEW.opened_at OR OLD.closes_at < NEW.closes_at"
            " OR COALESCE(OLD.browser, '') <> COALESCE(NEW.browser, '') OR OLD.closed_at IS NOT NULL",
            "presence is ended, not moved, prolonged or opened again",
        ),
        Trigger(
            "guard_signature_by_badge", "signature", "BEFORE INSERT",
            "NEW.means = 'badge' AND NOT EXISTS"
            " (SELECT 1 FROM presence p JOIN person u ON u.id = p.person_id"
            " JOIN badge b ON b.person_id = u.id"
            " WHERE u.code = NEW.login AND NEW.presence = u.code || '/' || p.number"
            " AND p.station = NEW.station AND p.browser IS NOT NULL AND p.closed_at IS NULL"
            " AND p.opened_at <= NEW.signed_at AND p.closes_at > NEW.signed_at AND u.state = 'active'"
            " AND b.code = NEW.badge AND b.revoked_at IS NULL AND b.expires_at > NEW.signed_at)",
            "a badge signs only where its bearer is present",
        ),
    )  # fmt: skip


class Passkey(Part):
    """A passkey of somebody (WebAuthn): what verifies it, nothing secret; removed, never deleted."""

    __tablename__ = "passkey"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(80))
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True, info={DIGESTED: True})
    public_key: Mapped[str] = mapped_column(String(4000), info={DIGESTED: True})
    added_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("person_id", "number"),)


class Identity(Part):
    """Whom the OpenID provider knows as this person: issuer and subject, one account's for ever."""

    __tablename__ = "identity"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    linked_at: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("person_id", "number"),
        UniqueConstraint("issuer", "subject"),
        Index(
            "uq_identity_one_a_person", "person_id", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_identity_for_ever", "identity", "BEFORE UPDATE OF person_id, issuer, subject",
            "OLD.person_id <> NEW.person_id OR OLD.issuer <> NEW.issuer OR OLD.subject <> NEW.subject",
            "whom a provider knows by a subject is one person for ever",
        ),
    )  # fmt: skip


class Seal(Part):
    """A sealed secret of an emergency account: made by two, opened once under a name, reviewed by a third."""

    __tablename__ = "seal"
    owner: ClassVar[str] = "person"
    key: ClassVar[tuple[str, ...]] = ("number",)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[User] = relationship()
    number: Mapped[int] = mapped_column(Id)
    sealed_at: Mapped[datetime] = mapped_column(Utc)
    sealed_by: Mapped[str] = mapped_column(String(80))
    sealed_with: Mapped[str] = mapped_column(String(80))
    """The second person."""
    voided_at: Mapped[datetime | None] = mapped_column(Utc)
    """When a newer seal took its place, unused."""
    opened_at: Mapped[datetime | None] = mapped_column(Utc)
    opened_by: Mapped[str | None] = mapped_column(String(80))
    """Who holds it, as typed at sign-in."""
    reviewed_at: Mapped[datetime | None] = mapped_column(Utc)
    reviewed_by: Mapped[str | None] = mapped_column(String(80))
    finding: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("person_id", "number"),
        CheckConstraint("sealed_by <> sealed_with", name="sealed_by_two"),
        CheckConstraint("(opened_at IS NULL) = (opened_by IS NULL)", name="opening_is_whole"),
        CheckConstraint(
            "(reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (finding IS NULL)",
            name="review_is_whole",
        ),
        CheckConstraint("reviewed_at IS NULL OR opened_at IS NOT NULL", name="review_of_a_use"),
        CheckConstraint("voided_at IS NULL OR opened_at IS NULL", name="void_or_opened"),
        Index(
            "uq_seal_one_in_force", "person_id", unique=True,
            sqlite_where=text("voided_at IS NULL AND reviewed_at IS NULL"),
            postgresql_where=text("voided_at IS NULL AND reviewed_at IS NULL"),
        ),
    )  # fmt: skip
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_seal_of_an_emergency", "seal", "BEFORE INSERT",
            "NOT EXISTS (SELECT 1 FROM person p WHERE p.id = NEW.person_id AND p.is_emergency)",
            "only an emergency account is sealed",
        ),
        Trigger(
            "guard_seal_opened_once", "seal", "BEFORE UPDATE OF opened_at, opened_by, voided_at",
            "OLD.opened_at IS NOT NULL OR OLD.voided_at IS NOT NULL",
            "a seal is opened once, and what was written at its opening stays",
        ),
        Trigger(
            "guard_seal_reviewed", "seal", "BEFORE UPDATE", "OLD.reviewed_at IS NOT NULL",
            "a reviewed use of an emergency account stays as it is",
        ),
        Trigger(
            "guard_seal_own_review", "seal", "BEFORE UPDATE OF reviewed_by",
            "EXISTS (SELECT 1 FROM person p WHERE p.code = NEW.reviewed_by AND (p.id = NEW.person_id OR "
            "lower(p.printed_name) = lower(NEW.opened_by)))",
            "whoever used an emergency account does not review it",
        ),
    )  # fmt: skip


class SignOn(Plumbing):
    """A request to the OpenID provider: of one browser, for one purpose, answered once, used once.

    Digests alone: what opens it is in the browser's cookie.
    """

    __tablename__ = "sign_on"

    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    handle: Mapped[str] = mapped_column(String(16), unique=True)
    """How the pages speak of it; it opens nothing without the cookie."""
    purpose: Mapped[str] = mapped_column(String(20))
    login: Mapped[str | None] = mapped_column(String(80))
    """Whom the provider has to recognise; whoever it is when somebody signs in."""
    session: Mapped[str | None] = mapped_column(String(16), index=True)
    """The handle of the browser's session in which somebody signs, or goes on."""
    content_hash: Mapped[str | None] = mapped_column(String(64))
    following: Mapped[str] = mapped_column(String(500))
    began_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    answered_at: Mapped[datetime | None] = mapped_column(Utc)
    """When an answer came, right or wrong: there is no second one."""
    confirmed_at: Mapped[datetime | None] = mapped_column(Utc)
    issuer: Mapped[str | None] = mapped_column(String(300))
    subject: Mapped[str | None] = mapped_column(String(255))
    authenticated_at: Mapped[datetime | None] = mapped_column(Utc)
    is_strong: Mapped[bool] = mapped_column(Boolean, default=False)
    spent_at: Mapped[datetime | None] = mapped_column(Utc)


class PasskeyUse(Plumbing):
    """How often a passkey says it was used (a copy would fall behind), and when it last was."""

    __tablename__ = "passkey_use"

    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    sign_count: Mapped[int] = mapped_column(Id)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


class Challenge(Plumbing):
    """What a passkey is asked to sign: once, within two minutes, for one purpose at one address."""

    __tablename__ = "challenge"

    challenge: Mapped[str] = mapped_column(String(80), unique=True)
    purpose: Mapped[str] = mapped_column(String(20))
    origin: Mapped[str] = mapped_column(String(300))
    login: Mapped[str | None] = mapped_column(String(80))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(Utc)
    spent_at: Mapped[datetime | None] = mapped_column(Utc)


class Credential(Plumbing):
    """The secret of a log-in, hashed, with its failures; it reaches neither action nor record nor log."""

    __tablename__ = "credential"

    login: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    pending_hash: Mapped[str | None] = mapped_column(String(200))
    changed_at: Mapped[datetime | None] = mapped_column(Utc)
    is_temporary: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether somebody else chose it: it opens nothing but the way to one's own."""
    failures: Mapped[int] = mapped_column(Id, default=0)
    failed_at: Mapped[datetime | None] = mapped_column(Utc)


class CodeApp(Plumbing):
    """The authenticator app of a log-in (RFC 6238): its secret, sealed, and the last time step used."""

    __tablename__ = "code_app"

    login: Mapped[str] = mapped_column(String(80), unique=True)
    secret: Mapped[Envelope | None] = mapped_column(Sealed)
    pending: Mapped[Envelope | None] = mapped_column(Sealed)
    """A secret that was shown and not yet confirmed by a code."""
    pending_at: Mapped[datetime | None] = mapped_column(Utc)
    last_step: Mapped[int] = mapped_column(Id, default=0)


class CodeTries(Plumbing):
    """Wrong codes of a log-in, counted apart from wrong passwords: the right password clears none of them."""

    __tablename__ = "code_tries"

    login: Mapped[str] = mapped_column(String(80), unique=True)
    failures: Mapped[int] = mapped_column(Id, default=0)
    failed_at: Mapped[datetime | None] = mapped_column(Utc)


class RecoveryCode(Plumbing):
    """A code on paper that takes the place of the second factor once; only its digest is kept."""

    __tablename__ = "recovery_code"

    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    login: Mapped[str] = mapped_column(String(80), index=True)
    made_at: Mapped[datetime] = mapped_column(Utc)
    spent_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it was used, or when newer ones took its place."""


class WebSession(Plumbing):
    """A browser's session; only the digest of its token is kept."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    handle: Mapped[str] = mapped_column(String(16), unique=True)
    """How people speak of it; it opens nothing."""
    login: Mapped[str] = mapped_column(String(80), index=True)
    station: Mapped[str] = mapped_column(String(80))
    browser: Mapped[str] = mapped_column(String(80), default="")
    opened_at: Mapped[datetime] = mapped_column(Utc)
    seen_at: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    begun_by: Mapped[str] = mapped_column(String(20), default="password")
    """How it was begun: by password, passkey, provider, or a sealed secret."""
    authenticated_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the provider recognised the person; the session's longest time runs from then."""
    is_strong: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the provider told a second factor."""
    signed_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the first signing of this session was executed with all its components (21 CFR 11.200(a)(1))."""


class TokenUse(Plumbing):
    """When an API token was last used, to the minute."""

    __tablename__ = "token_use"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime] = mapped_column(Utc)
