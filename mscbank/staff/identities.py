"""Whom the OpenID provider knows as which account: linked by the person, ended by an administrator.

Nothing but issuer and subject counts, never an e-mail or a name, which providers give to others again.
"""

from sqlalchemy import func, select, update

from mscbank.core import acts, clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import engines, session
from mscbank.core.errors import Refusal, Refused, unique_means
from mscbank.staff.actions import NOT_YOURS, end_all_sessions, of_a_person
from mscbank.staff.models import Credential, Identity, User

TAKEN = Refusal(
    "identity.taken",
    "The provider's account belongs to somebody else here, or did. One is linked to one account for ever.",
    Role.ADMIN,
)
LINKED = Refusal(
    "identity.linked", "This account is linked already. An administrator ends the link first.", Role.ADMIN
)
NONE_LINKED = Refusal("identity.none", "This account is linked to nobody at the provider.")

unique_means("uq_identity_issuer_subject", "identity", ("issuer", "subject"), TAKEN)
unique_means("uq_identity_one_a_person", "identity", ("person_id",), LINKED)


def login_of(issuer: str, subject: str) -> str | None:
    """The log-in of whom a provider knows by this subject, if a link holds."""
    with engines().read.connect() as connection:
        found: str | None = connection.scalar(
            select(User.code)
            .join(Identity, Identity.person_id == User.id)
            .where(Identity.issuer == issuer, Identity.subject == subject, Identity.ended_at.is_(None))
        )
    return found


def is_linked(login: str, issuer: str) -> bool:
    """Whether this person can come by the provider."""
    found = session.scalar(
        select(Identity.id)
        .join(User, Identity.person_id == User.id)
        .where(User.code == login, Identity.issuer == issuer, Identity.ended_at.is_(None))
    )
    return found is not None


def of(user: User) -> list[Identity]:
    """Every link of an account, the newest first."""
    rows = select(Identity).where(Identity.person_id == user.id).order_by(Identity.number.desc())
    return list(session.scalars(rows))


@action("person.link_identity", role=tuple(Role), kind="person", unless=of_a_person)
def link(user: User, *, by: Principal, issuer: str, subject: str) -> None:
    """Link one's account to whom the provider has just recognised; a password handed over is used up."""
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    held = session.scalar(select(Identity).where(Identity.issuer == issuer, Identity.subject == subject))
    if held is not None and held.person_id != user.id:
        raise Refused(TAKEN())
    if any(one.ended_at is None for one in of(user)):
        raise Refused(LINKED())
    if held is not None:
        held.linked_at, held.ended_at = clock.now(), None
    else:
        last = session.scalar(select(func.max(Identity.number)).where(Identity.person_id == user.id))
        session.add(
            Identity(
                person=user, number=(last or 0) + 1, issuer=issuer, subject=subject, linked_at=clock.now()
            )
        )
    acts.current().plumb(
        update(Credential)
        .where(Credential.login == user.code, Credential.is_temporary)
        .values(password_hash=None, is_temporary=False, changed_at=clock.now())
    )


@action("person.unlink_identity", role=Role.ADMIN, kind="person", operator=True, reason=True)
def unlink(user: User) -> None:
    """End the link of an account to its provider, and every session of that person."""
    live = [one for one in of(user) if one.ended_at is None]
    if not live:
        raise Refused(NONE_LINKED())
    for one in live:
        one.ended_at = clock.now()
    end_all_sessions(user)
