"""Visits on record: windows, corrections, and who may record them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed
from mscbank.family import actions as family
from mscbank.ops.demo.cast import PHYSICIAN, PV, WARD
from mscbank.ops.demo.stage import at
from mscbank.safety import actions
from mscbank.safety.courses import standing_visits
from mscbank.safety.models import FollowUpVisit
from tests import attack
from tests.make_safety import Trial, do, see
from tests.safety.test_recording import refused


def fault(*fields: str, act, **inputs) -> None:
    with pytest.raises(Invalid) as caught:
        act(**inputs)
    assert set(caught.value.faults) == set(fields)


def visits(trial: Trial) -> list[FollowUpVisit]:
    session.expire_all()
    return list(session.scalars(select(FollowUpVisit).order_by(FollowUpVisit.number)))


@pytest.mark.db
def test_a_visit_is_judged_by_its_window_and_kept_outside_it(trial: Trial):
    see(trial, 10, "D10", skin_score=22)
    see(trial, 30, "M1")
    see(trial, 200, "M3", note="came late")
    assert [(v.name, v.in_window, v.skin_score) for v in visits(trial)] == [
        ("D10", True, 22),
        ("M1", True, None),
        ("M3", False, None),
    ]
    attack.refused("UPDATE follow_up_visit SET name = 'M6'", r"(?i)append|permission denied")


def test_day_10_is_never_early(trial: Trial):
    fault("visited_on", act=see, trial=trial, days=9, name="D10")
    see(trial, 9)
    assert [v.name for v in visits(trial)] == ["unplanned"]


def test_faults_are_named_at_their_field(trial: Trial):
    see(trial, 10, "D10")
    fault("name", act=see, trial=trial, days=11, name="D10")
    fault("name", act=see, trial=trial, days=11, name="D11")
    fault("visited_on", act=see, trial=trial, days=30, name="M1", at=trial.after(29))


def test_a_planned_visit_needs_an_infusion_and_any_visit_an_enrolment(trial: Trial):
    stranger = do(
        family.register_recipient, by=PHYSICIAN, at=trial.after(0), family_name="Nobody", given_name="Yet",
        born_on=trial.after(0).date().replace(year=1980), sex=trial.patient().sex,
    )  # fmt: skip
    refused(
        "visit.not_enrolled", do, actions.record_visit, stranger, by=WARD, at=trial.after(5),
        visited_on=trial.after(5).date(),
    )  # fmt: skip


def test_the_wrong_entry_stays_and_no_longer_counts(trial: Trial):
    see(trial, 40, "M1")
    right = trial.after(28).date()
    inputs = {"number": 1, "name": "M1", "visited_on": right}
    do(
        actions.correct_visit,
        trial.patient(),
        by=WARD,
        at=trial.after(41),
        reason="typed the wrong day",
        **inputs,
    )
    assert [(v.number, v.replaces, v.in_window) for v in visits(trial)] == [(1, None, False), (2, 1, True)]
    standing = standing_visits([trial.patient().id])[(trial.patient().id, trial.protocol.id)]
    assert [v.number for v in standing] == [2]
    refused(
        "visit.unknown", do, actions.correct_visit, trial.patient(), by=WARD, at=trial.after(42),
        reason="typed the wrong day", **inputs,
    )  # fmt: skip


def test_who_sees_patients_records_visits(trial: Trial):
    with pytest.raises(NotAllowed):
        do(actions.record_visit, trial.patient(), by=PV, at=trial.after(5), visited_on=trial.after(5).date())
    do(actions.record_visit, trial.patient(), by=WARD, at=trial.after(5), visited_on=trial.after(5).date())


def test_a_death_is_a_visit_without_a_living_patient(trial: Trial):
    see(trial, 50, is_alive=False, at=at(trial.after(50).date() + timedelta(days=3)))
    assert [v.is_alive for v in visits(trial)] == [False]
