"""Identifying values: sealed at rest by a random key per person, wrapped by the master key (invariant 24)."""

import dataclasses
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock, masters
from mscbank.core.access import Principal
from mscbank.core.acts import current, keep_reading
from mscbank.core.db import Trigger, any_of, session
from mscbank.core.errors import NotAllowed, Refusal
from mscbank.core.masters import new_key as new_master
from mscbank.core.masters import open_master
from mscbank.core.types import CODE_LENGTH, WORD_LENGTH, Envelope

__all__ = [
    "CODES_ONLY",
    "NONCE_BYTES",
    "PersonKey",
    "Unsealed",
    "Wrapped",
    "blind",
    "decrypted",
    "destroy_key",
    "encrypted",
    "envelope",
    "keys_of",
    "make_key",
    "new_key",
    "new_master",
    "nobody",
    "open_for_check",
    "open_for_rule",
    "open_master",
    "opens_to",
    "reveal",
    "seal",
    "unsealing",
]  # fmt: skip

NONCE_BYTES = 12
CODES_ONLY = Refusal("sealed.codes_only", "Your role sees codes, not names.")

Person = tuple[str, str]
"""Kind and code of a donor or recipient."""


class PersonKey(masters.DataKey):
    """The wrapped data key of one donor or recipient; destroying it anonymises, and the chain stays valid."""

    __tablename__ = "person_key"
    key: ClassVar[tuple[str, ...]] = ("person_kind", "person_code")

    person_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    person_code: Mapped[str] = mapped_column(String(CODE_LENGTH))

    __table_args__ = (UniqueConstraint("person_kind", "person_code"), masters.destroyed_has_its_time())
    triggers: ClassVar[tuple[Trigger, ...]] = masters.destroyed("person_key")

    @property
    def person(self) -> Person:
        """Whose it is."""
        return self.person_kind, self.person_code

    @property
    def owner(self) -> Person:
        """What the wrapping is bound to."""
        return self.person


def keys_of(people: Iterable[Person]) -> list[PersonKey]:
    """The key rows of several people, by the order in which they came."""
    wanted = set(people)
    rows = session.scalars(
        select(PersonKey)
        .where(any_of(PersonKey.person_code, [code for _, code in wanted]))
        .order_by(PersonKey.id)
    )
    return [row for row in rows if row.person in wanted]


def _keys(people: Iterable[Person]) -> dict[Person, bytes]:
    found = {}
    for row in keys_of(people):
        if row.wrapped is None:
            continue
        key = masters.open_key(row)
        if key is None:
            raise masters.Closed(f"the key of {row.person_kind} {row.person_code} does not open")
        found[row.person] = key
    return found


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """A new data key: itself, wrapped by the master key for its owner, and which master key that was."""

    key: bytes = dataclasses.field(repr=False)
    wrapped: str
    master: str


def new_key(*owner: str) -> Wrapped:
    """A random data key for an owner, which the wrapping binds."""
    ring, key = masters.ring(fresh=True), AESGCM.generate_key(256)
    return Wrapped(key, masters.wrap(ring.keys[ring.newest], key, ":".join(owner)), ring.newest)


def encrypted(key: bytes, bound: str, content: bytes) -> bytes:
    """Content under a data key, bound to what it is of: nonce, ciphertext and tag, 28 bytes longer."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, bound.encode())


def decrypted(key: bytes, bound: str, whole: bytes) -> bytes:
    """What ``encrypted`` made, open again; ``InvalidTag`` when a bit of it, the key or its bond differs."""
    return AESGCM(key).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], bound.encode())


def envelope(wrapped: Wrapped, bound: str, text: str) -> Envelope:
    """A text sealed under a data key that was just made."""
    whole = encrypted(wrapped.key, bound, text.encode())
    return Envelope(wrapped.master, whole[:NONCE_BYTES], whole[NONCE_BYTES:])


def make_key(person: Person) -> None:
    """Give a new person a data key, inside the act that creates the person."""
    made = new_key(*person)
    session.add(
        PersonKey(
            person_kind=person[0], person_code=person[1], master=made.master, wrapped=made.wrapped
        )
    )  # fmt: skip
    session.flush()


def destroy_key(person: Person) -> None:
    """Destroy a person's data key, inside the act that anonymises; its row is among the act's locks."""
    for row in keys_of([person]):
        row.destroy(clock.now())


def seal(person: tuple[str, str], field: str, text: str) -> Envelope:
    """Seal a text for one field of one person, bound to both."""
    key = _keys([person])[person]
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Envelope(
        masters.ring().newest, nonce, AESGCM(key).encrypt(nonce, text.encode(), _bound(person, field))
    )


def _bound(person: tuple[str, str], field: str) -> bytes:
    return ":".join((*person, field)).encode()


def lock_up(owner: str, secret: bytes) -> Envelope:
    """Seal a secret of the service itself under the newest master key, bound to whom it belongs."""
    ring, nonce = masters.ring(fresh=True), secrets.token_bytes(NONCE_BYTES)
    return Envelope(ring.newest, nonce, AESGCM(ring.keys[ring.newest]).encrypt(nonce, secret, owner.encode()))


def unlock(owner: str, envelope: Envelope) -> bytes:
    """Open what was locked up for the same owner; ``InvalidTag`` for another, ``Closed`` without its key."""
    key = masters.ring(needed=envelope.key_id).keys[envelope.key_id]
    return AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, owner.encode())


def blind(field: str, text: str) -> str:
    """A keyed digest for exact search by name without opening any: letters only, case and accents folded."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return masters.keyed(f"blind:{field}", "".join(c for c in folded if c.isalnum()))


def nobody() -> str:
    """What stands in the place of a keyed digest that must find nobody any more."""
    return secrets.token_hex(32)


Unsealed = Callable[[Principal, set[Person]], set[Person]]
_unsealed: list[Unsealed] = []


def unsealing(find: Unsealed) -> Unsealed:
    """``family`` says which people a reader, whose role does not see names, has unsealed by an act."""
    _unsealed[:] = [find]
    return find


def opens_to(by: Principal, people: Iterable[Person]) -> bool:
    """Whether the names of all these people are for this reader: by role, or by an act of unsealing."""
    wanted = set(people)
    return by.sees_names or bool(by.unseals and _unsealed and wanted <= _unsealed[0](by, wanted))


def reveal(
    wanted: list[tuple[tuple[str, str], str, Envelope | None]], *, by: Principal, purpose: str
) -> dict[tuple[tuple[str, str], str], str | None]:
    """Open several sealed values. The reading is recorded first, with its purpose, in the reader's own chain.

    ``wanted`` lists (person, field, envelope); the answer maps (person, field) to the text, ``None`` where
    there is none or where the person has been anonymised.
    """
    people = sorted({person for person, _, _ in wanted})
    if not opens_to(by, people):
        raise NotAllowed(CODES_ONLY())
    sealed: list[tuple[tuple[str, str], str, Any]] = list(wanted)
    keep_reading(by, "core.read_identity", {"purpose": purpose, "people": people}, set(people))
    keys = _keys(people)
    opened: dict[tuple[tuple[str, str], str], str | None] = {}
    for person, field, envelope in sealed:
        opened[(person, field)] = _open(keys.get(person), person, field, envelope)
    return opened


def open_for_rule(
    wanted: list[tuple[tuple[str, str], str, Envelope | None]],
) -> dict[tuple[tuple[str, str], str], str | None]:
    """Open sealed values inside the act that is open, for a rule to judge and for nobody to see.

    The reading stands in the act's own row of the record: which field of whom, never the value.
    """
    act = current()
    keys = _keys({person for person, _, _ in wanted})
    act.note(judged=sorted({f"{kind} {code} {field}" for (kind, code), field, _ in wanted}))
    return {(person, field): _open(keys.get(person), person, field, text) for person, field, text in wanted}


def open_for_check(
    wanted: list[tuple[Person, str, Envelope | None]],
) -> dict[tuple[Person, str], str | None]:
    """Open sealed values for a check that only says whether they hold; nothing where a key is missing."""
    open_keys = masters.ring().keys
    keys = {}
    for row in keys_of({person for person, _, _ in wanted}):
        if row.wrapped is not None and row.master in open_keys:
            keys[row.person] = masters.open_key(row)
    return {(person, field): _open(keys.get(person), person, field, text) for person, field, text in wanted}


def _open(key: bytes | None, person: tuple[str, str], field: str, envelope: Envelope | None) -> str | None:
    if key is None or envelope is None:
        return None
    try:
        return AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, _bound(person, field)).decode()
    except InvalidTag:
        return None
