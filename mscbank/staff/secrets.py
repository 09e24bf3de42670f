"""Secrets: hashed with Argon2, wrong ones slow the next try down and then lock (21 CFR 11.300, PD-71)."""

import secrets as random_secrets
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import engines, is_sqlite, plumbing
from mscbank.core.errors import NotAllowed, Refusal
from mscbank.staff.models import LOGIN, Credential
from mscbank.staff.tries import Tries

TEMPORARY_FOR = timedelta(days=3)

TEMPORARY = Refusal(
    "secret.temporary", "This password was given to you by somebody else. Choose your own first."
)
TEMPORARY_OVER = Refusal(
    "secret.temporary_over", "This password was given to you too long ago. Ask for another one.", Role.ADMIN
)
SLOWED = Refusal("secret.slowed", "Too many wrong passwords. Try again in %(seconds)s seconds.")
LOCKED = Refusal(
    "secret.locked", "Locked after %(failures)s wrong passwords. It opens by itself in %(minutes)s minutes."
)
PASSWORDS = Tries(Credential, "person.failed_secret", SLOWED, LOCKED)

_cost: list[tuple[int, int]] = [(19456, 2)]


def set_cost(memory_kib: int, time_cost: int) -> None:
    """The cost of a hash, from the settings; tests take a cheap one."""
    _cost[:] = [(memory_kib, time_cost)]
    _hasher.cache_clear()


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    memory, rounds = _cost[0]
    return PasswordHasher(time_cost=rounds, memory_cost=memory, parallelism=1)


@lru_cache(maxsize=1)
def _decoy() -> str:
    return _hasher().hash("nobody has this password")


def check(login: str, secret: str) -> bool:
    """Whether the secret is right and the person's own; one that somebody else chose is refused (403)."""
    found = _verified(login, secret)
    if found is not None and found.is_temporary:
        raise NotAllowed(TEMPORARY())
    return found is not None


def verify(login: str, secret: str) -> bool:
    """Whether the secret is right. A wrong one is counted and recorded; a locked log-in answers 429.

    One that somebody else chose is refused (403) when it was handed over too long ago.
    """
    found = _verified(login, secret)
    if found is not None and found.is_temporary and clock.now() - found.changed_at > TEMPORARY_FOR:
        raise NotAllowed(TEMPORARY_OVER())
    return found is not None


def _verified(login: str, secret: str) -> Any:
    """The credential that the secret opens, or ``None``."""
    secret = normal(secret)
    if not LOGIN.fullmatch(login):
        _verify(_decoy(), secret)
        return None
    with engines().read.connect() as connection:
        row = connection.execute(
            select(
                Credential.password_hash,
                Credential.failures,
                Credential.failed_at,
                Credential.is_temporary,
                Credential.changed_at,
            ).where(Credential.login == login)
        ).one_or_none()
    if row is None:
        _verify(_decoy(), secret)
        return None
    kept = row.password_hash or _decoy()
    return row if PASSWORDS.judged(login, row, lambda: _verify(kept, secret)) else None


def _verify(hashed: str, secret: str) -> bool:
    try:
        return _hasher().verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False


def changed_since(login: str, instant: datetime) -> bool:
    """Whether the password was set after an instant, or there is none."""
    with engines().read.connect() as connection:
        row = connection.execute(select(Credential.changed_at).where(Credential.login == login)).one_or_none()
    return row is None or row.changed_at is None or row.changed_at > instant


def normal(secret: str) -> str:
    """One form for the same characters, however they were composed (NIST SP 800-63B-4, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", secret)


def temporary() -> str:
    """A fresh password to hand over; it opens nothing but the way to one's own."""
    return "-".join(random_secrets.token_hex(4) for _ in range(4))


def prepare(login: str, secret: str) -> None:
    """Keep a new secret's hash beside the old one until the act that sets it has been recorded.

    What a person chose was judged before (``passwords.judge``).
    """
    hashed = _hasher().hash(normal(secret))
    dialect = sqlite if is_sqlite() else postgresql
    with plumbing() as connection:
        connection.execute(
            dialect.insert(Credential)
            .values(login=login, pending_hash=hashed, failures=0)
            .on_conflict_do_update(index_elements=["login"], set_={"pending_hash": hashed})
        )
