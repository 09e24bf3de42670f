"""The shape of the gate's decision and of the report."""

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.safety.periods import Period
from mscbank.safety.words import DECISION_WORDS, Decision

LONG = 5000


class DecideGateSchema(fields.Schema):
    """The reviewer's decision at the gate."""

    decision = fields.Choice(Decision, words=DECISION_WORDS, required=True, label=_("Decision"))
    comment = fields.Text(max=LONG, required=True, multiline=True, label=_("What it rests on"))
    seen = fields.Code(
        load_default=None, allow_none=True, kind="hidden",
        help=_("The digest of what stood before the gate when it was read; a difference is refused."),
    )  # fmt: skip


class SafetyProtocolSchema(fields.ThingSchema):
    """A protocol as the acts of safety answer."""

    registry_id = fields.Text()
    paused_at = fields.When(allow_none=True)


class SafetyCountSchema(fields.Schema):
    """Events, the patients who had one, of how many infused."""

    events = fields.Count()
    patients = fields.Count()
    of = fields.Count()
    percent = fields.Exact(1)


class TermCountSchema(fields.Schema):
    """One term at one grade."""

    term = fields.Text()
    grade = fields.Count()
    count = ma.fields.Nested(SafetyCountSchema)
    numbers = ma.fields.List(ma.fields.Integer())


class FollowUpSchema(fields.Schema):
    """Months of follow-up: quantiles of type 7, one decimal, half up."""

    median = fields.Exact(1)
    lower = fields.Exact(1)
    upper = fields.Exact(1)
    patients = fields.Count()


class SafetyTableSchema(fields.Schema):
    """The figures."""

    enrolled = fields.Count()
    infused = fields.Count()
    by_sex = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    by_level = ma.fields.Dict(keys=ma.fields.Integer(), values=ma.fields.Integer())
    doses = ma.fields.Dict(keys=ma.fields.Integer(), values=ma.fields.Integer())
    first_enrolled_on = fields.Day(allow_none=True)
    last_enrolled_on = fields.Day(allow_none=True)
    related_severe_to_day_10 = ma.fields.Nested(SafetyCountSchema)
    related_to_day_10 = ma.fields.Nested(SafetyCountSchema)
    related_by_term = ma.fields.List(ma.fields.Nested(TermCountSchema))
    related_after_day_10 = ma.fields.Nested(SafetyCountSchema)
    severe_unrelated_after_day_10 = ma.fields.Nested(SafetyCountSchema)
    serious_unrelated_after_day_10 = ma.fields.Nested(SafetyCountSchema)
    related_serious = ma.fields.Nested(SafetyCountSchema)
    elsewhere = fields.Count(metadata={"description": "events that stand in no row above"})
    follow_up = ma.fields.Nested(FollowUpSchema, allow_none=True)


class SafetyPatientSchema(fields.Schema):
    """One enrolled patient."""

    number = fields.Count()
    code = fields.Code()
    sex = fields.Text()
    level = fields.Count()
    viable_cells_per_kg = fields.Count()
    enrolled_on = fields.Day()
    infused_on = fields.Day(allow_none=True)
    last_seen_on = fields.Day(allow_none=True)


class SafetyEventSchema(fields.Schema):
    """One event."""

    code = fields.Code()
    number = fields.Count()
    term = fields.Text()
    grade = fields.Count()
    is_serious = fields.Flag()
    is_related = fields.Flag()
    period = fields.Choice(Period)
    day = ma.fields.Integer(allow_none=True)


class GateSchema(fields.Schema):
    """What stands before the gate above a level."""

    level = fields.Count()
    wanted = fields.Count()
    gate_day = fields.Count()
    infused = fields.Count()
    past = fields.Count()
    unseen = fields.Count()
    unreviewed = fields.Count()
    severe_related = fields.Count()
    is_open = fields.Flag(metadata={"description": "nothing but the signature is missing, or it was given"})
    seen = fields.Code(metadata={"description": "send it with the decision: it is refused if this changed"})
    obstacles = ma.fields.List(ma.fields.Dict())
    decision = fields.Choice(Decision, allow_none=True)
    decided_by = fields.Text(allow_none=True)
    decided_at = fields.When(allow_none=True)


class SafetyReportSchema(fields.Schema):
    """The safety report of a protocol, counted when it is asked for."""

    registry_id = fields.Text()
    made_at = fields.When()
    finding = fields.Text()
    table = ma.fields.Nested(SafetyTableSchema)
    gates = ma.fields.List(ma.fields.Nested(GateSchema))
    patients = ma.fields.List(ma.fields.Nested(SafetyPatientSchema))
    events = ma.fields.List(ma.fields.Nested(SafetyEventSchema))
