"""The label's statements (D §3.5)."""

from datetime import date

import pytest

from mscbank.collection import warnings
from mscbank.collection.determination import Judgement, Result, judge
from mscbank.collection.panel import PANEL, Marker, Outcome, Topic
from mscbank.collection.warnings import ADVISE, NONE, NOT_EVALUATED, collection_type, statements
from mscbank.collection.windows import Profile

DONATED = date(2026, 3, 15)
R, N = Outcome.REACTIVE, Outcome.NON_REACTIVE


def judged(*reactive: Marker, without: tuple[Marker, ...] = (), present: tuple[Topic, ...] = ()) -> Judgement:
    rows = [Result(n, m, R if m in reactive else N, DONATED) for n, m in enumerate(PANEL) if m not in without]
    return judge(Profile.FDA_MARROW, rows, {t: t in present for t in Topic}, DONATED)


def test_the_constants_are_word_for_word():
    assert warnings.AUTOLOGOUS == "FOR AUTOLOGOUS USE ONLY"
    assert warnings.NOT_EVALUATED == "NOT EVALUATED FOR INFECTIOUS SUBSTANCES"
    assert warnings.ADVISE == "WARNING: Advise patient of communicable disease risks"
    assert warnings.REACTIVE == "WARNING: Reactive test results for {agent}"
    assert warnings.INTENDED_RECIPIENT == "FOR USE BY INTENDED RECIPIENT ONLY"


def test_complete_and_negative_carries_nothing():
    assert statements(judged()) == NONE
    assert not statements(judged())


def test_cmv_alone_carries_nothing():
    assert statements(judged(Marker.CMV_ANTIBODY)) == NONE


def test_incomplete_is_not_evaluated_without_the_legend():
    found = statements(judged(without=(Marker.HIV_NAT,)))
    assert found.lines == (NOT_EVALUATED, ADVISE)
    assert not found.biohazard


def test_incomplete_with_a_positive_finding_carries_the_legend_too():
    found = statements(judged(Marker.HBS_ANTIGEN, without=(Marker.HIV_NAT,)))
    assert found.biohazard
    assert found.lines == (NOT_EVALUATED, ADVISE, "WARNING: Reactive test results for HBV")


def test_ineligible_by_screening_carries_legend_and_advice():
    found = statements(judged(present=(Topic.PRION_DISEASE,)))
    assert found.biohazard
    assert found.lines == (ADVISE,)


def test_ineligible_by_test_names_each_agent_once():
    found = statements(judged(Marker.HBS_ANTIGEN, Marker.HBV_NAT, Marker.HCV_NAT))
    assert found.biohazard
    assert found.lines == (
        ADVISE,
        "WARNING: Reactive test results for HBV",
        "WARNING: Reactive test results for HCV",
    )


def test_a_stricter_verdict_of_the_director_shows_on_the_label():
    found = statements(judged(), declared_ineligible=True)
    assert found.biohazard
    assert found.lines == (ADVISE,)


@pytest.mark.parametrize(
    ("reactive", "kind"), [((), "4"), ((Marker.CMV_ANTIBODY,), "4"), ((Marker.HCV_NAT,), "6")]
)
def test_the_collection_type_is_designated_with_or_without_biohazard(reactive: tuple[Marker, ...], kind: str):
    assert collection_type(statements(judged(*reactive))) == kind


def test_our_products_are_never_called_autologous():
    for judgement in (judged(), judged(Marker.HIV_NAT), judged(without=tuple(PANEL))):
        assert warnings.AUTOLOGOUS not in statements(judgement).lines
