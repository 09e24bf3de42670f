"""Tables, the one session, its two engines, and the guard at the cursor of both.

Reads go to the read engine (AUTOCOMMIT, read-only in the database too); while an act is open everything
goes to the write engine, on the act's own connection. No other statement reaches a cursor.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Boolean, Engine, MetaData, String, Text, create_engine, event, inspect, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Mapper,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.coercions import expect
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnElement
from sqlalchemy.sql.roles import ExpressionElementRole
from sqlalchemy.sql.visitors import InternalTraversal

from mscbank.core.errors import Busy
from mscbank.core.statements import reads
from mscbank.core.types import Exact, Id

STATEMENTS = 2000
"""How many compiled statements an engine keeps; the house has more than the library's 500."""
NAME_LENGTH = 80
LONGEST_NAME = 63
"""PostgreSQL cuts longer names silently."""

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=CONVENTION)


@dataclass(frozen=True)
class Trigger:
    """A guard in the database, declared beside its model: what is refused, when, and with which words."""

    name: str
    table: str
    moment: str
    """``BEFORE UPDATE OF x``, ``BEFORE INSERT`` and so on."""
    when: str
    """A condition over ``OLD`` and ``NEW`` in SQL that both engines read the same; true means refused."""
    message: str

    def __post_init__(self) -> None:
        if not self.name.startswith("guard_") or len(self.name) > LONGEST_NAME:
            raise ValueError(f"a guard is called guard_…, at most {LONGEST_NAME} characters: {self.name}")


class Row(Base):
    """A row with an internal key. Append-only rows refuse UPDATE and DELETE in the database."""

    __abstract__ = True
    append_only: ClassVar[bool] = False
    triggers: ClassVar[tuple[Trigger, ...]] = ()
    lives: ClassVar[dict[str, Any]] = {}
    """Column name to its ``Lifecycle``: only the moves of that table change it, here and in the database."""
    by_door: ClassVar[bool] = False
    """Whether only the door itself writes such rows: the record and what belongs to it."""

    id: Mapped[int] = mapped_column(Id, primary_key=True)


KINDS: dict[str, type["Thing"]] = {}
"""Kind word to model: everything that has a short code."""


class Thing(Row):
    """Something that people scan and speak of: it has a short code, a version and a site."""

    __abstract__ = True
    kind: ClassVar[str]
    lower: ClassVar[bool] = False
    """Whether its codes are written in small letters; otherwise in capitals, however they are typed."""

    code: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    version: Mapped[int] = mapped_column(Id, default=1)
    site: Mapped[str | None] = mapped_column(String(NAME_LENGTH), default=None)

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if "kind" in cls.__dict__:
            KINDS[cls.kind] = cls

    @property
    def called(self) -> str:
        """What people call it; the code unless the model says otherwise."""
        return self.code


class Part(Row):
    """A row that belongs to a thing and is addressed beneath it (``batch …/passages/2``)."""

    __abstract__ = True
    owner: ClassVar[str]
    """The relationship that leads to the thing (or part) above."""
    key: ClassVar[tuple[str, ...]]
    """The columns that tell this part from its sisters, as people do; none where it has no sisters."""


PLUMBING: set[str] = set()
"""The tables outside the record, the one list of them."""


class Plumbing(Row):
    """A table outside the record: sessions, idempotency, jobs, outbox and the door's own counters."""

    __abstract__ = True

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if "__tablename__" in cls.__dict__:
            PLUMBING.add(cls.__tablename__)


@event.listens_for(Mapper, "before_mapper_configured")
def _prepare(mapper: Mapper[Any], cls: type) -> None:
    """Before the attributes get their behaviour; earlier, the mapper would look for classes not yet made."""
    for attribute in mapper.column_attrs:
        column = attribute.columns[0]
        attribute.active_history = True
        if isinstance(column.type, Exact):
            _exact_on_assignment.append((cls, attribute.key, column.type))


_exact_on_assignment: list[tuple[type, str, Exact]] = []


@event.listens_for(Mapper, "after_configured")
def _normalise() -> None:
    while _exact_on_assignment:
        cls, key, kind = _exact_on_assignment.pop()
        event.listen(
            getattr(cls, key),
            "set",
            lambda _t, v, _o, _i, kind=kind: _normal(kind, v),
            retval=True,
            propagate=True,
        )


def _normal(kind: Exact, value: Any) -> Any:
    return value if isinstance(value, ColumnElement) else kind.normal(value)


# --- engines ------------------------------------------------------------------------------------


@dataclass
class Engines:
    """The engine that writes, inside acts, and the engine that reads, everywhere else."""

    url: URL
    write: Engine
    read: Engine

    def dispose(self) -> None:
        """Close every connection of both."""
        self.write.dispose()
        self.read.dispose()


_engines: list[Engines] = []


def connect(url: str | URL, *, pool_size: int = 5, durable: bool = True) -> Engines:
    """Open both engines on ``url`` and make them the house's; what was open before is closed.

    Only a build that can simply be repeated is not ``durable``: SQLite then does not wait for the disk.
    """
    disconnect()
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engines = (
        _sqlite(parsed, durable) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, pool_size)
    )
    for engine in (engines.write, engines.read):
        event.listen(engine, "before_cursor_execute", _guard)
        event.listen(engine, "commit", _guard_commit)
        event.listen(engine, "savepoint", _guard_savepoint)
    _engines[:] = [engines]
    return engines


def disconnect() -> None:
    """Close the session of this thread and both engines."""
    session.remove()
    while _engines:
        _engines.pop().dispose()


def engines() -> Engines:
    """The engines that are open."""
    if not _engines:
        raise RuntimeError("no database is connected")
    return _engines[0]


def is_sqlite() -> bool:
    """Whether the embedded database is in use."""
    return engines().write.dialect.name == "sqlite"


_WRITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000",
                  "recursive_triggers=ON", "trusted_schema=OFF",
                  "secure_delete=FAST")  # fmt: skip
_READ_PRAGMAS = ("busy_timeout=5000", "foreign_keys=ON", "trusted_schema=OFF", "query_only=ON")


def fold_log() -> bool:
    """Write SQLite's log into its file and empty it: no older page is left. False when readers hold it."""
    if not is_sqlite():
        return True
    raw = engines().write.raw_connection()
    try:
        return not raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        raw.close()


_BEGIN = "BEGIN IMMEDIATE"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sqlite(url: URL, durable: bool) -> Engines:
    def prepare(pragmas: tuple[str, ...]) -> Callable[[Any, Any], None]:
        def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in pragmas:
                connection.execute("PRAGMA " + pragma)

        return on_connect

    write = create_engine(
        url, json_serializer=_dumps, query_cache_size=STATEMENTS,
        connect_args={"cached_statements": STATEMENTS},
    )  # fmt: skip
    read = create_engine(
        url, isolation_level="AUTOCOMMIT", json_serializer=_dumps, query_cache_size=STATEMENTS
    )
    event.listen(
        write, "connect", prepare(_WRITE_PRAGMAS if durable else (*_WRITE_PRAGMAS, "synchronous=OFF"))
    )
    event.listen(read, "connect", prepare(_READ_PRAGMAS))
    event.listen(write, "begin", lambda connection: connection.exec_driver_sql(_BEGIN))
    return Engines(url, write, read)


def _postgresql(url: URL, pool_size: int) -> Engines:
    common: dict[str, Any] = {
        "pool_size": pool_size, "pool_pre_ping": True, "json_serializer": _dumps,
        "query_cache_size": STATEMENTS,
    }  # fmt: skip
    write = create_engine(
        url, isolation_level="READ COMMITTED",
        connect_args={"options": "-c lock_timeout=5000 -c timezone=UTC"}, **common,
    )  # fmt: skip
    read = create_engine(
        url, isolation_level="AUTOCOMMIT",
        connect_args={"options": "-c default_transaction_read_only=on -c timezone=UTC"}, **common,
    )  # fmt: skip
    return Engines(url, write, read)


# --- the guard ----------------------------------------------------------------------------------


class Unguarded(RuntimeError):
    """A statement tried to write outside the door."""


_permit: ContextVar[Mapping[int, bool]] = ContextVar("permitted_connections", default=MappingProxyType({}))
"""DBAPI connections on which this thread may write now, and whether only plumbing."""


@contextmanager
def permitted(connection: Connection, *, plumbing: bool = False) -> Iterator[None]:
    """Let statements on this DBAPI connection pass; only the door, plumbing and migrations say this."""
    token = _permit.set({**_permit.get(), id(connection.connection.dbapi_connection): plumbing})
    try:
        yield
    finally:
        _permit.reset(token)


def _guard(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if reads(statement, sqlite=conn.dialect.name == "sqlite"):
        return
    if conn.engine is engines().write:
        dbapi_connection = conn.connection.dbapi_connection
        only_plumbing = _permit.get().get(id(dbapi_connection))
        if only_plumbing is False or (only_plumbing and _is_plumbing(context)) or statement == _BEGIN:
            return
        act = _open_act()
        if act is not None and session.registry().flushing and act.lets_pass(dbapi_connection, context):
            return
    raise Unguarded(f"a write outside an act: {' '.join(statement.split(None, 3)[:3])}")


def _is_plumbing(context: Any) -> bool:
    compiled = getattr(context, "compiled", None)
    table = getattr(getattr(compiled, "statement", None), "table", None)
    return table is not None and table.name in PLUMBING


def _guard_commit(conn: Connection) -> None:
    act = _open_act()
    if act is not None and not session.registry().ending and act.is_on(conn):
        conn.invalidate()  # what was begun is lost, whatever catches this
        raise Unguarded("only the door commits")


def _guard_savepoint(_conn: Connection, _name: str) -> None:
    raise Unguarded("no savepoints: a rolled-back one would stay in the record")


def _open_act() -> Any:
    return session.registry().act if session.registry.has() else None


# --- the session --------------------------------------------------------------------------------


class ActSession(Session):
    """The one session. It never commits by itself: the door does."""

    act: Any = None
    """The open act, set by the door alone."""
    flushing = False
    ending = False

    def get_bind(self, mapper: Any = None, **kw: Any) -> Engine:
        """Everything goes to the write engine while an act is open, to the read engine otherwise."""
        return engines().write if self.act is not None else engines().read

    def flush(self, objects: Any = None) -> None:
        """Write what changed; refused unless an act is open."""
        if self.act is None and (self.new or self.dirty or self.deleted):
            raise Unguarded("a change without an act")
        self.flushing = True
        try:
            super().flush(objects)
        finally:
            self.flushing = False

    def commit(self) -> None:
        """Refused: only the door commits."""
        raise Unguarded("only the door commits")

    def begin_nested(self) -> Any:
        """Refused: a rolled-back savepoint would stay in the record."""
        raise Unguarded("no savepoints inside an act")

    def rollback(self) -> None:
        """Forget what was read; refused inside an act, which ends as a whole or not at all."""
        self._refuse_inside()
        super().rollback()

    def close(self) -> None:
        """Let go of everything; refused inside an act."""
        self._refuse_inside()
        super().close()

    def reset(self) -> None:
        """As ``close``; refused inside an act."""
        self._refuse_inside()
        super().reset()

    def invalidate(self) -> None:
        """As ``close``, the connections too; refused inside an act."""
        self._refuse_inside()
        super().invalidate()

    def _refuse_inside(self) -> None:
        if self.act is not None:
            raise Unguarded("only the door ends an act")

    def commit_act(self) -> None:
        """For the door alone."""
        self.ending = True
        try:
            super().commit()
        finally:
            self.ending = False


session: scoped_session[ActSession] = scoped_session(sessionmaker(class_=ActSession, autoflush=True))


@contextmanager
def plumbing() -> Iterator[Connection]:
    """A short transaction of its own for the tables outside the record (class ``Plumbing``)."""
    try:
        with engines().write.begin() as connection, permitted(connection, plumbing=True):
            yield connection
    except DBAPIError as error:
        if is_busy(error):
            raise Busy from error
        raise


def is_busy(error: DBAPIError) -> bool:
    """Deadlock, serialisation failure, a lock that did not come, a connection that was lost: try again."""
    state = getattr(error.orig, "sqlstate", None)
    if state in ("40P01", "40001", "55P03", "57P01", "57P02", "57P03") or error.connection_invalidated:
        return True
    return "database is locked" in str(error.orig) or "database table is locked" in str(error.orig)


TEXT, BOOLEAN = Text(), Boolean()


class Listed(ColumnElement[Any]):
    """Many values in ONE parameter: what ``any_of`` compares a column with on either engine."""

    inherit_cache = True
    _traverse_internals = [("bind", InternalTraversal.dp_clauseelement)]

    def __init__(self, bind: BindParameter[Any]) -> None:
        self.bind = bind


@compiles(Listed)
def _compile_listed(element: Listed, compiler: Any, **kw: Any) -> str:
    shape = "(SELECT value FROM json_each(%s))" if compiler.dialect.name == "sqlite" else "ANY(%s)"
    values: str = compiler.process(element.bind, **kw)
    return shape % values


def any_of(column: ColumnElement[Any] | Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """``column`` is one of ``values``, sent as ONE array parameter: plans stay right however many."""
    listed = list(values)
    plain = expect(ExpressionElementRole, column)
    if is_sqlite():
        bind = BindParameter[Any](None, json.dumps(listed), type_=TEXT, unique=True)
        return BinaryExpression(plain, Listed(bind), operators.in_op, type_=BOOLEAN)
    bind = BindParameter[Any](None, listed, type_=ARRAY(plain.type), unique=True)
    return BinaryExpression(plain, Listed(bind), operators.eq, type_=BOOLEAN)


R = TypeVar("R", bound=Row)


def at_hand(model: type[R], keys: Iterable[int]) -> list[R]:
    """The rows with these keys, in their order: those that the session holds, the rest in one statement."""
    held = session.registry()
    wanted = list(dict.fromkeys(keys))
    found: dict[int, R] = {}
    for key in wanted:
        row = held.identity_map.get(held.identity_key(model, key))
        if row is not None and not inspect(row).expired:
            found[key] = row
    missing = [key for key in wanted if key not in found]
    if missing:
        found |= {row.id: row for row in session.scalars(select(model).where(any_of(model.id, missing)))}
    return [found[key] for key in wanted if key in found]


def read_together(inputs: dict[str, Any]) -> None:
    """Read what a request lists in one statement a kind, not thing by thing as each is looked at."""
    listed = [row for value in inputs.values() if isinstance(value, (list, tuple)) for row in value]
    keys: dict[type[Row], list[int]] = {}
    for row in listed:
        if isinstance(row, Row) and (identity := inspect(row).identity):
            keys.setdefault(type(row), []).append(identity[0])
    for model, wanted in keys.items():
        at_hand(model, wanted)
