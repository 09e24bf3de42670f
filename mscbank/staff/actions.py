"""What is done about people: accounts, roles, sessions, tokens."""

import re
import secrets as random_secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, select, update

from mscbank.core import acts, clock
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.canonical import digest
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.staff import masks, states
from mscbank.staff.models import (
    LOGIN,
    ApiToken,
    Credential,
    Presence,
    RoleGrant,
    Site,
    User,
    WebSession,
)

SITE = re.compile(r"[A-Z][A-Z0-9]{1,10}")
SCOPE = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40})?")
LONGEST_TOKEN = timedelta(days=366)

LOGIN_TAKEN = Refusal(
    "person.login_taken", "The log-in %(login)s was given to somebody before. Take another."
)
SITE_TAKEN = Refusal("site.taken", "There is already a site %(code)s.")
NOT_YOURS = Refusal("person.not_yours", "Only the person can do this.")
NOT_YOURSELF = Refusal("person.not_yourself", "Roles are given by another administrator.", Role.ADMIN)
NOT_ALONE = Refusal(
    "person.last_admin", "This is the last administrator. Give the role to somebody else first.", Role.ADMIN
)
EMERGENCY = Refusal(
    "person.is_emergency",
    "An emergency account has the roles and the secret that two people sealed, and nothing else.",
)
NO_PENDING = Refusal("person.no_password", "No new password was given.")
NO_SESSION = Refusal("person.no_session", "No such session is open.")


def of_a_person(user: User, _by: Principal) -> Obstacle | None:
    """What stands in the way where an account is nobody's own."""
    return EMERGENCY() if user.is_emergency else None


@action("site.open", role=Role.ADMIN, creates="site", operator=True)
def open_site(*, code: str, name: str, zone: str) -> Site:
    """Open a site."""
    if not SITE.fullmatch(code):
        raise invalid(code=["2 to 11 capital letters and digits."])
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid(zone=["An IANA time zone, for example Europe/Paris."]) from None
    if session.scalar(select(Site.id).where(Site.code == code)):
        raise Refused(SITE_TAKEN(code=code))
    site = Site(code=code, name=name, zone=zone)
    session.add(site)
    return site


@action("site.set_formats", role=Role.QA, kind="site", reason=True, signs="forms of the identifiers set")
def set_formats(
    site: Site, *, wristband_format: str | None = None, hospital_number_format: str | None = None
) -> None:
    """Say what the wristbands and hospital numbers of a site look like; what was entered before stays."""
    given = {"wristband_format": wristband_format, "hospital_number_format": hospital_number_format}
    if wrong := {name: [str(why)] for name, text in given.items() if text and (why := masks.fault(text))}:
        raise invalid(**wrong)
    for name, text in given.items():
        setattr(site, name, " ".join(text.split()) if text else None)


@action("person.register", role=Role.ADMIN, creates="person", operator=True)
def register(*, login: str, printed_name: str) -> User:
    """Give somebody an account; it can sign in once a password is set and a role held."""
    if not LOGIN.fullmatch(login):
        raise invalid(login=["2 to 40 small letters, digits, points and dashes, beginning with a letter."])
    if session.scalar(select(User.id).where(User.code == login)):
        raise Refused(LOGIN_TAKEN(login=login))
    user = User(code=login, printed_name=printed_name)
    session.add(user)
    return user


def next_number(model: type[RoleGrant] | type[ApiToken] | type[Presence], user: User) -> int:
    last = session.scalar(select(func.max(model.number)).where(model.person_id == user.id))
    return (last or 0) + 1


@action("person.grant_role", role=Role.ADMIN, kind="person", operator=True, unless=of_a_person)
def grant_role(
    user: User, *, by: Principal, role: Role, at: Site | None = None, ends_at: datetime | None = None
) -> None:
    """Give a role, for one site or for all, with or without an end; never to oneself."""
    now = clock.now()
    if by.login == user.code:
        raise Refused(NOT_YOURSELF())
    held = session.scalar(
        select(RoleGrant.id).where(
            RoleGrant.person_id == user.id, RoleGrant.role == role,
            RoleGrant.site_id == (at.id if at else None),
            (RoleGrant.ends_at.is_(None)) | (RoleGrant.ends_at > now),
        )
    )  # fmt: skip
    if held is not None:
        raise invalid(role=["This role is held already."])
    if ends_at is not None and ends_at <= now:
        raise invalid(ends_at=["The end lies in the past."])
    session.add(
        RoleGrant(
            person=user, number=next_number(RoleGrant, user), role=role, at=at, starts_at=now, ends_at=ends_at
        )
    )


def all_admins() -> list[User]:
    """Everybody who can administer accounts now, at every site."""
    return list(
        session.scalars(
            select(User).where(
                User.state == states.Account.ACTIVE,
                User.id.in_(
                    select(RoleGrant.person_id).where(
                        RoleGrant.role == Role.ADMIN, RoleGrant.site_id.is_(None),
                        (RoleGrant.ends_at.is_(None)) | (RoleGrant.ends_at > clock.now()),
                    )
                ),
            )
        )
    )  # fmt: skip


def _with_all_admins(user: User, **_inputs: object) -> list[User]:
    """Two administrators who end each other at the same moment must wait for each other."""
    return [user, *all_admins()]


def _last_admin(user: User) -> bool:
    return all_admins() == [user]


@action("person.end_role", role=Role.ADMIN, kind="person", operator=True, reason=True, locks=_with_all_admins)
def end_role(user: User, *, role: Role, at: Site | None = None) -> None:
    """End a role."""
    now = clock.now()
    grants = session.scalars(
        select(RoleGrant).where(
            RoleGrant.person_id == user.id, RoleGrant.role == role,
            RoleGrant.site_id == (at.id if at else None),
            (RoleGrant.ends_at.is_(None)) | (RoleGrant.ends_at > now),
        )
    ).all()  # fmt: skip
    if not grants:
        raise invalid(role=["This role is not held."])
    if role is Role.ADMIN and at is None and _last_admin(user):
        raise Refused(NOT_ALONE())
    for grant in grants:
        grant.ends_at = now


@action("person.set_password", role=tuple(Role), kind="person", operator=True, unless=of_a_person)
def set_password(user: User, *, by: Principal) -> None:
    """Take the new password that was typed; for somebody else one that opens only the way to his own.

    Only the person, an administrator or the host's operator can.
    """
    if by.login != user.code and Role.ADMIN not in by.roles and by.kind is not Kind.OPERATOR:
        raise Refused(NOT_YOURS())
    done = (
        acts.current()
        .plumb(
            update(Credential)
            .where(Credential.login == user.code, Credential.pending_hash.is_not(None))
            .values(
                password_hash=Credential.pending_hash,
                pending_hash=None,
                failures=0,
                failed_at=None,
                changed_at=clock.now(),
                is_temporary=by.kind is Kind.PERSON and by.login != user.code,
            )
            .returning(Credential.id)
        )
        .one_or_none()
    )
    if done is None:
        raise Refused(NO_PENDING())
    _end_sessions(user, but=by.session if by.login == user.code else None)


def end_all_sessions(user: User) -> None:
    """End every open session of somebody, inside the act that is open."""
    _end_sessions(user)


def _end_sessions(user: User, *, only: str | None = None, but: str | None = None) -> int:
    """End the open sessions of somebody, all or one or all but one; answers how many."""
    ended = (
        update(WebSession)
        .where(WebSession.login == user.code, WebSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    if only is not None:
        ended = ended.where(WebSession.handle == only)
    if but is not None:
        ended = ended.where(WebSession.handle != but)
    act = acts.current()
    count: int = act.plumb(ended).rowcount
    act.note(sessions_ended=count)
    return count


@action("person.end_sessions", role=Role.ADMIN, kind="person", operator=True, reason=True)
def end_sessions(user: User) -> None:
    """End every session of somebody, and the presence at a station; he can sign in again."""
    if not _end_sessions(user):
        raise Refused(NO_SESSION())
    leave(user)


@action("person.end_own_sessions", role=tuple(Role), kind="person")
def end_own_sessions(user: User, *, by: Principal, handle: str | None = None) -> None:
    """End one of one's own sessions, or all but the one in use."""
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    if not _end_sessions(user, only=handle, but=None if handle else by.session):
        raise Refused(NO_SESSION())


def leave(user: User) -> None:
    """Somebody stands at no station any more, inside the act that is open."""
    open_ones = select(Presence).where(Presence.person_id == user.id, Presence.closed_at.is_(None))
    for row in session.scalars(open_ones):
        row.closed_at = clock.now()


@does(states.LIFE, "disable", reason=True, locks=_with_all_admins)
def disable(user: User) -> None:
    """Disable an account: nobody signs in with it, its history stays; its sessions and presence end."""
    if _last_admin(user):
        raise Refused(NOT_ALONE())
    _end_sessions(user)
    leave(user)


@does(states.LIFE, "enable", reason=True)
def enable(user: User) -> None:
    """Enable an account again."""


@action("person.issue_token", role=tuple(Role), kind="person", operator=True, unless=of_a_person)
def issue_token(
    user: User, *, by: Principal, label: str, scopes: str, token_hash: str, expires_at: datetime,
    is_device: bool = False,
) -> None:  # fmt: skip
    """Issue an API token, for oneself, for a device by an administrator; only its digest comes here.

    An administrator who held a token of somebody else could act as that person.
    """
    for_device = is_device and Role.ADMIN in by.roles
    if by.login != user.code and not for_device and by.kind is not Kind.OPERATOR:
        raise Refused(NOT_YOURS())
    if not scopes.split() or not all(SCOPE.fullmatch(scope) for scope in scopes.split()):
        raise invalid(scopes=["read, write, or names of actions."])
    if not clock.now() < expires_at <= clock.now() + LONGEST_TOKEN:
        raise invalid(expires_at=["A token lives at most a year."])
    session.add(
        ApiToken(
            person=user,
            number=next_number(ApiToken, user),
            label=label,
            scopes=scopes,
            token_hash=token_hash,
            expires_at=expires_at,
            is_device=is_device,
        )
    )


@action("person.revoke_token", role=tuple(Role), kind="person", operator=True, reason=True)
def revoke_token(user: User, *, by: Principal, number: int) -> None:
    """Revoke an API token."""
    if by.login != user.code and Role.ADMIN not in by.roles and by.kind is not Kind.OPERATOR:
        raise Refused(NOT_YOURS())
    token = session.scalar(select(ApiToken).where(ApiToken.person_id == user.id, ApiToken.number == number))
    if token is None or token.revoked_at is not None:
        raise invalid(number=["There is no such token."])
    token.revoked_at = clock.now()


def new_token() -> tuple[str, str]:
    """A fresh bearer token and the digest that is kept of it."""
    token = "msc_" + random_secrets.token_urlsafe(32)
    return token, digest(token)
