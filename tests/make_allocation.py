"""Prescriptions and preparations for tests, walked there by the actions that people use."""

from datetime import date
from typing import Any

from sqlalchemy import select

from mscbank.allocation import actions
from mscbank.allocation.models import Allergies, AllocatedVial, Allocation
from mscbank.allocation.states import State
from mscbank.batch.models import Batch
from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.custody.models import Vial
from tests import make_release
from tests.make_family import Family
from tests.people import BRUNO, MARTA, NINA, PAULA, TOMAS, sign

WEIGHT = 62_400
"""Grams: patient 07 of the worked example."""
WARD = "Ward 3"


def today() -> date:
    """The civil date at the ward."""
    return clock.today("Europe/Paris")


def released_batch(family: Family | None = None, *, vials: int = 8, **values: str) -> Batch:
    """A released batch with vials of 20 million, 92 % recovery, 88 % viability."""
    made = make_release.frozen(family, vials=vials)
    make_release.release(batch=made, **values)
    return made


def draft(
    batch: Batch | None = None, *, by: Principal = MARTA, weight: int | None = WEIGHT, **changes: Any
) -> Allocation:
    """A draft for whom the batch is directed to, with a weight of today."""
    made_from = batch or released_batch()
    inputs = {
        "recipient": made_from.directed_to, "protocol": made_from.protocol, "batch": made_from,
        "infusion_on": today(), "allergies": Allergies.NONE_KNOWN,
    } | changes  # fmt: skip
    made = actions.draft(by=by, **inputs)
    if weight is not None:
        weigh(made, weight)
    return made


def weigh(a: Allocation, weight: int, *, by: Principal = NINA, **changes: Any) -> Allocation:
    """A weight measured at the ward."""
    actions.record_weight(a, by=by, weight=weight, **({"weighed_where": WARD} | changes))
    return a


def allocation(
    state: State = State.RESERVED, batch: Batch | None = None, *, spares: int = 0, **changes: Any
) -> Allocation:
    """A prescription walked to a state."""
    made = draft(batch, **changes)
    if state is State.DRAFT:
        return made
    sign(actions.prescribe, made, MARTA)
    if state is State.PRESCRIBED:
        return made
    sign(actions.verify, made, PAULA)
    if state is State.VERIFIED:
        return made
    actions.reserve(made, by=PAULA, spares=spares)
    if state is State.RESERVED:
        return made
    pick(made)
    sign(actions.dispense, made, PAULA, to=WARD)
    return made


def pick(a: Allocation, vials: list[Vial] | None = None) -> Allocation:
    """Bruno picks, Tomás checks."""
    sign(actions.pick, a, BRUNO, TOMAS, vials=vials or held(a))
    return a


def rows(a: Allocation) -> list[AllocatedVial]:
    """What it holds now."""
    session.expire_all()
    statement = select(AllocatedVial).where(
        AllocatedVial.allocation_id == a.id, AllocatedVial.freed_at.is_(None)
    )
    return list(session.scalars(statement.order_by(AllocatedVial.number)))


def held(a: Allocation, *, spare: bool | None = None) -> list[Vial]:
    """The vials that it holds, all or only the spares or only the others."""
    return [row.vial for row in rows(a) if spare is None or row.is_spare is spare]
