"""The ground under every test: a fresh database on each engine, loopback only, a clean environment."""

import importlib
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mscbank.core import keeping
from mscbank.core.web import here
from mscbank.staff import pages
from tests import evidence, postgres
from tests.copies import POSTGRESQL, SQLITE, Copies, World, session_directory
from tests.fixtures import bank, chromium, infused, released, reserved  # noqa: F401 - what most tests stand on

IN_CI = bool(os.environ.get("CI"))

settings.register_profile("house", deadline=None, max_examples=50, print_blob=True, derandomize=IN_CI)
settings.load_profile("house")

COPIES: pytest.StashKey[Copies] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long, and only those")


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("MSCBANK_")]:
        if not name.startswith("MSCBANK_TEST_"):
            del os.environ[name]
    guard_sockets()
    evidence.watch(config)
    if shared := getattr(config, "workerinput", None):
        config.stash[COPIES] = Copies(Path(shared["mscbank_session"]), shared["workerid"])
    else:
        config.stash[COPIES] = Copies(session_directory(), "main")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker where the session's shared databases lie."""
    node.workerinput["mscbank_session"] = str(node.config.stash[COPIES].session)


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or COPIES not in config.stash:
        return
    session = config.stash[COPIES].session
    postgres.stop_cluster(session)
    shutil.rmtree(session, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--long")
    chosen = [item for item in items if (item.get_closest_marker("long") is not None) == wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = sorted(chosen, key=_length)


def _length(item: pytest.Item) -> bool:
    """The longest first, so that no worker waits for another one's last."""
    return item.get_closest_marker("browser") is None


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    """Who asks is found out as in the service; nothing is kept outside, whatever a test has set."""
    here.identified_by(pages.identify)
    keeping._way.clear()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = next(metafunc.definition.iter_markers("db"), None) is not None
    if "engine_kind" in metafunc.fixturenames:
        kinds = [SQLITE, POSTGRESQL] if both else [SQLITE]
        metafunc.parametrize("engine_kind", kinds, scope="session")
    elif both:
        pytest.fail(f"{metafunc.definition.nodeid} is marked db but asks for no database", pytrace=False)


@pytest.fixture
def copies(request: pytest.FixtureRequest) -> Iterator[Copies]:
    """Databases for one test on either engine, for a test that wants several; they go when it ends."""
    made = request.config.stash[COPIES]
    yield made
    made.drop_all()


@pytest.fixture
def world_url(copies: Copies, engine_kind: str) -> Callable[..., str]:
    """`world_url(name, build, base=None)`: a copy of that world, which is built once a session."""

    def of(
        name: str, build: Callable[[str], None], base: World | None = None, *, kind: str = engine_kind
    ) -> str:
        return copies.of(World(name, build, base), kind)

    return of


@pytest.fixture
def blank_url(copies: Copies, engine_kind: str) -> str:
    """A database without any table, as the migrations first meet it."""
    return copies.blank(engine_kind)


@pytest.fixture
def database_url(copies: Copies, engine_kind: str) -> str:
    """A database with the whole schema and nobody in it; the URL is the service's."""
    worlds = importlib.import_module("tests.worlds")
    return copies.of(World("empty", worlds.build_empty), engine_kind)


@pytest.fixture
def migration_url(database_url: str) -> str:
    """The same database as its owner, who may change the schema, sees it."""
    return postgres.owner_url(database_url)


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> postgres.Cluster:
    """The session's PostgreSQL itself."""
    return pytestconfig.stash[COPIES].cluster


class LeftTheHouse(RuntimeError):
    """A test tried to reach something that is not on this machine."""


def is_loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def guard_sockets() -> None:
    """Refuse every way of Python's sockets to leave the machine, name look-ups included."""

    def guarded(original: Callable, address_at: int) -> Callable:
        def call(self: socket.socket, *arguments: object) -> object:
            address = arguments[address_at]
            if self.family != socket.AF_UNIX and not (isinstance(address, tuple) and is_loopback(address[0])):
                raise LeftTheHouse(f"no connections but loopback in tests: {address!r}")
            return original(self, *arguments)

        return call

    def look_up(host: object, *arguments: object, **keywords: object) -> object:
        if not is_loopback(host):
            raise LeftTheHouse(f"no names but localhost in tests: {host!r}")
        return resolve(host, *arguments, **keywords)

    resolve = socket.getaddrinfo
    socket.getaddrinfo = look_up
    for name, address_at in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
        setattr(socket.socket, name, guarded(getattr(socket.socket, name), address_at))
