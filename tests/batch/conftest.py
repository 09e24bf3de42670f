"""The worlds of the laboratory: accepted marrow with an approved specification, a culture, a harvest."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from mscbank.batch.models import Batch, MaterialLot
from mscbank.batch.states import BatchState
from mscbank.collection.models import Donation
from mscbank.core.db import session
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.study.models import Protocol, Specification
from tests import make_batch, make_collection, make_family, make_study, worlds
from tests.copies import World
from tests.doors import service  # noqa: F401 - the fixture of both doors
from tests.fixtures import opened
from tests.make_family import Family

EMPTY = World("empty", worlds.build_empty)


def family_here() -> Family:
    """The family of the open bank."""
    return Family(
        *(session.scalars(select(kind)).first() for kind in (Donor, Recipient, FamilyLink, Protocol))
    )


def only(kind: type):
    """The one thing of a kind in the open bank."""
    return session.scalars(select(kind)).one()


def first(kind: type):
    """The oldest thing of a kind in the open bank."""
    return session.scalars(select(kind).order_by(kind.id)).first()


def from_here(**changes):
    """What a batch is planned from in the open bank."""
    return {
        "donation": first(Donation),
        "protocol": first(Protocol),
        "specification": first(Specification),
        "directed_to": first(Recipient),
    } | changes


def build_accepted(url: str) -> None:
    """A family with accepted marrow, an approved specification and a released lot of medium."""
    for _ in opened(url):
        who = make_family.family()
        make_collection.donation(who)
        make_study.specification(who.protocol)
        make_batch.lot()


ACCEPTED = World("batch_accepted", build_accepted, EMPTY)


def build_culture(url: str) -> None:
    """The same, with a batch in culture."""
    for _ in opened(url):
        make_batch.batch(BatchState.IN_CULTURE, **from_here())


CULTURE = World("batch_culture", build_culture, ACCEPTED)


def build_harvested(url: str) -> None:
    """The same, harvested after two passages, one lot used."""
    for _ in opened(url):
        make_batch.batch(BatchState.HARVESTED, lots=(only(MaterialLot),), **from_here())


def _in(world_url: Callable[..., str], world: World) -> Iterator[str]:
    yield from opened(world_url(world.name, world.build, world.base))


@pytest.fixture
def accepted(world_url: Callable[..., str]) -> Iterator[Family]:
    """A family with accepted marrow, an approved specification and a released lot."""
    for _ in _in(world_url, ACCEPTED):
        yield family_here()


@pytest.fixture
def culture(world_url: Callable[..., str]) -> Iterator[Batch]:
    """A batch in culture, nothing seeded yet."""
    for _ in _in(world_url, CULTURE):
        yield only(Batch)


@pytest.fixture
def harvested(world_url: Callable[..., str]) -> Iterator[Batch]:
    """A harvested batch."""
    for _ in _in(world_url, World("batch_harvested", build_harvested, ACCEPTED)):
        yield only(Batch)
