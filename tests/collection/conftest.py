"""The worlds of collection: one family with its consents, and one assessment per verdict beside it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.collection.models import Assessment
from mscbank.collection.panel import Marker, Outcome
from mscbank.collection.states import AssessmentState
from mscbank.core.db import session
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.study.models import Protocol
from tests import make_collection, make_family, worlds
from tests.copies import World
from tests.doors import service  # noqa: F401 - the fixture of both doors
from tests.fixtures import opened
from tests.make_family import Family

EMPTY = World("empty", worlds.build_empty)


def build_family(url: str) -> None:
    """One family, enrolled, with every consent; the donor's was given two months ago."""
    for _ in opened(url):
        who = make_family.family()
        earlier = make_collection.today() - timedelta(days=60)
        make_family.donor_consent(who.donor, who.recipient, given_on=earlier)


FAMILY = World("collection_family", build_family, EMPTY)


def build_tested(url: str) -> None:
    """Three assessments that wait for the director: nothing found, anti-HBc alone, HIV found."""
    for _ in opened(url):
        who = family_here()
        make_collection.assessment(who, AssessmentState.TESTED)
        make_collection.assessment(
            who, AssessmentState.TESTED, outcomes={Marker.HBC_ANTIBODY: Outcome.REACTIVE}
        )
        make_collection.assessment(who, AssessmentState.TESTED, outcomes={Marker.HIV_NAT: Outcome.REACTIVE})


def family_here() -> Family:
    """The family of the open bank."""
    return Family(
        *(session.scalars(select(kind)).first() for kind in (Donor, Recipient, FamilyLink, Protocol))
    )


@pytest.fixture
def family(world_url: Callable[..., str]) -> Iterator[Family]:
    """One family in an open bank."""
    for _ in opened(world_url(FAMILY.name, FAMILY.build, FAMILY.base)):
        yield family_here()


@pytest.fixture
def tested(world_url: Callable[..., str]) -> Iterator[list[Assessment]]:
    """Assessments that wait for the director: nothing found, anti-HBc alone, HIV found."""
    for _ in opened(world_url("collection_tested", build_tested, FAMILY)):
        yield list(session.scalars(select(Assessment).order_by(Assessment.id)))
