"""What may stand in the way of an infusion (D §4.6, §6; invariants 15, 17, 19)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from mscbank.allocation.stability import Light
from mscbank.core import parameters
from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal, first

READY_HOLDS = parameters.declare(
    "infusion.ready_minutes", 60, unit="min", source="ours",
    meaning="How long the ward's confirmation holds while nothing is thawed", least=5, most=240,
)  # fmt: skip

NOT_RESERVED = Refusal(
    "infusion.not_reserved", "The vials of this prescription are not reserved yet.", Role.PHARMACIST
)
NOT_DISPENSED = Refusal(
    "infusion.not_dispensed", "The vials of this prescription are not dispensed to the ward.", Role.PHARMACIST
)
READY_FIRST = Refusal(
    "infusion.ready_first", "Nothing is thawed before the ward has confirmed patient and line.", Role.NURSE
)
READY_LAPSED = Refusal(
    "infusion.ready_lapsed",
    "The ward's confirmation of %(confirmed)s is older than %(minutes)s minutes: confirm again.",
    Role.NURSE,
)
NOT_PREPARED = Refusal(
    "infusion.nothing_prepared", "There is no finished preparation to check.", (Role.LAB_TECH, Role.NURSE)
)
OUT_OF_WINDOW = Refusal(
    "infusion.out_of_window",
    "%(minutes)s minutes have passed since the first thaw, the limit is %(limit)s: prescriber and pharmacist "
    "decide together, otherwise it is discarded.",
    (Role.PRESCRIBER, Role.PHARMACIST),
)
TOO_FEW_CELLS = Refusal(
    "infusion.too_few_cells",
    "Counted after the thaw: %(percent)s %% of the prescribed dose, below %(floor)s %%. "
    "The prescriber chooses to give it, to add the spare vial, or to stop.",
    Role.PRESCRIBER,
)
PRESCRIBER_STOPPED = Refusal(
    "infusion.prescriber_stopped", "The prescriber chose to stop: discard the preparation.", Role.PHARMACIST
)
SPARE_FIRST = Refusal(
    "infusion.spare_first",
    "The prescriber chose to add the spare vial: thaw and add it first.",
    Role.LAB_TECH,
)
THAWED_AND_KEPT = Refusal(
    "infusion.thawed", "Preparation %(preparation)s is thawed: discard it before the infusion is cancelled."
)
WEIGHT_OPEN = Refusal(
    "infusion.weight_open",
    "The weight at the ward differs too much from the prescription's: the pharmacist acknowledges it first.",
    Role.PHARMACIST,
)

WRISTBAND = Refusal(
    "infusion.wrong_wristband",
    "This wristband is not of the patient for whom this was prescribed. Stop here.",
)
NO_WRISTBAND = Refusal(
    "infusion.no_wristband", "No wristband is known of this patient: the collection nurse enters it first.",
    Role.COLLECTION,
)  # fmt: skip
WRONG_PRESCRIPTION = Refusal(
    "infusion.wrong_prescription",
    "The scanned prescription is %(read)s, this infusion belongs to %(wanted)s.",
)
WRONG_PREPARATION = Refusal(
    "infusion.wrong_preparation", "Preparation %(read)s was not made for this patient. Stop here."
)
MISSING_PREPARATION = Refusal("infusion.preparation_not_scanned", "Preparation %(wanted)s was not scanned.")
NOT_QUALIFIED = Refusal(
    "infusion.second_not_qualified", "The second person may not check this: a nurse or a physician does.",
    Role.NURSE,
)  # fmt: skip


@dataclass(frozen=True)
class PreparationFacts:
    """A preparation of this infusion that is not discarded."""

    code: str
    is_ready: bool
    is_given: bool
    expires_at: datetime


@dataclass(frozen=True)
class Facts:
    """What the moves of an infusion judge."""

    now: datetime
    is_reserved: bool
    """The prescription's vials are reserved or further on the way."""
    is_dispensed: bool
    ready_at: datetime | None
    thawed_at: datetime | None
    ready_holds: timedelta
    standing: tuple[Obstacle, ...]
    """Read again at every step: patient, study, kinship, consents, release, holds on the vials."""
    preparations: tuple[PreparationFacts, ...] = ()
    light: Light | None = None
    elapsed_minutes: int = 0
    window_minutes: int = 0
    window_decided: bool = False
    measured_percent: Decimal | None = None
    floor_percent: int = 0
    is_low: bool = False
    low_choice: str | None = None
    has_spare: bool = False
    weight_open: bool = False


def is_ready(ready_at: datetime | None, thawed_at: datetime | None, now: datetime, holds: timedelta) -> bool:
    """Whether the ward's confirmation still holds: for an hour, or for ever once something is thawed."""
    return ready_at is not None and (thawed_at is not None or now - ready_at <= holds)


def not_preparable(facts: Facts, by: Principal) -> Obstacle | None:
    """The ward confirms when the vials are on their way and nothing stands against the patient."""
    if not facts.is_reserved:
        return NOT_RESERVED()
    return first(facts.standing)


def not_thawable(facts: Facts) -> Obstacle | None:
    """No thaw before the ward is ready, and nothing that came up meanwhile (invariant 17)."""
    if facts.ready_at is None:
        return READY_FIRST()
    if not is_ready(facts.ready_at, facts.thawed_at, facts.now, facts.ready_holds):
        minutes = int(facts.ready_holds.total_seconds()) // 60
        return READY_LAPSED(confirmed=f"{facts.ready_at:%H:%M} UTC", minutes=minutes)
    if not facts.is_dispensed:
        return NOT_DISPENSED()
    if facts.weight_open:
        return WEIGHT_OPEN()
    return first(facts.standing)


def not_checkable(facts: Facts, by: Principal) -> Obstacle | None:
    """There is a finished preparation, and nothing stands against it."""
    if not facts.preparations or not all(p.is_ready for p in facts.preparations):
        return NOT_PREPARED()
    return first(facts.standing)


def not_startable(facts: Facts, by: Principal) -> Obstacle | None:
    """The window, the count after the thaw, and every hold that arrived since (invariant 17)."""
    if found := not_checkable(facts, by):
        return found
    if facts.light is Light.RED and not facts.window_decided:
        return OUT_OF_WINDOW(minutes=facts.elapsed_minutes, limit=facts.window_minutes)
    if facts.is_low:
        return _low_dose(facts)
    return None


def _low_dose(facts: Facts) -> Obstacle | None:
    if facts.low_choice is None:
        return TOO_FEW_CELLS(percent=facts.measured_percent, floor=facts.floor_percent)
    if facts.low_choice == "stop":
        return PRESCRIBER_STOPPED()
    return SPARE_FIRST() if facts.low_choice == "add_spare" and facts.has_spare else None


def not_resumable(facts: Facts, by: Principal) -> Obstacle | None:
    """A hold that arrived while it was interrupted stops it."""
    return first(facts.standing)


def thawed_and_kept(facts: Facts, by: Principal) -> Obstacle | None:
    """What is thawed is discarded, with two signatures, before the infusion is cancelled."""
    return THAWED_AND_KEPT(preparation=facts.preparations[0].code) if facts.preparations else None


@dataclass(frozen=True)
class Scans:
    """What two people read at the bedside, beside what they should have read."""

    wristband_known: bool
    wristband_matches: bool
    prescription_read: str
    prescription_wanted: str
    preparations_read: tuple[str, ...]
    preparations_wanted: tuple[str, ...]


def mismatches(scans: Scans) -> list[Obstacle]:
    """Every difference between scans and prescription; nothing starts while there is one (invariant 19)."""
    found: list[Obstacle] = []
    if not scans.wristband_known:
        found.append(NO_WRISTBAND())
    elif not scans.wristband_matches:
        found.append(WRISTBAND())
    if scans.prescription_read != scans.prescription_wanted:
        found.append(WRONG_PRESCRIPTION(read=scans.prescription_read, wanted=scans.prescription_wanted))
    found += [
        WRONG_PREPARATION(read=code)
        for code in scans.preparations_read
        if code not in scans.preparations_wanted
    ]
    found += [
        MISSING_PREPARATION(wanted=code)
        for code in scans.preparations_wanted
        if code not in scans.preparations_read
    ]
    return found
