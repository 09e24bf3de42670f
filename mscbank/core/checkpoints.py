"""Checkpoints: from time to time the ends of all chains are put under one root and signed.

A chain proves its own order; a checkpoint proves that no chain lost its end, and fixes when. Every row of
every append-only table stands in the body of an act and so behind the end of a chain: who has the root has
them all. The tables stand outside the record: a checkpoint of itself would never end.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Boolean, Index, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock, merkle
from mscbank.core.access import Principal
from mscbank.core.acts import action
from mscbank.core.canonical import canonical
from mscbank.core.db import Row, session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.instance import instance
from mscbank.core.types import WORD_LENGTH, Id, Utc, iso

RULE = "core.checkpoint"
OPEN_AT_MOST = timedelta(minutes=15)
"""No act takes longer from the time that it writes down to its commit."""
KEY_BYTES = 32
FINGERPRINT = 32


@dataclass(frozen=True)
class Algorithm:
    """How a checkpoint is hashed and signed, by a name that stays."""

    name: str
    hashed: merkle.Hash


FIRST = Algorithm("sha256-ed25519", lambda content: hashlib.sha256(content).digest())
ALGORITHMS = {
    one.name: one
    for one in (FIRST, Algorithm("sha3-256-ed25519", lambda content: hashlib.sha3_256(content).digest()))
}

NO_KEY = Refusal(
    "checkpoint.no_key",
    "The key that signs the checkpoints is not here. Set MSCBANK_CHECKPOINT_KEY to the key %(fingerprint)s.",
)
NOT_ENDORSED = Refusal("checkpoint.not_endorsed", "The key in use now has to sign the next one.")


class CheckpointKey(Row):
    """A key that signs checkpoints from here on, and the algorithm; endorsed by the one before."""

    __tablename__ = "checkpoint_key"
    append_only = True
    key: ClassVar[tuple[str, ...]] = ("introduction",)
    kind: ClassVar[str] = "checkpoint_key"
    version: ClassVar[int] = 1
    site: ClassVar[None] = None

    introduction: Mapped[int] = mapped_column(Id, unique=True)
    fingerprint: Mapped[str] = mapped_column(String(FINGERPRINT))
    public: Mapped[str] = mapped_column(String(60))
    algorithm: Mapped[str] = mapped_column(String(40))
    endorsement: Mapped[str | None] = mapped_column(String(120))
    introduced_at: Mapped[datetime] = mapped_column(Utc)

    @property
    def code(self) -> str:
        return str(self.introduction)


class Checkpoint(Row):
    """One checkpoint: the root over the chains that moved since the one before, signed."""

    __tablename__ = "checkpoint"
    append_only = True
    by_door = True

    number: Mapped[int] = mapped_column(Id, unique=True)
    made_at: Mapped[datetime] = mapped_column(Utc)
    algorithm: Mapped[str] = mapped_column(String(40))
    is_whole: Mapped[bool] = mapped_column(Boolean)
    chains: Mapped[int] = mapped_column(Id)
    entries: Mapped[int] = mapped_column(Id)
    """Entries in the whole record, this checkpoint's included."""
    instance: Mapped[str] = mapped_column(String(64))
    introduction: Mapped[int] = mapped_column(Id)
    """Which introduction of a key it is signed under."""
    previous: Mapped[str] = mapped_column(String(64))
    root: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(120))


class CheckpointLeaf(Row):
    """How far a chain went when a checkpoint was made, and how far the checkpoint before knew it."""

    __tablename__ = "checkpoint_leaf"
    append_only = True
    by_door = True

    checkpoint: Mapped[int] = mapped_column(Id)
    position: Mapped[int] = mapped_column(Id)
    chain_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    chain_code: Mapped[str] = mapped_column(String(80))
    after_sequence: Mapped[int] = mapped_column(Id)
    chain_sequence: Mapped[int] = mapped_column(Id)
    chain_hash: Mapped[str] = mapped_column(String(64))
    rows_hash: Mapped[str | None] = mapped_column(String(64))
    """Where the algorithm is new: the hash of the chain's rows by it, for the old one may be broken."""

    __table_args__ = (
        UniqueConstraint("checkpoint", "position"),
        Index("ix_checkpoint_leaf_chain", "chain_kind", "chain_code", "chain_sequence"),
    )


class CheckpointKept(Row):
    """That a checkpoint was kept outside: in which way, where, when, with which receipt."""

    __tablename__ = "checkpoint_kept"
    append_only = True
    by_door = True

    checkpoint: Mapped[int] = mapped_column(Id)
    way: Mapped[str] = mapped_column(String(20))
    place: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime] = mapped_column(Utc)
    receipt: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("checkpoint", "way"),)


STATED = ("number", "made_at", "algorithm", "is_whole", "chains", "entries", "instance", "introduction",
          "previous", "root")  # fmt: skip
"""What a checkpoint states: what is hashed and signed."""


def statement(of: Any) -> dict[str, Any]:
    """What a checkpoint states, as it is hashed, signed and kept outside."""
    return {name: getattr(of, name) for name in STATED} | {"made_at": iso(of.made_at)}


def hash_of(said: Mapping[str, Any]) -> str:
    """The hash of a statement by its own algorithm."""
    return ALGORITHMS[said["algorithm"]].hashed(canonical(said).encode()).hex()


def content_of(leaf: Any) -> str:
    """What stands in a leaf: the chain, how far it was known, how far it goes, its end."""
    return canonical(
        [leaf.chain_kind, leaf.chain_code, leaf.after_sequence, leaf.chain_sequence, leaf.chain_hash,
         leaf.rows_hash]
    )  # fmt: skip


def leaf_hash(leaf: Any, algorithm: Algorithm) -> bytes:
    """The hash of a leaf."""
    return merkle.leaf(content_of(leaf).encode(), algorithm.hashed)


def kept_form(of: Checkpoint) -> dict[str, Any]:
    """A checkpoint as it is kept outside: what it states, its hash, the signature and the public key."""
    public = session.scalar(select(CheckpointKey.public).where(CheckpointKey.introduction == of.introduction))
    return {"checkpoint": statement(of), "hash": of.hash, "signature": of.signature, "public": public}


def latest() -> Checkpoint | None:
    """The last checkpoint."""
    return session.scalar(select(Checkpoint).order_by(Checkpoint.number.desc()).limit(1))


def here() -> str:
    """The digest of the instance: of which installation a checkpoint is."""
    row = instance()
    said = [row.prefix, row.name, row.zone, row.is_demonstration, row.created_at]
    return hashlib.sha256(canonical(said).encode()).hexdigest()


# --- the keys ------------------------------------------------------------------------------------


class SigningKey:
    """A private key for checkpoints: 32 bytes in base64, from the environment."""

    def __init__(self, text: str) -> None:
        raw = base64.b64decode(text, validate=True)
        if len(raw) != KEY_BYTES:
            raise ValueError("the key of the checkpoints is 32 bytes in base64")
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()
        self.fingerprint = fingerprint_of(self.public)

    def sign(self, text: str) -> str:
        """The signature of a text, in base64."""
        return base64.b64encode(self._key.sign(text.encode())).decode()


def fingerprint_of(public: str) -> str:
    """How a public key is called: the start of its SHA-256."""
    return hashlib.sha256(base64.b64decode(public)).hexdigest()[:FINGERPRINT]


def signed_by(public: str, signature: str, text: str) -> bool:
    """Whether the holder of a public key (base64) signed a text."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


_held: list[SigningKey] = []


def open_key(text: str) -> None:
    """Take the private key with which this process signs checkpoints."""
    _held[:] = [SigningKey(text)]


def held_key(fingerprint: str | None = None) -> SigningKey:
    """The private key that this process holds; refused when it is not the one that is asked for."""
    if not _held or fingerprint not in (None, _held[0].fingerprint):
        raise Refused(NO_KEY(fingerprint=fingerprint or "–"))
    return _held[0]


def key_in_use() -> CheckpointKey | None:
    """The key that was introduced last."""
    return session.scalar(select(CheckpointKey).order_by(CheckpointKey.introduction.desc()).limit(1))


def handed_over(introduction: int, fingerprint: str, algorithm: str) -> str:
    """What the key in use signs to hand over to the next one."""
    return canonical({"introduction": introduction, "key": fingerprint, "algorithm": algorithm})


@action("checkpoint_key.introduce", creates="checkpoint_key", rule=RULE, operator=True)
def introduce(*, public: str, algorithm: str = FIRST.name, endorsement: str | None = None) -> CheckpointKey:
    """Let a key sign the checkpoints from here on, and by which algorithm; the key before endorses it."""
    if algorithm not in ALGORITHMS:
        raise invalid(algorithm=[f"Known are {', '.join(ALGORITHMS)}."])
    before, fingerprint = key_in_use(), fingerprint_of(public)
    number = before.introduction + 1 if before else 1
    if before is not None and not signed_by(
        before.public, endorsement or "", handed_over(number, fingerprint, algorithm)
    ):
        raise Refused(NOT_ENDORSED())
    made = CheckpointKey(
        introduction=number, fingerprint=fingerprint, public=public, algorithm=algorithm,
        endorsement=endorsement, introduced_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    return made


def change_key(following: SigningKey, *, algorithm: str, by: Principal, reason: str) -> CheckpointKey:
    """Hand over from the key that this process holds to the next one, or to another algorithm."""
    before = key_in_use()
    endorsement = None
    if before is not None:
        said = handed_over(before.introduction + 1, following.fingerprint, algorithm)
        endorsement = held_key(before.fingerprint).sign(said)
    made: CheckpointKey = introduce(
        by=by, reason=reason, public=following.public, algorithm=algorithm, endorsement=endorsement
    )
    return made
