"""Where the vials of a batch are: filled = the seven ways out and what is present (D §9, invariant 7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from mscbank.core.db import any_of, session
from mscbank.custody.models import Fill, Vial
from mscbank.custody.states import Condition

PRESENT = frozenset({Condition.FILLED, Condition.FROZEN, Condition.THAWED, Condition.IN_PREPARATION})
"""Every physical state that is no end."""


@dataclass(frozen=True)
class Balance:
    """The count of one batch. ``filled`` is what two people counted, everything else are rows of vials."""

    filled: int
    qc_used: int = 0
    retained: int = 0
    infused: int = 0
    destroyed: int = 0
    broken: int = 0
    lost: int = 0
    present: int = 0

    @property
    def accounted(self) -> int:
        """How many vials are somewhere, or ended in one of the known ways."""
        return (
            self.qc_used
            + self.retained
            + self.infused
            + self.destroyed
            + self.broken
            + self.lost
            + self.present
        )

    @property
    def difference(self) -> int:
        """Filled less accounted for: anything but zero keeps a batch from closing."""
        return self.filled - self.accounted

    @property
    def closes(self) -> bool:
        """Whether every vial is accounted for."""
        return self.difference == 0


def balance_of(filled: int, by_condition: Mapping[Condition, int]) -> Balance:
    """The balance from the number filled and the number of vials in each condition."""
    return Balance(
        filled=filled,
        qc_used=by_condition.get(Condition.QC_USED, 0),
        retained=by_condition.get(Condition.RETAINED, 0),
        infused=by_condition.get(Condition.INFUSED, 0),
        destroyed=by_condition.get(Condition.DESTROYED, 0),
        broken=by_condition.get(Condition.BROKEN, 0),
        lost=by_condition.get(Condition.LOST, 0),
        present=sum(number for condition, number in by_condition.items() if condition in PRESENT),
    )


def balances(batch_ids: Iterable[int]) -> dict[int, Balance]:
    """The balance of each batch, many at once, in one statement; a batch never filled counts zero."""
    wanted = list(batch_ids)
    filled = (
        select(Fill.batch_id, func.sum(Fill.vials).label("vials"))
        .where(any_of(Fill.batch_id, wanted))
        .group_by(Fill.batch_id)
        .subquery()
    )
    counted = (
        select(Vial.batch_id, Vial.condition, func.count().label("number"))
        .where(any_of(Vial.batch_id, wanted))
        .group_by(Vial.batch_id, Vial.condition)
        .subquery()
    )
    rows = session.execute(
        select(filled.c.batch_id, filled.c.vials, counted.c.condition, counted.c.number).join(
            counted, counted.c.batch_id == filled.c.batch_id, isouter=True
        )
    )
    sums: dict[int, int] = {}
    numbers: dict[int, dict[Condition, int]] = {batch_id: {} for batch_id in wanted}
    for batch_id, vials, condition, number in rows:
        sums[batch_id] = int(vials)
        if condition is not None:
            numbers[batch_id][condition] = number
    return {batch_id: balance_of(sums.get(batch_id, 0), numbers[batch_id]) for batch_id in wanted}
