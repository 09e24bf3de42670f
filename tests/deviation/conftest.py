"""What the tests of this room stand on."""

from tests.doors import service  # noqa: F401 - the fixture of both doors
