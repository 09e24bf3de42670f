"""The trace as JSON."""

import marshmallow as ma

from mscbank.core import fields


class ThingOnWay(fields.Schema):
    """A thing on the way."""

    kind = ma.fields.String()
    code = ma.fields.String()
    title = ma.fields.String()
    state = ma.fields.String()
    facts = ma.fields.Dict()
    reached = ma.fields.Boolean(
        metadata={"description": "whether what was asked for came from it or went into it"}
    )


class LinkOnWay(fields.Schema):
    """From one thing to the next."""

    source = ma.fields.String()
    target = ma.fields.String()
    reached = ma.fields.Boolean()


class CompletenessSchema(fields.Schema):
    """Whether every vial is accounted for."""

    filled = ma.fields.Integer()
    accounted = ma.fields.Integer()
    complete = ma.fields.Boolean()
    parts = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())


class TraceSchema(fields.Schema):
    """The whole way of a thing."""

    kind = ma.fields.String()
    code = ma.fields.String()
    things = ma.fields.List(ma.fields.Nested(ThingOnWay))
    links = ma.fields.List(ma.fields.Nested(LinkOnWay))
    completeness = ma.fields.Nested(CompletenessSchema)
    batches = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Dict())
    acts = ma.fields.Integer(metadata={"description": "how many acts touched this way"})
    signatures = ma.fields.Integer()
    signatures_holding = ma.fields.Integer()
    chain_rows = ma.fields.Integer()
    chain_intact = ma.fields.Boolean()
