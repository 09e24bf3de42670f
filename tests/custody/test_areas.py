"""Quarantine, released stock and stock with a warning lie apart (D §9; 21 CFR 1271.65)."""

import pytest

from mscbank.batch.states import BatchState
from mscbank.collection.panel import Marker, Outcome
from mscbank.collection.states import AssessmentState
from mscbank.collection.windows import Profile
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.custody import actions
from mscbank.custody.areas import misfit
from mscbank.custody.states import Quality
from mscbank.custody.words import Area
from tests import make_batch, make_collection, make_custody, make_family
from tests.custody.conftest import other_vials
from tests.people import BRUNO

Q, A = Quality.QUARANTINE, Quality.AVAILABLE
PLAIN, WARNED = "4", "6"

CASES = [
    (Area.CONTROLLED, Q, False, PLAIN, None),
    (Area.CONTROLLED, A, False, PLAIN, None),
    (Area.CONTROLLED, A, True, PLAIN, None),
    (Area.QUARANTINE, Q, False, PLAIN, None),
    (Area.QUARANTINE, Quality.REJECTED, False, PLAIN, None),
    (Area.QUARANTINE, A, False, PLAIN, "custody.area_quarantine"),
    (Area.QUARANTINE, A, True, PLAIN, None),
    (Area.RELEASED, A, False, PLAIN, None),
    (Area.RELEASED, Quality.CONDITIONAL, False, PLAIN, None),
    (Area.RELEASED, Quality.EXCEPTIONAL, False, PLAIN, None),
    (Area.RELEASED, A, True, PLAIN, "custody.area_released"),
    (Area.RELEASED, Q, False, PLAIN, "custody.area_released"),
    (Area.RELEASED, Quality.REJECTED, False, PLAIN, "custody.area_released"),
    (Area.SEPARATE, Q, False, PLAIN, "custody.area_separate"),
    (Area.SEPARATE, Q, False, WARNED, None),
    (Area.SEPARATE, A, True, "3", None),
    (Area.CONTROLLED, Q, False, WARNED, "custody.area_must_be_separate"),
    (Area.RELEASED, A, False, "3", "custody.area_must_be_separate"),
]


@pytest.mark.parametrize(("area", "quality", "held", "kind", "code"), CASES)
def test_which_stock_may_lie_where(area, quality, held, kind, code):
    found = misfit(area, "Box 4", "07", quality=quality, is_held=held, collection_type=kind)
    assert (found.code if found else None) == code


def test_every_area_and_quality_is_judged():
    seen = {(area, quality) for area, quality, *_ in CASES}
    assert {area for area, _ in seen} == set(Area)
    assert {quality for _, quality in seen} == set(Quality)


def test_the_refusal_names_place_and_vial():
    found = misfit(Area.RELEASED, "Box 4 B5", "07", quality=Q, is_held=False, collection_type=PLAIN)
    assert str(found.sentence) == "Box 4 B5 takes released stock only; vial 07 is not free to be used."


# --- in the cryo room ---------------------------------------------------------------------------


def test_what_carries_no_warning_does_not_lie_among_what_does(stock):
    apart = make_custody.box(area=Area.SEPARATE)
    vial = other_vials()[0]
    with pytest.raises(Refused) as refused:
        actions.put_away(vial, by=BRUNO, position=make_custody.positions(apart)[0])
    assert refused.value.code == "custody.area_separate"
    with pytest.raises(Refused, match=r"custody\.area_separate"):
        actions.put_away_all(apart, by=BRUNO, vials=other_vials())
    assert {vial.position for vial in other_vials()} == {None}


def test_what_carries_a_biohazard_warning_lies_apart(bank):
    family = make_family.family()
    assessment = make_collection.assessment(
        family, AssessmentState.PERMITTED_DIRECTED, profile=Profile.FDA_MARROW,
        outcomes={Marker.HCV_NAT: Outcome.REACTIVE},
    )  # fmt: skip
    donation = make_collection.donation(assessment)
    vials = make_custody.filled(make_batch.batch(BatchState.HARVESTED, family, donation=donation))
    assert {vial.collection_type for vial in vials} == {WARNED}
    for area in (Area.CONTROLLED, Area.QUARANTINE):
        with pytest.raises(Refused) as refused:
            actions.put_away_all(make_custody.box(area=area), by=BRUNO, vials=vials)
        assert refused.value.code == "custody.area_must_be_separate"
    session.expire_all()
    assert {vial.position for vial in vials} == {None}
    actions.put_away_all(make_custody.box(area=Area.SEPARATE), by=BRUNO, vials=vials)
