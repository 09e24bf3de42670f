"""What the service is made of: every package of the lock and every vendored asset, with version and licence.

The page is for people, the file for scanners (CycloneDX 1.6, OWASP ASVS v5.0.0-15.1.2). Both are read off
``requirements.lock`` and ``mscbank/static/vendor/VENDORED.md``; licences come from the installed packages.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from mscbank.core.schema import PACKAGE
from mscbank.core.version import VERSION
from mscbank.ops.markdown import code, page, said, table

_PIN = re.compile(
    r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+) [^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", re.MULTILINE
)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_CLASSIFIED = "License :: OSI Approved :: "


@dataclass(frozen=True)
class Component:
    """A part from elsewhere: its registry (``pypi`` or ``npm``), name, version, licence, hashes."""

    source: str
    name: str
    version: str
    licence: str
    hashes: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """The package URL that scanners know it by."""
        return f"pkg:{self.source}/{self.name.replace('@', '%40')}@{self.version}"


@cache
def components() -> tuple[Component, ...]:
    """Everything from elsewhere that a running service holds."""
    return (*_packages(), *_assets())


def _packages() -> Iterator[Component]:
    lock = (PACKAGE.parent / "requirements.lock").read_text(encoding="utf-8")
    for name, version, hashes in _PIN.findall(lock):
        yield Component("pypi", name, version, _licence(name), tuple(_HASH.findall(hashes)))


def _licence(name: str) -> str:
    try:
        said_ = metadata(name)
    except PackageNotFoundError:
        return ""
    if found := said_.get_all("License-Expression"):
        return str(found[0])
    classified = [line for line in said_.get_all("Classifier") or [] if line.startswith(_CLASSIFIED)]
    if classified:
        return ", ".join(line.removeprefix(_CLASSIFIED) for line in classified)
    return str((said_.get_all("License") or [""])[0]).split("\n", 1)[0]


def _assets() -> Iterator[Component]:
    text = (PACKAGE / "static" / "vendor" / "VENDORED.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 5 and re.match(r"\d", cells[1]):
            name = re.findall(r"`([^`]+)`", cells[4])[0]
            yield Component("npm", name, cells[1], cells[2].split(",")[0])


def listed() -> str:
    """The page: what, version, licence, from where."""
    about = said("""
        Everything from elsewhere that a running service holds, each at one version with its hashes in
        `requirements.lock`; assets lie in `mscbank/static` and come from no other host. For scanners the
        same stands in [sbom.cdx.json](sbom.cdx.json). How soon a part with a known fault is replaced
        stands in [SECURITY.md](../SECURITY.md#parts-from-elsewhere).""")
    rows = ((code(one.name), one.version, one.licence, one.source) for one in components())
    return page(
        "<!-- Written by `mscbank docs` from the lock. Change the lock, then run `./run fix`. -->",
        "# Parts from elsewhere", about, table(("Part", "Version", "Licence", "From"), rows),
    )  # fmt: skip


def bill() -> str:
    """The bill of materials in CycloneDX 1.6."""
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "mscbank", "version": VERSION}},
        "components": [
            {"type": "library", "name": one.name, "version": one.version, "purl": one.purl}
            | ({"licenses": [{"license": {"name": one.licence}}]} if one.licence else {})
            | ({"hashes": [{"alg": "SHA-256", "content": one.hashes[0]}]} if len(one.hashes) == 1 else {})
            for one in components()
        ],
    }
    return json.dumps(body, indent=1) + "\n"
