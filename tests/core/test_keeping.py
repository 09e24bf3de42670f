"""Keeping checkpoints outside: a folder, mail, a time-stamp; judged when the record is verified."""

import base64
import json
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select, update

from mscbank.core import checkpoint_check, checkpoints, clock, jobs, keeping, ways
from mscbank.core.access import system
from mscbank.core.checkpointing import make
from mscbank.core.checkpoints import Checkpoint, CheckpointKept, here
from mscbank.core.db import session
from tests import worlds
from tests.core.acting import someone
from tests.core.tampering import edited, lines

pytestmark = pytest.mark.db

KEPT = CheckpointKept.__table__


@pytest.fixture(autouse=True)
def _made(bank: str) -> Iterator[None]:
    checkpoints.open_key(worlds.CHECKPOINT_KEY)
    someone()
    assert make() == 1
    yield
    keeping._way.clear()


def rows() -> list[CheckpointKept]:
    session.rollback()
    return list(session.scalars(select(CheckpointKept).order_by(CheckpointKept.id)))


def found() -> list[str]:
    session.rollback()
    return lines(checkpoint_check.NAME)


# --- a folder -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keeping.open_way(ways.way_of(f"folder:{tmp_path}"))
    return tmp_path


def test_each_checkpoint_is_a_file_that_nobody_writes_again(folder: Path):
    assert keeping.keep() == 1
    assert keeping.keep() is None, "it is kept already"
    someone("ines", "Ines")
    make()
    assert keeping.keep() == 2
    files = sorted(folder.rglob("*.json"))
    assert [file.name for file in files] == ["checkpoint-00000001.json", "checkpoint-00000002.json"]
    assert files[0].parent.name == here()[:16]
    assert stat.S_IMODE(files[0].stat().st_mode) & 0o222 == 0
    assert [(row.checkpoint, row.way, row.receipt) for row in rows()] == [
        (number, "folder", str(file)) for number, file in enumerate(files, start=1)
    ]
    assert found() == []


def test_the_clockwork_keeps_them(folder: Path):
    jobs.RULES["core.keep_checkpoint"].run(system("core.keep_checkpoint"))
    assert [row.checkpoint for row in rows()] == [1]


def test_the_same_one_may_come_twice_and_no_other_takes_its_place(folder: Path):
    keeping.keep()
    form = ways.read(next(folder.rglob("*.json")))
    way: Any = keeping.way()
    assert way.keep(form) == str(next(folder.rglob("*.json")))
    with pytest.raises(ways.Unkept, match="another checkpoint"):
        way.keep(form | {"hash": "0" * 64})


def test_a_file_that_is_gone_or_changed_is_told(folder: Path):
    keeping.keep()
    file = next(folder.rglob("*.json"))
    text = file.read_text()
    file.chmod(0o644)
    file.write_text(text.replace("sha256", "sha255"))
    assert found() == [
        "checkpoint -: what was kept outside is no checkpoint, or was changed where it was kept"
    ]
    file.unlink()
    assert found() == [f"checkpoint 1: the file {file} is gone"]


def test_what_is_no_checkpoint_reads_as_nothing(tmp_path: Path):
    for text in ("", "[]", "{", "7"):
        (tmp_path / "x.json").write_text(text)
        assert ways.read(tmp_path / "x.json") == {}


def test_a_cut_tail_is_found_by_the_file(bank: str, folder: Path):
    keeping.keep()
    edited(
        bank,
        lambda c: [
            c.exec_driver_sql(f"DELETE FROM {table}")
            for table in ("checkpoint_kept", "checkpoint_leaf", "checkpoint", "checkpoint_key", "act_touch",
                          "record", "chain_head", "person")
        ],
    )  # fmt: skip
    assert lines("core.record") == [], "a bank in which nothing ever happened"
    assert found() == ["checkpoint 1: it was kept outside with 2 entries, but the record ends before it"]


# --- mail -----------------------------------------------------------------------------------------------


class Mailbox:
    """What a mail server got."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], Message]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box, port = Mailbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    keeping.open_way(ways.way_of("mailto:qa@hospital.example", server=f"smtp://127.0.0.1:{port}"))
    yield box
    server.stop()


def test_quality_assurance_gets_one_a_day(bank: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch):
    assert keeping.keep() == 1
    someone("ines", "Ines")
    make()
    assert keeping.keep() is None, "the next one is sent tomorrow"
    tomorrow = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    assert keeping.keep() == 2
    to, mail = mailbox.got[0]
    assert to == ["qa@hospital.example"]
    assert mail["Subject"].startswith("mscbank: checkpoint 1 ")
    assert [row.receipt for row in rows()] == [one["Message-ID"] for _, one in mailbox.got]
    parts: Any = mail.get_payload()
    form = json.loads(parts[1].get_payload(decode=True))
    assert parts[1].get_filename() == "checkpoint.json"
    assert list(checkpoint_check.whole([form])) == []
    assert found() == []


def test_a_server_that_is_away_leaves_it_for_later(mailbox: Mailbox):
    keeping.open_way(ways.way_of("mailto:qa@hospital.example", server=f"smtp://127.0.0.1:{free_port()}"))
    with pytest.raises(OSError, match="refused"):
        keeping.keep()
    assert rows() == []


# --- a time-stamp -----------------------------------------------------------------------------------------

AUTHORITY = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Time stamps for tests
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[stamp]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/stamp.pem
signer_key = {folder}/stamp.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
"""


class Authority:
    """A time-stamp authority of its own: OpenSSL behind a small web server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "settings"
        self.settings.write_text(AUTHORITY.format(folder=folder))
        (folder / "serial").write_text("01\n")
        new = ["-newkey", "rsa:2048", "-nodes", "-config", str(self.settings)]
        self("req", "-x509", *new, "-extensions", "ca", "-subj", "/CN=root", "-days", "9",
             "-keyout", "root.key", "-out", "root.pem")  # fmt: skip
        self("req", *new, "-keyout", "stamp.key", "-out", "stamp.csr")
        self("x509", "-req", "-in", "stamp.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
             "-days", "9", "-extfile", "settings", "-extensions", "stamp", "-out", "stamp.pem")  # fmt: skip

    def __call__(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def stamp(self, asked: bytes) -> bytes:
        (self.folder / "asked").write_bytes(asked)
        self("ts", "-reply", "-config", "settings", "-queryfile", "asked", "-out", "answer")
        return (self.folder / "answer").read_bytes()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    assert shutil.which("openssl"), "these tests need openssl"
    made = Authority(tmp_path)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = made.stamp(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    keeping.open_way(ways.way_of(address, roots=str(tmp_path / "root.pem")))
    yield made
    server.shutdown()
    server.server_close()


def test_an_authority_stamps_the_hash(bank: str, authority: Authority):
    assert keeping.keep() == 1
    assert found() == []
    edited(bank, lambda c: c.execute(update(KEPT).values(kept_at=clock.now() - timedelta(days=9))))
    assert [line.split(" at ")[0] for line in found()] == ["checkpoint 1: it was stamped"]


def test_a_stamp_of_something_else_is_told(bank: str, authority: Authority):
    keeping.keep()
    way: Any = keeping.way()
    other = way.keep({"hash": "0" * 64})
    edited(bank, lambda c: c.execute(update(KEPT).values(receipt=other)))
    assert found() == ["checkpoint 1: its time-stamp is not one of this checkpoint"]
    edited(bank, lambda c: c.execute(update(KEPT).values(receipt=base64.b64encode(b"x").decode())))
    assert found() == ["checkpoint 1: its time-stamp was changed"]


def test_an_authority_that_nobody_trusts_stamps_nothing(authority: Authority, tmp_path: Path):
    authority("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "settings", "-extensions", "ca",
              "-subj", "/CN=other", "-days", "9", "-keyout", "other.key", "-out", "other.pem")  # fmt: skip
    way: Any = keeping.way()
    keeping.open_way(ways.way_of(way.place, roots=str(tmp_path / "other.pem")))
    with pytest.raises(ways.Unkept, match="does not hold"):
        keeping.keep()
    assert rows() == []


# --- the setting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "server", "says"),
    [
        ("", "", "names no way"),
        ("folder:relative", "", "names no way"),
        ("mailto:nobody", "smtp://host", "names no way"),
        ("mailto:qa@hospital.example", "", "MSCBANK_SMTP"),
        ("mailto:qa@hospital.example", "ftp://host", "MSCBANK_SMTP"),
        ("mailto:qa@hospital.example", "smtp://", "MSCBANK_SMTP"),
        ("https://authority.example", "", "MSCBANK_TSA_ROOTS"),
        ("ftp://authority.example", "", "names no way"),
    ],
)
def test_a_setting_that_names_no_way_is_refused(setting: str, server: str, says: str):
    with pytest.raises(ways.Unkept, match=says):
        ways.way_of(setting, server=server)


# --- when it fails -----------------------------------------------------------------------------------------


def later(monkeypatch: pytest.MonkeyPatch, **time: int) -> None:
    moment = clock.now() + timedelta(**time)
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_people_are_told_when_nothing_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch):
    made = session.scalars(select(Checkpoint.made_at)).one()
    later(monkeypatch, minutes=50)
    assert keeping.waits_since() is None
    later(monkeypatch, minutes=30)
    assert keeping.waits_since() == made
    keeping.keep()
    session.rollback()
    assert keeping.waits_since() is None


def test_people_are_told_when_nothing_is_sealed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    keeping.keep()
    later(monkeypatch, minutes=1)
    someone("ines", "Ines")
    done = clock.now()
    later(monkeypatch, minutes=80)
    session.rollback()
    assert keeping.waits_since() == done
    make()
    keeping.keep()
    session.rollback()
    assert keeping.waits_since() is None


def test_without_a_way_nothing_is_kept():
    keeping._way.clear()
    assert keeping.keep() is None
    assert keeping.waits_since() is None
    assert found() == []
