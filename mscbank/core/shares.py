"""A key in three shares, any two of which give it back: Shamir's scheme over GF(256), one line per byte.

Each byte of the key is where a straight line meets zero; share *n* holds the line's height at *n*. One share
alone fits every key equally well (A. Shamir, How to share a secret, CACM 22 (1979) 612). The field is that of
AES (FIPS 197, 4.2). A share is read aloud in four lines of sixteen symbols and a check symbol; the alphabet
leaves out I, L, O and U, and reads them as what they look like.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

KEY_BYTES = 32
SHARES = 3
NEEDED = 2
MARK_BYTES = 3
CHECK_BYTES = 4
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKS_LIKE = str.maketrans("OIL", "011")
LINE, LINES, GROUP = 16, 4, 4
CHECKED_BY = 31


class WrongShare(ValueError):
    """A share that cannot be read, with a sentence that says which and where."""


@dataclass(frozen=True)
class Share:
    """One share: its number, which key it is of (the start of the key's digest), the heights."""

    number: int
    mark: bytes
    heights: bytes

    def __str__(self) -> str:
        """Four lines, each of four groups of four symbols and a check symbol."""
        body = bytes([self.number]) + self.mark + self.heights
        bits = int.from_bytes(body + _check(body))
        symbols = "".join(SYMBOLS[bits >> 5 * place & 31] for place in reversed(range(LINE * LINES)))
        return "\n".join(_line(symbols[start : start + LINE]) for start in range(0, len(symbols), LINE))


def _line(symbols: str) -> str:
    groups = [symbols[start : start + GROUP] for start in range(0, LINE, GROUP)]
    return " ".join([*groups, _check_symbol(symbols)])


def _check_symbol(symbols: str) -> str:
    return SYMBOLS[sum(SYMBOLS.index(s) * n for n, s in enumerate(symbols, start=1)) % CHECKED_BY]


def _check(body: bytes) -> bytes:
    return hashlib.sha256(b"share:" + body).digest()[:CHECK_BYTES]


def mark_of(key: bytes) -> bytes:
    """Which key a share is of; it tells nothing about the key."""
    return hashlib.sha256(b"mark:" + key).digest()[:MARK_BYTES]


def read(text: str) -> Share:
    """A share as somebody typed or read it; spaces, hyphens and small letters do not matter."""
    symbols = "".join(c for c in text.upper().translate(LOOKS_LIKE) if not c.isspace() and c not in "-–_.,:")
    if strange := sorted(set(symbols) - set(SYMBOLS)):
        raise WrongShare(f"{strange[0]!r} is no symbol of a share")
    if len(symbols) != (LINE + 1) * LINES:
        raise WrongShare(f"a share has {(LINE + 1) * LINES} symbols, this one has {len(symbols)}")
    plain = ""
    for number in range(LINES):
        line = symbols[number * (LINE + 1) : (number + 1) * (LINE + 1)]
        if _check_symbol(line[:LINE]) != line[LINE]:
            raise WrongShare(f"line {number + 1} is mistyped")
        plain += line[:LINE]
    bits = 0
    for symbol in plain:
        bits = bits << 5 | SYMBOLS.index(symbol)
    whole = bits.to_bytes(LINE * LINES * 5 // 8)
    body, check = whole[:-CHECK_BYTES], whole[-CHECK_BYTES:]
    if _check(body) != check or not 1 <= body[0] <= SHARES:
        raise WrongShare("this share is mistyped")
    return Share(body[0], body[1 : 1 + MARK_BYTES], body[1 + MARK_BYTES :])


def split(key: bytes) -> list[Share]:
    """The three shares of a key of 32 bytes."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    slopes = secrets.token_bytes(KEY_BYTES)
    mark = mark_of(key)
    return [
        Share(n, mark, bytes(byte ^ _times(slope, n) for byte, slope in zip(key, slopes, strict=True)))
        for n in range(1, SHARES + 1)
    ]


def combine(shares: Iterable[Share]) -> bytes:
    """The key of two different shares of one key; refused, with the reason, when they do not fit."""
    found = {share.number: share for share in shares}
    if len(found) < NEEDED:
        raise WrongShare("two different shares are needed")
    one, other = sorted(found.values(), key=lambda share: share.number)[:NEEDED]
    if one.mark != other.mark:
        raise WrongShare("these two shares are of different keys")
    ratio = _inverse(one.number ^ other.number)
    left, right = _times(other.number, ratio), _times(one.number, ratio)
    pairs = zip(one.heights, other.heights, strict=True)
    key = bytes(_times(a, left) ^ _times(b, right) for a, b in pairs)
    if mark_of(key) != one.mark:
        raise WrongShare("these two shares do not give a key")
    return key


def _times(a: int, b: int) -> int:
    """The product of two bytes in the field of AES."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """What a byte is multiplied with to give one."""
    return next(b for b in range(1, 256) if _times(a, b) == 1)
