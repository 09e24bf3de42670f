"""A vial is five things apart. Three of them have a life here: condition, quality, reservation.

Place and holder are columns, holds are rows. ``reject`` also leads away from available and exceptional stock,
and ``except_for`` from rejected stock, because the release's own life has those ways (suspended → rejected,
rejected → out-of-specification by exception).
"""

from enum import StrEnum
from typing import Any

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move


class Condition(StrEnum):
    """What has physically happened to the vial."""

    FILLED = "filled"
    FROZEN = "frozen"
    THAWED = "thawed"
    IN_PREPARATION = "in_preparation"
    INFUSED = "infused"
    QC_USED = "qc_used"
    RETAINED = "retained"
    DESTROYED = "destroyed"
    BROKEN = "broken"
    LOST = "lost"


class Quality(StrEnum):
    """What the release of its batch says about it."""

    QUARANTINE = "quarantine"
    AVAILABLE = "available"
    CONDITIONAL = "conditional"
    EXCEPTIONAL = "exceptional"
    REJECTED = "rejected"


class Reservation(StrEnum):
    """For whom it is kept, and how far it is on the way."""

    NONE = "none"
    RESERVED = "reserved"
    PICKED = "picked"
    DISPENSED = "dispensed"
    CONSUMED = "consumed"
    RETURNED = "returned"


GONE = frozenset(
    {Condition.INFUSED, Condition.QC_USED, Condition.DESTROYED, Condition.BROKEN, Condition.LOST}
)
"""The ends at which a vial is nowhere any more; a retained one keeps its place."""
COLD = (Condition.FILLED, Condition.FROZEN)
WARM = (Condition.THAWED, Condition.IN_PREPARATION)
USABLE_QUALITY = (Quality.AVAILABLE, Quality.CONDITIONAL, Quality.EXCEPTIONAL)

ON_HOLD = Refusal("custody.on_hold", "Vial %(vial)s is on hold: %(causes)s.", Role.QA)
RESERVED = Refusal(
    "custody.reserved", "Vial %(vial)s is reserved for %(allocation)s: free it there first.", Role.PHARMACIST
)
RELEASED_STOCK = Refusal(
    "custody.released_stock",
    "Vial %(vial)s is released stock: only quality assurance takes it out of use.",
    Role.QA,
)
BEING_GIVEN = Refusal(
    "custody.being_given",
    "Vial %(vial)s is being given to its patient: what is left is destroyed when the infusion is completed.",
    Role.NURSE,
)


def on_hold(facts: Any, by: Principal) -> Obstacle | None:
    """Any open hold, on the vial or on its batch, blocks every way out but destruction."""
    return ON_HOLD(vial=facts.called, causes=", ".join(facts.holds)) if facts.holds else None


def kept_for_somebody(facts: Any, by: Principal) -> Obstacle | None:
    """What is reserved or picked for a patient is freed in its allocation first."""
    if facts.reservation in (Reservation.RESERVED, Reservation.PICKED, Reservation.DISPENSED) and (
        facts.condition not in WARM
    ):
        return RESERVED(vial=facts.called, allocation=facts.reserved_by)
    return None


def being_given(facts: Any, by: Principal) -> Obstacle | None:
    """What runs into a patient ends with the record of the infusion, not by itself."""
    return BEING_GIVEN(vial=facts.called) if facts.is_being_given else None


def released_without_qa(facts: Any, by: Principal) -> Obstacle | None:
    """Released stock leaves for a test or for retention only through quality assurance."""
    if facts.quality in USABLE_QUALITY and by.holds(Role.QA, facts.site) is None:
        return RELEASED_STOCK(vial=facts.called)
    return None


OUT_OF_STOCK = (kept_for_somebody, on_hold, released_without_qa)
LAB = (Role.LAB_TECH, Role.QC_ANALYST, Role.QA)
HANDS = (Role.LAB_TECH, Role.PHARMACIST, Role.NURSE, Role.QA)

CONDITION = Lifecycle(
    "vial",
    [
        Move("freeze", Condition.FILLED, Condition.FROZEN, None, _("Freeze")),
        Move("thaw", Condition.FROZEN, Condition.THAWED, None, _("Thaw"), unless=on_hold),
        Move("into_preparation", Condition.THAWED, Condition.IN_PREPARATION, None, _("Into the preparation")),
        Move("infuse", Condition.IN_PREPARATION, Condition.INFUSED, None, _("Infuse")),
        Move(
            "take_for_qc", COLD, Condition.QC_USED, LAB, _("Take for quality control"),
            unless=OUT_OF_STOCK, signs=("taken for testing", "witnessed"), fields=True,
        ),
        Move(
            "retain", COLD, Condition.RETAINED, LAB, _("Keep as retention sample"),
            unless=OUT_OF_STOCK, signs=("retained", "witnessed"), fields=True,
        ),
        Move(
            "destroy", (*COLD, *WARM), Condition.DESTROYED, HANDS, _("Destroy"),
            unless=(kept_for_somebody, being_given), signs=("destroyed", "witnessed"), fields=True,
        ),
        Move(
            "report_broken", (*COLD, *WARM), Condition.BROKEN, HANDS, _("Report broken"), unless=being_given,
            fields=True,
        ),
        Move(
            "report_lost", (*COLD, *WARM), Condition.LOST, HANDS, _("Report lost"), unless=being_given,
            fields=True,
        ),
        Move(
            "report_found", Condition.LOST, (Condition.FROZEN, Condition.THAWED), HANDS, _("Report found"),
            fields=True,
        ),
        Move(
            "record_as_happened", (*COLD, *WARM), (Condition.THAWED, Condition.INFUSED, Condition.DESTROYED),
            HANDS, _("Record what has happened all the same"), unless=being_given,
            signs=("witnessed as happened", "witnessed too"), fields=True,
        ),
    ],
    start=Condition.FILLED,
    column="condition",
    words={
        Condition.FILLED: _("Filled"),
        Condition.FROZEN: _("Frozen"),
        Condition.THAWED: _("Thawed"),
        Condition.IN_PREPARATION: _("In preparation"),
        Condition.INFUSED: _("Infused"),
        Condition.QC_USED: _("QC used"),
        Condition.RETAINED: _("Retained"),
        Condition.DESTROYED: _("Destroyed"),
        Condition.BROKEN: _("Broken"),
        Condition.LOST: _("Lost"),
    },
    signs={
        Condition.FILLED: ("ring", "end"),
        Condition.FROZEN: ("lock", "lock"),
        Condition.THAWED: ("clock", "wait"),
        Condition.IN_PREPARATION: ("clock", "wait"),
        Condition.INFUSED: ("drop", "end"),
        Condition.QC_USED: ("half", "end"),
        Condition.RETAINED: ("box", "end"),
        Condition.DESTROYED: ("cross", "end"),
        Condition.BROKEN: ("cross", "end"),
        Condition.LOST: ("triangle", "stop"),
    },
    ends=frozenset(
        {Condition.INFUSED, Condition.QC_USED, Condition.RETAINED, Condition.DESTROYED, Condition.BROKEN}
    ),
)  # fmt: skip

QUALITY = Lifecycle(
    "vial",
    [
        Move("free", (Quality.QUARANTINE, Quality.CONDITIONAL), Quality.AVAILABLE, None, _("Free")),
        Move("free_conditionally", Quality.QUARANTINE, Quality.CONDITIONAL, None, _("Free, results to come")),
        Move(
            "except_for", (Quality.QUARANTINE, Quality.REJECTED), Quality.EXCEPTIONAL, None,
            _("Free by exception"),
        ),
        Move(
            "reject", (Quality.QUARANTINE, Quality.CONDITIONAL, Quality.AVAILABLE, Quality.EXCEPTIONAL),
            Quality.REJECTED, None, _("Reject"),
        ),
    ],
    start=Quality.QUARANTINE,
    column="quality",
    words={
        Quality.QUARANTINE: _("Quarantine"),
        Quality.AVAILABLE: _("Available"),
        Quality.CONDITIONAL: _("Conditional, results to come"),
        Quality.EXCEPTIONAL: _("Exceptional, for one named patient only"),
        Quality.REJECTED: _("Rejected"),
    },
    signs={
        Quality.QUARANTINE: ("lock", "lock"),
        Quality.AVAILABLE: ("check", "go"),
        Quality.CONDITIONAL: ("check-clock", "wait"),
        Quality.EXCEPTIONAL: ("triangle", "wait"),
        Quality.REJECTED: ("octagon", "stop"),
    },
)  # fmt: skip

RESERVATION = Lifecycle(
    "vial",
    [
        Move("reserve", Reservation.NONE, Reservation.RESERVED, None, _("Reserve")),
        Move("unreserve", Reservation.RESERVED, Reservation.NONE, None, _("Free from its reservation")),
        Move("pick", Reservation.RESERVED, Reservation.PICKED, None, _("Pick"), unless=on_hold),
        Move("dispense", Reservation.PICKED, Reservation.DISPENSED, None, _("Dispense"), unless=on_hold),
        Move("use_up", Reservation.DISPENSED, Reservation.CONSUMED, None, _("Use up")),
        Move(
            "return_unopened", (Reservation.PICKED, Reservation.DISPENSED), Reservation.RETURNED, None,
            _("Take back unopened"),
        ),
        Move("settle_return", Reservation.RETURNED, Reservation.NONE, None, _("Settle the return")),
    ],
    start=Reservation.NONE,
    column="reservation",
    words={
        Reservation.NONE: _("Not reserved"),
        Reservation.RESERVED: _("Reserved"),
        Reservation.PICKED: _("Picked"),
        Reservation.DISPENSED: _("Dispensed"),
        Reservation.CONSUMED: _("Used up"),
        Reservation.RETURNED: _("Returned"),
    },
    signs={
        Reservation.NONE: ("ring", "end"),
        Reservation.RESERVED: ("diamond", "keep"),
        Reservation.PICKED: ("arrow", "move"),
        Reservation.DISPENSED: ("arrow", "move"),
        Reservation.CONSUMED: ("drop", "end"),
        Reservation.RETURNED: ("pause", "wait"),
    },
    ends=frozenset({Reservation.CONSUMED}),
)  # fmt: skip
