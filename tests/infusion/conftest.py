"""The worlds of the bedside, from dispensed vials to cells that run; their clock may be moved."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.states import State as AllocationState
from mscbank.app import load_steps
from mscbank.batch.models import Batch
from mscbank.core import clock, schema
from mscbank.core.db import session
from mscbank.infusion.models import Infusion
from tests import (
    make_allocation,
    make_batch,
    make_collection,
    make_family,
    make_infusion,
    make_study,
    postgres,
    worlds,
)
from tests.copies import World
from tests.fixtures import opened

MAKERS: tuple[Any, ...] = (make_batch, make_collection, make_family, make_study)
STRANGERS = 5_000
"""Where the numbers of those who come to a finished world begin."""


def build_demonstration(url: str) -> None:
    """The whole schema of a demonstration, in which the clock may be moved."""
    load_steps()
    role = postgres.SERVICE if url.startswith("postgresql") else None
    schema.upgrade(
        postgres.owner_url(url), service_role=role, name="Test bank", zone=worlds.ZONE, demonstration=True
    )


def walk(step: Callable[[], Any]) -> Callable[[str], None]:
    """Build a world by opening the bank and walking there."""

    def build(url: str) -> None:
        for maker in MAKERS:
            maker._numbers = count(1)
        for _ in opened(url):
            step()

    return build


def one() -> Infusion:
    """The one infusion of the bank."""
    session.expire_all()
    return session.scalars(select(Infusion)).one()


def prescription() -> Allocation:
    """The one prescription of the bank."""
    return session.scalars(select(Allocation)).one()


def preparation() -> Preparation:
    """The one preparation of the bank."""
    session.expire_all()
    return session.scalars(select(Preparation)).one()


def _dispense() -> None:
    batch = session.scalars(select(Batch)).one()
    make_allocation.allocation(AllocationState.DISPENSED, batch, spares=1)


EMPTY = World("bedside_empty", build_demonstration)
STOCKED = World("bedside_stocked", walk(make_allocation.released_batch), EMPTY)
DISPENSED = World("bedside_dispensed", walk(_dispense), STOCKED)
PLANNED = World("bedside_planned", walk(lambda: make_infusion.planned(prescription())), DISPENSED)
READY = World("bedside_ready", walk(lambda: make_infusion.confirm(one())), PLANNED)
PREPARED = World("bedside_prepared", walk(lambda: make_infusion.prepare(make_infusion.thaw(one()))), READY)
CHECKED = World("bedside_checked", walk(lambda: make_infusion.check(one())), PREPARED)
STARTED = World(
    "bedside_started", walk(lambda: make_infusion.actions.start(one(), by=make_infusion.NINA)), CHECKED
)


@pytest.fixture(autouse=True)
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes now has another name than those in the world, whichever process built that."""
    for maker in MAKERS:
        monkeypatch.setattr(maker, "_numbers", count(STRANGERS))


def _entered(name: str, world: World, found: Callable[[], Any]) -> Any:
    @pytest.fixture(name=name)
    def enter(world_url: Callable[..., str]) -> Iterator[Any]:
        for _ in opened(world_url(world.name, world.build, world.base)):
            yield found()

    return enter


stocked = _entered("stocked", STOCKED, lambda: session.scalars(select(Batch)).one())
dispensed = _entered("dispensed", DISPENSED, prescription)
planned = _entered("planned", PLANNED, one)
ready = _entered("ready", READY, one)
prepared = _entered("prepared", PREPARED, one)
checked = _entered("checked", CHECKED, one)
started = _entered("started", STARTED, one)


def later(minutes: int) -> Any:
    """So many minutes from now."""
    return clock.moved_to(clock.now() + timedelta(minutes=minutes))
