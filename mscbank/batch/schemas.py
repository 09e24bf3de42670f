"""The shape of batches and material lots, in and out, for pages and API alike."""

from decimal import Decimal

import marshmallow as ma

from mscbank.batch.counting import MOST_CELLS
from mscbank.batch.models import Counted, Material, Step
from mscbank.batch.words import COUNTED_WORDS, MATERIAL_WORDS, STEP_WORDS
from mscbank.core import fields
from mscbank.core.i18n import _

LONG = 5000
MOST_PASSAGES = 100
LEAST = Decimal("0.001")


class PassageSchema(fields.Schema):
    """One passage as counted."""

    number = fields.Number()
    seeded_cells = fields.Count()
    seeded_at = fields.When()
    seeded_by = fields.Text()
    seeding_checked_by = fields.Text(allow_none=True)
    seeding_note = fields.Text(max=LONG, allow_none=True)
    vessels = fields.Text(allow_none=True)
    surface_cm2 = fields.Exact(1, allow_none=True, unit="cm²")
    harvested_cells = fields.Count(allow_none=True)
    harvested_at = fields.When(allow_none=True)
    harvested_by = fields.Text(allow_none=True)
    harvest_checked_by = fields.Text(allow_none=True)
    viability_percent = fields.Exact(2, allow_none=True, unit="%")


class CountCorrectionSchema(fields.Schema):
    """One corrected count."""

    number = fields.Number()
    passage_number = fields.Number()
    counted = fields.Choice(Counted)
    before_cells = fields.Count()
    before_by = fields.Text()
    after_cells = fields.Count()
    corrected_by = fields.Text()
    corrected_at = fields.When()
    reason = fields.Text(max=LONG)


class UseSchema(fields.Schema):
    """One use of one lot."""

    number = fields.Number()
    lot = fields.Ref("material_lot")
    step = fields.Choice(Step)
    passage_number = fields.Number(allow_none=True)
    quantity = fields.Exact(3)
    unit = fields.Text(max=20)
    used_at = fields.When()
    used_by = fields.Text()
    struck_by = fields.Text(allow_none=True)
    struck_at = fields.When(allow_none=True)
    as_happened = fields.Flag()
    source_document = fields.Text(allow_none=True)


class BatchSchema(fields.ThingSchema):
    """A batch as it is shown."""

    donation = fields.Ref("donation")
    protocol = fields.Ref("protocol")
    specification = fields.Ref("specification")
    directed_to = fields.Ref("recipient")
    link = fields.Ref("family_link")
    planned_by = fields.Text()
    planned_at = fields.When()
    started_by = fields.Text(allow_none=True)
    started_at = fields.When(allow_none=True)
    harvested_by = fields.Text(allow_none=True)
    harvested_at = fields.When(allow_none=True)
    frozen_by = fields.Text(allow_none=True)
    frozen_at = fields.When(allow_none=True)
    ended_because = fields.Text(max=LONG, allow_none=True)
    passages = ma.fields.List(fields.Nested(PassageSchema))
    corrections = ma.fields.List(fields.Nested(CountCorrectionSchema))
    materials = ma.fields.List(fields.Nested(UseSchema), attribute="uses")


class GrownSchema(fields.Schema):
    """One passage with its derived figures, rounded half up for display."""

    number = fields.Number()
    seeded_cells = fields.Count()
    harvested_cells = fields.Count(allow_none=True)
    viability_percent = fields.Exact(2, allow_none=True)
    population_doublings = fields.Exact(3, allow_none=True)
    cumulative_population_doublings = fields.Exact(3, allow_none=True)
    fold_expansion = fields.Exact(2, allow_none=True)
    cells_per_cm2 = fields.Exact(0, allow_none=True)
    days = fields.Exact(1, allow_none=True)


class GrowthSchema(fields.Schema):
    """How the culture grew; doublings count from P1."""

    passages = ma.fields.List(fields.Nested(GrownSchema))
    cumulative_population_doublings = fields.Exact(3)
    days_in_culture = fields.Exact(1, allow_none=True)


class PlanSchema(fields.Schema):
    """From which donation, for whom, by which specification."""

    donation = fields.Ref(
        "donation",
        required=True,
        label=_("Donation"),
        help=_("Scan or type the code of the accepted donation."),
    )
    directed_to = fields.Ref(
        "recipient", required=True, label=_("For which recipient"), help=_("A relative with a verified link.")
    )
    protocol = fields.Ref("protocol", required=True, label=_("Protocol"))
    specification = fields.Ref("specification", required=True, label=_("Specification"))


class ReplanSchema(fields.Schema):
    """Another edition of the specification."""

    specification = fields.Ref("specification", required=True, label=_("Specification"))


class StartSchema(fields.Schema):
    """When the culture began."""

    started_at = fields.When(load_default=None, allow_none=True, label=_("Began"), help=_("Left empty: now."))


class SeedSchema(fields.Schema):
    """The seeding of the next passage."""

    seeded_cells = fields.Count(
        min=1,
        max=MOST_CELLS,
        required=True,
        label=_("Cells seeded"),
        unit=_("cells"),
        help=_("The whole number, digits only: 12 million is 12000000."),
    )
    seeded_at = fields.When(load_default=None, allow_none=True, label=_("Seeded"), help=_("Left empty: now."))
    number = fields.Count(
        max=MOST_PASSAGES,
        load_default=None,
        allow_none=True,
        label=_("Passage"),
        help=_("Left empty: the next one. The first is 0."),
    )
    vessels = fields.Text(load_default=None, allow_none=True, label=_("Vessels"))
    surface_cm2 = fields.Exact(
        1, min=1, max=10_000_000, load_default=None, allow_none=True, label=_("Surface"), unit="cm²"
    )
    note = fields.Text(max=LONG, multiline=True, load_default=None, allow_none=True, label=_("Note"))


def _passage() -> fields.Count:
    return fields.Count(max=MOST_PASSAGES, required=True, label=_("Passage"))


def _cells(label: object) -> fields.Count:
    return fields.Count(max=MOST_CELLS, required=True, label=label, unit=_("cells"))


class HarvestPassageSchema(fields.Schema):
    """What a passage gave."""

    number = _passage()
    harvested_cells = _cells(_("Cells harvested"))
    viability_percent = fields.Exact(2, min=0, max=100, required=True, label=_("Viability"), unit="%")
    harvested_at = fields.When(
        load_default=None, allow_none=True, label=_("Harvested"), help=_("Left empty: now.")
    )


class CheckSchema(fields.Schema):
    """A count read from its source by a second person."""

    number = _passage()
    counted = fields.Choice(Counted, words=COUNTED_WORDS, required=True, label=_("Which count"))
    cells = fields.Count(
        max=MOST_CELLS,
        required=True,
        label=_("The figure"),
        unit=_("cells"),
        help=_("Read it from the source and type it again."),
    )


class CorrectSchema(fields.Schema):
    """The right figure."""

    number = _passage()
    counted = fields.Choice(Counted, words=COUNTED_WORDS, required=True, label=_("Which count"))
    cells = _cells(_("The right figure"))
    viability_percent = fields.Exact(
        2, min=0, max=100, load_default=None, allow_none=True, label=_("The right viability"), unit="%"
    )


class MaterialUseSchema(fields.Schema):
    """A lot that went in."""

    lot = fields.Ref("material_lot", required=True, label=_("Lot"), help=_("Scan the lot's label."))
    quantity = fields.Exact(3, min=LEAST, max=10_000_000, required=True, label=_("Quantity"))
    step = fields.Choice(Step, words=STEP_WORDS, required=True, label=_("Step"))
    passage_number = fields.Count(max=MOST_PASSAGES, load_default=None, allow_none=True, label=_("Passage"))
    used_at = fields.When(load_default=None, allow_none=True, label=_("Used"), help=_("Left empty: now."))


class HappenedUseSchema(MaterialUseSchema):
    """A lot that went in although it should not have."""

    used_at = fields.When(required=True, label=_("Used"))
    source_document = fields.Text(required=True, label=_("Source document"))


class StrikeSchema(fields.Schema):
    """Which use was entered by mistake."""

    number = fields.Count(min=1, max=100_000, required=True, label=_("Use"))


class LotSchema(fields.ThingSchema):
    """A material lot as it is shown."""

    material = fields.Choice(Material)
    name = fields.Text()
    supplier = fields.Text()
    supplier_lot = fields.Text()
    catalogue_number = fields.Text(allow_none=True)
    expires_on = fields.Day()
    zone = fields.Text()
    quantity = fields.Exact(3, allow_none=True)
    unit = fields.Text(max=20)
    pool_size = fields.Count(allow_none=True)
    pathogen_inactivated = fields.Flag(allow_none=True)
    certificate = fields.Text(allow_none=True)
    received_by = fields.Text()
    received_at = fields.When()
    judged_by = fields.Text(allow_none=True)
    judged_at = fields.When(allow_none=True)


class ReceiveLotSchema(fields.Schema):
    """A delivery of one supplier's lot."""

    material = fields.Choice(Material, words=MATERIAL_WORDS, required=True, label=_("Material"))
    name = fields.Text(required=True, label=_("Product name"))
    supplier = fields.Text(required=True, label=_("Supplier"))
    supplier_lot = fields.Text(required=True, label=_("Supplier's lot"))
    expires_on = fields.Day(required=True, label=_("Last day of use"))
    unit = fields.Text(
        max=20, required=True, label=_("Unit"), help=_("In which its use is counted: mL, piece …")
    )
    quantity = fields.Exact(
        3, min=LEAST, max=10_000_000, load_default=None, allow_none=True, label=_("Quantity received")
    )
    catalogue_number = fields.Text(load_default=None, allow_none=True, label=_("Catalogue number"))
    certificate = fields.Text(
        load_default=None, allow_none=True, label=_("Certificate of analysis"), help=_("Its reference.")
    )
    pool_size = fields.Count(
        min=1, max=1_000_000, load_default=None, allow_none=True, label=_("Donations in the pool")
    )
    pathogen_inactivated = fields.Flag(
        load_default=None, allow_none=True, label=_("Pathogens were inactivated.")
    )


class CorrectLotSchema(fields.Schema):
    """What the supplier's papers say."""

    certificate = fields.Text(load_default=None, allow_none=True, label=_("Certificate of analysis"))
    expires_on = fields.Day(load_default=None, allow_none=True, label=_("Last day of use"))
    quantity = fields.Exact(
        3, min=LEAST, max=10_000_000, load_default=None, allow_none=True, label=_("Quantity received")
    )
