"""The sessions and tokens of somebody, as a person and an auditor read them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from mscbank.core import clock
from mscbank.core.db import any_of, session
from mscbank.staff.models import ApiToken, TokenUse, User, WebSession

KEPT = 50
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
             ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A session: where, with what, since when, last used; whether it is the one in use now."""

    handle: str
    station: str
    browser: str
    opened_at: datetime
    seen_at: datetime
    begun_by: str
    is_this: bool = False


@dataclass(frozen=True)
class Token:
    """An API token without its secret: what it may do, until when, when it was last used, how it stands."""

    number: int
    label: str
    scopes: str
    expires_at: datetime
    used_at: datetime | None
    state: str
    """in use, expired or revoked"""


def browser_of(agent: str) -> str:
    """What a browser calls itself, in three words: Firefox 140, Windows. Blank when unknown."""
    name = next((word for mark, word in _BROWSERS if f"{mark}/" in agent), "")
    mark = next((mark for mark, _word in _BROWSERS if f"{mark}/" in agent), "")
    number = re.search(rf"{mark}/(\d{{1,4}})", agent) if mark else None
    system = next((word for mark, word in _SYSTEMS if mark in agent), "")
    first = f"{name} {number[1]}" if name and number else name
    return ", ".join(part for part in (first, system) if part)


def open_sessions(login: str, life: timedelta, this: str | None = None) -> list[Shown]:
    """The sessions of somebody that are open, the last used first; an idle one still asks for the secret."""
    since = clock.now() - life
    rows = session.execute(
        select(
            WebSession.handle, WebSession.station, WebSession.browser, WebSession.opened_at,
            WebSession.seen_at, WebSession.begun_by,
        )
        .where(
            WebSession.login == login, WebSession.ended_at.is_(None), WebSession.opened_at > since,
            or_(WebSession.authenticated_at.is_(None), WebSession.authenticated_at > since),
        )
        .order_by(WebSession.seen_at.desc())
        .limit(KEPT)
    )  # fmt: skip
    return [Shown(*row, is_this=row.handle == this) for row in rows]


def tokens(user: User) -> list[Token]:
    """The API tokens of somebody, the newest first."""
    now = clock.now()
    rows = session.execute(
        select(ApiToken, TokenUse.used_at)
        .outerjoin(TokenUse, TokenUse.token_hash == ApiToken.token_hash)
        .where(ApiToken.person_id == user.id)
        .order_by(ApiToken.number.desc())
        .limit(KEPT)
    )
    return [
        Token(
            t.number, t.label, t.scopes, t.expires_at, used,
            "revoked" if t.revoked_at else "expired" if t.expires_at <= now else "in use",
        )
        for t, used in rows
    ]  # fmt: skip


def last_log_ins(logins: list[str]) -> dict[str, datetime]:
    """Log-in → when somebody last signed in at a browser; those who never did are left out."""
    rows = session.execute(
        select(WebSession.login, func.max(WebSession.opened_at))
        .where(any_of(WebSession.login, logins))
        .group_by(WebSession.login)
    )
    return dict(rows.all())
