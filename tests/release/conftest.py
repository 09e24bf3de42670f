"""The worlds of the judgement: a frozen batch, a batch under review with all its results, a released one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, select

from mscbank.batch.models import Batch
from mscbank.core import db
from mscbank.core.db import session
from mscbank.release.models import Release
from mscbank.release.states import State
from tests import make_release, worlds
from tests.copies import World
from tests.fixtures import opened

EMPTY = World("empty", worlds.build_empty)


def walk(*steps: Callable[[], object]) -> Callable[[str], None]:
    """Build a world by opening the bank and walking there."""

    def build(url: str) -> None:
        for _ in opened(url):
            for step in steps:
                step()

    return build


FROZEN = World("release_frozen", walk(make_release.frozen), EMPTY)
REVIEWED = World("release_reviewed", walk(lambda: make_release.release(State.UNDER_REVIEW)), EMPTY)
RELEASED = World("release_released", walk(lambda: make_release.release(State.RELEASED)), EMPTY)
CONDITIONAL = World(
    "release_conditional", walk(lambda: make_release.release(State.CONDITIONALLY_RELEASED)), EMPTY
)


@pytest.fixture
def enter_world(world_url: Callable[..., str]) -> Iterator[Callable[[World], None]]:
    """Open the bank as a world left it."""
    running = []

    def enter(world: World) -> None:
        doors = opened(world_url(world.name, world.build, world.base))
        next(doors)
        running.append(doors)

    yield enter
    for doors in running:
        next(doors, None)


@contextmanager
def past_the_door() -> Iterator[Connection]:
    """A connection that the guard lets write: what the database itself still refuses."""
    with db.engines().write.begin() as connection, db.permitted(connection):
        yield connection


def only_release() -> Release:
    """The one release of the bank."""
    return session.scalars(select(Release)).one()


@pytest.fixture
def opened_review(enter_world: Callable[[World], None]) -> Release:
    """A release just opened, without any result."""
    enter_world(FROZEN)
    return make_release.opened(session.scalars(select(Batch)).one())


@pytest.fixture
def reviewed(enter_world: Callable[[World], None]) -> Release:
    """A release under review with every result entered, reviewed and passing."""
    enter_world(REVIEWED)
    return only_release()


@pytest.fixture
def released(enter_world: Callable[[World], None]) -> Release:
    """A released batch."""
    enter_world(RELEASED)
    return only_release()


@pytest.fixture
def conditional(enter_world: Callable[[World], None]) -> Release:
    """A batch released in step 1: the final sterility is still to come."""
    enter_world(CONDITIONAL)
    return only_release()
