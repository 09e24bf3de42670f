"""The review of the audit trail: what it reads, who signs it, what makes it stale, what it holds up."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.batch import actions as batches
from mscbank.batch.models import Step
from mscbank.core import clock, parameters
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, SignIn, Stale
from mscbank.core.record import Record
from mscbank.core.signatures import Signer, prove
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.deviation.severity import Severity
from mscbank.release import actions, trail
from mscbank.release.exceptions import Why
from mscbank.release.facts import dossiers
from mscbank.release.models import TrailReview
from mscbank.release.readiness import Group, items
from mscbank.release.reviewing import reasons
from tests import make_batch, make_deviation, make_release
from tests.make_release import enter, read_trail, vials_of
from tests.people import ANA, BRUNO, INES, OTTO, QUENTIN, QUITERIA, SAM, person, sign
from tests.release.conftest import past_the_door

pytestmark = pytest.mark.db


def checked(release):
    sign(actions.check, release, ANA)
    return release


def certify(release):
    return sign(actions.certify, release, QUITERIA)


def line(release):
    session.expire_all()
    [found] = [one for one in items(dossiers([release])[release.id]) if one.group is Group.RECORD]
    return found.obstacle.code if found.obstacle else None


def picked(release):
    """(action, reasons) of every entry that is picked out."""
    rows = {row.act: row.action for row in trail.entries(release)}
    return {(rows[act], why) for act, why in reasons(trail.entries(release)).items()}


def refuses_to_certify(release, code):
    with pytest.raises(Refused, match=code) as refused:
        certify(release)
    assert refused.value.obstacles[0].roles == (Role.QA,)
    return refused.value


def test_nothing_is_certified_before_its_audit_trail_is_reviewed(reviewed):
    checked(reviewed)
    assert line(reviewed) == "release.trail_unreviewed"
    refuses_to_certify(reviewed, "release.trail_unreviewed")
    read_trail(reviewed)
    assert line(reviewed) is None
    certify(reviewed)
    [kept] = reviewed.certifications
    assert kept.trail_review.reviewed_by == "ana"
    assert kept.trail_review.entries == len(trail.entries(reviewed)) - 2, (
        "all but the review and what followed"
    )
    held = {s.meaning: s.holds for s in signatures_on("release", reviewed.code)}
    assert held["audit trail reviewed"]


def test_what_is_signed_names_the_last_entry_of_each_chain(reviewed):
    read_trail(reviewed, comment="read in full", findings="none of weight")
    [review] = reviewed.trail_reviews
    marks = trail.marks_of(review)
    assert trail.seen_of(marks) == review.marks_hash
    kinds = {kind for kind, *_rest in marks}
    assert kinds >= {"batch", "release", "donation", "assessment", "donor", "family_link", "consent",
                     "material_lot", "place"}  # fmt: skip
    for kind, code, sequence, hash_ in marks:
        row = session.scalars(
            select(Record).where(
                Record.chain_kind == kind, Record.chain_code == code, Record.chain_sequence == sequence
            )
        ).one()
        assert row.hash == hash_
    row = session.scalars(select(Record).where(Record.action == "release.review_trail")).one()
    signed = json.loads(row.signature)
    assert [one["meaning"] for one in signed] == ["audit trail reviewed"]
    assert review.marks_hash in row.body
    assert "read in full" in row.body


def test_a_review_is_by_quality_that_neither_made_nor_entered(reviewed):
    for by in (BRUNO, INES, QUITERIA, OTTO, SAM):
        with pytest.raises(NotAllowed):
            read_trail(reviewed, by=by)
    with pytest.raises(Refused, match="release.own_work"):
        read_trail(reviewed, by=person("bruno", "Bruno Lang", Role.QA))
    with pytest.raises(Refused, match="release.own_entries"):
        read_trail(reviewed, by=person("ines", "Ines Kowal", Role.QA))
    read_trail(reviewed, by=QUENTIN)


def test_the_database_refuses_them_too(reviewed):
    read_trail(reviewed)
    columns = "release_id, number, reviewed_by, reviewed_at, comment, entries, exceptions, marks, marks_hash"
    copied = f"INSERT INTO trail_review ({columns}) SELECT release_id, 2, 'ines', reviewed_at, comment,"
    words = "who entered a result does not review the audit trail"
    with pytest.raises(DBAPIError, match=words), past_the_door() as connection:
        connection.execute(text(f"{copied} entries, exceptions, marks, marks_hash FROM trail_review"))
    for statement in ("UPDATE trail_review SET comment = 'better'", "DELETE FROM trail_review"):
        with pytest.raises(DBAPIError), past_the_door() as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize("comment", ["", "    ", "read", "r e a d"])
def test_a_review_says_what_was_done(reviewed, comment):
    with pytest.raises(Invalid):
        read_trail(reviewed, comment=comment)


def test_who_read_another_state_signs_nothing(reviewed):
    seen = trail.state_of(reviewed)
    custody.print_labels(reviewed.batch, by=BRUNO, vials=vials_of(reviewed.batch)[:1], reason="torn label")
    with pytest.raises(Stale, match="release.trail_moved"):
        read_trail(reviewed, seen=seen)
    read_trail(reviewed)


def test_the_same_state_is_reviewed_once(reviewed):
    read_trail(reviewed)
    with pytest.raises(Refused, match="release.trail_reviewed_already"):
        read_trail(reviewed, by=QUENTIN)


def a_label_again(release):
    custody.print_labels(release.batch, by=BRUNO, vials=vials_of(release.batch)[:1], reason="torn label")


def a_deviation(release):
    make_deviation.deviation(release.batch.donation, severity=Severity.MINOR)


def a_refused_act(release):
    with pytest.raises(Refused):
        batches.add_passage(release.batch, by=BRUNO, seeded_cells=5)


def a_suspended_hold(release):
    custody.hold(vials_of(release.batch)[0], by=QUENTIN, reason="a doubt about the cap")


@pytest.mark.parametrize("happens", [a_label_again, a_deviation, a_refused_act, a_suspended_hold])
def test_whatever_comes_after_the_review_makes_it_stale(reviewed, happens):
    checked(reviewed)
    read_trail(reviewed)
    happens(reviewed)
    assert line(reviewed) == "release.trail_stale"
    refuses_to_certify(reviewed, "release.trail_stale")
    review = trail.last_review(reviewed)
    assert trail.since(reviewed, review)
    read_trail(reviewed)
    assert trail.since(reviewed, trail.last_review(reviewed)) == []
    certify(reviewed)


def test_the_certifications_own_path_makes_it_not_stale(reviewed):
    read_trail(reviewed)
    checked(reviewed)
    with pytest.raises(NotAllowed):
        sign(actions.certify, reviewed, ANA)
    with pytest.raises(SignIn):
        prove("release.certify", reviewed, Signer(QUITERIA, "certification", "wrong"),
              content=actions.certify.content, inputs={})  # fmt: skip
    assert line(reviewed) is None
    certify(reviewed)


def test_work_on_other_batches_makes_it_not_stale(reviewed):
    checked(reviewed)
    read_trail(reviewed)
    sister = batches.plan(
        by=BRUNO, donation=reviewed.batch.donation, protocol=reviewed.batch.protocol,
        specification=reviewed.batch.specification, directed_to=reviewed.batch.directed_to,
    )  # fmt: skip
    batches.start(sister, by=BRUNO)
    lot = reviewed.batch.uses[0].lot
    batches.use_material(sister, by=BRUNO, lot=lot, quantity=Decimal(1), step=Step.CULTURE)
    make_batch.lot()
    assert line(reviewed) is None
    assert sister.code not in {code for kind, code in trail.things(reviewed)}


def test_what_the_trail_is_about(reviewed):
    made = make_deviation.deviation(reviewed.batch.uses[0].lot, severity=Severity.MINOR)
    batch = reviewed.batch
    donation = batch.donation
    found = trail.things(reviewed)
    wanted = {("batch", batch.code), ("release", reviewed.code), ("deviation", made.code),
              ("donation", donation.code), ("assessment", donation.assessment.code),
              ("donor", donation.donor.code), ("consent", donation.consent.code),
              ("family_link", batch.link.code), ("material_lot", batch.uses[0].lot.code)}  # fmt: skip
    assert wanted | {("vial", vial.code) for vial in vials_of(batch)} <= set(found)
    actions_read = {row.action for row in trail.read(reviewed)}
    assert actions_read >= {"donor.register", "donation.procure", "assessment.open", "consent.record_donor",
                            "family_link.verify", "material_lot.receive", "batch.start", "custody.fill",
                            "custody.print_labels", "place.put_away_all", "release.enter_results",
                            "deviation.open"}  # fmt: skip
    assert len({row.act for row in trail.read(reviewed)}) == len(trail.read(reviewed))


def test_what_stands_out_is_picked_out(reviewed):
    actions.correct_result(
        reviewed, by=INES, reason="digits swapped", attribute="cd73", number=1, value_text="96"
    )
    with pytest.raises(Refused):
        actions.review_result(reviewed, by=INES, attribute="cd73", number=2)
    ago = clock.now() - timedelta(hours=30)
    custody.hold(vials_of(reviewed.batch)[0], by=QUENTIN, reason="found open", happened_at=ago)
    found = picked(reviewed)
    assert ("release.correct_result", (Why.CORRECTION,)) in found
    assert ("release.review_result", (Why.BLOCKED,)) in found
    assert ("vial.hold", (Why.LATE,)) in found


def test_when_an_entry_is_late_is_a_parameter(reviewed):
    ago = clock.now() - timedelta(hours=3)
    custody.hold(vials_of(reviewed.batch)[0], by=QUENTIN, reason="found open", happened_at=ago)
    assert Why.LATE not in {why for _, reasons in picked(reviewed) for why in reasons}
    sign(
        parameters.set_value,
        None,
        QUENTIN,
        reason="a stricter rule",
        parameter="record.late_hours",
        value="2",
    )
    assert {action for action, reasons in picked(reviewed) if Why.LATE in reasons} == {"vial.hold"}


def test_a_release_that_is_over_asks_for_no_review(released):
    with pytest.raises(Refused, match="release.trail_not_to_review"):
        read_trail(released)
    assert line(released) is None
    a_label_again(released)
    assert line(released) is None, "what was certified rests on the review of its time"


def test_what_is_re_opened_is_reviewed_afresh(released):
    sign(actions.reopen_released, released, QUENTIN, reason="a value is to be corrected")
    sign(actions.reopen, released, QUENTIN, reason="a value is to be corrected")
    checked(released)
    refuses_to_certify(released, "release.trail_stale")
    make_release.certify(released)
    assert [(c.number, c.trail_review.number) for c in released.certifications] == [(1, 1), (2, 2)]


def test_no_certification_without_a_review_past_the_door_either(reviewed):
    checked(reviewed)
    certified = text("UPDATE release SET certified_by = 'quiteria', certified_at = checked_at")
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(certified)
    read_trail(reviewed)
    with past_the_door() as connection:
        connection.execute(certified)


def test_a_review_serves_one_certification_and_not_one_before_a_later_result(released):
    copied = (
        "INSERT INTO certification (release_id, number, certified_by, certified_at, in_two_steps,"
        " results_hash, certified, trail_review_id) SELECT release_id, 2, certified_by, certified_at,"
        " in_two_steps, results_hash, certified, {} FROM certification"
    )
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(text(copied.format("trail_review_id")))
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(text(copied.format("NULL")))
    enter(released, "cd90", "99", reason="stability", by=INES)
    columns = "release_id, number, reviewed_by, reviewed_at, comment, entries, exceptions, marks, marks_hash"
    with past_the_door() as connection:
        connection.execute(
            text(
                f"INSERT INTO trail_review ({columns}) SELECT release_id, 2, reviewed_by, reviewed_at,"
                " comment, entries, exceptions, marks, marks_hash FROM trail_review"
            )
        )
    second = session.scalars(select(TrailReview.id).where(TrailReview.number == 2)).one()
    session.rollback()
    with pytest.raises(DBAPIError, match=r"(?i)audit trail"), past_the_door() as connection:
        connection.execute(text(copied.format(second)))
