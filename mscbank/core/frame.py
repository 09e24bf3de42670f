"""The act that is open: what it locked, what it changed, and the frames of its child acts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import inspect
from sqlalchemy.engine import Connection, CursorResult

from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.canonical import canonical
from mscbank.core.db import ActSession, Part, Unguarded, permitted
from mscbank.core.naming import Key


@dataclass(eq=False)
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
    result: Any = None
    """What the action's function gave back."""

    def body(self) -> str:
        """What the record keeps of it, canonical."""
        changes = [
            {"thing": list(key), "fields": fields} for key, fields in sorted(self.changes.items()) if fields
        ]
        return canonical(
            {"changes": changes, "ledger": self.ledger, "notes": self.notes, "touched": sorted(self.touched)}
        )


@dataclass
class OpenAct:
    """The outermost act with its connection, locks and frames."""

    by: Principal
    connection: Connection | None
    outer: Frame
    frames: list[Frame] = field(default_factory=list)
    stack: list[Frame] = field(default_factory=list)
    locked: set[tuple[type, int]] = field(default_factory=set)
    shared: set[tuple[type, int]] = field(default_factory=set)
    created: set[int] = field(default_factory=set)
    bumped: dict[int, int] = field(default_factory=dict)
    led: set[tuple[int, str, Any, Any]] = field(default_factory=set)
    judged: set[int] = field(default_factory=set)
    beside: dict[int, Frame] = field(default_factory=dict)
    """``id()`` of a subject → its frame, while the same child act is done to several things at once."""
    kept: list[Any] = field(default_factory=list)
    """What is known by ``id()``, and what was read, stays alive until the act ends."""
    memo: dict[Any, Any] = field(default_factory=dict)
    """What a rule found out in this act over rows that are locked, keyed by their versions too."""
    written: Counter[type] = field(default_factory=Counter)
    """How many rows of each table it has written: what was read before may be out of date."""
    broken: BaseException | None = None
    """Why it can only fail: a child act broke off in the middle."""
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

    @contextmanager
    def side_by_side(self, frames: Iterable[Frame]) -> Iterator[None]:
        """Several child acts are done before the next flush: each row goes to the frame of its thing."""
        self.beside = {id(frame.subject): frame for frame in frames}
        try:
            yield
        finally:
            self.beside = {}

    def frame_of(self, thing: Any) -> Frame:
        """The act to which a change of a thing, or of what belongs to it, is put down."""
        if not self.beside:
            return self.frame
        found = self.beside.get(id(thing))
        if found is None:
            raise Unguarded(f"{self.frame.action} changes {thing}, which is none of its subjects")
        return found

    def let_go(self) -> None:
        """Forget what was read: the act is written down, nothing is judged any more."""
        self.kept.clear()
        self.memo.clear()

    @property
    def own(self) -> Connection:
        """The connection on which it writes."""
        if self.connection is None:
            raise Unguarded("the act has not begun")
        return self.connection

    def is_on(self, connection: Connection) -> bool:
        """Whether it is this act's own connection."""
        if self.connection is None or self.connection.closed or connection.closed:
            return False
        return connection.connection.dbapi_connection is self.connection.connection.dbapi_connection

    def lets_pass(self, dbapi_connection: Any, context: Any) -> bool:
        """Whether a writing statement of a flush may run: on the act's connection, no text, no deletion."""
        if self.connection is None or self.connection.connection.dbapi_connection is not dbapi_connection:
            return False
        options = getattr(context, "execution_options", None) or {}
        return (
            bool(getattr(context, "compiled", None)) and "compiled_cache" in options and not context.isdelete
        )

    def plumb(self, statement: Any, values: dict[str, Any] | None = None) -> CursorResult[Any]:
        """Run a statement on a plumbing table inside the act."""
        with permitted(self.own, plumbing=True):
            return self.own.execute(statement, values)

    def holds(self, row: Any) -> bool:
        """Whether the row may be changed: made here, or locked, or a part of what is."""
        if id(row) in self.created or (type(row), row.id) in self.locked:
            return True
        return isinstance(row, Part) and self.holds(getattr(row, row.owner))

    def lead(self, thing: Any, state: StrEnum, column: str = "state") -> None:
        """Move a thing along its life; the arrow must be in the table."""
        life = type(thing).lives[column]
        held = inspect(thing)
        if held.pending:
            session_of(thing).flush()
        before = getattr(thing, column)
        if before is state:
            return
        if (before, state) not in life.arrows:
            raise Unguarded(f"{life.kind}.{column}: {before} → {state} is no move")
        if held.attrs[column].history.has_changes():  # each arrow is written, and judged, by itself
            session_of(thing).flush()
        self.led.add((id(thing), column, before, state))
        setattr(thing, column, state)
        self.kept.append(thing)

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
