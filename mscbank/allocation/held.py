"""The vials that a prescription holds: taken for it, let go, and what happens when one is no more."""

from typing import Any

from sqlalchemy import func, select

from mscbank.allocation import facts
from mscbank.allocation.models import AllocatedVial, Allocation
from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.db import at_hand, session
from mscbank.core.errors import Obstacle
from mscbank.custody import actions as custody
from mscbank.custody.facts import usable_facts
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition, Reservation
from mscbank.custody.usable import Use, usable


def vials_of(a: Allocation, **_inputs: Any) -> list[Vial]:
    """The vials that it holds now."""
    return at_hand(Vial, [row.vial_id for row in facts.held_rows([a])[a.id]])


def take(a: Allocation, vials: list[Vial], by: Principal, *, spares: frozenset[str] = frozenset()) -> None:
    """Hold vials for it: from here nobody else can take them."""
    last = session.scalar(select(func.max(AllocatedVial.number)).where(AllocatedVial.allocation_id == a.id))
    now = clock.now()
    custody.reserve.each(vials, by=by, allocation=a.code, recipient=a.recipient)
    for number, vial in enumerate(vials, start=(last or 0) + 1):
        session.add(
            AllocatedVial(
                allocation=a, number=number, vial=vial, is_spare=vial.code in spares, reserved_by=by.login,
                reserved_at=now,
            )
        )  # fmt: skip


def let_go(row: AllocatedVial, by: Principal) -> None:
    """End one holding; what was only reserved is free again."""
    if row.vial.reservation is Reservation.RESERVED:
        custody.unreserve(row.vial, by=by)
    close(row, by)


def close(row: AllocatedVial, by: Principal) -> None:
    """The vial no longer stands for this prescription, whatever became of it."""
    row.freed_by, row.freed_at = by.login, clock.now()


def free(a: Allocation, by: Principal) -> None:
    """End every holding."""
    for row in facts.held_rows([a])[a.id]:
        let_go(row, by)
    a.reserved_at = a.reserved_until = None


def against(a: Allocation, vials: list[Vial]) -> Obstacle | None:
    """What stands first against vials of this prescription that were thawed, read at once."""
    known = usable_facts(vials) if vials else {}
    for vial in vials:
        use = Use.PREPARE if vial.condition is Condition.THAWED else Use.START
        if found := usable(known[vial.id], a.recipient_id, use, clock.now(), allocation=a.code):
            return found
    return None
