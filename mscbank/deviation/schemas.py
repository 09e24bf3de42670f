"""The shape of deviations, in and out, for pages and API alike."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.deviation.models import TITLE_LENGTH
from mscbank.deviation.severity import Severity
from mscbank.deviation.words import SEVERITY_WORDS

LONG = 5000
MOST_SUBJECTS = 200


class DeviationSubjectSchema(fields.Schema):
    """One thing that a deviation is about."""

    kind = fields.Text()
    code = fields.Code()


class DeviationSchema(fields.ThingSchema):
    """A deviation as it is shown."""

    title = fields.Text()
    description = fields.Text(max=LONG)
    severity = fields.Choice(Severity, allow_none=True)
    happened_at = fields.When()
    found_at = fields.When()
    immediate_action = fields.Text(max=LONG)
    root_cause = fields.Text(max=LONG, allow_none=True)
    impact = fields.Text(max=LONG, allow_none=True)
    capa = fields.Text(max=LONG, allow_none=True)
    opened_by = fields.Text()
    accepted_by = fields.Text(allow_none=True)
    accepted_at = fields.When(allow_none=True)
    acceptance = fields.Text(max=LONG, allow_none=True)
    closed_by = fields.Text(allow_none=True)
    closed_at = fields.When(allow_none=True)
    blocks = fields.Flag()
    duplicate_of = fields.Ref("deviation", allow_none=True)
    subjects = ma.fields.List(fields.Nested(DeviationSubjectSchema))


def _about(**kw: Any) -> fields.ListOf:
    return fields.ListOf(
        fields.Code(),
        max=MOST_SUBJECTS,
        label=_("What it is about"),
        help=_("The codes of the things concerned, one a line: vial, batch, place, lot, patient …"),
        kind="codes",
        **kw,
    )


class OpenSchema(fields.Schema):
    """What is reported when a deviation is opened."""

    title = fields.Text(max=TITLE_LENGTH, required=True, label=_("What happened, in one line"))
    description = fields.Text(max=LONG, required=True, multiline=True, label=_("What happened, in full"))
    occurred_at = fields.When(required=True, label=_("When it happened"))
    found_at = fields.When(
        load_default=None, allow_none=True, label=_("When it was found"), help=_("Left empty: now.")
    )
    immediate_action = fields.Text(max=LONG, required=True, multiline=True, label=_("What was done at once"))
    about = _about(load_default=list)


class ClassifySchema(fields.Schema):
    """How bad it is."""

    severity = fields.Choice(Severity, words=SEVERITY_WORDS, required=True, label=_("Severity"))


class ExtendSchema(fields.Schema):
    """What else it is about."""

    about = _about(required=True)


class AcceptSchema(fields.Schema):
    """Why it no longer stands in the way."""

    acceptance = fields.Text(
        max=LONG, required=True, multiline=True, label=_("Why product and patient are safe all the same")
    )


class ConclusionSchema(fields.Schema):
    """What the investigation found."""

    root_cause = fields.Text(max=LONG, required=True, multiline=True, label=_("Root cause"))
    impact = fields.Text(
        max=LONG, required=True, multiline=True, label=_("Impact on the product and on the patient")
    )
    capa = fields.Text(max=LONG, required=True, multiline=True, label=_("Corrective and preventive action"))


class DuplicateSchema(fields.Schema):
    """Which deviation says the same."""

    original = fields.Ref("deviation", required=True, label=_("The other deviation"))
