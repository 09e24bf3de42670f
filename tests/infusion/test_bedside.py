"""Two people at the bedside: every scan matches, or nothing starts (invariants 17 and 19)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from mscbank.allocation import actions as allocations
from mscbank.coding import short
from mscbank.core.db import engines, permitted, session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.record import Record
from mscbank.core.web.history import signatures_on
from mscbank.custody import actions as custody
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family import actions as families
from mscbank.infusion import actions, facts
from mscbank.infusion.models import BedsideCheck, Choice
from mscbank.infusion.states import State
from mscbank.release import actions as releases
from mscbank.release.models import Release
from tests import make_family
from tests.attack import past_the_door
from tests.attack import refused as refused_by_the_database
from tests.infusion.conftest import later, one, preparation
from tests.make_allocation import held, today
from tests.make_infusion import check, prepare, thaw, wristband
from tests.people import ANA, BRUNO, LUCIE, MARTA, NINA, NOAH, OTTO, PAULA, SAM, sign

pytestmark = pytest.mark.db

LOW = {"tnc": 50_000_000, "viability": Decimal("88.00")}
"""44 million viable of 62.4 million: 70.5 %."""


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def blocked(action: str) -> list[Record]:
    rows = select(Record).where(Record.action == action, Record.outcome == "refused")
    return list(session.scalars(rows))


# --- the check ----------------------------------------------------------------------------------


def test_invariant_19_two_people_scan_and_all_matches(prepared):
    check(prepared)
    (row,) = session.scalars(select(BedsideCheck)).all()
    assert (prepared.state, row.first_person, row.second_person) == (State.CHECKED, "nina", "noah")
    assert row.preparation_codes == preparation().code
    assert one().preparations[0].checked_at is not None
    signed = [s for s in signatures_on("infusion", prepared.code) if s.meaning.startswith("bedside")]
    assert [(s.login, s.holds) for s in signed] == [("nina", True), ("noah", True)]


def test_a_printed_label_is_read_as_its_preparation(prepared):
    printed = short.with_print(preparation().code, 1)
    check(prepared, preparations=[printed])
    assert prepared.state is State.CHECKED


def test_invariant_19_the_wristband_of_another_patient_stops_it(prepared):
    other = make_family.recipient(wristband="IPP-WRONG-1")
    assert other.wristband is not None
    refused = refusal("infusion.wrong_wristband", check, prepared, wristband="IPP-WRONG-1")
    assert one().state is State.READY
    (row,) = blocked("infusion.check")
    assert row.act == refused.blocked_as
    assert "IPP-WRONG-1" not in row.body, "the record holds no identity"


def test_invariant_19_a_wristband_that_nobody_wears_stops_it(prepared):
    refusal("infusion.wrong_wristband", check, prepared, wristband="???")


def test_invariant_19_a_patient_without_a_wristband_is_not_compared(prepared):
    past_the_door("UPDATE recipient SET wristband = NULL, wristband_blind = NULL")
    refusal("infusion.no_wristband", check, prepared, wristband="IPP-000001")
    assert one().state is State.READY
    families.assign_wristband(one().recipient, by=NINA, wristband="IPP-000099")
    check(one())


def test_invariant_19_another_prescription_stops_it(prepared):
    refusal("infusion.wrong_prescription", check, prepared, prescription="KDD00000991")


def test_invariant_19_another_preparation_stops_it(prepared):
    found = refusal("infusion.wrong_preparation", check, prepared, preparations=["YDD00000991"])
    assert [o.code for o in found.obstacles] == [
        "infusion.wrong_preparation", "infusion.preparation_not_scanned",
    ]  # fmt: skip


def test_invariant_19_every_mismatch_is_named_at_once(prepared):
    found = refusal(
        "infusion.wrong_wristband", check, prepared, wristband="x1", prescription="y", preparations=["z"]
    )
    assert len(found.obstacles) == 4


def test_invariant_11_one_person_is_never_both_sides_of_the_check(prepared):
    refusal("signature.same_person", check, prepared, NINA, NINA)


def test_the_second_person_is_qualified(prepared):
    refusal("infusion.second_not_qualified", check, prepared, NINA, BRUNO)


@pytest.mark.parametrize("by", [BRUNO, PAULA, OTTO, SAM])
def test_only_the_ward_checks(prepared, by):
    with pytest.raises(NotAllowed):
        check(prepared, by)


def test_there_is_a_finished_preparation_to_check(ready):
    refusal("infusion.nothing_prepared", check, ready)
    thaw(ready)
    refusal("infusion.nothing_prepared", check, one())


def test_the_check_is_done_again_with_a_reason(checked):
    actions.check_again(checked, by=NINA, reason="the wristband was changed")
    assert checked.state is State.READY
    check(checked)
    assert len(session.scalars(select(BedsideCheck)).all()) == 2


def test_invariant_19_the_database_starts_nothing_without_a_check(prepared):
    _through_arrow("ready", "checked")
    refused_by_the_database(
        "UPDATE infusion SET state = 'started', started_at = ready_at, started_by = 'x',"
        " infused_on = planned_on",
        "bedside check",
    )


def _through_arrow(before: str, after: str) -> None:
    """A hand at the database itself takes one arrow of the life."""
    session.remove()
    with engines().write.begin() as connection, permitted(connection):
        connection.execute(text(f"UPDATE infusion SET state = '{after}' WHERE state = '{before}'"))


def test_invariant_18_the_database_checks_nothing_without_a_preparation(ready):
    refused_by_the_database("UPDATE infusion SET state = 'checked'", "without a preparation")


def test_invariant_18_the_database_keeps_patient_and_prescription(planned):
    refused_by_the_database(
        "UPDATE infusion SET recipient_id = recipient_id + 1", "(?i)never changes|foreign"
    )


# --- start --------------------------------------------------------------------------------------


def test_it_starts_on_the_civil_day_of_the_ward(checked):
    actions.start(checked, by=NINA)
    assert (checked.state, checked.started_by, checked.infused_on) == (State.STARTED, "nina", today())
    assert checked.volume_to_give_ml == Decimal("40.000")
    assert session.scalars(select(Deviation)).all() == []


def test_invariant_19_nothing_starts_unchecked(prepared):
    refusal("lifecycle.wrong_state", actions.start, prepared, by=NINA)


def test_amber_starts_and_is_a_deviation(checked):
    with later(100):
        actions.start(one(), by=NINA)
    (deviation,) = session.scalars(select(Deviation)).all()
    assert (one().state, deviation.severity) == (State.STARTED, Severity.MINOR)


def test_invariant_17_red_needs_the_joint_decision_of_prescriber_and_pharmacist(checked):
    with later(125):
        refusal("infusion.out_of_window", actions.start, one(), by=NINA)
        with pytest.raises(NotAllowed):
            sign(actions.decide_window, one(), NINA, PAULA, reason="no other cells exist")
        refusal(
            "infusion.second_not_qualified", sign, actions.decide_window, one(), MARTA, NOAH,
            reason="no other cells exist",
        )  # fmt: skip
        sign(actions.decide_window, one(), MARTA, PAULA, reason="no other cells exist")
        actions.start(one(), by=NINA)
    made = one()
    assert (made.state, made.window_prescriber, made.window_pharmacist) == (State.STARTED, "marta", "paula")
    assert len(session.scalars(select(Deviation)).all()) == 1


def test_nothing_is_decided_inside_the_window(checked):
    refusal("infusion.not_outside", sign, actions.decide_window, checked, MARTA, PAULA, reason="just in case")


def test_invariant_17_a_hold_that_arrives_after_the_thaw_stops_the_start(checked):
    custody.hold(held(checked.allocation)[0], by=ANA, reason="the shipper's log came in")
    refusal("custody.on_hold", actions.start, one(), by=NINA)
    assert one().state is State.CHECKED


def test_invariant_21_a_suspension_after_the_thaw_stops_the_start(checked):
    releases.suspend(session.scalars(select(Release)).one(), by=ANA, reason="a late sterility result")
    refusal("allocation.not_released", actions.start, one(), by=NINA)


def test_invariant_9_a_consent_withdrawn_after_the_thaw_stops_the_start(checked):
    consent = checked.allocation.batch.donation.consent
    families.withdraw_consent(consent, by=LUCIE, reason="the donor called")
    with pytest.raises(Refused):
        actions.start(one(), by=NINA)
    assert one().state is State.CHECKED


def test_a_start_is_not_dated_before_the_thaw(checked):
    with pytest.raises(Invalid):
        actions.start(checked, by=NINA, happened_at=checked.thawed_at - timedelta(minutes=1))


# --- too few cells ------------------------------------------------------------------------------


@pytest.fixture
def low(ready):
    """A preparation in which fewer cells were counted than the floor."""
    prepare(thaw(ready), **LOW)
    check(one())
    return one()


def test_below_eighty_percent_the_prescriber_chooses(low):
    found = refusal("infusion.too_few_cells", actions.start, low, by=NINA)
    assert found.obstacles[0].values["percent"] == Decimal("70.5")
    with pytest.raises(NotAllowed):
        sign(actions.choose_low_dose, one(), PAULA, reason="better than none", choice=Choice.GIVE)
    sign(actions.choose_low_dose, one(), MARTA, reason="better than none", choice=Choice.GIVE)
    actions.start(one(), by=NINA)
    assert one().state is State.STARTED
    assert len(session.scalars(select(Deviation)).all()) == 1


def test_the_prescriber_may_stop_it(low):
    sign(actions.choose_low_dose, low, MARTA, reason="too few cells", choice=Choice.STOP)
    refusal("infusion.prescriber_stopped", actions.start, one(), by=NINA)


def test_the_spare_vial_is_added_and_everything_checked_again(low):
    sign(actions.choose_low_dose, low, MARTA, reason="the spare is there", choice=Choice.ADD_SPARE)
    refusal("infusion.spare_first", actions.start, one(), by=NINA)
    thaw(one(), held(one().allocation, spare=True))
    second = facts.preparations_of(one())[-1]
    prepare(second, volume=Decimal("10.000"), tnc=18_400_000, viability=Decimal("88.00"))
    actions.check_again(one(), by=NINA, reason="the spare vial was added")
    check(one())
    assert len(one().preparations) == 2
    actions.start(one(), by=NINA)
    assert one().volume_to_give_ml == Decimal("50.000")


def test_enough_cells_need_no_decision(checked):
    refusal(
        "infusion.not_low", sign, actions.choose_low_dose, checked, MARTA, reason="just so", choice="give"
    )


def test_invariant_16_a_count_above_the_dose_becomes_a_smaller_volume(ready):
    """80 million viable counted for 62.4 million: 31.2 of 40 mL hold the target."""
    prepare(thaw(ready), tnc=100_000_000, viability=Decimal("80.00"))
    check(one())
    actions.start(one(), by=NINA)
    assert one().volume_to_give_ml == Decimal("31.200")


def test_a_count_inside_the_tolerance_is_given_whole(ready):
    prepare(thaw(ready), tnc=75_000_000, viability=Decimal("90.00"))
    check(one())
    actions.start(one(), by=NINA)
    assert one().volume_to_give_ml == Decimal("40.000")


def test_a_count_is_kept_once(checked):
    p = preparation()
    allocations.record_count(p, by=BRUNO, tnc_counted=70_000_000, viability_counted_percent=Decimal("88.00"))
    refusal(
        "preparation.counted", allocations.record_count, p, by=BRUNO, tnc_counted=1,
        viability_counted_percent=Decimal("1.00"),
    )  # fmt: skip


def test_the_wristband_is_read_from_its_sealed_value(planned):
    assert wristband(planned).startswith("IPP-")
