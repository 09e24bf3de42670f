"""How a log-in, a browser's session or a token becomes a principal."""

import secrets as random_secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, insert, select, update

from mscbank.core import access, clock
from mscbank.core.access import Grant, Kind, Principal
from mscbank.core.canonical import digest
from mscbank.core.db import plumbing, session
from mscbank.staff import factors, secrets
from mscbank.staff.models import (
    LOGIN,
    ApiToken,
    CodeApp,
    Passkey,
    Presence,
    RoleGrant,
    Site,
    User,
    WebSession,
)
from mscbank.staff.states import Account

TOUCH_AFTER = timedelta(minutes=1)

_ACCOUNT = select(
    User.id, User.printed_name, User.state,
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
    must_enrol = not held and factors.is_demanded(grant.role for grant in grants)
    return Principal(login, user.printed_name, grants, factors=held, must_enrol=must_enrol)


def factors_of(login: str) -> frozenset[str]:
    """The second factors of an account, active or not."""
    row = session.execute(_ACCOUNT.where(User.code == login)).one_or_none()
    return frozenset() if row is None else _held(row)


def _held(row: Any) -> frozenset[str]:
    held = ((factors.APP, row.has_app), (factors.PASSKEY, row.has_passkey))
    return frozenset(sort for sort, is_held in held if is_held)


def names() -> dict[str, str]:
    """Login → printed name of every account, active or not."""
    return dict(session.execute(select(User.code, User.printed_name)).all())


def join() -> None:
    """Let the accounts in the database say who is who."""
    access.register_staff(load=load, check=secrets.check, names=names)


def open_session(login: str, station: str) -> str:
    """Open a browser's session; the answer is its token, kept in the signed cookie alone."""
    token = random_secrets.token_urlsafe(32)
    now = clock.now()
    with plumbing() as connection:
        connection.execute(
            insert(WebSession).values(
                token_hash=digest(token), login=login, station=station, opened_at=now, seen_at=now
            )
        )
    return token


def by_session(token: str, idle: timedelta) -> Principal | None:
    """Who holds this session, if it is open and was not idle for too long."""
    row = session.execute(
        select(WebSession.login, WebSession.seen_at, WebSession.ended_at, WebSession.station).where(
            WebSession.token_hash == digest(token)
        )
    ).one_or_none()
    now = clock.now()
    if row is None or row.ended_at is not None or now - row.seen_at > idle:
        return None
    if now - row.seen_at > TOUCH_AFTER:
        with plumbing() as connection:
            connection.execute(
                update(WebSession).where(WebSession.token_hash == digest(token)).values(seen_at=now)
            )
    found = load(row.login)
    return None if found is None else replace(found, session=digest(token))


def has_signed(session_digest: str) -> bool:
    """Whether a signing with all components has been executed in this browser's session."""
    found = session.scalar(select(WebSession.signed_at).where(WebSession.token_hash == session_digest))
    return found is not None


def note_signing(session_digest: str) -> None:
    """A signing was executed in this session; the first one had all components."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(WebSession.token_hash == session_digest, WebSession.signed_at.is_(None))
            .values(signed_at=clock.now())
        )


def end_other_sessions(login: str, token: str | None) -> None:
    """End every session of somebody but the one that holds this token."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(
                WebSession.login == login, WebSession.ended_at.is_(None),
                WebSession.token_hash != digest(token or ""),
            )
            .values(ended_at=clock.now())
        )  # fmt: skip


def end_session(token: str) -> None:
    """End a session."""
    with plumbing() as connection:
        connection.execute(
            update(WebSession)
            .where(WebSession.token_hash == digest(token), WebSession.ended_at.is_(None))
            .values(ended_at=clock.now())
        )


def by_token(token: str) -> Principal | None:
    """Who holds this API token; its scopes narrow what the person may do."""
    row = session.execute(
        select(User.code, ApiToken.scopes, ApiToken.expires_at, ApiToken.revoked_at, ApiToken.is_device)
        .join(User, ApiToken.person_id == User.id)
        .where(ApiToken.token_hash == digest(token))
    ).one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= clock.now():
        return None
    found = load(row.code)
    if found is None:
        return None
    kind = Kind.DEVICE if row.is_device else Kind.PERSON
    return replace(found, kind=kind, scopes=frozenset(row.scopes.split()))


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
