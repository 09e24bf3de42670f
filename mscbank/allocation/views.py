"""What the dose tells other pages, the trace, the worklists and the clocks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from mscbank.allocation.facts import held_rows
from mscbank.allocation.models import (
    AllocatedVial,
    Allocation,
    Diluent,
    Preparation,
    PreparationVial,
)
from mscbank.allocation.states import LIFE, PREPARATION_LIFE, TRANSCRIBES, PreparationState, State
from mscbank.batch.models import Batch, MaterialLot
from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.i18n import Sentence, _
from mscbank.core.links import Clock, Fact, Panel, Task
from mscbank.custody.models import Vial
from mscbank.custody.states import Reservation
from mscbank.family.models import Recipient

MOST = 50

links.edge(
    "batch", "allocation",
    select(Batch.code, Allocation.code).join(Allocation, Allocation.batch_id == Batch.id), "is prescribed in",
)  # fmt: skip
links.edge(
    "vial", "allocation",
    select(Vial.code, Allocation.code)
    .join(AllocatedVial, AllocatedVial.vial_id == Vial.id)
    .join(Allocation, Allocation.id == AllocatedVial.allocation_id)
    .where(AllocatedVial.freed_at.is_(None)),
    "is kept for",
)  # fmt: skip
links.edge(
    "vial", "preparation",
    select(Vial.code, Preparation.code)
    .join(PreparationVial, PreparationVial.vial_id == Vial.id)
    .join(Preparation, Preparation.id == PreparationVial.preparation_id),
    "was thawed into",
)  # fmt: skip
links.edge(
    "allocation", "preparation",
    select(Allocation.code, Preparation.code).join(Preparation, Preparation.allocation_id == Allocation.id),
    "was prepared as",
)  # fmt: skip
links.edge(
    "material_lot", "preparation",
    select(MaterialLot.code, Preparation.code)
    .join(Diluent, Diluent.lot_id == MaterialLot.id)
    .join(Preparation, Preparation.id == Diluent.preparation_id),
    "diluted",
)  # fmt: skip


@links.describes("allocation")
def describe(codes: list[str]) -> list[Fact]:
    """Prescriptions for the trace."""
    return [
        Fact(
            "allocation", a.code, str(_("Prescription %(code)s", code=a.code)), LIFE.word(a.state),
            {"level": a.dose_level.number, "for": a.recipient.called, "day": a.infusion_on}
            | ({"transcribed from paper of": a.paper_on} if a.paper_on is not None else {}),
        )
        for a in session.scalars(select(Allocation).where(any_of(Allocation.code, codes)))
    ]  # fmt: skip


@links.describes("preparation")
def describe_preparations(codes: list[str]) -> list[Fact]:
    """Preparations for the trace."""
    return [
        Fact(
            "preparation", p.code, str(_("Preparation %(code)s", code=p.code)),
            PREPARATION_LIFE.word(p.state),
            {"thawed": p.first_thaw_at, "expires": p.expires_at, "volume": p.volume_ml},
        )
        for p in session.scalars(select(Preparation).where(any_of(Preparation.code, codes)))
    ]  # fmt: skip


# --- for earlier pages --------------------------------------------------------------------------


def _listed(allocations: list[Allocation]) -> dict[str, Any]:
    return {
        "rows": [
            {
                "code": a.code, "url": url_for("allocations.show", code=a.code), "who": a.recipient.called,
                "sign": LIFE.sign(a.state), "state": LIFE.word(a.state), "day": a.infusion_on,
            }
            for a in allocations
        ]
    }  # fmt: skip


@links.panel("batch")
def of_batch(batch: Batch, by: Principal) -> Panel | None:
    """Who was prescribed cells of this batch."""
    found = list(
        session.scalars(
            select(Allocation).where(Allocation.batch_id == batch.id).order_by(Allocation.id.desc())
        )
    )
    if not found:
        return None
    return Panel(_("Prescriptions"), "allocation/panel.html", _listed(found))


@links.panel("recipient")
def of_recipient(recipient: Recipient, by: Principal) -> Panel | None:
    """What was prescribed for this patient."""
    found = list(
        session.scalars(
            select(Allocation).where(Allocation.recipient_id == recipient.id).order_by(Allocation.id.desc())
        )
    )
    context = _listed(found)
    if by.holds(Role.PRESCRIBER, recipient.site):
        context["opens"] = url_for("allocations.form_new", recipient=recipient.code)
    return (
        Panel(_("Prescriptions"), "allocation/panel.html", context) if found or "opens" in context else None
    )


@links.panel("vial")
def of_vial(vial: Vial, by: Principal) -> Panel | None:
    """For whom this vial is kept, or was."""
    found = list(
        session.scalars(
            select(Allocation)
            .join(AllocatedVial, AllocatedVial.allocation_id == Allocation.id)
            .where(AllocatedVial.vial_id == vial.id, AllocatedVial.freed_at.is_(None))
            .order_by(Allocation.id)
        )
    )
    return Panel(_("Reserved for"), "allocation/panel.html", _listed(found)) if found else None


# --- the worklist -------------------------------------------------------------------------------

WAITS: dict[State, tuple[tuple[Role, ...], Sentence, Sentence]] = {
    State.DRAFT: ((Role.PRESCRIBER,), _("Prescribe for %(who)s"), _("Prescribe")),
    State.PRESCRIBED: ((Role.PHARMACIST,), _("Verify the dose of %(who)s"), _("Verify")),
    State.VERIFIED: ((Role.PHARMACIST,), _("Reserve the vials of %(who)s"), _("Reserve")),
    State.NEEDS_REVIEW: ((Role.PHARMACIST,), _("Look again at the dose of %(who)s"), _("Review")),
    State.RETURNED: ((Role.PHARMACIST,), _("Plan the dose of %(who)s again"), _("Open")),
    State.WASTED: ((Role.PHARMACIST,), _("Plan the dose of %(who)s again"), _("Open")),
}
PAPER_WAITS: dict[State, tuple[tuple[Role, ...], Sentence, Sentence]] = {
    State.DRAFT: (TRANSCRIBES, _("Sign the transcription for %(who)s"), _("Transcribe")),
    State.PRESCRIBED: (
        (Role.PHARMACIST,), _("Compare the transcribed prescription of %(who)s with its paper"), _("Verify"),
    ),
}  # fmt: skip
WORKERS = (Role.PRESCRIBER, Role.PHARMACIST, Role.LAB_TECH, Role.NURSE)
AT_WORK = (*WAITS, State.RESERVED, State.COMPLETED)


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """What each role has to do for a dose."""
    if by.holds(WORKERS) is None:
        return []
    statement = (
        links.narrowed(select(Allocation), Allocation)
        .where(Allocation.state.in_(AT_WORK))
        .options(
            joinedload(Allocation.recipient).selectinload(Recipient.enrolments), joinedload(Allocation.batch)
        )
        .order_by(Allocation.id.desc())
    )
    listed = [a for a in session.scalars(statement.limit(4 * MOST)) if by.sees(a.site)]
    rows = held_rows(listed)
    _vials = at_hand(Vial, (row.vial_id for held in rows.values() for row in held))
    return [task for a in listed for task in _tasks(a, rows[a.id], by)][:MOST]


def _task(a: Allocation, title: Sentence, button: Sentence, detail: str = "", due: Any = None) -> Task:
    return Task(
        step="allocation", title=title, url=url_for("allocations.show", code=a.code), button=button,
        detail=detail or f"{a.code} · {a.batch.code}", due=due or a.infusion_on, sign=LIFE.sign(a.state),
        thing=("allocation", a.code),
    )  # fmt: skip


def _tasks(a: Allocation, rows: list[AllocatedVial], by: Principal) -> Iterator[Task]:
    who = a.recipient.called
    if a.state in WAITS:
        waits = PAPER_WAITS if a.paper_on is not None and a.state in PAPER_WAITS else WAITS
        roles, title, button = waits[a.state]
        if by.holds(roles, a.site):
            yield _task(a, _(title.msgid, who=who), button)
        return
    open_rows = [row for row in rows if row.picked_at is None]
    if a.state is State.RESERVED and open_rows and by.holds(Role.LAB_TECH, a.site):
        yield _task(a, _("Pick %(count)s vials for %(who)s", count=len(open_rows), who=who), _("Pick"))
    if a.state is State.RESERVED and rows and not open_rows and by.holds(Role.PHARMACIST, a.site):
        yield _task(a, _("Dispense %(count)s vials for %(who)s", count=len(rows), who=who), _("Dispense"))
    if a.state is State.RESERVED and open_rows and _overdue(a) and by.holds(Role.PHARMACIST, a.site):
        yield _task(a, _("The reservation for %(who)s is overdue", who=who), _("Open"), due=a.reserved_until)
    spare = [row for row in rows if row.vial.reservation in (Reservation.PICKED, Reservation.DISPENSED)]
    if a.state is State.COMPLETED and spare and by.holds((Role.LAB_TECH, Role.PHARMACIST), a.site):
        yield _task(a, _("Take the spare vial of %(who)s back", who=who), _("Take back"))


def _overdue(a: Allocation) -> bool:
    return a.reserved_until is not None and a.reserved_until < clock.now()


# --- clocks -------------------------------------------------------------------------------------


@links.clock
def running(by: Principal) -> list[Clock]:
    """The stability window of everything that is thawed and neither given nor discarded."""
    open_states = (PreparationState.IN_MAKING, PreparationState.READY)
    rows = session.scalars(
        select(Preparation).where(Preparation.state.in_(open_states)).order_by(Preparation.id).limit(MOST)
    )
    return [
        Clock(
            title=_("Give to %(who)s", who=p.allocation.recipient.called), detail=p.code,
            start=p.first_thaw_at, limit=p.first_thaw_at + timedelta(minutes=p.window_minutes),
            url=url_for("preparations.show", code=p.code),
        )
        for p in rows
        if by.sees(p.site)
    ]  # fmt: skip
