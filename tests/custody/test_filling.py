"""Filling and labels."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mscbank.batch.states import BatchState
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.core.messages import Outbox
from mscbank.custody import actions
from mscbank.custody.filling import label_obstacle, prints_of, what_is_labelled
from mscbank.custody.models import CustodyEvent, Fill, LabelPrint, Vial
from mscbank.custody.sheets import sheet
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.words import HolderKind, LabelState, Purpose, Verb
from tests import attack, make_batch, make_collection, make_custody
from tests.custody.conftest import as_owner, batches, first_vials, other_vials
from tests.fixtures import Walked
from tests.people import ANA, BRUNO, INES, SAM, TOMAS, proofs, sign


def fill(batch, *others, by=BRUNO, **changes):
    return sign(actions.fill, batch, by, *(others or (TOMAS,)), **make_custody.contents(**changes))


@pytest.mark.db
def test_a_fill_makes_vials_in_quarantine_in_the_hands_of_who_filled(bank):
    batch = make_batch.batch(BatchState.HARVESTED)
    vials = fill(batch, vials=24)
    assert [vial.number for vial in vials] == list(range(1, 25))
    vial = vials[0]
    assert (vial.condition, vial.quality, vial.reservation) == (
        Condition.FILLED,
        Quality.QUARANTINE,
        Reservation.NONE,
    )
    assert (vial.holder_kind, vial.holder_code, vial.position, vial.is_gone) == (
        HolderKind.PERSON,
        "bruno",
        None,
        False,
    )
    assert (vial.din, vial.product_code, vial.collection_type) == (batch.donation.din, "D0001", "4")
    assert vial.tnc == 20_000_000
    assert vial.viability_percent_at_fill == Decimal("95.50")
    counted = session.scalars(select(Fill)).one()
    assert (counted.vials, counted.filled_by, counted.checked_by) == (24, "bruno", "tomas")


def test_invariant_1_divisions_count_on_over_fills_of_one_donation(bank):
    batch = make_batch.batch(BatchState.HARVESTED)
    fill(batch, vials=2)
    later = fill(batch, vials=3)
    divisions = [vial.division for vial in make_custody.vials_of(batch)]
    assert divisions == ["000001", "000002", "000003", "000004", "000005"]
    assert [vial.number for vial in later] == [3, 4, 5]


@pytest.mark.db
@pytest.mark.parametrize(
    "change",
    ["division = '000002'", "din = 'A999926999999'", "product_code = 'D0009'", "code = 'X'", "tnc = 1"],
)
def test_invariant_1_the_identity_of_a_vial_never_changes(stock, change):
    vial = first_vials()[0]
    with pytest.raises(DBAPIError):
        as_owner(f"UPDATE vial SET {change} WHERE code = '{vial.code}'")


def test_the_first_row_of_the_ledger_names_both_people(bank):
    vial = make_custody.filled(vials=1)[0]
    event = session.scalars(select(CustodyEvent)).one()
    assert (event.verb, event.sequence, event.actor, event.second_person) == (Verb.FILL, 1, "bruno", "tomas")
    assert event.vial is vial


def test_only_a_harvested_culture_is_filled(bank):
    batch = make_batch.batch(BatchState.IN_CULTURE)
    with pytest.raises(Refused, match="custody.not_harvested"):
        fill(batch)


def test_invariant_11_nobody_fills_and_checks_alone(stock):
    with pytest.raises(Refused, match="signature.same_person"):
        fill(batches()[0], BRUNO)


@pytest.mark.parametrize("by", [ANA, INES, SAM], ids=lambda p: p.login)
def test_others_do_not_fill(stock, by):
    with pytest.raises(Refused, match=r"acts\.role_needed"):
        fill(batches()[0], TOMAS, by=by)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"vials": 0}, "vials"),
        ({"vials": 1001}, "vials"),
        ({"expires_on": date(2020, 1, 1)}, "expires_on"),
        ({"expires_on": make_collection.today()}, "expires_on"),
    ],
)
def test_impossible_fills_say_what_to_correct(stock, change, field):
    with pytest.raises(Invalid) as refused:
        fill(batches()[0], **change)
    assert field in refused.value.faults


def test_a_fill_before_the_harvest_is_refused(stock):
    batch = batches()[0]
    inputs = make_custody.contents()
    early = clock.now() - timedelta(days=2)
    with pytest.raises(Invalid) as refused:
        actions.fill(
            batch,
            by=BRUNO,
            proofs=proofs(actions.fill, batch, BRUNO, TOMAS, **inputs),
            happened_at=early,
            **inputs,
        )
    assert "happened_at" in refused.value.faults


def test_labels_are_printed_for_those_that_have_none(stock):
    batch = batches()[0]
    printed = actions.print_labels(batch, by=BRUNO)
    assert [(p.print_number, p.purpose, p.state) for p in printed] == [
        (1, Purpose.VIAL, LabelState.PRINTED)
    ] * 6
    with pytest.raises(Invalid) as refused:
        actions.print_labels(batch, by=BRUNO)
    assert "vials" in refused.value.faults


def test_invariant_8_a_reprint_needs_a_reason(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    with pytest.raises(Invalid) as refused:
        actions.print_labels(batch, by=BRUNO, vials=[vial])
    assert "01" in refused.value.faults["reason"][0]
    actions.print_labels(batch, by=BRUNO, vials=[vial], reason="the first one tore")
    again = prints_of([vial])[vial.id]
    assert [(p.print_number, p.reason) for p in again] == [(1, None), (2, "the first one tore")]


def test_a_label_for_another_purpose_is_no_reprint(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.print_labels(batch, by=BRUNO, vials=[vial], purpose=Purpose.RECORD)
    assert [p.print_number for p in prints_of([vial])[vial.id]] == [1, 2]


def test_invariant_8_the_twenty_ninth_label_is_refused(stock):
    batch, vial = batches()[0], first_vials()[0]
    for number in range(28):
        actions.print_labels(batch, by=BRUNO, vials=[vial], reason=f"print number {number + 1}")
    with pytest.raises(Refused, match="custody.no_more_prints"):
        actions.print_labels(batch, by=BRUNO, vials=[vial], reason="one too many")


def test_labels_of_another_batch_are_not_printed(stock):
    with pytest.raises(Invalid) as refused:
        actions.print_labels(batches()[0], by=BRUNO, vials=other_vials())
    assert "vials" in refused.value.faults


def test_invariant_8_the_reprint_on_the_vial_voids_the_earlier_print_of_that_purpose(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.print_labels(batch, by=BRUNO, vials=[vial], purpose=Purpose.RECORD)
    actions.print_labels(batch, by=BRUNO, vials=[vial], reason="the first one tore")
    actions.confirm_label(vial, by=TOMAS, print_number=3)
    states = {p.print_number: p.state for p in prints_of([vial])[vial.id]}
    assert states == {1: LabelState.VOID, 2: LabelState.PRINTED, 3: LabelState.APPLIED}
    assert [one.print_number for _vial, one in what_is_labelled([vial], Purpose.VIAL)] == [3]
    void = "voided_at IS NOT NULL"
    for change in ("voided_at = NULL, voided_by = NULL", "voided_by = 'bruno'"):
        attack.refused(f"UPDATE label_print SET {change} WHERE {void}", "a void label stays void")


def test_a_paper_on_which_no_label_of_a_demonstration_fits_is_refused(reserved: Walked):
    batch = reserved.first.batch
    with pytest.raises(Refused) as refused:
        sheet(batch, stock="letter-80")
    assert refused.value.code == "custody.label_too_small"
    assert sheet(batch, stock="a4-24").startswith(b"%PDF")


def test_invariant_8_a_void_label_is_refused_and_raises_the_alarm(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.print_labels(batch, by=BRUNO, vials=[vial], reason="the first one tore")
    actions.confirm_label(vial, by=BRUNO, print_number=2)
    with pytest.raises(Refused, match="custody.void_label"):
        actions.confirm_label(vial, by=BRUNO, print_number=1)
    assert label_obstacle(vial, 1).code == "custody.void_label"
    assert label_obstacle(vial, 2) is None
    actions.report_void_label(vial, by=BRUNO, print_number=1)
    last = session.scalars(select(CustodyEvent).order_by(CustodyEvent.id.desc())).first()
    assert (last.verb, last.detail) == (Verb.VOID_LABEL, "1")
    assert (
        session.scalars(select(Outbox).where(Outbox.name == "custody.void_label")).one().subject_code
        == vial.code
    )


def test_a_label_that_was_never_printed_is_refused(stock):
    vial = first_vials()[0]
    with pytest.raises(Refused, match="custody.unknown_print"):
        actions.confirm_label(vial, by=BRUNO, print_number=7)
    assert label_obstacle(vial, 7).code == "custody.unknown_print"


def test_confirming_twice_changes_nothing(stock):
    batch, vial = batches()[0], first_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.confirm_label(vial, by=BRUNO, print_number=1)
    first = session.scalars(select(LabelPrint).where(LabelPrint.vial_id == vial.id)).one().applied_at
    actions.confirm_label(vial, by=TOMAS, print_number=1)
    assert session.scalars(select(LabelPrint).where(LabelPrint.vial_id == vial.id)).one().applied_at == first


def test_a_repeated_key_fills_once(stock):
    batch = batches()[1]
    inputs = make_custody.contents(vials=2)
    signed = proofs(actions.fill, batch, BRUNO, TOMAS, **inputs)
    actions.fill(batch, by=BRUNO, proofs=signed, key="k-1", **inputs)
    actions.fill(batch, by=BRUNO, key="k-1", **inputs)
    assert len(session.scalars(select(Vial).where(Vial.batch_id == batch.id)).all()) == 4
