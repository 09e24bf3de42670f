"""What most tests stand on: an open bank, empty or as one of the worlds left it."""

from collections.abc import Iterator

import pytest

from mscbank.core import db, sealed
from tests import people, worlds


def opened(url: str) -> Iterator[str]:
    """Connect the house to a database, with the cast on stage; close it afterwards."""
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    people.on_stage()
    yield url
    db.disconnect()


@pytest.fixture
def bank(database_url: str) -> Iterator[str]:
    """An empty bank, open."""
    yield from opened(database_url)
