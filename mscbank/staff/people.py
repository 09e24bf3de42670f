"""How a log-in, a browser's session or a token becomes a principal."""

import secrets as random_secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mscbank.core import access, clock
from mscbank.core.access import Grant, Kind, Principal
from mscbank.core.canonical import digest
from mscbank.core.db import is_sqlite, plumbing, session
from mscbank.staff import factors, secrets
from mscbank.staff.models import (
    LOGIN,
    ApiToken,
    CodeApp,
    Credential,
    Passkey,
    Presence,
    RoleGrant,
    Seal,
    Site,
    TokenUse,
    User,
    WebSession,
)
from mscbank.staff.states import Account

log = structlog.get_logger()

TOUCH_AFTER = timedelta(minutes=1)
PASSWORD, PASSKEY, PROVIDER, SEALED = "password", "passkey", "provider", "sealed"
"""How a session is begun."""
LIFE = timedelta(hours=12)
"""A session lives no longer, however busy, unless set: a shift (NIST SP 800-63B-4, 2.2.3: a day at most)."""

_HELD_BY = (
    select(Seal.opened_by)
    .where(Seal.person_id == User.id, Seal.opened_at.is_not(None), Seal.reviewed_at.is_(None))
    .scalar_subquery()
)
_ACCOUNT = select(
    User.id, User.printed_name, User.state, User.is_emergency, _HELD_BY.label("held_by"),
    exists().where(CodeApp.login == User.code, CodeApp.secret.is_not(None)).label("has_app"),
    exists().where(Passkey.person_id == User.id, Passkey.removed_at.is_(None)).label("has_passkey"),
)  # fmt: skip
_GRANTS = select(RoleGrant.role, Site.code, RoleGrant.starts_at, RoleGrant.ends_at).outerjoin(
    Site, RoleGrant.site_id == Site.id
)


def load(login: str) -> Principal | None:
    """The principal of an active account with the roles that hold now."""
    if not LOGIN.fullmatch(login):
        return None
    user = session.execute(_ACCOUNT.where(User.code == login)).one_or_none()
    if user is None or user.state is not Account.ACTIVE:
        return None
    now = clock.now()
    grants = frozenset(
        Grant(role, site)
        for role, site, starts, ends in session.execute(_GRANTS.where(RoleGrant.person_id == user.id))
        if starts <= now and (ends is None or ends > now)
    )
    held = _held(user)
    must_enrol = not (held or user.is_emergency) and factors.is_demanded(grant.role for grant in grants)
    name = f"{user.printed_name} (held by {user.held_by})" if user.held_by else user.printed_name
    return Principal(login, name, grants, factors=held, emergency=user.is_emergency, must_enrol=must_enrol)


def factors_of(login: str) -> frozenset[str]:
    """The second factors of an account, active or not."""
    row = session.execute(_ACCOUNT.where(User.code == login)).one_or_none()
    return frozenset() if row is None else _held(row)


def _held(row: Any) -> frozenset[str]:
    held = ((factors.APP, row.has_app), (factors.PASSKEY, row.has_passkey))
    return frozenset(sort for sort, is_held in held if is_held)


def is_known(login: str) -> bool:
    """Whether somebody has or had this log-in."""
    return session.scalar(select(User.id).where(User.code == login)) is not None


def names() -> dict[str, str]:
    """Login → printed name of every account, active or not."""
    return dict(session.execute(select(User.code, User.printed_name)).all())


def join() -> None:
    """Let the accounts in the database say who is who."""
    access.register_staff(load=load, check=secrets.check, names=names)


def open_session(
    login: str, station: str, browser: str = "", *, begun_by: str = PASSWORD,
    authenticated_at: datetime | None = None, is_strong: bool = False,
) -> str:  # fmt: skip
    """Open a browser's session; the answer is its token, kept in the signed cookie alone.

    ``authenticated_at``: when the provider recognised the person; the session lives from then.
    """
    token = random_secrets.token_urlsafe(32)
    now = clock.now()
    with plumbing() as connection:
        connection.execute(
            insert(WebSession).values(
                token_hash=digest(token),
                handle=random_secrets.token_hex(8),
                login=login,
                station=station[:80],
                browser=browser[:80],
                opened_at=now,
                seen_at=now,
                begun_by=begun_by,
                authenticated_at=authenticated_at,
                is_strong=is_strong,
            )
        )
    log.info("session opened", person=login, address=station, by=begun_by)
    return token


def _of(token: str) -> ColumnElement[bool]:
    return WebSession.token_hash == digest(token)


_SESSION = select(
    WebSession.login, WebSession.handle, WebSession.opened_at, WebSession.seen_at, WebSession.ended_at,
    WebSession.begun_by, WebSession.authenticated_at, WebSession.is_strong,
)  # fmt: skip


def _since(row: Any) -> datetime:
    """From when a session's longest time runs: from when the provider recognised the person, if it did."""
    opened: datetime = row.opened_at
    return min(opened, row.authenticated_at or opened)


def by_session(
    token: str, idle: timedelta, life: timedelta = LIFE, *, touch: bool = True
) -> Principal | None:
    """Who holds this session, if it is open and was not idle for too long; its last use is noted."""
    row = session.execute(_SESSION.where(_of(token))).one_or_none()
    now = clock.now()
    if row is None or row.ended_at is not None or now - row.seen_at > idle or now - _since(row) > life:
        return None
    if touch and now - row.seen_at > TOUCH_AFTER:
        with plumbing() as connection:
            connection.execute(update(WebSession).where(_of(token)).values(seen_at=now))
    found = load(row.login)
    if found is None:
        return None
    return replace(found, session=row.handle, must_enrol=found.must_enrol and not row.is_strong)


def has_signed(handle: str) -> bool:
    """Whether a signing with all components has been executed in this browser's session."""
    found = session.scalar(select(WebSession.signed_at).where(WebSession.handle == handle))
    return found is not None


def note_signing(handle: str) -> None:
    """A signing was executed in this session; the first one had all components."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(WebSession.handle == handle, WebSession.signed_at.is_(None))
            .values(signed_at=clock.now())
        )


def idle_login(token: str, idle: timedelta, life: timedelta = LIFE) -> str | None:
    """Whose session this is when it was only idle for too long: the secret alone opens it again."""
    row = session.execute(_SESSION.where(_of(token))).one_or_none()
    now = clock.now()
    if row is None or row.ended_at is not None or now - _since(row) > life:
        return None
    return str(row.login) if now - row.seen_at > idle and load(row.login) else None


def time_left(token: str, idle: timedelta, life: timedelta = LIFE) -> timedelta:
    """How long this session may still stand idle; nothing when it is over."""
    row = session.execute(_SESSION.where(_of(token))).one_or_none()
    if row is None or row.ended_at is not None:
        return timedelta(0)
    ends: datetime = min(row.seen_at + idle, _since(row) + life)
    return max(ends - clock.now(), timedelta(0))


def session_of(token: str) -> str | None:
    """The handle of the session that holds this token."""
    row = session.execute(_SESSION.where(_of(token))).one_or_none()
    return None if row is None else str(row.handle)


def has_password(login: str) -> bool:
    """Whether an account has a password of its own."""
    found = select(Credential.id).where(
        Credential.login == login, Credential.password_hash.is_not(None), ~Credential.is_temporary
    )
    return session.scalar(found) is not None


def go_on(token: str) -> None:
    """Open an idle session again, after the secret was given.

    The pause ended the continuous period of access: the next signing asks for all components again.
    """
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(_of(token), WebSession.ended_at.is_(None))
            .values(seen_at=clock.now(), signed_at=None)
        )


def end_other_sessions(login: str, token: str | None) -> None:
    """End every session of somebody but the one that holds this token."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(WebSession.login == login, WebSession.ended_at.is_(None), ~_of(token or ""))
            .values(ended_at=clock.now())
        )


def end_session(token: str) -> None:
    """End a session."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession).where(_of(token), WebSession.ended_at.is_(None)).values(ended_at=clock.now())
        )


def by_token(token: str) -> Principal | None:
    """Who holds this API token; its scopes narrow what the person may do."""
    row = session.execute(
        select(
            User.code,
            ApiToken.scopes,
            ApiToken.expires_at,
            ApiToken.revoked_at,
            ApiToken.is_device,
            TokenUse.used_at,
        )
        .join(User, ApiToken.person_id == User.id)
        .outerjoin(TokenUse, TokenUse.token_hash == ApiToken.token_hash)
        .where(ApiToken.token_hash == digest(token))
    ).one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= clock.now():
        return None
    found = load(row.code)
    if found is None:
        return None
    if row.used_at is None or clock.now() - row.used_at > TOUCH_AFTER:
        _note_use(digest(token))
    kind = Kind.DEVICE if row.is_device else Kind.PERSON
    return replace(found, kind=kind, scopes=frozenset(row.scopes.split()))


def _note_use(token_hash: str) -> None:
    """Note that a token is used now."""
    now = clock.now()
    dialect = sqlite if is_sqlite() else postgresql
    with plumbing() as connection:
        connection.execute(
            dialect.insert(TokenUse)
            .values(token_hash=token_hash, used_at=now)
            .on_conflict_do_update(index_elements=["token_hash"], set_={"used_at": now})
        )


def present_at(station: str) -> list[str]:
    """The log-ins of those who have opened presence at a station and not left."""
    now = clock.now()
    return list(
        session.scalars(
            select(User.code)
            .join(Presence, Presence.person_id == User.id)
            .where(Presence.station == station, Presence.closed_at.is_(None), Presence.closes_at > now)
        )
    )
