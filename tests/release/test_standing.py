"""What verify recomputes of the judgement."""

import pytest
from sqlalchemy import text

from mscbank.core import checks
from mscbank.core.db import session
from mscbank.release import actions
from tests import make_release
from tests.make_release import vials_of
from tests.people import ANA, QUENTIN, QUITERIA, sign
from tests.release.conftest import past_the_door

NAMES = ("release.vials", "release.people", "release.suspensions", "release.trail_reviews")


def faults():
    session.rollback()
    session.expire_all()
    return [(name, kind, sentence) for name, (kind, _code, sentence) in checks.run(*NAMES)]


def by_hand(*statements):
    """Edit the file as somebody with all rights would, its guards taken away."""
    with past_the_door() as connection:
        guards = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in guards.scalars().all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.db
def test_nothing_is_found_on_what_people_did(released):
    assert faults() == []
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    assert faults() == []
    sign(actions.reopen, released, QUENTIN, reason="a count is to be corrected")
    assert faults() == []
    sign(actions.check, released, ANA)
    make_release.certify(released)
    sign(actions.release_batch, released, QUITERIA)
    assert faults() == []


@pytest.mark.parametrize(
    ("statement", "kind", "said", "times"),
    [
        (
            "UPDATE vial SET quality = 'conditional'",
            "vial",
            "it is conditional while the release of its batch stands at released",
            4,
        ),
        (
            "UPDATE release SET state = 'suspended', suspended_from = 'released'",
            "vial",
            "its batch stands at suspended and is not on hold",
            4,
        ),
        (
            "UPDATE release SET certified_by = 'pieter'",
            "release",
            "pieter tested the batch and certified it",
            1,
        ),
        (
            "UPDATE release SET certified_by = 'tomas'",
            "release",
            "tomas worked on the batch and certified it",
            1,
        ),
    ],
)
def test_an_edit_past_the_guards_is_named(released, statement, kind, said, times):
    by_hand(statement)
    assert [fault[1:] for fault in faults()] == [(kind, said)] * times


def test_a_hold_that_was_lifted_behind_its_cause_is_named(released):
    actions.suspend(released, by=ANA, reason="a doubt about the label")
    by_hand("UPDATE hold SET lifted_at = placed_at, lifted_by = 'x', lifted_reason = 'because'")
    said = "suspension 1 and its hold tell different stories"
    assert ("release.suspensions", "release", said) in faults()


def test_vials_that_nobody_judged_are_named(opened_review):
    assert len(vials_of(opened_review.batch)) == 4
    by_hand("DELETE FROM release", "UPDATE vial SET quality = 'rejected'")
    said = "it left quarantine although nobody judged its batch"
    assert faults() == [("release.vials", "vial", said)] * 4


def test_a_review_of_the_audit_trail_that_was_altered_is_named(reviewed):
    make_release.read_trail(reviewed)
    assert faults() == []
    by_hand('UPDATE trail_review SET marks = \'[["batch","X","1","00"]]\'')
    assert [fault[2] for fault in faults()] == [
        "review 1 of the audit trail was altered",
        "review 1 read 1 entries that are not there as they were read",
    ]
