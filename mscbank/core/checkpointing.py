"""Making checkpoints, and proving from one that a chain stood as it stands.

What a checkpoint covers is read in one statement from the ends of the chains, which the acts themselves
move as they commit. So nothing that commits later falls behind it, whatever keys it was given, and no writer
waits.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from mscbank.core import clock, merkle
from mscbank.core.access import Principal, system
from mscbank.core.canonical import canonical
from mscbank.core.checkpoints import (
    ALGORITHMS,
    OPEN_AT_MOST,
    RULE,
    Algorithm,
    Checkpoint,
    CheckpointLeaf,
    content_of,
    hash_of,
    held_key,
    here,
    introduce,
    kept_form,
    key_in_use,
    latest,
    leaf_hash,
    statement,
)
from mscbank.core.db import Row, engines, permitted, session
from mscbank.core.instance import instance
from mscbank.core.jobs import job
from mscbank.core.record import GENESIS, HASHED, ActTouch, ChainHead, Record
from mscbank.core.types import iso

EVERY = timedelta(minutes=10)
PAGE = 2000


def make() -> int | None:
    """Make a checkpoint; its number, or nothing when nothing has happened since the last one."""
    session.rollback()
    key = key_in_use()
    if key is None:
        key = introduce(by=system(RULE), public=held_key().public)
    signing, last, now = held_key(key.fingerprint), latest(), clock.now()
    algorithm = ALGORITHMS[key.algorithm]
    renewed = last is not None and last.algorithm != algorithm.name
    ends = _ends(last, whole=last is None or renewed)
    if not ends:
        return None
    leaves = [
        CheckpointLeaf(
            **end._asdict(), position=position, rows_hash=rows_hash(end, algorithm) if renewed else None
        )
        for position, end in enumerate(ends)
    ]
    made = Checkpoint(
        number=(last.number if last else 0) + 1, made_at=now, algorithm=algorithm.name,
        is_whole=last is None or renewed, chains=len(leaves), instance=here(), introduction=key.introduction,
        entries=(last.entries if last else 0) + sum(e.chain_sequence - e.after_sequence for e in ends),
        previous=last.hash if last else GENESIS,
        root=merkle.root([leaf_hash(leaf, algorithm) for leaf in leaves], algorithm.hashed).hex(),
    )  # fmt: skip
    said = statement(made)
    made.hash, made.signature = hash_of(said), signing.sign(canonical(said))
    return _write(made, leaves)


def _ends(last: Checkpoint | None, *, whole: bool) -> list[Any]:
    """The ends of the chains that went further than the checkpoints know, or of all; one statement.

    Only what was entered since the last checkpoint is looked at, but for the demonstration, whose clock
    moves.
    """
    known = select(func.max(CheckpointLeaf.chain_sequence)).where(
        CheckpointLeaf.chain_kind == ChainHead.chain_kind, CheckpointLeaf.chain_code == ChainHead.chain_code
    )
    reached = func.coalesce(known.scalar_subquery(), 0)
    ends = select(
        ChainHead.chain_kind, ChainHead.chain_code, reached.label("after_sequence"),
        ChainHead.sequence.label("chain_sequence"), ChainHead.hash.label("chain_hash"),
    )  # fmt: skip
    if not whole:
        ends = ends.where(ChainHead.sequence > reached)
        if last is not None and not instance().is_demonstration:
            since = Record.entered_at > last.made_at - OPEN_AT_MOST
            recent = select(Record.chain_kind, Record.chain_code).where(since)
            ends = ends.where(tuple_(ChainHead.chain_kind, ChainHead.chain_code).in_(recent))
    return sorted(session.execute(ends).all(), key=lambda end: (end.chain_kind, end.chain_code))


def _write(made: Checkpoint, leaves: list[CheckpointLeaf]) -> int | None:
    number = made.number
    session.rollback()
    try:
        with engines().write.begin() as connection, permitted(connection):
            connection.execute(insert(Checkpoint), [_values(made)])
            for start in range(0, len(leaves), PAGE):
                rows = [_values(leaf) | {"checkpoint": number} for leaf in leaves[start : start + PAGE]]
                connection.execute(insert(CheckpointLeaf), rows)
    except IntegrityError:  # another clockwork has made this one meanwhile
        return None
    return number


def _values(row: Row) -> dict[str, Any]:
    names = [attribute.key for attribute in type(row).__mapper__.column_attrs if attribute.key != "id"]
    return {name: getattr(row, name) for name in names}


def rows_hash(end: Any, algorithm: Algorithm) -> str:
    """The hash of all rows of a chain up to its end by an algorithm, one after the other."""
    state = b""
    for values in rows_of(end.chain_kind, end.chain_code, end.chain_sequence):
        state = algorithm.hashed(state + canonical(values).encode())
    return state.hex()


def rows_of(kind: str, code: str, end: int, *, after: int = 0) -> Iterator[list[Any]]:
    """The entries of a chain after one and up to its end, as they are hashed, oldest first."""
    columns = [getattr(Record, name) for name in HASHED]
    while after < end:
        page = session.execute(
            select(*columns)
            .where(
                Record.chain_kind == kind, Record.chain_code == code, Record.chain_sequence > after,
                Record.chain_sequence <= end,
            )
            .order_by(Record.chain_sequence)
            .limit(PAGE)
        ).all()  # fmt: skip
        if not page:
            return
        for row in page:
            yield [iso(value) if isinstance(value, datetime) else value for value in row]
        after = page[-1].chain_sequence


@job(RULE, every=EVERY)
def make_one(by: Principal) -> None:
    """Make a checkpoint when something has happened."""
    make()


# --- proving ------------------------------------------------------------------------------------


def leaves_of(number: int) -> Any:
    """The select of a checkpoint's leaves, in the order of its tree."""
    return select(CheckpointLeaf).where(CheckpointLeaf.checkpoint == number).order_by(CheckpointLeaf.position)


def proof_of(kind: str, code: str) -> dict[str, Any]:
    """That the entries about a thing stand in checkpoints, chain by chain; to be checked by anyone.

    ``proofs`` has for each chain the checkpoint that covers it last, the ``leaf`` and the ``path`` by which
    its hash leads to the root; ``open`` names the chains that no checkpoint covers yet.
    """
    listed = (
        select(Record.chain_kind, Record.chain_code)
        .join(ActTouch, ActTouch.act == Record.act)
        .where(ActTouch.kind == kind, ActTouch.code == code)
        .distinct()
    )
    proofs, unsealed = [], []
    trees: dict[int, tuple[Checkpoint, list[bytes]]] = {}
    for chain in sorted(tuple(row) for row in session.execute(listed)):
        leaf = session.scalar(
            select(CheckpointLeaf)
            .where(CheckpointLeaf.chain_kind == chain[0], CheckpointLeaf.chain_code == chain[1])
            .order_by(CheckpointLeaf.checkpoint.desc())
            .limit(1)
        )
        if leaf is None:
            unsealed.append(list(chain))
            continue
        if leaf.checkpoint not in trees:
            trees[leaf.checkpoint] = _tree(leaf.checkpoint)
        proofs.append(_shown(leaf, *trees[leaf.checkpoint]))
    return {"about": [kind, code], "proofs": proofs, "open": unsealed}


def _shown(leaf: CheckpointLeaf, of: Checkpoint, hashes: list[bytes]) -> dict[str, Any]:
    path = merkle.path(hashes, leaf.position, ALGORITHMS[of.algorithm].hashed)
    shown = {"leaf": content_of(leaf), "position": leaf.position, "path": [one.hex() for one in path]}
    return kept_form(of) | shown


def proof_of_entry(row: Record) -> dict[str, Any]:
    """That one entry stands in the first checkpoint that was made after it; to be checked by anyone.

    Its only part has ``entries`` besides: the entry as it was hashed, and those after it in its chain up to
    the end that the checkpoint fixed, for each holds the hash of the one before.
    """
    chain = (row.chain_kind, row.chain_code)
    about = {"about": ["record", row.act]}
    leaf = session.scalar(
        select(CheckpointLeaf)
        .where(
            CheckpointLeaf.chain_kind == chain[0], CheckpointLeaf.chain_code == chain[1],
            CheckpointLeaf.chain_sequence >= row.chain_sequence,
        )
        .order_by(CheckpointLeaf.chain_sequence, CheckpointLeaf.checkpoint)
        .limit(1)
    )  # fmt: skip
    if leaf is None:
        return about | {"proofs": [], "open": [list(chain)]}
    following = rows_of(*chain, leaf.chain_sequence, after=row.chain_sequence - 1)
    shown = _shown(leaf, *_tree(leaf.checkpoint)) | {"entries": [canonical(values) for values in following]}
    return about | {"proofs": [shown], "open": []}


def entry_of(kind: str, code: str, number: int) -> Record | None:
    """An entry by its number in the chain of a thing."""
    of_chain = select(Record).where(Record.chain_kind == kind, Record.chain_code == code)
    return session.scalar(of_chain.where(Record.chain_sequence == number))


def entries_called(start: str) -> list[Record]:
    """The entries whose act begins with these hexadecimal digits; two at most."""
    return list(session.scalars(select(Record).where(Record.act >= start, Record.act < start + "g").limit(2)))


def _tree(number: int) -> tuple[Checkpoint, list[bytes]]:
    of = session.scalars(select(Checkpoint).where(Checkpoint.number == number)).one()
    algorithm = ALGORITHMS[of.algorithm]
    return of, [leaf_hash(leaf, algorithm) for leaf in session.scalars(leaves_of(number))]
