"""What the infusion tells other pages, the trace, the worklists and the clocks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.states import PreparationState
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import Sentence, _
from mscbank.core.links import Clock, Fact, Panel, Task
from mscbank.family.models import Recipient
from mscbank.infusion import facts
from mscbank.infusion.models import Infusion, InfusionPreparation
from mscbank.infusion.states import LIFE, WARD, State

MOST = 50
AT_WORK = (State.PLANNED, State.READY, State.CHECKED, State.STARTED, State.INTERRUPTED, State.STOPPED)

links.edge(
    "allocation", "infusion",
    select(Allocation.code, Infusion.code).join(Infusion, Infusion.allocation_id == Allocation.id),
    "was given as",
)  # fmt: skip
links.edge(
    "preparation", "infusion",
    select(Preparation.code, Infusion.code)
    .join(InfusionPreparation, InfusionPreparation.preparation_id == Preparation.id)
    .join(Infusion, Infusion.id == InfusionPreparation.infusion_id),
    "was given in",
)  # fmt: skip
links.edge(
    "infusion", "recipient",
    select(Infusion.code, Recipient.code).join(Recipient, Recipient.id == Infusion.recipient_id),
    "was for",
)  # fmt: skip


@links.describes("infusion")
def describe(codes: list[str]) -> list[Fact]:
    """Infusions for the trace."""
    return [
        Fact(
            "infusion", one.code, str(_("Infusion of %(who)s", who=one.recipient.called)),
            LIFE.word(one.state),
            {"day": one.infused_on or one.planned_on, "volume": one.volume_given_ml, "ward": one.ward},
        )
        for one in session.scalars(select(Infusion).where(any_of(Infusion.code, codes)))
    ]  # fmt: skip


# --- for earlier pages --------------------------------------------------------------------------


def _listed(found: list[Infusion], opens: str | None = None) -> dict[str, Any]:
    return {
        "opens": opens,
        "rows": [
            {
                "code": one.code, "url": url_for("infusions.show", code=one.code),
                "who": one.recipient.called, "sign": LIFE.sign(one.state), "state": LIFE.word(one.state),
                "day": one.infused_on or one.planned_on, "happened": one.as_happened,
            }
            for one in found
        ],
    }  # fmt: skip


def _panel(found: list[Infusion], opens: str | None = None) -> Panel | None:
    if not found and opens is None:
        return None
    return Panel(_("Infusion"), "infusion/panel.html", _listed(found, opens))


@links.panel("allocation")
def of_allocation(a: Allocation, by: Principal) -> Panel | None:
    """When this prescription is, or was, given."""
    rows = session.scalars(
        select(Infusion).where(Infusion.allocation_id == a.id).order_by(Infusion.id.desc())
    )
    found = list(rows)
    live = any(one.state is not State.CANCELLED for one in found)
    under_way = a.state in (
        AllocationState.PRESCRIBED, AllocationState.VERIFIED, AllocationState.RESERVED,
        AllocationState.DISPENSED,
    )  # fmt: skip
    may = by.holds((Role.PRESCRIBER, Role.PHARMACIST, *WARD), a.site) is not None
    opens = url_for("infusions.form_new", allocation=a.code) if under_way and may and not live else None
    return _panel(found, opens)


@links.panel("recipient")
def of_recipient(recipient: Recipient, by: Principal) -> Panel | None:
    """What was given to this patient."""
    rows = session.scalars(
        select(Infusion).where(Infusion.recipient_id == recipient.id).order_by(Infusion.id.desc())
    )
    return _panel(list(rows))


@links.panel("preparation")
def of_preparation(p: Preparation, by: Principal) -> Panel | None:
    """In which infusion this preparation is, or was, given."""
    rows = session.scalars(
        select(Infusion)
        .join(InfusionPreparation, InfusionPreparation.infusion_id == Infusion.id)
        .where(InfusionPreparation.preparation_id == p.id)
    )
    return _panel(list(rows))


# --- the worklist -------------------------------------------------------------------------------


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """What each role has to do at the bedside."""
    if by.holds((*WARD, Role.LAB_TECH, Role.PHARMACIST, Role.PRESCRIBER)) is None:
        return []
    rows = session.scalars(
        select(Infusion).where(Infusion.state.in_(AT_WORK)).order_by(Infusion.id.desc()).limit(MOST)
    )
    listed = [one for one in rows if by.sees(one.site)]
    prepared = {key: facts.live(found) for key, found in facts.links_of(listed).items()}
    return [task for one in listed for task in _tasks(one, prepared[one.id], by)]


def _task(one: Infusion, title: Sentence, button: Sentence, due: Any = None) -> Task:
    return Task(
        step="infusion", title=title, detail=f"{one.code} · {one.ward}", button=button,
        url=url_for("infusions.show", code=one.code), due=due or one.planned_on, sign=LIFE.sign(one.state),
        thing=("infusion", one.code),
    )  # fmt: skip


def _tasks(one: Infusion, prepared: list[Preparation], by: Principal) -> Iterator[Task]:
    who = one.recipient.called
    ward, lab = by.holds(WARD, one.site), by.holds((Role.LAB_TECH, Role.PHARMACIST), one.site)
    due = window_end(one, prepared)
    ready = facts.is_ready(one)
    if one.state is State.PLANNED and ward:
        yield _task(one, _("Confirm that %(who)s is ready", who=who), _("Confirm"))
    if one.state is State.READY and not ready and ward:
        yield _task(one, _("Confirm %(who)s again: the confirmation is over", who=who), _("Confirm"))
    if one.state is State.READY and ready and not prepared and (lab or ward):
        yield _task(one, _("Thaw for %(who)s: the ward is ready", who=who), _("Thaw"))
    making = [p for p in prepared if p.state is PreparationState.IN_MAKING]
    if one.state is State.READY and making and (lab or ward):
        yield _task(one, _("Finish the preparation for %(who)s", who=who), _("Open"), due)
    if one.state is State.READY and prepared and not making and ward:
        yield _task(one, _("Check %(who)s at the bedside", who=who), _("Check"), due)
    if one.state is State.CHECKED and ward:
        yield _task(one, _("Start the infusion of %(who)s", who=who), _("Start"), due)
    if one.state in (State.STARTED, State.INTERRUPTED, State.STOPPED) and ward:
        yield _task(one, _("Complete the infusion of %(who)s", who=who), _("Open"), due)


def window_end(one: Infusion, prepared: list[Preparation]) -> Any:
    """When the stability window of the first thaw ends; ``None`` before any thaw."""
    return min((p.first_thaw_at + timedelta(minutes=p.window_minutes) for p in prepared), default=None)


@links.clock
def running(by: Principal) -> list[Clock]:
    """How long the ward's word still holds while nothing is thawed."""
    rows = session.scalars(
        select(Infusion).where(Infusion.state == State.READY, Infusion.thawed_at.is_(None)).limit(MOST)
    )
    now, holds = clock.now(), facts.ready_holds()
    return [
        Clock(
            title=_("%(who)s is ready", who=one.recipient.called), detail=one.ward, start=one.ready_at,
            limit=one.ready_at + holds, url=url_for("infusions.show", code=one.code),
        )
        for one in rows
        if by.sees(one.site) and one.ready_at is not None and now - one.ready_at <= holds
    ]  # fmt: skip
