"""What has served its purpose is removed: rows outside the record that nobody can use any more.

Proofs, challenges, keys of repeated requests, sessions and the heartbeats of clockworks that are no more
would pile up for ever. Each table says when a row is of no use; the clockwork takes it away some time later,
so that what happened the other day can still be looked into. The record and what belongs to it keep all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.db import Plumbing, any_of, engines, plumbing
from mscbank.core.idempotency import Idempotency
from mscbank.core.jobs import Heartbeat, job
from mscbank.core.signatures import ProofRow

RULE = "core.sweep"
EVERY = timedelta(hours=1)
AT_ONCE = 1000
"""Rows in one transaction: nobody waits long for it."""

Useless = Callable[[datetime], Any]


@dataclass(frozen=True)
class Sweep:
    """A table and the condition under which a row of it is of no use; it stays ``kept`` longer."""

    model: type[Plumbing]
    kept: timedelta
    useless: Useless


SWEEPS: dict[str, Sweep] = {}


def swept(model: type[Plumbing], *, kept: timedelta) -> Callable[[Useless], Useless]:
    """Register when rows are of no use: a condition on the model for those of no use since an instant."""

    def register(useless: Useless) -> Useless:
        SWEEPS[model.__tablename__] = Sweep(model, kept, useless)
        return useless

    return register


def sweep(one: Sweep) -> int:
    """Remove what is of no use in a table, some rows at a time; answers how many."""
    model, useless, removed = one.model, one.useless(clock.now() - one.kept), 0
    while True:
        with engines().read.connect() as connection:
            keys = connection.scalars(select(model.id).where(useless).order_by(model.id).limit(AT_ONCE)).all()
        if keys:
            with plumbing() as connection:
                gone = delete(model).where(any_of(model.id, keys), useless).returning(model.id)
                removed += len(connection.execute(gone).all())
        if len(keys) < AT_ONCE:
            return removed


@job(RULE, every=EVERY)
def sweep_all(by: Principal) -> None:
    """Remove what has served its purpose, table by table."""
    for one in SWEEPS.values():
        sweep(one)


@swept(ProofRow, kept=timedelta(days=1))
def proofs(before: datetime) -> Any:
    """A proof signs nothing after its two minutes, used or not; the signature itself stands by the record."""
    return ProofRow.expires_at < before


@swept(Idempotency, kept=timedelta(days=90))
def keys_of_requests(before: datetime) -> Any:
    """A request is repeated within seconds, by a tablet without network within days."""
    return Idempotency.created_at < before


@swept(Heartbeat, kept=timedelta(days=7))
def silent_clockworks(before: datetime) -> Any:
    """Each start of a clockwork has a heartbeat of its own."""
    return Heartbeat.beat_at < before
