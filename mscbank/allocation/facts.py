"""What the rules of an allocation judge, and the worked-out dose, loaded in bulk after the locks."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy import select

from mscbank.allocation import dose, tolerances
from mscbank.allocation.calculation import Given, Limits, Potency, StockVial, Worked, work_out
from mscbank.allocation.dose import PlanKind
from mscbank.allocation.models import (
    Allergies,
    AllocatedVial,
    Allocation,
    Preparation,
    PreparationVial,
    Weighing,
)
from mscbank.allocation.potency import Tested, tested
from mscbank.allocation.rules import (
    DoseFacts,
    Facts,
    HeldFacts,
    PaperFacts,
    PreparationFacts,
    WeightFacts,
    worked_obstacle,
)
from mscbank.allocation.standing import chains, patients
from mscbank.allocation.states import LIFE, PREPARATION_LIFE, State
from mscbank.core import clock, parameters
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.errors import Obstacle
from mscbank.core.reading import once_an_act
from mscbank.core.types import decimal_of
from mscbank.custody.facts import usable_facts
from mscbank.custody.giving import given_now
from mscbank.custody.models import Place, Vial
from mscbank.custody.states import Condition, Reservation
from mscbank.custody.usable import Use, VialFacts, usable

GIVES = (State.RESERVED, State.DISPENSED, State.COMPLETED)
"""The states in which the vials that are held are what is given, whatever else lies in stock."""
USE_OF = {
    Reservation.RESERVED: Use.PICK,
    Reservation.PICKED: Use.DISPATCH,
    Reservation.DISPENSED: Use.THAW,
}
WARM = (Condition.THAWED, Condition.IN_PREPARATION)


def limits() -> Limits:
    """The limits of D §6 in force now."""
    keys = (tolerances.ACCEPT, tolerances.ACKNOWLEDGE, tolerances.DMSO_LIMIT, tolerances.ENDOTOXIN_LIMIT)
    found = parameters.values(keys)
    return Limits(*(found[key] for key in keys))


@once_an_act
def weights(allocations: Iterable[Allocation]) -> dict[int, Weighing]:
    """The weight that counts of each allocation: the last one."""
    rows = session.scalars(
        select(Weighing)
        .where(any_of(Weighing.allocation_id, [a.id for a in allocations]))
        .order_by(Weighing.number)
    )
    return {row.allocation_id: row for row in rows}


@once_an_act
def held_rows(allocations: Iterable[Allocation]) -> dict[int, list[AllocatedVial]]:
    """The vials that each allocation holds now, in the order in which they were taken."""
    listed = list(allocations)
    found: dict[int, list[AllocatedVial]] = {a.id: [] for a in listed}
    rows = session.scalars(
        select(AllocatedVial)
        .where(any_of(AllocatedVial.allocation_id, list(found)), AllocatedVial.freed_at.is_(None))
        .order_by(AllocatedVial.number)
    )
    for row in rows:
        found[row.allocation_id].append(row)
    return found


@once_an_act
def stock(allocations: list[Allocation]) -> dict[int, list[Vial]]:
    """All vials of each allocation's batch, by allocation."""
    rows = session.scalars(
        select(Vial).where(any_of(Vial.batch_id, {a.batch_id for a in allocations})).order_by(Vial.number)
    ).all()
    return {a.id: [vial for vial in rows if vial.batch_id == a.batch_id] for a in allocations}


def obstacle_of(a: Allocation, vial: Vial, facts: VialFacts, is_held: bool) -> Obstacle | None:
    """Why a vial cannot be taken for this prescription now; what it holds is judged at its next step."""
    use = USE_OF.get(vial.reservation, Use.RESERVE) if is_held else Use.RESERVE
    if is_held and vial.condition in WARM:
        use = Use.PREPARE if vial.condition is Condition.THAWED else Use.START
    return usable(facts, a.recipient_id, use, clock.now(), allocation=a.code)


@once_an_act
def _places(ids: set[int | None]) -> dict[int, Place]:
    """Positions and their boxes by key, in two statements however many there are."""
    positions = at_hand(Place, (key for key in ids if key is not None))
    boxes = at_hand(Place, (p.parent_id for p in positions if p.parent_id is not None))
    return {place.id: place for place in (*positions, *boxes)}


def stock_vials(a: Allocation, vials: list[Vial], rows: list[AllocatedVial]) -> list[StockVial]:
    """The vials of the batch as the calculation reads them."""
    facts = usable_facts(vials) if vials else {}
    held = {row.vial_id: row for row in rows}
    places = _places({vial.position_id for vial in vials})
    made = []
    for vial in vials:
        row = held.get(vial.id)
        position = places.get(vial.position_id or 0)
        box = places.get(position.parent_id or 0) if position else None
        made.append(
            StockVial(
                code=vial.code, number=vial.number, tnc=vial.tnc, volume_ml=vial.volume_ml,
                dmso_percent=vial.dmso_percent, expires_on=vial.expires_on,
                box=box.code if box else None,
                row=(position.row_number if position else None) or 0,
                column=(position.column_number if position else None) or 0,
                obstacle=obstacle_of(a, vial, facts[vial.id], row is not None),
                is_held=row is not None and not row.is_spare,
            )
        )  # fmt: skip
    return made


def worked(
    a: Allocation, *, wanted: PlanKind | None = None, chosen: Sequence[Vial] | None = None
) -> Worked | None:
    """The dose of one allocation, from the rows as they stand."""
    return _read([a]).worked(a, wanted=wanted, chosen=chosen)


class _Read:
    """Everything that the calculation of several allocations rests on."""

    def __init__(self, allocations: list[Allocation]) -> None:
        self.weights = weights(allocations)
        self.held = held_rows(allocations)
        self.stock = stock(allocations)
        self.tested = tested({a.batch_id for a in allocations})
        self.limits = limits()

    def potency(self, a: Allocation) -> Potency | None:
        """Recovery and viability of the batch."""
        return self.tested.get(a.batch_id, Tested()).potency

    def worked(
        self, a: Allocation, *, wanted: PlanKind | None = None, chosen: Sequence[Vial] | None = None
    ) -> Worked | None:
        """The dose, or ``None`` without a weight, results or vials."""
        potency, weight = self.potency(a), self.weights.get(a.id)
        if potency is None or weight is None:
            return None
        known = self.tested[a.batch_id]
        given = Given(
            viable_cells_per_kg=a.viable_cells_per_kg,
            weight_g=weight.weight_g,
            minutes=a.infusion_minutes,
            potency=potency,
            vials=stock_vials(a, self.stock[a.id], self.held[a.id]),
            limits=self.limits,
            endotoxin_eu_per_ml=known.endotoxin.value if known.endotoxin else None,
            endotoxin_eu_per_kg_h=known.endotoxin_load.value if known.endotoxin_load else None,
            wanted=wanted or a.plan,
            chosen=None if chosen is None else [vial.code for vial in chosen],
            fixed=a.state in GIVES,
        )
        return work_out(given)


@once_an_act
def _read(allocations: list[Allocation]) -> _Read:
    return _Read(list(allocations))


def dose_facts(a: Allocation, found: Worked) -> DoseFacts:
    """A worked-out dose as the rules judge it."""
    percent = dose.percent_shown(found.plan.difference)
    return DoseFacts(
        band=found.plan.band,
        percent=percent,
        is_acknowledged=a.acknowledged_percent == percent,
        limit_percent=found.given.limits.acknowledge,
        dmso_ok=found.dmso_ok,
        dmso_shown=decimal_of(found.dmso_per_kg, 3),
        dmso_limit=found.given.limits.dmso_g_per_kg,
        endotoxin_ok=found.endotoxin_ok,
        endotoxin_shown=None if found.endotoxin is None else decimal_of(found.endotoxin, 2),
        endotoxin_limit=found.given.limits.endotoxin_eu_per_kg_h,
    )


def judge_dose(a: Allocation, found: Worked) -> Obstacle | None:
    """What stands against a worked-out dose by itself: tolerance, DMSO, endotoxin."""
    return worked_obstacle(dose_facts(a, found))


def facts(allocations: list[Allocation]) -> dict[int, Facts]:
    """What the moves of allocations judge, for many at once."""
    read = _read(allocations)
    oldest: int = parameters.value(tolerances.WEIGHT_DAYS)
    against_patient, against_batch = patients(allocations), chains(allocations)
    made = {}
    for a in allocations:
        found = read.worked(a)
        made[a.id] = Facts(
            today=clock.today(a.protocol.infusion_zone),
            infusion_on=a.infusion_on,
            oldest_days=oldest,
            are_allergies_asked=a.allergies is not Allergies.NOT_ASKED,
            prescribed_by=a.prescribed_by,
            weight=weight_facts(read.weights.get(a.id)),
            patient=against_patient[a.id],
            chain=against_batch[a.id],
            dose=None if found is None else dose_facts(a, found),
            has_potency=read.potency(a) is not None,
            held=_held(read.held[a.id]),
            paper=_paper(a),
        )
    return made


def weight_facts(weighing: Weighing | None) -> WeightFacts | None:
    """The weight that counts, as the rules judge it."""
    if weighing is None:
        return None
    return WeightFacts(
        weighing.weighed_on, weighing.entered_by, weighing.reviewed_by, weighing.band,
        weighing.acknowledged_at is not None,
    )  # fmt: skip


def _paper(a: Allocation) -> PaperFacts | None:
    if a.paper_prescriber is None:
        return None
    return PaperFacts(
        a.paper_prescriber, frozenset(login for login in (a.entered_by, a.transcribed_by) if login)
    )


def _held(rows: list[AllocatedVial]) -> HeldFacts:
    handlers = {login for row in rows for login in (row.picked_by, row.pick_checked_by) if login}
    return HeldFacts(
        held=len(rows),
        picked=sum(row.picked_at is not None for row in rows),
        handlers=frozenset(handlers),
        thawed=tuple(row.vial.called for row in rows if row.vial.condition in WARM),
        given=sum(row.vial.condition is Condition.INFUSED for row in rows),
    )


def preparation_facts(preparations: list[Preparation]) -> dict[int, PreparationFacts]:
    """What the moves of preparations judge."""
    rows = session.scalars(
        select(PreparationVial).where(any_of(PreparationVial.preparation_id, [p.id for p in preparations]))
    ).all()
    running = given_now(r.vial_id for r in rows)
    return {
        p.id: PreparationFacts(
            thawed=sum(r.preparation_id == p.id for r in rows),
            added=sum(r.preparation_id == p.id and r.added_at is not None for r in rows),
            is_being_given=any(r.preparation_id == p.id and r.vial_id in running for r in rows),
        )
        for p in preparations
    }


def counted_viable(p: Preparation) -> Decimal | None:
    """Viable cells counted after the thaw in the whole preparation, half up at three places."""
    if p.tnc_counted is None or p.viability_counted_percent is None:
        return None
    return decimal_of(p.tnc_counted * dose.share_of(p.viability_counted_percent), 3)


LIFE.facts = facts
PREPARATION_LIFE.facts = preparation_facts
