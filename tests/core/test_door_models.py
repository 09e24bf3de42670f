"""Nobody writes past the door: every way that comes to mind, on every table, on both engines."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import ColumnElement, delete, insert, literal, text, update

from mscbank.core.access import Role
from mscbank.core.acts import Action, current
from mscbank.core.db import Plumbing, Row, Thing, Unguarded, engines, permitted, session
from mscbank.core.lifecycle import Lifecycle
from mscbank.staff.models import User
from tests.core.stuffed import MODELS, RECORDED, content, named, values
from tests.people import person

ADA = person("ada", "Ada", Role.ADMIN)

Attack = Callable[[type[Row]], object]


def stopped(what: object, attack: Callable[[], object]) -> None:
    """The guard stops it, and neither success nor any other error comes first."""
    with pytest.raises(Unguarded):  # noqa: PT012 - it must not come as far as the second line
        attack()
        pytest.fail(f"let pass: {what}")


def some_column(model: type[Row]) -> str:
    """A column to change: the last one that is neither key nor foreign key."""
    columns = [
        c for c in model.__table__.columns if c.name not in ("id", "code", "version") and not c.foreign_keys
    ]
    return columns[-1].name if columns else "id"


def fresh(model: type[Row]) -> Row:
    made = model()
    for name, value in values(model, 3).items():
        setattr(made, name, value)
    return made


def changed(model: type[Row]) -> Row:
    """Row 2 with something of row 1, or at least with its flag turned."""
    row = session.get(model, 2) or session.get(model, 1)
    assert row is not None
    own = [column.name for column in model.__table__.columns if column.name != "id"]
    name = next((n for n in reversed(own) if values(model, 1)[n] != getattr(row, n)), own[-1])
    setattr(row, name, True if isinstance(getattr(row, name), bool) else values(model, 1)[name])
    assert session.is_modified(row), f"nothing to change in {named(model)}"
    return row


# --- With no act open -------------------------------------------------------------------------------------


def a_commit(model: type[Row]) -> None:
    changed(model)
    session.commit()


def a_flush(model: type[Row]) -> None:
    changed(model)
    session.flush()


def an_autoflush(model: type[Row]) -> None:
    changed(model)
    session.execute(text("SELECT 1")).all()
    session.scalars(text(f'SELECT id FROM "{named(model)}"')).all()
    session.query(model).first()


def a_new_row(model: type[Row]) -> None:
    session.add(fresh(model))
    session.flush()


def a_deletion(model: type[Row]) -> None:
    session.delete(session.get(model, 1))
    session.flush()


def an_update_of_many(model: type[Row]) -> None:
    session.execute(update(model).values({some_column(model): values(model, 2)[some_column(model)]}))


def an_update_by_key(model: type[Row]) -> None:
    session.execute(update(model), [values(model, 1)])


def a_deletion_of_many(model: type[Row]) -> None:
    session.execute(delete(model))


def an_insertion_of_many(model: type[Row]) -> None:
    session.execute(insert(model), [values(model, 3), values(model, 4)])


def an_insertion_that_answers(model: type[Row]) -> None:
    session.scalars(insert(model).returning(model.id), [values(model, 3), values(model, 4)]).all()


def the_old_bulk_insert(model: type[Row]) -> None:
    session.bulk_insert_mappings(model.__mapper__, [values(model, 3)])


def the_old_bulk_update(model: type[Row]) -> None:
    session.bulk_update_mappings(model.__mapper__, [values(model, 1)])


def the_old_bulk_save(model: type[Row]) -> None:
    session.bulk_save_objects([fresh(model)])


def a_query_update(model: type[Row]) -> None:
    session.query(model).update({some_column(model): values(model, 2)[some_column(model)]})


def a_savepoint(model: type[Row]) -> None:
    session.begin_nested()


WITHOUT: list[Attack] = [
    a_commit, a_flush, an_autoflush, a_new_row, a_deletion, an_update_of_many, an_update_by_key,
    a_deletion_of_many, an_insertion_of_many, an_insertion_that_answers, the_old_bulk_insert,
    the_old_bulk_update, the_old_bulk_save, a_query_update, a_savepoint,
]  # fmt: skip


@pytest.mark.db
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_without_an_act_the_session_writes_nothing(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    for attack in WITHOUT:
        stopped(attack.__name__, lambda attack=attack: attack(model))
        session.rollback()
    assert content(stuffed, named(model)) == before


def texts(table: str, column: str) -> list[str]:
    return [
        f"DELETE FROM {table}",
        f"delete from {table}",
        f"UPDATE {table} SET {column} = {column}",
        f"  \n update {table} set {column} = {column}",
        f"/* SELECT */ DELETE FROM {table}",
        f"-- SELECT 1\nDELETE FROM {table}",
        f"DELETE/**/FROM {table}",
        f"WITH x AS (SELECT 1) DELETE FROM {table}",
        f"with x as (select 1) update {table} set {column} = {column}",
        f"WITH x AS (SELECT 1) INSERT OR IGNORE INTO {table} SELECT * FROM {table}",
        f"WITH x AS (DELETE FROM {table} RETURNING *) SELECT * FROM x",
        f"INSERT INTO {table} SELECT * FROM {table}",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        f"REPLACE INTO {table} SELECT * FROM {table}",
        f"MERGE INTO {table} USING {table} x ON 1 = 0 WHEN NOT MATCHED THEN DO NOTHING",
        f"TRUNCATE {table}",
        f"SELECT 1; DELETE FROM {table}",
        f"SELECT 1;\nDELETE FROM {table};",
        f"EXPLAIN ANALYZE DELETE FROM {table}",
        f"SELECT * INTO another FROM {table}",
        f"CREATE TABLE another AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"COPY {table} FROM STDIN",
        f"DO $$ BEGIN DELETE FROM {table}; END $$",
        f"SELECT $$'$$; DELETE FROM {table}; SELECT $$'$$",
        f"SELECT E'\\'' ; DELETE FROM {table}; SELECT ''",
        f"SELECT 1 --\r; DELETE FROM {table}",
    ]


@pytest.mark.db
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_without_an_act_no_text_and_no_core_statement_writes(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    table, column = model.__table__, some_column(model)
    statements = [text(words.replace(":", "\\:")) for words in texts(named(model), column)]
    statements += [delete(table), update(table).values({column: values(model, 2)[column]}), insert(table)]
    for engine in (engines().read, engines().write):
        for statement in statements:
            with engine.connect() as connection:
                stopped(statement, partial(connection.execute, statement))
        with engine.connect() as connection, pytest.raises(Unguarded):
            connection.exec_driver_sql(f"DELETE FROM {named(model)}")
        with engine.connect() as connection, pytest.raises(Unguarded):
            connection.execute(delete(table), execution_options={"compiled_cache": {}})
        with engine.connect() as connection, pytest.raises(Unguarded):
            connection.begin_nested()
    assert content(stuffed, named(model)) == before


@pytest.mark.db
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_the_read_engine_is_read_only_in_the_database_too(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    column = some_column(model)
    connection = engines().read.raw_connection()
    try:
        for words in (f"DELETE FROM {named(model)}", f"UPDATE {named(model)} SET {column} = {column}"):
            with pytest.raises(Exception, match=r"(?i)read.?only"):
                connection.cursor().execute(words)
    finally:
        connection.close()
    with engines().read.connect() as permitted_one, permitted(permitted_one), pytest.raises(Unguarded):
        permitted_one.execute(delete(model.__table__))
    assert content(stuffed, named(model)) == before


# --- In an act --------------------------------------------------------------------------------------------


def in_an_act(body: Callable[[User], Any], *locked: Row) -> None:
    """Run a body in an act of its own on person 1, with these rows locked too."""
    person_1 = session.get(User, 1)
    assert person_1 is not None
    Action("test.attack", body, role=(Role.ADMIN,), kind="person", locks=lambda _person: locked)(
        person_1, by=ADA
    )


def an_sql_expression(model: type[Row]) -> None:
    row = session.get(model, 1)
    assert row is not None
    expression: ColumnElement[Any] = literal(values(model, 2)[some_column(model)])
    setattr(row, some_column(model), expression)
    session.flush()


def a_commit_of_the_connection(model: type[Row]) -> None:
    session.connection().commit()


def a_commit_of_the_transaction(model: type[Row]) -> None:
    found = session.registry().get_transaction()
    assert found is not None
    found.commit()


def a_savepoint_of_the_connection(model: type[Row]) -> None:
    session.connection().begin_nested()


def a_rollback(model: type[Row]) -> None:
    session.rollback()


def a_closing(model: type[Row]) -> None:
    session.remove()


def a_text(model: type[Row]) -> None:
    session.execute(text(f"DELETE FROM {named(model)}"))


def a_core_statement(model: type[Row]) -> None:
    session.execute(delete(model.__table__))


def a_cached_statement(model: type[Row]) -> None:
    session.execute(delete(model.__table__), execution_options={"compiled_cache": {}})


def the_driver_of_the_act(model: type[Row]) -> None:
    session.connection().exec_driver_sql(f"DELETE FROM {named(model)}")


def another_connection(model: type[Row]) -> None:
    with engines().read.connect() as connection:
        connection.execute(delete(model.__table__))


WITHIN: list[Attack] = [
    a_deletion, an_update_of_many, an_update_by_key, a_deletion_of_many, an_insertion_of_many,
    an_insertion_that_answers, the_old_bulk_insert, the_old_bulk_update, the_old_bulk_save,
    a_query_update, a_savepoint, a_commit, a_commit_of_the_connection, a_commit_of_the_transaction,
    a_savepoint_of_the_connection, a_rollback, a_closing, a_text, a_core_statement,
    a_cached_statement, the_driver_of_the_act, another_connection,
]  # fmt: skip


@pytest.mark.db
@pytest.mark.filterwarnings("ignore:transaction already deassociated")
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_in_an_act_only_flushes_write(model: type[Row], stuffed: str):
    before, recorded = content(stuffed, named(model)), content(stuffed, "record")
    for attack in WITHIN:
        stopped(attack.__name__, lambda attack=attack: in_an_act(lambda _person: attack(model)))
        assert session.registry().act is None
        session.remove()
    assert content(stuffed, named(model)) == before
    assert content(stuffed, "record") == recorded


@pytest.mark.db
@pytest.mark.parametrize("model", [m for m in RECORDED if m is not User], ids=named)
def test_in_an_act_nothing_unlocked_is_changed(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    with pytest.raises(Unguarded, match=r"locked|append-only|set by hand"):
        in_an_act(lambda _person: changed(model))
    assert content(stuffed, named(model)) == before


CHANGEABLE = [model for model in RECORDED if not model.append_only]


@pytest.mark.db
@pytest.mark.parametrize("model", CHANGEABLE, ids=named)
def test_an_expression_is_no_value(model: type[Row], stuffed: str):
    """The record could not know what it came to."""
    before = content(stuffed, named(model))
    row = session.get(model, 1)
    assert row is not None
    with pytest.raises((Unguarded, TypeError)):
        in_an_act(lambda _person: an_sql_expression(model), row)
    assert content(stuffed, named(model)) == before


def life_id(value: object) -> str:
    return value if isinstance(value, str) else named(value) if isinstance(value, type) else ""


THINGS = [model for model in RECORDED if issubclass(model, Thing)]
LIVES = [(m, column, life) for m in RECORDED for column, life in m.lives.items()]


@pytest.mark.db
@pytest.mark.parametrize(("model", "column", "life"), LIVES, ids=life_id)
def test_invariant_6_no_state_is_set_by_hand(model: type[Row], column: str, life: Lifecycle, stuffed: str):
    before = content(stuffed, named(model))
    row = session.get(model, 1)
    assert row is not None
    for state in type(life.start):
        if state is life.start:
            continue

        def by_hand(_person: User, state: Any = state) -> None:
            setattr(session.get(model, 1), column, state)

        with pytest.raises(Unguarded, match="not set by hand"):
            in_an_act(by_hand, row)

        def born_there(_person: User, state: Any = state) -> None:
            made = fresh(model)
            setattr(made, column, state)
            session.add(made)

        with pytest.raises(Unguarded, match="begins at"):
            in_an_act(born_there, row)

        if (life.start, state) not in life.arrows:
            with pytest.raises(Unguarded, match="is no move"):
                in_an_act(
                    lambda _person, state=state: current().lead(session.get(model, 1), state, column), row
                )
    assert content(stuffed, named(model)) == before


@pytest.mark.db
@pytest.mark.parametrize(
    "model",
    THINGS,
    ids=named,
)
def test_code_and_version_are_not_set_by_hand(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    row = session.get(model, 1)
    assert row is not None
    for name, value in (("version", 7), ("code", "OTHER")):

        def by_hand(_person: User, name: str = name, value: Any = value) -> None:
            setattr(session.get(model, 1), name, value)

        with pytest.raises(Unguarded, match=r"not set by hand"):
            in_an_act(by_hand, row)
    assert content(stuffed, named(model)) == before


@pytest.mark.db
@pytest.mark.parametrize("model", [m for m in RECORDED if m.by_door], ids=named)
def test_the_record_is_written_by_the_door_alone(model: type[Row], stuffed: str):
    before = content(stuffed, named(model))
    with pytest.raises(Unguarded, match="by the door alone"):
        in_an_act(lambda _person: session.add(fresh(model)))
    assert content(stuffed, named(model)) == before


def test_the_list_of_plumbing_is_this():
    """What stands outside the record, in one list; a room that adds to it changes this test too."""
    assert sorted(m.__tablename__ for m in MODELS if issubclass(m, Plumbing)) == [
        "chain_head", "challenge", "code_app", "code_counter", "code_tries", "credential", "heartbeat",
        "idempotency", "job", "outbox", "passkey_use", "proof", "recovery_code", "sign_on", "token_use",
        "web_session",
    ]  # fmt: skip
