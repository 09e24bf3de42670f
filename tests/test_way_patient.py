"""The last part of the way, at the patient: invariants 17 to 19, attacked by action and by SQL."""

from datetime import timedelta

import pytest

from mscbank.allocation import actions as allocation
from mscbank.core.errors import Refused
from mscbank.custody import actions as custody
from mscbank.custody.states import Condition
from mscbank.custody.words import Cause
from mscbank.infusion import actions as infusion
from mscbank.ops.demo.cast import (
    PHARMACIST,
    PHYSICIAN,
    QA,
    TECH,
    WARD,
    WARD_2,
)
from mscbank.trace.story import tell
from tests.attack import refused
from tests.fixtures import Walked
from tests.walking import REFUSES, made_ready, picked, refuses, thawed


@pytest.mark.db
def test_invariant_17_no_thaw_before_the_ward_is_ready(reserved: Walked) -> None:
    one = picked(reserved)
    vials = [row.vial for row in reserved.first.allocation.vials]
    refuses(
        "infusion.ready_first", reserved.stage.sign, infusion.thaw, one, WARD, PHARMACIST, vials=vials,
        made_where="Ward 3",
    )  # fmt: skip
    made_ready(reserved, one)
    reserved.stage.now += timedelta(minutes=61)
    refuses(
        "infusion.ready_lapsed", reserved.stage.sign, infusion.thaw, one, WARD, PHARMACIST, vials=vials,
        made_where="Ward 3",
    )  # fmt: skip
    assert {vial.condition for vial in reserved.first.stock} == {Condition.FROZEN}


@pytest.mark.db
def test_invariant_17_what_is_thawed_never_returns_to_stock(reserved: Walked) -> None:
    thawed(reserved)
    stage, made = reserved.stage, reserved.first.allocation
    vials = [row.vial for row in made.vials]
    with pytest.raises(Refused) as caught:
        stage.do(allocation.come_back, made, by=PHARMACIST, reason="The patient has a fever")
    assert caught.value.code == "allocation.thawed"
    for code in [vial.code for vial in vials]:
        refused(
            "UPDATE vial SET condition = 'frozen' WHERE code = :c", r"(?i)thaw|stock|frozen|never", c=code
        )


@pytest.mark.db
def test_invariant_17_a_hold_that_arrives_after_the_thaw_stops_the_start(reserved: Walked) -> None:
    one, prepared = thawed(reserved)
    stage, first = reserved.stage, reserved.first
    stage.sign(
        infusion.check, one, WARD, WARD_2, wristband="IPP-0001", prescription=first.allocation.code,
        preparations=[prepared.code],
    )  # fmt: skip
    stage.do(
        custody.hold, first.allocation.vials[0].vial, by=QA, cause=Cause.EXCURSION,
        reason="The shipper was too warm on its way",
    )  # fmt: skip
    with pytest.raises(Refused) as caught:
        stage.do(infusion.start, one, by=WARD)
    assert caught.value.code in ("custody.on_hold", "infusion.vial_on_hold"), caught.value.code
    assert first.infusion.started_at is None


@pytest.mark.db
def test_invariant_17_a_start_outside_the_window_takes_two_signed_decisions(reserved: Walked) -> None:
    one, prepared = thawed(reserved)
    stage, first = reserved.stage, reserved.first
    stage.sign(
        infusion.check, one, WARD, WARD_2, wristband="IPP-0001", prescription=first.allocation.code,
        preparations=[prepared.code],
    )  # fmt: skip
    stage.now = prepared.expires_at + timedelta(minutes=1)
    refuses("infusion.out_of_window", stage.do, infusion.start, one, by=WARD)
    stage.sign(
        infusion.decide_window, one, PHYSICIAN, PHARMACIST, reason="The patient is prepared, no second batch"
    )
    stage.do(infusion.start, one, by=WARD)
    assert first.infusion.window_prescriber == PHYSICIAN.login


# --- infusion -------------------------------------------------------------------------------------


@pytest.mark.db
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("infusion", "allocation_id"), ("infusion", "recipient_id"), ("infusion", "protocol_id"),
        ("infusion_preparation", "preparation_id"), ("infusion_preparation", "infusion_id"),
        ("preparation_vial", "vial_id"), ("preparation_vial", "preparation_id"),
        ("preparation", "allocation_id"), ("allocation", "recipient_id"), ("allocation", "batch_id"),
        ("vial", "batch_id"), ("batch", "donation_id"), ("batch", "directed_to_id"), ("donation", "donor_id"),
    ],
)  # fmt: skip
def test_invariant_18_no_link_from_the_infusion_to_the_donor_can_be_cut(
    infused: Walked, table: str, column: str
) -> None:
    refused(f"UPDATE {table} SET {column} = NULL", r"(?i)null|never|keeps|append|denied|frozen|link")


@pytest.mark.db
def test_invariant_18_an_infused_way_cannot_be_deleted_in_any_part(infused: Walked) -> None:
    for table in ("infusion_preparation", "preparation_vial", "bedside_check", "infusion", "preparation",
                  "allocation", "vial", "batch", "donation", "donor", "recipient"):  # fmt: skip
        refused(f"DELETE FROM {table}", REFUSES + "|FOREIGN KEY")
    assert tell(("donor", infused.first.donor.code)).completeness.is_complete


@pytest.mark.db
def test_invariant_19_a_mismatch_at_the_bedside_blocks_and_is_recorded(reserved: Walked) -> None:
    one, prepared = thawed(reserved)
    stage, mine = reserved.stage, reserved.first.allocation.code
    for wristband, prescription, preparations, code in (
        ("IPP-0002", mine, [prepared.code], "infusion.wrong_wristband"),
        ("IPP-0001", reserved.second.batch.code, [prepared.code], "infusion.wrong_prescription"),
        ("IPP-0001", mine, [mine], "infusion.wrong_preparation"),
        ("IPP-0001", mine, [], "infusion.preparation_not_scanned"),
    ):
        refuses(
            code, stage.sign, infusion.check, one, WARD, WARD_2, wristband=wristband,
            prescription=prescription, preparations=preparations,
        )  # fmt: skip
    refused("UPDATE infusion SET state = 'started'", "bedside check")
    assert reserved.first.infusion.state == "ready"


@pytest.mark.db
def test_invariant_19_one_person_is_not_two(reserved: Walked) -> None:
    one, prepared = thawed(reserved)
    scans = {"wristband": "IPP-0001", "prescription": reserved.first.allocation.code,
             "preparations": [prepared.code]}  # fmt: skip
    refuses("signature.same_person", reserved.stage.sign, infusion.check, one, WARD, WARD, **scans)
    refuses("infusion.second_not_qualified", reserved.stage.sign, infusion.check, one, WARD, TECH, **scans)
