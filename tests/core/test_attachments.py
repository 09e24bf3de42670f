"""Attachments: in the record by digest, sealed on the shelf; never changed, deleted or altered unnoticed."""

import hashlib
import os
import stat
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

from mscbank.core import attachments, sealed, shelf
from mscbank.core.access import Grant, Principal, Role, operator
from mscbank.core.attachments import (
    Attachment,
    AttachmentKey,
    AttachmentWithdrawal,
    attach,
    read,
    received,
    withdraw,
)
from mscbank.core.checks import CHECKS
from mscbank.core.db import engines, session
from mscbank.core.errors import Busy, Invalid, Missing, NotAllowed, Refused, Stale, TooLarge
from mscbank.core.record import Outcome, Record
from mscbank.core.shelf import Shelf
from mscbank.core.verify import findings
from mscbank.core.web.history import told
from mscbank.family import actions
from mscbank.family.models import Recipient
from mscbank.staff import keys
from tests import make_family, worlds
from tests.core.stuffed import direct
from tests.files import CSV, JPEG, pdf, png
from tests.people import ADA, ANA, BRUNO, EVA, MARTA, NINA, OTTO, person, sign

PDF, TITLE = pdf("Anna Dvořák, 62.4 kg".encode("ascii", "replace").decode()), "paper prescription, signed"
SPONSOR = person("spencer", "Spencer Sponsor", Role.SPONSOR)
MONITOR = person("mona", "Mona Monitor", Role.MONITOR)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shelf, "_shelf", [Shelf(tmp_path / "shelf")])
    return tmp_path / "shelf"


@pytest.fixture
def patient(bank: str) -> Recipient:
    return make_family.recipient()


def put(thing, content=PDF, name="scan.pdf", declared="application/pdf", by=NINA, **more) -> Attachment:
    upload = received(name, declared, content)
    return attach(thing, by=by, title=TITLE, upload=upload, **more)


def refusal(code, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def faults() -> list[str]:
    session.rollback()
    return [one.line for one in findings()]


# --- what is kept ---------------------------------------------------------------------------------


@pytest.mark.db
def test_the_chain_of_the_thing_covers_what_was_attached(patient, folder):
    version = patient.version
    made = put(patient, expected=version)
    assert (made.number, made.media, made.size) == (1, "application/pdf", len(PDF))
    assert made.digest == hashlib.sha256(PDF).hexdigest()
    assert patient.version == version + 1
    row = session.scalars(select(Record).where(Record.action == "attachment.attach")).one()
    assert (row.chain_kind, row.chain_code) == ("recipient", patient.code)
    assert row.outcome is Outcome.DONE
    for word in (made.digest, made.kept, TITLE, "application/pdf", f'"{len(PDF)}"'):
        assert word in row.body
    assert "scan.pdf" not in row.body
    assert faults() == []


def test_the_shelf_holds_one_sealed_file_that_nobody_writes_again(patient, folder):
    made = put(patient)
    (file,) = files(folder)
    assert file.name == made.kept == hashlib.sha256(file.read_bytes()).hexdigest()
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    whole = file.read_bytes()
    assert b"%PDF" not in whole
    assert b"Anna" not in whole
    assert len(whole) == len(PDF) + shelf.MORE


def test_the_same_file_twice_has_two_keys_and_two_places(patient, folder):
    first, second = put(patient), put(patient)
    assert (first.number, second.number) == (1, 2)
    assert first.digest == second.digest
    assert first.kept != second.kept
    assert len(files(folder)) == 2


def test_it_is_read_as_it_was_and_the_reading_is_recorded(patient):
    put(patient)
    found = read(patient, 1, by=OTTO)
    assert (found.name, found.content, found.media) == ("scan.pdf", PDF, "application/pdf")
    row = session.scalars(select(Record).where(Record.action == "core.read_attachment")).one()
    assert (row.chain_kind, row.chain_code, row.actor_login) == ("person", "otto", "otto")
    assert f"{patient.code}/1" in row.body
    (line,) = told([row])
    assert line.what == "Read an attachment"


@pytest.mark.db
def test_a_repeated_key_attaches_once(patient):
    first = put(patient, key="once")
    again = put(patient, key="once")
    assert again is patient
    assert [one.number for one, _gone in attachments.listed(patient)] == [first.number]
    refusal("idempotency.reused", put, patient, content=png(), name="a.png", declared="image/png", key="once")


@pytest.mark.db
def test_a_stale_version_is_refused_and_nothing_is_kept(patient, folder):
    version = patient.version
    put(patient)
    with pytest.raises(Stale):
        put(patient, expected=version)
    assert len(files(folder)) == 1


def test_a_refused_act_keeps_nothing(patient, folder):
    for by in (ADA, OTTO, SPONSOR):
        with pytest.raises(NotAllowed):
            put(patient, by=by)
    assert files(folder) == []


# --- hostile files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"), ("C:\\fakepath\\Scan 1.PDF", "Scan 1.PDF"),
        ("ordonnance signée 处方.pdf", "ordonnance signée 处方.pdf"), ("e\u0301.pdf", "é.pdf"),
        (".pdf", ".pdf"),
    ],
)  # fmt: skip
def test_a_name_is_kept_without_a_path_and_in_every_script(patient, name, kept, folder):
    put(patient, name=name)
    assert read(patient, 1, by=NINA).name == kept
    assert all(one.is_relative_to(folder) for one in files(folder))


def test_one_byte_too_many_is_too_large(patient, folder):
    shelf.open_shelf(Shelf(folder, most=len(PDF)))
    put(patient)
    with pytest.raises(TooLarge) as refused:
        received("scan.pdf", "application/pdf", PDF + b"\n")
    assert refused.value.code == "attachment.too_large"


def test_a_thing_that_bears_the_most_takes_no_more(patient, folder, monkeypatch):
    monkeypatch.setattr(attachments, "MOST", 2)
    for _ in range(2):
        put(patient)
    kept, version = files(folder), patient.version
    refusal("attachment.too_many", put, patient)
    assert (files(folder), patient.version) == (kept, version)


# --- the scanner ----------------------------------------------------------------------------------


def scanner(folder: Path, body: str, patience: int = 10) -> Path:
    file = folder.parent / "scanner.py"
    file.write_text(body)
    shelf.open_shelf(Shelf(folder, scanner=f"{sys.executable} {file}", patience=patience))
    return folder.parent / "seen"


def test_a_scanner_that_finds_nothing_lets_it_pass_and_sees_the_plain_file(patient, folder, monkeypatch):
    monkeypatch.setenv("MSCBANK_MASTER_KEY", "a secret")
    seen = scanner(
        folder,
        "import os, pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n"
        f"pathlib.Path({str(folder.parent / 'seen')!r}).write_text('|'.join([file.suffix, str(file),"
        " str(oct(file.parent.stat().st_mode)[-3:]), str(len(file.read_bytes())),"
        " str('MSCBANK_MASTER_KEY' in os.environ)]))",
    )
    assert put(patient).is_scanned
    suffix, path, mode, size, knows = seen.read_text().split("|")
    assert (suffix, mode, int(size), knows) == (".pdf", "700", len(PDF), "False")
    assert not Path(path).exists()
    shelf.open_shelf(Shelf(folder))
    assert not put(patient).is_scanned


@pytest.mark.db
def test_what_the_scanner_finds_is_refused_in_its_words_and_stands_among_the_blocked(patient, folder):
    scanner(folder, "import sys\nprint(sys.argv[1] + ': Eicar-Signature FOUND')\nsys.exit(1)")
    refused = refusal("attachment.infected", put, patient)
    assert refused.sentence == "The virus scanner refuses this file: Eicar-Signature FOUND"
    assert refused.blocked_as
    row = session.scalars(select(Record).where(Record.act == refused.blocked_as)).one()
    assert (row.outcome, row.subject_code) == (Outcome.REFUSED, patient.code)
    assert files(folder) == []


def test_a_scanner_that_says_nothing_readable_still_refuses(patient, folder):
    scanner(folder, "import sys\nsys.stdout.buffer.write(b'\\x1b[31m\\xff\\x00')\nsys.exit(2)")
    refusal("attachment.infected", put, patient)


def test_a_scanner_that_hangs_is_ended_with_its_children(patient, folder):
    pid = scanner(
        folder,
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(folder.parent / 'seen')!r}).write_text(str(child.pid))\ntime.sleep(60)",
        patience=1,
    )
    began = time.monotonic()
    with pytest.raises(Busy) as refused:
        put(patient)
    assert refused.value.code == "attachment.scanner_silent"
    assert time.monotonic() - began < 8
    assert files(folder) == []
    until = time.monotonic() + 5
    while time.monotonic() < until and is_running(int(pid.read_text())):
        time.sleep(0.05)
    assert not is_running(int(pid.read_text()))


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("command", ["/nowhere/clamscan", "/"])
def test_a_scanner_that_is_not_there_lets_nothing_pass(patient, folder, command):
    shelf.open_shelf(Shelf(folder, scanner=command))
    with pytest.raises(Busy) as refused:
        put(patient)
    assert refused.value.code == "attachment.scanner_silent"
    assert attachments.listed(patient) == []


# --- the folder -----------------------------------------------------------------------------------


def test_a_folder_that_takes_nothing_changes_nothing(patient, tmp_path):
    (tmp_path / "file").write_text("no folder")
    shelf.open_shelf(Shelf(tmp_path / "file"))
    with pytest.raises(Busy) as refused:
        put(patient)
    assert refused.value.code == "attachment.not_kept"
    session.rollback()
    assert attachments.listed(patient) == []
    assert faults() == []


def test_what_lies_half_written_is_never_taken_for_an_attachment(patient, folder, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as lifted:
        lifted.setattr(os, "fsync", full)
        with pytest.raises(Busy):
            put(patient)
    assert files(folder) == []
    assert put(patient).number == 1


def tamper(file: Path, content: bytes) -> None:
    file.chmod(0o600)
    file.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],
        lambda whole: whole + b"\0",
        lambda whole: whole[:-1],
        lambda whole: b"",
        lambda whole: PDF,
    ],
    ids=["last bit", "a bit", "longer", "shorter", "empty", "plain"],
)
def test_a_changed_file_is_not_shown_and_is_found(patient, folder, change):
    put(patient)
    (file,) = files(folder)
    tamper(file, change(file.read_bytes()))
    refusal("attachment.altered", read, patient, 1, by=NINA)
    line = f"recipient {patient.code}: the content of its attachment 1 is not what was attached"
    assert faults() == [line]


def test_a_missing_file_says_so_and_is_found(patient, folder):
    put(patient)
    files(folder)[0].unlink()
    refusal("attachment.gone", read, patient, 1, by=NINA)
    line = f"recipient {patient.code}: the content of its attachment 1 is missing"
    assert faults() == [line]


def test_one_attachment_cannot_be_passed_off_as_another(patient, folder):
    """Whoever rules the database and the folder, but not the key, swaps two files."""
    first, second = put(patient), put(patient, content=JPEG, name="b.jpg", declared="image/jpeg")
    one, other = (folder / kept[:2] / kept for kept in (first.kept, second.kept))
    whole = one.read_bytes()
    tamper(one, other.read_bytes())
    tamper(other, whole)
    refusal("attachment.altered", read, patient, 1, by=NINA)
    refusal("attachment.altered", read, patient, 2, by=NINA)


def test_with_another_master_key_nothing_opens(patient):
    put(patient)
    try:
        sealed.open_master(sealed.new_master())
        refusal("attachment.altered", read, patient, 1, by=NINA)
    finally:
        sealed.open_master(worlds.MASTER_KEY)
    assert read(patient, 1, by=NINA).content == PDF


def test_a_new_master_key_takes_the_attachments_over(patient):
    put(patient)
    host, first, second = operator("root"), worlds.MASTER_KEY, sealed.new_master()
    try:
        keys.introduce(by=host, secret=first, shares_read="1 2")
        master = keys.introduce(by=host, secret=second, shares_read="1 3")
        sealed.open_master(second)
        assert sum(keys.take_over_all(master, host)) == 2
        keys.finish(master, by=host)
        assert read(patient, 1, by=NINA).content == PDF
        assert {row.master for row in session.scalars(select(AttachmentKey))} == {master.code}
        assert faults() == []
    finally:
        sealed.open_master(first)


def test_who_is_anonymised_leaves_no_readable_paper(bank):
    somebody = make_family.recipient()
    put(somebody)
    actions.exclude(somebody, by=MARTA, reason="not the disease")
    assert read(somebody, 1, by=NINA).content == PDF
    sign(actions.anonymise_recipient, somebody, EVA, ANA, reason="asked in writing to be forgotten")
    refusal("attachment.destroyed", read, somebody, 1, by=NINA)
    assert faults() == []


def test_the_database_alone_shows_neither_name_nor_content(patient):
    put(patient, name="Dvorak Anna.pdf")
    with engines().read.connect() as connection:
        for table in ("attachment", "attachment_key", "record"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert "Dvorak" not in str(rows)


def test_the_check_is_one_of_the_house(bank):
    assert CHECKS["core.attachments"].meaning.startswith("The content of every attachment is there")


# --- withdrawing ----------------------------------------------------------------------------------


@pytest.mark.db
def test_a_wrong_one_is_withdrawn_with_a_reason_and_stays_readable(patient):
    put(patient)
    with pytest.raises(Invalid):
        withdraw(patient, by=NINA, number=1)
    withdraw(patient, by=BRUNO, number=1, reason="it is of another patient")
    ((one, gone),) = attachments.listed(patient)
    assert gone is not None
    assert (gone.withdrawn_by, gone.reason) == ("bruno", "it is of another patient")
    assert read(patient, one.number, by=OTTO).content == PDF
    refusal("attachment.withdrawn", withdraw, patient, by=ANA, number=1, reason="once more")
    assert faults() == []


@pytest.mark.db
@pytest.mark.parametrize("number", [0, 2, -1, 10**12, 2**70])
def test_what_is_not_there_is_not_found(patient, number):
    put(patient)
    with pytest.raises(Missing):
        attachments.of(patient, number)
    with pytest.raises(Missing):
        withdraw(patient, by=NINA, number=number, reason="wrong one")


def test_who_only_reads_withdraws_nothing(patient):
    put(patient)
    for by in (OTTO, ADA, SPONSOR):
        with pytest.raises(NotAllowed):
            withdraw(patient, by=by, number=1, reason="does not belong here")


@pytest.mark.parametrize("by", [SPONSOR, MONITOR, ADA], ids=lambda by: by.login)
def test_who_sees_codes_only_reads_no_attachment(patient, by):
    put(patient)
    refused = refusal("sealed.codes_only", read, patient, 1, by=by)
    assert refused.status == 403
    assert session.scalar(select(Record.id).where(Record.action == "core.read_attachment")) is None


def test_another_site_is_out_of_sight(bank):
    here = make_family.recipient(site="PARIS")
    there = Principal("zoe", "Zoe Elsewhere", frozenset({Grant(Role.NURSE, "LYON")}))
    with pytest.raises(Missing):
        put(here, by=there)


# --- raw SQL --------------------------------------------------------------------------------------

TWICE = (
    "INSERT INTO attachment_withdrawal (path, attachment_id, reason, withdrawn_by, withdrawn_at)"
    " SELECT 'twice', attachment_id, reason, withdrawn_by, withdrawn_at FROM attachment_withdrawal"
)


@pytest.mark.db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attachment SET digest = kept",
        "UPDATE attachment SET title = 'another'",
        "DELETE FROM attachment",
        "DELETE FROM attachment_key",
        "DELETE FROM attachment_withdrawal",
        "UPDATE attachment_withdrawal SET reason = 'another'",
        TWICE,
    ],
)
def test_the_database_keeps_attachments_as_they_are(bank, patient, statement):
    put(patient)
    withdraw(patient, by=NINA, number=1, reason="it is of another patient")
    session.rollback()
    engine = direct(bank)
    with (
        pytest.raises(Exception, match=r"append-only|keeps its rows|UNIQUE|unique|denied"),
        engine.begin() as raw,
    ):
        raw.execute(text(statement))
    engine.dispose()


@pytest.mark.db
def test_a_row_that_was_put_in_by_hand_is_found(bank, patient):
    put(patient, content=CSV, name="a.csv", declared="text/csv")
    line = f"attachment_key {patient.code}/10: is not in the record"
    session.rollback()
    engine = direct(bank)
    with engine.begin() as raw:
        raw.execute(
            text(
                "INSERT INTO attachment_key (path, master, wrapped)"
                " SELECT path || '0', master, wrapped FROM attachment_key"
            )
        )
    engine.dispose()
    assert faults() == [line]
    assert session.scalars(select(AttachmentKey)).all()
    assert not session.scalars(select(AttachmentWithdrawal)).all()
