"""What later rooms do with vials, inside acts of their own."""

import pytest
from sqlalchemy import select

from mscbank.core.db import Unguarded, session
from mscbank.core.errors import NotAllowed, Refused
from mscbank.custody import actions
from mscbank.custody.facts import open_holds, unfit_batches
from mscbank.custody.models import CustodyEvent
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.words import Cause, HolderKind, Verb
from mscbank.family import actions as families
from mscbank.family.models import Recipient
from tests import make_custody
from tests.custody.conftest import batches, first_vials
from tests.people import ANA, BRUNO, LUCIE

pytestmark = pytest.mark.db

STEPS = (
    *(actions.free, actions.free_conditionally, actions.except_for, actions.reject),
    *(actions.reserve, actions.unreserve, actions.pick, actions.dispense, actions.use_up),
    *(actions.return_unopened, actions.settle_return),
    *(actions.freeze, actions.thaw, actions.into_preparation, actions.infuse),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_never_an_act_by_itself(released, step):
    with pytest.raises(NotAllowed, match=r"acts\.not_by_itself"):
        step(first_vials()[0], by=ANA)


def test_a_vial_that_is_not_locked_is_not_moved(released):
    first, second = first_vials()[:2]
    with pytest.raises(Unguarded):
        make_custody.step(
            [first], lambda _vial, by: actions.reserve(second, by=by, allocation=make_custody.ALLOCATION)
        )


def test_the_whole_way_to_the_patient(released):
    vial = first_vials()[0]
    assert vial.quality is Quality.AVAILABLE
    make_custody.reserved([vial])
    assert (vial.reservation, vial.reserved_by) == (Reservation.RESERVED, make_custody.ALLOCATION)
    make_custody.step([vial], actions.pick, second="tomas")
    assert (vial.reservation, vial.holder) == (Reservation.PICKED, "person:bruno")
    make_custody.step([vial], actions.dispense, holder_kind=HolderKind.SITE, holder="WARD")
    make_custody.step([vial], actions.thaw)
    assert (vial.condition, vial.holder) == (Condition.THAWED, "site:WARD")
    make_custody.step([vial], actions.into_preparation, preparation="YT100000100")
    make_custody.step([vial], actions.consume)
    assert (vial.condition, vial.reservation, vial.is_gone) == (Condition.INFUSED, Reservation.CONSUMED, True)
    told = session.scalars(
        select(CustodyEvent.verb).where(CustodyEvent.vial_id == vial.id).order_by(CustodyEvent.sequence)
    ).all()
    assert told[-6:] == [
        Verb.RESERVE,
        Verb.PICK,
        Verb.DISPENSE,
        Verb.THAW,
        Verb.INTO_PREPARATION,
        Verb.INFUSE,
    ]


def test_invariant_5_what_is_reserved_is_not_reserved_again(released):
    vial = first_vials()[0]
    make_custody.reserved([vial])
    with pytest.raises(Refused):
        make_custody.reserved([vial], "KT100000208")
    assert vial.reserved_by == make_custody.ALLOCATION


def test_a_reservation_ends_in_stock(released):
    vial = first_vials()[0]
    where = vial.position
    make_custody.reserved([vial])
    make_custody.step([vial], actions.unreserve)
    assert (vial.reservation, vial.reserved_by, vial.position) == (Reservation.NONE, None, where)


def test_invariant_9_quarantine_is_not_reserved(stock):
    with pytest.raises(Refused, match=r"custody\.in_quarantine"):
        make_custody.reserved(first_vials()[:1])


def test_invariant_9_nor_is_what_rests_on_a_withdrawn_consent(released):
    batch = batches()[0]
    families.withdraw_consent(batch.donation.consent, by=LUCIE, reason="she changed her mind")
    assert unfit_batches([batch.id]) == [batch.id]
    with pytest.raises(Refused, match=r"custody\.on_hold"):
        make_custody.reserved(first_vials()[:1])


@pytest.mark.parametrize(
    ("walk", "step", "inputs"),
    [
        (lambda vials: vials, actions.reserve, {"allocation": "K"}),
        (make_custody.reserved, actions.pick, {}),
        (make_custody.picked, actions.dispense, {"holder_kind": HolderKind.SITE, "holder": "WARD"}),
        (make_custody.dispensed, actions.thaw, {}),
    ],
    ids=["reserve", "pick", "dispense", "thaw"],
)
def test_a_hold_stops_every_step_to_the_patient(released, walk, step, inputs):
    vials = walk(first_vials()[:1])
    actions.hold(vials[0], by=ANA, reason="looks odd")
    with pytest.raises(Refused, match=r"custody\.on_hold"):
        make_custody.step(vials, step, **inputs)


def test_invariant_14_a_step_for_another_patient_is_refused(released):
    other = session.scalars(select(Recipient).order_by(Recipient.id.desc())).first()
    with pytest.raises(Refused, match=r"custody\.other_recipient"):
        make_custody.step(first_vials()[:1], actions.reserve, allocation="K", recipient=other)


def test_returned_unopened_is_on_hold(released):
    vial = first_vials()[0]
    make_custody.dispensed([vial])
    make_custody.step([vial], actions.return_unopened, reason="the patient has a fever")
    assert (vial.reservation, vial.holder) == (Reservation.RETURNED, "person:bruno")
    assert [hold.cause for hold in open_holds([vial])[vial.id]] == [Cause.RETURNED]
    make_custody.step([vial], actions.settle_return)
    assert vial.reserved_by is None


def test_invariant_17_what_was_thawed_is_not_returned(released):
    vial = first_vials()[0]
    make_custody.thawed([vial])
    with pytest.raises(Refused, match=r"custody\.never_back"):
        make_custody.step([vial], actions.return_unopened, reason="the patient has a fever")


def test_freezing_outside_a_position(stock):
    vial = make_custody.vials_of(batches()[1])[0]
    make_custody.step([vial], actions.freeze)
    assert (vial.condition, vial.holder) == (Condition.FROZEN, "person:bruno")


def test_reject_clears_an_exception(released):
    vial = first_vials()[0]
    make_custody.step([vial], actions.reject)
    assert vial.quality is Quality.REJECTED
    with pytest.raises(Refused, match=r"custody\.rejected"):
        make_custody.reserved([vial])


def test_the_seen_place_counts_at_picking_too(released):
    vial = first_vials()[0]
    make_custody.reserved([vial])
    with pytest.raises(Refused, match=r"custody\.seen_elsewhere"):
        make_custody.step([vial], actions.pick, by=BRUNO, seen="PT100000000")
