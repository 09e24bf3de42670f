"""The demonstration: a study of the published shape, replayed, counted and proven."""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mscbank.app import connect, create_app
from mscbank.coding import din, short
from mscbank.config import for_demonstration
from mscbank.core import db
from mscbank.core.codes import by_code
from mscbank.core.instance import instance
from mscbank.core.links import waiting_for
from mscbank.core.verify import findings
from mscbank.ops.demo import build
from mscbank.ops.demo.cast import CAST
from mscbank.ops.demo.command import file_of
from mscbank.release.models import Release
from mscbank.release.states import State
from mscbank.safety.report import report_of
from mscbank.staff import vouching
from mscbank.staff.people import load
from mscbank.study.models import Protocol
from mscbank.trace.story import tell
from tests.copies import SQLITE, Copies, World

pytestmark = pytest.mark.timeout(900)
README = Path(__file__).parents[2] / "README.md"
PUBLISHED = "NCT02213705"


def make(url: str) -> None:
    vouching.join()  # the accounts say who is who, whatever cast a test before this one put on stage
    build.build(url)
    db.disconnect()


DEMONSTRATION = World("demonstration", make, None)


@pytest.fixture
def demonstration(copies: Copies) -> Iterator[str]:
    url = copies.of(DEMONSTRATION, SQLITE)
    connect(for_demonstration(url))
    yield url
    db.disconnect()


def published() -> Protocol:
    found = db.session.scalar(select(Protocol).where(Protocol.registry_id == PUBLISHED))
    assert found is not None
    return found


def past_the_door(url: str, statement: str) -> None:
    """Change one row as the owner of the file can: with the triggers out of the way."""
    file = file_of(url)
    db.disconnect()
    with sqlite3.connect(file) as owner:
        for (name,) in owner.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            owner.execute(f"DROP TRIGGER {name}")
        assert owner.execute(statement).rowcount == 1
    connect(for_demonstration(url))


def test_the_published_figures_come_out_of_the_raw_rows(demonstration):
    table = report_of(published()).table
    assert (table.enrolled, table.infused) == (20, 20)
    assert table.by_sex == {"female": 13, "male": 7}
    assert table.by_level == {1: 10, 2: 10}
    assert table.doses == {1: 1_000_000, 2: 3_000_000}
    assert (str(table.first_enrolled_on), str(table.last_enrolled_on)) == ("2014-03-24", "2020-01-06")
    assert (table.related_severe_to_day_10.events, table.related_severe_to_day_10.patients) == (0, 0)
    assert (table.related_to_day_10.events, table.related_to_day_10.patients) == (3, 2)
    assert [(one.term, one.grade, one.count.events) for one in table.related_by_term] == [
        ("Flushing", 1, 1),
        ("Nausea", 1, 1),
        ("Asthenia", 2, 1),
    ]
    assert table.related_after_day_10.events == 0
    severe, serious = table.severe_unrelated_after_day_10, table.serious_unrelated_after_day_10
    assert (severe.events, severe.patients, severe.percent) == (36, 14, Decimal(70))
    assert (serious.events, serious.patients) == (36, 14)
    assert table.follow_up is not None
    assert (table.follow_up.median, table.follow_up.lower, table.follow_up.upper) == (
        Decimal("24.1"),
        Decimal("20.8"),
        Decimal("24.5"),
    )


def test_one_raw_row_changed_changes_the_figures(demonstration):
    past_the_door(
        demonstration,
        "UPDATE adverse_event SET ctcae_grade = 2 WHERE id = (SELECT min(id) FROM adverse_event"
        " WHERE ctcae_grade = 3 AND causality = 'not_related')",
    )
    table = report_of(published()).table
    assert table.severe_unrelated_after_day_10.events == 35
    assert table.serious_unrelated_after_day_10.events == 36, "seriousness is stored apart from the grade"


def test_verify_passes_and_names_a_row_that_was_edited(demonstration):
    assert list(findings()) == []
    past_the_door(demonstration, "UPDATE vial SET tnc = tnc + 1 WHERE code = 'VDD0000030R'")
    assert [(one.kind, one.code) for one in findings()] == [("vial", "VDD0000030R")]


def test_it_is_marked_for_ever(demonstration):
    assert instance().is_demonstration
    assert instance().prefix == "DD"


def test_two_batches_failed_release_as_in_life(demonstration):
    rejected = select(func.count()).select_from(Release).where(Release.state == State.REJECTED)
    assert db.session.scalar(rejected) == 2


def test_every_worklist_of_the_second_protocol_has_something_to_show(demonstration):
    waiting = {}
    with create_app(for_demonstration(demonstration)).test_request_context():
        for person in CAST:
            by = load(person.login)
            waiting[person.login] = {task.step for task in waiting_for(by)} if by else set()
    assert {login for login, steps in waiting.items() if not steps} == {
        "admin",
        "auditor",
        "reviewer",
        "sponsor",
    }
    assert set().union(*waiting.values()) >= {
        "family", "collection", "batch", "custody", "release", "allocation", "infusion", "safety",
        "deviation",
    }  # fmt: skip


def test_each_way_is_complete(demonstration):
    for code in ("VDD0000030R", "LDD00000V0R"):
        thing = by_code(code)
        story = tell((thing.kind, thing.code))
        assert story.completeness.is_complete
        assert story.chain_intact
        assert story.signatures == story.signatures_holding > 0


def test_the_codes_of_the_readme_stand_in_it(demonstration):
    text = README.read_text()
    codes = {word for word in text.replace("`", " ").split() if short.is_wellformed(word.strip("().,:"))}
    assert len(codes) >= 3
    found = {code[0]: by_code(code.strip("().,:")) for code in codes}
    assert found["K"].state == "prescribed"
    assert found["C"].state == "under_review"
    assert found["L"].material == "platelet_lysate"
    assert found["V"].kind == "vial"
    assert din.parse_typed_din("A9999 26 700002 2")
