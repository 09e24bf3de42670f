"""Whether the checkpoints hold: each signed, each after the other, each standing on the chains as they are.

Whoever rules database and key can make all of it anew; what was kept outside tells.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from mscbank.core import merkle
from mscbank.core.canonical import canonical, digest
from mscbank.core.checkpointing import leaves_of, rows_hash
from mscbank.core.checkpoints import (
    ALGORITHMS,
    OPEN_AT_MOST,
    Checkpoint,
    CheckpointKey,
    CheckpointLeaf,
    fingerprint_of,
    handed_over,
    hash_of,
    here,
    leaf_hash,
    signed_by,
    statement,
)
from mscbank.core.checks import Fault
from mscbank.core.db import session
from mscbank.core.instance import instance
from mscbank.core.record import GENESIS, HASHED, Record

NAME = "core.checkpoints"


def whole(against: Iterable[Mapping[str, Any]] = ()) -> Iterator[Fault]:
    """Every checkpoint is signed, stands on the chains as they are, and none that was kept is missing."""
    keys = _keys()
    yield from _handed_over(list(keys.values()))
    last: Checkpoint | None = None
    for one in session.scalars(select(Checkpoint).order_by(Checkpoint.number)).all():
        yield from _follows(one, last)
        yield from _signed(one, keys.get(one.introduction))
        yield from _tree(one)
        if last is not None and not instance().is_demonstration:
            yield from _dated(one, last)
        last = one
    yield from _stand()
    if last is not None and not instance().is_demonstration:
        yield from _left_out(last)
    for kept in against:
        yield from _kept(kept)


def _of(number: Any) -> tuple[str, str]:
    return "checkpoint", str(number)


def _keys() -> dict[int, CheckpointKey]:
    rows = session.scalars(select(CheckpointKey).order_by(CheckpointKey.introduction))
    return {row.introduction: row for row in rows}


def _handed_over(keys: list[CheckpointKey]) -> Iterator[Fault]:
    for before, key in pairwise(keys):
        said = handed_over(key.introduction, key.fingerprint, key.algorithm)
        if not signed_by(before.public, key.endorsement or "", said):
            yield "checkpoint_key", key.code, "the key before it never handed over to it"
    for key in keys:
        if fingerprint_of(key.public) != key.fingerprint:
            yield "checkpoint_key", key.code, "its public key was changed"


def _follows(one: Checkpoint, last: Checkpoint | None) -> Iterator[Fault]:
    number, before = (last.number, last.hash) if last else (0, GENESIS)
    if one.number != number + 1:
        yield (*_of(one.number), f"it follows checkpoint {number}: checkpoints are missing")
    elif one.previous != before:
        yield (*_of(one.number), "it does not follow the one before it")
    if one.instance != here():
        yield (*_of(one.number), "it is of another installation")
    if last is not None and one.made_at < last.made_at and not instance().is_demonstration:
        yield (*_of(one.number), "it is dated before the one before it")


def _signed(one: Checkpoint, key: CheckpointKey | None) -> Iterator[Fault]:
    said = statement(one)
    if one.algorithm not in ALGORITHMS or hash_of(said) != one.hash:
        yield (*_of(one.number), "it was changed")
    if (
        key is None
        or key.algorithm != one.algorithm
        or not signed_by(key.public, one.signature, canonical(said))
    ):
        yield (*_of(one.number), "its signature is not that of the key of its time")


def _tree(one: Checkpoint) -> Iterator[Fault]:
    algorithm = ALGORITHMS.get(one.algorithm)
    if algorithm is None:
        return
    hashes: list[bytes] = []
    for leaf in session.scalars(leaves_of(one.number)):
        hashes.append(leaf_hash(leaf, algorithm))
        if leaf.rows_hash is not None and rows_hash(leaf, algorithm) != leaf.rows_hash:
            yield (
                leaf.chain_kind,
                leaf.chain_code,
                f"its entries up to {leaf.chain_sequence} are not those that checkpoint {one.number} hashed",
            )
    if len(hashes) != one.chains or merkle.root(hashes, algorithm.hashed).hex() != one.root:
        yield (*_of(one.number), "its leaves were changed")


def _stand() -> Iterator[Fault]:
    """Every leaf stands on an entry that is there and is the one that was written."""
    ends = (
        select(CheckpointLeaf, Record.hash)
        .outerjoin(
            Record,
            and_(
                Record.chain_kind == CheckpointLeaf.chain_kind,
                Record.chain_code == CheckpointLeaf.chain_code,
                Record.chain_sequence == CheckpointLeaf.chain_sequence,
            ),
        )
        .where(Record.hash.is_distinct_from(CheckpointLeaf.chain_hash))
        .order_by(CheckpointLeaf.id)
    )
    for leaf, hash_ in session.execute(ends):
        there: str | None = hash_
        is_what = "is gone" if there is None else "is not the one that was written"
        said = f"entry {leaf.chain_sequence}, which checkpoint {leaf.checkpoint} covers, {is_what}"
        yield leaf.chain_kind, leaf.chain_code, said


def _dated(one: Checkpoint, before: Checkpoint) -> Iterator[Fault]:
    """What a checkpoint covers first was entered after the checkpoint before, or that one had had it."""
    first = and_(
        Record.chain_kind == CheckpointLeaf.chain_kind,
        Record.chain_code == CheckpointLeaf.chain_code,
        Record.chain_sequence == CheckpointLeaf.after_sequence + 1,
    )
    early = (
        select(Record.chain_kind, Record.chain_code, Record.chain_sequence, Record.entered_at)
        .join(CheckpointLeaf, first)
        .where(
            CheckpointLeaf.checkpoint == one.number,
            CheckpointLeaf.chain_sequence > CheckpointLeaf.after_sequence,
            Record.entered_at < before.made_at - OPEN_AT_MOST,
        )
    )
    for kind, code, sequence, entered in session.execute(early):
        yield kind, code, _back_dated(sequence, entered, before)


def _left_out(last: Checkpoint) -> Iterator[Fault]:
    """What no checkpoint covers was entered after the last one."""
    leaf = aliased(CheckpointLeaf)
    covered = select(func.max(leaf.chain_sequence)).where(
        leaf.chain_kind == Record.chain_kind, leaf.chain_code == Record.chain_code
    )
    early = select(Record.chain_kind, Record.chain_code, Record.chain_sequence, Record.entered_at).where(
        Record.entered_at < last.made_at - OPEN_AT_MOST,
        Record.chain_sequence > func.coalesce(covered.scalar_subquery(), 0),
    )
    for kind, code, sequence, entered in session.execute(early):
        yield kind, code, _back_dated(sequence, entered, last)


def _back_dated(sequence: int, entered: Any, checkpoint: Checkpoint) -> str:
    return (
        f"entry {sequence} is dated {entered:%Y-%m-%d %H:%M} UTC, but checkpoint {checkpoint.number} of "
        f"{checkpoint.made_at:%Y-%m-%d %H:%M} UTC does not have it: it was put in later"
    )


def _genuine(kept: Any) -> Mapping[str, Any] | None:
    """What a checkpoint states that was kept outside, when it is one and is unchanged."""
    try:
        said: Mapping[str, Any] = kept["checkpoint"]
        is_so = isinstance(said["number"], int) and hash_of(said) == kept["hash"]
        is_so = is_so and signed_by(kept["public"], kept["signature"], canonical(said))
    except (KeyError, TypeError, ValueError):
        return None
    return said if is_so else None


def proof_fault(shown: Any) -> str | None:
    """Why the proof for one chain, judged by itself, does not hold; nothing when it holds."""
    said = _genuine(shown)
    if said is None:
        return "this is no proof, or its checkpoint was changed"
    hashed = ALGORITHMS[said["algorithm"]].hashed
    try:
        _kind, _code, _after, _sequence, _hash, _rows = json.loads(shown["leaf"])
        beside = [bytes.fromhex(one) for one in shown["path"]]
        at = merkle.leaf(shown["leaf"].encode(), hashed)
        reached = merkle.climb(at, shown["position"], said["chains"], beside, hashed)
    except (KeyError, TypeError, ValueError, AttributeError):
        reached = None
    if reached is None or reached.hex() != said["root"]:
        return "the leaf does not lead to the root"
    if "entries" in shown and not _leads_to_its_end(shown):
        return "the entry does not lead to the end of its chain"
    return None


def _leads_to_its_end(shown: Mapping[str, Any]) -> bool:
    """Whether the entries follow each other, hash by hash, to the end of the chain that the leaf holds."""
    kind, code, _after, end, end_hash, _rows = json.loads(shown["leaf"])
    try:
        entries = [dict(zip(HASHED, json.loads(text), strict=True)) for text in shown["entries"]]
        hashes = [digest(text) for text in shown["entries"]]
        numbers = [int(entry["chain_sequence"]) for entry in entries]
    except (TypeError, ValueError, AttributeError):
        return False
    return (
        bool(entries)
        and all((entry["chain_kind"], entry["chain_code"]) == (kind, code) for entry in entries)
        and numbers == list(range(int(end) - len(entries) + 1, int(end) + 1))
        and [entry["prev_hash"] for entry in entries[1:]] == hashes[:-1]
        and hashes[-1] == end_hash
    )


def proof_words(shown: Mapping[str, Any]) -> str:
    """What a proof that holds says, in one line."""
    kind, code, _after, sequence, hash_, _rows = json.loads(shown["leaf"])
    said = shown["checkpoint"]
    if shown.get("entries"):
        entry = dict(zip(HASHED, json.loads(shown["entries"][0]), strict=True))
        return (
            f"It holds: entry {entry['chain_sequence']} of the record of {kind} {code}, {entry['action']} by "
            f"{entry['actor_login']}, entered {entry['entered_at']}, stood in checkpoint {said['number']} of "
            f"{said['made_at']}, signed by key {fingerprint_of(shown['public'])}."
        )
    return (
        f"It holds: the record of {kind} {code} had {sequence} entries, the last with hash {hash_}, in "
        f"checkpoint {said['number']} of {said['made_at']}, signed by key {fingerprint_of(shown['public'])}."
    )


def _kept(kept: Mapping[str, Any]) -> Iterator[Fault]:
    """The database has the checkpoint that was kept outside."""
    said = _genuine(kept)
    if said is None:
        yield "checkpoint", "-", "what was kept outside is no checkpoint, or was changed where it was kept"
        return
    number = said["number"]
    if said["instance"] != here():
        yield (*_of(number), "what was kept outside is of another installation")
        return
    there = session.scalar(select(Checkpoint.hash).where(Checkpoint.number == number))
    if there is None:
        yield (
            *_of(number),
            f"it was kept outside with {said['entries']} entries, but the record ends before it",
        )
    elif there != kept["hash"]:
        yield (*_of(number), "it is not the one that was kept outside: the record was written anew")
