"""Databases that several tests of the core share: every test in them is refused, so nothing changes."""

from collections.abc import Iterator

import pytest

from mscbank.core import db
from tests.conftest import COPIES
from tests.copies import Copies
from tests.core.stuffed import STUFFED
from tests.fixtures import opened
from tests.house import house  # noqa: F401 - the service with the cast employed


@pytest.fixture(scope="module")
def stuffed(pytestconfig: pytest.Config, engine_kind: str) -> Iterator[str]:
    """An open bank with two made-up rows in every table, one for all tests of a module."""
    shared: Copies = pytestconfig.stash[COPIES]
    made = Copies(shared.session, f"{shared.worker}_stuffed")
    yield from opened(made.of(STUFFED, engine_kind))
    made.drop_all()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Whatever a test left in the session goes with it."""
    yield
    if db._engines:
        db.session.remove()
