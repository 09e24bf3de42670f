"""Bringing a database to this version's schema: migrations, guards, grants, and the instance row."""

from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, create_engine, event, insert, inspect, text
from sqlalchemy.engine import Connection, make_url

from mscbank.coding.short import ALPHABET
from mscbank.core import clock
from mscbank.core.db import Base, Plumbing
from mscbank.core.guards import ensure_guards, models
from mscbank.core.instance import DEMONSTRATION_PREFIX, Instance
from mscbank.core.types import Exact, Sealed, Utc, Word

PACKAGE = Path(__file__).resolve().parent.parent


def directory(name: str) -> Path:
    """A folder that the wheel carries inside the package and a checkout beside it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def config() -> Config:
    """Alembic's configuration."""
    made = Config()
    made.set_main_option("script_location", str(directory("migrations")))
    made.set_main_option("path_separator", "os")
    return made


def upgrade(
    url: str, *, service_role: str | None = None, name: str = "mscbank", zone: str = "Europe/Paris",
    prefix: str = "00", demonstration: bool = False,
) -> None:  # fmt: skip
    """Bring the database of the owner's ``url`` to this schema; write the instance row if there is none."""
    if zone not in available_timezones():
        raise ValueError(f"{zone!r} is no IANA time zone, such as Europe/Paris")
    engine = create_engine(_driver(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda con, _record: con.execute("PRAGMA journal_mode=WAL"))
    try:
        with engine.connect() as connection:
            made = config()
            made.attributes["connection"] = connection
            command.upgrade(made, "head")
            connection.commit()
            ensure_guards(connection)
            if service_role is not None:
                grant(connection, service_role)
            _write_instance(connection, name, zone, prefix, demonstration)
            connection.commit()
    finally:
        engine.dispose()


def _driver(url: str) -> Any:
    parsed = make_url(url)
    return (
        parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername in ("postgresql", "postgres")
        else parsed
    )


def _write_instance(connection: Connection, name: str, zone: str, prefix: str, demonstration: bool) -> None:
    if connection.execute(text("SELECT 1 FROM instance")).first() is not None:
        return
    wanted = DEMONSTRATION_PREFIX if demonstration else prefix
    if (
        len(wanted) != 2
        or set(wanted) - set(ALPHABET)
        or (wanted == DEMONSTRATION_PREFIX) is not demonstration
    ):
        raise ValueError(
            f"{wanted!r} is no instance prefix: two of our symbols, {DEMONSTRATION_PREFIX} is reserved"
        )
    connection.execute(
        insert(Instance).values(
            id=1, name=name, zone=zone, prefix=wanted, is_demonstration=demonstration, created_at=clock.now()
        )
    )


def grant(connection: Connection, role: str) -> None:
    """Give the service's role what it needs and nothing more: append-only tables take INSERT alone."""
    connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA public TO "{role}"')
    connection.exec_driver_sql(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    connection.exec_driver_sql(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{role}"')
    for model in models():
        rights = "INSERT" if model.append_only else "INSERT, UPDATE"
        if issubclass(model, Plumbing):
            rights += ", DELETE"
        connection.exec_driver_sql(f'GRANT {rights} ON "{model.__tablename__}" TO "{role}"')


def in_step(connection: Connection) -> bool:
    """Whether the database stands at this version's last migration."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def may_change_tables(connection: Connection) -> bool:
    """Whether this role could drop guards on PostgreSQL: a superuser, or of the owner of a table."""
    if connection.dialect.name != "postgresql":
        return False
    asked = text(
        "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS ("
        "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(tableowner, 'MEMBER'))"
    )
    return bool(connection.execute(asked).scalar_one())


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our types as plain SQLAlchemy types into migrations, which must not change when the code does."""
    if kind != "type":
        return False
    if isinstance(item, Exact) or (isinstance(item, BigInteger) and item._variant_mapping):
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    if isinstance(item, Utc):
        return 'sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")'
    if isinstance(item, Word):
        return f"sa.String({item.impl.length})"
    return "sa.Text()" if isinstance(item, Sealed) else False


def tables() -> list[str]:
    """Every table of the house."""
    return sorted(Base.metadata.tables)


def catalogue(connection: Connection) -> dict[str, Any]:
    """What the database itself says of its tables, to compare two ways of making them."""
    seen = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(seen.get_table_names()):
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)],
            "checks": sorted((c["name"] or "", c["sqltext"]) for c in seen.get_check_constraints(table)),
            "indexes": sorted(
                (
                    i["name"],
                    i["unique"],
                    tuple(i["column_names"]),
                    tuple((name, str(said)) for name, said in sorted(i.get("dialect_options", {}).items())),
                )
                for i in seen.get_indexes(table)
            ),
            "uniques": sorted(
                (u["name"] or "", tuple(u["column_names"])) for u in seen.get_unique_constraints(table)
            ),
            "keys": sorted(
                (k["name"] or "", tuple(k["constrained_columns"]), k["referred_table"], str(k.get("options")))
                for k in seen.get_foreign_keys(table)
            ),
        }
    if connection.dialect.name == "sqlite":
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        )
    else:
        rows = connection.execute(
            text(
                "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
            )
        )
    found["(triggers)"] = [tuple(row) for row in rows]
    return found
