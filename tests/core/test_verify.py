"""Somebody with the database's own password edits past the guards: `mscbank verify` names the row."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from mscbank.core import checks, verify
from mscbank.core.db import session
from mscbank.core.record import HASHED, Record, hash_of
from tests.core.acting import RENAME, someone
from tests.core.tampering import does, edited, lines
from tests.fixtures import Walked
from tests.people import ADA

pytestmark = pytest.mark.db

CHANGED, DIFFERS, MARKS = "was changed", "differs from the record in ", "the signatures of act"
LAST, EARLIEST = "(SELECT max(id) FROM record)", "(SELECT min(entered_at) FROM record)"
EDITS = [
    ("UPDATE record SET reason = 'another' WHERE id = 20", "", CHANGED),
    ("UPDATE record SET actor_login = 'somebody' WHERE id = 20", "", CHANGED),
    ("UPDATE record SET body = replace(body, 'a', 'b') WHERE id = 20", "", CHANGED),
    ("UPDATE record SET hash = prev_hash WHERE id = 20", "", CHANGED),
    (f"UPDATE record SET happened_at = {EARLIEST} WHERE id = {LAST}", "", CHANGED),
    (f"UPDATE record SET entered_at = {EARLIEST} WHERE id = {LAST}", "", CHANGED),
    (
        "UPDATE recipient SET sex = CASE sex WHEN 'female' THEN 'male' ELSE 'female' END WHERE id = 1",
        "recipient ",
        DIFFERS + "sex",
    ),
    ("UPDATE vial SET tnc = tnc + 1 WHERE id = 3", "vial ", DIFFERS + "tnc"),
    ("UPDATE vial SET version = version + 1 WHERE id = 3", "vial ", DIFFERS + "version"),
    ("UPDATE vial SET batch_id = 2, number = 99 WHERE id = 3", "vial ", DIFFERS + "batch_id, number"),
    ("UPDATE role_grant SET role = 'qp' WHERE id = 1", "role_grant ", DIFFERS + "role"),
    ("UPDATE custody_event SET actor = 'x' WHERE id = 4", "custody_event ", "is not the one that act"),
    (
        "DELETE FROM custody_event WHERE id = (SELECT max(id) FROM custody_event)",
        "custody_event -",
        "are gone",
    ),
    ("UPDATE signature SET login = 'somebody' WHERE id = 2", "", MARKS),
    ("UPDATE signature SET printed_name = 'Dr Nobody' WHERE id = 2", "", MARKS),
    ("UPDATE signature SET held = '{}' WHERE id = 2", "", "what"),
    ("DELETE FROM signature WHERE id = 2", "", MARKS),
    ("DELETE FROM act_touch WHERE id = 30", "", "is missing from its history"),
    ("UPDATE act_touch SET code = 'OTHER' WHERE id = 30", "", "does not belong into its history"),
    ("UPDATE chain_head SET hash = 'x' WHERE id = 1", "", "is not the one that was written"),
    ("DELETE FROM chain_head WHERE id = 1", "", "has no end on file"),
]


class TestAWalkedWorld:
    def test_it_holds(self, infused: Walked):
        assert lines() == []
        assert verify.size()["entries"] > 100

    @pytest.mark.parametrize(("words", "about", "says"), EDITS)
    def test_it_names_what_was_edited(self, infused: Walked, words: str, about: str, says: str):
        edited(infused.url, does(words))
        found = lines("core.record")
        assert any(line.startswith(about) and says in line for line in found), found


@pytest.mark.usefixtures("bank")
class TestAChain:
    @pytest.fixture(autouse=True)
    def _chain(self, bank: str):
        bruno = someone()
        for number in range(4):
            RENAME(bruno, by=ADA, to=f"Bruno {number}")
        assert lines() == []

    def test_an_entry_taken_out_of_the_middle(self, bank: str):
        edited(bank, does("DELETE FROM record WHERE chain_sequence = 3"))
        assert "person bruno: entry 4 of its record follows entry 2: entries are missing" in lines()

    def test_entries_taken_from_the_end(self, bank: str):
        edited(bank, does("DELETE FROM record WHERE chain_sequence > 3"))
        assert "person bruno: its record ends before entry 5: entries are missing at the end" in lines()

    def test_a_whole_chain_taken_away(self, bank: str):
        edited(bank, does("DELETE FROM record"))
        found = lines()
        assert "person bruno: its record ends before entry 5: entries are missing at the end" in found
        assert "person bruno: is not in the record" in found

    @pytest.mark.parametrize(
        ("entry", "says"), [(3, "does not follow the one before it"), (5, "is not the one that was written")]
    )
    def test_an_entry_rewritten_with_its_hash(self, bank: str, entry: int, says: str):
        def rewrite(connection: Connection) -> None:
            table = Record.__table__
            found = connection.execute(select(table).where(table.c.chain_sequence == entry)).one()
            values = {name: getattr(found, name) for name in HASHED} | {"reason": "another"}
            connection.execute(
                update(table).where(table.c.id == found.id).values(reason="another", hash=hash_of(values))
            )

        edited(bank, rewrite)
        assert any(says in line for line in lines()), lines()

    def test_entries_swapped(self, bank: str):
        edited(
            bank,
            lambda connection: [
                connection.exec_driver_sql(
                    f"UPDATE record SET chain_sequence = {new} WHERE chain_sequence = {old}"
                )
                for old, new in ((2, 99), (3, 2), (99, 3))
            ],
        )
        assert any("was changed" in line for line in lines())

    def test_a_row_that_no_act_wrote(self, bank: str):
        edited(
            bank,
            does(
                "INSERT INTO person (code, version, printed_name, state, is_emergency)"
                " VALUES ('ghost', 1, 'Ghost', 'active', 1 = 0)"
            ),
        )
        assert lines() == ["person ghost: is not in the record"]

    def test_a_row_taken_away(self, bank: str):
        edited(bank, does("DELETE FROM person"))
        assert lines() == ["person bruno: is gone, or was given another name"]

    def test_a_row_given_another_name(self, bank: str):
        edited(bank, does("UPDATE person SET code = 'other'"))
        assert set(lines()) == {
            "person other: is not in the record", "person bruno: is gone, or was given another name",
        }  # fmt: skip

    def test_what_is_written_meanwhile_is_no_fault(self, bank: str, monkeypatch: pytest.MonkeyPatch):
        read_on, done = verify._read_on, []

        def between(book: verify.Book) -> Any:
            yield from read_on(book)
            if not done:
                done.append(1)
                session.remove()
                RENAME(someone("ines", "Ines"), by=ADA, to="Ines K")
                RENAME(session.get(type(someone("tomas", "T")), 1), by=ADA, to="Meanwhile")

        monkeypatch.setattr(verify, "_read_on", between)
        assert lines() == []


@pytest.mark.usefixtures("bank")
class TestTheRegistry:
    def test_each_step_registers_its_checks(self, monkeypatch: pytest.MonkeyPatch, engine_kind: str):
        monkeypatch.setattr(checks, "CHECKS", {})

        @checks.check("test.one")
        def one() -> Any:
            """All is well.

            More of it.
            """
            yield "vial", "V1", "is not where it should be"

        assert checks.CHECKS["test.one"].meaning == "All is well."
        assert list(checks.run()) == [("test.one", ("vial", "V1", "is not where it should be"))]
        with pytest.raises(ValueError, match="two checks"):
            checks.check("test.one")(one)

    def test_every_check_of_the_house_says_what_holds(self, engine_kind: str):
        assert "core.record" in checks.CHECKS
        for check in checks.CHECKS.values():
            assert check.meaning.endswith("."), check.name


def test_a_difference_names_the_fields(engine_kind: str):
    assert verify.difference(None, {}) == "is not in the record"
    assert verify.difference({"a": "1", "b": None}, {"a": "1"}) is None
    assert verify.difference({"a": "1"}, {"a": "2", "b": "3"}) == "differs from the record in a, b"
