"""The way of one family, walked by real actions: its trace is one whole, and the invariants hold on it.

Each invariant is attacked as people could (an action) and as somebody with the service's own database role
could (SQL, with the triggers in place), on both engines.
"""

import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from mscbank.allocation import actions as allocation
from mscbank.allocation import facts as dose_facts
from mscbank.allocation.states import State
from mscbank.core.db import engines, session
from mscbank.core.errors import Refused, Stale
from mscbank.core.record import Record
from mscbank.custody import actions as custody
from mscbank.custody.balance import balances
from mscbank.custody.states import Condition, Quality
from mscbank.custody.words import Cause
from mscbank.family import actions as family
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import (
    DIRECTOR,
    NURSE,
    PHARMACIST,
    PHARMACIST_2,
    PHYSICIAN,
    QA,
    QC,
    QP,
    TECH,
    WARD,
    WARD_2,
)
from mscbank.release import actions as release
from mscbank.release.states import State as Released
from mscbank.trace.story import tell
from tests import worlds
from tests.attack import refused
from tests.fixtures import Walked
from tests.walking import REFUSES, drafted, refuses

WAY = ("donor", "donation", "batch", "recipient", "allocation", "preparation", "infusion", "adverse_event")

# --- the whole ----------------------------------------------------------------------------------


@pytest.mark.db
def test_the_trace_of_anything_on_the_way_is_the_same_whole_and_complete(infused: Walked) -> None:
    """Vial, marrow, donor, batch, preparation, recipient, prescription, infusion, event: one way."""
    one = infused.first
    starts = [
        *(("vial", vial.code) for vial in one.vials), ("donation", one.donation.code),
        ("donor", one.donor.code),
        ("batch", one.batch.code), ("preparation", one.preparation.code), ("recipient", one.code),
        ("infusion", one.infusion.code), ("adverse_event", one.event.code),
    ]  # fmt: skip
    told = [tell(start) for start in starts]
    first = told[0]
    kinds = {kind for kind, _ in first.way.things}
    assert set(WAY) <= kinds
    assert {("release", one.release.code), ("allocation", one.allocation.code)} <= first.way.things
    assert len(first.way.of("vial")) == worlds.VIALS
    for story in told:
        assert story.way.things == first.way.things
        assert story.way.links == first.way.links
        assert story.completeness.is_complete
        assert story.completeness.filled == worlds.VIALS
        assert story.completeness.parts["infused"] == 4
        assert story.chain_intact
        assert story.signatures == story.signatures_holding > 10
    other = infused.second
    assert not {other.code, other.batch.code, other.donor.code} & {code for _, code in first.way.things}


def test_the_way_reaches_the_patient_from_the_marrow_and_the_marrow_from_the_patient(infused: Walked) -> None:
    one = infused.first
    assert ("recipient", one.code) in tell(("donation", one.donation.code)).way.reached
    assert ("donor", one.donor.code) in tell(("infusion", one.infusion.code)).way.reached
    tested = next(vial for vial in one.vials if vial.condition is Condition.QC_USED)
    assert ("infusion", one.infusion.code) not in tell(("vial", tested.code)).way.reached


# --- identity and custody -------------------------------------------------------------------------


@pytest.mark.db
@pytest.mark.parametrize("table", ["custody_event", "record", "signature", "act_touch", "bedside_check"])
def test_invariant_02_what_was_written_is_never_changed_or_deleted(infused: Walked, table: str) -> None:
    with engines().read.connect() as connection:
        count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    assert count
    refused(f"UPDATE {table} SET id = id", REFUSES)
    refused(f"DELETE FROM {table}", REFUSES)
    with engines().read.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == count


@pytest.mark.db
def test_invariant_05_a_vial_is_in_one_live_reservation(reserved: Walked) -> None:
    row = reserved.first.allocation.vials[0]
    with engines().read.connect() as connection:
        held = dict(
            connection.execute(text("SELECT * FROM allocated_vial WHERE id = :i"), {"i": row.id})
            .mappings()
            .one()
        )
    held |= {"id": held["id"] + 1000, "number": 99}
    columns = ", ".join(held)
    values = ", ".join(f":{name}" for name in held)
    refused(
        f"INSERT INTO allocated_vial ({columns}) VALUES ({values})", r"(?i)unique", **held
    )  # fmt: skip


@pytest.mark.db
def test_invariant_07_the_balance_holds_at_every_step(released: Walked) -> None:
    one, stage = released.first, released.stage

    def balance() -> Any:
        found = balances([one.batch.id])[one.batch.id]
        parts = (found.qc_used, found.retained, found.infused, found.destroyed, found.broken, found.lost,
                 found.present)  # fmt: skip
        assert sum(parts) == found.filled == worlds.VIALS
        return parts

    assert balance() == (1, 1, 0, 0, 0, 0, 4)
    a, b, c, _ = one.stock
    stage.sign(
        custody.destroy, a, QA, TECH, reason="Test of the balance", method="incinerated", waste_id="W1"
    )
    assert balance() == (1, 1, 0, 1, 0, 0, 3)
    stage.do(custody.report_broken, b, by=TECH, reason="Fell to the floor", immediate_action="Floor cleaned")
    stage.do(custody.report_lost, c, by=TECH, reason="Not in its position", immediate_action="Box searched")
    assert balance() == (1, 1, 0, 1, 1, 1, 1)
    stage.do(custody.report_found, c, by=TECH, reason="Lay in the box beside it", is_cold=True)
    assert balance() == (1, 1, 0, 1, 1, 0, 2)


@pytest.mark.db
def test_invariant_07_a_vial_cannot_leave_the_books(infused: Walked) -> None:
    code = infused.first.vials[0].code
    refused("DELETE FROM vial WHERE code = :c", REFUSES, c=code)


# --- release --------------------------------------------------------------------------------------


@pytest.mark.db
def test_invariant_09_nothing_is_allocated_from_a_batch_that_does_not_stand_released(
    released: Walked,
) -> None:
    one, stage = released.first, released.stage
    made = patient.prescribe(stage, *worlds.resumed(), worlds.today())
    stage.do(release.suspend, one.release, by=QA, reason="Doubt about the incubator")
    refuses("allocation.not_released", stage.sign, allocation.verify_and_reserve, made, PHARMACIST)
    assert all(vial.reservation == "none" for vial in one.vials)


@pytest.mark.db
def test_invariant_09_no_vial_of_a_rejected_batch_becomes_available(released: Walked) -> None:
    one, stage = released.first, released.stage
    stage.do(release.suspend, one.release, by=QA, reason="Growth in a late culture")
    stage.sign(release.reject, one.release, QP, reason="Growth in the sterility test, confirmed")
    vial = one.stock[0]
    assert vial.quality is Quality.REJECTED
    refused("UPDATE vial SET quality = 'available' WHERE code = :c", "released|no such move", c=vial.code)


@pytest.mark.db
def test_invariant_09_a_withdrawn_consent_stops_the_batch_in_the_same_act(released: Walked) -> None:
    one, stage = released.first, released.stage
    stage.do(
        family.withdraw_consent, one.donation.consent, by=NURSE, reason="Withdrawn by the donor in writing"
    )
    assert one.release.state is Released.SUSPENDED
    with pytest.raises(Refused):
        patient.reserve(stage, patient.prescribe(stage, *worlds.resumed(), worlds.today()))
    assert all(vial.reservation == "none" for vial in one.vials)


@pytest.mark.db
def test_invariant_10_the_frozen_specification_is_not_exchanged(released: Walked) -> None:
    refused("UPDATE criterion SET low = 1", "not changed")
    refused("UPDATE batch SET specification_id = specification_id + 1", r"(?i)frozen|foreign|violat|FOREIGN")


@pytest.mark.db
def test_invariant_11_nobody_is_both_sides_of_a_paired_act(reserved: Walked) -> None:
    stage, one = reserved.stage, reserved.first
    vials = [row.vial for row in one.allocation.vials]
    refuses(
        "signature.same_person", stage.sign, allocation.pick, one.allocation, TECH, TECH, vials=vials
    )  # fmt: skip
    stage.sign(allocation.pick, one.allocation, PHARMACIST, TECH, vials=vials)
    refuses("allocation.own_pick", stage.sign, allocation.dispense, one.allocation, PHARMACIST, to="Ward 3")
    stage.sign(allocation.dispense, one.allocation, PHARMACIST_2, to="Ward 3")


@pytest.mark.db
def test_invariant_11_who_entered_a_result_neither_reviews_nor_certifies(released: Walked) -> None:
    refused("UPDATE release SET certified_by = :l", "who entered|before its audit trail", l=QC.login)
    with engines().read.connect() as connection:
        row = dict(connection.execute(text("SELECT * FROM result_review LIMIT 1")).mappings().one())
    row |= {"id": row["id"] + 5000, "reviewed_by": QC.login}
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    refused(f"INSERT INTO result_review ({names}) VALUES ({values})", r"(?i)who entered|unique", **row)


# --- family and dose ------------------------------------------------------------------------------


@pytest.mark.db
def test_invariant_14_a_batch_goes_to_no_other_family(released: Walked) -> None:
    first, second = released.first, released.second
    stage = released.stage
    made = drafted(released, second, first.batch)
    stage.do(allocation.record_weight, made, by=WARD, weight=78_500, weighed_where="Ward 3")
    stage.do(allocation.review_weight, made, by=WARD_2)
    stage.sign(allocation.prescribe, made, PHYSICIAN)
    refuses("allocation.other_patient", stage.sign, allocation.verify_and_reserve, made, PHARMACIST)
    refuses(
        "batch.link_not_verified", stage.sign, allocation.redirect, made, QP,
        reason="The other patient is in need", serostatus_review="both negative",
    )  # fmt: skip
    refused(
        "UPDATE batch SET directed_to_id = :r WHERE code = :b", "another", r=second.recipient.id,
        b=first.batch.code,
    )  # fmt: skip
    assert first.batch.directed_to.code == first.code


@pytest.mark.db
def test_invariant_15_one_infusion_for_a_patient_in_a_protocol(infused: Walked) -> None:
    one = infused.first
    with pytest.raises(Refused) as caught:
        drafted(infused, one)
    assert caught.value.code.startswith("allocation.")
    for table, taken, start in (
        ("infusion", one.infusion, "planned"),
        ("allocation", one.allocation, "draft"),
    ):
        with engines().read.connect() as connection:
            row = dict(
                connection.execute(
                    text(f"SELECT * FROM {table} WHERE id = :i"), {"i": taken.id}
                ).mappings().one()
            )  # fmt: skip
        row |= {"id": row["id"] + 1000, "code": "X" + row["code"][1:], "state": start}
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        refused(f"INSERT INTO {table} ({names}) VALUES ({values})", r"(?i)unique", **row)


@pytest.mark.db
def test_invariant_16_the_dose_is_exact(released: Walked) -> None:
    """20 million × 92 % recovered × 88 % alive a vial; four of them for 62.4 kg, one correction each."""
    made = patient.prescribe(released.stage, *worlds.resumed(), worlds.today())
    found = dose_facts.worked(made)
    assert found is not None
    assert found.target == 62_400_000
    assert found.plan.vials == 4
    assert found.plan.planned_viable == 4 * 20_000_000 * 92 * 88 // 10_000 == 64_768_000


# --- records --------------------------------------------------------------------------------------


@pytest.mark.db
def test_invariant_22_every_act_of_the_way_names_who_when_and_why(infused: Walked) -> None:
    rows = session.scalars(select(Record)).all()
    assert len(rows) > 200
    for row in rows:
        assert all((row.actor_login, row.actor_name, row.app_version))
        assert row.happened_at <= row.entered_at
    with pytest.raises(Refused) as caught:
        infused.stage.do(release.suspend, infused.first.release, by=QA, reason="  ")
    assert "reason" in caught.value.faults


@pytest.mark.db
def test_invariant_23_a_repeated_key_acts_once_and_a_stale_version_is_refused(released: Walked) -> None:
    one, by = released.first, released.stage.principal(QA)
    vial = one.stock[0]
    seen = vial.version
    inputs = {"cause": Cause.QUALITY, "by": by, "reason": "Asked by the pharmacy", "key": "k-1"}
    for _ in range(3):
        custody.hold(vial, expected=seen, **inputs)
    assert vial.version == seen + 1
    holds = session.execute(text("SELECT count(*) FROM hold WHERE vial_id = :v"), {"v": vial.id}).scalar_one()
    assert holds == 1
    with pytest.raises(Refused) as caught:
        custody.hold(one.stock[1], expected=one.stock[1].version, **inputs)
    assert caught.value.code == "idempotency.reused"
    with pytest.raises(Stale):
        custody.hold(vial, expected=seen, **(inputs | {"key": "k-2"}))


@pytest.mark.db
def test_invariant_24_no_name_stands_in_the_database_in_clear(infused: Walked) -> None:
    names = re.compile("Aubrac|Brévent|IPP-000")
    with engines().read.connect() as connection:
        tables = connection.dialect.get_table_names(connection)
        assert "recipient" in tables
        for table in tables:
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                assert not names.search(" ".join(map(str, row))), table


def test_invariant_26_nothing_of_the_way_was_ever_deleted(infused: Walked) -> None:
    """Chains are whole: the numbers of every chain run from one without a gap."""
    rows = session.execute(
        select(Record.chain_kind, Record.chain_code, func.count(), func.max(Record.chain_sequence)).group_by(
            Record.chain_kind, Record.chain_code
        )
    ).all()
    assert rows
    assert all(count == last for _, _, count, last in rows)


def test_the_worlds_are_what_they_say(released: Walked) -> None:
    """Nothing in them lies in the future or is expired, and nobody has a prescription yet."""
    assert released.first.release.state is Released.RELEASED
    assert len(released.first.stock) == 4
    assert all(vial.expires_on > worlds.today() for vial in released.first.stock)
    assert session.execute(text("SELECT count(*) FROM allocation")).scalar_one() == 0
    assert released.first.donor.code != released.second.donor.code
    made = drafted(released, released.first)
    assert made.state is State.DRAFT
    assert isinstance(released.first.vials[0].volume_ml, Decimal)
    assert DIRECTOR.login
