"""Databases for the tests: a world is walked once a session and copied for every test.

A world is built by real actions on a database of its own. The finished database is kept as a template; what a
test gets is a copy of it (a file on SQLite, `CREATE DATABASE … TEMPLATE` on PostgreSQL), so tests commit for
real and never meet each other. A lock file lets the workers of one session share the templates.
"""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import traceback
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, make_url

from tests import postgres

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

# Memory copies a PostgreSQL database twenty times faster than a disk; this much of it has to be free.
ROOM = 2 * 1024**3

# Ends the session's PostgreSQL and removes its directory when the test run is over or was killed.
WATCHDOG = """
(
    while kill -0 "$1" 2>/dev/null; do sleep 2; done
    server=$(head -n 1 "$2/postgres/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$server" && sleep 1
    rm -rf "$2"
) &
"""

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


@event.listens_for(Engine, "engine_connect")
def _remember(connection: Connection) -> None:
    _engines.add(connection.engine)


def dispose_engines(url: str) -> None:
    """Let go of every connection that an engine of this process keeps to the database."""
    database = make_url(url).database
    for engine in list(_engines):
        if engine.url.database == database:
            engine.dispose()


class World(NamedTuple):
    """A state of the bank worth starting a test from; `build` walks there from a copy of `base`."""

    name: str
    build: Callable[[str], None]
    base: "World | None" = None


@dataclass
class Copies:
    """The databases of one worker: the templates are the session's, the copies are its own."""

    session: Path
    worker: str
    _count: int = 0
    _live: list[tuple[str, str]] = field(default_factory=list)

    @property
    def cluster(self) -> postgres.Cluster:
        return postgres.shared_cluster(self.session)

    def blank(self, kind: str) -> str:
        """A database with nothing in it, not even tables."""
        return self._make(kind, None)

    def of(self, world: World, kind: str) -> str:
        """A copy of the world, for one test; the URL is the service's."""
        self._template(world, kind)
        return self._make(kind, world.name)

    def drop_all(self) -> None:
        """Take away the copies made so far; the templates stay."""
        while self._live:
            kind, name = self._live.pop()
            dispose_engines(self._url(kind, name))
            if kind == POSTGRESQL:
                self.cluster.drop_database(name)
            else:
                for path in self.session.glob(f"{name}.sqlite*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _make(self, kind: str, template: str | None) -> str:
        self._count += 1
        name = f"copy_{self.worker}_{self._count}"
        self._live.append((kind, name))
        self._copy(kind, template and f"world_{template}", name)
        return self._url(kind, name)

    def _template(self, world: World, kind: str) -> None:
        if world.base:
            self._template(world.base, kind)
        name = f"world_{world.name}"
        done, failed = (self.session / f"{kind}_{name}.{end}" for end in ("done", "failed"))
        with FileLock(self.session / f"{kind}_{name}.lock"):
            if failed.exists():
                raise RuntimeError(f"The world {world.name!r} could not be built:\n{failed.read_text()}")
            if done.exists():
                return
            try:
                self._copy(kind, world.base and f"world_{world.base.name}", name)
                world.build(self._url(kind, name))
                self._freeze(kind, name)
            except BaseException:
                failed.write_text(traceback.format_exc())
                raise
            done.touch()

    def _copy(self, kind: str, template: str | None, name: str) -> None:
        if kind == POSTGRESQL:
            self.cluster.create_database(name, template)
        elif template:
            shutil.copyfile(self._file(template), self._file(name))
            if (kept := self._shelf(template)).is_dir():
                shutil.copytree(kept, self._shelf(name))

    def _freeze(self, kind: str, name: str) -> None:
        dispose_engines(self._url(kind, name))
        if kind == POSTGRESQL:
            self.cluster.freeze(name)
            return
        with closing(sqlite3.connect(self._file(name))) as con:
            busy = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise RuntimeError(f"{name}: somebody still holds the database that was to become a template")

    def _url(self, kind: str, name: str) -> str:
        return self.cluster.url(name) if kind == POSTGRESQL else f"sqlite:///{self._file(name)}"

    def _file(self, name: str) -> Path:
        return self.session / f"{name}.sqlite"

    def _shelf(self, name: str) -> Path:
        """Where the service keeps the attachments of a database in a file, when nothing else is set."""
        return self.session / f"{name}.sqlite.attachments"


def session_directory() -> Path:
    """Make the directory that all workers of a session share, and have it cleared away whatever happens."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    directory = Path(tempfile.mkdtemp(prefix="mscbank-tests-", dir=memory if roomy else None))
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)  # PostgreSQL's own user must get through
    subprocess.run(
        ["sh", "-c", WATCHDOG, "watchdog", str(os.getpid()), str(directory)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )
    return directory
