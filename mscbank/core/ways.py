"""The ways in which a checkpoint is kept outside: a folder, an e-mail, a time-stamp."""

import base64
import json
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from cryptography import x509
from rfc3161_client import (
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from mscbank.core.checkpoints import Checkpoint, CheckpointKept, here
from mscbank.core.instance import instance

WAIT_SECONDS = 20
LARGEST_STAMP = 1 << 20
APART = timedelta(minutes=15)
"""How far the clock of a time-stamp authority and ours may be apart."""


class Unkept(ValueError):
    """A setting that names no way of keeping, or one that cannot be used; the sentence says what to set."""


class Way(Protocol):
    """A way of keeping checkpoints outside."""

    @property
    def name(self) -> str:
        """How the way is called."""

    @property
    def place(self) -> str:
        """Where it keeps."""

    @property
    def every(self) -> timedelta:
        """How long after one is kept the next one may wait."""

    def keep(self, form: dict[str, Any]) -> str:
        """Keep a checkpoint; the receipt for it."""

    def kept(self) -> Iterator[dict[str, Any]]:
        """What was kept, where it can be read again."""

    def fault(self, of: CheckpointKept, checkpoint: Checkpoint) -> str | None:
        """Why a receipt does not hold; nothing when it holds, or says nothing."""


@dataclass(frozen=True)
class Folder:
    """A folder on a disk that is written once: another host's, or one that refuses changes."""

    place: str
    name: str = "folder"
    every: timedelta = timedelta(0)

    def _own(self) -> Path:
        return Path(self.place) / here()[:16]

    def keep(self, form: dict[str, Any]) -> str:
        """Write a file that nobody writes again; the same checkpoint may come twice."""
        folder = self._own()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"checkpoint-{form['checkpoint']['number']:08d}.json"
        text = json.dumps(form, indent=1, sort_keys=True) + "\n"
        try:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except FileExistsError:
            if file.read_text() != text:
                raise Unkept(f"{file} holds another checkpoint of this number") from None
            return str(file)
        with os.fdopen(number, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        return str(file)

    def kept(self) -> Iterator[dict[str, Any]]:
        """Every checkpoint in the folder; in a demonstration, which is made anew, only its own."""
        folder = self._own() if instance().is_demonstration else Path(self.place)
        for file in sorted(folder.rglob("checkpoint-*.json")):
            yield read(file)

    def fault(self, of: CheckpointKept, checkpoint: Checkpoint) -> str | None:
        """A file that was written has to be there; its content is compared by itself."""
        return None if Path(of.receipt).is_file() else f"the file {of.receipt} is gone"


@dataclass(frozen=True)
class Mail:
    """An e-mail a day to quality assurance, who file it."""

    place: str
    server: str
    name: str = "mail"
    every: timedelta = timedelta(days=1)

    def keep(self, form: dict[str, Any]) -> str:
        """Send it; the receipt is the message's identifier."""
        said = form["checkpoint"]
        mail = EmailMessage()
        mail["Subject"] = f"mscbank: checkpoint {said['number']} {form['hash'][:16]}"
        mail["From"], mail["To"] = f"mscbank <{self.place}>", self.place
        mail["Message-ID"] = make_msgid(domain=self.place.rpartition("@")[2])
        mail.set_content(
            "Keep this message where nobody can change it: it proves which entries the record had.\n"
            f"\nCheckpoint {said['number']} of {said['made_at']}\nEntries     {said['entries']}\n"
            f"Hash        {form['hash']}\n\n"
            "To hold the record against it: mscbank verify --against checkpoint.json\n"
        )
        mail.add_attachment(
            json.dumps(form, indent=1, sort_keys=True).encode(), maintype="application", subtype="json",
            filename="checkpoint.json",
        )  # fmt: skip
        self._send(mail)
        return str(mail["Message-ID"])

    def tell(self, subject: str, text: str) -> None:
        """Send a plain message to the same place, at once."""
        mail = EmailMessage()
        mail["Subject"] = f"mscbank: {subject}"
        mail["From"], mail["To"] = f"mscbank <{self.place}>", self.place
        mail.set_content(text)
        self._send(mail)

    def _send(self, mail: EmailMessage) -> None:
        with _server(self.server) as server:
            server.send_message(mail)

    def kept(self) -> Iterator[dict[str, Any]]:
        """Nothing that a program could read."""
        return iter(())

    def fault(self, of: CheckpointKept, checkpoint: Checkpoint) -> str | None:
        """A message's identifier says nothing."""
        return None


def _server(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=WAIT_SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=WAIT_SECONDS)
        if parts.scheme == "smtp+tls":
            server.starttls(context=context)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server


@dataclass(frozen=True)
class TimeStamp:
    """A time-stamp authority, which signs that a hash existed at a time (RFC 3161)."""

    place: str
    roots: str
    name: str = "rfc3161"
    every: timedelta = timedelta(hours=1)

    def keep(self, form: dict[str, Any]) -> str:
        """Have the hash stamped; the receipt is the stamp, in base64."""
        asked = TimestampRequestBuilder().data(form["hash"].encode()).cert_request(cert_request=True).build()
        request = urllib.request.Request(  # noqa: S310 - an address of the installation's settings, http(s)
            self.place, asked.as_bytes(), {"Content-Type": "application/timestamp-query"}
        )
        with _straight.open(request, timeout=WAIT_SECONDS) as answer:
            stamp = self._read(base64.b64encode(answer.read(LARGEST_STAMP)).decode())
        if stamp is None or not self._holds(stamp, form["hash"]):
            raise Unkept("the answer of the time-stamp authority does not hold")
        return base64.b64encode(stamp.as_bytes()).decode()

    @staticmethod
    def _read(receipt: str) -> TimeStampResponse | None:
        try:
            return decode_timestamp_response(base64.b64decode(receipt))
        except ValueError:
            return None

    def _holds(self, stamp: TimeStampResponse, hash_: str) -> bool:
        roots = x509.load_pem_x509_certificates(Path(self.roots).read_bytes())
        try:
            return VerifierBuilder(roots=roots).build().verify_message(stamp, hash_.encode())
        except VerificationError:
            return False

    def kept(self) -> Iterator[dict[str, Any]]:
        """The stamps stand in the database; they are judged as receipts."""
        return iter(())

    def fault(self, of: CheckpointKept, checkpoint: Checkpoint) -> str | None:
        """The stamp is of this checkpoint and of the time at which it is said to have been kept."""
        stamp = self._read(of.receipt)
        if stamp is None:
            return "its time-stamp was changed"
        if not self._holds(stamp, checkpoint.hash):
            return "its time-stamp is not one of this checkpoint"
        stamped: datetime = stamp.tst_info.gen_time
        if abs(stamped - of.kept_at) > APART:
            return f"it was stamped at {stamped:%Y-%m-%d %H:%M} UTC, not when it is said to have been"
        return None


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes to the address of the settings and nowhere else."""

    def redirect_request(self, *_request: Any) -> None:
        """No other address: the redirect is an error."""


_straight = urllib.request.build_opener(_Straight)


def way_of(setting: str, *, server: str = "", roots: str = "") -> Way:
    """The way that a setting names: ``folder:/path``, ``mailto:qa@hospital``, ``https://authority``."""
    scheme, _, rest = setting.partition(":")
    if scheme == "folder" and Path(rest).is_absolute():
        return Folder(rest)
    if scheme == "mailto" and "@" in rest:
        if urlsplit(server).scheme not in ("smtp", "smtp+tls", "smtps") or not urlsplit(server).hostname:
            raise Unkept("Set MSCBANK_SMTP to the mail server, like smtp+tls://user:password@host:587.")
        return Mail(rest, server)
    if scheme in ("http", "https") and urlsplit(setting).hostname:
        if not Path(roots).is_file():
            raise Unkept("Set MSCBANK_TSA_ROOTS to the file of the authority's root certificates (PEM).")
        return TimeStamp(setting, roots)
    raise Unkept(
        "MSCBANK_ANCHOR names no way of keeping checkpoints outside the database: folder:/absolute/path, "
        "mailto:qa@hospital.example or https://time-stamp.example."
    )


def read(file: Path) -> dict[str, Any]:
    """A checkpoint that was kept in a file; anything else reads as one that does not hold."""
    try:
        found = json.loads(file.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
