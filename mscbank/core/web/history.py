"""The record as people read it: who did what when and why, old and new."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from mscbank.core.access import ROLE_WORDS, Role
from mscbank.core.acts import ACTIONS
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import KINDS, any_of, session
from mscbank.core.fields import Choice, Count
from mscbank.core.i18n import _, say
from mscbank.core.lateness import late_after
from mscbank.core.record import Outcome, Record
from mscbank.core.signatures import Signature
from mscbank.core.web.api import INPUTS
from mscbank.core.web.filters import local, num, person


@dataclass
class Told:
    """One line of a history."""

    sign: str
    colour: str
    what: str
    who: str
    role: str
    when: datetime
    happened_at: datetime
    reason: str | None
    changes: list[tuple[str, Any, Any]]
    act: str
    hash: str
    late: bool
    refused: bool
    signatures: list[Any] = field(default_factory=list)
    code: str | None = None


def told(rows: Iterable[Record], about: tuple[str, str] | None = None) -> list[Told]:
    """Record rows in words, with their signatures, in two statements however many there are.

    ``about``: of acts that changed many things only what concerns this kind and code.
    """
    listed = list(rows)
    acts = [row.parent or row.act for row in listed]
    signed: dict[str, list[Signature]] = {}
    for one in session.scalars(select(Signature).where(any_of(Signature.act, acts))) if acts else ():
        signed.setdefault(one.act, []).append(one)
    late = late_after() if listed else timedelta(0)
    return [_one(row, signed.get(row.parent or row.act, []), about, late) for row in listed]


def holds(signature: Signature) -> bool:
    """Whether what was signed still reads as it did right after the signed act (21 CFR 11.70)."""
    action, model = ACTIONS.get(signature.action), KINDS.get(signature.subject_kind)
    if action is None or action.content is None or model is None:
        return digest(signature.held) == signature.held_hash
    thing = session.scalar(select(model).where(model.code == signature.subject_code))
    return thing is not None and digest(canonical(action.content(thing))) == signature.held_hash


@dataclass(frozen=True)
class Shown:
    """A signature as pages and prints show it."""

    meaning: str
    printed_name: str
    login: str
    role: str
    signed_at: datetime
    holds: bool
    station: str | None = None
    """Where it was given by badge; nothing when it was given with a secret."""

    @property
    def how(self) -> str:
        """That it was given by badge, and where; nothing for one that was given with a secret."""
        return (
            str(_("witnessed by badge at station %(station)s", station=self.station)) if self.station else ""
        )

    @property
    def words(self) -> str:
        """Meaning, name and, by badge, the station: as histories and prints say it in a line."""
        said = f"{_(self.meaning)}, {self.printed_name}"
        return f"{said}, {self.how}" if self.how else said


def signatures_on(kind: str, code: str) -> list[Shown]:
    """The signatures on a thing, oldest first, each with whether it still holds."""
    found = session.scalars(
        select(Signature)
        .where(Signature.subject_kind == kind, Signature.subject_code == code)
        .order_by(Signature.signed_at, Signature.id)
    )
    return [shown(one) for one in found]


def shown(one: Signature) -> Shown:
    """A signature with whether it holds."""
    return Shown(
        one.meaning, one.printed_name, one.login, one.role, one.signed_at, holds(one), one.station
    )  # fmt: skip


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HIDDEN = re.compile(r"1\.[0-9a-f]{16}\.|digest:")
PEOPLE = frozenset({"actor", "second_person", "second_checker", "first_person"})
"""Columns that hold a login, beside those that end in ``_by``."""
IN_THREES = 10_000
"""From here on whole numbers are counts, not years or places in a row."""
_WORDS = {
    "core.read_identity": _("Read the identity"),
    "core.read_attachment": _("Read an attachment"),
    "core.look": _("Asked for a thing of another site"),
    "person.failed_secret": _("Gave a wrong password"),
    "person.failed_code": _("Typed a wrong code"),
    "person.failed_passkey": _("Answered with a passkey that did not hold"),
    "person.failed_sign_on": _("Was not signed on by the provider"),
    "person.failed_badge": _("Had a badge scanned that did not witness"),
    "person.used_recovery_code": _("Used a recovery code"),
}


def _seen(action: str, kind: str, name: str, value: Any) -> Any:
    """A recorded value as people read it: words of states and forms, people by name, local time, sealed as
    sealed, whole numbers in threes."""
    if isinstance(value, list):
        return " ".join(str(part) for part in value)
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if not isinstance(value, str):
        return value
    life = KINDS[kind].lives.get(name) if kind in KINDS else None
    if life is not None and value in {state.value for state in type(life.start)}:
        return life.word(type(life.start)(value))
    if name.endswith("_by") or name in PEOPLE:
        return person(value)
    if _INSTANT.fullmatch(value):
        return local(datetime.fromisoformat(value))
    if _HIDDEN.match(value):
        return str(_("sealed"))
    asked = _asked(action, name)
    if isinstance(asked, Count) and value.isdecimal() and int(value) >= IN_THREES:
        return num(int(value))
    words = {word.value: label for word, label in asked.labels.items()} if isinstance(asked, Choice) else {}
    return str(words.get(value, value))


def role_words(role: str) -> str:
    """The role in which something was done, as people say it."""
    found = next((known for known in Role if known.value == role), None)
    return str(ROLE_WORDS[found]) if found else role


def _asked(action: str, field_name: str) -> Any:
    """The field in which the action is told this value, if it is told it."""
    schema, _model = INPUTS.get(action, (None, None))
    return schema._declared_fields.get(field_name.removesuffix("_id")) if schema is not None else None


def _label(action: str, field_name: str) -> str:
    """A field as the form of the action labels it; else its name in words."""
    asked = _asked(action, field_name)
    label = asked.metadata.get("label") if asked is not None else None
    return str(label) if label is not None else field_name.removesuffix("_id").replace("_", " ")


def _name(action: str, field_name: str, thing: list[str], about: tuple[str, str] | None) -> str:
    """A field in words, with the part that it belongs to where that is not the thing itself."""
    words = _label(action, field_name)
    if about is None or tuple(thing) == about:
        return words
    part = thing[1].partition("/")[2] if thing[1].startswith(about[1] + "/") else thing[1]
    return f"{thing[0].replace('_', ' ')} {part}: {words}"


def _concerns(thing: list[str], fields: dict[str, Any], about: tuple[str, str] | None) -> bool:
    """Whether a change is about the thing: it, a part of it, or a row that names it."""
    if about is None or tuple(thing) == about or thing[1].startswith(about[1] + "/"):
        return True
    return list(about) in [new for _old, new in fields.values()] and thing[0] not in KINDS


def _one(row: Record, signatures: list[Signature], about: tuple[str, str] | None, late: timedelta) -> Told:
    body = json.loads(row.body)
    changes = [
        (
            _name(row.action, name, change["thing"], about),
            _seen(row.action, change["thing"][0], name, old),
            _seen(row.action, change["thing"][0], name, new),
        )
        for change in body["changes"]
        if _concerns(change["thing"], change["fields"], about)
        for name, (old, new) in sorted(change["fields"].items())
        if name not in ("version", "code") and list(about or ()) != new
    ]
    refused = row.outcome is Outcome.REFUSED
    action = ACTIONS.get(row.action)
    told_as = action.doc.rstrip(".") if action and action.doc else row.action
    words = say(_WORDS.get(row.action, told_as))
    obstacles = body["notes"].get("obstacles") or []
    return Told(
        sign="octagon" if refused else "pencil" if row.parent else "check",
        colour="stop" if refused else "ink",
        what=words, who=row.actor_name, role=role_words(row.actor_role), when=row.entered_at,
        happened_at=row.happened_at,
        reason=row.reason, changes=changes, act=row.act, hash=row.hash,
        late=row.entered_at - row.happened_at > late, refused=refused,
        signatures=[] if row.parent else [shown(one) for one in signatures],
        code=obstacles[0]["code"] if obstacles else None,
    )  # fmt: skip
