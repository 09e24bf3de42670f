"""Badges and presence: a badge says who one is, presence at a station that it is really that person.

A badge's code is random, expires, can be revoked, and opens nothing. A station is a browser that people
share; it is told by what it keeps. Presence is opened there with all one's own components, lasts four hours
at most and ends on leaving, on signing out, at another station, with the account and with its sessions. What
a badge witnesses at a station counts only while its bearer is present there (decision 34).
"""

import secrets as random_secrets
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select

from mscbank.coding import short
from mscbank.core import clock
from mscbank.core.access import Principal, Role, being_signed
from mscbank.core.acts import action, keep_reading
from mscbank.core.codes import LETTERS
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.naming import key_of
from mscbank.core.signatures import SAME_PERSON, Given, Means
from mscbank.staff import people
from mscbank.staff.actions import EMERGENCY, NOT_YOURS, leave, next_number, of_a_person
from mscbank.staff.models import Badge, Presence, User

LONGEST_PRESENCE = timedelta(hours=4)
LONGEST_BADGE = timedelta(days=731)
FAILED_BADGE = "person.failed_badge"

IS_REVOKED = Refusal("badge.revoked", "This badge was revoked already.", Role.ADMIN)
NOT_PRESENT = Refusal("person.not_present", "You are not present at this station.")
OTHER_BROWSER = Refusal(
    "person.station_taken",
    "Somebody stands at %(station)s in another browser. Give this station another name, or let them leave.",
)
OTHER_NAME = Refusal(
    "person.station_named", "This station is called %(station)s as long as somebody stands here."
)
UNKNOWN = Refusal("badge.unknown", "This is no badge of this house. Nothing was signed.")
ENDED = Refusal(
    "badge.ended",
    "This badge was revoked, has expired, or its account is disabled. Nothing was signed.",
    Role.ADMIN,
)
NOT_HERE = Refusal(
    "badge.not_present",
    "%(name)s is not present at this station, or no longer. Open presence here with the password; then "
    "the badge counts. Nothing was signed.",
)
ELSEWHERE = Refusal(
    "badge.present_elsewhere",
    "%(name)s is present at %(station)s, not here. Open presence here with the password; then the badge "
    "counts. Nothing was signed.",
)


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


def badge_of(code: str) -> Badge | None:
    """The badge with this code, whether it still counts or not; any other text is none."""
    if not short.is_wellformed(code):
        return None
    return session.scalar(select(Badge).where(Badge.code == code))


def bearer(code: str) -> Principal | None:
    """Whom a scanned badge names: nobody when it is unknown, revoked or expired, or the account disabled."""
    badge = badge_of(code)
    if badge is None or badge.revoked_at is not None or badge.expires_at <= clock.now():
        return None
    return people.load(badge.person.code)


def witness(code: str, browser: str | None, *, shown_by: Principal) -> tuple[Principal, Given]:
    """Who signs by this badge in this browser: its bearer, while present there.

    Refused (409) otherwise; the refusal is recorded with whoever had it scanned, as a wrong secret is.
    """
    badge, found = badge_of(code), bearer(code)
    if found is None:
        raise _failed(shown_by, badge, Refused(ENDED() if badge is not None else UNKNOWN()))
    if found.login == shown_by.login:
        raise _failed(shown_by, badge, Refused(SAME_PERSON()))
    here = next((one for one in standing_in(browser) if one.person.code == found.login), None)
    if here is None:
        elsewhere = standing_at(badge.person) if badge is not None else None
        name = found.printed_name
        obstacle = (
            NOT_HERE(name=name) if elsewhere is None else ELSEWHERE(name=name, station=elsewhere.station)
        )
        raise _failed(shown_by, badge, Refused(obstacle))
    return found, Given(found.login, Means.BADGE, code, here.station, key_of(here)[1])


def _failed(by: Principal, badge: Badge | None, refused: Refused) -> Refused:
    """Recorded: who had which badge scanned, for what; a text that is no badge might be a secret."""
    signing, about = being_signed() or (None, None)
    notes = {"obstacles": [{"code": refused.code, "values": {}}]} | ({"signing": signing} if signing else {})
    touched = {about} if about else set()
    if badge is not None:
        touched |= {key_of(badge), key_of(badge.person)}
    keep_reading(by, FAILED_BADGE, notes, touched)
    return refused


@action("person.open_presence", role=tuple(Role), kind="person", signs="present", unless=of_a_person)
def open_presence(user: User, *, by: Principal, station: str, browser: str | None = None) -> None:
    """Stand at a shared station: opened with one's own secret, at most four hours, at one station only.

    ``browser``: the digest of what the station's browser keeps. Without it a badge counts nowhere.
    """
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    leave(user)
    session.flush()
    now = clock.now()
    _judge_station(station, browser)
    session.add(
        Presence(
            person=user,
            number=next_number(Presence, user),
            station=station,
            browser=browser,
            opened_at=now,
            closes_at=now + LONGEST_PRESENCE,
        )
    )


def _judge_station(station: str, browser: str | None) -> None:
    """Where somebody stands, a station is one browser and a browser is one station."""
    if browser is None:
        return
    for one in session.scalars(
        _standing().where(or_(Presence.station == station, Presence.browser == browser))
    ):
        if one.browser is None or (one.browser, one.station) == (browser, station):
            continue
        raise Refused(
            OTHER_BROWSER(station=station) if one.station == station else OTHER_NAME(station=one.station)
        )


@action("person.close_presence", role=tuple(Role), kind="person")
def close_presence(user: User, *, by: Principal, station: str, browser: str | None = None) -> None:
    """Leave the station; whoever works there may end it for somebody who went away."""
    here = standing_at(user)
    works_there = browser is not None and here is not None and here.browser == browser
    if by.login != user.code and not works_there:
        raise Refused(NOT_YOURS())
    if here is None or here.station != station:
        raise Refused(NOT_PRESENT())
    here.closed_at = clock.now()


def _standing() -> Select[Presence]:
    return select(Presence).where(Presence.closed_at.is_(None), Presence.closes_at > clock.now())


def user_of(person: Principal) -> User:
    """The account of somebody who is there."""
    found: User = session.scalars(select(User).where(User.code == person.login)).one()
    return found


def standing_at(user: User) -> Presence | None:
    """Where somebody stands now, if anywhere."""
    found: Presence | None = session.scalar(_standing().where(Presence.person_id == user.id))
    return found


def standing_in(browser: str | None) -> list[Presence]:
    """Who stands in this browser now, the longest first."""
    if browser is None:
        return []
    return list(session.scalars(_standing().where(Presence.browser == browser).order_by(Presence.opened_at)))


def last_name_of(browser: str | None) -> str:
    """How the station in this browser was last called; nothing where nobody ever stood."""
    last = select(Presence.station).where(Presence.browser == browser).order_by(Presence.opened_at.desc())
    return str(session.scalar(last.limit(1)) or "") if browser else ""


def end_on_leaving(by: Principal) -> None:
    """Whoever signs out leaves the station too."""
    user = session.scalar(select(User).where(User.code == by.login))
    here = standing_at(user) if user is not None else None
    if user is not None and here is not None:
        close_presence(user, by=by, station=here.station)
