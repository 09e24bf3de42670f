"""Every reason for which a judgement stops, brought about in a real record and told to whoever wanted it."""

from collections.abc import Callable
from typing import Any

import pytest

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.errors import Invalid, Refused
from mscbank.custody.states import Quality
from mscbank.family import actions as families
from mscbank.release import actions
from mscbank.release.models import Finding
from mscbank.release.states import State
from tests import make_release
from tests.attack import past_the_door
from tests.copies import World
from tests.doors import Service
from tests.make_release import enter, results, vials_of
from tests.people import ANA, EVA, INES, QUITERIA, person, sign
from tests.release.conftest import REVIEWED, only_release
from tests.release.test_doors import serve as serve  # the fixture
from tests.release.test_testing import decide


def refusal(code: str, does: Any, release: Any, by: Any, **inputs: Any) -> Refused:
    """Refused with this code alone; the release stands where it stood."""
    state = release.state
    with pytest.raises(Refused) as refused:
        sign(does, release, by, **inputs)
    assert [one.code for one in refused.value.obstacles] == [code]
    assert release.state is state
    return refused.value


def qualities(release: Any) -> set[Quality]:
    return {vial.quality for vial in vials_of(release.batch)}


# --- results ------------------------------------------------------------------------------------


def test_a_confirmed_result_outside_its_limit_stops_the_check(opened_review):
    make_release.fill_in(opened_review, viability_post_thaw="62")
    decide(opened_review, Finding.CONFIRMED)
    found = refusal("release.result_outside", actions.check, opened_review, ANA)
    assert found.obstacles[0].values["result"].startswith("62")


def test_a_bound_that_does_not_show_the_limit_is_kept_stops_the_check(opened_review):
    make_release.fill_in(opened_review, without=["viability_post_thaw"])
    enter(opened_review, "viability_post_thaw", "> 60")
    refusal("release.result_undecided", actions.check, opened_review, ANA)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("about 88", "release.not_a_number"),
        ("62,400", "release.ambiguous_comma"),
        ("88.1234567", "release.too_many_places"),
    ],
)
def test_a_result_that_cannot_be_read_is_asked_again(opened_review, text: str, code: str):
    for refused_by in (
        lambda: enter(opened_review, "viability_post_thaw", text),
        lambda: actions.enter_results(
            opened_review, by=INES, values={"viability_post_thaw": text, "passage": "2"},
            tested_at=clock.now(),
        ),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            refused_by()
        assert [one.code for one in refused.value.obstacles] == ["invalid", code]
        [said] = [words for listed in refused.value.faults.values() for words in listed]
        assert said == str(refused.value.obstacles[1].sentence)
    assert results(opened_review, "viability_post_thaw") == []


# --- family, stock ------------------------------------------------------------------------------


def test_invariant_14_a_link_that_was_refuted_stops_the_check(reviewed):
    families.refute(reviewed.batch.link, by=EVA, reason="the record book names others")
    refusal("release.kinship_unverified", actions.check, reviewed, ANA)


def test_invariant_7_a_count_that_does_not_close_stops_the_check(reviewed):
    columns = "batch_id, vials, filled_at, filled_by, checked_by"
    past_the_door(f"INSERT INTO fill (number, {columns}) SELECT 2, {columns} FROM fill")
    found = refusal("release.not_reconciled", actions.check, reviewed, ANA)
    assert found.obstacles[0].values == {"filled": 8, "difference": 4}


# --- the two steps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("withdrawn_at = prepared_at", "release.two_step_not_prepared"),
        ("acknowledged_at = NULL, acknowledged_by = NULL", "release.not_acknowledged"),
    ],
)
def test_step_one_reads_the_plan_again(opened_review, change: str, code: str):
    make_release.fill_in(opened_review, without=["sterility_final"])
    make_release.two_steps(opened_review)
    sign(actions.check, opened_review, ANA)
    make_release.certify(opened_review)
    past_the_door(f"UPDATE two_step_plan SET {change}")
    refusal(code, actions.release_conditionally, opened_review, QUITERIA)
    assert qualities(opened_review) == {Quality.QUARANTINE}


def test_what_was_released_whole_is_not_released_in_steps_afterwards(released):
    sign(actions.reopen_released, released, ANA, reason="a page of the record is missing")
    sign(actions.reopen, released, ANA, reason="a page of the record is missing")
    sign(actions.check, released, ANA)
    make_release.certify(released)
    refusal("release.freed_before", actions.release_conditionally, released, QUITERIA)
    assert qualities(released) == {Quality.AVAILABLE}


# --- what pages and programs are shown ------------------------------------------------------------


def test_who_would_certify_reads_that_the_check_comes_first(serve: Callable[[World], Service]):
    service = serve(REVIEWED)
    release = make_release.read_trail(only_release())
    code, state = release.code, release.state
    page = service.call(QUITERIA).page(f"/releases/{code}")
    assert "release.not_checked" in page
    assert "Manufacture and testing are not checked yet." in page
    assert state is State.UNDER_REVIEW


def test_a_move_of_another_role_is_shown_with_the_role_that_it_needs(serve: Callable[[World], Service]):
    service = serve(REVIEWED)
    code = only_release().code
    told = service.call(person("ines", "Ines Kowal", Role.QC_ANALYST)).read(f"releases/{code}")
    off = {move["name"]: move["obstacle"] for move in told["moves"]}
    assert off["check"]["code"] == "lifecycle.role_needed"
    assert off["check"]["who"] == ["qa"]
