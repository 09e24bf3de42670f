"""The database itself refuses, whoever asks and by whatever connection (invariants 2, 6, 26)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, UniqueConstraint, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from mscbank.core.db import Row, Thing
from mscbank.core.guards import ensure_guards
from mscbank.core.lifecycle import Lifecycle
from tests.copies import SQLITE
from tests.core.stuffed import APPEND_ONLY, RECORDED, as_owner, content, direct, named, values

pytestmark = pytest.mark.db


@pytest.fixture(params=["service", "owner"])
def outside(request: pytest.FixtureRequest, stuffed: str) -> Iterator[Engine]:
    """A connection past the house, as the service's role and as whoever owns the tables."""
    engine = direct(stuffed) if request.param == "service" else as_owner(stuffed)
    yield engine
    engine.dispose()


def refused(engine: Engine, statement: Any, match: str = "") -> None:
    """The database refuses it: by a trigger, or because the role may not at all."""
    words = f"({match})|permission denied|must be owner" if match else None
    with pytest.raises(DBAPIError, match=words), engine.begin() as connection:
        connection.execute(text(statement) if isinstance(statement, str) else statement)


@pytest.mark.parametrize("model", APPEND_ONLY, ids=named)
def test_invariant_2_what_was_appended_stays(model: type[Row], outside: Engine, stuffed: str):
    table, before = named(model), content(stuffed, named(model))
    says = f"{table} is append-only|keeps its rows"
    for column in model.__table__.columns:
        refused(outside, f"UPDATE {table} SET {column.name} = {column.name}", says)
    refused(outside, f"DELETE FROM {table}", says)
    refused(outside, f"DELETE FROM {table} WHERE id = 1", says)
    if outside.dialect.name == "postgresql":
        refused(outside, f"TRUNCATE {table} CASCADE", says)
        refused(outside, f"WITH gone AS (DELETE FROM {table} RETURNING *) SELECT * FROM gone", says)
    assert content(stuffed, table) == before


def uniques(model: type[Row]) -> list[list[str]]:
    table = model.__table__
    found = [[c.name for c in u.columns] for u in table.constraints if isinstance(u, UniqueConstraint)]
    return [["id"], *found, *([c.name for c in i.columns] for i in table.indexes if i.unique)]


@pytest.mark.parametrize("model", APPEND_ONLY, ids=named)
def test_invariant_2_nothing_appended_is_written_over(model: type[Row], outside: Engine, stuffed: str):
    """INSERT OR REPLACE deletes past SQLite's triggers, ON CONFLICT DO UPDATE changes."""
    table, before = named(model), content(stuffed, named(model))
    for columns in uniques(model):
        same = values(model, 3) | {name: values(model, 1)[name] for name in columns}
        if table == "instance":
            same = values(model, 1)
        made = insert(model.__table__).values(same).compile(outside)
        verbs = ["INSERT OR REPLACE INTO", "REPLACE INTO"] if outside.dialect.name == SQLITE else []
        for words in (
            *(str(made).replace("INSERT INTO", verb, 1) for verb in verbs),
            f"{made} ON CONFLICT ({', '.join(columns)}) DO UPDATE SET id = {table}.id",
        ):
            with pytest.raises(DBAPIError), outside.begin() as connection:
                connection.exec_driver_sql(words, driver_values(made, connection))
    assert content(stuffed, table) == before


def driver_values(made: Any, connection: Connection) -> Any:
    """The parameters as the driver takes them."""
    processed = {
        name: made._bind_processors[name](value) if name in made._bind_processors else value
        for name, value in made.params.items()
    }
    if made.positional:
        return tuple(processed[name] for name in made.positiontup)
    return processed


@pytest.mark.parametrize("model", [m for m in RECORDED if not m.append_only], ids=named)
def test_invariant_26_no_row_is_deleted(model: type[Row], outside: Engine, stuffed: str):
    table, before = named(model), content(stuffed, named(model))
    refused(outside, f"DELETE FROM {table} WHERE id = 2", f"{table} keeps its rows")
    if outside.dialect.name == "postgresql":
        refused(outside, f"TRUNCATE {table} CASCADE", "keeps its rows|append-only")
    assert content(stuffed, table) == before


@pytest.mark.parametrize("model", [m for m in RECORDED if issubclass(m, Thing)], ids=named)
def test_invariant_1_a_code_never_changes(model: type[Row], outside: Engine, stuffed: str):
    refused(
        outside,
        f"UPDATE {named(model)} SET code = 'OTHER' WHERE id = 2",
        f"{named(model)} keeps its codes|the identity of a vial never changes",
    )


LIVES = [
    pytest.param(m, column, life, id=f"{named(m)}.{column}")
    for m in RECORDED
    for column, life in m.lives.items()
]


@pytest.mark.parametrize(("model", "column", "life"), LIVES)
def test_invariant_6_the_database_knows_every_move(
    model: type[Row], column: str, life: Lifecycle, stuffed: str
):  # fmt: skip
    """From every state to every state: just the arrows of the table. All is rolled back at the end."""
    table = named(model)
    engine = as_owner(stuffed)
    with engine.connect() as connection, connection.begin() as whole:
        keep_only(connection, table, f"guard_{table}_{column}_moves")
        for before in type(life.start):
            for after in type(life.start):
                allowed = before is after or (before, after) in life.arrows
                assert moves(connection, table, column, before, after) is allowed, f"{before} → {after}"
        to_nowhere = why_not(connection, text(f"UPDATE {table} SET {column} = 'elsewhere' WHERE id = 1"))
        assert to_nowhere == f"{table}.{column} makes no such move"
        whole.rollback()
    engine.dispose()


@pytest.mark.parametrize(("model", "column", "life"), LIVES)
def test_invariant_6_every_life_begins_at_its_start(
    model: type[Row], column: str, life: Lifecycle, stuffed: str
):  # fmt: skip
    engine = as_owner(stuffed)
    with engine.connect() as connection, connection.begin() as whole:
        keep_only(connection, named(model), f"guard_{named(model)}_{column}_start")
        for state in (s for s in type(life.start) if s is not life.start):
            made = insert(model.__table__).values(values(model, 3) | {column: state})
            assert why_not(connection, made) == f"{named(model)}.{column} begins at {life.start.value}"
        assert why_not(connection, insert(model.__table__).values(values(model, 3))) == ""
        whole.rollback()
    engine.dispose()


def keep_only(connection: Connection, table: str, guard: str) -> None:
    """Take away the table's other guards and checks, which may object to a made-up row."""
    if connection.dialect.name == SQLITE:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        catalogue, of = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'", ""
    else:
        catalogue = f"SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = '{table}'::regclass"
        of = f" ON {table}"
    names = connection.scalars(text(catalogue)).all()
    assert guard in names
    for name in names:
        if name != guard:
            connection.exec_driver_sql(f"DROP TRIGGER {name}{of}")


def moves(connection: Connection, table: str, column: str, before: str, after: str) -> bool:
    """Whether row 1 may go from one state to another; it is put into the first one with the guard away."""
    name = f"guard_{table}_{column}_moves"
    put = f"UPDATE {table} SET {column} = '{before.value}' WHERE id = 1"
    if connection.dialect.name == SQLITE:
        made = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{name}'").scalar_one()
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(put)
        connection.exec_driver_sql(made)
    else:
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        connection.exec_driver_sql(put)
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    why = why_not(connection, text(f"UPDATE {table} SET {column} = '{after.value}' WHERE id = 1"))
    assert why in ("", f"{table}.{column} makes no such move")
    return not why


def why_not(connection: Connection, statement: Any) -> str:
    """The database's words against a statement; none when it takes it."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except DBAPIError as error:
        return str(error.orig).split("\n", 1)[0]
    return ""


def test_guards_are_made_anew_just_as_they_were(stuffed: str):
    engine = as_owner(stuffed)
    with engine.begin() as connection:
        before = all_triggers(connection)
        ensure_guards(connection)
        assert all_triggers(connection) == before
    engine.dispose()
    assert before


def all_triggers(connection: Connection) -> list[tuple[Any, ...]]:
    if connection.dialect.name == SQLITE:
        words = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    else:
        words = (
            "SELECT tgname, pg_get_triggerdef(t.oid), tgenabled, prosrc FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal ORDER BY tgname"
        )
    return [tuple(row) for row in connection.execute(text(words))]


def test_no_session_setting_switches_the_guards_off(stuffed: str):
    engine = as_owner(stuffed)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            enabled = connection.execute(
                text("SELECT DISTINCT tgenabled FROM pg_trigger WHERE NOT tgisinternal")
            )
            assert [row[0] for row in enabled] == ["A"]
    engine.dispose()
