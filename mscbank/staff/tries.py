"""Wrong secrets slow the next try down and then lock, for a while (21 CFR 11.300, PD-71)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, case, select, update

from mscbank.core import clock
from mscbank.core.access import Kind, Principal, being_signed
from mscbank.core.acts import keep_reading
from mscbank.core.db import engines, plumbing
from mscbank.core.errors import Refusal, TooMany

log = structlog.get_logger()

SLOW_FROM = 3
LOCK_AT = 10
LOCKED_FOR = timedelta(minutes=15)


def wait_after(failures: int, failed_at: datetime | None) -> datetime | None:
    """Until when another try is refused: a growing delay from the third failure, a lock at the tenth."""
    if failed_at is None or failures < SLOW_FROM:
        return None
    if failures >= LOCK_AT:
        return failed_at + LOCKED_FOR
    return failed_at + timedelta(seconds=2 ** (failures - SLOW_FROM))


@dataclass(frozen=True)
class Tries:
    """Where the wrong secrets of one sort are counted: a row for each log-in."""

    model: Any
    recorded_as: str
    slowed: Refusal
    locked: Refusal

    def judged(self, login: str, seen: Any, is_right: Callable[[], bool]) -> bool:
        """Whether the secret is right; refused (429) unseen while the log-in waits, a wrong one is counted.

        ``seen`` has the failures and the last one as they were read before. A right secret that was tried
        beside wrong ones opens nothing when these have brought a wait: many at once are no quicker.
        """
        self.refuse_early(seen.failures, seen.failed_at)
        if not is_right():
            self._count(login, seen)
            return False
        with engines().read.connect() as connection:
            now = connection.execute(
                select(self.model.failures, self.model.failed_at).where(self.model.login == login)
            ).one()
        if (now.failures, now.failed_at) != (seen.failures, seen.failed_at):
            self.refuse_early(now.failures, now.failed_at)
        if now.failures:
            with plumbing() as connection:
                connection.execute(
                    update(self.model).where(self.model.login == login).values(failures=0, failed_at=None)
                )
        return True

    def refuse_early(self, failures: int, failed_at: datetime | None) -> None:
        """Refuse while the wait after the last failure lasts."""
        until, now = wait_after(failures, failed_at), clock.now()
        if until is None or now >= until:
            return
        left = until - now
        if failures >= LOCK_AT:
            raise TooMany(self.locked(failures=failures, minutes=int(left.total_seconds() // 60) + 1))
        raise TooMany(self.slowed(seconds=int(left.total_seconds()) + 1))

    def _count(self, login: str, seen: Any) -> None:
        """One failure more; the first after a lock that is over begins a new count."""
        failures, failed_at = self.model.failures, self.model.failed_at
        begins_anew = and_(failures >= LOCK_AT, failed_at == seen.failed_at)
        with plumbing() as connection:
            counted = connection.execute(
                update(self.model)
                .where(self.model.login == login)
                .values(failures=case((begins_anew, 1), else_=failures + 1), failed_at=clock.now())
                .returning(failures)
            ).scalar_one()
        log.warning("wrong secret", person=login, sort=self.recorded_as, failures=counted)
        action, about = being_signed() or (None, None)
        notes = {"failures": counted} | ({"signing": action} if action else {})
        nobody = Principal(login, login, kind=Kind.PERSON)
        keep_reading(nobody, self.recorded_as, notes, {about} if about else set())
