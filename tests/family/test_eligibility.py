"""Inclusion: each check at its edges, and the sentence that lists what is not met."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mscbank.family import eligibility
from mscbank.family.eligibility import Bounds, Check, Organ, Screened
from mscbank.family.words import PriorTherapy, Subset

BOUNDS = Bounds(age_min=18, age_max=70, skin_score_min=15, classification_score_min=9)

FITS = Screened(
    screened_on=date(2015, 3, 10),
    age_years=44,
    classification_score=14,
    subset=Subset.DIFFUSE,
    skin_score=22,
    organs=frozenset({Organ.LUNG}),
    prior_therapy=PriorTherapy.INADEQUATE_RESPONSE,
    prior_reason="worse under mycophenolate",
    has_severe_comorbidity=False,
    comorbidity=None,
    consented_on=date(2015, 3, 10),
)


def failed(**changes: Any) -> list[Check]:
    return [check for check in eligibility.checks(replace(FITS, **changes), BOUNDS) if not check.passed]


def test_everything_is_met():
    made = eligibility.checks(FITS, BOUNDS)
    assert len(made) == 8
    assert all(check.passed for check in made)
    assert eligibility.obstacle(made) is None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"age_years": 17}, "age"),
        ({"age_years": 71}, "age"),
        ({"classification_score": 8}, "classification"),
        ({"subset": Subset.LIMITED}, "subset"),
        ({"subset": Subset.SINE}, "subset"),
        ({"skin_score": 14}, "skin"),
        ({"organs": frozenset()}, "organ"),
        ({"prior_therapy": PriorTherapy.NEITHER}, "prior_therapy"),
        ({"prior_reason": "  "}, "prior_therapy"),
        ({"has_severe_comorbidity": True, "comorbidity": "cirrhosis"}, "comorbidity"),
        ({"consented_on": None}, "consent"),
        ({"consented_on": date(2015, 3, 11)}, "consent"),
    ],
)
def test_each_check_fails_alone(changes: dict[str, Any], name: str):
    assert [check.name for check in failed(**changes)] == [name]


@pytest.mark.parametrize(
    "changes",
    [
        {"age_years": 18},
        {"age_years": 70},
        {"classification_score": 9},
        {"skin_score": 15},
        {"skin_score": 51},
        {"organs": frozenset({Organ.KIDNEY})},
        {"organs": frozenset({Organ.HEART})},
        {"organs": frozenset(Organ)},
        {"prior_therapy": PriorTherapy.CONTRAINDICATION},
        {"consented_on": date(2014, 1, 1)},
    ],
)
def test_the_edges_are_included(changes: dict[str, Any]):
    assert failed(**changes) == []


def test_the_obstacle_lists_all_that_is_not_met():
    found = eligibility.obstacle(failed(age_years=17, skin_score=3))
    assert found is not None
    assert found.code == "family.not_included"
    assert "age 17, included are 18 to 70" in str(found.sentence)
    assert "skin score 3, needed 15 or more" in str(found.sentence)


def test_every_finding_is_a_sentence():
    for check in eligibility.checks(FITS, BOUNDS):
        assert str(check.label)
        assert str(check.finding)
    organs = next(
        c for c in eligibility.checks(replace(FITS, organs=frozenset(Organ)), BOUNDS) if c.name == "organ"
    )
    assert str(organs.finding) == "severe: lung, heart, kidney"
