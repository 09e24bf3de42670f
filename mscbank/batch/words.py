"""The words of this room for people."""

from mscbank.batch.models import Counted, Material, Step
from mscbank.core.i18n import Sentence, _

MATERIAL_WORDS: dict[Material, Sentence] = {
    Material.MEDIUM: _("Culture medium"),
    Material.PLATELET_LYSATE: _("Platelet lysate"),
    Material.HEPARIN: _("Heparin"),
    Material.ANTIBIOTIC: _("Antibiotic"),
    Material.DISSOCIATION: _("Dissociation reagent"),
    Material.BUFFER: _("Buffer"),
    Material.ALBUMIN: _("Albumin"),
    Material.DMSO: _("DMSO"),
    Material.FLASK: _("Culture vessel"),
    Material.VIAL: _("Vial"),
    Material.DILUENT: _("Diluent"),
    Material.OTHER: _("Other"),
}

STEP_WORDS: dict[Step, Sentence] = {
    Step.ISOLATION: _("Isolation"),
    Step.CULTURE: _("Culture"),
    Step.PASSAGE: _("Passage"),
    Step.HARVEST: _("Harvest"),
    Step.FILL: _("Fill"),
    Step.FREEZE: _("Freezing"),
}

COUNTED_WORDS: dict[Counted, Sentence] = {
    Counted.SEEDING: _("Cells seeded"),
    Counted.HARVEST: _("Cells harvested"),
}
