"""The shape of prescriptions and preparations, in and out."""

from decimal import Decimal

from mscbank.allocation.dose import Band, PlanKind, WeightBand
from mscbank.allocation.models import Allergies
from mscbank.allocation.states import PreparationState, State
from mscbank.core import fields
from mscbank.core.i18n import _

ALLERGY_WORDS = {
    Allergies.NOT_ASKED: _("not asked yet"),
    Allergies.NONE_KNOWN: _("none to DMSO, albumin, heparin or antibiotics"),
    Allergies.NOTED: _("noted, see the note"),
}
PLAN_WORDS = {
    PlanKind.WHOLE: _("whole vials"),
    PlanKind.SHARE: _("a share of the pooled volume"),
    PlanKind.FEWER: _("one vial fewer"),
    PlanKind.SHORT: _("all there are, too few"),
}
MOST_ML = 5000


class DraftSchema(fields.Schema):
    """A prescription to be drafted."""

    recipient = fields.Ref("recipient", required=True, label=_("Patient"))
    protocol = fields.Ref("protocol", required=True, label=_("Protocol"))
    batch = fields.Ref("batch", required=True, label=_("Batch"))
    infusion_on = fields.Day(required=True, label=_("Day of infusion"))
    infusion_minutes = fields.Count(
        min=1, max=1440, load_default=60, unit=_("minutes"), label=_("Planned duration")
    )
    allergies = fields.Choice(
        Allergies, words=ALLERGY_WORDS, load_default=Allergies.NOT_ASKED, label=_("Allergies")
    )
    allergy_note = fields.Text(max=1000, load_default=None, allow_none=True, label=_("Which allergy"))
    fluid_note = fields.Text(
        max=1000, load_default=None, allow_none=True, multiline=True, label=_("Fluid, kidney, heart: note"),
    )  # fmt: skip
    reference = fields.Text(
        max=40, load_default=None, allow_none=True, label=_("Hospital's prescription number")
    )


class AmendSchema(DraftSchema):
    """A draft to be changed; patient and protocol stay."""

    class Meta(DraftSchema.Meta):
        """Without what stays."""

        exclude = ("recipient", "protocol")

    batch = fields.Ref("batch", load_default=None, allow_none=True, label=_("Another batch"))
    infusion_minutes = fields.Count(
        min=1, max=1440, required=True, unit=_("minutes"), label=_("Planned duration")
    )
    allergies = fields.Choice(Allergies, words=ALLERGY_WORDS, required=True, label=_("Allergies"))


class OnPaper(fields.Schema):
    """What the signed paper says of itself."""

    paper_prescriber = fields.Text(
        max=80, required=True, label=_("Physician who signed the paper"),
        help=_("As printed on it: title, given name, family name."),
    )  # fmt: skip
    paper_on = fields.Day(required=True, label=_("Date on the paper"))


class PaperDraftSchema(OnPaper, DraftSchema):
    """A paper prescription to be transcribed."""


class PaperAmendSchema(OnPaper, AmendSchema):
    """A transcription to be corrected; patient and protocol stay."""

    class Meta(AmendSchema.Meta):
        """Without what stays."""


class TranscribeSchema(fields.Schema):
    """Which attachment is the signed paper."""

    scan = fields.Count(
        min=1, max=10_000, required=True, label=_("The signed paper, as attached"),
        help=_("Attach it first, as a PDF or a picture."),
    )  # fmt: skip


class WeightSchema(fields.Schema):
    """A weight, as the scale shows it."""

    weight = fields.Weight(
        required=True, label=_("Body weight"), help=_("Type it as the scale shows it, for example 62.4.")
    )
    weighed_where = fields.Text(max=80, required=True, label=_("Weighed where"))
    weighed_at = fields.When(
        load_default=None, allow_none=True, label=_("Weighed when"), help=_("Now, if it stays empty.")
    )
    confirmed = fields.Flag(
        load_default=False,
        label=_("It differs by more than 10 % from the last weight, and the scale shows this again."),
    )


class PlanSchema(fields.Schema):
    """Which of the offered ways of giving the dose."""

    plan = fields.Choice(
        PlanKind, words=PLAN_WORDS, load_default=None, allow_none=True, label=_("How the dose is given")
    )
    compared = fields.Flag(
        load_default=False,
        label=_("If it was transcribed: I have compared every line with the signed paper."),
    )


class ReserveSchema(fields.Schema):
    """Which vials; the proposed ones when nothing is said."""

    vials = fields.Refs(
        "vial", load_default=None, allow_none=True, label=_("Other vials than those proposed"),
        help=_("Scan them one after the other; empty takes the proposed ones."),
    )  # fmt: skip
    spares = fields.Count(min=0, max=5, load_default=0, label=_("Spare vials, returned when not thawed"))


class VerifyReserveSchema(ReserveSchema, PlanSchema):
    """Verification and reservation with one signature."""


class PickSchema(fields.Schema):
    """The vials that are picked."""

    vials = fields.Refs("vial", required=True, label=_("Vials, scanned"))


class DispenseSchema(fields.Schema):
    """To whom the vials are given out."""

    to = fields.Text(max=80, required=True, label=_("Ward"))


class TakeBackSchema(fields.Schema):
    """The vials that come back unopened."""

    vials = fields.Refs("vial", required=True, label=_("Vials, scanned"))


class RedirectSchema(fields.Schema):
    """What the qualified person reviewed for a re-direction."""

    serostatus_review = fields.Text(
        max=2000, required=True, multiline=True, label=_("Infection markers and serostatus reviewed"),
    )  # fmt: skip


class AddVialsSchema(fields.Schema):
    """The vials that are put in."""

    vials = fields.Refs("vial", required=True, label=_("Vials, scanned"))


class DiluentInSchema(fields.Schema):
    """A diluent with its lot."""

    lot = fields.Ref("material_lot", required=True, label=_("Lot of the diluent"))
    volume_ml = fields.Exact(
        3, min=Decimal("0.001"), max=MOST_ML, required=True, unit=_("mL"), label=_("Volume")
    )


class CountSchema(fields.Schema):
    """Cells counted after the thaw."""

    tnc_counted = fields.Count(min=0, required=True, unit=_("cells"), label=_("All cells in it"))
    viability_counted_percent = fields.Exact(
        2, min=0, max=100, required=True, unit="%", label=_("Of these alive")
    )


class FinishSchema(fields.Schema):
    """The finished preparation."""

    volume_ml = fields.Exact(
        3, min=Decimal("0.001"), max=MOST_ML, required=True, unit=_("mL"), label=_("Whole volume")
    )
    tnc_counted = fields.Count(
        min=0, load_default=None, allow_none=True, unit=_("cells"), label=_("All cells in it, if counted")
    )
    viability_counted_percent = fields.Exact(
        2, min=0, max=100, load_default=None, allow_none=True, unit="%",
        label=_("Of these alive, if counted"),
    )  # fmt: skip


class DiscardSchema(fields.Schema):
    """How it was destroyed."""

    method = fields.Text(max=200, required=True, label=_("How it was destroyed"))
    waste_id = fields.Text(max=80, required=True, label=_("Number of the waste container"))


# --- out ----------------------------------------------------------------------------------------


class WeighingSchema(fields.Schema):
    """A weight as it was recorded."""

    number = fields.Number()
    weight = fields.Weight(attribute="weight_g")
    weighed_at = fields.When()
    weighed_on = fields.Day()
    weighed_where = fields.Text()
    band = fields.Choice(WeightBand)
    entered_by = fields.Text()
    reviewed_by = fields.Text(allow_none=True)
    acknowledged_by = fields.Text(allow_none=True)


class HeldSchema(fields.Schema):
    """A vial that was held for it."""

    vial = fields.Ref("vial")
    is_spare = fields.Flag()
    reserved_at = fields.When()
    picked_at = fields.When(allow_none=True)
    dispensed_at = fields.When(allow_none=True)
    freed_at = fields.When(allow_none=True)


class AllocationSchema(fields.Schema):
    """A prescription."""

    state = fields.Choice(State)
    recipient = fields.Ref("recipient")
    protocol = fields.Ref("protocol")
    batch = fields.Ref("batch")
    dose_level = fields.Function(lambda a: a.dose_level.number, metadata={"type": "integer"})
    viable_cells_per_kg = fields.Count()
    infusion_on = fields.Day()
    infusion_minutes = fields.Count()
    allergies = fields.Choice(Allergies)
    allergy_note = fields.Text(allow_none=True)
    fluid_note = fields.Text(allow_none=True)
    reference = fields.Text(allow_none=True)
    plan = fields.Choice(PlanKind, allow_none=True)
    prescribed_by = fields.Text(allow_none=True)
    prescribed_at = fields.When(allow_none=True)
    paper_prescriber = fields.Text(allow_none=True)
    paper_on = fields.Day(allow_none=True)
    transcribed_by = fields.Text(allow_none=True)
    transcribed_at = fields.When(allow_none=True)
    scan = fields.Function(
        lambda a: a.scan.number if a.scan else None,
        metadata={"type": ["integer", "null"], "description": "the attachment that is the signed paper"},
    )
    is_compared = fields.Flag()
    verified_by = fields.Text(allow_none=True)
    verified_at = fields.When(allow_none=True)
    acknowledged_percent = fields.Exact(1, allow_none=True)
    reserved_until = fields.When(allow_none=True)
    dispensed_at = fields.When(allow_none=True)
    as_happened = fields.Flag()
    gate_passed = fields.Text(allow_none=True)


class LineSchema(fields.Schema):
    """A line of the dose."""

    number = fields.Number()
    label = fields.Text()
    value = fields.Text()
    unit = fields.Text()
    source = fields.Text()
    kind = fields.Text()


class ExcludedSchema(fields.Schema):
    """A vial that is not proposed, and why."""

    vial = fields.Code()
    code = fields.Text()
    sentence = fields.Text()


class OfferedSchema(fields.Schema):
    """One way of giving the dose."""

    kind = fields.Choice(PlanKind)
    vials = fields.Number()
    planned_viable = fields.Exact(3)
    difference_percent = fields.Exact(1)
    band = fields.Choice(Band)


class DoseSchema(fields.Schema):
    """The dose as it stands, line by line."""

    lines = fields.ListOf(fields.Nested(LineSchema))
    offered = fields.ListOf(fields.Nested(OfferedSchema))
    proposed = fields.ListOf(fields.Code())
    excluded = fields.ListOf(fields.Nested(ExcludedSchema))
    target_viable = fields.Exact(3)
    planned_viable = fields.Exact(3)
    per_kg = fields.Exact(3)
    difference_percent = fields.Exact(1)
    band = fields.Choice(Band)
    volume_to_give_ml = fields.Exact(3)
    dmso_g_per_kg = fields.Exact(6)
    endotoxin_eu_per_kg_h = fields.Exact(3, allow_none=True)


class WeighingsSchema(fields.Schema):
    """Every weight, oldest first."""

    items = fields.ListOf(fields.Nested(WeighingSchema))


class HeldsSchema(fields.Schema):
    """Every vial that was held."""

    items = fields.ListOf(fields.Nested(HeldSchema))


class PreparationSchema(fields.Schema):
    """A preparation."""

    state = fields.Choice(PreparationState)
    allocation = fields.Ref("allocation")
    made_where = fields.Text()
    first_thaw_at = fields.When()
    expires_at = fields.When()
    window_minutes = fields.Count()
    volume_ml = fields.Exact(3, allow_none=True)
    tnc_counted = fields.Count(allow_none=True)
    viability_counted_percent = fields.Exact(2, allow_none=True)
    given_ml = fields.Exact(3, allow_none=True)
    residual_ml = fields.Exact(3, allow_none=True)
    as_happened = fields.Flag()


class InsideSchema(fields.Schema):
    """A vial of a preparation."""

    vial = fields.Ref("vial")
    thawed_at = fields.When()
    added_at = fields.When(allow_none=True)
    added_by = fields.Text(allow_none=True)
    checked_by = fields.Text(allow_none=True)


class DiluentSchema(fields.Schema):
    """A diluent of a preparation."""

    lot = fields.Ref("material_lot")
    volume_ml = fields.Exact(3)
    added_by = fields.Text()
    added_at = fields.When()


class ContentsSchema(fields.Schema):
    """What is in a preparation."""

    vials = fields.ListOf(fields.Nested(InsideSchema))
    diluents = fields.ListOf(fields.Nested(DiluentSchema))
