"""Emergency accounts (break-glass): sealed by two, opened once under a name, reviewed by quality assurance.

For the night on which the provider, a telephone or a person is away and a patient waits. The secret has
160 bits and lies on paper in an envelope; opening it raises an alarm that a signed review alone ends. Held
open, the account signs like any other, with its secret, and prints who holds it (21 CFR 11.50; Annex 11, 12).
"""

import base64
import secrets as random_secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from mscbank.core import acts, clock, keeping
from mscbank.core.access import Principal, Role
from mscbank.core.access import load as load_principal
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import NotAllowed, Refusal, Refused, invalid
from mscbank.core.foureyes import FourEyes
from mscbank.core.i18n import _
from mscbank.core.messages import delivery, message
from mscbank.core.ways import Mail
from mscbank.staff.actions import LOGIN_TAKEN, NOT_YOURS, end_all_sessions
from mscbank.staff.models import LOGIN, Credential, RoleGrant, Seal, User

SECRET_BYTES = 20
LONGEST_NAME = 80
SEALERS = (Role.ADMIN, Role.QA)
"""Who can be the second person at sealing."""
OPENED = "staff.emergency_opened"
"""The message: an emergency account was opened."""
NEVER = (Role.ADMIN,)
"""Roles that no emergency account has: whoever held it could make himself an account that stays."""

SECOND_ROLE = Refusal(
    "emergency.second_role",
    "The second person at sealing administers accounts or is quality assurance.",
    SEALERS,
)
NOT_ONE = Refusal("emergency.not_one", "This is no emergency account.")
IN_USE = Refusal(
    "emergency.in_use", "Its last use has not been reviewed. Review it first, then seal it anew.", Role.QA
)
VOID = Refusal(
    "emergency.void",
    "This secret was used, or a newer one took its place. It has to be sealed anew.",
    Role.ADMIN,
)
NO_USE = Refusal("emergency.no_use", "No use of this account waits to be reviewed.")
OWN_USE = FourEyes(
    "emergency.own_use", "Whoever used an emergency account does not review it.", Role.QA,
    held_by=("guard_seal_own_review",), first=("person.open_seal",), second=("person.review_seal",),
)  # fmt: skip


def new_secret() -> str:
    """A fresh secret for an envelope, in groups of four."""
    written = base64.b32encode(random_secrets.token_bytes(SECRET_BYTES)).decode().lower()
    return "-".join(written[at : at + 4] for at in range(0, len(written), 4))


def in_force(user: User) -> Seal | None:
    """The seal of an account that was neither voided nor, after its use, reviewed."""
    live = (Seal.person_id == user.id, Seal.voided_at.is_(None), Seal.reviewed_at.is_(None))
    return session.scalar(select(Seal).where(*live))


def uses(user: User) -> list[Seal]:
    """Every seal of an account, the newest first."""
    return list(session.scalars(select(Seal).where(Seal.person_id == user.id).order_by(Seal.number.desc())))


def waiting() -> list[Seal]:
    """Every use that nobody has reviewed yet, the oldest first."""
    unseen = (Seal.opened_at.is_not(None), Seal.reviewed_at.is_(None))
    return list(session.scalars(select(Seal).where(*unseen).order_by(Seal.opened_at)))


def opened_since() -> tuple[str, str, datetime] | None:
    """Name, holder and time of the use that has waited longest, for the banner of every page."""
    row = session.execute(
        select(User.printed_name, Seal.opened_by, Seal.opened_at)
        .join(User, Seal.person_id == User.id)
        .where(Seal.opened_at.is_not(None), Seal.reviewed_at.is_(None))
        .order_by(Seal.opened_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.printed_name, str(row.opened_by), row[2] or clock.now())


def _seal(user: User, by: Principal) -> None:
    """Put the secret that was prepared in force; the second signer holds an office that may."""
    act = acts.current()
    second = act.signers["sealed with"]
    other = load_principal(second)
    if other is None or other.holds(SEALERS) is None:
        raise Refused(SECOND_ROLE())
    last = session.scalar(select(func.max(Seal.number)).where(Seal.person_id == user.id))
    session.add(
        Seal(
            person=user, number=(last or 0) + 1, sealed_at=clock.now(), sealed_by=by.login, sealed_with=second
        )
    )
    done = act.plumb(
        update(Credential)
        .where(Credential.login == user.code, Credential.pending_hash.is_not(None))
        .values(
            password_hash=Credential.pending_hash, pending_hash=None, failures=0, failed_at=None,
            changed_at=clock.now(), is_temporary=False,
        )
        .returning(Credential.id)
    ).one_or_none()  # fmt: skip
    if done is None:
        raise Refused(VOID())


@action("person.make_emergency", role=Role.ADMIN, creates="person", signs=("sealed", "sealed with"))
def make(*, by: Principal, login: str, printed_name: str, roles: list[Role]) -> User:
    """Make an emergency account with these roles, at all sites, and seal its secret; two people sign."""
    if not LOGIN.fullmatch(login):
        raise invalid(login=[_("2 to 40 small letters, digits, points and dashes, beginning with a letter.")])
    if not roles or set(roles) & set(NEVER):
        raise invalid(roles=[_("One role or more; never administrator of accounts.")])
    if session.scalar(select(User.id).where(User.code == login)):
        raise Refused(LOGIN_TAKEN(login=login))
    user = User(code=login, printed_name=printed_name, is_emergency=True)
    session.add(user)
    for number, role in enumerate(roles, 1):
        session.add(RoleGrant(person=user, number=number, role=role, at=None, starts_at=clock.now()))
    session.flush()
    _seal(user, by)
    return user


@action("person.seal_anew", role=Role.ADMIN, kind="person", reason=True, signs=("sealed", "sealed with"))
def seal_anew(user: User, *, by: Principal) -> None:
    """Seal a new secret of an emergency account; the one before is void. Two people sign."""
    if not user.is_emergency:
        raise Refused(NOT_ONE())
    held = in_force(user)
    if held is not None and held.opened_at is not None:
        raise Refused(IN_USE())
    if held is not None:
        held.voided_at = clock.now()
        session.flush()
    _seal(user, by)


@action("person.open_seal", role=tuple(Role), kind="person", reason=True)
def open_seal(user: User, *, by: Principal, held_by: str) -> None:
    """Open an emergency account under the name of whoever holds it: once, and everybody is told."""
    if by.login != user.code:
        raise Refused(NOT_YOURS())
    seal = in_force(user) if user.is_emergency else None
    if seal is None or seal.opened_at is not None:
        raise NotAllowed(VOID())
    seal.opened_at, seal.opened_by = clock.now(), held_by
    message(OPENED, user, seal=seal.number)


@delivery(OPENED)
def tell(_name: str, about: tuple[str, str], _payload: Mapping[str, Any]) -> None:
    """Write to quality assurance, where the checkpoints go to it by e-mail too; no name is in the message."""
    way = keeping.way()
    if isinstance(way, Mail):
        way.tell(
            f"the emergency account {about[1]} was opened",
            f"The emergency account {about[1]} was opened. Sign in and review what is done with it: the "
            "first page of quality assurance leads there. The alarm stays on every page until then.\n",
        )


@action("person.review_seal", role=Role.QA, kind="person", signs="use of an emergency account reviewed")
def review_seal(user: User, *, by: Principal, finding: str) -> None:
    """Review what was done with an emergency account; its secret is void and its sessions end."""
    seal = in_force(user) if user.is_emergency else None
    if seal is None or seal.opened_at is None or seal.opened_by is None:
        raise Refused(NO_USE())
    same = {user.code}
    if by.printed_name.casefold() == seal.opened_by.casefold():
        same.add(by.login)
    OWN_USE.refuse(by, same)
    seal.reviewed_at, seal.reviewed_by, seal.finding = clock.now(), by.login, finding
    acts.current().plumb(
        update(Credential).where(Credential.login == user.code).values(password_hash=None, pending_hash=None)
    )
    end_all_sessions(user)
