"""What the record says of every row, in a few bytes a row: enough to see that nothing differs, not what does.

Of each row stands a sum over the keyed hashes of its fields with their last values. An act that changes a
field takes the old value's hash out and adds the new one's; the row itself, summed in the same way, must come
to the same. What does not is read again, value by value.

A hash is SipHash behind 16 random bytes that live as long as one verification: nobody can choose values whose
sums agree, and of 2⁶⁴ that differ one is overlooked.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from mscbank.core.naming import Key

BITS = 64
MODULUS = 1 << BITS


class Tally:
    """The sums of all rows that the record knows."""

    def __init__(self) -> None:
        self._salts = (secrets.token_hex(16), secrets.token_hex(16))
        self._sums: dict[int, int] = {}
        self._seen: set[int] = set()

    def name(self, key: Key) -> int:
        """How a row is called here, in 128 bits."""
        text = f"{key[0]}\0{key[1]}"
        first, second = self._salts
        return (hash(first + text) << BITS) ^ hash(second + text)

    def _hash(self, field: str, value: Any) -> int:
        if value is None:
            return 0
        text = f"'{value}" if type(value) is str else json.dumps(value)
        return hash(f"{self._salts[0]}{field}\0{text}")

    def fold(self, change: Mapping[str, Any]) -> None:
        """Take over what an act changed of a row."""
        kind, code = change["thing"]
        name, hashed = self.name((kind, code)), self._hash
        moved = sum(hashed(field, new) - hashed(field, old) for field, (old, new) in change["fields"].items())
        self._sums[name] = (self._sums.get(name, 0) + moved) % MODULUS

    def holds(self, key: Key, values: Mapping[str, Any]) -> bool:
        """Whether a row is what the record says; it has then been seen, whether or not."""
        name = self.name(key)
        self._seen.add(name)
        found = sum(self._hash(field, value) for field, value in values.items())
        return self._sums.get(name) == found % MODULUS

    def unseen(self) -> Iterator[int]:
        """The rows that the record knows and nobody asked about."""
        return (name for name in self._sums if name not in self._seen)
