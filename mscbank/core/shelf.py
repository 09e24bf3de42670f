"""Where the content of attachments lies: a folder of sealed files, each written once, behind the scanner."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from mscbank.core.errors import Busy, Refusal

NOT_KEPT = Refusal(
    "attachment.not_kept",
    "The file could not be kept. Nothing was changed: tell the administrator.",
)
SCANNER_SILENT = Refusal(
    "attachment.scanner_silent",
    "The virus scanner does not answer, so no file is taken. Tell the administrator.",
)
WORDS = 200
"""Characters that are kept of what a scanner says."""
MORE = 28
"""Bytes by which a sealed file is longer than its content: nonce and tag."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Shelf:
    """The folder, the largest file, and the command that looks at a file before it is taken."""

    folder: Path
    most: int = 20 * 1024 * 1024
    """Bytes."""
    scanner: str = ""
    patience: int = 60
    """Seconds in which the scanner has to answer."""

    def place(self, digest: str) -> Path:
        """Where a sealed file of this digest lies."""
        return self.folder / digest[:2] / digest

    def put(self, content: bytes) -> str:
        """Write a sealed file so that it is there as a whole or not at all; its SHA-256 is its name.

        A file that is there is never written again. ``Busy`` when the folder takes nothing.
        """
        digest = hashlib.sha256(content).hexdigest()
        place = self.place(digest)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=".incoming-", dir=place.parent)
            try:
                with os.fdopen(number, "wb") as opened:
                    opened.write(content)
                    opened.flush()
                    os.fchmod(opened.fileno(), 0o400)
                    os.fsync(opened.fileno())
                with suppress(FileExistsError):  # of the same name it has the same bytes
                    os.link(name, place)
            finally:
                Path(name).unlink()
            for folder in (place.parent, self.folder):
                _settle(folder)
        except OSError as error:
            log.error("attachment not kept", why=error.strerror)
            raise Busy(NOT_KEPT()) from error
        return digest

    def get(self, digest: str, size: int) -> bytes | None:
        """A sealed file of so many bytes of content, as it was written; ``None`` when it is not."""
        try:
            with self.place(digest).open("rb") as opened:
                whole = opened.read(size + MORE + 1)
        except OSError:
            return None
        return whole if hashlib.sha256(whole).hexdigest() == digest else None

    def found_by_scanner(self, content: bytes, ending: str) -> str | None:
        """What the scanner says against a file; ``None`` when it finds nothing, or when none is set.

        It gets the path of a copy that only we can read, and nothing of our settings. ``Busy`` when it does
        not answer in time, or is not there.
        """
        if not self.scanner:
            return None
        with tempfile.TemporaryDirectory(prefix="mscbank-scan-") as folder:
            copy = Path(folder) / f"attachment{ending}"
            copy.write_bytes(content)
            return self._asked(copy)

    def _asked(self, copy: Path) -> str | None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MSCBANK_")}
        try:
            asked = subprocess.Popen(
                [*shlex.split(self.scanner), str(copy)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=outside, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            log.error("scanner not there", why=error.strerror)
            raise Busy(SCANNER_SILENT()) from error
        try:
            said, _nothing = asked.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(asked.pid, signal.SIGKILL)
            asked.communicate()
            log.error("scanner silent", seconds=self.patience)
            raise Busy(SCANNER_SILENT()) from None
        return None if asked.returncode == 0 else _words(said, copy)


def _words(said: bytes, copy: Path) -> str:
    """The first line of what a scanner says, without the path and without what no page can show."""
    text = said.decode("utf-8", "replace").replace(str(copy), "")
    line = next((line for line in text.splitlines() if line.strip()), "")
    return re.sub(r"[^\x20-\x7e\xa0-\ud7ff]+", " ", line).strip(" :")[:WORDS] or "-"


def _settle(folder: Path) -> None:
    """See that the names in a folder are on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


_shelf: list[Shelf] = []


def open_shelf(found: Shelf) -> None:
    """Keep the attachments of this process there."""
    _shelf[:] = [found]


def shelf() -> Shelf:
    """Where attachments are kept."""
    if not _shelf:
        raise RuntimeError("the folder of the attachments is not open: set MSCBANK_ATTACHMENTS")
    return _shelf[0]
