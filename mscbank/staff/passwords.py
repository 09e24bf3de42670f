"""What makes a password good enough, by NIST SP 800-63B-4, 3.1.1.2: long, not known to others, never rotated.

No rule asks for kinds of characters and none lets a password expire: both make people choose worse ones.
"""

import gzip
import hashlib
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

from mscbank.core.errors import invalid
from mscbank.core.i18n import Sentence, _

SHORTEST = 15
"""Characters of a password that opens by itself (3.1.1.2: 15 where it is the only factor)."""
LONGEST = 256
"""At least 64 must be possible (3.1.1.2)."""
FEWEST_KINDS = 5
SERVICE = "mscbank"
SHORTEST_WORD = 4
ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjklzxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
    "qwertzuiopasdfghjklyxcvbnm",
)  # fmt: skip
"""What is typed by walking along: the alphabet, the digits, three keyboards."""

LENGTH = _(
    "A password has %(least)s to %(most)s characters; any characters, spaces too.",
    least=SHORTEST,
    most=LONGEST,
)
EASY = _("This password is too easy to guess. Take a sentence that only you would say.")
NAMED = _("This password holds your name, your log-in or the name of this service. Take one without them.")
KNOWN = _("This password is among those that were stolen elsewhere and are tried first. Take another one.")

_LINE = re.compile(rb"([0-9A-Fa-f]{16,40})(:\d+)?\r?")
_RANGE = 5
_breached: list[Path] = []


def judge(login: str, secret: str, *, printed_name: str = "") -> None:
    """Refuse (422, at ``password``) what is too short or too long, guessed first, or known from a breach."""
    fault = fault_of(login, secret, printed_name)
    if fault is not None:
        raise invalid(password=[fault])


def fault_of(login: str, secret: str, printed_name: str = "") -> Sentence | None:
    """What is wrong with a password of this person, if anything."""
    secret = unicodedata.normalize("NFKC", secret)
    if not SHORTEST <= len(secret) <= LONGEST:
        return LENGTH
    plain = secret.casefold()
    if len(set(plain)) < FEWEST_KINDS or _is_walk(plain):
        return EASY
    if any(word in plain for word in _words(login, printed_name)):
        return NAMED
    if not _common().isdisjoint(_cores(plain)) or _cores(plain) & {login.casefold(), SERVICE}:
        return EASY
    return KNOWN if is_breached(secret) else None


def _words(login: str, printed_name: str) -> set[str]:
    """The words that whoever knows the person and the place would try first."""
    found = re.findall(r"\w+", f"{login} {printed_name} {SERVICE}".casefold())
    return {word for word in [login.casefold(), *found] if len(word) >= SHORTEST_WORD}


def _cores(plain: str) -> set[str]:
    """The password, its letters alone, and what each repeats."""
    bare = re.sub(r"[\W\d_]", "", plain)
    return {core for text in (plain, bare) for core in (text, _period(text))} - {""}


def _period(text: str) -> str:
    """What a text repeats, the last time perhaps in part; the text itself where it repeats nothing."""
    return next((text[:n] for n in range(1, len(text)) if text.startswith(text[n:])), text)


def _is_walk(plain: str) -> bool:
    rounds = [row * 12 for row in ROWS]
    return any(plain in row or plain in row[::-1] for row in rounds)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """The most frequent passwords; see ``common/README.md`` for their origin."""
    kept = files("mscbank.staff") / "common" / "passwords.txt.gz"
    return frozenset(gzip.decompress(kept.read_bytes()).decode().split("\n"))


def open_breached(path: str) -> None:
    """Use a list of breached passwords as Have I Been Pwned gives it out; an empty path uses none.

    Either one file, a line ``SHA-1:count`` each, sorted by SHA-1 (which may be cut to 16 digits or more), or
    a folder of range files named by the first five digits. ``ValueError`` when it is neither.
    """
    _breached.clear()
    if not path:
        return
    found = Path(path)
    if found.is_dir():
        if not any(found.glob("[0-9A-Fa-f]" * _RANGE + "*")):
            raise ValueError("no range files")
    else:
        _refuse_unsorted(found)
    _breached.append(found)


def _refuse_unsorted(path: Path) -> None:
    """A list that is not sorted would be searched in vain: a thousand places of it are looked at."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            seen = [_line_at(file, size * step // 1000) for step in range(1000)]
    except OSError as error:
        raise ValueError("not readable") from error
    if not seen[0] or seen != sorted(seen, key=lambda line: line or b"\xff"):
        raise ValueError("not sorted")


def is_breached(secret: str) -> bool:
    """Whether the list that was set knows this password; nothing leaves the machine."""
    if not _breached:
        return False
    sought = hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest().upper().encode()
    if _breached[0].is_dir():
        return _in_range(_breached[0], sought.decode())
    with _breached[0].open("rb") as file:
        return _bisect(file, sought)


def _in_range(folder: Path, sought: str) -> bool:
    for name in (sought[:_RANGE], f"{sought[:_RANGE]}.txt"):
        if (folder / name).is_file():
            lines = (folder / name).read_text().upper().splitlines()
            return any(line.partition(":")[0] == sought[_RANGE:] for line in lines)
    return False


def _bisect(file: BinaryIO, sought: bytes) -> bool:
    """Whether a sorted file holds the digest: about 30 reads in a list of a thousand million."""
    low, high = 0, file.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        line = _line_at(file, middle)
        if line and line == sought[: len(line)]:
            return True
        if not line or line > sought:
            high = middle
        else:
            low = middle + 1
    return False


def _line_at(file: BinaryIO, place: int) -> bytes:
    """The digest of the first line that begins at a place or after it; nothing after the last one."""
    file.seek(max(place - 1, 0))
    if place:
        file.readline()
    line = file.readline().rstrip(b"\n")
    found = _LINE.fullmatch(line)
    if line and found is None:
        raise ValueError("not a list of SHA-1 digests")
    return found[1].upper() if found else b""
