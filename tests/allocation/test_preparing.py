"""A preparation: vials in by two, diluents by lot, its own label, its own clock, discarded by two."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from mscbank.allocation import actions, facts
from mscbank.allocation.labels import label_of, label_sheet
from mscbank.allocation.models import Diluent, Preparation, PreparationLabel, PreparationVial
from mscbank.allocation.states import PreparationState
from mscbank.batch.models import Material
from mscbank.batch.states import LotState
from mscbank.coding import short
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.custody import actions as custody
from mscbank.custody.states import Condition, Reservation
from tests import make_allocation, make_batch, make_collection, make_infusion, make_release
from tests.attack import refused as refused_by_the_database
from tests.people import ANA, BRUNO, NINA, NOAH, OTTO, SAM, TOMAS, sign

pytestmark = pytest.mark.db

DISCARD = {"method": "autoclave", "waste_id": "W-9", "reason": "the bag leaked"}


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def preparation() -> Preparation:
    session.expire_all()
    return session.scalars(select(Preparation)).one()


def inside(p: Preparation) -> list:
    session.expire_all()
    rows = select(PreparationVial).where(PreparationVial.preparation_id == p.id)
    return [row.vial for row in session.scalars(rows.order_by(PreparationVial.number))]


@pytest.fixture
def thawed(dispensed) -> Preparation:
    """Four vials thawed for the patient, not yet put in."""
    made = make_infusion.confirm(make_infusion.planned(dispensed))
    make_infusion.thaw(made)
    return preparation()


@pytest.fixture
def finished(thawed) -> Preparation:
    """A finished preparation of 40 mL."""
    make_infusion.prepare(thawed)
    return preparation()


def test_two_people_scan_each_vial_in(thawed):
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[:2])
    rows = session.scalars(select(PreparationVial).order_by(PreparationVial.number)).all()
    assert [(row.added_by, row.checked_by) for row in rows] == [("bruno", "tomas")] * 2 + [(None, None)] * 2
    assert [row.vial.condition for row in rows] == [Condition.IN_PREPARATION] * 2 + [Condition.THAWED] * 2


def test_the_same_person_is_never_both_sides(thawed):
    refusal("signature.same_person", sign, actions.add_vials, thawed, BRUNO, BRUNO, vials=inside(thawed))


def test_only_what_was_thawed_for_it_is_put_in_and_once(thawed):
    other = make_release.vials_of(thawed.allocation.batch)[6:7]
    refusal("preparation.not_of_this", sign, actions.add_vials, thawed, BRUNO, TOMAS, vials=other)
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[:1])
    refusal("preparation.in_already", sign, actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[:1])
    with pytest.raises(Invalid):
        sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=[])


def test_a_hold_stops_a_vial_at_the_preparation(thawed):
    custody.hold(inside(thawed)[0], by=ANA, reason="a doubt about the shipper")
    refusal("custody.on_hold", sign, actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed))


def test_it_is_finished_when_every_thawed_vial_is_in_it(thawed):
    refusal("preparation.none_in", actions.finish, thawed, by=BRUNO, volume_ml=Decimal(5))
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[:3])
    refusal("preparation.not_all_in", actions.finish, thawed, by=BRUNO, volume_ml=Decimal(5))
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[3:])
    actions.finish(thawed, by=BRUNO, volume_ml=Decimal("20.000"))
    assert (thawed.state, thawed.volume_ml) == (PreparationState.READY, Decimal("20.000"))


def test_a_volume_is_not_larger_than_what_went_in(thawed):
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed))
    for wrong in (Decimal("20.001"), Decimal(0)):
        with pytest.raises(Invalid) as refused:
            actions.finish(thawed, by=BRUNO, volume_ml=wrong)
        assert "volume_ml" in refused.value.faults


def test_cells_and_viability_are_counted_together(thawed):
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed))
    with pytest.raises(Invalid):
        actions.finish(thawed, by=BRUNO, volume_ml=Decimal(20), tnc_counted=70_000_000)
    with pytest.raises(Invalid):
        actions.finish(
            thawed,
            by=BRUNO,
            volume_ml=Decimal(20),
            tnc_counted=1,
            viability_counted_percent=Decimal("100.01"),
        )
    actions.finish(
        thawed, by=BRUNO, volume_ml=Decimal(20), tnc_counted=70_000_000,
        viability_counted_percent=Decimal("88.00"),
    )  # fmt: skip
    assert facts.counted_viable(thawed) == Decimal("61600000.000")


def test_a_diluent_is_a_released_lot_in_date(thawed):
    lot = make_batch.lot(material=Material.DILUENT)
    actions.add_diluent(thawed, by=BRUNO, lot=lot, volume_ml=Decimal("20.000"))
    (row,) = session.scalars(select(Diluent)).all()
    assert (row.number, row.lot_id, row.added_by) == (1, lot.id, "bruno")
    quarantined = make_batch.lot(LotState.QUARANTINED, Material.DILUENT)
    refusal(
        "batch.lot_not_released", actions.add_diluent, thawed, by=BRUNO, lot=quarantined, volume_ml=Decimal(1)
    )
    with pytest.raises(Invalid):
        actions.add_diluent(thawed, by=BRUNO, lot=lot, volume_ml=Decimal(0))
    assert lot.expires_on > make_collection.today()


def test_nothing_is_added_to_a_finished_preparation(finished):
    lot = make_batch.lot(material=Material.DILUENT)
    refusal("preparation.finished", actions.add_diluent, finished, by=BRUNO, lot=lot, volume_ml=Decimal(1))
    refusal("preparation.finished", sign, actions.add_vials, finished, BRUNO, TOMAS, vials=inside(finished))
    sign(actions.discard, finished, BRUNO, TOMAS, **DISCARD)
    refusal("preparation.over", actions.add_diluent, finished, by=BRUNO, lot=lot, volume_ml=Decimal(1))


def test_a_count_comes_later_and_only_once(finished):
    values = {"tnc_counted": 71_000_000, "viability_counted_percent": Decimal("90.00")}
    actions.record_count(finished, by=BRUNO, **values)
    refusal("preparation.counted", actions.record_count, finished, by=BRUNO, **values)


@pytest.mark.parametrize("by", [ANA, OTTO, SAM])
def test_laboratory_pharmacy_and_ward_prepare(thawed, by):
    with pytest.raises(NotAllowed):
        sign(actions.add_vials, thawed, by, TOMAS, vials=inside(thawed))


# --- its label ----------------------------------------------------------------------------------


def test_every_print_has_a_number_of_its_own_and_a_reprint_its_reason(finished):
    with pytest.raises(Invalid) as refused:
        actions.print_label(finished, by=BRUNO)
    assert "reason" in refused.value.faults
    actions.print_label(finished, by=BRUNO, reason="the first was smeared")
    rows = session.scalars(select(PreparationLabel).order_by(PreparationLabel.print_number)).all()
    assert [(row.print_number, row.reason) for row in rows] == [(1, None), (2, "the first was smeared")]


def test_the_29th_label_is_refused(finished):
    for _ in range(27):
        actions.print_label(finished, by=BRUNO, reason="the printer is tested")
    refusal("preparation.no_more_prints", actions.print_label, finished, by=BRUNO, reason="once more, please")


def test_nothing_is_printed_before_it_is_finished_or_after_its_end(thawed):
    refusal("preparation.not_finished", actions.print_label, thawed, by=BRUNO)
    refusal("preparation.not_printed", label_sheet, thawed)
    sign(actions.discard, thawed, BRUNO, TOMAS, **DISCARD)
    refusal("preparation.over", actions.print_label, thawed, by=BRUNO)


def test_the_label_says_for_whom_and_until_which_minute(finished):
    made = label_of(finished)
    assert made.code == short.with_print(finished.code, 1)
    assert made.directed_to == f"FOR {finished.allocation.recipient.called.upper()}"
    assert any(line.startswith("GIVE BEFORE ") for line in made.lines)
    assert "DO NOT IRRADIATE" in made.warnings
    assert label_sheet(finished).startswith(b"%PDF")


# --- discarded ----------------------------------------------------------------------------------


def test_two_people_discard_it_with_all_its_vials(finished):
    sign(actions.discard, finished, NINA, NOAH, **DISCARD)
    p = preparation()
    assert (p.state, p.discarded_by, p.discard_witness) == (PreparationState.DISCARDED, "nina", "noah")
    assert p.discard_method == "autoclave; waste W-9"
    assert {(v.condition, v.is_gone) for v in inside(p)} == {(Condition.DESTROYED, True)}
    assert make_allocation.held(p.allocation) == []
    refusal("lifecycle.wrong_state", sign, actions.discard, p, NINA, NOAH, **DISCARD)


def test_vials_that_were_not_put_in_yet_are_destroyed_too(thawed):
    sign(actions.add_vials, thawed, BRUNO, TOMAS, vials=inside(thawed)[:1])
    sign(actions.discard, thawed, BRUNO, TOMAS, **DISCARD)
    assert {(v.condition, v.reservation) for v in inside(thawed)} == {
        (Condition.DESTROYED, Reservation.CONSUMED)
    }


def test_a_discard_needs_reason_and_witness(finished):
    with pytest.raises(Invalid):
        sign(actions.discard, finished, NINA, NOAH, method="autoclave", waste_id="W-9")
    refusal("signature.same_person", sign, actions.discard, finished, NINA, NINA, **DISCARD)


def test_the_database_keeps_labels_and_diluents(finished):
    refused_by_the_database("UPDATE preparation_label SET print_number = 9", "append-only|permission denied")
    refused_by_the_database("UPDATE diluent SET number = 9", "append-only|permission denied")


def test_the_expiry_is_to_the_minute_from_the_first_thaw(finished):
    assert finished.expires_at.second == 0
    assert timedelta(minutes=119) <= finished.expires_at - finished.first_thaw_at <= timedelta(minutes=120)
