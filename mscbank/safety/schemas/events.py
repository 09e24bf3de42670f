"""The shape of adverse events, in and out: grade and seriousness are always two fields."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.safety.models import TERM_LENGTH
from mscbank.safety.periods import Period
from mscbank.safety.words import (
    CAUSALITY_WORDS,
    CAUSE_WORDS,
    CRITERION_WORDS,
    OUTCOME_WORDS,
    Causality,
    Cause,
    Criterion,
    Outcome,
)

LONG = 5000


class AdverseEventSchema(fields.ThingSchema):
    """An adverse event as it is shown: grade and seriousness apart, both parties' causality."""

    recipient = fields.Ref("recipient", allow_none=True)
    donor = fields.Ref("donor", allow_none=True)
    protocol = fields.Ref("protocol")
    term = fields.Text()
    meddra_code = fields.Text(allow_none=True)
    meddra_version = fields.Text(allow_none=True)
    description = fields.Text(max=LONG, allow_none=True)
    onset_at = fields.When()
    ended_on = fields.Day(allow_none=True)
    is_medication_error = fields.Flag()
    ctcae_grade = fields.Count(allow_none=True)
    ctcae_version = fields.Text()
    serious_for = fields.Choices(Criterion)
    is_serious = fields.Flag()
    outcome = fields.Choice(Outcome)
    aware_at = fields.When()
    reported_by = fields.Text()
    reported_at = fields.When()
    is_reported_late = fields.Flag()
    causality = fields.Choice(Causality, allow_none=True)
    cause = fields.Choice(Cause, allow_none=True)
    assessed_by = fields.Text(allow_none=True)
    assessed_at = fields.When(allow_none=True)
    sponsor_causality = fields.Choice(Causality, allow_none=True)
    is_expected = fields.Flag(allow_none=True)
    reference_information = fields.Text(allow_none=True)
    is_related = fields.Flag()
    is_susar = fields.Flag()
    day_0 = fields.Day(allow_none=True)
    due_on = fields.Day(allow_none=True)
    submitted_at = fields.When(allow_none=True)
    submission_reference = fields.Text(allow_none=True)
    follow_up_note = fields.Text(max=LONG, allow_none=True)
    follow_up_submitted_at = fields.When(allow_none=True)


class TimingSchema(fields.Schema):
    """Where an event lies relative to the infusion."""

    period = fields.Choice(Period)
    day = ma.fields.Integer(allow_none=True, metadata={"description": "days from the day of the infusion"})


def _grade(**kw: Any) -> fields.Count:
    return fields.Count(min=1, max=5, label=_("Grade (how bad)"), **kw)


def _serious(**kw: Any) -> fields.Choices:
    return fields.Choices(Criterion, words=CRITERION_WORDS, label=_("Serious because (what it led to)"), **kw)


def _known(help_: Any) -> fields.When:
    return fields.When(load_default=None, allow_none=True, label=_("Known since"), help=help_)


class ReportEventSchema(fields.Schema):
    """What is reported of an event."""

    recipient = fields.Ref("recipient", load_default=None, allow_none=True, label=_("Patient"))
    donor = fields.Ref(
        "donor", load_default=None, allow_none=True, label=_("or donor"), help=_("One of the two.")
    )
    protocol = fields.Ref(
        "protocol", load_default=None, allow_none=True, label=_("Protocol"),
        help=_("Left empty: the one in which the patient is enrolled."),
    )  # fmt: skip
    term = fields.Text(max=TERM_LENGTH, required=True, label=_("What it was"), help=_("The MedDRA term."))
    description = fields.Text(
        max=LONG, load_default=None, allow_none=True, multiline=True, label=_("What happened")
    )
    onset_at = fields.When(required=True, label=_("When it began"))
    ended_on = fields.Day(load_default=None, allow_none=True, label=_("Ended on"))
    ctcae_grade = _grade(
        load_default=None, allow_none=True,
        help=_("1 mild, 2 moderate, 3 severe, 4 life-threatening, 5 death."),
    )  # fmt: skip
    serious_for = _serious(load_default=list)
    outcome = fields.Choice(Outcome, words=OUTCOME_WORDS, required=True, label=_("Outcome"))
    aware_at = _known(_("When the site knew of it. Left empty: now."))
    is_medication_error = fields.Flag(load_default=False, label=_("It was an error in giving the product"))
    meddra_code = fields.Text(max=20, load_default=None, allow_none=True, label=_("MedDRA code"))
    meddra_version = fields.Text(max=20, load_default=None, allow_none=True, label=_("MedDRA version"))
    ctcae_version = fields.Text(
        max=20,
        load_default=None,
        allow_none=True,
        label=_("CTCAE edition"),
        help=_("Left empty: the one in use."),
    )


class CorrectEventSchema(fields.Schema):
    """What was wrong or has become known; what is left empty stays."""

    term = fields.Text(max=TERM_LENGTH, load_default=None, allow_none=True, label=_("What it was"))
    description = fields.Text(
        max=LONG, load_default=None, allow_none=True, multiline=True, label=_("What happened")
    )
    onset_at = fields.When(load_default=None, allow_none=True, label=_("When it began"))
    ended_on = fields.Day(load_default=None, allow_none=True, label=_("Ended on"))
    ctcae_grade = _grade(load_default=None, allow_none=True)
    serious_for = _serious(load_default=None, allow_none=True)
    outcome = fields.Choice(
        Outcome, words=OUTCOME_WORDS, load_default=None, allow_none=True, label=_("Outcome")
    )
    aware_at = _known(_("When the site knew of the event."))
    change_known_at = fields.When(
        load_default=None, allow_none=True, label=_("Change known since"), help=_("Left empty: now.")
    )
    meddra_code = fields.Text(max=20, load_default=None, allow_none=True, label=_("MedDRA code"))
    meddra_version = fields.Text(max=20, load_default=None, allow_none=True, label=_("MedDRA version"))


class AssessEventSchema(fields.Schema):
    """What the investigator makes of it."""

    causality = fields.Choice(
        Causality, words=CAUSALITY_WORDS, required=True, label=_("Related to the study")
    )
    cause = fields.Choice(Cause, words=CAUSE_WORDS, required=True, label=_("To what it is related"))
    ctcae_grade = _grade(load_default=None, allow_none=True, help=_("Left empty: as reported."))
    serious_for = _serious(load_default=None, allow_none=True, help=_("Left empty: as reported."))
    outcome = fields.Choice(
        Outcome, words=OUTCOME_WORDS, load_default=None, allow_none=True, label=_("Outcome")
    )
    change_known_at = fields.When(
        load_default=None, allow_none=True, label=_("Change known since"), help=_("Left empty: now.")
    )


class SponsorAssessSchema(fields.Schema):
    """What the sponsor makes of it, beside the investigator's word."""

    sponsor_causality = fields.Choice(
        Causality, words=CAUSALITY_WORDS, required=True, label=_("Related to the study")
    )
    is_expected = fields.Flag(
        required=True, label=_("Expected by the reference safety information"),
        help=_("Greater severity or frequency, and a fatal course, are unexpected unless it lists them."),
    )  # fmt: skip
    reference_information = fields.Text(
        max=TERM_LENGTH, required=True, label=_("Edition of the reference safety information"),
        help=_("The one in force when the event began."),
    )  # fmt: skip
    sponsor_aware_at = fields.When(
        load_default=None, allow_none=True, label=_("Sponsor knew since"),
        help=_("Day 0, if anyone at the sponsor knew before it was entered here."),
    )  # fmt: skip


class SubmitEventSchema(fields.Schema):
    """When the authority had it."""

    submission_reference = fields.Text(max=TERM_LENGTH, required=True, label=_("Number of the submission"))
    submitted_at = fields.When(
        load_default=None, allow_none=True, label=_("Submitted"), help=_("Left empty: now.")
    )


class FollowEventSchema(fields.Schema):
    """What has become known since."""

    note = fields.Text(max=LONG, required=True, multiline=True, label=_("What has become known"))
    known_at = _known(_("Left empty: now."))


class SubmitFollowUpSchema(fields.Schema):
    """When the authority had the follow-up."""

    submitted_at = fields.When(
        load_default=None, allow_none=True, label=_("Submitted"), help=_("Left empty: now.")
    )
