"""What verify recomputes, and what the batch asks before it closes."""

import pytest
from sqlalchemy import text

from mscbank.batch import actions as batch_actions
from mscbank.batch import registry
from mscbank.batch.states import BatchState
from mscbank.core import checks
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.custody import actions
from mscbank.custody.balance import balances
from mscbank.custody.closing import fills, who_filled
from tests import make_custody
from tests.custody.conftest import batches, first_vials, other_vials, take_guards_away
from tests.people import BRUNO, TOMAS, sign

pytestmark = pytest.mark.db


def faults(name: str) -> list[tuple[str, str, str]]:
    session.rollback()
    session.expire_all()
    return [fault for _name, fault in checks.run(name)]


def past_the_guards(url: str, statement: str) -> None:
    """Change rows as nobody can through the service."""
    engine = take_guards_away(url, "vial", "custody_event", "fill")
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_invariant_3_verify_finds_nothing_on_a_walked_bank(released):
    vial, second = first_vials()[:2]
    make_custody.dispensed([vial])
    make_custody.step([vial], actions.return_unopened, reason="the patient has a fever")
    sign(actions.destroy, second, BRUNO, TOMAS, reason="the cap is loose", method="autoclave", waste_id="W")
    assert faults("custody.ledger") == []
    assert faults("custody.balance") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE vial SET quality = 'available' WHERE code = :code",
        "UPDATE vial SET condition = 'retained' WHERE code = :code",
        "UPDATE vial SET reservation = 'reserved', reserved_by = 'K' WHERE code = :code",
        "UPDATE vial SET position_id = NULL, holder_kind = 'person', holder_code = 'x' WHERE code = :code",
        "UPDATE vial SET events = 9 WHERE code = :code",
        "UPDATE custody_event SET quality = 'available' WHERE vial_id = :id AND sequence = 2",
        "DELETE FROM custody_event WHERE vial_id = :id AND sequence = 2",
        "DELETE FROM custody_event WHERE vial_id = :id AND sequence = 1",
        "DELETE FROM custody_event WHERE vial_id = :id",
    ],
)
def test_invariant_3_verify_names_the_vial_that_was_edited(stock, change):
    vial = first_vials()[2]
    code, statement = vial.code, change.replace(":code", f"'{vial.code}'").replace(":id", str(vial.id))
    past_the_guards(stock, statement)
    assert [found[:2] for found in faults("custody.ledger")] == [("vial", code)]


def test_invariant_7_verify_names_the_batch_whose_count_does_not_close(stock):
    code = batches()[0].code
    past_the_guards(stock, "UPDATE fill SET vials = 7 WHERE id = (SELECT min(id) FROM fill)")
    assert faults("custody.balance") == [("batch", code, "7 vials filled, 6 accounted for")]


def test_invariant_7_the_balance_closes_at_any_moment(stock):
    batch, vials = batches()[0], first_vials()
    sign(actions.take_for_qc, vials[0], BRUNO, TOMAS, purpose="sterility")
    sign(actions.retain, vials[1], BRUNO, TOMAS, reason="retention sample")
    sign(actions.destroy, vials[2], BRUNO, TOMAS, reason="cap loose", method="autoclave", waste_id="W")
    actions.report_broken(vials[3], by=BRUNO, reason="it fell down", immediate_action="cleaned")
    actions.report_lost(vials[4], by=BRUNO, reason="not in the box", immediate_action="searched")
    found = balances([batch.id, batches()[1].id])
    balance = found[batch.id]
    assert (balance.filled, balance.qc_used, balance.retained, balance.destroyed) == (6, 1, 1, 1)
    assert (balance.broken, balance.lost, balance.present, balance.difference) == (1, 1, 1, 0)
    assert found[batches()[1].id].present == 2


def test_a_batch_never_filled_has_a_balance_too(released):
    empty = batches()[1]
    assert balances([empty.id])[empty.id].filled == 0
    assert fills([empty])[empty.id].filled == 0


def test_the_batch_closes_its_fill_at_zero_difference(stock):
    batch = batches()[1]
    batch_actions.cryopreserve(batch, by=BRUNO)
    assert batch.state is BatchState.CRYOPRESERVED


def test_invariant_7_it_does_not_close_with_an_unexplained_loss(stock):
    batch = batches()[1]
    actions.report_lost(other_vials()[0], by=BRUNO, reason="not on the bench", immediate_action="searched")
    with pytest.raises(Refused, match=r"batch\.fill_differs"):
        batch_actions.cryopreserve(batch, by=BRUNO)


def test_nothing_filled_does_not_close(released):
    with pytest.raises(Refused, match=r"batch\.nothing_filled"):
        batch_actions.cryopreserve(batches()[1], by=BRUNO)


def test_invariant_11_who_filled_and_who_counted_worked_on_the_batch(stock):
    batch = batches()[0]
    assert who_filled(batch) == {"bruno", "tomas"}
    assert {"bruno", "tomas"} <= registry.executors(batch)
