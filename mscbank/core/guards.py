"""The guards in the database: append-only tables, lifecycle arrows, and the triggers that models declare."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.engine import Connection

from mscbank.core.db import Plumbing, Row, Thing, Trigger
from mscbank.core.lifecycle import Lifecycle

PREFIX = "guard_"


def models() -> list[type[Row]]:
    """Every mapped table, by name."""
    mapped = [m.class_ for m in Row.registry.mappers if issubclass(m.class_, Row)]
    return sorted(mapped, key=lambda model: model.__tablename__)


def triggers(dialect: str) -> Iterator[Trigger]:
    """Every guard of the house, as one engine needs them."""
    for model in models():
        table = model.__tablename__
        if model.append_only:
            yield _refusing(table, "update", "UPDATE", f"{table} is append-only")
            yield _refusing(table, "delete", "DELETE", f"{table} is append-only")
            if dialect == "sqlite":
                yield from _replacing(table, model.__table__)
        elif not issubclass(model, Plumbing):
            yield _refusing(table, "delete", "DELETE", f"{table} keeps its rows")
        if issubclass(model, Thing):
            yield Trigger(f"{PREFIX}{table}_code", table, "BEFORE UPDATE OF code", "OLD.code <> NEW.code",
                          f"{table} keeps its codes")  # fmt: skip
        for column, life in model.lives.items():
            yield from _life(table, column, life)
        yield from model.triggers


def _refusing(table: str, name: str, moment: str, message: str) -> Trigger:
    return Trigger(f"{PREFIX}{table}_{name}", table, f"BEFORE {moment}", "1 = 1", message)


def _replacing(table: str, columns_of: Any) -> Iterator[Trigger]:
    """SQLite's INSERT OR REPLACE deletes a row past the triggers: the row that is there stands in the way.

    The words are those of the violated constraint, so that they are understood in the same place.
    """
    name = re.compile(r"\b(" + "|".join(re.escape(column.name) for column in columns_of.columns) + r")\b")
    for number, (columns, where) in enumerate(_uniques(columns_of)):
        conditions = [f"{column} = NEW.{column}" for column in columns]
        if where:
            conditions += [f"({where})", "(" + name.sub(r"NEW.\1", where) + ")"]
        words = "UNIQUE constraint failed: " + ", ".join(f"{table}.{column}" for column in columns)
        when = f"EXISTS (SELECT 1 FROM {table} WHERE {' AND '.join(conditions)})"  # noqa: S608 - our own names
        yield Trigger(f"{PREFIX}{table}_replace_{number}", table, "BEFORE INSERT", when, words)


def _uniques(table: Any) -> Iterator[tuple[list[str], str]]:
    """The columns of every unique key of a table, with the condition (a text) of a partial one."""
    found: list[tuple[Any, Any]] = [(table.primary_key.columns, None)]
    found += [(c.columns, None) for c in table.constraints if isinstance(c, UniqueConstraint)]
    found += [(i.columns, i.dialect_options["sqlite"]["where"]) for i in table.indexes if i.unique]
    yield from sorted(([c.name for c in columns], str(where or "")) for columns, where in found)


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
    for t in triggers("sqlite"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {t.name} {t.moment} ON {t.table} FOR EACH ROW WHEN {t.when} "
            f"BEGIN SELECT RAISE(ABORT, '{_quoted(t.message)}'); END"
        )


def _ensure_postgresql(connection: Connection) -> None:
    found = connection.execute(
        text(
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            " WHERE NOT tgisinternal AND starts_with(tgname, 'guard_')"
        )
    ).all()
    for name, table in found:
        connection.execute(text(f'DROP TRIGGER "{name}" ON "{table}"'))
    functions = connection.scalars(
        text(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND starts_with(proname, 'guard_')"
        )
    ).all()
    for name in functions:
        connection.execute(text(f'DROP FUNCTION "{name}"()'))
    for t in triggers("postgresql"):
        answer = "OLD" if "DELETE" in t.moment else "NEW"
        body = f"IF {t.when} THEN {_raise(t.message)} END IF; RETURN {answer};"
        _attach(connection, t.name, f"{t.moment} ON {t.table} FOR EACH ROW", body, t.table)
    for model in models():
        if not issubclass(model, Plumbing):
            table = model.__tablename__
            moment = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
            _attach(connection, f"{PREFIX}{table}_truncate", moment, _raise(f"{table} keeps its rows"), table)


def _attach(connection: Connection, name: str, moment: str, body: str, table: str) -> None:
    """A trigger that no session setting switches off, with a function that sees our own tables alone."""
    function = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp"
    statements = (
        f"{function} AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER {name} {moment} EXECUTE FUNCTION {name}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    )
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _raise(message: str) -> str:
    words = _quoted(message).replace("%", "%%")
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation';"


def _quoted(words: str) -> str:
    return words.replace("'", "''")
