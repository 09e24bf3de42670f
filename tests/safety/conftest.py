"""What the tests of safety stand on: a small trial, two patients infused."""

from collections.abc import Callable, Iterator

import pytest

from tests import make_safety
from tests.doors import service  # noqa: F401 - the fixture of both doors
from tests.make_safety import Trial


@pytest.fixture
def trial(world_url: Callable[..., str]) -> Iterator[Trial]:
    """Two patients infused at the first of two levels; nothing has happened to them yet."""
    world = make_safety.TRIAL
    yield from make_safety.opened(world_url(world.name, world.build, world.base))
