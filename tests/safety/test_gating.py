"""The signed gate and the pause (invariant 15), alone and against everybody at once."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.errors import NotAllowed, Refused, Stale
from mscbank.core.record import Outcome, Record
from mscbank.core.signatures import Signature
from mscbank.core.web.history import holds
from mscbank.family import actions as family
from mscbank.ops.demo.cast import DIRECTOR, PHYSICIAN, PV, REVIEWER, WARD, Person
from mscbank.safety import actions, gating
from mscbank.safety.models import AdverseEvent, GateDecision
from mscbank.safety.words import Causality, Decision
from mscbank.study import actions as study
from tests import attack
from tests.make_safety import Trial, assess, do, report, see
from tests.safety.test_recording import lift, refused

WHY = "two infused, day 10 passed by both, all events reviewed"


def decide(
    trial: Trial,
    at: datetime,
    decision: Decision = Decision.ESCALATE,
    *,
    by: Person = REVIEWER,
    **inputs: Any,
) -> None:
    """The reviewer's signature at the gate."""
    do(actions.decide_gate, trial.protocol, by=by, at=at, decision=decision, comment=WHY, **inputs)


def seen_on_day_10(trial: Trial) -> None:
    """Both patients' visits of day 10."""
    for number in (1, 2):
        see(trial, 10, "D10", number=number)


def past(trial: Trial) -> datetime:
    """When both have passed day 10."""
    return trial.after(11, number=2)


def opened(trial: Trial) -> bool:
    session.expire_all()
    level = trial.protocol.level(2)
    return level is not None and level.opened_at is not None


@pytest.mark.db
def test_invariant_15_the_second_level_opens_only_by_the_signed_gate(trial: Trial):
    refused("gate.visit_missing", decide, trial, past(trial))
    seen_on_day_10(trial)
    mild = report(trial, 2, ctcae_grade=1, term="Nausea")
    refused("gate.events_unreviewed", decide, trial, past(trial))
    assess(mild, Causality.RELATED)
    refused("gate.window_open", decide, trial, trial.after(10, hour=23, number=2))
    assert not opened(trial)
    decide(trial, past(trial))
    assert opened(trial)
    row = session.scalars(select(GateDecision)).one()
    assert (row.opens_level, row.infused, row.past_day, row.unreviewed, row.severe_related) == (2, 2, 2, 0, 0)
    assert row.decided_by == "reviewer"
    refused("gate.no_level", decide, trial, past(trial) + timedelta(days=1))
    attack.refused("DELETE FROM gate_decision", r"(?i)append|permission denied")
    attack.refused("UPDATE gate_decision SET infused = 9", r"(?i)append|permission denied")


def test_what_is_refused_is_kept_among_the_blocked_acts(trial: Trial):
    refused("gate.visit_missing", decide, trial, past(trial))
    body = session.scalars(select(Record.body).where(Record.outcome == Outcome.REFUSED)).all()
    assert any("gate.visit_missing" in text for text in body)


@pytest.mark.parametrize("by", [PHYSICIAN, PV, DIRECTOR])
def test_nobody_but_the_reviewer_decides(trial: Trial, by: Person):
    seen_on_day_10(trial)
    with pytest.raises(NotAllowed):
        decide(trial, past(trial), by=by)
    assert not opened(trial)


def test_to_hold_needs_no_condition_and_opens_nothing(trial: Trial):
    decide(trial, trial.after(3), Decision.HOLD)
    assert not opened(trial)
    seen_on_day_10(trial)
    decide(trial, past(trial))
    session.expire_all()
    kinds = [row.decision for row in gating.decisions_of(trial.protocol)]
    assert kinds == [Decision.HOLD, Decision.ESCALATE]
    signed = session.scalars(select(Signature).where(Signature.action == "protocol.decide_gate")).all()
    assert len(signed) == 2
    assert all(holds(one) for one in signed), "a decision stands also after the next one"


def test_what_the_signer_saw_is_compared(trial: Trial):
    seen_on_day_10(trial)
    when = past(trial)
    seen = see_gate(trial, when)
    mild = report(trial, 2, ctcae_grade=1)
    with pytest.raises(Stale):
        decide(trial, when, Decision.HOLD, seen=seen)
    assess(mild)
    assert see_gate(trial, when) == seen, "an assessed event that is not severe changes nothing at the gate"
    decide(trial, when, seen=seen)
    assert opened(trial)


def see_gate(trial: Trial, when: datetime) -> str:
    with gating.clock.moved_to(when):
        session.expire_all()
        return gating.seen_of(gating.gate_facts(trial.protocol, 1))


def test_grade_3_is_shown_and_pauses_but_is_no_condition_of_the_gate(trial: Trial):
    seen_on_day_10(trial)
    made = report(trial, 2, ctcae_grade=3)
    assess(made, Causality.RELATED)
    refused("gate.paused", decide, trial, past(trial))
    do(actions.lift_pause, trial.protocol, by=REVIEWER, at=past(trial), reason="explained and accepted")
    decide(trial, past(trial))
    assert session.scalars(select(GateDecision)).one().severe_related == 1


def test_events_after_day_10_and_of_others_are_no_business_of_the_gate(trial: Trial):
    seen_on_day_10(trial)
    report(trial, 11, ctcae_grade=3)
    report(trial, onset_at=trial.infusion().started_at - timedelta(hours=1), ctcae_grade=3)
    decide(trial, trial.after(20, number=2))
    assert opened(trial)


def test_who_died_before_day_10_owes_no_visit(trial: Trial):
    see(trial, 10, "D10", number=2)
    refused("gate.visit_missing", decide, trial, past(trial))
    died = trial.after(6)
    do(family.die, trial.patient(), by=DIRECTOR, at=died, reason="cardiac failure", left_on=died.date())
    decide(trial, past(trial))
    assert opened(trial)


def test_the_pause_stops_enrolment_until_the_reviewer_signs(trial: Trial):
    report(trial, 3, ctcae_grade=3)
    session.expire_all()
    assert trial.protocol.paused_at is not None
    with pytest.raises(NotAllowed):
        do(actions.lift_pause, trial.protocol, by=PHYSICIAN, at=trial.after(4), reason="all is well again")
    lift(trial)
    session.expire_all()
    assert trial.protocol.paused_at is None
    refused("gate.not_paused", lift, trial)


# --- everybody at once --------------------------------------------------------------------------


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do all of it at the same moment in threads of their own; what each gave or why it was refused."""
    answers: list[object] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(n: int) -> None:
        try:
            barrier.wait()
            answers[n] = acts[n]() or "done"
        except Refused as refusal:
            answers[n] = refusal
        finally:
            session.remove()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.db
def test_invariant_15_of_four_signatures_at_once_exactly_one_opens_the_level(trial: Trial):
    seen_on_day_10(trial)
    when = past(trial)
    session.remove()
    answers = at_once(*[lambda: decide(trial, when)] * 4)
    assert answers.count("done") == 1
    others = [one for one in answers if one != "done"]
    assert all(isinstance(one, Refused) for one in others), others
    assert opened(trial)
    assert len(session.scalars(select(GateDecision)).all()) == 1


@pytest.mark.db
@pytest.mark.parametrize("turn", range(3))
def test_invariant_15_an_event_that_arrives_at_the_same_time_is_seen(trial: Trial, turn: int):
    """Either the event came first and the gate stays shut, or the gate was first and the event pauses it."""
    seen_on_day_10(trial)
    when = past(trial)
    onset = trial.after(2)
    session.remove()
    answers = at_once(
        lambda: decide(trial, when),
        lambda: report(trial, 2, by=WARD, onset_at=onset, at=when, ctcae_grade=3),
    )
    session.expire_all()
    assert isinstance(answers[1], AdverseEvent)
    assert trial.protocol.paused_at is not None
    rows = session.execute(
        select(Record.id, Record.action).where(
            Record.outcome == Outcome.DONE,
            Record.action.in_(["protocol.decide_gate", "adverse_event.report"]),
        )
    ).all()
    order = [action for _id, action in sorted(rows)]
    if answers[0] == "done":
        assert order == ["protocol.decide_gate", "adverse_event.report"]
        assert session.scalars(select(GateDecision)).one().severe_related == 0
    else:
        assert order == ["adverse_event.report"]
        assert isinstance(answers[0], Refused)
        assert not opened(trial)


def test_nothing_is_decided_at_the_gate_of_a_closed_protocol(trial: Trial):
    seen_on_day_10(trial)
    do(study.close_protocol, trial.protocol, by=DIRECTOR, at=past(trial), reason="the sponsor has ended it")
    refused("gate.not_open", decide, trial, past(trial) + timedelta(minutes=1))
    assert not opened(trial)
