"""The migrations and the models say the same, down to checks, predicates and triggers, on both engines."""

import pytest
from alembic import command
from sqlalchemy import create_engine

from mscbank.core import schema
from mscbank.core.db import Base
from mscbank.core.guards import ensure_guards
from tests import postgres


@pytest.fixture
def owner(blank_url):
    engine = create_engine(postgres.owner_url(blank_url))
    yield engine
    engine.dispose()


def created(url: str) -> dict:
    engine = create_engine(postgres.owner_url(url))
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        ensure_guards(connection)
        found = schema.catalogue(connection)
    engine.dispose()
    return found


@pytest.mark.db
def test_upgrading_makes_what_the_models_say(copies, engine_kind):
    upgraded = copies.blank(engine_kind)
    schema.upgrade(postgres.owner_url(upgraded), prefix="T1")
    engine = create_engine(postgres.owner_url(upgraded))
    with engine.connect() as connection:
        assert schema.in_step(connection)
        by_migration = schema.catalogue(connection)
    engine.dispose()
    by_models = created(copies.blank(engine_kind))
    assert by_migration.keys() == by_models.keys()
    for table, said in by_models.items():
        assert by_migration[table] == said, table


@pytest.mark.db
def test_a_migration_goes_down_and_up_again(owner):
    with owner.connect() as connection:
        config = schema.config()
        config.attributes["connection"] = connection
        for way in ("head", "base", "head"):
            (command.downgrade if way == "base" else command.upgrade)(config, way)
            connection.commit()
        assert schema.in_step(connection)


@pytest.mark.db
def test_the_instance_is_written_once(owner):
    url = owner.url.render_as_string(hide_password=False)
    schema.upgrade(url, prefix="T1", name="First")
    schema.upgrade(url, prefix="T2", name="Second")
    with owner.connect() as connection:
        assert connection.exec_driver_sql("SELECT prefix, name FROM instance").all() == [("T1", "First")]


@pytest.mark.parametrize("prefix", ["D", "DD", "AA", "T12", "t1"])
def test_a_prefix_that_no_code_can_carry_is_refused(blank_url, prefix):
    with pytest.raises(ValueError, match="prefix"):
        schema.upgrade(blank_url, prefix=prefix)
