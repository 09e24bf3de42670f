"""Infusions for tests, walked there by the actions that people use."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from mscbank.allocation import actions as allocations
from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.states import State as AllocationState
from mscbank.batch.models import Batch, Material
from mscbank.core import sealed
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.custody.models import Vial
from mscbank.infusion import actions, facts
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import State
from tests import make_allocation, make_batch
from tests.make_allocation import WARD, WEIGHT, today
from tests.people import BRUNO, NINA, NOAH, TOMAS, sign

VOLUME = Decimal("40.000")
"""20 mL of vials and as much diluent."""


def planned(allocation: Allocation | None = None, *, by: Principal = NINA, **changes: Any) -> Infusion:
    """An infusion planned for today."""
    made = allocation or make_allocation.allocation(AllocationState.DISPENSED)
    return actions.plan(
        by=by, allocation=made, **({"planned_on": today(), "ward": WARD, "planned_minutes": 30} | changes)
    )


def confirm(one: Infusion, **changes: Any) -> Infusion:
    """Nina confirms patient and line, Noah beside her."""
    inputs = {
        "is_fit": True, "line_is_open": True, "premedication": "none ordered", "weight": WEIGHT,
        "confirmed": False,
    } | changes  # fmt: skip
    sign(actions.confirm_ready, one, NINA, NOAH, **inputs)
    return one


def thaw(
    one: Infusion, vials: list[Vial] | None = None, *, by: Principal = BRUNO, second: Principal = TOMAS
) -> Preparation:
    """The vials are thawed in the laboratory."""
    chosen = vials or make_allocation.held(one.allocation, spare=False)
    sign(actions.thaw, one, by, second, vials=chosen, made_where="Thaw room")
    return facts.preparations_of(one)[-1]


def prepare(
    p: Preparation, *, volume: Decimal = VOLUME, tnc: int | None = None, viability: Decimal | None = None
) -> Preparation:
    """All thawed vials put in by two, diluted, finished, labelled."""
    session.expire_all()
    vials = [row.vial for row in p.vials]
    sign(allocations.add_vials, p, BRUNO, TOMAS, vials=vials)
    lot = make_batch.lot(material=Material.DILUENT)
    allocations.add_diluent(p, by=BRUNO, lot=lot, volume_ml=volume)
    allocations.finish(p, by=BRUNO, volume_ml=volume, tnc_counted=tnc, viability_counted_percent=viability)
    allocations.print_label(p, by=BRUNO)
    return p


def wristband(one: Infusion) -> str:
    """What the scanner reads on the patient's wrist."""
    person = ("recipient", one.recipient.code)
    found = sealed.reveal([(person, "wristband", one.recipient.wristband)], by=NINA, purpose="test")
    return found[(person, "wristband")] or ""


def check(one: Infusion, by: Principal = NINA, second: Principal = NOAH, **changes: Any) -> Infusion:
    """Two nurses scan wristband, prescription and preparations."""
    inputs = {
        "wristband": wristband(one), "prescription": one.allocation.code,
        "preparations": [p.code for p in facts.preparations_of(one)],
    } | changes  # fmt: skip
    sign(actions.check, one, by, second, **inputs)
    return one


def infusion(
    state: State = State.COMPLETED, batch: Batch | None = None, *, spares: int = 0, **count: Any
) -> Infusion:
    """An infusion walked to a state."""
    a = make_allocation.allocation(AllocationState.DISPENSED, batch, spares=spares)
    made = planned(a)
    if state is State.PLANNED:
        return made
    confirm(made)
    if state is State.READY:
        return made
    prepare(thaw(made), **count)
    check(made)
    if state is State.CHECKED:
        return made
    actions.start(made, by=NINA)
    if state is State.STARTED:
        return made
    return complete(made)


def complete(one: Infusion, given: Decimal = VOLUME, **changes: Any) -> Infusion:
    """The record is closed; what is left is destroyed."""
    inputs = {
        "given_ml": given,
        "residual_method": None if given == VOLUME else "autoclaved, waste 7",
    } | changes
    sign(actions.complete, one, NINA, NOAH, **inputs)
    return one


def recorded(vials: list[Vial], **changes: Any) -> Infusion:
    """What has happened all the same, with two witnesses."""
    batch = vials[0].batch
    now = make_allocation.clock.now()
    inputs = {
        "recipient": batch.directed_to, "protocol": batch.protocol, "vials": vials, "ward": WARD,
        "started_at": now - timedelta(milliseconds=200), "ended_at": now - timedelta(milliseconds=100),
        "gate": "no bedside check", "source_document": "downtime form 12",
    } | changes  # fmt: skip
    return sign(actions.record_as_happened, None, NINA, NOAH, reason="the network was down", **inputs)
