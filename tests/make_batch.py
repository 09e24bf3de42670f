"""Material lots and batches for tests, made by the actions that people use."""

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from mscbank.batch import actions
from mscbank.batch.models import Batch, Counted, Material, MaterialLot, Step
from mscbank.batch.states import BatchState, LotState
from tests import make_collection, make_family, make_study
from tests.make_family import Family
from tests.people import ANA, BRUNO, TOMAS, sign

MILLION = 1_000_000
PASSAGES = ((120 * MILLION, 12 * MILLION), (12 * MILLION, 186 * MILLION))
"""Seeded and harvested: mononuclear cells in P0, then the worked example of the reference."""

_numbers = count(1)


def lot(
    state: LotState = LotState.RELEASED, material: Material = Material.MEDIUM, **changes: Any
) -> MaterialLot:
    """A material lot, taken in by one person and judged by another."""
    inputs = {
        "name": material.value.replace("_", " "),
        "supplier": "Fictive Reagents",
        "supplier_lot": f"FR-{next(_numbers):05d}",
        "expires_on": make_collection.today() + timedelta(days=200),
        "unit": "mL",
        "quantity": Decimal(5000),
        "certificate": "CoA on file",
    }
    if material is Material.PLATELET_LYSATE:
        inputs |= {"pool_size": 40, "pathogen_inactivated": True}
    made = actions.receive(by=BRUNO, material=material, **(inputs | changes))
    if state is LotState.RELEASED:
        actions.release(made, by=ANA)
    if state is LotState.REJECTED:
        actions.reject(made, by=ANA, reason="the cold chain broke")
    return made


def planned(family: Family | None = None, **changes: Any) -> dict[str, Any]:
    """What a batch is planned from."""
    who = family or make_family.family()
    return {
        "donation": changes.pop("donation", None) or make_collection.donation(who),
        "protocol": who.protocol,
        "specification": changes.pop("specification", None) or make_study.specification(who.protocol),
        "directed_to": who.recipient,
    } | changes


def batch(
    state: BatchState = BatchState.IN_CULTURE,
    family: Family | None = None,
    *,
    passages: tuple[tuple[int, int], ...] = PASSAGES,
    lots: tuple[MaterialLot, ...] = (),
    **changes: Any,
) -> Batch:
    """A batch, walked to a state; its counts are checked by a second person."""
    made = actions.plan(by=BRUNO, **planned(family, **changes))
    if state is BatchState.CANCELLED:
        actions.cancel(made, by=BRUNO, reason="the donor fell ill")
    if state in (BatchState.PLANNED, BatchState.CANCELLED):
        return made
    actions.start(made, by=BRUNO)
    for used in lots:
        actions.use_material(made, by=BRUNO, lot=used, quantity=Decimal(50), step=Step.CULTURE)
    if state is BatchState.IN_CULTURE:
        return made
    grow(made, passages)
    if state is BatchState.ABANDONED:
        return sign(actions.abandon, made, ANA, reason="contaminated at P1")
    actions.harvest(made, by=BRUNO)
    return made


def grow(made: Batch, passages: tuple[tuple[int, int], ...] = PASSAGES) -> Batch:
    """Seed, count and check passages from P0 on."""
    for number, (seeded, harvested) in enumerate(passages):
        actions.add_passage(made, by=BRUNO, seeded_cells=seeded)
        check = {"number": number, "by": TOMAS}
        actions.check_count(made, counted=Counted.SEEDING, cells=seeded, **check)
        actions.harvest_passage(
            made, by=BRUNO, number=number, harvested_cells=harvested, viability_percent=Decimal("95.5")
        )
        actions.check_count(made, counted=Counted.HARVEST, cells=harvested, **check)
    return made
