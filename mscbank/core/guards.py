"""The guards in the database: append-only tables, lifecycle arrows, and the triggers that models declare."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.engine import Connection

from mscbank.core.db import Row, Trigger
from mscbank.core.lifecycle import Lifecycle

PREFIX = "guard_"


def models() -> list[type[Row]]:
    """Every mapped table, by name."""
    mapped = [m.class_ for m in Row.registry.mappers if issubclass(m.class_, Row)]
    return sorted(mapped, key=lambda model: model.__tablename__)


def triggers() -> Iterator[Trigger]:
    """Every guard of the house."""
    for model in models():
        table = model.__tablename__
        if model.append_only:
            for event in ("UPDATE", "DELETE"):
                yield Trigger(f"{PREFIX}{table}_{event.lower()}", table, f"BEFORE {event}", "1 = 1",
                              f"{table} is append-only")  # fmt: skip
        for column, life in model.lives.items():
            yield from _life(table, column, life)
        yield from model.triggers


def _life(table: str, column: str, life: Lifecycle) -> Iterator[Trigger]:
    arrows = " OR ".join(
        f"(OLD.{column} = '{a.value}' AND NEW.{column} = '{b.value}')" for a, b in sorted(life.arrows)
    )
    yield Trigger(
        f"{PREFIX}{table}_{column}_moves", table, f"BEFORE UPDATE OF {column}",
        f"OLD.{column} <> NEW.{column} AND NOT ({arrows or '1 = 0'})", f"{table}.{column} makes no such move",
    )  # fmt: skip
    yield Trigger(
        f"{PREFIX}{table}_{column}_start", table, "BEFORE INSERT", f"NEW.{column} <> '{life.start.value}'",
        f"{table}.{column} begins at {life.start.value}",
    )  # fmt: skip


def ensure_guards(connection: Connection) -> None:
    """Make the database's guards exactly the declared ones; every migration ends with this."""
    if connection.dialect.name == "sqlite":
        _ensure_sqlite(connection)
    else:
        _ensure_postgresql(connection)


def _ensure_sqlite(connection: Connection) -> None:
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    for name in names:
        connection.execute(text(f'DROP TRIGGER "{name}"'))
    for t in triggers():
        connection.exec_driver_sql(
            f"CREATE TRIGGER {t.name} {t.moment} ON {t.table} FOR EACH ROW WHEN {t.when} "
            f"BEGIN SELECT RAISE(ABORT, '{_quoted(t.message)}'); END"
        )


def _ensure_postgresql(connection: Connection) -> None:
    found = connection.execute(
        text(
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            " WHERE NOT tgisinternal AND tgname LIKE 'guard_%'"
        )
    ).all()
    for name, table in found:
        connection.execute(text(f'DROP TRIGGER "{name}" ON "{table}"'))
    for t in triggers():
        answer = "OLD" if "DELETE" in t.moment else "NEW"
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {t.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {t.when} THEN RAISE EXCEPTION '{_quoted(t.message)}' USING ERRCODE = 'restrict_violation'; END IF;"
            f" RETURN {answer}; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {t.name} {t.moment} ON {t.table} FOR EACH ROW EXECUTE FUNCTION {t.name}()"
        )
        connection.exec_driver_sql(f"ALTER TABLE {t.table} ENABLE ALWAYS TRIGGER {t.name}")
    for model in models():
        if model.append_only:
            name = f"{PREFIX}{model.__tablename__}_truncate"
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" RAISE EXCEPTION '{model.__tablename__} is append-only'"
                " USING ERRCODE = 'restrict_violation'; END $$"
            )
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {model.__tablename__}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )
            connection.exec_driver_sql(f"ALTER TABLE {model.__tablename__} ENABLE ALWAYS TRIGGER {name}")


def _quoted(words: str) -> str:
    return words.replace("'", "''")
