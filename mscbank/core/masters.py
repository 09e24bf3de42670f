"""The master keys: which one wraps now, which one before it still opens, and the key of the exact search.

A master key comes from the environment and never stands in the database. What stands there is its
fingerprint, the search key wrapped by it and, while people's keys come over from the key before, each of the
two wrapped by the other: so whoever holds one of them works on.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import CheckConstraint, String, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core.canonical import digest
from mscbank.core.db import Row, Thing, Trigger, engines, session
from mscbank.core.naming import DIGESTED
from mscbank.core.types import Id, Utc

KEY_BYTES = 32
NONCE_BYTES = 12
FINGERPRINT = 16
WRAPPED = 200


class Closed(RuntimeError):
    """A master key that is needed is not here."""


class MasterKey(Thing):
    """A master key by its fingerprint, from the day on which it went live."""

    __tablename__ = "master_key"
    kind = "master_key"

    number: Mapped[int] = mapped_column(Id, unique=True)
    shares_read: Mapped[str | None] = mapped_column(String(20))
    """The shares that were read back before it went live; none in a demonstration."""
    search: Mapped[str] = mapped_column(String(WRAPPED), info={DIGESTED: True})
    """The key of the exact search, wrapped by this one."""
    forward: Mapped[str | None] = mapped_column(String(WRAPPED), info={DIGESTED: True})
    """This key wrapped by the one before it, until all has come over."""
    back: Mapped[str | None] = mapped_column(String(WRAPPED), info={DIGESTED: True})
    """The key before it wrapped by this one, until all has come over."""
    introduced_at: Mapped[datetime] = mapped_column(Utc)
    finished_at: Mapped[datetime | None] = mapped_column(Utc)
    """When everything had come over, and the key before became useless."""

    __table_args__ = (
        CheckConstraint("(forward IS NULL) = (back IS NULL)", name="both_ways_or_none"),
        CheckConstraint("(finished_at IS NULL) = (forward IS NOT NULL)", name="finished_has_no_way_back"),
    )
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_master_key_finished", "master_key", "BEFORE UPDATE OF finished_at",
            "OLD.finished_at IS NOT NULL AND NEW.finished_at IS NULL", "a finished change of keys stays so",
        ),
        Trigger(
            "guard_master_key_same", "master_key", "BEFORE UPDATE OF search, number, introduced_at",
            "OLD.search <> NEW.search OR OLD.number <> NEW.number"
            " OR OLD.introduced_at <> NEW.introduced_at", "a master key stays what it is",
        ),
    )  # fmt: skip


class DataKey(Row):
    """A data key, wrapped by a master key; once destroyed, what it sealed stays closed."""

    __abstract__ = True
    key: ClassVar[tuple[str, ...]]

    master: Mapped[str] = mapped_column(String(FINGERPRINT))
    wrapped: Mapped[str | None] = mapped_column(String(WRAPPED), info={DIGESTED: True})
    destroyed_at: Mapped[datetime | None] = mapped_column(Utc)

    @property
    def owner(self) -> tuple[str, ...]:
        """What the wrapping is bound to: the sort of what it belongs to, then the key of the row."""
        return self.__tablename__.removesuffix("_key"), *(str(getattr(self, name)) for name in self.key)

    def destroy(self, at: datetime) -> None:
        """Destroy it for ever."""
        self.wrapped, self.destroyed_at = None, at


def destroyed(table: str) -> tuple[Trigger, ...]:
    """The guard of a table of data keys."""
    return (
        Trigger(f"guard_{table}_destroyed", table, "BEFORE UPDATE", "OLD.destroyed_at IS NOT NULL",
                "a destroyed key stays destroyed"),
    )  # fmt: skip


def destroyed_has_its_time() -> CheckConstraint:
    """A destroyed data key says when, and only a destroyed one is empty."""
    return CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed_has_its_time")


def data_keys() -> list[type[DataKey]]:
    """Every table of data keys, by name: what a new master key takes over."""
    return sorted(DataKey.__subclasses__(), key=lambda model: model.__tablename__)


@dataclass(frozen=True)
class Ring:
    """The keys that are open, by fingerprint; which of them wraps what is new; the key of the search."""

    keys: Mapping[str, bytes]
    newest: str
    search: bytes


_set: list[bytes] = []
_rings: list[tuple[Any, Ring]] = []


def read_key(text: str) -> bytes:
    """A master key of 32 bytes, written in base64."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError("the master key is 32 bytes in base64")
    return raw


def new_key() -> str:
    """A fresh master key, in base64."""
    return write_key(secrets.token_bytes(KEY_BYTES))


def write_key(raw: bytes) -> str:
    """A key in base64, as the settings hold it."""
    return base64.b64encode(raw).decode()


def open_master(text: str) -> None:
    """Take the master key of the settings."""
    _set[:] = [read_key(text)]
    _rings.clear()


def the_set() -> bytes:
    """The master key of the settings."""
    if not _set:
        raise Closed("the master key is not open: set MSCBANK_MASTER_KEY")
    return _set[0]


def fingerprint_of(raw: bytes) -> str:
    """How a master key is called: the start of the digest of its text."""
    return digest(write_key(raw))[:FINGERPRINT]


def wrap(by: bytes, raw: bytes, about: str) -> str:
    """A key wrapped by another, bound to what it is for; AES-256-GCM, in base64."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(by).encrypt(nonce, raw, about.encode())).decode()


def unwrap(by: bytes, wrapped: str, about: str) -> bytes | None:
    """What was wrapped; nothing when it was wrapped by another key or for something else."""
    try:
        whole = base64.b64decode(wrapped, validate=True)
        return AESGCM(by).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        return None


def open_key(row: DataKey) -> bytes | None:
    """A data key, open; nothing when it is destroyed or does not open; ``Closed`` without its master key."""
    if row.wrapped is None:
        return None
    return unwrap(ring(needed=row.master).keys[row.master], row.wrapped, ":".join(row.owner))


def search_key(first: bytes) -> bytes:
    """The key of the exact search: made from the first master key, then handed on, wrapped."""
    return hmac.new(first, b"search", hashlib.sha256).digest()


def for_search(fingerprint: str) -> str:
    """What a wrapped search key is bound to."""
    return f"search:{fingerprint}"


def for_master(fingerprint: str) -> str:
    """What a wrapped master key is bound to."""
    return f"master:{fingerprint}"


def all_keys() -> list[MasterKey]:
    """Every master key that ever went live, the first in front."""
    return list(session.scalars(select(MasterKey).order_by(MasterKey.number)))


def in_force() -> MasterKey | None:
    """The master key that went live last."""
    return session.scalar(select(MasterKey).order_by(MasterKey.number.desc()).limit(1))


def ring(*, needed: str | None = None, fresh: bool = False) -> Ring:
    """The keys that are open here; read from the database when a key is needed that is not among them."""
    opened = engines()
    if _rings and _rings[0][0] is opened and not fresh and (needed is None or needed in _rings[0][1].keys):
        return _rings[0][1]
    made = _ring()
    _rings[:] = [(opened, made)]
    if needed is not None and needed not in made.keys:
        raise Closed(f"the master key {needed} is not here: it is neither set nor wrapped by the one that is")
    return made


def _ring() -> Ring:
    here = the_set()
    keys = {fingerprint_of(here): here}
    columns = (MasterKey.code, MasterKey.search, MasterKey.forward, MasterKey.back)
    rows = session.execute(select(*columns).order_by(MasterKey.number)).all()
    steps = list(pairwise(rows))
    for before, after in (*steps, *reversed(steps)):
        if before.code in keys and after.forward:
            _add(keys, after.code, unwrap(keys[before.code], after.forward, for_master(after.code)))
        if after.code in keys and after.back:
            _add(keys, before.code, unwrap(keys[after.code], after.back, for_master(before.code)))
    held = [row for row in rows if row.code in keys]
    newest = held[-1].code if held else fingerprint_of(here)
    found = unwrap(keys[newest], held[-1].search, for_search(newest)) if held else search_key(here)
    if found is None:
        raise Closed(f"the master key {newest} does not open the search key")
    return Ring(keys, newest, found)


def _add(keys: dict[str, bytes], fingerprint: str, raw: bytes | None) -> None:
    if raw is not None:
        keys[fingerprint] = raw


def keyed(purpose: str, text: str) -> str:
    """A digest of a text that nobody can recompute without a master key (HMAC-SHA-256, in hexadecimal)."""
    derived = hmac.new(ring().search, purpose.encode(), hashlib.sha256).digest()
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
