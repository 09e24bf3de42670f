"""The shell of the project: the command that runs it, its locks, and the databases that tests stand on."""

import os
import re
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from tests import postgres
from tests.conftest import COPIES, LeftTheHouse
from tests.copies import POSTGRESQL, SQLITE, Copies, World

ROOT = Path(__file__).parent.parent


def executed(url: str, *statements: str) -> list:
    engine = create_engine(url, poolclass=NullPool)
    rows = []
    with engine.begin() as con:
        for statement in statements:
            result = con.execute(text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


def build_small(url: str) -> None:
    executed(
        postgres.owner_url(url),
        "CREATE TABLE walked (step INTEGER PRIMARY KEY)",
        "INSERT INTO walked VALUES (1)",
        *([f"GRANT SELECT, INSERT ON walked TO {postgres.SERVICE}"] if "postgresql" in url else []),
    )


def build_further(url: str) -> None:
    executed(url, "INSERT INTO walked VALUES (2)")


SMALL = World("shell_small", build_small)
FURTHER = World("shell_further", build_further, SMALL)


@pytest.mark.db
class TestWorlds:
    def test_a_copy_is_changed_without_touching_the_next_one(self, world_url):
        first, second = world_url(*SMALL), world_url(*SMALL)
        executed(first, "INSERT INTO walked VALUES (7)")
        assert executed(first, "SELECT count(*) FROM walked") == [(2,)]
        assert executed(second, "SELECT count(*) FROM walked") == [(1,)]

    def test_a_world_goes_on_from_its_base(self, world_url):
        assert executed(world_url(*FURTHER), "SELECT step FROM walked ORDER BY step") == [(1,), (2,)]
        assert executed(world_url(*SMALL), "SELECT step FROM walked") == [(1,)]

    def test_a_world_is_built_once(self, world_url):
        built = []

        def build(url: str) -> None:
            built.append(url)

        world_url("shell_once", build)
        world_url("shell_once", build)
        assert len(built) == 1

    def test_a_world_that_failed_says_so_to_every_test(self, world_url):
        def build(url: str) -> None:
            raise ZeroDivisionError("half-way")

        with pytest.raises(ZeroDivisionError):
            world_url("shell_broken", build)
        with pytest.raises(RuntimeError, match="half-way"):
            world_url("shell_broken", build)

    def test_text_sorts_by_bytes(self, blank_url):
        ordered = executed(
            blank_url, "SELECT 'B' UNION SELECT 'a' UNION SELECT 'é' UNION SELECT 'z' ORDER BY 1"
        )
        assert ordered == [("B",), ("a",), ("z",), ("é",)]

    def test_a_copy_is_gone_after_its_test(self, pytestconfig, engine_kind):
        shared = pytestconfig.stash[COPIES]
        mine = Copies(shared.session, f"{shared.worker}_probe")
        url = mine.of(SMALL, engine_kind)
        executed(url, "SELECT 1 FROM walked")
        mine.drop_all()
        if engine_kind == SQLITE:
            assert not list(shared.session.glob("*_probe_*"))
        else:
            with pytest.raises(Exception, match="does not exist"):
                executed(url, "SELECT 1")


class TestPostgres:
    def test_the_service_owns_nothing(self, copies):
        url = copies.of(SMALL, POSTGRESQL)
        for statement in ("CREATE TABLE mine (id INTEGER)", "DROP TABLE walked", "DELETE FROM walked"):
            with pytest.raises(ProgrammingError, match="permission denied|must be owner"):
                executed(url, statement)

    def test_it_keeps_universal_time(self, copies):
        assert executed(copies.blank(POSTGRESQL), "SHOW timezone") == [("UTC",)]

    def test_a_database_name_carries_no_sql(self, cluster):
        with pytest.raises(ValueError, match="not a plain database name"):
            cluster.create_database('x"; DROP DATABASE postgres; --')

    def test_it_is_named_when_missing(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        with pytest.raises(postgres.PostgresMissing, match=r"\./run test"):
            postgres.binary("no-such-program")


class TestSockets:
    @pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "2001:db8::1", "10.0.0.1"])
    def test_nothing_leaves_the_machine(self, host):
        with pytest.raises(LeftTheHouse):
            socket.create_connection((host, 443), timeout=1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, pytest.raises(LeftTheHouse):
            datagram.sendto(b"x", (host, 53))

    def test_loopback_is_open(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=1).close()


class TestLocks:
    @pytest.mark.parametrize("name", ["requirements", "requirements-build", "requirements-dev"])
    def test_every_line_is_pinned_and_hashed_and_has_no_address(self, name):
        lock = (ROOT / f"{name}.lock").read_text()
        assert "://" not in lock
        pins = [line for line in lock.splitlines() if line and line[0] not in " #"]
        assert pins
        assert all(re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==[\w.]+ .*\\$", pin) for pin in pins)
        assert lock.count("--hash=sha256:") >= len(pins)

    def test_all_locks_agree(self):
        def pins(name: str) -> set[str]:
            text = (ROOT / name).read_text()
            return {line.rstrip(" \\") for line in text.splitlines() if re.match(r"[a-z0-9]", line)}

        assert pins("requirements.lock") | pins("requirements-build.lock") <= pins("requirements-dev.lock")

    def test_what_the_package_asks_for_is_what_is_locked(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        named = {re.match(r"[a-z0-9-]+", need)[0] for need in project["dependencies"]}
        lines = (ROOT / "requirements.in").read_text().splitlines()
        assert named == {re.match(r"[a-z0-9-]+", line)[0] for line in lines if line and line[0] != "#"}


class TestPackage:
    def test_the_tower_is_the_one_of_the_design(self):
        contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        layers = [layer.strip("()") for layer in contracts[0]["layers"]]
        way = ["staff", "deviation", "study", "family", "collection", "batch", "custody", "release"]
        way += ["allocation", "infusion", "safety", "trace", "interop"]
        assert [layer for layer in reversed(layers) if layer in way] == way
        assert contracts[0]["exhaustive"] is True

    @pytest.mark.parametrize(("room", "kept"), [("staff", True), ("release", False)])
    def test_a_step_that_looks_forward_breaks_the_tower(self, tmp_path, room, kept):
        for name in ("custody", "release", "staff"):
            (tmp_path / "mscbank" / name).mkdir(parents=True)
            (tmp_path / "mscbank" / name / "__init__.py").touch()
        (tmp_path / "mscbank" / "__init__.py").touch()
        (tmp_path / "mscbank" / "custody" / "actions.py").write_text(f"import mscbank.{room}\n")
        (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
        done = subprocess.run(
            [ROOT / ".venv/bin/lint-imports", "--no-cache"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) is kept, done.stdout


def run(
    *arguments: str, path: Path | None = None, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess:
    env = {"PATH": str(path) if path else os.environ["PATH"], "HOME": "/nonexistent"} | environment
    return subprocess.run(
        ["/bin/sh", "./run", *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def clone(tmp_path) -> Path:
    """The shell alone, without a .venv, so that `run` starts from nothing."""
    for name in ["run", "pyproject.toml", *(path.name for path in ROOT.glob("requirements*"))]:
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.fixture
def tools(tmp_path) -> Path:
    """A PATH on which stand only the plainest tools; a test adds its own stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in (
        "cat",
        "cksum",
        "cut",
        "dirname",
        "env",
        "grep",
        "ls",
        "mkdir",
        "rm",
        "sed",
        "sh",
        "tail",
        "uname",
    ):
        if found := next((p for p in (Path("/usr/bin", tool), Path("/bin", tool)) if p.exists()), None):
            (folder / tool).symlink_to(found)
    return folder


def stand_in(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class TestRun:
    def test_ci_runs_what_a_developer_runs(self):
        assert os.access(ROOT / ".ci/run", os.X_OK)
        assert "./run test" in (ROOT / ".ci/run").read_text()

    def test_it_says_how_it_is_used(self):
        done = run("help")
        assert done.returncode == 0
        for word in ("setup", "test", "--long", "fix", "lock"):
            assert word in done.stdout

    def test_an_unknown_word_is_refused(self):
        done = run("mend")
        assert done.returncode == 2
        assert "mend" in done.stderr

    def test_without_python_it_says_which_one_it_needs(self, clone, tools):
        done = run("setup", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert done.returncode == 3
        assert "Python 3.11" in done.stderr

    def test_the_systems_own_python_comes_first(self, clone, tools):
        """A version manager's build in front of it is often one without optimisation."""
        stand_in(tools, "python3", 'echo "Python of a version manager"')
        own = clone / "usr/bin"
        own.mkdir(parents=True)
        stand_in(own, "python3", 'case "$*" in *--version*) echo "Python of the system";; esac')
        done = run("setup", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert "with Python of the system" in done.stdout

    def test_an_old_python_is_named(self, clone, tools):
        stand_in(tools, "python3", 'case "$*" in *version_info*) exit 1;; *) echo "Python 3.9.2";; esac')
        done = run("setup", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert done.returncode == 3
        assert "3.9.2" in done.stderr

    def test_a_python_without_venv_is_explained(self, clone, tools):
        stand_in(tools, "python3", 'case "$*" in *ensurepip*) exit 1;; esac; exit 0')
        done = run("setup", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert done.returncode == 3
        assert "python3-venv" in done.stderr

    def test_missing_system_parts_are_asked_for_in_one_line(self, clone, tools):
        stand_in(tools, "id", "echo 1000")
        stand_in(tools, "apt-get", "exit 100")
        done = run("parts", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert done.returncode == 3
        assert done.stderr.strip().splitlines()[-1] == (
            "These tests need: chromium postgresql. Ask an administrator to run: "
            "apt-get update && apt-get install -y --no-install-recommends chromium postgresql"
        )

    def test_root_installs_the_missing_parts(self, clone, tools):
        stand_in(tools, "id", "echo 0")
        stand_in(tools, "chromium", "exit 0")
        stand_in(
            tools,
            "apt-get",
            f'echo "$*" >> {clone}/asked\n'
            f'case "$*" in *install*) echo exit 0 > {tools}/initdb; chmod 755 {tools}/initdb;; esac',
        )
        (tools / "chmod").symlink_to("/bin/chmod")
        done = run("parts", path=tools, cwd=clone, MSCBANK_SYSTEM_ROOT=str(clone))
        assert done.returncode == 0, done.stderr
        update, install = (clone / "asked").read_text().splitlines()
        assert update.endswith("update")
        assert install.endswith("--no-install-recommends postgresql")
        assert "DPkg::Lock::Timeout=300" in install
