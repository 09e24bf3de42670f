"""The proof of the record: chains recomputed, rows held against what their acts said (21 CFR 11.10)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import inspect, select

from mscbank.core import checks
from mscbank.core.canonical import canonical, digest
from mscbank.core.checks import Fault
from mscbank.core.db import Part, Plumbing, Row, session
from mscbank.core.guards import models
from mscbank.core.instance import Instance
from mscbank.core.naming import key_of, values_of
from mscbank.core.record import GENESIS, ActTouch, ChainHead, Record, hash_of
from mscbank.core.signatures import Signature

AT_ONCE = 2000
Progress = Callable[[str], None]
OWN = (Record, ActTouch, Signature, Instance)
"""The record itself; it is proven by its chains, not by what acts said of it."""


def verify(progress: Progress = lambda _what: None) -> Iterator[tuple[str, Fault]]:
    """Everything that does not hold: (name of the check, (kind, code, sentence))."""
    said = Said()
    progress("chains")
    for fault in chains(said):
        yield "record.chain", fault
    progress("touches and signatures")
    for fault in bystanders(said):
        yield "record.bystander", fault
    for model in models():
        if not issubclass(model, (*OWN, Plumbing)):
            progress(model.__tablename__)
            for fault in rows_of(model, said):
                yield "record.row", fault
    for name in checks.CHECKS:
        progress(name)
        yield from checks.run(name)


class Said:
    """What all acts together said: the last value of every field, the digest of every ledger row."""

    def __init__(self) -> None:
        self.fields: dict[tuple[str, str], dict[str, Any]] = {}
        self.ledger: dict[str, dict[str, int]] = {}
        self.acts: set[str] = set()

    def take(self, row: dict[str, Any]) -> None:
        """One row of the record."""
        self.acts.add(row["act"])
        try:
            body = json.loads(row["body"])
        except ValueError:
            return
        for change in body.get("changes", ()):
            held = self.fields.setdefault((change["thing"][0], change["thing"][1]), {})
            held.update({name: new for name, (_old, new) in change["fields"].items()})
        for table, digests in body.get("ledger", {}).items():
            counted = self.ledger.setdefault(table, {})
            for one in digests:
                counted[one] = counted.get(one, 0) + 1


def chains(said: Said) -> Iterator[Fault]:
    """Every chain: no gap, every hash what it says, each row tied to the one before, the head at its end."""
    heads = {
        (kind, code): (sequence, hashed)
        for kind, code, sequence, hashed in session.execute(
            select(ChainHead.chain_kind, ChainHead.chain_code, ChainHead.sequence, ChainHead.hash)
        )
    }
    ends: dict[tuple[str, str], tuple[int, str]] = {}
    for row in _record():
        said.take(row)
        chain = (row["chain_kind"], row["chain_code"])
        sequence, previous = ends.get(chain, (0, GENESIS))
        if row["chain_sequence"] != sequence + 1:
            yield _at(row, f"row {row['chain_sequence']} stands where {sequence + 1} belongs")
        elif row["prev_hash"] != previous:
            yield _at(row, f"row {row['chain_sequence']} does not continue the row before it")
        if hash_of(row) != row["hash"]:
            yield _at(row, f"row {row['chain_sequence']} ({row['action']}) was edited")
        ends[chain] = (row["chain_sequence"], row["hash"])
    for chain in sorted(heads.keys() | ends.keys()):
        if heads.get(chain) != ends.get(chain):
            yield (*chain, "the end of the chain is missing, or rows were added past the door")


def _record() -> Iterator[dict[str, Any]]:
    """The whole record in its order, some rows at a time."""
    last = 0
    columns = list(Record.__table__.columns)
    while rows := session.execute(
        select(*columns).where(Record.id > last).order_by(Record.id).limit(AT_ONCE)
    ).all():
        for row in rows:
            yield dict(row._mapping)
        last = rows[-1].id


def _at(row: dict[str, Any], sentence: str) -> Fault:
    return row["chain_kind"], row["chain_code"], sentence


def bystanders(said: Said) -> Iterator[Fault]:
    """Every touch and every signature belongs to an act, and what was signed is as it was kept."""
    for kind, code, act in session.execute(select(ActTouch.kind, ActTouch.code, ActTouch.act)):
        if act not in said.acts:
            yield kind, code, f"it names act {act}, which is not in the record"
    for one in session.scalars(select(Signature)):
        if one.act not in said.acts:
            yield (
                one.subject_kind,
                one.subject_code,
                f"a signature names act {one.act}, which is not in the record",
            )
        if digest(one.held) != one.held_hash:
            yield one.subject_kind, one.subject_code, f"the content signed by {one.login} was edited"


def rows_of(model: type[Row], said: Said) -> Iterator[Fault]:
    """Every row of a table reads as its acts said, and every row that acts spoke of is there."""
    if getattr(model, "ledger", False):
        yield from _ledger(model, said)
        return
    name = getattr(model, "kind", None) if not issubclass(model, Part) else None
    wanted = {key for key in said.fields if key[0] == (name or model.__tablename__)}
    for row in session.scalars(select(model).order_by(model.id)):
        key = key_of(row)
        wanted.discard(key)
        told = said.fields.get(key)
        if told is None:
            yield *key, "it stands in the table, and no act made it"
            continue
        for column, value in values_of(row).items():
            if told.get(column) != json.loads(canonical(value)):
                yield *key, f"{column} reads otherwise than its last act said"
    for key in sorted(wanted):
        yield *key, "an act made it, and it is no longer in the table"
    session.expunge_all()


def _ledger(model: type[Row], said: Said) -> Iterator[Fault]:
    counted = dict(said.ledger.get(model.__tablename__, {}))
    for row in session.scalars(select(model).order_by(model.id)):
        one = digest(canonical(values_of(row)))
        if not counted.get(one):
            yield model.__tablename__, _named(row), "the entry was edited, or no act made it"
        else:
            counted[one] -= 1
    missing = sum(counted.values())
    if missing:
        yield model.__tablename__, "-", f"{missing} entries that acts made are no longer there"
    session.expunge_all()


def _named(row: Row) -> str:
    act = getattr(row, "act", None)
    return f"of act {act}" if act else str(inspect(row).identity)
