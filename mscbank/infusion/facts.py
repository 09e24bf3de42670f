"""What the rules of an infusion judge, loaded in bulk after the locks."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import select

from mscbank.allocation import dose, preparing, stability, standing, tolerances
from mscbank.allocation import facts as allocation_facts
from mscbank.allocation.held import against as against_vials
from mscbank.allocation.models import Allocation, Preparation, PreparationVial
from mscbank.allocation.rules import is_weight_open
from mscbank.allocation.states import PreparationState
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock, links, parameters
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.errors import Obstacle
from mscbank.core.reading import once_an_act
from mscbank.core.types import decimal_of
from mscbank.custody.giving import given_now_check
from mscbank.family.registry import infused_check, last_use_check
from mscbank.infusion import rules
from mscbank.infusion.models import Infusion, InfusionPreparation
from mscbank.infusion.rules import Facts, PreparationFacts
from mscbank.infusion.states import BEFORE, GIVEN, LIFE, RUNNING, State

ON_ITS_WAY = (AllocationState.RESERVED, AllocationState.DISPENSED)


@once_an_act
def links_of(infusions: Iterable[Infusion]) -> dict[int, list[InfusionPreparation]]:
    """The preparations of each infusion, in their order."""
    listed = list(infusions)
    found: dict[int, list[InfusionPreparation]] = {one.id: [] for one in listed}
    rows = session.scalars(
        select(InfusionPreparation)
        .where(any_of(InfusionPreparation.infusion_id, list(found)))
        .order_by(InfusionPreparation.number)
    )
    for row in rows:
        found[row.infusion_id].append(row)
    return found


def live(links: Iterable[InfusionPreparation]) -> list[Preparation]:
    """The preparations that were not discarded."""
    made = at_hand(Preparation, (link.preparation_id for link in links))
    return [one for one in made if one.state is not PreparationState.DISCARDED]


def preparations_of(infusion: Infusion) -> list[Preparation]:
    """The preparations of one infusion that were not discarded."""
    return live(links_of([infusion])[infusion.id])


def expected_viable(infusion: Infusion, preparations: list[Preparation]) -> Fraction | None:
    """Viable cells counted after the thaw in all preparations; ``None`` unless every one was counted."""
    total = Fraction(0)
    for p in preparations:
        if p.tnc_counted is None or p.viability_counted_percent is None:
            return None
        total += p.tnc_counted * dose.share_of(p.viability_counted_percent)
    return total if preparations else None


def prescribed_viable(a: Allocation) -> Fraction | None:
    """The prescribed dose, in viable cells, at the weight that counts now."""
    weight = allocation_facts.weights([a]).get(a.id)
    return dose.target_viable(a.viable_cells_per_kg, weight.weight_g) if weight else None


def volume_to_give(infusion: Infusion, preparations: list[Preparation]) -> Decimal | None:
    """The volume to give, mL, half up at a microlitre.

    The planned share of the volume; where the cells were counted, the volume that holds the target, so that
    no overdose can occur (PD-40).
    """
    volumes = [p.volume_ml for p in preparations]
    if not volumes or any(v is None for v in volumes):
        return None
    whole = sum((Fraction(v) for v in volumes if v is not None), Fraction(0))
    found = allocation_facts.worked(infusion.allocation)
    share = found.plan.share if found else Fraction(1)
    counted, target = expected_viable(infusion, preparations), prescribed_viable(infusion.allocation)
    if counted and target:
        limit = 1 + Fraction(found.given.limits.accept, dose.PERCENT) if found else Fraction(1)
        share = Fraction(1) if counted <= target * limit else target / counted
    return decimal_of(whole * share, 3)


def facts(infusions: list[Infusion]) -> dict[int, Facts]:
    """What the moves of infusions judge, for many at once."""
    allocations = list({one.allocation_id: one.allocation for one in infusions}.values())
    against = {
        key: (*first, *second)
        for (key, first), second in zip(
            standing.patients(allocations).items(), standing.chains(allocations).values(), strict=True
        )
    }
    weights = allocation_facts.weights(allocations)
    links = links_of(infusions)
    holds = ready_holds()
    floor: int = parameters.value(tolerances.MEASURED_FLOOR)
    now = clock.now()
    made = {}
    for one in infusions:
        a = one.allocation
        prepared = live(links[one.id])
        first_thaw = min((p.first_thaw_at for p in prepared), default=None)
        window = timedelta(minutes=min((p.window_minutes for p in prepared), default=0))
        counted, target = expected_viable(one, prepared), prescribed_viable(a)
        percent = dose.percent_shown(counted / target) if counted is not None and target else None
        is_low = counted is not None and target is not None and counted * dose.PERCENT < target * floor
        held = allocation_facts.held_rows([a])[a.id]
        made[one.id] = Facts(
            now=now,
            is_reserved=a.state in ON_ITS_WAY,
            is_dispensed=a.state is AllocationState.DISPENSED,
            ready_at=one.ready_at if one.state is not State.PLANNED else None,
            thawed_at=one.thawed_at if prepared else None,
            ready_holds=holds,
            standing=(*against[a.id], *_against_vials(prepared, one)),
            preparations=tuple(
                PreparationFacts(
                    p.code, p.state is PreparationState.READY, p.state is PreparationState.GIVEN, p.expires_at
                )
                for p in prepared
            ),
            light=None
            if first_thaw is None
            else stability.light(first_thaw, now, timedelta(minutes=one.planned_minutes), window),
            elapsed_minutes=0
            if first_thaw is None
            else stability.elapsed(first_thaw, now) // timedelta(minutes=1),
            window_minutes=window // timedelta(minutes=1),
            window_decided=one.window_decided_at is not None,
            measured_percent=percent,
            floor_percent=floor,
            is_low=is_low,
            low_choice=one.low_dose_choice.value if one.low_dose_choice else None,
            has_spare=any(row.is_spare and row.vial.thawed_at is None for row in held),
            weight_open=is_weight_open(allocation_facts.weight_facts(weights.get(a.id))),
        )
    return made


def _against_vials(preparations: list[Preparation], infusion: Infusion) -> list[Obstacle]:
    """What stands against thawed vials now: a hold after the thaw stops the start (invariant 17)."""
    if infusion.state not in (*BEFORE, *RUNNING):
        return []
    found: list[Obstacle] = []
    for p in preparations:
        against = against_vials(p.allocation, preparing.vials_of(p))
        if against is not None:
            found.append(against)
    return found


def ready_holds() -> timedelta:
    """How long the ward's confirmation holds while nothing is thawed."""
    minutes: int = parameters.value(rules.READY_HOLDS)
    return timedelta(minutes=minutes)


def is_ready(infusion: Infusion) -> bool:
    """Whether the ward's confirmation holds now; otherwise ``ready`` counts as planned."""
    return infusion.state is State.READY and rules.is_ready(
        infusion.ready_at, infusion.thawed_at, clock.now(), ready_holds()
    )


@infused_check
def infused(recipient_ids: list[int]) -> set[int]:
    """The recipients among these into whom cells have gone."""
    return set(
        session.scalars(
            select(Infusion.recipient_id).where(
                any_of(Infusion.recipient_id, recipient_ids), Infusion.state.in_(GIVEN)
            )
        )
    )


@given_now_check
def given_now(vial_ids: list[int]) -> set[int]:
    """The vials among these of an infusion that has begun and whose record is not closed."""
    return set(
        session.scalars(
            select(PreparationVial.vial_id)
            .join(InfusionPreparation, InfusionPreparation.preparation_id == PreparationVial.preparation_id)
            .join(Infusion, Infusion.id == InfusionPreparation.infusion_id)
            .where(any_of(PreparationVial.vial_id, vial_ids), Infusion.state.in_((*RUNNING, State.STOPPED)))
        )
    )


@last_use_check
def last_given(kind: str, codes: list[str]) -> dict[str, date]:
    """The last day on which cells went into these recipients, or cells of these donors into anybody."""
    reached = links.reach_each(kind, codes, "infusion")
    every = sorted({one for found in reached.values() for one in found})
    asked = select(Infusion.code, Infusion.infused_on).where(any_of(Infusion.code, every))
    given = {code: day for code, day in session.execute(asked) if day is not None}
    days = {code: [given[one] for one in found if one in given] for code, found in reached.items()}
    return {code: max(found) for code, found in days.items() if found}


LIFE.facts = facts
