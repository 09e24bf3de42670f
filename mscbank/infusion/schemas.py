"""The shape of infusions, in and out."""

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.infusion.models import Choice, Moment
from mscbank.infusion.states import State

MOST_ML = 5000
MOMENT_WORDS = {Moment.BEFORE: _("before"), Moment.DURING: _("during"), Moment.AFTER: _("after")}
CHOICE_WORDS = {
    Choice.GIVE: _("give what there is"),
    Choice.ADD_SPARE: _("add the spare vial"),
    Choice.STOP: _("do not give it"),
}


class PlanSchema(fields.Schema):
    """An infusion to be planned."""

    allocation = fields.Ref("allocation", required=True, label=_("Prescription"))
    planned_on = fields.Day(required=True, label=_("Day"))
    ward = fields.Text(max=120, required=True, label=_("Ward"))
    planned_minutes = fields.Count(
        min=1, max=1440, load_default=None, allow_none=True, unit=_("minutes"), label=_("Planned duration"),
        help=_("As prescribed, if it stays empty."),
    )  # fmt: skip


class ReplanSchema(fields.Schema):
    """Another day, ward or duration."""

    planned_on = fields.Day(required=True, label=_("Day"))
    ward = fields.Text(max=120, required=True, label=_("Ward"))
    planned_minutes = fields.Count(
        min=1, max=1440, required=True, unit=_("minutes"), label=_("Planned duration")
    )


class ReadySchema(fields.Schema):
    """What the ward confirms."""

    is_fit = fields.Flag(required=True, label=_("The patient is fit to be infused today."))
    line_is_open = fields.Flag(required=True, label=_("The line is placed and open."))
    premedication = fields.Text(
        max=1000, required=True, label=_("Premedication"), help=_("What was given, or that none was ordered.")
    )
    weight = fields.Weight(
        required=True, label=_("Body weight"), help=_("Type it as the scale shows it, for example 62.4.")
    )
    confirmed = fields.Flag(
        load_default=False,
        label=_("It differs by more than 10 % from the last weight, and the scale shows this again."),
    )


class ThawSchema(fields.Schema):
    """The vials that are thawed."""

    vials = fields.Refs("vial", required=True, label=_("Vials, scanned"))
    made_where = fields.Text(max=80, required=True, label=_("Where"))


class CheckSchema(fields.Schema):
    """What two people scan at the bedside."""

    wristband = fields.Text(max=200, required=True, label=_("Wristband, scanned"))
    prescription = fields.Text(max=80, required=True, label=_("Prescription, scanned"))
    preparations = fields.ListOf(
        fields.Text(max=80), max=20, required=True, label=_("Each preparation, scanned"), kind="codes"
    )


class GivenSchema(fields.Schema):
    """Why, and how much had been given."""

    why = fields.Text(max=1000, required=True, label=_("Why"))
    given_ml = fields.Exact(3, min=0, max=MOST_ML, required=True, unit=_("mL"), label=_("Given so far"))


class CompleteSchema(fields.Schema):
    """The end of the record."""

    given_ml = fields.Exact(3, min=0, max=MOST_ML, required=True, unit=_("mL"), label=_("Given altogether"))
    residual_method = fields.Text(
        max=200, load_default=None, allow_none=True, label=_("How the residual was destroyed")
    )
    reaction = fields.Text(
        max=2000, load_default=None, allow_none=True, multiline=True, label=_("Reactions seen")
    )


class ObserveSchema(fields.Schema):
    """Vital signs."""

    moment = fields.Choice(Moment, words=MOMENT_WORDS, required=True, label=_("When"))
    pulse = fields.Count(min=10, max=350, load_default=None, allow_none=True, unit="/min", label=_("Pulse"))
    systolic = fields.Count(
        min=20, max=350, load_default=None, allow_none=True, unit="mmHg", label=_("Systolic")
    )
    diastolic = fields.Count(
        min=10, max=250, load_default=None, allow_none=True, unit="mmHg", label=_("Diastolic")
    )
    temperature_c = fields.Exact(
        1, min=25, max=45, load_default=None, allow_none=True, unit="°C", label=_("Temperature")
    )
    saturation_percent = fields.Count(
        min=0, max=100, load_default=None, allow_none=True, unit="%", label=_("Oxygen saturation")
    )
    rate_ml_per_min = fields.Exact(
        1, min=0, max=100, load_default=None, allow_none=True, unit="mL/min", label=_("Rate")
    )
    note = fields.Text(max=2000, load_default=None, allow_none=True, multiline=True, label=_("Note"))


class LowDoseSchema(fields.Schema):
    """What the prescriber chooses."""

    choice = fields.Choice(Choice, words=CHOICE_WORDS, required=True, label=_("What happens"))


class HappenedSchema(fields.Schema):
    """What has happened all the same."""

    recipient = fields.Ref("recipient", required=True, label=_("Patient"))
    protocol = fields.Ref("protocol", required=True, label=_("Protocol"))
    vials = fields.Refs("vial", required=True, label=_("Vials that were given"))
    allocation = fields.Ref(
        "allocation", load_default=None, allow_none=True, label=_("Prescription, if there was one")
    )
    started_at = fields.When(required=True, label=_("Started"))
    ended_at = fields.When(required=True, label=_("Ended"))
    ward = fields.Text(max=120, required=True, label=_("Ward"))
    given_ml = fields.Exact(
        3,
        min=0,
        max=MOST_ML,
        load_default=None,
        allow_none=True,
        unit=_("mL"),
        label=_("Volume given, if known"),
    )
    gate = fields.Text(max=200, required=True, label=_("Which gate was passed"))
    source_document = fields.Text(max=200, required=True, label=_("Source document"))


# --- out ----------------------------------------------------------------------------------------


class InfusionSchema(fields.Schema):
    """An infusion."""

    state = fields.Choice(State)
    allocation = fields.Ref("allocation")
    recipient = fields.Ref("recipient")
    protocol = fields.Ref("protocol")
    planned_on = fields.Day()
    planned_minutes = fields.Count()
    ward = fields.Text()
    ready_at = fields.When(allow_none=True)
    thawed_at = fields.When(allow_none=True)
    started_at = fields.When(allow_none=True)
    infused_on = fields.Day(allow_none=True)
    ended_at = fields.When(allow_none=True)
    volume_to_give_ml = fields.Exact(3, allow_none=True)
    volume_given_ml = fields.Exact(3, allow_none=True)
    delivered_viable = fields.Exact(3, allow_none=True)
    is_measured = fields.Flag()
    reaction = fields.Text(allow_none=True)
    stop_reason = fields.Text(allow_none=True)
    as_happened = fields.Flag()
    gate_passed = fields.Text(allow_none=True)


class LinkSchema(fields.Schema):
    """A preparation of an infusion."""

    preparation = fields.Ref("preparation")
    checked_at = fields.When(allow_none=True)


class ReadyOutSchema(fields.Schema):
    """A confirmation of the ward."""

    confirmed_at = fields.When()
    confirmed_by = fields.Text()
    second_checker = fields.Text()
    premedication = fields.Text()
    weight = fields.Weight(attribute="weight_g")


class BedsideSchema(fields.Schema):
    """A bedside check that matched."""

    checked_at = fields.When()
    first_person = fields.Text()
    second_person = fields.Text()
    identifiers = fields.Text()
    prescription_code = fields.Code()
    preparation_codes = fields.Text()


class ObservationSchema(fields.Schema):
    """An observation."""

    moment = fields.Choice(Moment)
    observed_at = fields.When()
    observed_by = fields.Text()
    pulse = fields.Count(allow_none=True)
    systolic = fields.Count(allow_none=True)
    diastolic = fields.Count(allow_none=True)
    temperature_c = fields.Exact(1, allow_none=True)
    saturation_percent = fields.Count(allow_none=True)
    rate_ml_per_min = fields.Exact(1, allow_none=True)
    note = fields.Text(allow_none=True)


class PauseSchema(fields.Schema):
    """An interruption."""

    paused_at = fields.When()
    paused_by = fields.Text()
    why = fields.Text()
    given_ml = fields.Exact(3)
    resumed_at = fields.When(allow_none=True)


class ChecksSchema(fields.Schema):
    """Everything that was confirmed and checked."""

    is_ready = fields.Flag()
    ready = fields.ListOf(fields.Nested(ReadyOutSchema))
    bedside = fields.ListOf(fields.Nested(BedsideSchema))
    preparations = fields.ListOf(fields.Nested(LinkSchema))


class RunSchema(fields.Schema):
    """How it went."""

    observations = fields.ListOf(fields.Nested(ObservationSchema))
    pauses = fields.ListOf(fields.Nested(PauseSchema))
