"""The shape of protocols and specifications, in and out."""

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.study.limits import Operator, Stage
from mscbank.study.models import ATTRIBUTE_LENGTH, LIMIT_PLACES, TITLE_LENGTH, UNIT_LENGTH, ZONE_LENGTH
from mscbank.study.words import OPERATOR_WORDS, STAGE_WORDS

MOST_CELLS = 10**9
MOST_PLACES = 10_000
MOST_DAYS = 36_500


class DoseLevelSchema(fields.Schema):
    """A dose level as it is shown."""

    number = fields.Count()
    viable_cells_per_kg = fields.Count()
    places = fields.Count()
    opened_at = fields.When(allow_none=True)


class VisitPlanSchema(fields.Schema):
    """A planned visit as it is shown."""

    name = fields.Text()
    days = fields.Count(allow_none=True)
    months = fields.Count(allow_none=True)
    before_days = fields.Count()
    after_days = fields.Count()


class ProtocolSchema(fields.ThingSchema):
    """A protocol as it is shown."""

    title = fields.Text()
    registry_id = fields.Text()
    sponsor_code = fields.Text()
    infusion_zone = fields.Text()
    age_min = fields.Count()
    age_max = fields.Count()
    skin_score_min = fields.Count()
    gate_infused = fields.Count()
    gate_day = fields.Count()
    max_infusions = fields.Count()
    opened_at = fields.When(allow_none=True)
    paused_at = fields.When(allow_none=True)
    closed_at = fields.When(allow_none=True)
    levels = ma.fields.List(fields.Nested(DoseLevelSchema))
    visits = ma.fields.List(fields.Nested(VisitPlanSchema))


class DraftProtocolSchema(fields.Schema):
    """What a new protocol needs."""

    title = fields.Text(max=TITLE_LENGTH, required=True, label=_("Title"))
    registry_id = fields.Text(
        max=40, required=True, label=_("Registry number"), help=_("For example NCT02213705.")
    )
    sponsor_code = fields.Text(max=40, required=True, label=_("Sponsor's study code"))
    infusion_zone = fields.Text(
        max=ZONE_LENGTH, required=True, label=_("Time zone of the infusion site"), help=_("Europe/Paris")
    )
    age_min = fields.Count(max=120, label=_("Youngest age"), unit=_("years"))
    age_max = fields.Count(max=120, label=_("Oldest age"), unit=_("years"))
    skin_score_min = fields.Count(max=51, label=_("Least skin score"))
    gate_infused = fields.Count(min=1, max=MOST_PLACES, label=_("Infused before the next level may open"))
    gate_day = fields.Count(max=MOST_DAYS, label=_("Day that each of them must have passed"))


class SetLevelSchema(fields.Schema):
    """A dose level."""

    number = fields.Count(min=1, max=20, required=True, label=_("Level"))
    viable_cells_per_kg = fields.Count(
        min=1, max=MOST_CELLS, required=True, label=_("Dose"), unit=_("viable cells per kg")
    )
    places = fields.Count(min=1, max=MOST_PLACES, required=True, label=_("Places"))


class SetVisitSchema(fields.Schema):
    """A visit: days or months after the infusion."""

    name = fields.Text(max=20, required=True, label=_("Name"), help=_("For example M3."))
    days = fields.Count(max=MOST_DAYS, load_default=None, allow_none=True, label=_("Days after the infusion"))
    months = fields.Count(max=1200, load_default=None, allow_none=True, label=_("Months after the infusion"))
    before_days = fields.Count(max=365, load_default=0, label=_("Window before"), unit=_("days"))
    after_days = fields.Count(max=365, load_default=0, label=_("Window after"), unit=_("days"))


class SpecificationCriterionSchema(fields.Schema):
    """A line of a specification as it is shown."""

    attribute = fields.Text()
    label = fields.Text()
    method = fields.Text()
    edition = fields.Text(allow_none=True)
    stage = fields.Choice(Stage)
    unit = fields.Text()
    operator = fields.Choice(Operator)
    low = fields.Exact(LIMIT_PLACES, allow_none=True)
    high = fields.Exact(LIMIT_PLACES, allow_none=True)
    expected_text = fields.Text(allow_none=True)
    blocking = fields.Flag()
    may_be_pending = fields.Flag()
    turnaround_days = fields.Count()


class SpecificationSchema(fields.ThingSchema):
    """An edition as it is shown."""

    name = fields.Text()
    edition = fields.Count()
    protocol = fields.Ref("protocol")
    written_by = fields.Text()
    approved_by = fields.Text(allow_none=True)
    approved_at = fields.When(allow_none=True)
    retired_at = fields.When(allow_none=True)
    criteria = ma.fields.List(fields.Nested(SpecificationCriterionSchema))


class DraftSpecificationSchema(fields.Schema):
    """What a new edition needs."""

    protocol = fields.Ref("protocol", required=True, label=_("Protocol"))
    name = fields.Text(
        max=TITLE_LENGTH, required=True, label=_("Name"), help=_("The next edition takes the same name.")
    )


class SetCriterionSchema(fields.Schema):
    """One line: what is tested, how, when, and the limit."""

    attribute = fields.Text(
        max=ATTRIBUTE_LENGTH, required=True, label=_("Attribute"), help=_("Its stable name: viability_fill.")
    )
    label = fields.Text(max=TITLE_LENGTH, required=True, label=_("Test"))
    method = fields.Text(max=TITLE_LENGTH, required=True, label=_("Method"))
    edition = fields.Text(max=40, load_default=None, allow_none=True, label=_("Edition of the method"))
    stage = fields.Choice(Stage, words=STAGE_WORDS, required=True, label=_("When"))
    unit = fields.Text(max=UNIT_LENGTH, load_default="", label=_("Unit"))
    operator = fields.Choice(Operator, words=OPERATOR_WORDS, required=True, label=_("Comparison"))
    low = fields.Exact(LIMIT_PLACES, load_default=None, allow_none=True, label=_("Lower limit"))
    high = fields.Exact(LIMIT_PLACES, load_default=None, allow_none=True, label=_("Upper limit"))
    expected_text = fields.Text(
        max=TITLE_LENGTH, load_default=None, allow_none=True, label=_("Expected answer")
    )
    blocking = fields.Flag(load_default=False, label=_("A failure blocks release"))
    may_be_pending = fields.Flag(load_default=False, label=_("A release in two steps may go ahead without"))
    turnaround_days = fields.Count(max=365, required=True, label=_("Turnaround"), unit=_("days"))
