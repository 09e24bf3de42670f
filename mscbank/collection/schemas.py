"""The shape of assessments and donations, in and out, for pages and API alike."""

from decimal import Decimal

import marshmallow as ma

from mscbank.collection.models import DinEntry
from mscbank.collection.panel import (
    DILUTION_WORDS,
    MARKER_WORDS,
    OUTCOME_WORDS,
    TOPIC_WORDS,
    Dilution,
    Marker,
    Outcome,
    Topic,
)
from mscbank.collection.states import AssessmentState
from mscbank.collection.windows import PROFILE_WORDS, Profile
from mscbank.core import fields
from mscbank.core.i18n import _

LONG = 5000
COLDEST, WARMEST = Decimal(-200), Decimal(60)


class MarkerResultSchema(fields.Schema):
    """One result of one marker."""

    number = fields.Number()
    marker = fields.Choice(Marker)
    is_confirmatory = fields.Flag()
    sampled_on = fields.Day()
    reported_on = fields.Day()
    laboratory = fields.Text()
    kit = fields.Text()
    outcome = fields.Choice(Outcome)
    value_text = fields.Text(allow_none=True)
    dilution = fields.Choice(Dilution)
    entered_by = fields.Text()
    entered_at = fields.When()


class HistoryAnswerSchema(fields.Schema):
    """One answer of the history."""

    number = fields.Number()
    topic = fields.Choice(Topic)
    is_present = fields.Flag()
    entered_by = fields.Text()
    entered_at = fields.When()


class RiskAssessmentSchema(fields.Schema):
    """One written assessment of a risk."""

    number = fields.Number()
    text = fields.Text(max=LONG)
    is_acceptable = fields.Flag()
    written_by = fields.Text()
    written_at = fields.When()


class DeterminationSchema(fields.Schema):
    """One verdict."""

    number = fields.Number()
    verdict = fields.Choice(AssessmentState)
    findings = fields.Text(max=LONG)
    decided_by = fields.Text()
    decided_at = fields.When()


class AssessmentSchema(fields.ThingSchema):
    """An assessment as it is shown."""

    donor = fields.Ref("donor")
    recipient = fields.Ref("recipient", allow_none=True)
    consent = fields.Ref("consent", allow_none=True)
    profile = fields.Choice(Profile)
    planned_on = fields.Day()
    zone = fields.Text()
    opened_by = fields.Text()
    history_by = fields.Text(allow_none=True)
    history_at = fields.When(allow_none=True)
    history_note = fields.Text(max=LONG, allow_none=True)
    deferred_until = fields.Day(allow_none=True)
    physician_informed = fields.Text(allow_none=True)
    physician_informed_at = fields.When(allow_none=True)
    results = ma.fields.List(fields.Nested(MarkerResultSchema))
    answers = ma.fields.List(fields.Nested(HistoryAnswerSchema))
    risk_assessments = ma.fields.List(fields.Nested(RiskAssessmentSchema))
    determinations = ma.fields.List(fields.Nested(DeterminationSchema))


class FindingSchema(fields.Schema):
    """One finding and what it does to the verdict."""

    weight = fields.Text()
    about = fields.Text()
    sentence = fields.Text(max=LONG)


class JudgementSchema(fields.Schema):
    """What the findings add up to now, and what the label says because of them."""

    verdict = fields.Text()
    is_complete = fields.Flag()
    findings = ma.fields.List(fields.Nested(FindingSchema))
    biohazard = fields.Flag()
    statements = ma.fields.List(ma.fields.String())
    collection_type = fields.Text()


class OpenSchema(fields.Schema):
    """For whom an assessment is begun."""

    donor = fields.Ref("donor", required=True, label=_("Donor"), help=_("Scan or type the donor's code."))
    recipient = fields.Ref(
        "recipient",
        load_default=None,
        allow_none=True,
        label=_("Relative for whom it is planned"),
        help=_("The recipient's code."),
    )
    planned_on = fields.Day(required=True, label=_("Planned day of the donation"))
    profile = fields.Choice(
        Profile,
        words=PROFILE_WORDS,
        load_default=None,
        allow_none=True,
        label=_("Rules"),
        help=_("Left empty: the rules of this bank."),
    )


class ConsentSchema(fields.Schema):
    """On which consent it rests."""

    consent = fields.Ref("consent", required=True, label=_("Consent of the donor"))
    identity_checked = fields.Flag(required=True, label=_("I checked the donor's identity."))


class ResultsSchema(fields.Schema):
    """Results of one sample that came out alike."""

    markers = fields.Choices(Marker, words=MARKER_WORDS, required=True, label=_("Markers"))
    outcome = fields.Choice(Outcome, words=OUTCOME_WORDS, required=True, label=_("Result"))
    sampled_on = fields.Day(required=True, label=_("Sample taken on"))
    reported_on = fields.Day(required=True, label=_("Reported on"))
    laboratory = fields.Text(required=True, label=_("Laboratory"))
    kit = fields.Text(required=True, label=_("Test kit"))
    is_confirmatory = fields.Flag(
        load_default=False,
        label=_("Confirmatory test"),
        help=_("For syphilis: the treponemal test after a non-treponemal screening."),
    )
    dilution = fields.Choice(
        Dilution,
        words=DILUTION_WORDS,
        load_default=Dilution.NONE,
        label=_("Dilution of the sample"),
        help=_("Blood or colloids in the 48 hours, crystalloids in the hour before the sample."),
    )
    value_text = fields.Text(load_default=None, allow_none=True, label=_("As reported, with unit"))


class HistorySchema(fields.Schema):
    """What the history found; what is not ticked was asked and is absent."""

    present = fields.Choices(
        Topic,
        words=TOPIC_WORDS,
        load_default=list,
        label=_("Present"),
        help=_("Every question was asked; tick what was answered with yes."),
    )
    note = fields.Text(max=LONG, multiline=True, load_default=None, allow_none=True, label=_("Note"))


class RiskSchema(fields.Schema):
    """The written risk assessment."""

    text = fields.Text(max=LONG, multiline=True, required=True, label=_("Risk, evidence and conclusion"))
    is_acceptable = fields.Flag(required=True, label=_("The risk is acceptable for this recipient."))


class DeferSchema(fields.Schema):
    """Until when."""

    until = fields.Day(required=True, label=_("Deferred until"))


class PermitSchema(fields.Schema):
    """Which physician was told."""

    physician = fields.Text(required=True, label=_("Physician of the recipient, who was told the results"))
    physician_informed_at = fields.When(required=True, label=_("Told at"))


class ReceiptSchema(fields.Schema):
    """What the laboratory found on arrival."""

    received_at = fields.When()
    received_by = fields.Text()
    is_intact = fields.Flag()
    label_matches = fields.Flag()
    documents_present = fields.Flag()
    lowest_c = fields.Exact(1)
    highest_c = fields.Exact(1)
    allowed_low_c = fields.Exact(1)
    allowed_high_c = fields.Exact(1)
    passes = fields.Flag()
    note = fields.Text(max=LONG, allow_none=True)


class DonationSchema(fields.ThingSchema):
    """A donation as it is shown."""

    din = fields.Text()
    din_entry = fields.Choice(DinEntry)
    donor = fields.Ref("donor")
    assessment = fields.Ref("assessment")
    consent = fields.Ref("consent")
    donated_on = fields.Day()
    zone = fields.Text()
    started_at = fields.When()
    ended_at = fields.When()
    volume_ml = fields.Exact(1, unit="mL")
    anticoagulant = fields.Text()
    procured_at = fields.Text()
    operator = fields.Text()
    recorded_by = fields.Text()
    as_happened = fields.Flag()
    source_document = fields.Text(allow_none=True)
    receipt = fields.Nested(ReceiptSchema, allow_none=True)


class ProcureSchema(fields.Schema):
    """Marrow that was taken."""

    assessment = fields.Ref("assessment", required=True, label=_("Assessment"))
    din = fields.Text(
        max=1024,
        required=True,
        label=_("Donation number"),
        help=_("Scan the marrow bag. Typed, the number ends with its boxed check character."),
    )
    started_at = fields.When(required=True, label=_("Began"))
    ended_at = fields.When(required=True, label=_("Ended"))
    volume_ml = fields.Exact(1, min=Decimal("0.1"), max=3000, required=True, label=_("Volume"), unit="mL")
    anticoagulant = fields.Text(required=True, label=_("Anticoagulant"))
    procured_at = fields.Text(required=True, label=_("Site and department"))
    operator = fields.Text(required=True, label=_("Taken by (name and function)"))


class AsHappenedSchema(ProcureSchema):
    """Marrow that was taken although the gate was closed."""

    source_document = fields.Text(required=True, label=_("Source document"))


class ReceiveSchema(fields.Schema):
    """The inspection on receipt."""

    label = fields.Text(
        max=1024,
        load_default=None,
        allow_none=True,
        label=_("Label on the bag"),
        help=_("Scan it. Left empty: it cannot be read."),
    )
    is_intact = fields.Flag(required=True, label=_("The container is intact."))
    documents_present = fields.Flag(required=True, label=_("The documents are there."))
    lowest_c = fields.Exact(
        1, min=COLDEST, max=WARMEST, required=True, label=_("Lowest temperature"), unit="°C"
    )
    highest_c = fields.Exact(
        1, min=COLDEST, max=WARMEST, required=True, label=_("Highest temperature"), unit="°C"
    )
    received_at = fields.When(
        load_default=None, allow_none=True, label=_("Arrived"), help=_("Left empty: now.")
    )
    note = fields.Text(max=LONG, multiline=True, load_default=None, allow_none=True, label=_("Note"))
