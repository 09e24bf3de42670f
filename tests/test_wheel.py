"""The wheel: everything that the service needs stands in it, and nothing that it does not."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built as `pip` would, with what is installed and without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("mscbank-*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    return set(wheel.namelist())


def tracked(folder: str) -> list[str]:
    """The files that the repository keeps in a folder."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@pytest.mark.parametrize("folder", ["templates", "migrations"])
def test_what_stands_beside_the_package_lies_inside_it(names, folder):
    assert [path for path in tracked(folder) if f"mscbank/{path}" not in names] == []


@pytest.mark.parametrize("folder", ["mscbank/static", "mscbank/coding/fonts", "mscbank/translations"])
def test_assets_are_carried(names, folder):
    files = tracked(folder)
    assert files
    assert [path for path in files if path not in names] == []


def test_it_holds_one_package_and_none_of_our_tools(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mscbank"}
    assert not any(name.startswith(("mscbank/tests/", "mscbank/docs/")) for name in names)


def test_licence_and_notices_come_along(names):
    kept = {name.split("/licenses/")[-1] for name in names if ".dist-info/licenses/" in name}
    assert kept == {"LICENSE", "NOTICE"}


def test_its_description_is_the_readme(wheel, names):
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    told = email.message_from_bytes(wheel.read(metadata))
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload(decode=True).decode() == (ROOT / "README.md").read_text()


def test_the_command_is_there(wheel, names):
    (entries,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    assert "mscbank = mscbank.cli:main" in wheel.read(entries).decode()
