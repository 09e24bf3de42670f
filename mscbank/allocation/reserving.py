"""From verified to dispensed: vials are reserved, picked by two, dispensed, or come back unopened."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from mscbank.allocation import facts, held, prescribing, rules, signed, weighing
from mscbank.allocation.calculation import Worked
from mscbank.allocation.dose import PlanKind
from mscbank.allocation.models import AllocatedVial, Allocation
from mscbank.allocation.states import LIFE, State
from mscbank.core import acts, clock, messages, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.messages import Touched
from mscbank.core.types import decimal_of
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition, Reservation
from mscbank.custody.words import HolderKind, Scan
from mscbank.family.enrolling import LEFT
from mscbank.family.models import Recipient

RESERVED_HOURS = parameters.declare(
    "allocation.reserved_hours", 72, unit="h", source="ours",
    meaning="From then on a reservation is shown as overdue; it lapses never by itself", least=1, most=8760,
)  # fmt: skip

PLAN_CHANGED = Refusal(
    "allocation.plan_changed",
    "What was verified (%(verified)s vials) is no longer what the stock gives (%(now)s): verify it again.",
    Role.PHARMACIST,
)
OTHER_BATCH = Refusal(
    "allocation.other_batch", "Vial %(vial)s is of batch %(batch)s: a dose comes from one batch."
)
NOT_HELD = Refusal("allocation.not_held", "Vial %(vial)s is not held for this prescription.", Role.PHARMACIST)
PICK_LATER = Refusal("allocation.not_reserved", "Vials are picked when they are reserved.", Role.PHARMACIST)
NO_RETURN = Refusal(
    "allocation.no_return",
    "Vials come back while they are reserved, or as spares of a completed prescription.",
)
NOTHING_FREE = Refusal("allocation.no_spare", "No other vial of this batch is free to be the spare.")
PICKED_ONE = Refusal(
    "allocation.picked_one", "Vial %(vial)s was picked already: take it back before another is reserved.",
    Role.LAB_TECH,
)  # fmt: skip


def _upstream_and(a: Allocation, vials: Iterable[Vial]) -> list[Any]:
    return [*signed.with_vials(a), *custody.locks_of(vials)]


# --- reserve ------------------------------------------------------------------------------------


def _worked(a: Allocation, vials: Sequence[Vial] | None) -> Worked:
    for vial in vials or ():
        if vial.batch_id != a.batch_id:
            raise Refused(OTHER_BATCH(vial=vial.called, batch=vial.batch.code))
    found = facts.worked(a, chosen=vials)
    if found is None:
        raise Refused(rules.NO_VIALS())
    return found


def _to_hold(
    a: Allocation, vials: Sequence[Vial] | None, spares: int
) -> tuple[Worked, list[Vial], list[Vial]]:
    """The dose, the vials that give it, and as many of the next ones as spares."""
    found = _worked(a, vials)
    taken = [vial.code for vial in found.vials]
    beyond = [c.code for c in found.proposal.order if c.code not in taken][:spares]
    rows = session.scalars(select(Vial).where(any_of(Vial.code, [*taken, *beyond])))
    by_code = {vial.code: vial for vial in rows}
    return found, [by_code[code] for code in taken], [by_code[code] for code in beyond]


def _reserve_locks(
    a: Allocation, *, vials: Sequence[Vial] | None = None, spares: int = 0, **_: Any
) -> list[Any]:
    try:
        _found, taken, beyond = _to_hold(a, vials, spares)
    except Refused:
        return signed.with_vials(a)
    return _upstream_and(a, [*taken, *beyond])


@does(LIFE, "reserve", locks=_reserve_locks)
def reserve(a: Allocation, *, by: Principal, vials: Sequence[Vial] | None = None, spares: int = 0) -> None:
    """Reserve the vials of the verified dose; nobody else can take them any more (invariant 5)."""
    found, taken, beyond = _to_hold(a, vials, spares)
    if len(beyond) < spares:
        raise Refused(NOTHING_FREE())
    judged = facts.judge_dose(a, found)
    if judged is not None:
        raise Refused(judged)
    _as_verified(a, found)
    wanted = {vial.id for vial in (*taken, *beyond)}
    kept = set()
    for row in facts.held_rows([a])[a.id]:
        if row.vial_id in wanted:
            kept.add(row.vial_id)
        elif row.picked_at is not None:
            raise Refused(PICKED_ONE(vial=row.vial.called))
        else:
            held.let_go(row, by)
    session.flush()
    fresh = [vial for vial in (*taken, *beyond) if vial.id not in kept]
    held.take(a, fresh, by, spares=frozenset(vial.code for vial in beyond))
    hours: int = parameters.value(RESERVED_HOURS)
    a.reserved_at = clock.now()
    a.reserved_until = a.reserved_at + timedelta(hours=hours)


def _as_verified(a: Allocation, found: Worked) -> None:
    """What is reserved is what was signed: as many vials, the same dose."""
    last = signed.last_dose(a)
    planned = decimal_of(found.plan.planned_viable, 3)
    if last is None or last.vials != found.plan.vials or last.planned_viable != planned:
        raise Refused(PLAN_CHANGED(verified=last.vials if last else 0, now=found.plan.vials))


def _both_open(a: Allocation, by: Principal) -> Obstacle | None:
    return LIFE.obstacle(LIFE["verify"], a, LIFE.facts_of([a])[a.id], by)


@action(
    "allocation.verify_and_reserve", role=Role.PHARMACIST, unless=_both_open, locks=_reserve_locks,
    signs="verification", content=signed.what_is_verified,
)  # fmt: skip
def verify_and_reserve(
    a: Allocation, *, by: Principal, plan: PlanKind | None = None, vials: Sequence[Vial] | None = None,
    spares: int = 0, compared: bool = False,
) -> None:  # fmt: skip
    """Verify every line of the dose as a second person, and reserve its vials with the same signature."""
    if vials is not None:
        plan = _worked(a, vials).plan.kind if plan is None else plan
    prescribing.verify(a, by=by, plan=plan, vials=vials, compared=compared)
    reserve(a, by=by, vials=vials, spares=spares)


# --- pick, dispense -----------------------------------------------------------------------------


def _rows(a: Allocation, vials: Iterable[Vial]) -> list[AllocatedVial]:
    by_vial = {row.vial_id: row for row in facts.held_rows([a])[a.id]}
    found = []
    for vial in vials:
        if vial.id not in by_vial:
            raise Refused(NOT_HELD(vial=vial.called))
        found.append(by_vial[vial.id])
    return found


def _pickable(a: Allocation, by: Principal) -> Obstacle | None:
    if a.state is not State.RESERVED:
        return PICK_LATER()
    return rules.not_pickable(LIFE.facts_of([a])[a.id])


def what_is_handled(a: Allocation) -> dict[str, Any]:
    """What is signed when vials are picked or given out, beside the vials: for whom, of which batch."""
    return {"allocation": a.code, "recipient": a.recipient.code, "batch": a.batch.code}


@action(
    "allocation.pick", role=(Role.LAB_TECH, Role.PHARMACIST), unless=_pickable,
    locks=lambda a, *, vials, **_: _upstream_and(a, vials), signs=("picked", "picking checked"),
    by_badge=True, content=what_is_handled,
)  # fmt: skip
def pick(a: Allocation, *, by: Principal, vials: list[Vial], scan: Scan = Scan.NONE) -> None:
    """Take reserved vials out of their positions; a second person checks each."""
    second = acts.current().signers["picking checked"]
    if not vials:
        raise invalid(vials=["Scan the vials that are picked."])
    rows = _rows(a, vials)
    custody.pick.each(vials, by=by, recipient=a.recipient, second=second, scan=scan)
    for row in rows:
        row.picked_by, row.picked_at, row.pick_checked_by = by.login, clock.now(), second


@does(
    LIFE, "dispense", content=what_is_handled, locks=lambda a, **_: _upstream_and(a, held.vials_of(a)),
)  # fmt: skip
def dispense(a: Allocation, *, by: Principal, to: str) -> None:
    """Give the picked vials out for the patient, to the ward that is named."""
    rows = facts.held_rows([a])[a.id]
    vials = [row.vial for row in rows]
    custody.dispense.each(vials, by=by, holder_kind=HolderKind.SITE, holder=to, recipient=a.recipient)
    for row in rows:
        row.dispensed_at = clock.now()
    a.dispensed_by, a.dispensed_at = by.login, clock.now()


# --- come back ----------------------------------------------------------------------------------


def _take_back(rows: Iterable[AllocatedVial], by: Principal, reason: str) -> None:
    for row in rows:
        if row.vial.reservation in (Reservation.PICKED, Reservation.DISPENSED):
            custody.return_unopened(row.vial, by=by, reason=reason)
        held.let_go(row, by)


def _returnable(a: Allocation, by: Principal) -> Obstacle | None:
    return None if a.state in (State.RESERVED, State.NEEDS_REVIEW, State.COMPLETED) else NO_RETURN()


@action(
    "allocation.take_back", role=(Role.LAB_TECH, Role.PHARMACIST), reason=True, unless=_returnable,
    locks=lambda a, *, vials: [*vials, *custody.locks_of(vials)],
)  # fmt: skip
def take_back(a: Allocation, *, by: Principal, reason: str, vials: list[Vial]) -> None:
    """Take picked vials, or the spare of a completed one, back unopened; they are on hold at first."""
    _take_back(_rows(a, vials), by, reason)
    if a.state is State.RESERVED:
        weighing.flag(a, by=by, reason=reason)


@does(LIFE, "come_back", reason=True, locks=lambda a, **_: _upstream_and(a, held.vials_of(a)))
def come_back(a: Allocation, *, by: Principal, reason: str) -> None:
    """All dispensed vials came back unopened; they are on hold until their journey is judged."""
    _take_back(facts.held_rows([a])[a.id], by, reason)


@does(LIFE, "waste", reason=True, locks=lambda a, **_: _upstream_and(a, held.vials_of(a)))
def waste(a: Allocation, *, by: Principal, reason: str) -> None:
    """What was thawed is discarded; vials that were not come back."""
    rows = facts.held_rows([a])[a.id]
    _take_back([row for row in rows if row.vial.condition is Condition.FROZEN], by, reason)
    for row in rows:
        if row.freed_at is None:
            held.close(row, by)


# --- what others do -----------------------------------------------------------------------------


def _holding(touched: Touched) -> list[Allocation]:
    """The prescriptions that hold one of these vials."""
    codes = [code for kind, code in touched if kind == "vial"]
    return list(
        session.scalars(
            select(Allocation)
            .join(AllocatedVial, AllocatedVial.allocation_id == Allocation.id)
            .join(Vial, Vial.id == AllocatedVial.vial_id)
            .where(any_of(Vial.code, codes), AllocatedVial.freed_at.is_(None))
            .order_by(Allocation.id)
        ).unique()
    )


@messages.consequence(custody.VIAL_GONE, locks=_holding)
def _lose_vial(*, touched: Touched, **_payload: Any) -> None:
    """A vial that was kept for a patient is no more: the pharmacist looks again."""
    by = acts.current().by
    gone = {code for kind, code in touched if kind == "vial"}
    for a in _holding(touched):
        for row in facts.held_rows([a])[a.id]:
            if row.vial.code in gone and not row.vial.as_happened:
                held.close(row, by)
        if a.state is State.RESERVED:
            weighing.flag(a, by=by, reason="a vial that was reserved is no more")


def _of_people(touched: Touched) -> list[Allocation]:
    """The prescriptions of these people that wait for something."""
    codes = [code for kind, code in touched if kind == "recipient"]
    waiting = (State.PRESCRIBED, State.VERIFIED, State.RESERVED)
    return list(
        session.scalars(
            select(Allocation)
            .join(Recipient, Recipient.id == Allocation.recipient_id)
            .where(any_of(Recipient.code, codes), Allocation.state.in_(waiting))
            .order_by(Allocation.id)
        )
    )


@messages.consequence(LEFT, locks=_of_people)
def _patient_left(*, touched: Touched, **_payload: Any) -> None:
    """Who left the study is not infused: the pharmacist looks, and cancels."""
    for a in _of_people(touched):
        weighing.flag(a, by=acts.current().by, reason="the patient has left the study")
