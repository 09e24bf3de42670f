"""The clockwork: delivers messages after their commit and runs due jobs, each an act of its named rule."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import String, UniqueConstraint, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock
from mscbank.core.access import Principal, system
from mscbank.core.db import Plumbing, engines, is_sqlite, plumbing, session
from mscbank.core.messages import Outbox, deliveries
from mscbank.core.types import Utc

log = structlog.get_logger()

LEASE = timedelta(minutes=1)
MOST_TRIES = 10


class Heartbeat(Plumbing):
    """When a clockwork was last heard."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(40))
    beat_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("worker"),)


class Job(Plumbing):
    """When a recurring job is due next, and who holds it."""

    __tablename__ = "job"

    name: Mapped[str] = mapped_column(String(80))
    due_at: Mapped[datetime] = mapped_column(Utc)
    leased_until: Mapped[datetime | None] = mapped_column(Utc)
    last_at: Mapped[datetime | None] = mapped_column(Utc)
    failure: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (UniqueConstraint("name"),)


@dataclass(frozen=True)
class Rule:
    """A recurring job: it acts as ``system`` and names its rule."""

    name: str
    every: timedelta
    run: Callable[[Principal], None]


RULES: dict[str, Rule] = {}


def job(
    name: str, *, every: timedelta
) -> Callable[[Callable[[Principal], None]], Callable[[Principal], None]]:
    """Register a recurring job; its function gets the system's principal and calls actions."""

    def register(run: Callable[[Principal], None]) -> Callable[[Principal], None]:
        RULES[name] = Rule(name, every, run)
        return run

    return register


def beat(worker: str) -> None:
    """Say that this clockwork is alive."""
    dialect = sqlite if is_sqlite() else postgresql
    now = clock.now()
    with plumbing() as connection:
        connection.execute(
            dialect.insert(Heartbeat)
            .values(worker=worker, beat_at=now)
            .on_conflict_do_update(index_elements=["worker"], set_={"beat_at": now})
        )


def run_due() -> int:
    """Run every job that is due and not held by another clockwork; answers how many ran."""
    done = 0
    for rule in RULES.values():
        if not _lease(rule):
            continue
        failure: str | None = None
        try:
            rule.run(system(rule.name))
            done += 1
        except Exception as error:  # noqa: BLE001 - one failing job or message must not stop the others
            failure = type(error).__name__
            log.error("job failed", rule=rule.name, kind=failure)
        finally:
            session.remove()
        with plumbing() as connection:
            connection.execute(
                update(Job)
                .where(Job.name == rule.name)
                .values(
                    leased_until=None, last_at=clock.now(), due_at=clock.now() + rule.every, failure=failure
                )
            )
    return done


def _lease(rule: Rule) -> bool:
    dialect = sqlite if is_sqlite() else postgresql
    now = clock.now()
    with plumbing() as connection:
        connection.execute(
            dialect.insert(Job)
            .values(name=rule.name, due_at=now)
            .on_conflict_do_nothing(index_elements=["name"])
        )
        return (
            connection.execute(
                update(Job)
                .where(
                    Job.name == rule.name,
                    Job.due_at <= now,
                    (Job.leased_until.is_(None)) | (Job.leased_until < now),
                )
                .values(leased_until=now + LEASE)
                .returning(Job.id)
            ).one_or_none()
            is not None
        )


def deliver_due(limit: int = 100) -> int:
    """Deliver messages that are due; a failed one comes back later, each time after twice the wait."""
    now = clock.now()
    with engines().read.connect() as connection:
        ids = list(
            connection.scalars(
                select(Outbox.id)
                .where(Outbox.delivered_at.is_(None), Outbox.due_at <= now)
                .order_by(Outbox.id)
                .limit(limit)
            )
        )
    return sum(_deliver(key) for key in ids)


def _deliver(key: int) -> int:
    now = clock.now()
    with plumbing() as connection:
        row = connection.execute(
            update(Outbox)
            .where(
                Outbox.id == key, Outbox.delivered_at.is_(None),
                (Outbox.leased_until.is_(None)) | (Outbox.leased_until < now),
            )
            .values(leased_until=now + LEASE, sent_at=now, tries=Outbox.tries + 1)
            .returning(Outbox.name, Outbox.subject_kind, Outbox.subject_code, Outbox.payload, Outbox.tries)
        ).one_or_none()  # fmt: skip
    if row is None:
        return 0
    failure: str | None = None
    try:
        for deliver in deliveries(row.name):
            deliver(row.name, (row.subject_kind, row.subject_code), json.loads(row.payload))
    except Exception as error:  # noqa: BLE001 - one failing job or message must not stop the others
        failure = type(error).__name__
        log.error("message failed", message=row.name, kind=failure)
    finally:
        session.remove()
    with plumbing() as connection:
        values = (
            {"delivered_at": clock.now(), "leased_until": None, "failure": None}
            if failure is None
            else {
                "leased_until": None,
                "failure": failure,
                "due_at": now + LEASE * 2 ** min(row.tries, MOST_TRIES),
            }
        )
        connection.execute(update(Outbox).where(Outbox.id == key).values(**values))
    return failure is None


def work(*, once: bool = False, pause_seconds: int = 5) -> None:
    """The clockwork's loop: beat, deliver, run what is due."""
    worker = uuid4().hex
    while True:
        beat(worker)
        deliver_due()
        run_due()
        if once:
            return
        time.sleep(pause_seconds)
