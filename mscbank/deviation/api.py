"""Deviations over JSON."""

from mscbank.core import fields
from mscbank.core.web.api import Api
from mscbank.deviation import actions
from mscbank.deviation.models import Deviation
from mscbank.deviation.schemas import (
    AcceptSchema,
    ClassifySchema,
    ConclusionSchema,
    DeviationSchema,
    DuplicateSchema,
    ExtendSchema,
    OpenSchema,
)
from mscbank.deviation.severity import Severity, State

api = Api("deviation", Deviation, DeviationSchema, path="deviations", doc="Deviations and their CAPA")
api.lists(filters={"state": fields.Choice(State), "severity": fields.Choice(Severity)})
api.shows()
api.creates(actions.open_deviation, OpenSchema)
api.acts(actions.classify, ClassifySchema)
api.acts(actions.extend, ExtendSchema)
api.acts(actions.accept, AcceptSchema)
api.acts(actions.investigate)
api.acts(actions.plan_capa, ConclusionSchema)
api.acts(actions.revise, ConclusionSchema)
api.acts(actions.close)
api.acts(actions.reject_as_duplicate, DuplicateSchema)
