"""The act that is open: what it locked, what it changed, and the frames of its child acts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import event, inspect
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.elements import ClauseElement

from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import ActSession, Part, Plumbing, Row, Thing, Unguarded, permitted
from mscbank.core.types import as_text

Key = tuple[str, str]


@dataclass
class Frame:
    """One act, outermost or child: its subject, and what it changed."""

    action: str
    subject: Any
    reason: str | None
    role: str
    parent: str | None
    act: str = field(default_factory=lambda: uuid4().hex)
    changes: dict[Key, dict[str, list[Any]]] = field(default_factory=dict)
    ledger: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)

    def body(self) -> str:
        """What the record keeps of it, canonical."""
        changes = [
            {"thing": list(key), "fields": fields} for key, fields in sorted(self.changes.items()) if fields
        ]
        return canonical({"changes": changes, "ledger": self.ledger, "notes": self.notes})


@dataclass
class OpenAct:
    """The outermost act with its connection, locks and frames."""

    by: Principal
    connection: Connection
    outer: Frame
    frames: list[Frame] = field(default_factory=list)
    stack: list[Frame] = field(default_factory=list)
    locked: set[tuple[type, int]] = field(default_factory=set)
    shared: set[tuple[type, int]] = field(default_factory=set)
    created: set[int] = field(default_factory=set)
    bumped: set[int] = field(default_factory=set)
    led: set[tuple[int, str, Any, Any]] = field(default_factory=set)
    recording: bool = False
    kept: list[Any] = field(default_factory=list)
    happened_at: datetime | None = None
    """When it happened, where the caller says so; late entries carry it."""
    signers: dict[str, str] = field(default_factory=dict)
    """Meaning → login of everybody who signed this act."""

    def __post_init__(self) -> None:
        self.frames.append(self.outer)
        self.stack.append(self.outer)

    @property
    def time(self) -> datetime:
        """The time of the event: as said by the caller, or now."""
        return self.happened_at or clock.now()

    @property
    def frame(self) -> Frame:
        """The innermost act that is open."""
        return self.stack[-1]

    def lets_pass(self, dbapi_connection: Any, context: Any) -> bool:
        """Whether a writing statement may run: on the act's connection, from a flush or from the door itself."""
        if dbapi_connection is not self.connection.connection.dbapi_connection:
            return False
        if self.recording:
            return True
        options = getattr(context, "execution_options", None) or {}
        return bool(getattr(context, "compiled", None)) and "compiled_cache" in options

    def plumb(self, statement: Any) -> CursorResult[Any]:
        """Run a statement on a plumbing table inside the act."""
        table = getattr(statement, "table", None)
        plumbing = {m.class_.__tablename__ for m in Row.registry.mappers if issubclass(m.class_, Plumbing)}
        if table is None or table.name not in plumbing:
            raise Unguarded("only plumbing runs without the record")
        with permitted(self.connection):
            return self.connection.execute(statement)

    def holds(self, row: Any) -> bool:
        """Whether the row may be changed: made here, or locked, or a part of what is."""
        if id(row) in self.created or (type(row), row.id) in self.locked:
            return True
        return isinstance(row, Part) and self.holds(getattr(row, row.owner))

    def lead(self, thing: Any, state: StrEnum, column: str = "state") -> None:
        """Move a thing along its life; the arrow must be in the table."""
        life = type(thing).lives[column]
        before = getattr(thing, column)
        if before is state:
            return
        if (before, state) not in life.arrows:
            raise Unguarded(f"{life.kind}.{column}: {before} → {state} is no move")
        self.led.add((id(thing), column, before, state))
        setattr(thing, column, state)
        self.kept.append(thing)
        session_of(thing).flush()

    def note(self, **values: Any) -> None:
        """Keep a value with the act: a parameter used, a gate passed, a figure shown."""
        for name, value in values.items():
            held = self.frame.notes.get(name)
            if isinstance(held, dict) and isinstance(value, dict):
                held.update(value)
            else:
                self.frame.notes[name] = value

    def touch(self, *things: Any) -> None:
        """Show this act in the history of other things too."""
        self.frame.touched.update((thing.kind, thing.code) for thing in things)


def session_of(thing: Any) -> ActSession:
    """The session that holds a row."""
    found = inspect(thing).session
    if not isinstance(found, ActSession):
        raise Unguarded("the thing is not in the session")
    return found


def owner_of(row: Any) -> Any:
    """The thing to which a row belongs: itself, or up the owners of a part."""
    while isinstance(row, Part):
        row = getattr(row, row.owner)
    return row if isinstance(row, Thing) else None


def key_of(row: Any) -> Key:
    """How the record names a row: kind and code, or the path beneath its owner."""
    if isinstance(row, Thing):
        return row.kind, row.code
    if isinstance(row, Part):
        above = key_of(getattr(row, row.owner))
        own = ".".join(str(_key_part(row, name)) for name in row.key)
        return row.__tablename__, f"{above[1]}/{own}"
    if type(row).__tablename__ == "instance":
        return "instance", row.prefix
    natural = getattr(type(row), "key", None)
    if natural:
        return row.__tablename__, ".".join(str(_key_part(row, name)) for name in natural)
    return row.__tablename__, "-"


def _key_part(row: Any, name: str) -> Any:
    value = getattr(row, name)
    return (
        value.code if isinstance(value, Thing) else as_text(inspect(type(row)).attrs[name].columns[0], value)
    )


_links: dict[tuple[type, str], str] = {}


def link_of(cls: type, column_key: str) -> str:
    """The relationship that carries a foreign key; each has one, or the record could not name it."""
    found = _links.get((cls, column_key))
    if found is None:
        mapper: Mapper[Any] = inspect(cls)
        column = mapper.columns[column_key]
        for relation in mapper.relationships:
            if relation.direction.name == "MANYTOONE" and relation.local_columns == {column}:
                found = _links[(cls, column_key)] = relation.key
                break
        else:
            raise TypeError(f"{cls.__name__}.{column_key} is a foreign key without a relationship")
    return found


def _value(row: Any, key: str, value: Any) -> Any:
    column = inspect(type(row)).columns[key]
    if value is None:
        return None
    if column.foreign_keys and column.type.python_type is int:
        relation = getattr(inspect(type(row)).attrs, link_of(type(row), key))
        target = session_of(row).get(relation.mapper.class_, value)
        return list(key_of(target)) if target is not None else None
    return as_text(column, value)


def _skip(key: str) -> bool:
    return key == "id"


def before_flush(session: ActSession, _context: Any, _instances: Any) -> None:
    """Judge what is about to be written: no deletes, no expressions, nothing unlocked, no state by hand."""
    act = session.act
    if act is None:
        raise Unguarded("a flush without an act")
    if session.deleted:
        raise Unguarded("nothing is deleted here")
    for row in list(session.new):
        for attribute in inspect(row).mapper.column_attrs:
            if isinstance(row.__dict__.get(attribute.key), ClauseElement):
                raise Unguarded("an SQL expression as a value would stay unknown to the record")
        for column, life in type(row).lives.items():
            if getattr(row, column) is None:
                setattr(row, column, life.start)
            elif getattr(row, column) is not life.start:
                raise Unguarded(f"{life.kind}.{column} begins at {life.start}")
        act.created.add(id(row))
        act.kept.append(row)
        _bump_owner(act, row)
    for row in list(session.dirty):
        if isinstance(row, Plumbing) or not session.is_modified(row, include_collections=False):
            continue
        if type(row).append_only:
            raise Unguarded(f"{type(row).__name__} is append-only")
        if not act.holds(row):
            raise Unguarded(f"{key_of(row)} is changed without being locked")
        changed = {
            a.key
            for a in inspect(row).attrs
            if a.key in inspect(type(row)).column_attrs and a.history.has_changes()
        }
        for key in changed:
            if isinstance(getattr(row, key), ClauseElement):
                raise Unguarded("an SQL expression as a value would stay unknown to the record")
        if "code" in changed or ("version" in changed and id(row) not in act.bumped):
            raise Unguarded("code and version are not set by hand")
        for column, life in type(row).lives.items():
            if column in changed:
                old, new = inspect(row).attrs[column].history.deleted, getattr(row, column)
                if not old or (id(row), column, old[0], new) not in act.led:
                    raise Unguarded(f"{life.kind}.{column} is not set by hand")
        if isinstance(row, Thing):
            bump(act, row)
        _bump_owner(act, row)


def _bump_owner(act: OpenAct, row: Any) -> None:
    if isinstance(row, Part) and (owner := owner_of(row)) is not None:
        bump(act, owner)


def bump(act: OpenAct, thing: Thing) -> None:
    """Count the thing's version up, once an act."""
    if (
        id(thing) in act.created
        or id(thing) in act.bumped
        or inspect(thing).transient
        or inspect(thing).pending
    ):
        return
    if not act.holds(thing):
        raise Unguarded(f"{key_of(thing)} is changed without being locked")
    act.bumped.add(id(thing))
    act.kept.append(thing)
    thing.version += 1


def after_flush(session: ActSession, _context: Any) -> None:
    """Take down what this flush wrote: first old and last new value of every field."""
    act = session.act
    frame = act.frame
    for row in session.new:
        if isinstance(row, Plumbing) or not isinstance(row, Row):
            continue
        values = {
            a.key: _value(row, a.key, getattr(row, a.key))
            for a in inspect(type(row)).column_attrs
            if not _skip(a.key)
        }
        if getattr(type(row), "ledger", False):
            frame.ledger.setdefault(row.__tablename__, []).append(digest(canonical(values)))
        else:
            frame.changes[key_of(row)] = {k: [None, v] for k, v in values.items() if v is not None}
        _touch(frame, row)
    for row in session.dirty:
        if isinstance(row, Plumbing) or not session.is_modified(row, include_collections=False):
            continue
        fields = frame.changes.setdefault(key_of(row), {})
        for attribute in inspect(type(row)).column_attrs:
            history = inspect(row).attrs[attribute.key].history
            if not history.has_changes() or _skip(attribute.key):
                continue
            old = _value(row, attribute.key, history.deleted[0] if history.deleted else None)
            new = _value(row, attribute.key, getattr(row, attribute.key))
            fields[attribute.key] = [fields[attribute.key][0] if attribute.key in fields else old, new]
        _touch(frame, row)


def _touch(frame: Frame, row: Any) -> None:
    thing = owner_of(row)
    if thing is not None:
        frame.touched.add((thing.kind, thing.code))
    for name in getattr(type(row), "touches", ()):
        if (other := getattr(row, name)) is not None:
            frame.touched.add((other.kind, other.code))


event.listen(ActSession, "before_flush", before_flush)
event.listen(ActSession, "after_flush", after_flush)
