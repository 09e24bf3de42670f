"""Badges and presence: a badge says who one is, presence at a station that it is really that person.

A badge's code is random, expires, can be revoked, and opens nothing. Presence is opened with one's own
secret, lasts four hours at most and ends on leaving, on signing out, at another station, with the account.
What a badge witnesses at a station counts only while its bearer is present there.
"""

import secrets as random_secrets
from datetime import datetime, timedelta

from sqlalchemy import select

from mscbank.coding import short
from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.codes import LETTERS
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.staff import people
from mscbank.staff.actions import EMERGENCY, NOT_YOURS, leave, next_number, of_a_person
from mscbank.staff.models import Badge, Presence, User

LONGEST_PRESENCE = timedelta(hours=4)
LONGEST_BADGE = timedelta(days=731)

IS_REVOKED = Refusal("badge.revoked", "This badge was revoked already.", Role.ADMIN)
NOT_PRESENT = Refusal("person.not_present", "You are not present at this station.")


def random_code() -> str:
    """A badge's code: its number is drawn, so that nobody guesses another one from it."""
    while True:
        number = random_secrets.randbelow(short.MOST_NUMBER) + 1
        code = short.make(LETTERS["badge"], instance().prefix, number)
        if session.scalar(select(Badge.id).where(Badge.code == code)) is None:
            return code


@action("badge.issue", role=Role.ADMIN, creates="badge", locks=lambda *, person, **_inputs: [person])
def issue_badge(*, person: User, expires_at: datetime) -> Badge:
    """Issue a badge; its code identifies its bearer and opens nothing by itself."""
    if person.is_emergency:
        raise Refused(EMERGENCY())
    if not clock.now() < expires_at <= clock.now() + LONGEST_BADGE:
        raise invalid(expires_at=[_("A badge ends within two years.")])
    badge = Badge(code=random_code(), person=person, expires_at=expires_at)
    session.add(badge)
    return badge


@action("badge.revoke", role=Role.ADMIN, kind="badge", reason=True, locks=lambda badge: [badge.person])
def revoke_badge(badge: Badge) -> None:
    """Revoke a badge that was lost or returned."""
    if badge.revoked_at is not None:
        raise Refused(IS_REVOKED())
    badge.revoked_at = clock.now()


def bearer(code: str) -> Principal | None:
    """Whom a scanned badge names: nobody when it is unknown, revoked or expired, or the account disabled."""
    badge = session.scalar(select(Badge).where(Badge.code == code))
    if badge is None or badge.revoked_at is not None or badge.expires_at <= clock.now():
        return None
    return people.load(badge.person.code)


def witness(code: str, station: str) -> Principal | None:
    """Who witnesses by this badge at this station: its bearer, while present there; otherwise nobody."""
    found = bearer(code)
    return found if found is not None and found.login in people.present_at(station) else None


@action("person.open_presence", role=tuple(Role), kind="person", signs="present", unless=of_a_person)
def open_presence(user: User, *, by: Principal, station: str) -> None:
    """Stand at a shared station: opened with one's own secret, at most four hours, at one station only."""
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    leave(user)
    session.flush()
    now = clock.now()
    session.add(
        Presence(
            person=user,
            number=next_number(Presence, user),
            station=station,
            opened_at=now,
            closes_at=now + LONGEST_PRESENCE,
        )
    )


@action("person.close_presence", role=tuple(Role), kind="person")
def close_presence(user: User, *, by: Principal, station: str) -> None:
    """Leave the station."""
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    here = standing_at(user)
    if here is None or here.station != station:
        raise Refused(NOT_PRESENT())
    here.closed_at = clock.now()


def standing_at(user: User) -> Presence | None:
    """Where somebody stands now, if anywhere."""
    return session.scalar(
        select(Presence).where(
            Presence.person_id == user.id, Presence.closed_at.is_(None), Presence.closes_at > clock.now()
        )
    )


def end_on_leaving(by: Principal) -> None:
    """Whoever signs out leaves the station too."""
    user = session.scalar(select(User).where(User.code == by.login))
    here = standing_at(user) if user is not None else None
    if user is not None and here is not None:
        close_presence(user, by=by, station=here.station)
