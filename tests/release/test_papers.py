"""The two ways around a plain release: in two steps, and by exception."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mscbank.allocation.states import State as AllocationState
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.web.history import signatures_on
from mscbank.custody.holding import open_on
from mscbank.custody.states import Quality
from mscbank.deviation.severity import Severity
from mscbank.release import actions
from mscbank.release.models import Cause, Finding
from mscbank.release.states import State
from tests import attack, make_allocation, make_deviation, make_family, make_release
from tests.make_release import EVALUATION, WHY, enter, vials_of
from tests.people import ANA, INES, MARTA, PIETER, QUENTIN, QUITERIA, person, sign
from tests.release.conftest import past_the_door
from tests.release.test_testing import decide, deviations_of

pytestmark = pytest.mark.db


def qualities(release):
    return {vial.quality for vial in vials_of(release.batch)}


# --- in two steps -------------------------------------------------------------------------------


@pytest.fixture
def waiting(opened_review):
    """Everything is there but the final sterility."""
    return make_release.fill_in(opened_review, without=["sterility_final"])


def prepare(release, by=QUITERIA, *, surrogates=("gram",), justification=WHY):
    return actions.prepare_two_step(release, by=by, justification=justification, surrogates=list(surrogates))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"surrogates": []}, "surrogates"),
        ({"surrogates": ["sterility_final"]}, "surrogates"),
        ({"surrogates": ["hla_dr"]}, "surrogates"),
        ({"justification": "urgent"}, "justification"),
    ],
)
def test_a_release_in_two_steps_needs_rapid_tests_and_a_reason(waiting, changes, field):
    with pytest.raises(Invalid) as refused:
        prepare(waiting, **changes)
    assert set(refused.value.faults) == {field}


def test_nothing_is_prepared_when_nothing_is_pending(reviewed):
    with pytest.raises(Refused, match="release.nothing_pending"):
        prepare(reviewed)
    with pytest.raises(Refused, match="release.nothing_to_acknowledge"):
        sign(actions.acknowledge_two_step, reviewed, MARTA)


def test_step_one_waits_for_the_prescriber(waiting):
    prepare(waiting)
    with pytest.raises(Refused, match="release.result_missing"):
        sign(actions.check, waiting, ANA)
    for by in (ANA, INES, QUITERIA):
        with pytest.raises(NotAllowed):
            sign(actions.acknowledge_two_step, waiting, by)
    sign(actions.acknowledge_two_step, waiting, MARTA)
    with pytest.raises(Refused, match="release.nothing_to_acknowledge"):
        sign(actions.acknowledge_two_step, waiting, MARTA)
    sign(actions.check, waiting, ANA)
    make_release.certify(waiting)
    with pytest.raises(Refused, match="release.results_pending"):
        sign(actions.release_batch, waiting, QUITERIA)
    sign(actions.release_conditionally, waiting, QUITERIA)
    assert (waiting.state, qualities(waiting)) == (State.CONDITIONALLY_RELEASED, {Quality.CONDITIONAL})
    assert waiting.certifications[-1].in_two_steps


def test_a_new_plan_asks_the_prescriber_anew(waiting):
    prepare(waiting)
    sign(actions.acknowledge_two_step, waiting, MARTA)
    prepare(waiting, surrogates=["gram", "endotoxin"])
    assert [plan.withdrawn_at is None for plan in waiting.two_steps] == [False, True]
    with pytest.raises(Refused, match="release.result_missing"):
        sign(actions.check, waiting, ANA)


def test_only_what_is_on_the_allow_list_may_wait(opened_review):
    make_release.fill_in(opened_review, without=["sterility_final", "karyotype"])
    make_release.two_steps(opened_review)
    with pytest.raises(Refused, match="release.result_missing") as refused:
        sign(actions.check, opened_review, ANA)
    assert "Karyotype" in refused.value.sentence


def test_papers_come_before_certification(conditional):
    with pytest.raises(Refused, match="release.papers_too_late"):
        prepare(conditional)


def test_step_two_needs_the_last_result_reviewed(conditional):
    with pytest.raises(Refused, match="release.results_pending"):
        sign(actions.complete, conditional, QUITERIA)
    enter(conditional, "sterility_final", "no growth", review=None)
    with pytest.raises(Refused, match="release.result_unreviewed"):
        sign(actions.complete, conditional, QUITERIA)
    actions.review_result(conditional, by=PIETER, attribute="sterility_final", number=1)
    with pytest.raises(Refused, match="release.own_results"):
        sign(actions.complete, conditional, person("ines", "Ines Kowal", Role.QP))
    with pytest.raises(Refused, match="release.trail_stale"):
        sign(actions.complete, conditional, QUITERIA)
    make_release.read_trail(conditional)
    sign(actions.complete, conditional, QUITERIA)
    assert (conditional.state, qualities(conditional)) == (State.RELEASED, {Quality.AVAILABLE})
    assert [(c.number, c.in_two_steps) for c in conditional.certifications] == [(1, True), (2, False)]
    held = {s.meaning: s.holds for s in signatures_on("release", conditional.code)}
    assert held["certification"], "what came later is not what was certified"
    assert held["released in step 2"]


def test_a_pending_result_that_fails_blocks_the_rest_and_opens_a_critical_deviation(conditional):
    enter(conditional, "sterility_final", "growth", detail="Staphylococcus epidermidis", review=None)
    session.expire_all()
    assert (conditional.state, conditional.suspended_from) == (State.SUSPENDED, State.CONDITIONALLY_RELEASED)
    assert {one.cause for one in conditional.suspensions} == {Cause.RESULT, Cause.DEVIATION}
    assert open_on(conditional.batch)
    [found] = deviations_of(conditional.batch)
    assert found.severity is Severity.CRITICAL
    assert "Staphylococcus epidermidis" in found.description
    sign(actions.reject, conditional, QUITERIA, reason="the product is not sterile")
    assert (conditional.state, qualities(conditional)) == (State.REJECTED, {Quality.REJECTED})


def test_a_suspension_in_step_one_goes_back_to_step_one(conditional):
    made = make_deviation.deviation(conditional.batch, severity=Severity.MAJOR)
    session.expire_all()
    assert conditional.state is State.SUSPENDED
    make_deviation.accepted(made, QUENTIN)
    sign(actions.lift, conditional, ANA, reason="the cause is settled")
    assert conditional.state is State.CONDITIONALLY_RELEASED


# --- by exception -------------------------------------------------------------------------------


@pytest.fixture
def outside(opened_review):
    """A batch whose viability after the thaw failed, confirmed by the investigation."""
    make_release.fill_in(opened_review, viability_post_thaw="62")
    decide(opened_review, Finding.CONFIRMED)
    return opened_review


def request(release, by=MARTA, hazard=WHY):
    return sign(actions.request_exception, release, by, hazard=hazard)


def evaluate(release, by=QUITERIA):
    return sign(actions.evaluate_exception, release, by, evaluation=EVALUATION)


def accept(release, by=MARTA):
    return sign(actions.accept_exception, release, by)


def tell(release, by=QUITERIA):
    return actions.tell_sponsor(release, by=by, reason="by telephone and letter to the sponsor")


def grant(release, by=QUITERIA):
    return sign(actions.except_for_recipient, release, by)


def test_the_papers_come_in_their_order(outside):
    for paper, code in (
        (grant, "release.exception_not_requested"),
        (evaluate, "release.no_request"),
        (accept, "release.no_request"),
        (tell, "release.no_request"),
    ):
        with pytest.raises(Refused, match=code):
            paper(outside)
    request(outside)
    with pytest.raises(Refused, match="release.exception_not_evaluated"):
        grant(outside)
    with pytest.raises(Refused, match="release.papers_in_order"):
        accept(outside)
    evaluate(outside)
    with pytest.raises(Refused, match="release.exception_not_accepted"):
        grant(outside)
    with pytest.raises(Refused, match="release.papers_in_order"):
        tell(outside)
    accept(outside)
    with pytest.raises(Refused, match="release.sponsor_not_told"):
        grant(outside)
    tell(outside)
    for paper in (request, evaluate, accept, tell):
        with pytest.raises(Refused, match="release.paper_there"):
            paper(outside)
    grant(outside)
    assert (outside.state, qualities(outside)) == (State.OOS_EXCEPTIONAL, {Quality.EXCEPTIONAL})
    assert {v.exceptional_for_id for v in vials_of(outside.batch)} == {outside.batch.directed_to_id}
    assert outside.certified_by is None, "it is never released, and never certified"
    assert all(s.holds for s in signatures_on("release", outside.code) if "exception" in s.meaning)


def test_what_is_freed_by_exception_goes_to_the_named_patient_alone(outside):
    for paper in (request, evaluate, accept, tell, grant):
        paper(outside)
    a = make_allocation.allocation(AllocationState.RESERVED, outside.batch, weight=40_000)
    other = make_family.recipient()
    attack.past_the_door("UPDATE vial SET exceptional_for_id = :other", other=other.id)
    with pytest.raises(Refused, match="custody.exception_for_other"):
        make_allocation.pick(a)
    assert {row.picked_at for row in make_allocation.rows(a)} == {None}


def test_the_hazard_is_explained(outside):
    with pytest.raises(Invalid):
        request(outside, hazard="he is very ill")


def test_who_asked_accepts(outside):
    request(outside)
    evaluate(outside)
    with pytest.raises(Refused, match="release.not_the_physician"):
        accept(outside, person("noah", "Dr Noah", Role.PRESCRIBER))


def test_the_physician_does_not_evaluate(outside):
    request(outside)
    with pytest.raises(NotAllowed):
        evaluate(outside, MARTA)


def test_a_rejected_batch_may_be_given_by_exception(outside):
    sign(actions.reject, outside, QUITERIA, reason="viability below the limit")
    request(outside)
    evaluate(outside)
    accept(outside)
    tell(outside)
    grant(outside)
    assert (outside.state, qualities(outside)) == (State.OOS_EXCEPTIONAL, {Quality.EXCEPTIONAL})
    actions.suspend(outside, by=ANA, reason="a doubt about the label")
    sign(actions.lift, outside, ANA, reason="the label was right")
    assert outside.state is State.OOS_EXCEPTIONAL


def test_an_exception_passes_no_deviation_and_no_open_investigation(opened_review):
    make_release.fill_in(opened_review, viability_post_thaw="62")
    request(opened_review)
    evaluate(opened_review)
    accept(opened_review)
    tell(opened_review)
    with pytest.raises(Refused, match="release.oos_open"):
        grant(opened_review)


def test_a_batch_inside_its_limits_needs_no_exception(reviewed):
    request(reviewed)
    with pytest.raises(Refused, match="release.not_outside"):
        grant(reviewed)


def test_no_exception_is_asked_for_a_released_batch(released):
    with pytest.raises(Refused, match="release.papers_too_late"):
        request(released)


def test_invariant_9_the_database_frees_no_vial_by_exception(outside):
    with pytest.raises(DBAPIError), past_the_door() as connection:
        connection.execute(
            text("UPDATE vial SET quality = 'exceptional', exceptional_for_id = :who"),
            {"who": outside.batch.directed_to_id},
        )
