"""Passages: what was seeded and harvested, counted by one and checked by another."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mscbank.batch import actions
from mscbank.batch.models import Batch, Counted
from mscbank.batch.states import BatchState as B
from mscbank.core import clock
from mscbank.core.errors import Invalid, NotAllowed, Refused
from tests.batch.test_planning import as_owner
from tests.make_batch import MILLION, grow
from tests.people import ANA, BRUNO, SAM, TOMAS, sign

SEEDED = 120 * MILLION
VIABLE = {"viability_percent": Decimal("95.5")}


def refused(code: str):
    return pytest.raises(Refused, match=code)


def seed(batch: Batch, cells: int = SEEDED, **changes):
    return actions.add_passage(batch, by=BRUNO, seeded_cells=cells, **changes)


def gather(batch: Batch, number: int = 0, cells: int = 12 * MILLION, **changes):
    inputs = {"number": number, "harvested_cells": cells} | VIABLE | changes
    return actions.harvest_passage(batch, by=BRUNO, **inputs)


def check(batch: Batch, counted: Counted, cells: int, by=TOMAS, number: int = 0):
    return actions.check_count(batch, by=by, number=number, counted=counted, cells=cells)


@pytest.mark.db
def test_passages_count_up_from_p0_and_are_harvested_before_the_next(culture: Batch):
    seed(culture)
    with refused("batch.passage_open"):
        seed(culture)
    gather(culture)
    seed(culture, 12 * MILLION)
    assert [p.number for p in culture.passages] == [0, 1]


def test_a_passage_is_recorded_once_and_none_is_left_out(culture: Batch):
    seed(culture, number=0)
    gather(culture)
    with refused("batch.passage_exists"):
        seed(culture, number=0)
    with pytest.raises(Invalid) as error:
        seed(culture, number=2)
    assert error.value.faults == {"number": ["The next passage is 1."]}


@pytest.mark.db
def test_the_database_knows_each_passage_once_and_keeps_its_number(culture: Batch):
    seed(culture)
    with pytest.raises(DBAPIError, match="keeps its number"), as_owner() as connection:
        connection.execute(text("UPDATE passage SET number = 1"))
    with pytest.raises(DBAPIError), as_owner() as connection:
        connection.execute(
            text(
                "INSERT INTO passage (batch_id, number, seeded_cells, seeded_at, seeded_by)"
                " SELECT batch_id, number, seeded_cells, seeded_at, seeded_by FROM passage"
            )
        )


@pytest.mark.parametrize("cells", [0, -1, 10**13 + 1])
def test_an_impossible_count_is_a_fault(culture: Batch, cells: int):
    with pytest.raises(Invalid) as error:
        seed(culture, cells)
    assert set(error.value.faults) == {"seeded_cells"}


def test_nothing_may_grow_out_of_nothing_unless_somebody_says_why(culture: Batch):
    seed(culture)
    gather(culture, cells=12 * MILLION)
    with pytest.raises(Invalid) as error:
        seed(culture, 12 * MILLION + 1)
    assert set(error.value.faults) == {"note"}
    made = seed(culture, 12 * MILLION + 1, note="recounted twice: the first count was low")
    assert made.seeding_note


def test_times_of_a_passage_follow_each_other(culture: Batch):
    now = clock.now()
    for wrong in (culture.started_at - timedelta(seconds=1), now + timedelta(minutes=1)):
        with pytest.raises(Invalid) as error:
            seed(culture, seeded_at=wrong)
        assert set(error.value.faults) == {"seeded_at"}
    seed(culture, seeded_at=culture.started_at)
    with pytest.raises(Invalid) as early:
        gather(culture, harvested_at=culture.started_at - timedelta(seconds=1))
    assert set(early.value.faults) == {"harvested_at"}
    gather(culture, harvested_at=now)
    with pytest.raises(Invalid):
        seed(culture, 1, seeded_at=now - timedelta(seconds=1))


@pytest.mark.parametrize("percent", ["-0.01", "100.01"])
def test_a_viability_lies_between_nothing_and_all(culture: Batch, percent: str):
    seed(culture)
    with pytest.raises(Invalid) as error:
        gather(culture, viability_percent=Decimal(percent))
    assert set(error.value.faults) == {"viability_percent"}


@pytest.mark.parametrize("percent", ["0", "100"])
def test_both_ends_of_viability_are_possible(culture: Batch, percent: str):
    seed(culture)
    gather(culture, cells=0, viability_percent=Decimal(percent))
    assert culture.passages[0].harvested_cells == 0


def test_a_passage_is_harvested_once(culture: Batch):
    with refused("batch.nothing_growing"):
        gather(culture)
    seed(culture)
    with refused("batch.no_such_passage"):
        gather(culture, number=1)
    gather(culture)
    seed(culture, 12 * MILLION)
    with refused("batch.passage_harvested"):
        gather(culture, number=0)


def test_only_the_laboratory_counts(culture: Batch):
    for by in (ANA, SAM):
        with pytest.raises(NotAllowed):
            actions.add_passage(culture, by=by, seeded_cells=SEEDED)


# --- the second person -------------------------------------------------------------------------------------


@pytest.mark.db
def test_invariant_11_a_second_person_checks_by_typing_the_figure_again(culture: Batch):
    seed(culture)
    with refused("batch.own_count"):
        check(culture, Counted.SEEDING, SEEDED, by=BRUNO)
    with refused("batch.passage_not_harvested"):
        check(culture, Counted.HARVEST, 1)
    with pytest.raises(Invalid) as error:
        check(culture, Counted.SEEDING, SEEDED + 1)
    assert set(error.value.faults) == {"cells"}
    check(culture, Counted.SEEDING, SEEDED)
    assert culture.passages[0].seeding_checked_by == "tomas"
    with refused("batch.all_checked"):
        check(culture, Counted.SEEDING, SEEDED)
    gather(culture)
    with refused("batch.checked_already"):
        check(culture, Counted.SEEDING, SEEDED)
    check(culture, Counted.HARVEST, 12 * MILLION)


@pytest.mark.db
def test_invariant_11_the_database_knows_no_check_by_the_same_person(culture: Batch):
    seed(culture)
    gather(culture)
    for column in ("seeding_checked_by", "harvest_checked_by"):
        with pytest.raises(DBAPIError), as_owner() as connection:
            connection.execute(text(f"UPDATE passage SET {column} = 'bruno'"))


def test_a_culture_closes_when_all_is_harvested_and_checked(culture: Batch):
    with refused("batch.no_passage"):
        actions.harvest(culture, by=BRUNO)
    seed(culture)
    with refused("batch.passage_open"):
        actions.harvest(culture, by=BRUNO)
    gather(culture)
    with refused("batch.counts_unchecked") as error:
        actions.harvest(culture, by=BRUNO)
    assert "seeding of passage 0, harvest of passage 0" in error.value.sentence
    check(culture, Counted.SEEDING, SEEDED)
    check(culture, Counted.HARVEST, 12 * MILLION)
    actions.harvest(culture, by=TOMAS)
    assert (culture.state, culture.harvested_by) == (B.HARVESTED, "tomas")
    assert culture.harvested_at == culture.passages[0].harvested_at
    with refused("batch.not_in_culture"):
        seed(culture)


@pytest.mark.db
def test_invariant_12_a_corrected_count_keeps_the_old_one_and_is_checked_again(culture: Batch):
    grow(culture)
    actions.correct_count(
        culture, by=TOMAS, reason="a digit too many", number=1, counted=Counted.HARVEST, cells=18 * MILLION,
        viability_percent=Decimal(90),
    )  # fmt: skip
    passage, kept = culture.passages[1], culture.corrections[0]
    assert (passage.harvested_cells, passage.harvested_by, passage.harvest_checked_by) == (
        18 * MILLION,
        "tomas",
        None,
    )
    assert passage.viability_percent == Decimal("90.00")
    assert (kept.before_cells, kept.before_by, kept.after_cells) == (186 * MILLION, "bruno", 18 * MILLION)
    assert culture.executors() == {"bruno", "tomas"}
    check(culture, Counted.HARVEST, 18 * MILLION, by=BRUNO, number=1)
    actions.correct_count(
        culture, by=BRUNO, reason="the pipette was off", number=0, counted=Counted.SEEDING, cells=SEEDED - 1
    )
    assert culture.passages[0].seeding_checked_by is None
    with pytest.raises(DBAPIError, match="append-only|permission denied"), as_owner() as connection:
        connection.execute(text("UPDATE count_correction SET before_cells = 1"))


def test_only_what_was_counted_can_be_corrected_and_only_until_the_freezing(culture: Batch, monkeypatch):
    seed(culture)
    with refused("batch.passage_not_harvested"):
        actions.correct_count(
            culture, by=BRUNO, reason="a typing slip", number=0, counted=Counted.HARVEST, cells=1
        )
    with refused("batch.no_such_passage"):
        actions.correct_count(
            culture, by=BRUNO, reason="a typing slip", number=7, counted=Counted.HARVEST, cells=1
        )
    with pytest.raises(Invalid):
        actions.correct_count(
            culture, by=BRUNO, reason="a typing slip", number=0, counted=Counted.SEEDING, cells=0
        )
    with pytest.raises(Invalid):
        actions.correct_count(culture, by=BRUNO, number=0, counted=Counted.SEEDING, cells=5)


def test_closed_counts_are_closed(culture: Batch):
    sign(actions.abandon, culture, ANA, reason="contaminated")
    with refused("batch.counts_closed"):
        actions.correct_count(
            culture, by=BRUNO, reason="a typing slip", number=0, counted=Counted.SEEDING, cells=5
        )
