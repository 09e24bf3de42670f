"""Somebody's telephone: an authenticator app that was enrolled as people enrol one, and its codes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import update

from mscbank.core import clock
from mscbank.core.db import plumbing, session
from mscbank.staff import enrolling, factors, people, totp
from mscbank.staff.models import CodeApp, CodeTries, User


class Telephone:
    """An app with the secret of one log-in."""

    def __init__(self, login: str, secret: bytes) -> None:
        self.login, self.secret = login, secret
        self.confirmed = ""

    def code(self, step: int = 0) -> str:
        """The code of the present half minute, or of one so many steps away."""
        return totp.code_of(self.secret, totp.step_of(clock.now()) + step)

    def code_at(self, instant: datetime) -> str:
        """The code that it shows at an instant."""
        return totp.code_of(self.secret, totp.step_of(instant))

    def fresh(self) -> str:
        """A code as if its half minute had not been used yet."""
        with plumbing() as connection:
            connection.execute(update(CodeApp).where(CodeApp.login == self.login).values(last_step=0))
        return self.code()


def enrolled(login: str) -> tuple[Telephone, list[str]]:
    """An app set up for an account, and its recovery codes."""
    by = people.load(login)
    assert by is not None
    telephone = Telephone(login, factors.begin(login))
    telephone.confirmed = telephone.code()
    step = factors.step_of_pending(login, telephone.confirmed)
    assert step is not None
    codes, kept = factors.new_recovery_codes(login)
    user = session.query(User).filter(User.code == login).one()
    enrolling.enrol_app(user, by=by, step=step, code_hashes=kept)
    session.rollback()
    return telephone, codes


def telephones(logins: Iterable[str], now: datetime) -> dict[str, Telephone]:
    """An app for each of these log-ins, set up at this time."""
    with clock.moved_to(now):
        return {login: enrolled(login)[0] for login in logins}


def age_codes(seconds: int) -> None:
    """As if the last wrong code lay this much further back."""
    with plumbing() as connection:
        connection.execute(update(CodeTries).values(failed_at=clock.now() - timedelta(seconds=seconds)))
