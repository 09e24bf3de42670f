"""Batches and material lots over JSON."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from mscbank.batch import actions
from mscbank.batch.models import Batch, Material, MaterialLot, MaterialUse
from mscbank.batch.schemas import (
    BatchSchema,
    CheckSchema,
    CorrectLotSchema,
    CorrectSchema,
    GrowthSchema,
    HappenedUseSchema,
    HarvestPassageSchema,
    LotSchema,
    MaterialUseSchema,
    PlanSchema,
    ReceiveLotSchema,
    ReplanSchema,
    SeedSchema,
    StartSchema,
    StrikeSchema,
)
from mscbank.batch.shown import growth_of
from mscbank.batch.states import BatchState, LotState
from mscbank.core import fields
from mscbank.core.web.api import Api

batches = Api("batch", Batch, BatchSchema, path="batches", doc="Culture campaigns")
batches.lists(
    query=lambda by: select(Batch).options(
        selectinload(Batch.donation),
        selectinload(Batch.protocol),
        selectinload(Batch.specification),
        selectinload(Batch.directed_to),
        selectinload(Batch.link),
        selectinload(Batch.passages),
        selectinload(Batch.corrections),
        selectinload(Batch.uses).selectinload(MaterialUse.lot),
    ),
    filters={
        "state": fields.Choice(BatchState),
        "donation": fields.Ref("donation"),
        "directed_to": fields.Ref("recipient"),
        "protocol": fields.Ref("protocol"),
    },
)
batches.shows()
batches.reads("growth", growth_of, GrowthSchema)
batches.creates(actions.plan, PlanSchema)
batches.acts(actions.replan, ReplanSchema)
batches.acts(actions.start, StartSchema)
batches.acts(actions.add_passage, SeedSchema, at="passages")
batches.acts(actions.harvest_passage, HarvestPassageSchema, at="harvests")
batches.acts(actions.check_count, CheckSchema, at="checks")
batches.acts(actions.correct_count, CorrectSchema, at="corrections")
batches.acts(actions.use_material, MaterialUseSchema, at="materials")
batches.acts(actions.record_use_as_happened, HappenedUseSchema, at="materials-as-happened")
batches.acts(actions.strike_use, StrikeSchema)
batches.acts(actions.harvest)
batches.acts(actions.cryopreserve)
batches.acts(actions.cancel)
batches.acts(actions.abandon)

lots = Api("batch", MaterialLot, LotSchema, path="material-lots", doc="Lots of materials")
lots.lists(
    filters={
        "state": fields.Choice(LotState),
        "material": fields.Choice(Material),
        "supplier_lot": fields.Text(),
    }
)
lots.shows()
lots.creates(actions.receive, ReceiveLotSchema)
lots.acts(actions.correct_lot, CorrectLotSchema)
lots.acts(actions.release)
lots.acts(actions.reject)

apis = [batches, lots]
