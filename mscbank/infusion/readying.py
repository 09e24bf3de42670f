"""Before anything is warm: planned, confirmed ready by the ward, thawed; or given up."""

from datetime import date

from mscbank.allocation import actions as allocations
from mscbank.allocation import facts as allocation_facts
from mscbank.allocation import preparing, signed, standing
from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.reserving import NOT_HELD
from mscbank.allocation.states import PreparationState
from mscbank.allocation.states import State as AllocationState
from mscbank.core import acts, clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, first, invalid
from mscbank.core.i18n import _, n_
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.words import Scan
from mscbank.infusion import facts, gates, rules
from mscbank.infusion.models import (
    Infusion,
    InfusionPreparation,
    ReadyCheck,
)
from mscbank.infusion.states import LIFE, WARD, State

PLANS = (Role.PRESCRIBER, Role.PHARMACIST, Role.INVESTIGATOR, Role.NURSE)
THAWS = (Role.NURSE, Role.LAB_TECH, Role.PHARMACIST)
UNDER_WAY = (
    AllocationState.PRESCRIBED, AllocationState.VERIFIED, AllocationState.RESERVED, AllocationState.DISPENSED,
)  # fmt: skip
NOT_UNDER_WAY = Refusal(
    "infusion.not_prescribed", "An infusion is planned for a prescription that is under way.", Role.PRESCRIBER
)
NOT_PLANNED = Refusal("infusion.not_planned", "Only what is planned and not yet ready gets another day.")
IS_CANCELLED = Refusal("infusion.cancelled", "This infusion was cancelled.")
NO_THAW_NOW = Refusal("infusion.no_thaw_now", "The infusion has begun: nothing more is thawed for it.")
CONFIRM_BOTH = n_("Confirm this, or leave it: nothing is thawed before.")


@action(
    "infusion.plan", role=PLANS, creates="infusion",
    locks=lambda *, allocation, **_: [*signed.upstream(allocation), *shared(allocation)],
)  # fmt: skip
def plan(
    *, by: Principal, allocation: Allocation, planned_on: date, ward: str, planned_minutes: int | None = None
) -> Infusion:
    """Plan the infusion of a prescription; a patient has one under a protocol (invariant 15)."""
    if allocation.state not in UNDER_WAY:
        raise Refused(NOT_UNDER_WAY())
    if found := first(standing.patients([allocation])[allocation.id]):
        raise Refused(found)
    zone = allocation.protocol.infusion_zone
    if planned_on < clock.today(zone):
        raise invalid(planned_on=["This day has passed."])
    made = Infusion(
        code=new_code("infusion"), site=allocation.site, allocation=allocation,
        recipient=allocation.recipient, protocol=allocation.protocol, planned_on=planned_on,
        ward=ward, zone=zone, planned_by=by.login,
        planned_minutes=planned_minutes or allocation.infusion_minutes,
    )  # fmt: skip
    session.add(made)
    return made


def _is_planned(one: Infusion, by: Principal) -> Obstacle | None:
    return None if one.state is State.PLANNED else NOT_PLANNED()


@action("infusion.replan", role=PLANS, reason=True, unless=_is_planned)
def replan(one: Infusion, *, planned_on: date, ward: str, planned_minutes: int) -> None:
    """Give it another day, ward or duration."""
    if planned_on < clock.today(one.zone):
        raise invalid(planned_on=["This day has passed."])
    one.planned_on, one.ward, one.planned_minutes = planned_on, ward, planned_minutes


@does(
    LIFE, "confirm_ready", by_badge=True, content=gates.for_whom,
    locks=lambda one, **_: [one.allocation, *signed.upstream(one.allocation)],
)  # fmt: skip
def confirm_ready(
    one: Infusion, *, by: Principal, is_fit: bool, line_is_open: bool, premedication: str, weight: int,
    confirmed: bool = False,
) -> None:  # fmt: skip
    """The ward confirms patient, line, premedication and weight, two people; it holds for an hour."""
    faults = {name: [str(_(CONFIRM_BOTH))] for name, is_so in
              (("is_fit", is_fit), ("line_is_open", line_is_open)) if not is_so}  # fmt: skip
    if faults:
        raise invalid(**faults)
    second = gates.second_person("ready, second person", WARD, one.site)
    allocations.record_weight(
        one.allocation, by=by, weight=weight, weighed_where=one.ward, confirmed=confirmed
    )
    number = len(one.ready_checks) + 1
    one.ready_at = clock.now()
    session.add(
        ReadyCheck(
            infusion=one, number=number, confirmed_at=one.ready_at, confirmed_by=by.login,
            second_checker=second, is_fit=is_fit, line_is_open=line_is_open,
            premedication=premedication, weight_g=weight,
        )
    )  # fmt: skip


def _thawable(one: Infusion, by: Principal) -> Obstacle | None:
    if one.state not in (State.PLANNED, State.READY, State.CHECKED):
        return IS_CANCELLED() if one.state is State.CANCELLED else NO_THAW_NOW()
    return rules.not_thawable(facts.facts([one])[one.id])


@action(
    "infusion.thaw", role=THAWS, unless=_thawable, signs=("thawed", "thaw checked"), by_badge=True,
    content=gates.for_whom,
    locks=lambda one, *, vials, **_: [
        one.allocation, *facts.preparations_of(one), *signed.upstream(one.allocation),
        *custody.locks_of(vials),
    ],
)  # fmt: skip
def thaw(one: Infusion, *, by: Principal, vials: list[Vial], made_where: str, scan: Scan = Scan.NONE) -> None:
    """Thaw dispensed vials for the patient who is ready; the clock begins to run (invariant 17)."""
    second = gates.second_person("thaw checked", THAWS, one.site)
    at = acts.current().time
    if one.ready_at is not None and at < one.ready_at:
        raise Refused(rules.READY_FIRST())
    if not vials:
        raise invalid(vials=["Scan the vials that are thawed."])
    held = {row.vial_id: row for row in allocation_facts.held_rows([one.allocation])[one.allocation_id]}
    for vial in vials:
        if vial.id not in held:
            raise Refused(NOT_HELD(vial=vial.called))
    custody.thaw.each(vials, by=by, recipient=one.recipient, at=at, second=second, scan=scan)
    for vial in vials:
        held[vial.id].is_spare = False
    target = next(
        (p for p in facts.preparations_of(one) if p.state is PreparationState.IN_MAKING), None
    ) or _opened(one, by, made_where)
    preparing.thawed(target, by=by, vials=vials, at=at)
    one.thawed_at = min(one.thawed_at or at, at)


def _opened(one: Infusion, by: Principal, where: str) -> Preparation:
    made: Preparation = preparing.open_preparation(
        by=by, allocation=one.allocation, made_where=where, first_thaw_at=acts.current().time
    )
    link(one, made)
    return made


def link(one: Infusion, preparation: Preparation) -> None:
    """Say that a preparation is for this infusion."""
    number = len(facts.links_of([one])[one.id]) + 1 if one.id else 1
    session.add(InfusionPreparation(infusion=one, preparation=preparation, number=number))
    session.flush()


@does(LIFE, "cancel", reason=True)
def cancel(one: Infusion) -> None:
    """Give it up before it started; what was thawed is discarded first."""
