"""Attachments: files that anything may bear, with their digest in its record (Annex 11, 8 and 17; ALCOA+).

The content lies sealed in a folder, each file under a key of its own; the database and the chain of the
thing hold what it is, its type as its bytes tell it, its size and its SHA-256. Nothing is ever changed or
deleted: a wrong one is withdrawn, with a reason, and stays readable.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from marshmallow import ValidationError
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core import clock, masters, media, sealed
from mscbank.core.access import READ_ONLY, Principal, Role
from mscbank.core.acts import action, keep_reading
from mscbank.core.checks import Fault, check
from mscbank.core.db import NAME_LENGTH, Row, Thing, any_of, session
from mscbank.core.errors import Invalid, Missing, NotAllowed, Obstacle, Refusal, Refused, TooLarge
from mscbank.core.fields import clean_text
from mscbank.core.masters import DataKey
from mscbank.core.media import Media
from mscbank.core.shelf import shelf
from mscbank.core.types import WORD_LENGTH, Envelope, Id, Sealed, Utc, Word

WORKERS = tuple(role for role in Role if role not in READ_ONLY and role is not Role.ADMIN)
TITLE_LENGTH = 200
PATH_LENGTH = NAME_LENGTH + 12
DIGEST = 64
KEY_OF = "attachment"
MOST = 10_000
"""So many may hang on one thing."""

EMPTY = Refusal("attachment.empty", "The file is empty.")
TOO_LARGE = Refusal(
    "attachment.too_large", "The file is larger than %(limit)s bytes, the most that is taken."
)
BAD_NAME = Refusal("attachment.bad_name", "The file's name cannot be kept: give it a plain one.")
UNKNOWN = Refusal(
    "attachment.unknown_kind",
    "This is no whole file of a kind that is taken here (%(kinds)s), whatever its name says.",
)
NOT_WHAT_IT_SAYS = Refusal(
    "attachment.not_what_it_says",
    "By its content this is %(found)s, but its name or its declared type says something else.",
)
INFECTED = Refusal("attachment.infected", "The virus scanner refuses this file: %(words)s")
TOO_MANY = Refusal("attachment.too_many", "Nothing bears more than %(count)s attachments.")
GONE = Refusal(
    "attachment.gone",
    "The content of this attachment is missing. Tell quality assurance.",
    Role.QA,
)
ALTERED = Refusal(
    "attachment.altered",
    "The content of this attachment is not what was attached: it is not shown. Tell quality assurance.",
    Role.QA,
)
DESTROYED = Refusal(
    "attachment.destroyed", "The key of this attachment was destroyed when its person was anonymised."
)
WITHDRAWN = Refusal("attachment.withdrawn", "This attachment was withdrawn already.")


class Attachment(Row):
    """A file that a thing bears: what it is, and the digests of its content, plain and as it lies sealed."""

    __tablename__ = "attachment"
    append_only = True
    key: ClassVar[tuple[str, ...]] = ("path",)

    path: Mapped[str] = mapped_column(String(PATH_LENGTH), unique=True)
    """The code of the thing and the number beneath it."""
    thing_kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    thing_code: Mapped[str] = mapped_column(String(NAME_LENGTH))
    number: Mapped[int] = mapped_column(Id)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    """What it is, in words that name nobody."""
    name: Mapped[Envelope] = mapped_column(Sealed)
    """The file's own name, which may name somebody."""
    media: Mapped[Media] = mapped_column(Word(Media))
    size: Mapped[int] = mapped_column(Id)
    digest: Mapped[str] = mapped_column(String(DIGEST))
    """SHA-256 of the content."""
    kept: Mapped[str] = mapped_column(String(DIGEST), unique=True)
    """SHA-256 of the sealed file, which is its name in the folder."""
    is_scanned: Mapped[bool] = mapped_column(Boolean)
    attached_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    attached_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("thing_kind", "thing_code", "number"),
        CheckConstraint("number > 0 AND size > 0", name="positive"),
        CheckConstraint("length(digest) = 64 AND length(kept) = 64", name="digests"),
    )


class AttachmentKey(DataKey):
    """The wrapped data key of one attachment; destroying it makes the content unreadable for ever."""

    __tablename__ = "attachment_key"
    key: ClassVar[tuple[str, ...]] = ("path",)

    path: Mapped[str] = mapped_column(String(PATH_LENGTH), unique=True)

    __table_args__ = (masters.destroyed_has_its_time(),)
    triggers: ClassVar = masters.destroyed("attachment_key")


class AttachmentWithdrawal(Row):
    """An attachment that does not belong there: by whom it was withdrawn, and why."""

    __tablename__ = "attachment_withdrawal"
    append_only = True
    key: ClassVar[tuple[str, ...]] = ("path",)

    path: Mapped[str] = mapped_column(String(PATH_LENGTH), unique=True)
    attachment_id: Mapped[int] = mapped_column(Id, ForeignKey("attachment.id"))
    attachment: Mapped[Attachment] = relationship()
    reason: Mapped[str] = mapped_column(Text)
    withdrawn_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    withdrawn_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_attachment_withdrawal_attachment_id", "attachment_id", unique=True),)


# --- what comes in ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """A file that came in and was judged: of a known kind, whole, as it says, looked at by the scanner."""

    name: str
    media: Media
    content: bytes = field(repr=False)
    is_scanned: bool
    found: str | None
    """What the scanner says against it."""
    kind: ClassVar[str] = "file"

    @property
    def code(self) -> str:
        """SHA-256 of the content: by it a repeated request is known."""
        return hashlib.sha256(self.content).hexdigest()


def received(name: str, declared: str, content: bytes) -> Upload:
    """Judge a file by its bytes, its name and its declared type; ``content`` of at most a byte too many.

    Refused with a fault at the field ``file`` (422), as too large (413), or when the scanner does not answer
    (503). What the scanner finds is refused by the act, so that it stands among the blocked actions.
    """
    most = shelf().most
    if len(content) > most:
        raise TooLarge(TOO_LARGE(limit=most))
    called = _called(name)
    if not content:
        raise _at_file(EMPTY())
    kind = media.sniffed(content)
    if kind is None:
        raise _at_file(UNKNOWN(kinds=media.words()))
    if not media.fits(kind, called, declared):
        raise _at_file(NOT_WHAT_IT_SAYS(found=kind.media.value))
    found = shelf().found_by_scanner(content, kind.endings[0])
    return Upload(called, kind.media, content, bool(shelf().scanner), found)


def _called(name: str) -> str:
    """The file's name without any path before it; refused where it is none that can be kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    try:
        called = clean_text(last, longest=TITLE_LENGTH, multiline=False)
    except ValidationError:
        raise _at_file(BAD_NAME()) from None
    if not called.strip(". "):
        raise _at_file(BAD_NAME())
    return called


def _at_file(obstacle: Obstacle) -> Invalid:
    return Invalid(obstacle, faults={"file": [obstacle.sentence]})


# --- acts -------------------------------------------------------------------------------------------


def _stored(thing: Thing, number: int, upload: Upload, title: str, by: Principal) -> Attachment:
    """Seal and keep the content, then the row that tells of it."""
    path, digest = f"{thing.code}/{number}", upload.code
    key = sealed.new_key(KEY_OF, path)
    kept = shelf().put(sealed.encrypted(key.key, _bound(path, digest), upload.content))
    made = Attachment(
        path=path, thing_kind=thing.kind, thing_code=thing.code, number=number, title=title,
        name=sealed.envelope(key, _named(path), upload.name), media=upload.media, size=len(upload.content),
        digest=digest, kept=kept, is_scanned=upload.is_scanned, attached_by=by.login, attached_at=clock.now(),
    )  # fmt: skip
    session.add_all([made, AttachmentKey(path=path, master=key.master, wrapped=key.wrapped)])
    session.flush()
    return made


def _bound(path: str, digest: str) -> str:
    return f"attachment:{path}:{digest}"


def _named(path: str) -> str:
    return f"attachment:{path}:name"


@action("attachment.attach", role=WORKERS)
def attach(thing: Thing, *, by: Principal, title: str, upload: Upload) -> Attachment:
    """Attach a file: its type as its bytes tell it, its size and its digest go into the record."""
    if upload.found is not None:
        raise Refused(INFECTED(words=upload.found))
    last = session.scalar(
        select(func.max(Attachment.number)).where(
            Attachment.thing_kind == thing.kind, Attachment.thing_code == thing.code
        )
    )
    if (last or 0) >= MOST:
        raise Refused(TOO_MANY(count=MOST))
    return _stored(thing, (last or 0) + 1, upload, title, by)


Needs = Callable[[Any, Attachment], Obstacle | None]
_needed: dict[str, Needs] = {}


def needed(kind: str) -> Callable[[Needs], Needs]:
    """Register why an attachment of a thing of this kind cannot be withdrawn now."""

    def register(needs: Needs) -> Needs:
        _needed[kind] = needs
        return needs

    return register


@action("attachment.withdraw", role=WORKERS, reason=True)
def withdraw(thing: Thing, *, by: Principal, reason: str, number: int) -> AttachmentWithdrawal:
    """Withdraw a wrong attachment; it stays readable, marked, with the reason."""
    found = of(thing, number)
    if is_withdrawn(found):
        raise Refused(WITHDRAWN())
    needs = _needed.get(thing.kind)
    if needs is not None and (obstacle := needs(thing, found)):
        raise Refused(obstacle)
    made = AttachmentWithdrawal(
        path=found.path, attachment=found, reason=reason, withdrawn_by=by.login, withdrawn_at=clock.now()
    )
    session.add(made)
    return made


# --- reading ----------------------------------------------------------------------------------------


def of(thing: Thing, number: int) -> Attachment:
    """One attachment of a thing; ``Missing`` when there is none of this number."""
    found = None
    if 0 < number <= MOST:
        found = session.scalar(
            select(Attachment).where(
                Attachment.thing_kind == thing.kind,
                Attachment.thing_code == thing.code,
                Attachment.number == number,
            )
        )
    if found is None:
        raise Missing
    return found


def is_withdrawn(attachment: Attachment) -> bool:
    """Whether somebody has withdrawn it."""
    asked = select(AttachmentWithdrawal.id).where(AttachmentWithdrawal.attachment_id == attachment.id)
    return session.scalar(asked) is not None


def listed(thing: Thing) -> list[tuple[Attachment, AttachmentWithdrawal | None]]:
    """Every attachment of a thing, oldest first, each with its withdrawal."""
    rows = session.execute(
        select(Attachment, AttachmentWithdrawal)
        .outerjoin(AttachmentWithdrawal, AttachmentWithdrawal.attachment_id == Attachment.id)
        .where(Attachment.thing_kind == thing.kind, Attachment.thing_code == thing.code)
        .order_by(Attachment.number)
    )
    return [(one, other) for one, other in rows]


@dataclass(frozen=True)
class Opened:
    """An attachment that somebody reads: its own name and its content."""

    name: str
    media: Media
    digest: str
    content: bytes = field(repr=False)


def read(thing: Thing, number: int, *, by: Principal) -> Opened:
    """Open an attachment. The reading is recorded first, as that of a name is (invariant 24).

    ``NotAllowed`` for who sees codes only; refused when the content is missing or is not what was attached.
    """
    if not by.sees_names:
        raise NotAllowed(sealed.CODES_ONLY())
    found = of(thing, number)
    about = {(thing.kind, thing.code)}
    keep_reading(by, "core.read_attachment", {"attachment": found.path, "digest": found.digest}, about)
    content, key = _content(found), _key_of(found)
    if isinstance(content, Obstacle):
        raise Refused(content)
    if isinstance(key, Obstacle):
        raise Refused(key)
    whole = found.name.nonce + found.name.ciphertext
    try:
        name = sealed.decrypted(key, _named(found.path), whole).decode()
    except InvalidTag:
        raise Refused(ALTERED()) from None
    return Opened(name, found.media, found.digest, content)


def keys_on(things: Iterable[tuple[str, str]]) -> list[AttachmentKey]:
    """The keys of everything that hangs on some things, by kind and code, in the order of their making."""
    wanted = set(things)
    rows = session.scalars(
        select(Attachment).where(any_of(Attachment.thing_code, [code for _, code in wanted]))
    )
    paths = [row.path for row in rows if (row.thing_kind, row.thing_code) in wanted]
    return list(
        session.scalars(
            select(AttachmentKey).where(any_of(AttachmentKey.path, paths)).order_by(AttachmentKey.id)
        )
    )


def _key_of(attachment: Attachment) -> bytes | Obstacle:
    row = session.scalar(select(AttachmentKey).where(AttachmentKey.path == attachment.path))
    if row is not None and row.destroyed_at is not None:
        return DESTROYED()
    try:
        key = masters.open_key(row) if row is not None else None
    except masters.Closed:
        key = None
    return key or ALTERED()


def _content(attachment: Attachment) -> bytes | Obstacle:
    """The content, or why it cannot be shown."""
    whole = shelf().get(attachment.kept, attachment.size)
    if whole is None:
        return ALTERED() if shelf().place(attachment.kept).exists() else GONE()
    key = _key_of(attachment)
    if isinstance(key, Obstacle):
        return key
    try:
        content = sealed.decrypted(key, _bound(attachment.path, attachment.digest), whole)
    except InvalidTag:
        return ALTERED()
    return content if hashlib.sha256(content).hexdigest() == attachment.digest else ALTERED()


PAGE = 500


@check("core.attachments")
def whole() -> Iterator[Fault]:
    """The content of every attachment is there, and is what was attached."""
    last = 0
    while rows := session.scalars(
        select(Attachment).where(Attachment.id > last).order_by(Attachment.id).limit(PAGE)
    ).all():
        for row in rows:
            content = _content(row)
            if isinstance(content, Obstacle) and content.code != DESTROYED.code:
                why = "is missing" if content.code == GONE.code else "is not what was attached"
                yield row.thing_kind, row.thing_code, f"the content of its attachment {row.number} {why}"
        last = rows[-1].id
