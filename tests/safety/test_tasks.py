"""What waits for whom in safety, with its due dates."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from mscbank.core import clock, db
from mscbank.core.access import Grant, Principal, Role
from mscbank.core.db import session
from mscbank.core.i18n import say
from mscbank.core.links import Task
from mscbank.safety import tasks
from mscbank.safety.words import Causality, Criterion
from tests import worlds
from tests.doors import Service
from tests.make_safety import Trial, assess, judge, report, see
from tests.safety.test_gating import decide, past, seen_on_day_10

SERIOUS = {"ctcae_grade": 3, "serious_for": [Criterion.HOSPITALISATION]}


def somebody(*roles: Role) -> Principal:
    return Principal("somebody", "Somebody", frozenset(Grant(role) for role in roles))


@pytest.fixture
def waiting(service: Service, trial: Trial) -> Callable[..., list[Task]]:
    """What waits for somebody with these roles at an instant of the trial."""
    db.connect(trial.url)
    worlds.employ_staff()

    def ask(at: datetime, *roles: Role) -> list[Task]:
        session.expire_all()
        with service.app.test_request_context(), clock.moved_to(at):
            return tasks.waiting(somebody(*roles))

    return ask


def titles(found: list[Task]) -> list[str]:
    return [say(task.title) for task in found]


def test_an_event_goes_from_desk_to_desk(trial: Trial, waiting):
    made = report(trial, 30, **SERIOUS)
    now = made.reported_at
    (task,) = [t for t in waiting(now, Role.INVESTIGATOR) if "Assess" in say(t.title)]
    assert say(task.title) == "Assess Pneumonia, grade 3"
    assert task.due == made.aware_at + timedelta(hours=24)
    assert waiting(now, Role.PV_OFFICER) == []
    assess(made, Causality.POSSIBLE)
    assert titles(waiting(now, Role.PV_OFFICER)) == ["Judge Pneumonia, grade 3 for the sponsor"]
    assert waiting(now, Role.PV_OFFICER)[0].due == made.day_0 + timedelta(days=15)
    judge(made, is_expected=False)
    assert titles(waiting(now, Role.PV_OFFICER)) == ["Submit Pneumonia, grade 3 to the authority"]
    assert [t for t in waiting(now, Role.INVESTIGATOR) if "Assess" in say(t.title)] == []


def test_what_is_neither_serious_nor_suspected_has_no_due_date(trial: Trial, waiting):
    made = report(trial, 30)
    assert [t.due for t in waiting(made.reported_at, Role.INVESTIGATOR) if "Assess" in say(t.title)] == [None]
    judge(assess(made))
    assert titles(waiting(made.reported_at, Role.PV_OFFICER)) == ["Close Pneumonia, grade 2"]
    assert waiting(made.reported_at, Role.PV_OFFICER)[0].due is None


def test_a_late_report_says_so(trial: Trial, waiting):
    onset = trial.after(30)
    made = report(trial, onset_at=onset, aware_at=onset, at=onset + timedelta(days=2), **SERIOUS)
    (task,) = [t for t in waiting(made.reported_at, Role.TREATING_PHYSICIAN) if "Assess" in say(t.title)]
    assert "reported later than 24 hours" in task.detail


def test_a_visit_waits_from_the_first_day_of_its_window(trial: Trial, waiting):
    def visits(days: int) -> list[tuple[str, date]]:
        found = waiting(trial.after(days, hour=8), Role.NURSE)
        return [(say(t.title), t.due) for t in found if "patient 01" in say(t.title)]

    infused_on = trial.infusion().infused_on
    for days, name in ((0, "D0"), (1, "D1")):
        see(trial, days, name)
    assert visits(9) == []
    assert visits(10) == [("Visit D10 of patient 01", infused_on + timedelta(days=13))]
    see(trial, 10, "D10")
    assert visits(11) == []
    assert visits(60)[0][0] == "Visit M1 of patient 01"


def test_the_gate_waits_when_only_the_signature_is_missing(trial: Trial, waiting):
    assert waiting(past(trial), Role.SAFETY_REVIEWER) == []
    seen_on_day_10(trial)
    (task,) = waiting(past(trial), Role.SAFETY_REVIEWER)
    assert say(task.title) == "Decide at the gate to level 2 of NCT00000777"
    decide(trial, past(trial))
    assert waiting(past(trial), Role.SAFETY_REVIEWER) == []


def test_a_pause_waits_for_the_reviewer(trial: Trial, waiting):
    made = report(trial, 3, ctcae_grade=3)
    code = made.code
    (task,) = waiting(made.reported_at, Role.SAFETY_REVIEWER)
    assert say(task.title) == "NCT00000777 is paused: judge the event"
    assert code in task.detail


def test_nothing_waits_for_others(trial: Trial, waiting):
    report(trial, 3, ctcae_grade=3)
    assert waiting(trial.after(40), Role.QA, Role.AUDITOR, Role.PHARMACIST) == []
