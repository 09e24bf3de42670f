"""A database with two made-up rows in every table, for attacks on every table at once.

The rows are nonsense that no action could have written: constraints and triggers are lifted while they are
put in. The guards stand again afterwards.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, Date, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import Connection, make_url

from mscbank.app import load_steps
from mscbank.core.db import Base, Plumbing, Row
from mscbank.core.guards import ensure_guards, models
from mscbank.core.types import Envelope, Exact, Sealed, Utc, Word
from tests import postgres, worlds
from tests.copies import World

load_steps()

MODELS: list[type[Row]] = [model for model in models() if model.__module__.startswith("mscbank.")]
RECORDED = [model for model in MODELS if not issubclass(model, Plumbing)]
APPEND_ONLY = [model for model in MODELS if model.append_only]


def named(model: type[Row]) -> str:
    return model.__tablename__


def values(model: type[Row], n: int) -> dict[str, Any]:
    """A row of any table by its column types; ``n`` tells rows apart and is the key of what they lead to."""
    made = {a.columns[0].name: _value(a.columns[0], n) for a in inspect(model).column_attrs}
    made |= {column: life.start for column, life in model.lives.items()}
    return made | {"id": n}


def _value(column: Column[Any], n: int) -> Any:
    kind = column.type
    if isinstance(kind, Word):
        return next(iter(kind.words))
    for types, value in (
        (Utc, datetime(2026, 1, n, 12, tzinfo=UTC)),
        (Exact, Decimal(n)),
        (Sealed, Envelope("key", b"nonce", f"{n}".encode())),
        (Date, date(2026, 1, n)),
        (Boolean, False),
    ):
        if isinstance(kind, types):
            return value
    if kind.python_type is int:
        return n
    length = getattr(kind, "length", None) or 40
    return f"{n}{column.name}"[:length]


def direct(url: str) -> Engine:
    """A connection that knows nothing of the house: no guard, no pragma."""
    engine = create_engine(make_url(url), pool_size=1, max_overflow=0)
    if engine.dialect.name == "sqlite":  # or it would begin no transaction for a change of the schema
        event.listen(engine, "connect", lambda con, _record: setattr(con, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def as_owner(url: str) -> Engine:
    """The same, as whoever owns the tables."""
    return direct(postgres.owner_url(url))


def build(url: str) -> None:
    engine = as_owner(url)
    with engine.begin() as connection:
        _lift(connection)
        for table in Base.metadata.sorted_tables:
            model = next((m for m in MODELS if m.__table__ is table), None)
            if model is not None and named(model) != "instance":
                connection.execute(table.insert(), [values(model, 1), values(model, 2)])
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT setval('{named(model)}_id_seq', 100)")
        ensure_guards(connection)
    engine.dispose()


def _lift(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return
    connection.exec_driver_sql(
        "DO $$ DECLARE one record; BEGIN"
        " FOR one IN SELECT conname, conrelid::regclass AS home FROM pg_constraint"
        "  WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace LOOP"
        "  EXECUTE format('ALTER TABLE %%s DROP CONSTRAINT %%I', one.home, one.conname);"
        " END LOOP;"
        " FOR one IN SELECT tgname, tgrelid::regclass AS home FROM pg_trigger WHERE NOT tgisinternal LOOP"
        "  EXECUTE format('DROP TRIGGER %%I ON %%s', one.tgname, one.home);"
        " END LOOP; END $$"
    )


STUFFED = World("stuffed", build, World("empty", worlds.build_empty))


_looking: dict[str, Engine] = {}


def content(url: str, table: str) -> list[tuple[Any, ...]]:
    """Everything in a table, as the database itself tells it; one looks at many tables in a row."""
    if url not in _looking:
        for engine in _looking.values():
            engine.dispose()
        _looking.clear()
        _looking[url] = as_owner(url)
    with _looking[url].connect() as connection:
        return [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{table}" ORDER BY id'))]
