"""The worlds of the dose: a released batch for one patient, and prescriptions on their way."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.allocation.models import Allocation
from mscbank.allocation.states import State
from mscbank.batch.models import Batch
from mscbank.core.db import engines, session
from tests import make_allocation, make_batch, make_collection, make_family, make_study, worlds
from tests.copies import World
from tests.fixtures import opened

MAKERS: tuple[Any, ...] = (make_batch, make_collection, make_family, make_study)
STRANGERS = 5_000
"""Where the numbers of those who come to a finished world begin."""

EMPTY = World("empty", worlds.build_empty)


def walk(*steps: Callable[[], object]) -> Callable[[str], None]:
    """Build a world by opening the bank and walking there."""

    def build(url: str) -> None:
        for maker in MAKERS:
            maker._numbers = count(1)
        for _ in opened(url):
            for step in steps:
                step()

    return build


def only_batch() -> Batch:
    """The one batch of the bank."""
    return session.scalars(select(Batch)).one()


def only() -> Allocation:
    """The one prescription of the bank."""
    return session.scalars(select(Allocation)).one()


STOCKED = World("dose_stocked", walk(make_allocation.released_batch), EMPTY)


def _from(state: State) -> World:
    def step() -> None:
        make_allocation.allocation(state, only_batch())

    return World(f"dose_{state}", walk(step), STOCKED)


WORLDS = {
    state: _from(state) for state in (State.PRESCRIBED, State.VERIFIED, State.RESERVED, State.DISPENSED)
}


@pytest.fixture(autouse=True)
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes now has another name than those in the world, whichever process built that."""
    for maker in MAKERS:
        monkeypatch.setattr(maker, "_numbers", count(STRANGERS))


@pytest.fixture
def stocked(world_url: Callable[..., str]) -> Iterator[Batch]:
    """A released batch of eight vials, and nothing prescribed."""
    for _ in opened(world_url(STOCKED.name, STOCKED.build, STOCKED.base)):
        yield only_batch()


def _fixture(state: State) -> Callable[..., Iterator[Allocation]]:
    @pytest.fixture(name=state.value)
    def entered(world_url: Callable[..., str]) -> Iterator[Allocation]:
        world = WORLDS[state]
        for _ in opened(world_url(world.name, world.build, world.base)):
            yield only()

    return entered


prescribed = _fixture(State.PRESCRIBED)
verified = _fixture(State.VERIFIED)
reserved = _fixture(State.RESERVED)
dispensed = _fixture(State.DISPENSED)


@pytest.fixture
def url() -> str:
    """The address of the bank that is open."""
    return engines().url.render_as_string(hide_password=False)
