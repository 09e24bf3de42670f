"""What is done about second factors: acts in the person's own chain, without anything secret in them."""

from sqlalchemy import func, select, update

from mscbank.core import acts, clock
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused
from mscbank.staff import factors
from mscbank.staff.actions import NOT_YOURS, leave, of_a_person
from mscbank.staff.models import Passkey, User, WebSession

NOTHING_PENDING = Refusal(
    "factor.nothing_pending", "No authenticator app waits to be confirmed. Begin again."
)
NONE_HELD = Refusal("factor.none", "There is no second factor to remove.")
BY_ANOTHER = Refusal(
    "factor.by_another",
    "Your own second factor is reset by another administrator, or by the operator of the host.",
    Role.ADMIN,
)


def _only_yours(user: User, by: Principal) -> None:
    if by.login != user.code:
        raise Refused(NOT_YOURS())


@action("person.enrol_app", role=tuple(Role), kind="person", unless=of_a_person)
def enrol_app(user: User, *, by: Principal, step: int, code_hashes: list[str]) -> None:
    """Set up an authenticator app as the second factor; a code of it was verified just before."""
    _only_yours(user, by)
    act = acts.current()
    if not factors.confirm(act, user.code, step):
        raise Refused(NOTHING_PENDING())
    factors.keep_recovery_codes(act, user.code, code_hashes)


@action("person.renew_recovery_codes", role=tuple(Role), kind="person")
def renew_recovery_codes(user: User, *, by: Principal, code_hashes: list[str]) -> None:
    """Make new recovery codes; the earlier ones are void."""
    _only_yours(user, by)
    if not by.factors:
        raise Refused(NONE_HELD())
    factors.keep_recovery_codes(acts.current(), user.code, code_hashes)


@action("person.remove_app", role=tuple(Role), kind="person", reason=True)
def remove_app(user: User, *, by: Principal) -> None:
    """Remove one's own authenticator app."""
    _only_yours(user, by)
    act = acts.current()
    if not factors.forget_app(act, user.code):
        raise Refused(NONE_HELD())
    if by.factors == {factors.APP}:
        factors.spend_recovery_codes(act, user.code)


@action("person.add_passkey", role=tuple(Role), kind="person", unless=of_a_person)
def add_passkey(
    user: User, *, by: Principal, name: str, credential_id: str, public_key: str, code_hashes: list[str]
) -> None:
    """Add a passkey to one's own account; its first answer was verified just before.

    ``code_hashes``: recovery codes, with the first second factor of an account.
    """
    _only_yours(user, by)
    last = session.scalar(select(func.max(Passkey.number)).where(Passkey.person_id == user.id))
    session.add(
        Passkey(
            person=user, number=(last or 0) + 1, name=name, credential_id=credential_id,
            public_key=public_key, added_at=clock.now(),
        )
    )  # fmt: skip
    if code_hashes:
        factors.keep_recovery_codes(acts.current(), user.code, code_hashes)


@action("person.remove_passkey", role=tuple(Role), kind="person", reason=True)
def remove_passkey(user: User, *, by: Principal, number: int) -> None:
    """Remove one of one's own passkeys."""
    _only_yours(user, by)
    held = _passkeys(user)
    found = next((one for one in held if one.number == number), None)
    if found is None:
        raise Refused(NONE_HELD())
    found.removed_at = clock.now()
    if by.factors == {factors.PASSKEY} and len(held) == 1:
        factors.spend_recovery_codes(acts.current(), user.code)


def _passkeys(user: User) -> list[Passkey]:
    held = select(Passkey).where(Passkey.person_id == user.id, Passkey.removed_at.is_(None))
    return list(session.scalars(held.order_by(Passkey.number)))


@action("person.reset_factors", role=Role.ADMIN, kind="person", operator=True, reason=True)
def reset_factors(user: User, *, by: Principal) -> None:
    """Take away every second factor of somebody who lost it, end the open sessions and the presence."""
    if by.login == user.code and by.kind is Kind.PERSON:
        raise Refused(BY_ANOTHER())
    act, held = acts.current(), _passkeys(user)
    if not factors.forget_app(act, user.code) and not held:
        raise Refused(NONE_HELD())
    for one in held:
        one.removed_at = clock.now()
    factors.spend_recovery_codes(act, user.code)
    act.plumb(
        update(WebSession)
        .where(WebSession.login == user.code, WebSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    leave(user)
