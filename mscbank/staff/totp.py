"""Codes of an authenticator app: six digits every thirty seconds (RFC 6238 over RFC 4226, with SHA-1)."""

import base64
import re
import secrets
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

DIGITS = 6
SECONDS = 30
DRIFT = 1
"""Time steps by which the clock of the telephone may differ, either way (RFC 6238, section 5.2)."""
SECRET_BYTES = 20
"""As long as the hash (RFC 4226, section 4, R6: at least 128 bits, 160 recommended)."""

_CODE = re.compile(r"[0-9]{6}")


def new_secret() -> bytes:
    """A fresh secret to share with an app."""
    return secrets.token_bytes(SECRET_BYTES)


def step_of(instant: datetime) -> int:
    """The time step in which an instant lies: whole half minutes since 1970."""
    return int(instant.timestamp()) // SECONDS


def code_of(secret: bytes, step: int) -> str:
    """The code of one time step."""
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - HMAC, as every app computes it


def step_of_code(secret: bytes, code: str, now: datetime, after: int) -> int | None:
    """The time step to which a code belongs, within the drift and later than ``after``; ``None`` for none."""
    typed = "".join(code.split())
    if not _CODE.fullmatch(typed):
        return None
    here = step_of(now)
    found = None
    for step in range(max(here - DRIFT, 0), here + DRIFT + 1):
        if bytes_eq(code_of(secret, step).encode(), typed.encode()) and step > after:
            found = step
    return found


def as_text(secret: bytes) -> str:
    """The secret as a person types it into an app: base32 in groups of four."""
    written = base64.b32encode(secret).decode()
    return " ".join(written[at : at + 4] for at in range(0, len(written), 4))


def address(secret: bytes, *, login: str, issuer: str) -> str:
    """The ``otpauth`` address that apps read from a QR symbol."""
    label = f"{quote(issuer, safe='')}:{quote(login, safe='')}"
    return (
        f"otpauth://totp/{label}?secret={base64.b32encode(secret).decode()}"
        f"&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits={DIGITS}&period={SECONDS}"
    )
