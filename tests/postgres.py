"""A throw-away PostgreSQL for the tests: one cluster a session, shared by every worker, gone at the end.

It listens on a UNIX socket only, in a directory that nobody else may enter, so it needs no port and no
password. Nothing on it survives a crash (fsync off): the kill tests bring a cluster of their own.

Two roles, as in a real installation: `OWNER` owns the databases and runs the migrations, `SERVICE` owns
nothing and is granted what the migrations grant it. A third, the superuser, is used by this module alone.

Text is ordered by bytes (collation C), the way SQLite's BINARY does it, so both engines sort alike; the
character type is C.UTF-8, so `lower()` knows accents. The time zone is UTC.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from filelock import FileLock
from sqlalchemy.engine import URL, make_url

OWNER = "mscbank_owner"
SERVICE = "mscbank_service"

MISSING = "PostgreSQL is not installed (no initdb found): `./run test` installs it or says whom to ask."

SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "'128MB'",
    "autovacuum": "off",  # a test that looks at plans runs ANALYZE itself
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "fatal",
}


class PostgresMissing(RuntimeError):
    """The tests on PostgreSQL can not run here; that is a failure, never a skip."""


@dataclass(frozen=True)
class Cluster:
    directory: str

    @property
    def socket(self) -> str:
        return str(Path(self.directory) / "socket")

    def url(self, database: str, role: str = SERVICE) -> str:
        url = URL.create("postgresql+psycopg", username=role, database=database, query={"host": self.socket})
        return url.render_as_string(hide_password=False)

    def create_database(self, name: str, template: str | None = None) -> str:
        """A database of `OWNER`, empty or a copy of `template`; answers the service's URL."""
        source = _plain(template or "template1")
        self._admin(f'CREATE DATABASE "{_plain(name)}" OWNER {OWNER} TEMPLATE "{source}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._admin(f'DROP DATABASE IF EXISTS "{_plain(name)}" WITH (FORCE)')

    def freeze(self, name: str) -> None:
        """Make a finished database a template: nobody connects to it any more, so that it can be copied."""
        self._admin(
            f'ALTER DATABASE "{_plain(name)}" WITH ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_plain(name)}'",
        )

    def _admin(self, *statements: str) -> None:
        with psycopg.connect(host=self.socket, user="postgres", dbname="postgres", autocommit=True) as con:
            for statement in statements:
                con.execute(statement)


def owner_url(url: str) -> str:
    """The URL under which migrations run: the owner's on PostgreSQL, the same one on SQLite."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return url
    return parsed.set(username=OWNER).render_as_string(hide_password=False)


def superuser_url(url: str) -> str:
    """The URL of whoever may do anything at all to the database, as an attacker on the host could."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return url
    return parsed.set(username="postgres").render_as_string(hide_password=False)


def shared_cluster(session: Path) -> Cluster:
    """The cluster of this test session, started by the first worker that asks for it."""
    note = session / "postgres.json"
    with FileLock(session / "postgres.lock"):
        if not note.exists():
            note.write_text(json.dumps(_try_start(session)))
    state = json.loads(note.read_text())
    if "failed" in state:
        raise PostgresMissing(state["failed"])
    return Cluster(state["directory"])


def stop_cluster(session: Path) -> None:
    """Stop the session's cluster if one was started; called once, by the process that began the session."""
    note = session / "postgres.json"
    if note.exists() and "directory" in (state := json.loads(note.read_text())):
        _run("pg_ctl", "-D", f"{state['directory']}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(state["directory"], ignore_errors=True)


def _try_start(session: Path) -> dict[str, str]:
    try:
        return {"directory": _start(session)}
    except (PostgresMissing, subprocess.CalledProcessError) as error:
        return {"failed": f"{error}\n{getattr(error, 'stderr', '') or ''}".strip()}


def _start(session: Path) -> str:
    directory = session / "postgres"
    data, socket = directory / "data", directory / "socket"
    socket.mkdir(parents=True)
    for path in (directory, socket):
        path.chmod(0o700)
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
    _run(
        *("initdb", "-N", "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
        *("--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C", "--no-instructions"),
    )
    settings = SETTINGS | {"unix_socket_directories": f"'{socket}'"}
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    with (data / "postgresql.conf").open("a") as file:
        file.write(lines)
    log = directory / "log"
    try:
        _run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "60", "start")
    except subprocess.CalledProcessError as error:
        error.stderr = log.read_text() if log.exists() else None
        raise
    cluster = Cluster(str(directory))
    cluster._admin(f"CREATE ROLE {OWNER} LOGIN", f"CREATE ROLE {SERVICE} LOGIN")
    return str(directory)


def binary(name: str) -> str:
    """Where a program of the newest PostgreSQL on this machine lies (Debian keeps them off the PATH)."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if found:
        return str(found[-1])
    if config := shutil.which("pg_config"):
        folder = subprocess.run(
            [config, "--bindir"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if (path := Path(folder) / name).exists():
            return str(path)
    if path_found := shutil.which(name):
        return path_found
    raise PostgresMissing(MISSING)


def _run(program: str, *arguments: str) -> None:
    subprocess.run(
        _as_postgres([binary(program), *arguments]),
        cwd="/",
        # pg_ctl start leaves the server holding these: pipes would never close.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: there, step down to the user that the package made."""
    if os.geteuid() != 0:
        return command
    return ["runuser", "-u", "postgres", "--", *command]


def _plain(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a plain database name: {name!r}")
    return name
