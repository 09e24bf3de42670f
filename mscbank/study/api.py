"""Protocols and specifications over JSON."""

from mscbank.core import fields
from mscbank.core.web.api import Api
from mscbank.study import actions
from mscbank.study.models import Protocol, Specification
from mscbank.study.schemas import (
    DraftProtocolSchema,
    DraftSpecificationSchema,
    ProtocolSchema,
    SetCriterionSchema,
    SetLevelSchema,
    SetVisitSchema,
    SpecificationSchema,
)
from mscbank.study.states import ProtocolState, SpecificationState

protocols = Api(
    "study", Protocol, ProtocolSchema, path="protocols", doc="Protocols, their dose levels and visits"
)
protocols.lists(filters={"state": fields.Choice(ProtocolState)})
protocols.shows()
protocols.creates(actions.draft_protocol, DraftProtocolSchema)
protocols.acts(actions.set_level, SetLevelSchema, at="levels")
protocols.acts(actions.set_visit, SetVisitSchema, at="visits")
protocols.acts(actions.approve_protocol)
protocols.acts(actions.open_protocol)
protocols.acts(actions.close_protocol)

specifications = Api(
    "study", Specification, SpecificationSchema, path="specifications", doc="What the product must fulfil"
)
specifications.lists(filters={"state": fields.Choice(SpecificationState), "protocol": fields.Ref("protocol")})
specifications.shows()
specifications.creates(actions.draft_specification, DraftSpecificationSchema)
specifications.acts(actions.set_criterion, SetCriterionSchema, at="criteria")
specifications.acts(actions.approve_specification)
specifications.acts(actions.retire)

apis = [protocols, specifications]
