"""Fills, places and vials for tests, made by the actions that people use."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.custody import actions
from mscbank.custody.models import Place, Vial
from mscbank.custody.words import Area, HolderKind, Level
from tests import make_batch, make_collection
from tests.people import BRUNO, TOMAS, sign

ALLOCATION = "KT100000100"
_numbers = count(1)


def contents(**changes: Any) -> dict[str, Any]:
    """What is filled: vials of 20 million in 5 mL with 10 % DMSO."""
    return {
        "vials": 4,
        "tnc": 20_000_000,
        "viability_percent": Decimal("95.50"),
        "volume_ml": Decimal("5.000"),
        "dmso_percent": Decimal("10.00"),
        "expires_on": make_collection.today() + timedelta(days=3 * 365),
    } | changes


def filled(batch: Batch | None = None, **changes: Any) -> list[Vial]:
    """Vials that two people filled and counted; one of them holds them."""
    made = batch or make_batch.batch(BatchState.HARVESTED)
    sign(actions.fill, made, BRUNO, TOMAS, **contents(**changes))
    return vials_of(made)


def vials_of(batch: Batch) -> list[Vial]:
    """The vials of a batch, by number."""
    return list(session.scalars(select(Vial).where(Vial.batch_id == batch.id).order_by(Vial.number)))


def tank(name: str = "Tank 2") -> Place:
    """A tank in a room of its own."""
    room = actions.create_place(by=BRUNO, level=Level.ROOM, name=f"Cryo {next(_numbers)}")
    return actions.create_place(by=BRUNO, level=Level.TANK, name=name, parent=room)


def box(rows: int = 9, columns: int = 9, area: Area = Area.CONTROLLED, parent: Place | None = None) -> Place:
    """A box in a tank of its own."""
    return actions.create_box(
        by=BRUNO, parent=parent or tank(), name=f"Box {next(_numbers)}", rows=rows, columns=columns, area=area
    )


def positions(of: Place) -> list[Place]:
    """The positions of a box, along the rows."""
    rows = select(Place).where(Place.parent_id == of.id)
    return list(session.scalars(rows.order_by(Place.row_number, Place.column_number)))


def stored(batch: Batch | None = None, into: Place | None = None, **changes: Any) -> list[Vial]:
    """Vials that lie frozen in a box."""
    vials = filled(batch, **changes)
    actions.put_away_all(into or box(), by=BRUNO, vials=vials)
    return vials


@action(
    "test.larger_act",
    role=tuple(Role),
    kind="batch",
    locks=lambda batch, *, vials, does: actions.locks_of(vials),
    announces={actions.VIAL_GONE: lambda batch, **_: []},
)
def larger_act(batch: Batch, *, by: Principal, vials: list[Vial], does: Callable[..., Any]) -> None:
    """An act of a later room that takes vials a step further."""
    for vial in vials:
        does(vial, by)


def step(vials: list[Vial], does: Callable[..., Any], by: Principal = BRUNO, **inputs: Any) -> None:
    """Take vials a step further, as a later room does inside an act of its own."""
    larger_act(vials[0].batch, by=by, vials=vials, does=lambda vial, who: does(vial, by=who, **inputs))


def reserved(vials: list[Vial], allocation: str = ALLOCATION) -> list[Vial]:
    """Vials that are kept for a prescription."""
    step(vials, actions.reserve, allocation=allocation)
    return vials


def picked(vials: list[Vial]) -> list[Vial]:
    """Vials that were taken out for their patient."""
    step(reserved(vials), actions.pick)
    return vials


def dispensed(vials: list[Vial], ward: str = "WARD") -> list[Vial]:
    """Vials that are at the ward."""
    step(picked(vials), actions.dispense, holder_kind=HolderKind.SITE, holder=ward)
    return vials


def thawed(vials: list[Vial]) -> list[Vial]:
    """Vials that were thawed for their patient."""
    step(dispensed(vials), actions.thaw)
    return vials
