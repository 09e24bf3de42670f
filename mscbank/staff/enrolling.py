"""What is done about second factors: acts in the person's own chain, without anything secret in them."""

from sqlalchemy import update

from mscbank.core import acts, clock
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import action
from mscbank.core.errors import Refusal, Refused
from mscbank.staff import factors
from mscbank.staff.actions import NOT_YOURS
from mscbank.staff.models import User, WebSession

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


@action("person.enrol_app", role=tuple(Role), kind="person")
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


@action("person.reset_factors", role=Role.ADMIN, kind="person", operator=True, reason=True)
def reset_factors(user: User, *, by: Principal) -> None:
    """Take away every second factor of somebody who lost it, end the open sessions."""
    if by.login == user.code and by.kind is Kind.PERSON:
        raise Refused(BY_ANOTHER())
    act = acts.current()
    if not factors.forget_app(act, user.code):
        raise Refused(NONE_HELD())
    factors.spend_recovery_codes(act, user.code)
    act.plumb(
        update(WebSession)
        .where(WebSession.login == user.code, WebSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
