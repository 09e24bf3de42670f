"""Accounts as they are in the database, cheaply hashed."""

from collections.abc import Iterator

import pytest

from mscbank.core import access, signatures
from tests import worlds
from tests.house import house  # noqa: F401 - the service with the cast employed


@pytest.fixture
def office(bank: str) -> Iterator[str]:
    """An empty bank whose people are those of the database, not of the stage."""
    kept = list(access._load), list(access._check), list(signatures._vouching)
    worlds.employ_staff()
    yield bank
    access._load[:], access._check[:], signatures._vouching[:] = kept
