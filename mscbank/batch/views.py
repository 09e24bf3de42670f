"""What batches and lots show of themselves, and tell other pages, the trace and the worklists."""

from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.batch.models import Batch, MaterialLot, MaterialUse
from mscbank.batch.rules import unchecked
from mscbank.batch.states import BATCH, MATERIAL_LOT, BatchState, LotState
from mscbank.collection.models import Donation
from mscbank.collection.states import DonationState
from mscbank.collection.views import spaced
from mscbank.collection.zones import civil
from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Panel, Task
from mscbank.core.web.filters import day
from mscbank.family.models import Recipient
from mscbank.study.models import Protocol, Specification

MOST_TASKS = 50
MOST_ROWS = 50


def _batch_rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [
        {
            "batch": b,
            "din": spaced(b.donation.din),
            "for": b.directed_to.called,
            "state": (*BATCH.sign(b.state), BATCH.word(b.state)),
            "since": b.frozen_at or b.harvested_at or b.started_at or b.planned_at,
        }
        for b in batches
    ]


def _panel(condition: Any, by: Principal, plan: dict[str, str] | None = None) -> Panel | None:
    found = session.scalars(select(Batch).where(condition).order_by(Batch.id.desc()).limit(MOST_ROWS))
    rows = _batch_rows([batch for batch in found if by.sees(batch.site)])
    if not rows and plan is None:
        return None
    return Panel(_("Batches"), "batch/panel.html", {"rows": rows, "plan": plan})


@links.panel("donation")
def of_donation(donation: Donation, by: Principal) -> Panel | None:
    """The batches made of a donation, and where the next is planned."""
    may_plan = donation.state is DonationState.ACCEPTED and by.holds(Role.LAB_TECH, donation.site) is not None
    plan = {"donation": donation.code} if may_plan else None
    if plan is not None and donation.assessment.recipient is not None:
        plan["directed_to"] = donation.assessment.recipient.code
    return _panel(Batch.donation_id == donation.id, by, plan)


@links.panel("recipient")
def for_recipient(recipient: Recipient, by: Principal) -> Panel | None:
    """The batches that are directed to a recipient."""
    return _panel(Batch.directed_to_id == recipient.id, by)


@links.panel("protocol")
def of_protocol(protocol: Protocol, by: Principal) -> Panel | None:
    """The latest batches of a protocol."""
    return _panel(Batch.protocol_id == protocol.id, by)


@links.panel("specification")
def by_specification(specification: Specification, by: Principal) -> Panel | None:
    """The latest batches that are judged by an edition of a specification."""
    return _panel(Batch.specification_id == specification.id, by)


links.edge(
    "donation",
    "batch",
    select(Donation.code, Batch.code).join(Batch, Batch.donation_id == Donation.id),
    "was cultured as",
)
links.edge(
    "material_lot",
    "batch",
    select(MaterialLot.code, Batch.code)
    .join(MaterialUse, MaterialUse.lot_id == MaterialLot.id)
    .join(Batch, Batch.id == MaterialUse.batch_id)
    .where(MaterialUse.struck_at.is_(None)),
    "went into",
)


@links.describes("batch")
def describe_batches(codes: list[str]) -> list[Fact]:
    """Batches for the trace."""
    return [
        Fact(
            "batch",
            b.code,
            b.code,
            BATCH.word(b.state),
            {"for": b.directed_to.called, "started": b.started_at, "frozen": b.frozen_at},
        )
        for b in session.scalars(select(Batch).where(any_of(Batch.code, codes)))
    ]


@links.describes("material_lot")
def describe_lots(codes: list[str]) -> list[Fact]:
    """Material lots for the trace."""
    return [
        Fact(
            "material_lot",
            lot.code,
            lot.called,
            MATERIAL_LOT.word(lot.state),
            {"supplier": lot.supplier, "supplier_lot": lot.supplier_lot, "expires_on": lot.expires_on},
        )
        for lot in session.scalars(select(MaterialLot).where(any_of(MaterialLot.code, codes)))
    ]


BATCH_TASKS = {
    BatchState.PLANNED: (_("Start the culture for %(who)s"), _("Start")),
    BatchState.IN_CULTURE: (_("Look after the culture for %(who)s"), _("Open")),
    BatchState.HARVESTED: (_("Fill and freeze the cells for %(who)s"), _("Open")),
}


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Cultures and lots that wait for this person."""
    found: list[Task] = []
    if by.holds(Role.LAB_TECH):
        statement = (
            links.narrowed(select(Batch), Batch)
            .where(Batch.state.in_(list(BATCH_TASKS)))
            .order_by(Batch.id)
            .limit(MOST_TASKS)
        )
        found += [_task(batch, by) for batch in session.scalars(statement) if by.sees(batch.site)]
    if by.holds(Role.QA):
        lots = (
            select(MaterialLot)
            .where(MaterialLot.state == LotState.QUARANTINED)
            .order_by(MaterialLot.expires_on)
        )
        found += [_lot_task(lot) for lot in session.scalars(lots.limit(MOST_TASKS)) if by.sees(lot.site)]
    return found


def _task(batch: Batch, by: Principal) -> Task:
    title, button = BATCH_TASKS[batch.state]
    own = {p.seeded_by for p in batch.passages} | {p.harvested_by for p in batch.passages}
    to_check = unchecked(batch.passages)
    if to_check and own != {by.login}:
        title, button = _("Check counts of the culture for %(who)s"), _("Check")
    return Task(
        step="batch",
        title=_(title.msgid, who=batch.directed_to.called),
        detail=f"{BATCH.word(batch.state)} · {batch.code}"
        + (f" · {', '.join(to_check)}" if to_check else ""),
        url=url_for("batches.show", code=batch.code),
        button=button,
        due=civil(batch.harvested_at, batch.zone) if batch.harvested_at else None,
        sign=BATCH.sign(batch.state),
        thing=("batch", batch.code),
    )


def _lot_task(lot: MaterialLot) -> Task:
    return Task(
        step="batch",
        title=_("Release or reject the lot %(lot)s", lot=lot.called),
        detail=f"{lot.supplier} · {day(lot.expires_on)}",
        url=url_for("material_lots.show", code=lot.code),
        button=_("Decide"),
        sign=MATERIAL_LOT.sign(lot.state),
        thing=("material_lot", lot.code),
    )
