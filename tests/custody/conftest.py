"""The cryo room as tests find it: walked once by real acts, copied for each test."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, select, text

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.core import db
from mscbank.core.db import session
from mscbank.custody.models import Place, Vial
from mscbank.custody.words import Level
from tests import fixtures, make_batch, make_custody, make_release, postgres, worlds
from tests.copies import World
from tests.doors import Service

EMPTY = World("empty", worlds.build_empty)


def _built(url: str, build) -> None:
    for _ in fixtures.opened(url):
        build()


def build_stock(url: str) -> None:
    """Two families: six vials of the one lie in a box, two of the other are still in the laboratory."""

    def build() -> None:
        make_custody.stored(vials=6)
        make_custody.filled(vials=2)

    _built(url, build)


def build_released(url: str) -> None:
    """A released batch of six vials, and a harvested one of another family."""

    def build() -> None:
        make_release.release(batch=make_release.frozen(vials=6))
        make_batch.batch(BatchState.HARVESTED)

    _built(url, build)


@pytest.fixture
def stock(world_url) -> Iterator[str]:
    """The stock world, open."""
    yield from fixtures.opened(world_url("custody_stock", build_stock, EMPTY))


@pytest.fixture
def released(world_url) -> Iterator[str]:
    """The released world, open."""
    yield from fixtures.opened(world_url("custody_released", build_released, EMPTY))


@pytest.fixture
def doors(world_url) -> Iterator[Service]:
    """Both doors of the service, on the stock world."""
    yield Service(world_url("custody_stock", build_stock, EMPTY))
    db.disconnect()


@pytest.fixture
def released_doors(world_url) -> Iterator[Service]:
    """Both doors of the service, on the released world."""
    yield Service(world_url("custody_released", build_released, EMPTY))
    db.disconnect()


def batches() -> list[Batch]:
    """Every batch, oldest first."""
    return list(session.scalars(select(Batch).order_by(Batch.id)))


def first_vials() -> list[Vial]:
    """The vials of the first batch."""
    return make_custody.vials_of(batches()[0])


def other_vials() -> list[Vial]:
    """The vials of the second batch."""
    return make_custody.vials_of(batches()[1])


def first_box() -> Place:
    """The box in which the first batch lies."""
    return session.scalars(select(Place).where(Place.level == Level.BOX).order_by(Place.id)).first()


def take_guards_away(url: str, *tables: str) -> Engine:
    """An engine with the owner's keys, the guards of these tables gone: nobody else can do this."""
    session.rollback()
    engine = create_engine(postgres.owner_url(url))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.execute(text(named)).scalars().all():
                connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            for table in tables:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    return engine


def as_owner(*statements: str) -> None:
    """Run statements past every guard, as somebody with the database's own keys could."""
    with db.engines().write.begin() as connection, db.permitted(connection):
        for statement in statements:
            connection.exec_driver_sql(statement)
    session.rollback()
    session.expire_all()
