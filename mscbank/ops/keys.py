"""The ceremonies of the master key at the command line: shares printed, two read back, taking over, checking.

Nothing here keeps a key: it is printed once, and goes where the installation keeps its secrets.
"""

from collections.abc import Callable, Iterator

from mscbank.core import masters, shares
from mscbank.core.access import Principal
from mscbank.core.masters import MasterKey
from mscbank.staff import keys
from mscbank.staff.models import KeyCheck

TRIES = 3
Ask = Callable[[str], str]
Tell = Callable[[str], None]

OUT_OF_TRIES = "the shares were not read back: the key does not go live, and nothing was changed"


class NotRead(ValueError):
    """The shares were not read, with the sentence that is shown."""


def show_shares(raw: bytes, tell: Tell) -> None:
    """Print the three shares of a key, each for one holder."""
    tell(f"The master key {masters.fingerprint_of(raw)}. Any two of these three shares give it back.")
    tell("Give each to another person, on paper, kept apart from the others and from the backups.")
    for share in shares.split(raw):
        tell(f"\nShare {share.number} of {shares.SHARES}, key {masters.fingerprint_of(raw)}\n{share}")


def read_share(ordinal: str, ask: Ask, tell: Tell) -> shares.Share:
    """One share, as its holder reads it; three tries, each told what is wrong."""
    for _try in range(TRIES):
        try:
            return shares.read(ask(f"The {ordinal} share, read back by its holder, in one line"))
        except shares.WrongShare as wrong:
            tell(f"The {ordinal} share: {wrong}.")
    raise NotRead(OUT_OF_TRIES)


def read_key(ask: Ask, tell: Tell) -> tuple[bytes, str]:
    """The key of two shares that are read, and which they were: ``1 3``."""
    for _try in range(TRIES):
        found = [read_share(ordinal, ask, tell) for ordinal in ("first", "second")]
        try:
            raw = shares.combine(found)
        except shares.WrongShare as wrong:
            tell(f"{wrong}.".capitalize())
            continue
        return raw, " ".join(sorted(str(share.number) for share in found))
    raise NotRead(OUT_OF_TRIES)


def go_live(raw: bytes, *, by: Principal, ask: Ask, tell: Tell, reason: str | None = None) -> MasterKey:
    """Print the shares, have two read back, and let the key go live."""
    show_shares(raw, tell)
    tell("\nNow two holders read their shares back. Before that the key is not in force.\n")
    read, which = read_key(ask, tell)
    if read != raw:
        raise NotRead("these are shares of another key: the key does not go live, and nothing was changed")
    made: MasterKey = keys.introduce(by=by, reason=reason, secret=masters.write_key(raw), shares_read=which)
    return made


def take_over(master: MasterKey, *, by: Principal) -> Iterator[int]:
    """Wrap everybody's key by this master key, act by act; yields how many have come over so far."""
    done = 0
    for taken in keys.take_over_all(master, by):
        done += taken
        yield done


def check(master: MasterKey, *, by: Principal, with_shares: bool, ask: Ask, tell: Tell) -> KeyCheck:
    """Look whether the key in force opens everything and, where asked, whether two shares give it."""
    people, faults = keys.examined()
    which = None
    if with_shares:
        read, which = read_key(ask, tell)
        if masters.fingerprint_of(read) != master.code:
            faults.append(f"shares {which} give the key {masters.fingerprint_of(read)}, not the key in force")
            which = None
    made: KeyCheck = keys.examine(master, by=by, people=people, faults=faults, shares=which)
    return made
