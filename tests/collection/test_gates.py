"""The rules that stand in the way, on facts alone."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mscbank.collection import gates
from mscbank.collection.determination import Finding, Judgement, Weight
from mscbank.collection.gates import AssessmentFacts, DonationFacts, RiskFacts
from mscbank.collection.panel import Marker
from mscbank.collection.states import ASSESSMENT, DONATION, STANDING, AssessmentState
from mscbank.collection.windows import Profile
from mscbank.core.i18n import _
from tests.people import EVA

TODAY = date(2026, 3, 15)


def judged(*weights: Weight) -> Judgement:
    return Judgement(tuple(Finding(weight, Marker.HBC_ANTIBODY, _("found")) for weight in weights))


CLEAR = AssessmentFacts(
    profile=Profile.FDA_MARROW,
    judgement=judged(),
    unreported=(),
    history_taken=True,
    enterers=frozenset({"lucie"}),
    risk=None,
    deferred_until=None,
    today=TODAY,
    has_recipient=True,
    close_blood=True,
)
RISKY = replace(CLEAR, judgement=judged(Weight.RISK), risk=RiskFacts(True, "renee", True))


def code(found) -> str | None:
    return found.code if found else None


def test_a_clear_case_meets_no_obstacle():
    for rule in (gates.panel_missing, gates.entered_it, gates.not_plainly_eligible, gates.still_deferred):
        assert rule(CLEAR, EVA) is None
    assert gates.not_permissible(CLEAR, EVA) is None
    assert gates.risk_not_assessed(RISKY, EVA) is None


@pytest.mark.parametrize(
    ("until", "obstacle"),
    [
        (TODAY - timedelta(days=1), None),
        (TODAY, None),
        (TODAY + timedelta(days=1), "collection.still_deferred"),
    ],
)
def test_a_deferral_is_over_on_its_day(until: date, obstacle: str | None):
    assert code(gates.still_deferred(replace(CLEAR, deferred_until=until), EVA)) == obstacle


@pytest.mark.parametrize("weight", [Weight.EXCLUDES, Weight.OPEN, Weight.DEFERS, Weight.RISK])
def test_only_what_informs_leaves_a_donor_plainly_eligible(weight: Weight):
    assert gates.not_plainly_eligible(replace(CLEAR, judgement=judged(Weight.INFORMS)), EVA) is None
    found = gates.not_plainly_eligible(replace(CLEAR, judgement=judged(weight, Weight.INFORMS)), EVA)
    assert code(found) == "collection.not_eligible"
    assert str(found.sentence) == "The findings do not allow it: found"


@pytest.mark.parametrize(
    ("facts", "obstacle"),
    [
        (replace(RISKY, judgement=judged()), "collection.no_risk"),
        (replace(RISKY, judgement=judged(Weight.RISK, Weight.OPEN)), "collection.no_risk"),
        (replace(RISKY, judgement=judged(Weight.RISK, Weight.EXCLUDES)), "collection.no_risk"),
        (replace(RISKY, risk=None), "collection.risk_unwritten"),
        (replace(RISKY, risk=RiskFacts(True, "renee", False)), "collection.risk_outdated"),
        (replace(RISKY, risk=RiskFacts(False, "renee", True)), "collection.risk_refused"),
        (replace(RISKY, risk=RiskFacts(True, "eva", True)), "collection.own_risk_assessment"),
    ],
)
def test_what_stands_between_a_risk_and_its_acceptance(facts: AssessmentFacts, obstacle: str):
    assert code(gates.risk_not_assessed(facts, EVA)) == obstacle


@pytest.mark.parametrize("profile", [Profile.EU_MARROW, Profile.EU_OTHER_LIVING])
def test_the_permission_is_american(profile: Profile):
    assert (
        code(gates.not_permissible(replace(CLEAR, profile=profile), EVA))
        == "collection.permission_by_profile"
    )


def test_the_inspection_names_its_problems():
    assert gates.inspection_failed(DonationFacts(), EVA) is None
    found = gates.inspection_failed(DonationFacts(("label does not match", "documents missing")), EVA)
    assert "label does not match, documents missing" in str(found.sentence)


def test_no_state_is_without_a_way_on_but_the_ends():
    for life in (ASSESSMENT, DONATION):
        left = {source for source, _target in life.arrows}
        assert {state for state in type(life.start) if state not in left} == life.ends


def test_the_verdicts_with_which_marrow_may_be_used_are_those_of_the_signed_table():
    signed = {"find_eligible", "accept_risk", "permit_directed"}
    assert {target for name in signed for target in ASSESSMENT[name].targets} == STANDING
    assert set(AssessmentState) >= STANDING
