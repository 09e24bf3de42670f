"""The commands as somebody at the host types them: what they print, how they end, one line when refused."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from mscbank import cli
from mscbank.config import DEMONSTRATION_CHECKPOINT, Config, beside, for_demonstration
from mscbank.core import db, shares
from mscbank.core.db import session
from mscbank.core.record import Record
from mscbank.core.sealed import new_master
from mscbank.custody.models import Vial
from mscbank.staff import people, secrets
from mscbank.staff.models import ApiToken, User
from tests import worlds
from tests.copies import SQLITE, Copies
from tests.doors import SETTINGS
from tests.fixtures import Walked
from tests.make_factor import enrolled


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Typed = Callable[..., Ended]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command and read what it prints."""

    def run(*words: str, **settings: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["mscbank", *words])
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = 0
        try:
            cli.main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return run


@pytest.fixture
def demonstration(infused: Walked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A demonstration database, opened as one, but with the keys of the walked world."""

    def opened(url: str) -> Config:
        ours = {"MSCBANK_MASTER_KEY": worlds.MASTER_KEY, "MSCBANK_ANCHOR": f"folder:{tmp_path}/kept"}
        return Config({**for_demonstration(url).values, **ours}, demonstration=True)

    monkeypatch.setattr(cli, "for_demonstration", opened)
    db.disconnect()
    return infused.url


def one_line(ended: Ended, words: str, code: int = 2) -> None:
    """Refused in one line on standard error, nothing on the other, no traceback."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.startswith("mscbank: "), ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert words in ended.err


class TestReading:
    def test_verify_says_how_much_holds(self, demonstration: str, typed: Typed):
        ended = typed("verify", "--database", demonstration)
        assert ended.code == 0, ended
        assert ended.out.startswith("Everything holds: ")
        assert " entries in " in ended.out
        assert "… chains" in ended.err

    def test_verify_names_an_edited_row_and_ends_with_1(self, demonstration: str, typed: Typed):
        file = str(make_url(demonstration).database)
        with sqlite3.connect(file) as owner:
            for (name,) in owner.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
                owner.execute(f"DROP TRIGGER {name}")
            owner.execute("UPDATE vial SET tnc = tnc + 1 WHERE id = 3")
        ended = typed("verify", "--json", "--database", demonstration)
        assert ended.code == 1
        (line,) = [json.loads(line) for line in ended.out.splitlines()]
        assert (line["kind"], line["check"]) == ("vial", "core.record")
        assert "differs from the record in tnc" in line["finding"]

    def test_trace_tells_the_whole_way(self, demonstration: str, infused: Walked, typed: Typed):
        db.connect(infused.url)
        code = infused.first.vials[0].code
        db.disconnect()
        ended = typed("trace", code, "--database", demonstration)
        told = json.loads(ended.out)
        assert told["completeness"]["complete"]
        assert told["chain_intact"]

    def test_the_safety_report_is_printed(self, demonstration: str, infused: Walked, typed: Typed):
        db.connect(infused.url)
        registry_id = infused.first.protocol.registry_id
        db.disconnect()
        ended = typed("report", "safety", registry_id, "--database", demonstration)
        assert ended.code == 0
        assert "Safety report" in ended.out
        assert "Nausea, grade 2" in ended.out

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (("trace", "NOPE"), "no code that we know"),
            (("trace", "VDD0000030S"), "check character"),
            (("report", "safety", "NCT0"), "there is no protocol NCT0"),
        ],
    )
    def test_what_is_not_there_is_one_line(
        self, demonstration: str, typed: Typed, words: tuple[str, ...], why: str
    ):
        one_line(typed(*words, "--database", demonstration), why)


class TestAccounts:
    @pytest.fixture(autouse=True)
    def _settings(self, copies: Copies, monkeypatch: pytest.MonkeyPatch):
        self.url = copies.of(worlds.EMPTY, SQLITE)
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MSCBANK_DATABASE_URL", self.url)
        monkeypatch.setenv("MSCBANK_ARGON2_MEMORY_KIB", "64")
        monkeypatch.setenv("MSCBANK_ARGON2_TIME", "1")

    def add(self, typed: Typed, password: str = "a long enough secret 42") -> Ended:
        words = ("user", "add", "ada", "--name", "Ada Moreau", "--role", "admin", "--password", password)
        return typed(*words)

    def test_the_first_administrator_comes_by_the_command_line(self, typed: Typed):
        ended = self.add(typed)
        assert ended.code == 0, ended
        assert ended.out == "Ada Moreau may sign in as ada: admin.\n"
        db.connect(self.url)
        found = people.load("ada")
        assert found is not None
        assert [role.value for role in found.roles] == ["admin"]
        assert secrets.verify("ada", "a long enough secret 42")
        db.disconnect()

    def test_the_host_takes_a_lost_second_factor_away(self, typed: Typed):
        self.add(typed)
        words = ("user", "reset-factor", "ada", "--reason", "the only telephone is lost")
        one_line(typed(*words), "no second factor")
        db.connect(self.url)
        enrolled("ada")
        db.disconnect()
        ended = typed(*words)
        assert (ended.code, ended.out) == (0, "Ada Moreau has no second factor any more.\n"), ended
        db.connect(self.url)
        assert people.factors_of("ada") == frozenset()
        db.disconnect()
        for nobody in ("zoe", "a\0b"):
            one_line(typed("user", "reset-factor", nobody, "--reason", "for nobody"), "nobody has the log-in")

    def test_who_needs_one_is_a_setting(self, typed: Typed, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MSCBANK_SECOND_FACTOR", "qp everybody")
        one_line(self.add(typed), "MSCBANK_SECOND_FACTOR")

    def test_a_token_is_printed_once_and_kept_as_a_digest(self, typed: Typed):
        self.add(typed)
        ended = typed("token", "ada", "--label", "scripts")
        assert ended.code == 0, ended
        printed = ended.out.strip()
        db.connect(self.url)
        kept = session.scalars(select(ApiToken)).one()
        assert printed not in kept.token_hash
        assert session.scalars(select(User)).one().code == "ada"
        db.disconnect()

    def test_a_weak_password_makes_no_account(self, typed: Typed):
        one_line(self.add(typed, "short"), "15 to")
        db.connect(self.url)
        assert session.scalars(select(User)).all() == []
        db.disconnect()

    def test_a_name_twice_is_refused(self, typed: Typed):
        self.add(typed)
        one_line(self.add(typed), "")

    def test_nobody_gets_no_token(self, typed: Typed):
        one_line(typed("token", "nobody", "--label", "x"), "there is no account nobody")

    def test_the_clockwork_makes_one_round(self, typed: Typed):
        assert typed("work", "--once").code == 0


class TestCheckpoint:
    def test_one_is_made_shown_kept_and_held_against(self, demonstration: str, typed: Typed, tmp_path: Path):
        assert typed("checkpoint", "show", "--database", demonstration).code == 2
        made = typed("checkpoint", "make", "--database", demonstration)
        assert (made.code, made.out) == (0, "Checkpoint 1 is made.\n"), made
        again = typed("checkpoint", "make", "--database", demonstration)
        assert again.out == "Nothing has happened since the last checkpoint.\n"
        shown = typed("checkpoint", "show", "--database", demonstration).out
        assert json.loads(shown)["checkpoint"]["number"] == 1
        one_line(typed("checkpoint", "show", "9", "--database", demonstration), "no checkpoint 9")
        for number in ("0", "x", str(2**63)):
            assert typed("checkpoint", "show", number, "--database", demonstration).code == 2
        file = tmp_path / "kept.json"
        file.write_text(shown)
        ended = typed("verify", "--database", demonstration, "--against", str(file))
        assert ended.code == 0, ended
        assert "1 checkpoints" in ended.out
        file.write_text(shown.replace('"entries": ', '"entries": 1'))
        ended = typed("verify", "--database", demonstration, "--against", str(file))
        assert ended.code == 1
        assert "was changed where it was kept" in ended.out

    def test_a_proof_is_checked_without_a_database(self, demonstration: str, typed: Typed, tmp_path: Path):
        db.connect(demonstration)
        vial = session.scalars(select(Vial.code).limit(1)).one()
        db.disconnect()
        one_line(typed("checkpoint", "prove", vial, "--database", demonstration), "no checkpoint covers it")
        one_line(typed("checkpoint", "prove", "VDD000", "--database", demonstration), "")
        typed("checkpoint", "make", "--database", demonstration)
        proof = typed("checkpoint", "prove", vial, "--database", demonstration)
        file = tmp_path / "proof.json"
        file.write_text(proof.out)
        held = typed("checkpoint", "check", str(file))
        assert (held.code, held.out.split(": ")[0]) == (0, "It holds"), held
        assert vial in held.out
        file.write_text(proof.out.replace(vial, "VDD00000000"))
        one_line(typed("checkpoint", "check", str(file)), "does not lead to the root", 1)
        for nothing in ("", "{}", '{"proofs": []}', '{"proofs": [7]}', '{"proofs": 7}'):
            file.write_text(nothing)
            one_line(typed("checkpoint", "check", str(file)), "no proof", 1)

    def test_one_entry_is_proved(self, demonstration: str, typed: Typed, tmp_path: Path):
        db.connect(demonstration)
        act, code = session.execute(
            select(Record.act, Record.chain_code).where(
                Record.chain_kind == "vial", Record.chain_sequence == 1
            )
        ).first() or ("", "")  # fmt: skip
        db.disconnect()
        here, file = ("--database", demonstration), tmp_path / "proof.json"
        one_line(typed("checkpoint", "prove", "--act", act, *here), "no checkpoint covers it")
        typed("checkpoint", "make", *here)
        for asked in (("--act", act), ("--act", act[:8].upper()), (code, "--entry", "1")):
            file.write_text(typed("checkpoint", "prove", *asked, *here).out)
            held = typed("checkpoint", "check", str(file))
            assert (held.code, f"entry 1 of the record of vial {code}" in held.out) == (0, True), held
        one_line(typed("checkpoint", "prove", code, "--entry", "999999", *here), "has no entry")
        one_line(typed("checkpoint", "prove", code, "--entry", str(10**30), *here), "has no entry")
        one_line(typed("checkpoint", "prove", "--act", "f" * 32, *here), "no act begins")
        one_line(typed("checkpoint", "prove", "--act", "xyz", *here), "32 hexadecimal digits")
        for wrong in ((), (code, "--act", act), ("--act", act, "--entry", "1"), ("--entry", "1")):
            assert typed("checkpoint", "prove", *wrong, *here).code == 2

    def test_the_key_changes_hands(self, demonstration: str, typed: Typed, monkeypatch: pytest.MonkeyPatch):
        typed("checkpoint", "make", "--database", demonstration)
        change = ("checkpoint", "change-key", "--database", demonstration, "--reason", "yearly change")
        one_line(typed(*change, "--next-key", "short"), "this is no key")
        ended = typed(*change, "--next-key", new_master())
        assert ended.code == 0, ended
        assert "MSCBANK_CHECKPOINT_KEY" in ended.out
        one_line(typed("checkpoint", "make", "--database", demonstration), "is not here")


class TestUnsafe:
    """Outside a demonstration the service wants its keys and a place outside for the checkpoints."""

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"MSCBANK_ANCHOR": ""}, "Set MSCBANK_ANCHOR"),
            ({"MSCBANK_ANCHOR": "drawer"}, "names no way of keeping"),
            ({"MSCBANK_ANCHOR": "mailto:qa@hospital.example"}, "MSCBANK_SMTP"),
            ({"MSCBANK_CHECKPOINT_KEY": ""}, "Set MSCBANK_CHECKPOINT_KEY"),
            ({"MSCBANK_CHECKPOINT_KEY": "short"}, "MSCBANK_CHECKPOINT_KEY is no key"),
            ({"MSCBANK_CHECKPOINT_KEY": DEMONSTRATION_CHECKPOINT}, "built-in keys"),
            ({"MSCBANK_MASTER_KEY": "short"}, "MSCBANK_MASTER_KEY is no key"),
        ],
    )
    def test_it_does_not_start(self, tmp_path: Path, typed: Typed, changed: dict[str, str], says: str):
        url = f"sqlite:///{tmp_path}/bank.sqlite"
        typed("db", "upgrade", "--database", url, "--prefix", "7K", MSCBANK_DATABASE_URL=url)
        one_line(typed("serve", **SETTINGS | {"MSCBANK_DATABASE_URL": url} | changed), says)

    def test_the_checkpoints_of_a_demonstration_are_kept_beside_it(self):
        assert beside("sqlite:////srv/demo.sqlite") == Path("/srv/demo.sqlite.checkpoints")
        assert beside("sqlite:////srv/demo.sqlite.making") == Path("/srv/demo.sqlite.checkpoints")
        assert beside("postgresql://r@/demo?host=/run") == Path("var").resolve() / "checkpoints"


class TestHost:
    def test_secrets_are_fresh_each_time(self, typed: Typed):
        first, second = typed("secrets").out, typed("secrets").out
        assert first != second
        assert {line.split("=")[0] for line in first.splitlines()} == {
            "MSCBANK_SECRET_KEY", "MSCBANK_CHECKPOINT_KEY",
        }  # fmt: skip

    def test_the_schema_is_made_and_made_again(self, tmp_path: Path, typed: Typed):
        url = f"sqlite:///{tmp_path}/bank.sqlite"
        for _again in range(2):
            ended = typed("db", "upgrade", "--database", url, "--prefix", "7K", MSCBANK_DATABASE_URL=url)
            assert (ended.code, ended.out) == (0, "The database stands at this version.\n")

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (("frobnicate",), "No such command"),
            (("verify", "--frob"), "No such option"),
            (("user", "add"), "Missing argument"),
            (("token", "ada", "--label", "x", "--days", "400"), "--days"),
            (("verify", "--database", "nonsense"), "this is no database URL"),
            (("verify", "--database", "foo://x/y"), "this is no database URL"),
            (("verify", "--database", "postgresql://nobody:secret@127.0.0.1:1/x"), "cannot be used"),
            (("serve",), "Set MSCBANK_"),
            (("db", "upgrade", "--database", "sqlite://", "--zone", "Mars/X"), "no IANA time zone"),
            (("db", "upgrade", "--database", "sqlite://", "--prefix", "DD"), "no instance prefix"),
        ],
    )
    def test_wrong_input_is_one_line_and_2(
        self, typed: Typed, words: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
    ):
        if words[0] == "db":
            monkeypatch.setenv("MSCBANK_DATABASE_URL", "sqlite://")
        ended = typed(*words)
        one_line(ended, why)
        assert "nobody:secret" not in ended.err

    def test_a_file_that_is_no_database(self, tmp_path: Path, typed: Typed):
        file = tmp_path / "letter.txt"
        file.write_text("Dear colleague, " * 100)
        one_line(typed("verify", "--database", f"sqlite:///{file}"), "not a database")


class TestKeys:
    """The ceremonies as somebody at the host types them, on a bank that is no demonstration."""

    @pytest.fixture
    def real(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
        for name, value in (SETTINGS | {"MSCBANK_DATABASE_URL": database_url}).items():
            monkeypatch.setenv(name, value)
        return database_url

    def test_made_checked_changed_and_restored(
        self, real: str, typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        monkeypatch.delenv("MSCBANK_MASTER_KEY")
        monkeypatch.setenv("MSCBANK_ANCHOR", f"folder:{tmp_path}")
        held: dict[str, str] = {}

        def read_back(question: str, **_options: object) -> str:
            return held["1" if "first" in question else "3"]

        def show(raw: bytes, _tell: object) -> None:
            held.update({str(share.number): str(share) for share in shares.split(raw)})

        monkeypatch.setattr("click.prompt", read_back)
        monkeypatch.setattr("mscbank.ops.keys.show_shares", show)
        one_line(typed("keys", "check"), "MSCBANK_MASTER_KEY")
        made = typed("keys", "init")
        name, _equals, first = made.out.strip().partition("=")
        assert (made.code, name) == (0, "MSCBANK_MASTER_KEY")
        assert typed("keys", "restore").out == made.out
        monkeypatch.setenv("MSCBANK_MASTER_KEY", first)
        one_line(typed("keys", "init"), "in force already")
        checked = typed("keys", "check", "--shares")
        assert "opens the keys of all 0 people; shares 1 3 give it." in checked.out
        second = typed("keys", "rotate", "--reason", "a holder left").out.strip().partition("=")[2]
        one_line(typed("keys", "rotate", "--finish"), "Set MSCBANK_MASTER_KEY to the new key")
        monkeypatch.setenv("MSCBANK_MASTER_KEY", second)
        ended = typed("keys", "rotate", "--finish")
        assert "stands alone" in ended.out, ended
        verified = typed("verify")
        assert verified.code == 0, verified
        monkeypatch.setenv("MSCBANK_MASTER_KEY", first)
        one_line(typed("serve"), "the key in force is")

    def test_a_service_without_a_key_that_was_read_back_does_not_start(self, real: str, typed: Typed):
        one_line(typed("serve"), "No master key is in force: run `mscbank keys init`")
