"""What custody tells the batch before its fill closes, and what ``verify`` recomputes of custody."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from mscbank.batch import registry
from mscbank.batch.gates import Fill as FillFacts
from mscbank.batch.models import Batch
from mscbank.core.checks import Fault, check
from mscbank.core.db import any_of, session
from mscbank.custody.balance import balances
from mscbank.custody.fold import Event, LedgerBroken, State, fold
from mscbank.custody.models import CustodyEvent, Fill, Vial
from mscbank.custody.states import Condition
from mscbank.deviation import rules as deviation_rules

AT_ONCE = 1000


@registry.fill_difference
def fills(batches: list[Batch]) -> dict[int, FillFacts]:
    """How the fill of each batch closes; a lost vial is accounted for once its investigation is closed."""
    counted = balances(batch.id for batch in batches)
    unexplained = lost_unexplained([batch.id for batch in batches])
    return {
        batch_id: FillFacts(balance.filled, balance.difference + len(unexplained.get(batch_id, ())))
        for batch_id, balance in counted.items()
    }


def lost_unexplained(batch_ids: list[int]) -> dict[int, list[Vial]]:
    """The lost vials of each batch whose deviation quality assurance has not closed."""
    lost = list(
        session.scalars(
            select(Vial).where(any_of(Vial.batch_id, batch_ids), Vial.condition == Condition.LOST)
        )
    )
    about = deviation_rules.about([("vial", vial.code) for vial in lost])
    found: dict[int, list[Vial]] = defaultdict(list)
    for vial in lost:
        investigated = about[("vial", vial.code)]
        if not investigated or not all(deviation.is_settled for deviation in investigated):
            found[vial.batch_id].append(vial)
    return found


@registry.also_worked
def who_filled(batch: Batch) -> set[str]:
    """Who filled and who counted with them."""
    rows = session.execute(select(Fill.filled_by, Fill.checked_by).where(Fill.batch_id == batch.id))
    return {login for row in rows for login in row}


_VIAL = (
    Vial.id, Vial.code, Vial.condition, Vial.quality, Vial.reservation, Vial.reserved_by, Vial.position_id,
    Vial.holder_kind, Vial.holder_code, Vial.is_gone, Vial.events,
)  # fmt: skip
_EVENT = (
    CustodyEvent.vial_id, CustodyEvent.sequence, CustodyEvent.verb, CustodyEvent.condition,
    CustodyEvent.quality, CustodyEvent.reservation, CustodyEvent.reserved_by, CustodyEvent.from_position_id,
    CustodyEvent.from_holder, CustodyEvent.position_id, CustodyEvent.holder, CustodyEvent.is_gone,
    CustodyEvent.happened_at,
)  # fmt: skip


def state_of(row: Any) -> State:
    """What the vial's own row says."""
    holder = f"{row.holder_kind}:{row.holder_code}" if row.holder_kind else None
    return State(
        row.condition, row.quality, row.reservation, row.reserved_by, (row.position_id, holder), row.is_gone,
        row.events,
    )  # fmt: skip


def event_of(row: Any) -> Event:
    """A row of the ledger as the fold reads it."""
    return Event(
        row.sequence, row.verb, row.condition, row.quality, row.reservation, row.reserved_by,
        (row.from_position_id, row.from_holder), (row.position_id, row.holder), row.is_gone, row.happened_at,
    )  # fmt: skip


@check("custody.ledger")
def ledgers() -> Iterator[Fault]:
    """Every vial's state, place and holder equal the fold of its ledger."""
    after = 0
    while rows := session.execute(
        select(*_VIAL).where(Vial.id > after).order_by(Vial.id).limit(AT_ONCE)
    ).all():
        after = rows[-1].id
        told: dict[int, list[Event]] = defaultdict(list)
        events = select(*_EVENT).where(any_of(CustodyEvent.vial_id, [row.id for row in rows]))
        for event in session.execute(events.order_by(CustodyEvent.vial_id, CustodyEvent.sequence)):
            told[event.vial_id].append(event_of(event))
        for row in rows:
            try:
                if fold(told[row.id]) != state_of(row):
                    yield ("vial", row.code, "its row and its ledger tell different stories")
            except LedgerBroken as broken:
                yield ("vial", row.code, str(broken))


@check("custody.balance")
def counts() -> Iterator[Fault]:
    """Every vial that two people counted at a fill is accounted for."""
    after = 0
    while batches := session.scalars(
        select(Batch).where(Batch.id > after).order_by(Batch.id).limit(AT_ONCE)
    ).all():
        after = batches[-1].id
        codes = {batch.id: batch.code for batch in batches}
        for batch_id, balance in balances(codes).items():
            if not balance.closes:
                yield (
                    "batch",
                    codes[batch_id],
                    f"{balance.filled} vials filled, {balance.accounted} accounted for",
                )
