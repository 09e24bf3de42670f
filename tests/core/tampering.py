"""What somebody with the database's own password can do: edit past the guards, and make the chains fit."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.engine import Connection

from mscbank.core import verify
from mscbank.core.db import session
from mscbank.core.guards import ensure_guards
from mscbank.core.record import GENESIS, HASHED, ChainHead, Record, hash_of
from tests import postgres
from tests.core.stuffed import direct

Edit = Callable[[Connection], object]


def edited(url: str, edit: Edit) -> None:
    """Take guards and keys away, edit, put them back, as who rules the host can."""
    session.remove()
    engine = direct(postgres.superuser_url(url))
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for name in connection.scalars(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for name, table in connection.execute(
                text("SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal")
            ).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name} ON {table}")
        edit(connection)
        ensure_guards(connection)
    engine.dispose()


def lines(*names: str) -> list[str]:
    return [finding.line for finding in verify.findings(*names)]


def does(words: str) -> Edit:
    return lambda connection: connection.exec_driver_sql(words)


RECORD, HEAD = Record.__table__, ChainHead.__table__


def rechained(connection: Connection, kind: str, code: str) -> None:
    """Count the entries of a chain anew and make every hash fit, its end too."""
    rows = connection.execute(
        select(RECORD)
        .where(RECORD.c.chain_kind == kind, RECORD.c.chain_code == code)
        .order_by(RECORD.c.chain_sequence)
    ).all()
    previous = GENESIS
    for sequence, row in enumerate(rows, start=1):
        values: dict[str, Any] = {name: getattr(row, name) for name in HASHED}
        values |= {"chain_sequence": sequence, "prev_hash": previous}
        fitting = hash_of(values)
        connection.execute(
            update(RECORD)
            .where(RECORD.c.id == row.id)
            .values(chain_sequence=sequence, prev_hash=previous, hash=fitting)
        )
        previous = fitting
    connection.execute(
        update(HEAD)
        .where(HEAD.c.chain_kind == kind, HEAD.c.chain_code == code)
        .values(sequence=len(rows), hash=previous)
    )


def forged(kind: str, code: str, *words: str) -> Edit:
    """Edits by text, after which the chain of a thing is made to fit."""

    def edit(connection: Connection) -> None:
        for one in words:
            connection.exec_driver_sql(one)
        rechained(connection, kind, code)

    return edit
