"""Keeping checkpoints outside the database, where whoever rules it cannot change them.

One way is set for an installation: a write-once folder, an e-mail to quality assurance each day, or a
time-stamp of an authority (RFC 3161).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.checkpoints import Checkpoint, CheckpointKept, kept_form, latest
from mscbank.core.checks import Fault
from mscbank.core.db import engines, permitted, session
from mscbank.core.jobs import job
from mscbank.core.record import Record
from mscbank.core.ways import Way

EVERY = timedelta(minutes=10)
PATIENCE = timedelta(hours=1)
"""How long keeping may fail before people are told."""

_way: list[Way] = []


def open_way(way: Way) -> None:
    """Keep the checkpoints of this process in this way."""
    _way[:] = [way]


def way() -> Way | None:
    """The way in which checkpoints are kept."""
    return _way[0] if _way else None


def keep() -> int | None:
    """Keep the last checkpoint outside, when it is time; its number."""
    session.rollback()
    here_kept, last = way(), latest()
    if here_kept is None or last is None:
        return None
    before = session.scalar(
        select(CheckpointKept)
        .where(CheckpointKept.way == here_kept.name)
        .order_by(CheckpointKept.checkpoint.desc())
        .limit(1)
    )
    now = clock.now()
    if before is not None and (before.checkpoint >= last.number or now - before.kept_at < here_kept.every):
        return None
    number, form = last.number, kept_form(last)
    session.rollback()
    row = {
        "checkpoint": number, "way": here_kept.name, "place": here_kept.place, "kept_at": now,
        "receipt": here_kept.keep(form),
    }  # fmt: skip
    try:
        with engines().write.begin() as connection, permitted(connection):
            connection.execute(insert(CheckpointKept), row)
    except IntegrityError:  # another clockwork kept it meanwhile
        return None
    return number


def waits_since() -> datetime | None:
    """Since when something waits for a checkpoint, or a checkpoint to be kept, when that is far too long."""
    used, last = way(), latest()
    if used is None:
        return None
    done = select(func.min(Record.entered_at))
    unsealed = session.scalar(done.where(Record.entered_at > last.made_at) if last is not None else done)
    kept = select(func.max(CheckpointKept.checkpoint)).where(CheckpointKept.way == used.name)
    reached = func.coalesce(kept.scalar_subquery(), 0)
    unkept = session.scalar(select(func.min(Checkpoint.made_at)).where(Checkpoint.number > reached))
    late = [
        since
        for since, patience in ((unsealed, EVERY + PATIENCE), (unkept, used.every + PATIENCE))
        if since is not None and clock.now() - since > patience
    ]
    return min(late, default=None)


@job("core.keep_checkpoint", every=EVERY)
def keep_one(by: Principal) -> None:
    """Keep the last checkpoint outside."""
    keep()


def receipts() -> Iterator[Fault]:
    """Every receipt holds, as far as the way in use can tell."""
    here_kept = way()
    if here_kept is None:
        return
    rows = session.execute(
        select(CheckpointKept, Checkpoint)
        .join(Checkpoint, Checkpoint.number == CheckpointKept.checkpoint)
        .where(CheckpointKept.way == here_kept.name)
        .order_by(CheckpointKept.checkpoint)
    )
    for kept, checkpoint in rows:
        if (why := here_kept.fault(kept, checkpoint)) is not None:
            yield "checkpoint", str(checkpoint.number), why
