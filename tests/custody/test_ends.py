"""The ways out, planned and not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.core import clock, record
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.custody import actions
from mscbank.custody.balance import balances
from mscbank.custody.closing import fills
from mscbank.custody.facts import open_holds
from mscbank.custody.models import CustodyEvent
from mscbank.custody.states import Condition, Reservation
from mscbank.custody.words import Cause, Verb
from mscbank.deviation import actions as deviations
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from tests import make_custody
from tests.custody.conftest import batches, first_vials
from tests.people import ANA, BRUNO, INES, NINA, OTTO, PAULA, TOMAS, sign

pytestmark = pytest.mark.db

DESTROY = {"method": "autoclave", "waste_id": "W-17"}


def last(vial) -> CustodyEvent:
    rows = select(CustodyEvent).where(CustodyEvent.vial_id == vial.id).order_by(CustodyEvent.sequence.desc())
    return session.scalars(rows).first()


def balance():
    session.expire_all()
    batch = batches()[0]
    return balances([batch.id])[batch.id]


def test_a_vial_is_used_up_for_tests_before_a_witness(stock):
    vial = first_vials()[0]
    sign(actions.take_for_qc, vial, INES, TOMAS, purpose="sterility, final")
    assert (vial.condition, vial.is_gone, vial.position) == (Condition.QC_USED, True, None)
    assert (last(vial).second_person, last(vial).detail) == ("tomas", "sterility, final")
    assert (balance().qc_used, balance().difference) == (1, 0)


def test_released_stock_goes_to_tests_only_through_quality_assurance(released):
    vial = first_vials()[0]
    with pytest.raises(Refused, match=r"custody\.released_stock"):
        sign(actions.take_for_qc, vial, INES, TOMAS, purpose="stability")
    sign(actions.take_for_qc, vial, ANA, TOMAS, purpose="stability")


def test_a_retained_vial_keeps_its_place(stock):
    vial = first_vials()[0]
    where = vial.position
    sign(actions.retain, vial, BRUNO, TOMAS, reason="retention sample of the batch")
    assert (vial.condition, vial.position, vial.is_gone) == (Condition.RETAINED, where, False)
    assert (balance().retained, balance().present, balance().difference) == (1, 5, 0)
    actions.move(vial, by=BRUNO, position=make_custody.positions(where.parent)[60])


def test_two_persons_destroy_with_method_waste_and_reason(stock):
    vial = first_vials()[0]
    sign(actions.destroy, vial, BRUNO, TOMAS, reason="the cap is loose", **DESTROY)
    assert (vial.condition, vial.is_gone) == (Condition.DESTROYED, True)
    event = last(vial)
    assert (event.verb, event.second_person, event.detail) == (Verb.DESTROY, "tomas", "autoclave; waste W-17")
    row = session.scalars(record.history("vial", vial.code)).first()
    assert row.action == "vial.destroy"
    assert row.reason == "the cap is loose"
    assert '"login":"tomas","meaning":"witnessed"' in row.signature


def test_nobody_destroys_alone(stock):
    vial = first_vials()[0]
    with pytest.raises(Refused, match=r"signature\.same_person"):
        sign(actions.destroy, vial, BRUNO, BRUNO, reason="the cap is loose", **DESTROY)
    with pytest.raises(Invalid):
        sign(actions.destroy, vial, BRUNO, TOMAS, **DESTROY)
    assert vial.condition is Condition.FROZEN


def test_what_is_destroyed_is_destroyed_once(stock):
    vial = first_vials()[0]
    sign(actions.destroy, vial, BRUNO, TOMAS, reason="the cap is loose", **DESTROY)
    with pytest.raises(Refused, match=r"lifecycle\.wrong_state"):
        sign(actions.destroy, vial, BRUNO, TOMAS, reason="the cap is loose", **DESTROY)


def test_even_what_is_on_hold_may_be_destroyed(stock):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="looks odd")
    with pytest.raises(Refused, match=r"custody\.on_hold"):
        sign(actions.take_for_qc, vial, BRUNO, TOMAS, purpose="sterility")
    sign(actions.destroy, vial, BRUNO, TOMAS, reason="looks odd indeed", **DESTROY)


def test_what_is_kept_for_a_patient_is_not_destroyed(released):
    vial = first_vials()[0]
    make_custody.reserved([vial])
    with pytest.raises(Refused, match=make_custody.ALLOCATION):
        sign(actions.destroy, vial, BRUNO, TOMAS, reason="the cap is loose", **DESTROY)


def test_what_was_thawed_and_not_given_is_destroyed_and_used_up(released):
    vial = first_vials()[0]
    make_custody.thawed([vial])
    sign(actions.destroy, vial, NINA, PAULA, reason="the infusion was stopped", **DESTROY)
    assert (vial.condition, vial.reservation) == (Condition.DESTROYED, Reservation.CONSUMED)
    assert vial.reserved_by == make_custody.ALLOCATION


@pytest.mark.parametrize(
    ("report", "condition", "verb"),
    [
        (actions.report_broken, Condition.BROKEN, Verb.BREAK),
        (actions.report_lost, Condition.LOST, Verb.LOSE),
    ],
    ids=["broken", "lost"],
)
def test_broken_and_lost_each_open_a_deviation(stock, report, condition, verb):
    vial = first_vials()[0]
    report(vial, by=BRUNO, reason="it fell from the rack", immediate_action="cleaned up")
    assert (vial.condition, vial.is_gone, last(vial).verb) == (condition, True, verb)
    opened = session.scalars(select(Deviation)).one()
    assert (opened.severity, last(vial).detail) == (Severity.MINOR, opened.code)
    assert [(s.kind, s.code) for s in opened.subjects] == [("vial", vial.code)]
    assert balance().difference == 0


@pytest.mark.parametrize("walk", [make_custody.reserved, make_custody.picked, make_custody.dispensed])
def test_a_broken_vial_frees_its_reservation(released, walk):
    vial = first_vials()[0]
    walk([vial])
    actions.report_broken(vial, by=PAULA, reason="it fell from the shipper", immediate_action="cleaned up")
    assert (vial.reservation, vial.reserved_by) == (Reservation.NONE, None)


def test_a_lost_vial_keeps_the_fill_open_until_its_investigation_is_closed(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.report_lost(vial, by=BRUNO, reason="it is not in the box", immediate_action="searched")
    assert (balance().lost, balance().difference) == (1, 0)
    assert fills([batch])[batch.id].difference == 1
    found = session.scalars(select(Deviation)).one()
    deviations.investigate(found, by=ANA)
    deviations.plan_capa(found, by=ANA, root_cause="a miscount", impact="none", capa="count twice")
    sign(deviations.close, found, ANA)
    assert fills([batch])[batch.id].difference == 0


def test_what_was_lost_is_found_again_on_hold(stock):
    vial = first_vials()[0]
    actions.report_lost(vial, by=BRUNO, reason="it is not in the box", immediate_action="searched")
    actions.report_found(vial, by=TOMAS, reason="it lay in the next box", is_cold=True)
    assert (vial.condition, vial.holder, vial.is_gone) == (Condition.FROZEN, "person:tomas", False)
    assert [hold.cause for hold in open_holds([vial])[vial.id]] == [Cause.FOUND]
    assert balance().present == 6


def test_what_is_found_warm_counts_as_thawed_and_never_goes_back(stock):
    vial = first_vials()[0]
    actions.report_lost(vial, by=BRUNO, reason="it is not in the box", immediate_action="searched")
    actions.report_found(vial, by=TOMAS, reason="it lay on the bench", is_cold=False)
    assert vial.condition is Condition.THAWED
    with pytest.raises(Refused, match=r"custody\.never_back"):
        actions.put_away(vial, by=TOMAS, position=make_custody.positions(make_custody.box())[0])


# --- gate and fact ------------------------------------------------------------------------------


def as_it_happened(vial, became, *, others=(TOMAS,), ago=timedelta(hours=1), by=NINA, **changes):
    inputs = {
        "became": became,
        "occurred_at": clock.now() - ago,
        "source_document": "downtime form 12",
        "gate": "no release and no bedside check",
    } | changes
    return sign(actions.record_as_happened, vial, by, *others, reason="the network was down", **inputs)


@pytest.mark.parametrize("became", [Condition.THAWED, Condition.INFUSED, Condition.DESTROYED])
def test_what_happened_all_the_same_is_recorded_with_two_witnesses_and_a_critical_deviation(stock, became):
    vial = first_vials()[0]
    as_it_happened(vial, became, ago=timedelta(milliseconds=1))
    assert (vial.condition, vial.as_happened) == (became, True)
    event = session.scalars(select(CustodyEvent).where(CustodyEvent.verb == Verb.AS_HAPPENED)).one()
    assert (event.vial, event.actor, event.second_person) == (vial, "nina", "tomas")
    assert event.happened_at < event.entered_at
    opened = session.scalars(select(Deviation)).one()
    assert opened.severity is Severity.CRITICAL
    row = session.scalars(
        select(record.Record).where(record.Record.action == "vial.record_as_happened")
    ).one()
    assert "no release and no bedside check" in row.body
    assert "downtime form 12" in row.body


def test_what_was_thawed_by_mistake_is_with_somebody_and_on_hold(stock):
    vial = first_vials()[0]
    as_it_happened(vial, Condition.THAWED, ago=timedelta(milliseconds=1))
    assert vial.holder == "person:nina"
    assert [hold.cause for hold in open_holds([vial])[vial.id]] == [Cause.DEVIATION]


def test_one_witness_is_not_enough(stock):
    with pytest.raises(Refused, match=r"signature\.same_person"):
        as_it_happened(first_vials()[0], Condition.INFUSED, others=(NINA,), ago=timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("became", "ago", "field"),
    [
        (Condition.FROZEN, timedelta(seconds=1), "became"),
        (Condition.LOST, timedelta(seconds=1), "became"),
        (Condition.INFUSED, -timedelta(hours=1), "occurred_at"),
        (Condition.INFUSED, timedelta(days=400), "occurred_at"),
    ],
)
def test_impossible_facts_are_refused(stock, became, ago, field):
    with pytest.raises(Invalid) as refused:
        as_it_happened(first_vials()[0], became, ago=ago)
    assert field in refused.value.faults


def test_others_take_no_vial_out(stock):
    with pytest.raises(Refused, match=r"lifecycle\.role_needed|acts\.role_needed"):
        sign(actions.destroy, first_vials()[0], OTTO, TOMAS, reason="the cap is loose", **DESTROY)
