"""Results: entered, reviewed, corrected, repeated, investigated; none is ever lost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.deviation import rules as deviation_rules
from mscbank.deviation.severity import Severity
from mscbank.release import actions
from mscbank.release.criteria import Outcome, Qualifier
from mscbank.release.judged import judged
from mscbank.release.models import Finding, Result, ResultReview
from mscbank.release.states import State
from mscbank.study.models import Criterion
from tests import make_release, make_study
from tests.make_release import enter, results
from tests.people import ANA, BRUNO, INES, OTTO, PIETER, QUITERIA, SAM, person, sign
from tests.release.conftest import past_the_door

pytestmark = pytest.mark.db

HOUR = timedelta(hours=1)


def verdict(release, attribute):
    session.expire_all()
    return next(one.verdict for one in judged([release])[release.id] if one.criterion.attribute == attribute)


def deviations_of(batch):
    return deviation_rules.about([("batch", batch.code)])[("batch", batch.code)]


def decide(release, finding, *, by=ANA, number=1, **more):
    return sign(
        actions.decide_investigation, release, by, number=number, finding=finding,
        conclusion="the raw data were read again", **more,
    )  # fmt: skip


def test_a_result_is_kept_as_reported(opened_review):
    enter(opened_review, "endotoxin", "< 0,5", review=None, unit="IU/kg/h", detail="LAL, two dilutions")
    [kept] = results(opened_review, "endotoxin")
    assert (kept.value_text, kept.qualifier, kept.value) == ("< 0,5", Qualifier.LESS_THAN, Decimal("0.5"))
    assert (kept.unit, kept.detail, kept.entered_by, kept.number) == (
        "IU/kg/h",
        "LAL, two dilutions",
        "ines",
        1,
    )
    assert verdict(opened_review, "endotoxin").outcome is Outcome.PASSES


def test_without_a_unit_that_of_the_specification_counts(opened_review):
    enter(opened_review, "viability_post_thaw", "88.0", review=None)
    [kept] = results(opened_review, "viability_post_thaw")
    assert kept.unit == "%"


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"attribute": "vector_copies"}, "attribute"),
        ({"value_text": "about 88"}, "value_text"),
        ({"value_text": "1,234"}, "value_text"),
        ({"unit": "cells"}, "unit"),
        ({"tested_at": clock.now() + timedelta(days=1)}, "tested_at"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_its_field(opened_review, inputs, field):
    given = {"attribute": "viability_post_thaw", "value_text": "88", "tested_at": clock.now() - HOUR} | inputs
    with pytest.raises(Invalid) as refused:
        actions.enter_result(opened_review, by=INES, **given)
    assert set(refused.value.faults) == {field}
    assert session.scalar(select(Result.id)) is None


def test_a_report_takes_words_and_numbers(opened_review):
    enter(opened_review, "differentiation", "all three lineages", review=None)
    enter(opened_review, "cfu_f", "12", review=None)
    assert results(opened_review, "differentiation")[0].value is None
    assert results(opened_review, "cfu_f")[0].value == 12


@pytest.mark.parametrize("by", [BRUNO, ANA, QUITERIA, OTTO, SAM], ids=lambda p: p.login)
def test_only_quality_control_enters_results(opened_review, by):
    with pytest.raises(NotAllowed):
        enter(opened_review, "gram", "negative", by=by)


def test_invariant_11_who_entered_does_not_review(opened_review):
    enter(opened_review, "gram", "negative", review=None)
    with pytest.raises(Refused, match="release.own_result"):
        actions.review_result(opened_review, by=INES, attribute="gram", number=1)
    assert verdict(opened_review, "gram").blocks
    actions.review_result(opened_review, by=PIETER, attribute="gram", number=1)
    assert verdict(opened_review, "gram").met
    with pytest.raises(Refused, match="release.reviewed_already"):
        actions.review_result(opened_review, by=ANA, attribute="gram", number=1)


def test_invariant_11_the_database_refuses_the_same_person_too(opened_review):
    enter(opened_review, "gram", "negative", review=None)
    [kept] = results(opened_review, "gram")
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(
            ResultReview.__table__.insert().values(
                result_id=kept.id, reviewed_by="ines", reviewed_at=clock.now()
            )
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE result SET value_text = 'x'", "DELETE FROM result", "DELETE FROM result_review"]
)
def test_invariant_12_no_result_is_changed_or_removed_in_the_database(opened_review, statement):
    enter(opened_review, "gram", "negative")
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(text(statement))


def test_invariant_12_a_correction_stands_beside_the_wrong_value(opened_review):
    enter(opened_review, "viability_fill", "98.0")
    with pytest.raises(Invalid):
        actions.correct_result(
            opened_review, by=INES, attribute="viability_fill", number=1, value_text="89.0"
        )
    actions.correct_result(
        opened_review, by=INES, reason="typing error", attribute="viability_fill", number=1, value_text="89.0"
    )
    old, new = results(opened_review, "viability_fill")
    assert (old.value_text, new.value_text, new.corrects.number) == ("98.0", "89.0", 1)
    assert (new.reason, new.tested_at, new.unit) == ("typing error", old.tested_at, old.unit)
    assert verdict(opened_review, "viability_fill").blocks, "the corrected value waits for its own review"
    actions.review_result(opened_review, by=PIETER, attribute="viability_fill", number=2)
    assert verdict(opened_review, "viability_fill").met
    with pytest.raises(Refused, match="release.result_not_standing"):
        actions.review_result(opened_review, by=ANA, attribute="viability_fill", number=1)
    with pytest.raises(Refused, match="release.result_not_standing"):
        actions.correct_result(
            opened_review, by=INES, reason="once more", attribute="viability_fill", number=1, value_text="90"
        )


def test_a_result_that_is_not_there_is_neither_reviewed_nor_corrected(opened_review):
    with pytest.raises(Invalid):
        actions.review_result(opened_review, by=PIETER, attribute="gram", number=1)
    with pytest.raises(Invalid):
        actions.correct_result(
            opened_review, by=INES, reason="a reason", attribute="gram", number=7, value_text="x"
        )


def test_a_repeat_says_why(opened_review):
    enter(opened_review, "cd90", "99.1")
    with pytest.raises(Invalid) as refused:
        enter(opened_review, "cd90", "99.3")
    assert set(refused.value.faults) == {"reason"}
    enter(opened_review, "cd90", "99.3", reason="second tube")
    assert verdict(opened_review, "cd90").standing == 2


def test_invariant_12_testing_again_does_not_make_a_failure_disappear(opened_review):
    enter(opened_review, "viability_post_thaw", "69.9")
    enter(opened_review, "viability_post_thaw", "88", reason="second vial")
    assert verdict(opened_review, "viability_post_thaw").outcome is Outcome.FAILS
    [found] = opened_review.investigations
    assert (found.attribute, found.opened_by, found.decided_at) == ("viability_post_thaw", "ines", None)


def test_one_investigation_is_open_for_one_test(opened_review):
    enter(opened_review, "viability_post_thaw", "69.9")
    enter(opened_review, "viability_post_thaw", "65", reason="second vial")
    enter(opened_review, "viable_recovery", "50")
    session.expire_all()
    assert [one.attribute for one in opened_review.investigations] == [
        "viability_post_thaw",
        "viable_recovery",
    ]


def test_quality_assurance_decides_which_result_is_valid(opened_review):
    enter(opened_review, "viability_post_thaw", "69.9")
    enter(opened_review, "viability_post_thaw", "88", reason="thawed at the right temperature")
    decide(opened_review, Finding.LABORATORY_ERROR, invalid_results=[1])
    assert verdict(opened_review, "viability_post_thaw").met
    assert [r.value_text for r in results(opened_review, "viability_post_thaw")] == ["69.9", "88"]
    with pytest.raises(Refused, match="release.investigation_decided"):
        decide(opened_review, Finding.CONFIRMED)


def test_a_confirmed_failure_stays_one(opened_review):
    enter(opened_review, "viability_post_thaw", "69.9")
    decide(opened_review, Finding.CONFIRMED)
    assert verdict(opened_review, "viability_post_thaw").outcome is Outcome.FAILS


def test_an_error_of_entry_is_corrected_first(opened_review):
    enter(opened_review, "viability_post_thaw", "8.8")
    with pytest.raises(Invalid):
        decide(opened_review, Finding.ENTRY_ERROR)
    actions.correct_result(
        opened_review,
        by=INES,
        reason="a digit lost",
        attribute="viability_post_thaw",
        number=1,
        value_text="88",
    )
    decide(opened_review, Finding.ENTRY_ERROR)
    session.expire_all()
    assert opened_review.investigations[0].finding is Finding.ENTRY_ERROR


@pytest.mark.parametrize(
    ("finding", "numbers"),
    [
        (Finding.LABORATORY_ERROR, []),
        (Finding.LABORATORY_ERROR, [2]),
        (Finding.CONFIRMED, [1]),
    ],
)
def test_a_finding_and_the_invalid_results_say_the_same(opened_review, finding, numbers):
    enter(opened_review, "viability_post_thaw", "69.9")
    with pytest.raises(Invalid):
        decide(opened_review, finding, invalid_results=numbers)


def test_invariant_11_who_entered_does_not_decide(opened_review):
    enter(opened_review, "viability_post_thaw", "69.9")
    both = person("ines", "Ines Kowal", Role.QC_ANALYST, Role.QA)
    with pytest.raises(Refused, match="release.own_investigation"):
        decide(opened_review, Finding.CONFIRMED, by=both)
    with pytest.raises(Invalid):
        decide(opened_review, Finding.CONFIRMED, number=2)


def test_growth_in_the_marrow_opens_a_major_deviation_and_no_investigation(opened_review):
    enter(opened_review, "sterility_marrow", "growth", detail="Cutibacterium acnes")
    session.expire_all()
    assert opened_review.investigations == []
    found = deviations_of(opened_review.batch)
    assert [(d.severity, "Cutibacterium" in d.description) for d in found] == [(Severity.MAJOR, True)]


def test_invariant_10_a_batch_is_judged_by_the_specification_frozen_at_its_start(opened_review):
    batch = opened_review.batch
    frozen = batch.specification
    newer = make_study.specification(batch.protocol, name=frozen.name)
    assert newer.edition == frozen.edition + 1
    enter(opened_review, "gram", "negative")
    [kept] = results(opened_review, "gram")
    assert kept.criterion.specification_id == frozen.id
    other = session.scalar(
        select(Criterion).where(Criterion.specification_id == newer.id, Criterion.attribute == "cd90")
    )
    now = clock.now()
    values = {
        "release_id": opened_review.id,
        "criterion_id": other.id,
        "attribute": "cd90",
        "number": 1,
        "value_text": "99",
        "qualifier": Qualifier.NONE,
        "unit": "%",
        "tested_at": now,
        "entered_by": "x",
        "entered_at": now,
    }
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(Result.__table__.insert().values(**values))


@pytest.mark.parametrize("state", [State.CHECKED, State.CERTIFIED])
def test_between_check_and_release_the_record_is_closed(reviewed, state):
    sign(actions.check, reviewed, ANA)
    if state is State.CERTIFIED:
        make_release.certify(reviewed)
    with pytest.raises(Refused, match="release.record_locked"):
        enter(reviewed, "gram", "negative", reason="once more")
    with pytest.raises(Refused, match="release.record_locked"):
        actions.correct_result(
            reviewed, by=INES, reason="typing error", attribute="gram", number=1, value_text="negative"
        )
