"""What the database itself keeps of a judgement, whoever asks and by whatever statement."""

import pytest

from mscbank.core.db import engines
from mscbank.release import actions
from mscbank.release.models import Certification, Finding, Result, TrailReview
from tests import make_batch, make_release
from tests.attack import past_the_door, refused
from tests.make_release import enter
from tests.people import INES
from tests.release.test_testing import decide

pytestmark = pytest.mark.db

FREE = {
    "id": "o.id + 1000", "number": "o.number + 1000", "corrects_id": "NULL",
    "trail_review_id": "(SELECT max(id) FROM trail_review)",
}  # fmt: skip
"""What differs in a second row, so that one unique key alone refuses it."""


def written_over(model: type, *same: str) -> None:
    """A second row that is the same in these columns replaces nothing (SQLite's INSERT OR REPLACE)."""
    table, names = model.__tablename__, [column.name for column in model.__table__.columns]
    values = ", ".join(f"o.{name}" if name in same else FREE.get(name, f"o.{name}") for name in names)
    source = f"SELECT {values} FROM {table} o WHERE id = (SELECT max(id) FROM {table})"
    words = f"UNIQUE constraint failed: {', '.join(f'{table}.{name}' for name in same)}"
    for verb in ("INSERT", "INSERT OR REPLACE") if engines().write.dialect.name == "sqlite" else ("INSERT",):
        refused(f"{verb} INTO {table} ({', '.join(names)}) {source}", f"{words}|duplicate key")


def test_a_certification_is_not_written_over(released):
    names = ", ".join(c.name for c in TrailReview.__table__.columns if c.name not in ("id", "number"))
    past_the_door(f"INSERT INTO trail_review (number, {names}) SELECT number + 1, {names} FROM trail_review")
    written_over(Certification, "id")
    written_over(Certification, "release_id", "number")


def test_invariant_12_a_result_is_not_written_over(reviewed):
    actions.correct_result(
        reviewed, by=INES, attribute="passage", number=1, value_text="3", reason="misread from the sheet"
    )
    written_over(Result, "id")
    written_over(Result, "release_id", "attribute", "number")
    written_over(Result, "corrects_id")


def test_a_release_keeps_its_batch(reviewed):
    other = make_batch.batch()
    refused("UPDATE release SET batch_id = :other", "a release keeps its batch", other=other.id)


def test_invariant_12_a_decided_investigation_stays(opened_review):
    enter(opened_review, "viability_post_thaw", "62", review=make_release.PIETER)
    decide(opened_review, Finding.CONFIRMED)
    for change in ("finding = 'laboratory_error'", "conclusion = 'x'", "decided_by = 'quentin'"):
        refused(f"UPDATE investigation SET {change}", "a decided investigation is not changed")
