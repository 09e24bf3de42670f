"""A record that is opened again: old signatures void, what was certified kept, the difference shown."""

import json

import pytest

from mscbank.core.errors import Invalid, Refused
from mscbank.core.web.history import signatures_on
from mscbank.release import actions
from mscbank.release.difference import compare, compared
from mscbank.release.states import State
from tests import make_deviation, make_release
from tests.people import ANA, INES, PIETER, QUENTIN, QUITERIA, sign

WHY = "a value is to be corrected"


def result(attribute, number, value, *, standing=True, unit="%", entered="ines", reviewed="pieter"):
    return {
        "attribute": attribute, "number": str(number), "value_text": value, "unit": unit,
        "entered_by": entered, "reviewed_by": reviewed, "standing": standing,
    }  # fmt: skip


def content(*results, **more):
    return {
        "recipient": "R1", "specification": "S 1", "donation": "D1", "vials": "4", "materials": ["L1", "L2"],
        "deviations": [], "results": list(results),
    } | more  # fmt: skip


def said(was, now, **labels):
    return [(one.what, one.was, one.now) for one in compare(was, now, labels)]


def test_the_same_shows_no_difference():
    assert said(content(result("cd73", 1, "99")), content(result("cd73", 1, "99"))) == []


def test_a_correction_shows_both_values_with_their_people():
    was = content(result("cd73", 1, "99"), result("cd90", 1, "98"))
    now = content(
        result("cd73", 1, "99", standing=False),
        result("cd73", 2, "96", reviewed="quentin"),
        result("cd90", 1, "98"),
    )
    nbsp = "\u00a0"
    assert said(was, now, cd73="CD73") == [
        ("CD73", f"99{nbsp}% (ines / pieter)", f"96{nbsp}% (ines / quentin)")
    ]


def test_what_came_and_what_fell_away_is_shown():
    was = content(result("gram", 1, "negative", unit=""))
    now = content(result("karyotype", 1, "normal", unit="", reviewed=None))
    assert said(was, now) == [("gram", "negative (ines / pieter)", "–"), ("karyotype", "–", "normal (ines)")]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("recipient", "R2", ("Directed to", "R1", "R2")),
        ("vials", "3", ("Vials filled", "4", "3")),
        ("materials", ["L1"], ("Material lots", "L1, L2", "L1")),
        ("deviations", ["V1 major"], ("Deviations", "–", "V1 major")),
    ],
)
def test_what_stands_beside_the_results_is_compared_too(field, value, words):
    assert said(content(), content(**{field: value})) == [words]


def reopened(release):
    sign(actions.reopen_released, release, QUENTIN, reason=WHY)
    sign(actions.reopen, release, QUENTIN, reason=WHY)
    return release


def corrected(release):
    actions.correct_result(
        release, by=INES, reason="digits swapped", attribute="cd73", number=1, value_text="96"
    )
    actions.review_result(release, by=PIETER, attribute="cd73", number=2)


def certified_again(release):
    sign(actions.check, release, ANA)
    make_release.certify(release)
    return release


def held(release):
    return [(s.meaning, s.holds) for s in signatures_on("release", release.code)]


@pytest.mark.db
def test_re_opening_makes_the_signatures_void_before_anything_is_corrected(released):
    assert all(holds for _meaning, holds in held(released))
    sign(actions.reopen_released, released, QUENTIN, reason=WHY)
    assert released.state is State.SUSPENDED
    sign(actions.reopen, released, QUENTIN, reason=WHY)
    assert held(released) == [
        ("manufacture and testing checked", False),
        ("audit trail reviewed", True),
        ("certification", False),
        ("released for use", False),
        ("record re-opened", True),
        ("record re-opened", True),
    ]
    certified_again(released)
    sign(actions.release_batch, released, QUITERIA)
    assert held(released)[:4] == [
        ("manufacture and testing checked", False),
        ("audit trail reviewed", False),
        ("certification", False),
        ("released for use", False),
    ]
    assert all(holds for _meaning, holds in held(released)[4:])


@pytest.mark.db
def test_what_was_certified_is_kept_beside_what_is(released):
    assert compared(released) == []
    reopened(released)
    [now] = compared(released)
    assert (now.before.number, now.after, now.differences) == (1, None, [])
    corrected(released)
    [now] = compared(released)
    assert [one.what for one in now.differences] == ["CD73"]
    certified_again(released)
    [between] = compared(released)
    assert (between.before.number, between.after.number) == (1, 2)
    [one] = between.differences
    assert "96" in one.now
    assert "96" not in one.was
    first, second = (json.loads(c.certified) for c in released.certifications)
    assert len(second["results"]) == len(first["results"]) + 1


@pytest.mark.db
def test_a_deviation_after_the_certification_is_a_difference(released):
    made = make_deviation.deviation(released.batch)
    [now] = compared(released)
    assert [(one.what, one.was) for one in now.differences] == [("Deviations", "–")]
    assert made.code in now.differences[0].now


@pytest.mark.db
@pytest.mark.parametrize("reason", [None, "", "    ", "abcd", "a b c d"])
def test_opening_again_says_why_in_five_characters(released, reason):
    with pytest.raises(Invalid):
        sign(actions.reopen_released, released, QUENTIN, reason=reason)
    assert released.state is State.RELEASED


@pytest.mark.db
@pytest.mark.parametrize("reason", [None, "", "again", "a g a i n", "   x   "])
def test_a_repeat_says_why_in_five_characters(reviewed, reason):
    if reason in ("again", "a g a i n"):
        make_release.enter(reviewed, "cd90", "99", reason=reason)
        return
    with pytest.raises(Invalid) as refused:
        make_release.enter(reviewed, "cd90", "99", reason=reason)
    assert "reason" in refused.value.faults


@pytest.mark.db
def test_what_is_certified_is_locked_until_it_is_opened_again(released):
    with pytest.raises(Refused, match="release.result_locked"):
        actions.correct_result(
            released, by=INES, reason="digits swapped", attribute="cd73", number=1, value_text="96"
        )
    reopened(released)
    corrected(released)
