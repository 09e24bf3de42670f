"""Secrets: hashed with Argon2, wrong ones slow the next try down and then lock (21 CFR 11.300, PD-71)."""

import secrets as random_secrets
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from mscbank.core import clock
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import keep_reading
from mscbank.core.db import engines, is_sqlite, plumbing
from mscbank.core.errors import NotAllowed, Refusal, TooMany, invalid
from mscbank.staff.models import LOGIN, Credential

log = structlog.get_logger()

SLOW_FROM = 3
LOCK_AT = 10
LOCKED_FOR = timedelta(minutes=15)
TEMPORARY_FOR = timedelta(days=3)
SHORTEST = 12
LONGEST = 256

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


def wait_after(failures: int, failed_at: datetime | None) -> datetime | None:
    """Until when another try is refused: a growing delay from the third failure, a lock at the tenth."""
    if failed_at is None or failures < SLOW_FROM:
        return None
    if failures >= LOCK_AT:
        return failed_at + LOCKED_FOR
    return failed_at + timedelta(seconds=2 ** (failures - SLOW_FROM))


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
    now = clock.now()
    if row is not None:
        _refuse_early(row.failures, row.failed_at, now)
    right = _verify(row.password_hash if row and row.password_hash else _decoy(), secret) and row is not None
    if row is None:
        return None
    if right:
        if row.failures:
            with plumbing() as connection:
                connection.execute(
                    update(Credential).where(Credential.login == login).values(failures=0, failed_at=None)
                )
        return row
    over = row.failures >= LOCK_AT
    with plumbing() as connection:
        failures = connection.execute(
            update(Credential)
            .where(Credential.login == login)
            .values(failures=1 if over else Credential.failures + 1, failed_at=now)
            .returning(Credential.failures)
        ).scalar_one()
    log.warning("wrong secret", person=login, failures=failures)
    nobody = Principal(login, login, kind=Kind.PERSON)
    keep_reading(nobody, "person.failed_secret", {"failures": failures}, set())
    return None


def _refuse_early(failures: int, failed_at: datetime | None, now: datetime) -> None:
    until = wait_after(failures, failed_at)
    if until is None or now >= until:
        return
    left = until - now
    if failures >= LOCK_AT:
        raise TooMany(LOCKED(failures=failures, minutes=int(left.total_seconds() // 60) + 1))
    raise TooMany(SLOWED(seconds=int(left.total_seconds()) + 1))


def _verify(hashed: str, secret: str) -> bool:
    try:
        return _hasher().verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False


def judge(login: str, secret: str) -> None:
    """Refuse a password that is too short, too long, or the log-in itself (NIST SP 800-63B)."""
    if not SHORTEST <= len(secret) <= LONGEST:
        raise invalid(password=[f"A password has {SHORTEST} to {LONGEST} characters; any characters."])
    if login.casefold() in secret.casefold() or len(set(secret)) < 5:
        raise invalid(
            password=["This password is too easy to guess. Take a sentence that only you would say."]
        )


def normal(secret: str) -> str:
    """One form for the same characters, however they were composed (NIST SP 800-63B-4, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", secret)


def temporary() -> str:
    """A fresh password to hand over; it opens nothing but the way to one's own."""
    return "-".join(random_secrets.token_hex(4) for _ in range(4))


def prepare(login: str, secret: str) -> None:
    """Keep a new secret's hash beside the old one until the act that sets it has been recorded."""
    judge(login, secret)
    hashed = _hasher().hash(normal(secret))
    dialect = sqlite if is_sqlite() else postgresql
    with plumbing() as connection:
        connection.execute(
            dialect.insert(Credential)
            .values(login=login, pending_hash=hashed, failures=0)
            .on_conflict_do_update(index_elements=["login"], set_={"pending_hash": hashed})
        )
