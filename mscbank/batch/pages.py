"""Batches and material lots for people."""

from typing import Any

from sqlalchemy import select

from mscbank.batch import actions
from mscbank.batch.materials import batches_with, left_of
from mscbank.batch.models import Batch, MaterialLot
from mscbank.batch.schemas import (
    CheckSchema,
    CorrectLotSchema,
    CorrectSchema,
    HappenedUseSchema,
    HarvestPassageSchema,
    MaterialUseSchema,
    PlanSchema,
    ReceiveLotSchema,
    ReplanSchema,
    SeedSchema,
    StartSchema,
    StrikeSchema,
)
from mscbank.batch.shown import batch_page, finding, lot_finding
from mscbank.batch.states import BATCH, MATERIAL_LOT
from mscbank.batch.words import MATERIAL_WORDS
from mscbank.collection.views import spaced
from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, num, person
from mscbank.core.web.pages import Pages
from mscbank.study.models import Protocol, Specification
from mscbank.study.states import ProtocolState, SpecificationState

Choices = list[tuple[str, str]]


def _protocols(_thing: Any) -> Choices:
    """The protocols that are open."""
    found = session.scalars(
        select(Protocol).where(Protocol.state == ProtocolState.OPEN).order_by(Protocol.id.desc())
    )
    return [(protocol.code, f"{protocol.called}, {protocol.title}") for protocol in found]


def _specifications(batch: Batch | None) -> Choices:
    """The editions in force, of the batch's protocol where there is one."""
    statement = select(Specification).where(Specification.state == SpecificationState.APPROVED)
    if batch is not None:
        statement = statement.where(Specification.protocol_id == batch.protocol_id)
    found = session.scalars(statement.order_by(Specification.id.desc()))
    return [(spec.code, f"{spec.called} ({spec.protocol.called})") for spec in found]


def _passages(batch: Batch) -> Choices:
    return [(str(passage.number), f"P{passage.number}") for passage in batch.passages]


def _open_passages(batch: Batch) -> Choices:
    return [(str(p.number), f"P{p.number}") for p in batch.passages if p.harvested_at is None]


def _uses(batch: Batch) -> Choices:
    return [
        (str(use.number), f"{use.number}: {use.lot.called}, {num(use.quantity)} {use.unit}")
        for use in batch.uses
        if use.struck_at is None
    ]


batches = Pages("batch", Batch, path="batches", title=_("Batches"))
batches.lists(
    columns=[
        (_("Batch"), lambda b: b.code),
        (_("For"), lambda b: b.directed_to.called),
        (_("From the marrow"), lambda b: spaced(b.donation.din)),
        (_("Started"), lambda b: local(b.started_at)),
        (_("State"), lambda b: BATCH.word(b.state)),
    ]
)
batches.shows(context=batch_page, finding=finding)
batches.creates(
    actions.plan,
    PlanSchema,
    label=_("Plan a batch"),
    choices={"protocol": _protocols, "specification": _specifications},
)
batches.acts(actions.start, StartSchema)
batches.acts(
    actions.harvest_passage,
    HarvestPassageSchema,
    at="harvests",
    label=_("Record a harvest"),
    choices={"number": _open_passages},
)
batches.acts(actions.add_passage, SeedSchema, at="passages", label=_("Seed a passage"))
batches.acts(
    actions.check_count, CheckSchema, at="checks", label=_("Check a count"), choices={"number": _passages}
)
batches.acts(actions.harvest)
batches.acts(
    actions.use_material,
    MaterialUseSchema,
    at="materials",
    label=_("Scan a material"),
    choices={"passage_number": _passages},
)
batches.acts(actions.cryopreserve)
batches.acts(
    actions.correct_count,
    CorrectSchema,
    at="corrections",
    label=_("Correct a count"),
    choices={"number": _passages},
)
batches.acts(actions.strike_use, StrikeSchema, label=_("Strike out a material"), choices={"number": _uses})
batches.acts(
    actions.record_use_as_happened,
    HappenedUseSchema,
    at="materials-as-happened",
    label=_("Record a material as it happened"),
    choices={"passage_number": _passages},
)
batches.acts(
    actions.replan,
    ReplanSchema,
    label=_("Choose another edition"),
    choices={"specification": _specifications},
)
batches.acts(actions.cancel)
batches.acts(actions.abandon)


def _lot_page(lot: MaterialLot, by: Principal) -> dict[str, Any]:
    left = left_of(lot)
    facts: list[tuple[Any, ...]] = [
        (_("Material"), MATERIAL_WORDS[lot.material]),
        (_("Supplier"), lot.supplier, lot.catalogue_number),
        (_("Supplier's lot"), lot.supplier_lot),
        (_("Last day of use"), day(lot.expires_on)),
        (_("Certificate of analysis"), lot.certificate or _("missing")),
        (_("Received"), local(lot.received_at), person(lot.received_by)),
    ]
    if lot.quantity is not None:
        facts.append((_("Received quantity"), f"{num(lot.quantity.normalize() + 0)} {lot.unit}"))
        facts.append((_("Left"), f"{num(left.normalize() + 0) if left is not None else '–'} {lot.unit}"))
    if lot.pool_size is not None:
        inactivated = (
            _("pathogens inactivated") if lot.pathogen_inactivated else _("pathogens not inactivated")
        )
        facts.append((_("Donations in the pool"), num(lot.pool_size), inactivated))
    if lot.judged_at is not None:
        facts.append((MATERIAL_LOT.word(lot.state), local(lot.judged_at), person(lot.judged_by)))
    found = [batch for batch in batches_with(lot) if by.sees(batch.site)]
    return {"facts": facts, "batches": [(b, (*BATCH.sign(b.state), BATCH.word(b.state))) for b in found]}


lots = Pages("batch", MaterialLot, path="material-lots", title=_("Material lots"))
lots.lists(
    columns=[
        (_("Lot"), lambda lot: lot.called),
        (_("Code"), lambda lot: lot.code),
        (_("Supplier"), lambda lot: lot.supplier),
        (_("Last day of use"), lambda lot: day(lot.expires_on)),
        (_("State"), lambda lot: MATERIAL_LOT.word(lot.state)),
    ]
)
lots.shows(context=_lot_page, finding=lot_finding)
lots.creates(actions.receive, ReceiveLotSchema, label=_("Take a lot in"))
lots.acts(actions.release)
lots.acts(actions.correct_lot, CorrectLotSchema, label=_("Correct the lot's data"))
lots.acts(actions.reject)

codes.resolves("batch", page=batches.url, title=lambda batch: batch.code)
codes.resolves("material_lot", page=lots.url, title=lambda lot: lot.called)

all_pages = [batches, lots]
