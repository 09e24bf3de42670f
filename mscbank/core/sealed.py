"""Identifying values: sealed at rest by a random key per person, wrapped by the master key (invariant 24)."""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core.access import Principal
from mscbank.core.acts import current, keep_reading
from mscbank.core.canonical import digest
from mscbank.core.db import Row, any_of, session
from mscbank.core.errors import NotAllowed, Refusal
from mscbank.core.naming import DIGESTED
from mscbank.core.types import CODE_LENGTH, WORD_LENGTH, Envelope

NONCE_BYTES = 12
KEY_BYTES = 32
CODES_ONLY = Refusal("sealed.codes_only", "Your role sees codes, not names.")

_master: list[bytes] = []


def open_master(key: str) -> None:
    """Take the master key: 32 bytes in base64, from the environment."""
    raw = base64.b64decode(key, validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError("the master key is 32 bytes in base64")
    _master[:] = [raw]


def new_master() -> str:
    """A fresh master key, in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _wrapping() -> AESGCM:
    if not _master:
        raise RuntimeError("the master key is not open: set MSCBANK_MASTER_KEY")
    return AESGCM(_master[0])


def _master_id() -> str:
    return digest(base64.b64encode(_master[0]).decode())[:16]


class PersonKey(Row):
    """The wrapped data key of one donor or recipient; destroying it anonymises, and the chain stays valid."""

    __tablename__ = "person_key"
    key: ClassVar[tuple[str, ...]] = ("person_kind", "person_code")

    person_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    person_code: Mapped[str] = mapped_column(String(CODE_LENGTH))
    master: Mapped[str] = mapped_column(String(16))
    wrapped: Mapped[str] = mapped_column(String(200), info={DIGESTED: True})

    __table_args__ = (UniqueConstraint("person_kind", "person_code"),)


def _keys(people: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    wanted = set(people)
    rows = session.scalars(
        select(PersonKey).where(any_of(PersonKey.person_code, [code for _, code in wanted]))
    )
    found = {}
    for row in rows:
        whole = base64.b64decode(row.wrapped)
        owner = f"{row.person_kind}:{row.person_code}"
        found[(row.person_kind, row.person_code)] = _wrapping().decrypt(
            whole[:NONCE_BYTES], whole[NONCE_BYTES:], owner.encode()
        )
    return found


def make_key(person: tuple[str, str]) -> None:
    """Give a new person a data key, inside the act that creates the person."""
    nonce, key = secrets.token_bytes(NONCE_BYTES), AESGCM.generate_key(256)
    wrapped = nonce + _wrapping().encrypt(nonce, key, ":".join(person).encode())
    session.add(
        PersonKey(
            person_kind=person[0], person_code=person[1], master=_master_id(),
            wrapped=base64.b64encode(wrapped).decode(),
        )
    )  # fmt: skip
    session.flush()


def seal(person: tuple[str, str], field: str, text: str) -> Envelope:
    """Seal a text for one field of one person, bound to both."""
    key = _keys([person])[person]
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Envelope(_master_id(), nonce, AESGCM(key).encrypt(nonce, text.encode(), _bound(person, field)))


def _bound(person: tuple[str, str], field: str) -> bytes:
    return ":".join((*person, field)).encode()


def lock_up(owner: str, secret: bytes) -> Envelope:
    """Seal a secret of the service itself under the master key, bound to whom it belongs."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Envelope(_master_id(), nonce, _wrapping().encrypt(nonce, secret, owner.encode()))


def unlock(owner: str, envelope: Envelope) -> bytes:
    """Open what was locked up for the same owner; ``InvalidTag`` for another owner or another master key."""
    return _wrapping().decrypt(envelope.nonce, envelope.ciphertext, owner.encode())


def blind(field: str, text: str) -> str:
    """A keyed digest for exact search by name without opening any: letters only, case and accents folded."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(c for c in folded if c.isalnum())
    derived = hmac.new(_master[0], b"blind:" + field.encode(), hashlib.sha256).digest()
    return hmac.new(derived, letters.encode(), hashlib.sha256).hexdigest()


def reveal(
    wanted: list[tuple[tuple[str, str], str, Envelope | None]], *, by: Principal, purpose: str
) -> dict[tuple[tuple[str, str], str], str | None]:
    """Open several sealed values. The reading is recorded first, with its purpose, in the reader's own chain.

    ``wanted`` lists (person, field, envelope); the answer maps (person, field) to the text, ``None`` where
    there is none or where the person has been anonymised.
    """
    if not by.sees_names:
        raise NotAllowed(CODES_ONLY())
    people = sorted({person for person, _, _ in wanted})
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


def _open(key: bytes | None, person: tuple[str, str], field: str, envelope: Envelope | None) -> str | None:
    if key is None or envelope is None:
        return None
    try:
        return AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, _bound(person, field)).decode()
    except InvalidTag:
        return None
