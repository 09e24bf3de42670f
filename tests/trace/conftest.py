"""What the tests of the trace stand on: the walked worlds, and the service on one of them."""

from collections.abc import Callable

import pytest

from mscbank.core import db
from tests import worlds
from tests.doors import Caller, Service, service  # noqa: F401 - the fixture of both doors
from tests.fixtures import Walked
from tests.people import OTTO


@pytest.fixture
def auditor(service: Service, infused: Walked) -> Callable[[], Caller]:  # noqa: F811 - the fixture itself
    """An auditor at the line of the world in which one family was infused."""
    db.connect(infused.url)
    worlds.employ_staff()
    return lambda: service.call(OTTO)
