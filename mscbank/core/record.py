"""The record: a row an act, append-only, hash-chained by its subject from the first row (21 CFR 11.10(e))."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import ModuleType
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core.canonical import canonical, digest
from mscbank.core.db import Base, Plumbing, Row, is_sqlite
from mscbank.core.types import WORD_LENGTH, Id, Utc, Word, iso

ACT_LENGTH = 32
NAME_LENGTH = 200
GENESIS = "0" * 64


class Outcome(StrEnum):
    """Whether the act was done, or refused and kept among the blocked actions."""

    DONE = "done"
    REFUSED = "refused"


def _in_time(name: str, where: str, *columns: str) -> Index:
    """An index by which outermost acts are read newest first, page by page, without sorting them."""
    only = text(where)
    return Index(f"ix_record_{name}", *columns, "entered_at", "id", sqlite_where=only, postgresql_where=only)


class Record(Row):
    """One act: who, in which role, what, why, when it happened and when it was entered, and what changed."""

    __tablename__ = "record"
    append_only = True
    by_door = True

    act: Mapped[str] = mapped_column(String(ACT_LENGTH), unique=True)
    parent: Mapped[str | None] = mapped_column(String(ACT_LENGTH))
    outcome: Mapped[Outcome] = mapped_column(Word(Outcome))
    subject_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    subject_code: Mapped[str] = mapped_column(String(80))
    chain_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    chain_code: Mapped[str] = mapped_column(String(80))
    chain_sequence: Mapped[int] = mapped_column(Id)
    action: Mapped[str] = mapped_column(String(80))
    actor_login: Mapped[str] = mapped_column(String(80), index=True)
    actor_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    actor_role: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(Utc)
    happened_zone: Mapped[str] = mapped_column(String(60))
    entered_at: Mapped[datetime] = mapped_column(Utc, index=True)
    request: Mapped[str | None] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    signature: Mapped[str | None] = mapped_column(Text)
    app_version: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("chain_kind", "chain_code", "chain_sequence"),
        Index("ix_record_subject", "subject_kind", "subject_code"),
        Index(
            "ix_record_parent",
            "parent",
            sqlite_where=text("parent IS NOT NULL"),
            postgresql_where=text("parent IS NOT NULL"),
        ),
        _in_time("when", "parent IS NULL"),
        _in_time("person_when", "parent IS NULL", "actor_login"),
        _in_time("action_when", "parent IS NULL", "action"),
        _in_time("refused_when", "outcome = 'refused'"),
        _in_time("signed_when", "signature IS NOT NULL"),
    )


class ActTouch(Row):
    """Which things an act touched: it serves every history page."""

    __tablename__ = "act_touch"
    append_only = True
    by_door = True

    act: Mapped[str] = mapped_column(
        ForeignKey("record.act", deferrable=True, initially="DEFERRED"), index=True
    )
    kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    code: Mapped[str] = mapped_column(String(80))

    __table_args__ = (UniqueConstraint("kind", "code", "act"),)


class ChainHead(Plumbing):
    """The last row of each chain; locked last in every act."""

    __tablename__ = "chain_head"

    chain_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    chain_code: Mapped[str] = mapped_column(String(80))
    sequence: Mapped[int] = mapped_column(Id)
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("chain_kind", "chain_code"),)


HASHED = (
    "act", "parent", "outcome", "subject_kind", "subject_code", "chain_kind", "chain_code", "chain_sequence",
    "action", "actor_login", "actor_name", "actor_role", "reason", "happened_at", "happened_zone",
    "entered_at", "request", "idempotency_key", "signature", "app_version", "body", "prev_hash",
)  # fmt: skip
"""What the hash covers, in this order: every column but the key and the hash itself."""


def hash_of(row: dict[str, Any]) -> str:
    """The hash of a record row over all its columns and the hash before it in its chain."""
    values = [iso(v) if isinstance(v := row[name], datetime) else v for name in HASHED]
    return digest(canonical(values))


@dataclass(frozen=True)
class Entry:
    """A record row before it is chained: everything but chain, sequence and hashes."""

    values: dict[str, Any]
    touched: frozenset[tuple[str, str]]


def _locked_head(dialect: ModuleType) -> Any:
    """Make the head of a chain, or lock the one that is there; it answers where the chain ends."""
    heads = ChainHead.__table__
    made = dialect.insert(heads)
    locked = made.on_conflict_do_update(
        index_elements=["chain_kind", "chain_code"], set_={"sequence": heads.c.sequence}
    )
    return locked.returning(heads.c.sequence, heads.c.hash)


_HEAD = {True: _locked_head(sqlite), False: _locked_head(postgresql)}
_TABLES = Base.metadata.tables
_RECORD, _TOUCH = insert(_TABLES["record"]), insert(_TABLES["act_touch"])
_END = (
    update(_TABLES["chain_head"])
    .where(
        _TABLES["chain_head"].c.chain_kind == bindparam("of_kind"),
        _TABLES["chain_head"].c.chain_code == bindparam("of_code"),
    )
    .values(sequence=bindparam("sequence"), hash=bindparam("hash"))
)


def append(connection: Connection, chain: tuple[str, str], entries: list[Entry]) -> None:
    """Lock the chain's head, chain the entries in order (parent first), write them and their touches."""
    kind, code = chain
    start = {"chain_kind": kind, "chain_code": code, "sequence": 0, "hash": GENESIS}
    sequence, previous = connection.execute(_HEAD[is_sqlite()], start).one()
    rows, touches = [], []
    for entry in entries:
        sequence += 1
        row = entry.values | {
            "chain_kind": kind, "chain_code": code, "chain_sequence": sequence, "prev_hash": previous,
        }  # fmt: skip
        row["hash"] = previous = hash_of(row)
        rows.append(row)
        touches += [{"act": row["act"], "kind": k, "code": c} for k, c in sorted(entry.touched)]
    connection.execute(_RECORD, rows)
    connection.execute(_TOUCH, touches)
    connection.execute(_END, {"of_kind": kind, "of_code": code, "sequence": sequence, "hash": previous})


_HISTORY = (
    select(Record)
    .join(ActTouch, ActTouch.act == Record.act)
    .order_by(Record.entered_at.desc(), Record.id.desc())
)


def history(kind: str, code: str, *, limit: int = 100) -> Any:
    """The select of what happened to a thing, newest first."""
    return _HISTORY.where(ActTouch.kind == kind, ActTouch.code == code).limit(limit)
