"""What stands in the way of each move, for one person."""

from dataclasses import replace

import pytest

from mscbank.release import gates
from mscbank.release.readiness import Exceptional, Trouble, TwoStep
from tests.release.dossiers import (
    ALL_DONE,
    QA,
    QP,
    STERILITY_GROWS,
    STERILITY_OUT,
    VIABILITY,
    assay,
    dossier,
    percent,
    person,
)

WAITS = (VIABILITY, STERILITY_OUT)
PLAN = frozenset({"sterility_final"})
PAPERS = Exceptional(requested=True, evaluated=True, accepted=True, sponsor_told=True)


def code(obstacle):
    return obstacle and obstacle.code


def test_one_open_thing_is_said_itself_several_are_counted_and_named():
    assert gates.not_complete(ALL_DONE, QP) is None
    assert code(gates.not_complete(dossier(unlabelled=1), QP)) == "release.labels_open"
    both = gates.not_complete(dossier(unlabelled=1, assays=(STERILITY_GROWS,)), QP)
    assert both.code == "release.things_open"
    assert both.values["count"] == 2
    assert set(both.values["codes"]) == {"release.labels_open", "release.result_outside"}
    assert "sterility final" in str(both.sentence)
    assert len(both.roles) == 2


@pytest.mark.parametrize(
    ("login", "checks", "certifies"),
    [
        ("quiteria", None, None),
        ("bruno", "release.own_work", "release.own_work"),
        ("ines", "release.own_results", "release.own_results"),
        ("pieter", None, "release.own_results"),
        ("ana", None, "release.own_check"),
    ],
)
def test_invariant_11_who_made_tested_or_checked_does_not_certify(login, checks, certifies):
    somebody = person(login)
    assert code(gates.checks_own_work(ALL_DONE, somebody)) == checks
    assert code(gates.certifies_own_work(ALL_DONE, somebody)) == certifies


def test_plain_release_waits_for_every_result():
    assert gates.results_pending(ALL_DONE, QP) is None
    found = gates.results_pending(dossier(assays=WAITS), QP)
    assert found.code == "release.results_pending"
    assert "sterility final" in str(found.sentence)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "release.nothing_pending"),
        ({"assays": WAITS}, "release.two_step_not_prepared"),
        ({"assays": WAITS, "two_step": TwoStep(PLAN, acknowledged=False)}, "release.not_acknowledged"),
        ({"assays": WAITS, "two_step": TwoStep(PLAN, acknowledged=True)}, None),
        (
            {"assays": WAITS, "two_step": TwoStep(PLAN, acknowledged=True), "freed": True},
            "release.freed_before",
        ),
    ],
)
def test_step_one_needs_a_pending_result_a_reason_and_the_prescriber(changes, expected):
    assert code(gates.no_two_step(dossier(**changes), QP)) == expected


@pytest.mark.parametrize(
    ("papers", "expected"),
    [
        (None, "release.exception_not_requested"),
        (replace(PAPERS, requested=False), "release.exception_not_requested"),
        (replace(PAPERS, evaluated=False), "release.exception_not_evaluated"),
        (replace(PAPERS, accepted=False), "release.exception_not_accepted"),
        (replace(PAPERS, sponsor_told=False), "release.sponsor_not_told"),
        (PAPERS, None),
    ],
)
def test_an_exception_needs_its_papers_in_their_order(papers, expected):
    outside = dossier(assays=(VIABILITY, STERILITY_GROWS), exceptional=papers)
    assert code(gates.no_exception(outside, QP)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"assays": (VIABILITY,)}, "release.not_outside"),
        ({"assays": (assay("x", percent("60"), blocking=False),)}, "release.not_outside"),
        ({"freed": True}, "release.freed_before"),
        ({"kinship_verified": False}, "release.kinship_unverified"),
        ({"deviations": (Trouble("F1", "x", "critical"),)}, "release.deviation_open"),
        ({"assays": (STERILITY_GROWS, STERILITY_OUT, assay("viability"))}, "release.result_missing"),
        (
            {"assays": (assay("viability", percent("60", reviewed=False)),)},
            "release.result_outside",
        ),
    ],
)
def test_an_exception_passes_reviewed_results_outside_their_limit_and_nothing_else(changes, expected):
    found = gates.no_exception(dossier(**{"assays": (STERILITY_GROWS,), "exceptional": PAPERS} | changes), QP)
    assert code(found) == expected


def test_a_suspension_is_lifted_when_its_causes_are_gone():
    assert gates.cause_stands(dossier(suspended_from="released"), QA) is None
    trouble = {"deviations": (Trouble("F1", "x", "major"),)}
    assert (
        code(gates.cause_stands(dossier(**trouble, suspended_from="released"), QA))
        == "release.deviation_open"
    )
    waits = {"assays": WAITS, "two_step": TwoStep(PLAN, acknowledged=True)}
    assert gates.cause_stands(dossier(**waits, suspended_from="conditionally_released"), QA) is None


def test_what_was_released_by_exception_stays_outside_its_limit():
    outside = {"assays": (STERILITY_GROWS,), "exceptional": PAPERS}
    assert gates.cause_stands(dossier(**outside, suspended_from="oos_exceptional"), QA) is None
    assert (
        code(gates.cause_stands(dossier(**outside, suspended_from="released"), QA))
        == "release.result_outside"
    )
