"""What has happened all the same is always recordable, with two witnesses, and marked for ever."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from mscbank.allocation import actions as allocations
from mscbank.allocation.models import Allocation
from mscbank.allocation.states import PreparationState
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.custody.balance import balances
from mscbank.custody.states import Condition
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family import registry
from mscbank.infusion import actions
from mscbank.infusion.happening import AS_HAPPENED
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import State
from tests import make_allocation, make_family, make_release
from tests.attack import heard
from tests.attack import refused as refused_by_the_database
from tests.infusion.conftest import one, preparation
from tests.make_allocation import held
from tests.make_infusion import complete, planned, recorded
from tests.people import BRUNO, MARTA, NINA, NOAH, OTTO, SAM, sign

pytestmark = pytest.mark.db


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def critical() -> list[Deviation]:
    return list(session.scalars(select(Deviation).where(Deviation.severity == Severity.CRITICAL)))


def test_cells_given_without_any_prescription_get_one_that_says_so(stocked, monkeypatch):
    told = heard(monkeypatch, AS_HAPPENED)
    made = recorded(make_release.vials_of(stocked)[:4])
    a = session.scalars(select(Allocation)).one()
    assert (made.state, made.as_happened, made.gate_passed) == (
        State.COMPLETED, True, "no bedside check",
    )  # fmt: skip
    assert (a.state, a.as_happened, a.recipient_id) == (
        AllocationState.COMPLETED,
        True,
        stocked.directed_to_id,
    )
    assert preparation().as_happened
    assert (preparation().state, len(preparation().vials)) == (PreparationState.GIVEN, 4)
    assert {row.vial.condition for row in preparation().vials} == {Condition.INFUSED}
    assert told[0]["touched"] == [("infusion", made.code), ("recipient", made.recipient.code)]
    assert any(made.code in d.title or "Infused past the gate" in d.title for d in critical())
    assert registry.infused([stocked.directed_to_id]) == {stocked.directed_to_id}
    assert balances([stocked.id])[stocked.id].difference == 0


def test_invariant_15_after_it_nothing_more_is_planned(stocked):
    recorded(make_release.vials_of(stocked)[:4])
    a = make_allocation.draft(stocked)
    refusal("allocation.infused_before", sign, allocations.prescribe, a, MARTA)


def test_given_while_the_network_was_down_it_belongs_to_its_plan(checked):
    a = checked.allocation
    made = recorded(held(a, spare=False), allocation=a, gate="the network was down")
    assert made.code == checked.code
    assert (made.state, made.as_happened) == (State.COMPLETED, True)
    assert (a.state, a.as_happened, a.gate_passed) == (
        AllocationState.COMPLETED, False, "the network was down",
    )  # fmt: skip
    assert preparation().state is PreparationState.GIVEN
    assert made.delivered_viable == Decimal("64768000.000")


def test_a_second_infusion_is_recorded_and_the_first_stays(started):
    complete(started)
    batch = one().allocation.batch
    left = [v for v in make_release.vials_of(batch) if v.condition is Condition.FROZEN]
    second = recorded(left[-1:], gate="given twice")
    rows = session.scalars(select(Infusion).order_by(Infusion.id)).all()
    assert [(row.state, row.as_happened) for row in rows] == [
        (State.COMPLETED, False), (State.COMPLETED, True),
    ]  # fmt: skip
    assert second.recipient_id == rows[0].recipient_id


def test_cells_given_to_the_wrong_person_are_recorded_for_who_got_them(stocked):
    other = make_family.recipient()
    made = recorded(make_release.vials_of(stocked)[:1], recipient=other, gate="wrong patient")
    assert made.recipient_id == other.id
    assert made.allocation.batch_id == stocked.id


def test_what_runs_already_is_completed_where_it_runs(started):
    a = started.allocation
    refusal("infusion.runs", recorded, held(a, spare=False), allocation=a)


def test_a_prescription_of_somebody_else_is_refused(checked):
    other = make_family.recipient()
    a = checked.allocation
    refusal("infusion.other_prescription", recorded, held(a, spare=False), allocation=a, recipient=other)


def test_one_record_is_of_one_batch(stocked):
    family = make_family.family(stocked.protocol)
    other = make_release.vials_of(make_release.frozen(family))[0]
    refusal("infusion.one_batch", recorded, [make_release.vials_of(stocked)[0], other])


def test_it_says_which_vials_and_when(stocked):
    vials = make_release.vials_of(stocked)[:1]
    now = clock.now()
    with pytest.raises(Invalid):
        recorded(vials, started_at=now - timedelta(hours=1), ended_at=now - timedelta(hours=2))
    with pytest.raises(Invalid):
        recorded(vials, started_at=now, ended_at=now + timedelta(hours=1))


@pytest.mark.parametrize("by", [BRUNO, OTTO, SAM])
def test_who_may_record_it(stocked, by):
    vials = make_release.vials_of(stocked)[:1]
    now = clock.now()
    with pytest.raises(NotAllowed):
        sign(
            actions.record_as_happened, None, by, NOAH, reason="the network was down", vials=vials,
            recipient=stocked.directed_to, protocol=stocked.protocol, started_at=now, ended_at=now,
            ward="Ward 3", gate="none", source_document="a note",
        )  # fmt: skip


def test_two_different_people_witness_it(stocked):
    vials = make_release.vials_of(stocked)[:1]
    now = clock.now()
    values = {
        "vials": vials, "recipient": stocked.directed_to, "protocol": stocked.protocol, "started_at": now,
        "ended_at": now, "ward": "Ward 3", "gate": "none", "source_document": "a note",
    }  # fmt: skip
    values["reason"] = "the network was down"
    refusal("signature.same_person", sign, actions.record_as_happened, None, NINA, NINA, **values)


def test_invariant_19_the_database_lets_only_what_is_marked_pass(dispensed):
    planned(dispensed)
    refused_by_the_database(
        "UPDATE infusion SET state = 'completed', started_at = '2026-01-01', started_by = 'x'",
        "(?i)without a preparation|bedside check|check",
    )


def test_invariant_18_as_happened_names_its_gate(stocked):
    recorded(make_release.vials_of(stocked)[:1])
    refused_by_the_database("UPDATE infusion SET gate_passed = NULL", "(?i)check")
