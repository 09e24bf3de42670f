"""The life of a batch and of a material lot (the lives of the ground)."""

from enum import StrEnum

from mscbank.batch import gates
from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move


class BatchState(StrEnum):
    """Where the culture stands; its release is another record with a life of its own."""

    PLANNED = "planned"
    IN_CULTURE = "in_culture"
    HARVESTED = "harvested"
    CRYOPRESERVED = "cryopreserved"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class LotState(StrEnum):
    """Whether a material lot may be used; expired is derived from its date."""

    QUARANTINED = "quarantined"
    RELEASED = "released"
    REJECTED = "rejected"


B, L = BatchState, LotState
LAB = Role.LAB_TECH

BATCH = Lifecycle(
    "batch",
    [
        Move("start", B.PLANNED, B.IN_CULTURE, LAB, _("Start the culture"), unless=gates.cannot_start),
        Move(
            "harvest",
            B.IN_CULTURE,
            B.HARVESTED,
            LAB,
            _("Close the culture: harvested"),
            unless=gates.culture_open,
        ),
        Move(
            "cryopreserve",
            B.HARVESTED,
            B.CRYOPRESERVED,
            LAB,
            _("Close the fill: frozen"),
            unless=gates.fill_open,
        ),
        Move("cancel", B.PLANNED, B.CANCELLED, (LAB, Role.QA), _("Cancel")),
        Move("abandon", (B.IN_CULTURE, B.HARVESTED), B.ABANDONED, Role.QA, _("Abandon"), signs="abandonment"),
    ],
    start=B.PLANNED,
    words={
        B.PLANNED: _("Planned"),
        B.IN_CULTURE: _("In culture"),
        B.HARVESTED: _("Harvested"),
        B.CRYOPRESERVED: _("Frozen"),
        B.CANCELLED: _("Cancelled"),
        B.ABANDONED: _("Abandoned"),
    },
    signs={
        B.PLANNED: ("ring", "end"),
        B.IN_CULTURE: ("arrow", "move"),
        B.HARVESTED: ("arrow", "move"),
        B.CRYOPRESERVED: ("lock", "lock"),
        B.CANCELLED: ("cross", "end"),
        B.ABANDONED: ("cross", "end"),
    },
    ends=frozenset({B.CRYOPRESERVED, B.CANCELLED, B.ABANDONED}),
)

MATERIAL_LOT = Lifecycle(
    "material_lot",
    [
        Move(
            "release",
            L.QUARANTINED,
            L.RELEASED,
            Role.QA,
            _("Release for use"),
            unless=gates.lot_not_releasable,
        ),
        Move("reject", (L.QUARANTINED, L.RELEASED), L.REJECTED, Role.QA, _("Reject")),
    ],
    start=L.QUARANTINED,
    words={L.QUARANTINED: _("Quarantine"), L.RELEASED: _("Released for use"), L.REJECTED: _("Rejected")},
    signs={L.QUARANTINED: ("lock", "lock"), L.RELEASED: ("check", "go"), L.REJECTED: ("octagon", "stop")},
    ends=frozenset({L.REJECTED}),
)
