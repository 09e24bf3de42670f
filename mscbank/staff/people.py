"""How a log-in, a browser's session or a token becomes a principal."""

import secrets as random_secrets
from datetime import timedelta

import structlog
from sqlalchemy import insert, select, update

from mscbank.core import access, clock
from mscbank.core.access import Grant, Kind, Principal
from mscbank.core.canonical import digest
from mscbank.core.db import plumbing, session
from mscbank.staff import secrets
from mscbank.staff.models import LOGIN, ApiToken, Presence, RoleGrant, Site, User, WebSession
from mscbank.staff.states import Account

log = structlog.get_logger()

TOUCH_AFTER = timedelta(minutes=1)

_GRANTS = select(RoleGrant.role, Site.code, RoleGrant.starts_at, RoleGrant.ends_at).outerjoin(
    Site, RoleGrant.site_id == Site.id
)


def load(login: str) -> Principal | None:
    """The principal of an active account with the roles that hold now."""
    if not LOGIN.fullmatch(login):
        return None
    user = session.execute(
        select(User.id, User.printed_name, User.state).where(User.code == login)
    ).one_or_none()
    if user is None or user.state is not Account.ACTIVE:
        return None
    now = clock.now()
    grants = frozenset(
        Grant(role, site)
        for role, site, starts, ends in session.execute(_GRANTS.where(RoleGrant.person_id == user.id))
        if starts <= now and (ends is None or ends > now)
    )
    return Principal(login, user.printed_name, grants)


def names() -> dict[str, str]:
    """Login → printed name of every account, active or not."""
    return dict(session.execute(select(User.code, User.printed_name)).all())


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
    log.info("session opened", person=login, address=station)
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
    return load(row.login)


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
    return Principal(
        found.login, found.printed_name, found.grants, Kind.DEVICE if row.is_device else Kind.PERSON,
        frozenset(row.scopes.split()),
    )  # fmt: skip


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
