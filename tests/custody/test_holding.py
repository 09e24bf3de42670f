"""Holds: any of them blocks, each is lifted for itself, and some come by themselves."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.custody import actions
from mscbank.custody.facts import open_holds
from mscbank.custody.holding import open_on
from mscbank.custody.models import CustodyEvent, Hold
from mscbank.custody.words import Cause, Verb
from mscbank.deviation import actions as deviations
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family import actions as families
from mscbank.family.models import Consent
from tests import make_custody
from tests.custody.conftest import as_owner, batches, first_box, first_vials, other_vials
from tests.people import ANA, BRUNO, LUCIE, MARTA, QUENTIN, TOMAS, sign

pytestmark = pytest.mark.db


def held(vial) -> list[Cause]:
    session.expire_all()
    return [hold.cause for hold in open_holds([vial])[vial.id]]


def deviation(severity: Severity, *about: str) -> Deviation:
    opened = deviations.open_deviation(
        by=BRUNO,
        title="Too warm",
        description="The tank was open",
        occurred_at=clock.now(),
        immediate_action="closed",
        about=list(about),
    )
    deviations.classify(opened, by=ANA, severity=severity, reason="by the procedure")
    return opened


def test_a_hold_on_a_vial_stands_in_its_ledger(stock):
    vial = first_vials()[0]
    hold = actions.hold(vial, by=ANA, reason="looks odd", cause=Cause.QUALITY)
    assert (hold.number, hold.placed_by, hold.lifted_at) == (1, "ana", None)
    assert held(vial) == [Cause.QUALITY]
    assert held(first_vials()[1]) == []
    last = session.scalars(select(CustodyEvent).order_by(CustodyEvent.id.desc())).first()
    assert (last.verb, last.vial, last.position) == (Verb.HOLD, vial, vial.position)


def test_one_hold_on_a_batch_holds_every_vial_and_those_filled_later(stock):
    batch = batches()[1]
    actions.hold_batch(batch, by=ANA, reason="donor called back")
    later = make_custody.filled(batch, vials=1)
    for vial in [*other_vials(), *later]:
        assert held(vial) == [Cause.QUALITY]
    assert held(first_vials()[0]) == []
    assert len(session.scalars(select(Hold)).all()) == 1


def test_lifting_one_hold_frees_no_other(stock):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="looks odd")
    actions.hold(vial, by=ANA, reason="warm for a minute", cause=Cause.EXCURSION)
    actions.hold_batch(vial.batch, by=ANA, reason="donor called back")
    sign(actions.lift_hold, vial, QUENTIN, reason="it was the light", number=1)
    assert held(vial) == [Cause.EXCURSION, Cause.QUALITY]
    sign(actions.lift_batch_hold, vial.batch, QUENTIN, reason="false alarm", number=1)
    assert held(vial) == [Cause.EXCURSION]


def test_who_placed_it_does_not_lift_it(stock):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="looks odd")
    with pytest.raises(Refused, match=r"custody\.own_hold"):
        sign(actions.lift_hold, vial, ANA, reason="changed my mind", number=1)


def test_a_hold_is_lifted_once_and_with_a_signature(stock):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="looks odd")
    actions.hold(vial, by=ANA, reason="looks odd again")
    with pytest.raises(Refused, match=r"signature\.missing"):
        actions.lift_hold(vial, by=QUENTIN, reason="it was the light", number=1)
    sign(actions.lift_hold, vial, QUENTIN, reason="it was the light", number=1)
    with pytest.raises(Refused, match=r"custody\.hold_lifted"):
        sign(actions.lift_hold, vial, QUENTIN, reason="it was the light", number=1)
    with pytest.raises(Refused, match=r"custody\.no_such_hold"):
        sign(actions.lift_hold, vial, QUENTIN, reason="it was the light", number=9)


def test_where_nothing_is_held_nothing_is_lifted(stock):
    with pytest.raises(Refused, match=r"custody\.nothing_to_lift"):
        sign(actions.lift_hold, first_vials()[0], QUENTIN, reason="it was the light", number=1)


@pytest.mark.parametrize("cause", [Cause.RECALL, Cause.SUSPENSION])
def test_what_a_larger_step_placed_is_not_lifted_by_hand(stock, cause):
    vial = first_vials()[0]
    actions.hold(vial, by=ANA, reason="all of them", cause=cause)
    with pytest.raises(Refused, match=r"custody\.hold_has_source"):
        sign(actions.lift_hold, vial, QUENTIN, reason="they said so", number=1)


def test_a_step_lifts_what_it_placed(stock):
    vial = first_vials()[0]
    make_custody.step([vial], actions.hold, reason="recalled at once", cause=Cause.RECALL)
    assert held(vial) == [Cause.RECALL]
    make_custody.step([vial], actions.lift_hold, reason="recall closed", number=1)
    assert held(vial) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hold SET reason = 'another'",
        "UPDATE hold SET cause = 'recall'",
        "UPDATE hold SET lifted_by = 'x'",
        "UPDATE hold SET vial_id = NULL",
        "DELETE FROM hold",
    ],
)
def test_a_hold_is_never_changed_nor_deleted(stock, statement):
    actions.hold(first_vials()[0], by=ANA, reason="looks odd")
    with pytest.raises(DBAPIError):
        as_owner(statement)


def test_only_quality_assurance_holds(stock):
    with pytest.raises(Refused, match=r"acts\.role_needed"):
        actions.hold(first_vials()[0], by=BRUNO, reason="looks odd")


def test_what_is_gone_is_not_held(stock):
    vial = first_vials()[0]
    sign(actions.destroy, vial, BRUNO, TOMAS, reason="cap loose", method="autoclave", waste_id="W-1")
    with pytest.raises(Refused, match=r"custody\.gone_already"):
        actions.hold(vial, by=ANA, reason="looks odd")


# --- consequences -------------------------------------------------------------------------------


def test_a_critical_deviation_on_a_vial_holds_it_at_once(stock):
    vial = first_vials()[0]
    found = deviation(Severity.CRITICAL, vial.code)
    assert held(vial) == [Cause.DEVIATION]
    assert held(first_vials()[1]) == []
    assert open_on(vial)[0].source_code == found.code


@pytest.mark.parametrize("severity", [Severity.MINOR, Severity.MAJOR])
def test_a_lesser_one_holds_no_vial_by_itself(stock, severity):
    vial = first_vials()[0]
    deviation(severity, vial.code)
    assert held(vial) == []


def test_a_critical_deviation_on_a_tank_holds_every_vial_in_it(stock):
    deviation(Severity.CRITICAL, first_box().parent.code)
    assert {tuple(held(vial)) for vial in first_vials()} == {(Cause.DEVIATION,)}
    assert held(other_vials()[0]) == []


def test_classifying_again_does_not_hold_twice(stock):
    vial = first_vials()[0]
    found = deviation(Severity.CRITICAL, vial.code)
    deviations.classify(found, by=ANA, severity=Severity.CRITICAL, reason="looked at again")
    assert held(vial) == [Cause.DEVIATION]


def test_the_hold_of_a_deviation_is_lifted_when_it_is_accepted_or_closed(stock):
    vial = first_vials()[0]
    found = deviation(Severity.CRITICAL, vial.code)
    with pytest.raises(Refused, match=r"custody\.hold_deviation_open"):
        sign(actions.lift_hold, vial, QUENTIN, reason="it was cold", number=1)
    sign(deviations.accept, found, QUENTIN, acceptance="the logger shows -150 °C")
    sign(actions.lift_hold, vial, QUENTIN, reason="it was cold", number=1)
    assert held(vial) == []


def test_invariant_9_a_withdrawn_consent_holds_the_batches_that_rest_on_it(stock):
    batch, other = batches()
    consent = session.get(Consent, batch.donation.consent_id)
    families.withdraw_consent(consent, by=LUCIE, reason="she changed her mind")
    assert {tuple(held(vial)) for vial in first_vials()} == {(Cause.WITHDRAWAL,)}
    assert open_on(other) == []
    hold = open_on(batch)[0]
    assert (hold.source_kind, hold.source_code) == ("consent", consent.code)
    with pytest.raises(Refused, match=r"collection\."):
        sign(actions.lift_batch_hold, batch, QUENTIN, reason="they asked us to", number=1)


def test_invariant_9_so_does_the_recipients_own(stock):
    batch = batches()[0]
    consent = session.scalars(select(Consent).where(Consent.recipient_id == batch.directed_to_id)).first()
    families.withdraw_consent(consent, by=MARTA, reason="he changed his mind")
    assert held(first_vials()[0]) == [Cause.WITHDRAWAL]
