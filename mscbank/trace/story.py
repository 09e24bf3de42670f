"""What a way holds in words: its things told by their steps, its time, its numbers, its record."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core.db import any_of, session
from mscbank.core.links import Fact, told
from mscbank.core.record import ActTouch, Outcome, Record, hash_of
from mscbank.core.signatures import Signature
from mscbank.core.web.history import holds
from mscbank.core.web.history import told as told_record
from mscbank.custody.balance import Balance, balances
from mscbank.trace.completeness import Completeness, add_up
from mscbank.trace.walk import Key, Way, whole

SHOWN = 60


@dataclass
class Story:
    """A way with everything that its page, its JSON and its printed form show."""

    way: Way
    facts: dict[Key, Fact]
    by_batch: dict[str, Balance]
    completeness: Completeness
    events: list[Any]
    event_count: int
    signatures: int
    signatures_holding: int
    chain_rows: int
    chain_intact: bool


def tell(start: Key) -> Story:
    """Walk the way of a thing and tell it."""
    way = whole(start)
    facts = {(fact.kind, fact.code): fact for kind in _kinds(way) for fact in told(kind, way.of(kind))}
    rows = session.execute(select(Batch.id, Batch.code).where(any_of(Batch.code, way.of("batch")))).all()
    found = balances([key for key, _ in rows])
    by_batch = {code: found[key] for key, code in rows if key in found}
    events, count = _events(way)
    signed = _signatures(way)
    chain_rows, intact = _chains(way)
    return Story(
        way,
        facts,
        by_batch,
        add_up(by_batch.values()),
        events,
        count,
        len(signed),
        sum(holds(one) for one in signed),
        chain_rows,
        intact,
    )


def _kinds(way: Way) -> list[str]:
    return sorted({kind for kind, _ in way.things})


def _by_kind(way: Way) -> list[tuple[str, list[str]]]:
    return [(kind, way.of(kind)) for kind in _kinds(way)]


def _events(way: Way) -> tuple[list[Any], int]:
    """The acts that touched the way, oldest first, and how many they are."""
    acts: set[str] = set()
    for kind, codes in _by_kind(way):
        acts.update(
            session.scalars(select(ActTouch.act).where(ActTouch.kind == kind, any_of(ActTouch.code, codes)))
        )
    listed = sorted(acts)
    done = select(Record).where(
        any_of(Record.act, listed), Record.outcome == Outcome.DONE, Record.parent.is_(None)
    )
    rows = session.scalars(done.order_by(Record.happened_at.desc(), Record.id.desc()).limit(SHOWN)).all()
    return told_record(reversed(rows)), len(listed)


def _signatures(way: Way) -> list[Signature]:
    return [
        one
        for kind, codes in _by_kind(way)
        for one in session.scalars(
            select(Signature).where(Signature.subject_kind == kind, any_of(Signature.subject_code, codes))
        )
    ]


def _chains(way: Way) -> tuple[int, bool]:
    """How many record rows stand in the chains of this way, and whether every hash is what it says."""
    count, intact = 0, True
    columns = list(Record.__table__.columns)
    for kind, codes in _by_kind(way):
        rows = session.execute(
            select(*columns)
            .where(Record.chain_kind == kind, any_of(Record.chain_code, codes))
            .order_by(Record.chain_code, Record.chain_sequence)
        )
        for row in rows:
            count += 1
            intact = intact and hash_of(dict(row._mapping)) == row.hash
    return count, intact
