"""Material lots: taken in, released, used while they may be, struck out, rejected."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.batch import actions
from mscbank.batch.materials import LOT_REJECTED, batches_with, left_of
from mscbank.batch.models import Batch, Material, MaterialLot, Step
from mscbank.batch.states import BatchState, LotState
from mscbank.core import clock, db, messages
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from tests.batch.conftest import only
from tests.batch.test_planning import as_owner
from tests.make_batch import lot
from tests.make_collection import today
from tests.people import ANA, BRUNO, QUENTIN, TOMAS, sign


def refused(code: str):
    return pytest.raises(Refused, match=code)


def use(batch: Batch, of: MaterialLot, by=BRUNO, **changes: Any):
    inputs: dict[str, Any] = {"quantity": Decimal(50), "step": Step.CULTURE} | changes
    return actions.use_material(batch, by=by, lot=of, **inputs)


# --- the lot -----------------------------------------------------------------------------------------------


def test_a_lot_waits_in_quarantine_and_is_released_by_quality_assurance(culture: Batch):
    made = lot(LotState.QUARANTINED)
    with pytest.raises(NotAllowed):
        actions.release(made, by=BRUNO)
    actions.release(made, by=ANA)
    assert (made.state, made.judged_by, made.called) == (
        LotState.RELEASED,
        "ana",
        f"medium {made.supplier_lot}",
    )


def test_invariant_11_who_took_a_lot_in_does_not_release_it(culture: Batch):
    made = actions.receive(
        by=ANA, material=Material.MEDIUM, name="alpha-MEM", supplier="Fictive Reagents", supplier_lot="1",
        expires_on=today() + timedelta(days=9), unit="mL", certificate="CoA 1",
    )  # fmt: skip
    with refused("batch.own_lot"):
        actions.release(made, by=ANA)
    actions.release(made, by=QUENTIN)


def test_a_lot_needs_its_certificate_and_its_last_day(culture: Batch):
    without = lot(LotState.QUARANTINED, certificate=None)
    with refused("batch.lot_without_certificate"):
        actions.release(without, by=ANA)
    actions.correct_lot(without, by=BRUNO, reason="the certificate came", certificate="CoA 2")
    actions.release(without, by=ANA)
    expired = lot(LotState.QUARANTINED, expires_on=today() - timedelta(days=1))
    with refused("batch.lot_expired"):
        actions.release(expired, by=ANA)
    actions.correct_lot(expired, by=BRUNO, reason="read wrongly", expires_on=today(), quantity=Decimal(7))
    actions.release(expired, by=ANA)
    assert (expired.state, expired.quantity) == (LotState.RELEASED, Decimal("7.000"))


def test_platelet_lysate_says_its_pool_and_its_treatment(culture: Batch):
    with pytest.raises(Invalid) as error:
        lot(material=Material.PLATELET_LYSATE, pool_size=None, pathogen_inactivated=None)
    assert set(error.value.faults) == {"pool_size", "pathogen_inactivated"}
    assert lot(material=Material.PLATELET_LYSATE).pool_size == 40


def test_a_rejected_lot_never_changes_again(culture: Batch):
    made = lot(LotState.REJECTED)
    with refused("batch.lot_rejected"):
        actions.correct_lot(made, by=BRUNO, reason="a new certificate", certificate="CoA 3")
    with refused("lifecycle.wrong_state"):
        actions.release(made, by=ANA)


@pytest.mark.db
def test_a_lot_keeps_its_supplier_and_number_in_the_database(culture: Batch):
    with pytest.raises(DBAPIError, match="keeps its supplier"), as_owner() as connection:
        connection.execute(text("UPDATE material_lot SET supplier_lot = 'another'"))


# --- its use -----------------------------------------------------------------------------------------------


@pytest.mark.db
def test_a_scanned_lot_is_used_and_counted(culture: Batch):
    medium = only(MaterialLot)
    use(culture, medium, quantity=Decimal("0.125"))
    found = culture.uses[0]
    assert (found.number, found.quantity, found.unit, found.used_by) == (1, Decimal("0.125"), "mL", "bruno")
    assert found.used_on == today()
    assert left_of(medium) == Decimal("4999.875")
    assert [b.code for b in batches_with(medium)] == [culture.code]
    assert left_of(lot(quantity=None)) is None


@pytest.mark.parametrize(
    ("state", "code"),
    [(LotState.QUARANTINED, "batch.lot_not_released"), (LotState.REJECTED, "batch.lot_not_released")],
)
def test_a_lot_that_is_not_released_is_not_used(culture: Batch, state: LotState, code: str):
    with refused(code):
        use(culture, lot(state))
    assert culture.uses == []


def test_a_lot_is_used_until_the_end_of_its_last_day(culture: Batch):
    last = lot(expires_on=today())
    use(culture, last)
    actions.correct_lot(last, by=BRUNO, reason="read wrongly", expires_on=today() - timedelta(days=1))
    with refused("batch.lot_past_expiry"):
        use(culture, last)


def test_a_lot_counts_as_it_stood_when_it_was_used(culture: Batch):
    before = clock.now()
    late = lot()
    with refused("batch.lot_released_later"):
        use(culture, late, used_at=before)


@pytest.mark.db
@pytest.mark.parametrize("state", [LotState.QUARANTINED, LotState.REJECTED])
def test_the_database_refuses_a_lot_that_may_not_be_used(culture: Batch, state: LotState):
    wrong = lot(state)
    with pytest.raises(DBAPIError, match="not used"), as_owner() as connection:
        insert_use(connection, culture, wrong)


@pytest.mark.db
def test_the_database_refuses_a_lot_past_its_last_day(culture: Batch):
    good = only(MaterialLot)
    with pytest.raises(DBAPIError, match="not used"), as_owner() as connection:
        insert_use(connection, culture, good, day=good.expires_on + timedelta(days=1))
    with as_owner() as connection:
        insert_use(connection, culture, good, day=good.expires_on)


def insert_use(connection, batch: Batch, of: MaterialLot, day=None) -> None:
    day = day or today()
    connection.execute(
        text(
            "INSERT INTO material_use (batch_id, number, lot_id, step, quantity, unit, used_at, used_on,"
            " used_by, as_happened) SELECT :batch, 9, :lot, 'culture', 1000, 'mL', received_at, :day,"
            " 'bruno', :no FROM material_lot WHERE id = :lot"
        ),
        {"batch": batch.id, "lot": of.id, "no": False, "day": day.isoformat() if db.is_sqlite() else day},
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": Decimal(0)}, "quantity"),
        ({"passage_number": 3}, "passage_number"),
        ({"used_at": timedelta(minutes=1)}, "used_at"),
        ({"used_at": timedelta(days=-1)}, "used_at"),
    ],
)
def test_a_use_that_cannot_be_is_a_fault_of_its_field(culture: Batch, changes: dict[str, Any], field: str):
    moved = {k: clock.now() + v if isinstance(v, timedelta) else v for k, v in changes.items()}
    with pytest.raises(Invalid) as error:
        use(culture, only(MaterialLot), **moved)
    assert set(error.value.faults) == {field}


def test_no_more_is_used_than_arrived(culture: Batch):
    small = lot(quantity=Decimal(100))
    use(culture, small, quantity=Decimal(60))
    with refused("batch.lot_used_up") as error:
        use(culture, small, quantity=Decimal("40.001"))
    assert "40" in error.value.sentence
    use(culture, small, quantity=Decimal(40))


@pytest.mark.db
def test_a_mistaken_use_is_struck_out_and_stays_readable(culture: Batch):
    medium = only(MaterialLot)
    use(culture, medium)
    actions.strike_use(culture, by=TOMAS, reason="the wrong bottle was scanned", number=1)
    assert (culture.uses[0].struck_by, left_of(medium), batches_with(medium)) == ("tomas", Decimal(5000), [])
    with refused("batch.no_such_use"):
        actions.strike_use(culture, by=TOMAS, reason="the wrong bottle was scanned", number=1)
    with pytest.raises(DBAPIError, match="never changed"), as_owner() as connection:
        connection.execute(text("UPDATE material_use SET quantity = 1"))


def test_materials_go_into_a_culture_or_its_fill_only(harvested: Batch):
    medium = session.scalars(select(MaterialLot)).first()
    use(harvested, medium, step=Step.FILL)
    sign(actions.abandon, harvested, ANA, reason="contaminated")
    assert harvested.state is BatchState.ABANDONED
    with refused("batch.not_in_work"):
        use(harvested, medium)


@pytest.mark.db
def test_a_use_past_the_gate_is_recorded_with_a_critical_deviation(culture: Batch):
    wrong = lot(LotState.REJECTED)
    sign(
        actions.record_use_as_happened, culture, BRUNO, TOMAS, reason="noticed too late", lot=wrong,
        quantity=Decimal(50), step=Step.CULTURE, used_at=clock.now(), source_document="Bench log 12",
    )  # fmt: skip
    found = session.scalars(select(Deviation)).one()
    assert found.severity is Severity.CRITICAL
    assert {s.code for s in found.subjects} == {culture.code, wrong.code}
    assert (culture.uses[0].as_happened, culture.uses[0].source_document) == (True, "Bench log 12")


def test_a_rejected_lot_names_the_batches_that_hold_it(culture: Batch, monkeypatch: pytest.MonkeyPatch):
    heard: list[Any] = []
    listening = messages.Subscription(lambda **said: heard.append(said), lambda touched: [])
    monkeypatch.setitem(messages._consequences, LOT_REJECTED, [listening])
    medium = only(MaterialLot)
    actions.reject(lot(), by=ANA, reason="the cold chain broke")
    assert heard == []
    use(culture, medium)
    actions.reject(medium, by=ANA, reason="the cold chain broke")
    assert heard == [{"touched": [("batch", culture.code)], "lot": medium.code}]
