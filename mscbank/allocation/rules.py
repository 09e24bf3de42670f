"""What may stand in the way of a prescription and of a preparation (D §6, §10; invariants 9, 11, 14-16)."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from mscbank.allocation.dose import Band, WeightBand, weight_is_fresh
from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal, first
from mscbank.core.foureyes import FourEyes

ASK_ALLERGIES = Refusal(
    "allocation.allergies_not_asked",
    "Say first what is known of allergies to DMSO, albumin, heparin and antibiotics.",
    Role.PRESCRIBER,
)
NO_WEIGHT = Refusal("allocation.no_weight", "There is no weight yet.", (Role.NURSE, Role.PRESCRIBER))
OLD_WEIGHT = Refusal(
    "allocation.weight_too_old",
    "The weight of %(weighed)s is not of the %(days)s days before the infusion on %(infusion)s: weigh again.",
    (Role.NURSE, Role.PRESCRIBER),
)
OWN_WEIGHT = FourEyes(
    "allocation.own_weight",
    "You typed this weight yourself: somebody else reviews it first.",
    (Role.NURSE, Role.PRESCRIBER, Role.PHARMACIST),
    first=("allocation.record_weight",),
    second=("allocation.verify", "allocation.verify_and_reserve"),
    held_by=("guard_allocation_own_weight",),
)
WEIGHT_OPEN = Refusal(
    "allocation.weight_changed",
    "The weight changed by more than the limit: the pharmacist acknowledges it first.",
    Role.PHARMACIST,
)
DAY_PASSED = Refusal(
    "allocation.day_passed", "The day of infusion, %(infusion)s, has passed. Give a new one.", Role.PRESCRIBER
)
OWN_PRESCRIPTION = FourEyes(
    "allocation.own_prescription",
    "You prescribed this: another person verifies it.",
    Role.PHARMACIST,
    first=("allocation.prescribe",),
    second=("allocation.verify", "allocation.verify_and_reserve"),
    held_by=("ck_allocation_verified_by_another",),
)
OWN_TRANSCRIPTION = FourEyes(
    "allocation.own_transcription",
    "You transcribed this from paper: another person compares it with the paper and verifies it.",
    Role.PHARMACIST,
    first=("allocation.draft_from_paper", "allocation.amend_transcription", "allocation.transcribe"),
    second=(
        "allocation.verify",
        "allocation.verify_and_reserve",
        "allocation.review",
        "allocation.plan_again",
    ),
    held_by=("ck_allocation_compared_by_another",),
)
ON_PAPER = Refusal(
    "allocation.on_paper",
    "This was written and signed on paper: it is transcribed here, not prescribed.",
    (Role.PHARMACIST, Role.NURSE),
)
NOT_ON_PAPER = Refusal(
    "allocation.not_on_paper", "This was not begun from a paper prescription.", Role.PRESCRIBER
)
NO_POTENCY = Refusal(
    "allocation.no_potency",
    "The batch has no reviewed results for recovery and viability after the thaw, so there is no dose.",
    Role.QC_ANALYST,
)
NO_VIALS = Refusal("allocation.no_vials", "No vial of this batch can be taken for this patient.", Role.QA)
OUT_OF_TOLERANCE = Refusal(
    "allocation.dose_out_of_tolerance",
    "The planned dose differs by %(percent)s %% from the prescription; more than %(limit)s %% is refused.",
    Role.PRESCRIBER,
)
ACKNOWLEDGE_FIRST = Refusal(
    "allocation.dose_not_acknowledged",
    "The planned dose differs by %(percent)s %% from the prescription: the prescriber acknowledges it first.",
    Role.PRESCRIBER,
)
TOO_MUCH_DMSO = Refusal(
    "allocation.too_much_dmso",
    "With %(shown)s g/kg this is more DMSO than %(limit)s g/kg a day.",
    Role.PHARMACIST,
)
TOO_MUCH_ENDOTOXIN = Refusal(
    "allocation.too_much_endotoxin",
    "With %(shown)s EU/kg/h this is more endotoxin than %(limit)s EU/kg/h: give it more slowly, or not.",
    Role.PHARMACIST,
)
NOTHING_HELD = Refusal(
    "allocation.nothing_held", "No vial is reserved for this prescription.", Role.PHARMACIST
)
NOT_PICKED = Refusal("allocation.not_picked", "%(count)s of %(all)s vials are not picked yet.", Role.LAB_TECH)
OWN_PICK = FourEyes(
    "allocation.own_pick",
    "You picked or checked these vials: another person dispenses them.",
    Role.PHARMACIST,
    first=("allocation.pick",),
    second=("allocation.dispense",),
    held_by=("guard_allocation_own_pick",),
)
NOTHING_GIVEN = Refusal("allocation.nothing_given", "No vial of this prescription has reached the patient.")
THAWED = Refusal(
    "allocation.thawed", "Vial %(vial)s was thawed. What is thawed never returns to stock.", Role.PHARMACIST
)
STILL_THAWED = Refusal(
    "allocation.preparation_open",
    "Vial %(vial)s is thawed: discard its preparation first.",
    (Role.PHARMACIST, Role.LAB_TECH, Role.NURSE),
)
TAKE_BACK_FIRST = Refusal(
    "allocation.picked", "%(count)s vials were picked already: they are taken back first.", Role.LAB_TECH
)
NOT_ALL_IN = Refusal("preparation.not_all_in", "%(count)s thawed vials are not in it yet.")
BEING_GIVEN = Refusal(
    "preparation.being_given",
    "It is being given: what is left is destroyed when the infusion is completed.",
    Role.NURSE,
)
NONE_IN = Refusal("preparation.none_in", "There is no vial in it yet.")


@dataclass(frozen=True)
class WeightFacts:
    """The weight that counts, the latest one."""

    on: date
    entered_by: str
    reviewed_by: str | None
    band: WeightBand
    is_acknowledged: bool


@dataclass(frozen=True)
class DoseFacts:
    """The plan that counts, judged."""

    band: Band
    percent: Decimal
    """The difference from the prescription as shown, one decimal."""
    is_acknowledged: bool
    limit_percent: int
    dmso_ok: bool
    dmso_shown: Decimal
    dmso_limit: Decimal
    endotoxin_ok: bool
    endotoxin_shown: Decimal | None
    endotoxin_limit: Decimal


@dataclass(frozen=True)
class HeldFacts:
    """The vials held for it."""

    held: int = 0
    picked: int = 0
    """Picked or further on the way."""
    handlers: frozenset[str] = frozenset()
    """Who picked and who checked the picking."""
    thawed: tuple[str, ...] = ()
    """Vials in the warm that are neither infused nor destroyed."""
    given: int = 0


@dataclass(frozen=True)
class PaperFacts:
    """The signed paper behind a transcribed prescription."""

    prescriber: str
    """The printed name on it."""
    transcribers: frozenset[str]
    """Who typed it and who signed the transcription."""


@dataclass(frozen=True)
class Facts:
    """What the moves of an allocation judge."""

    today: date
    infusion_on: date
    oldest_days: int
    are_allergies_asked: bool
    prescribed_by: str | None
    weight: WeightFacts | None
    patient: tuple[Obstacle, ...]
    """What stands against this patient: enrolment, level, an earlier infusion, a pause of the study."""
    chain: tuple[Obstacle, ...]
    """What stands against this batch for this patient: kinship, direction, consents, release."""
    dose: DoseFacts | None
    has_potency: bool
    held: HeldFacts = HeldFacts()
    paper: PaperFacts | None = None


def weight_obstacle(facts: Facts) -> Obstacle | None:
    """Whether the weight that counts may be used for the day of infusion."""
    if facts.weight is None:
        return NO_WEIGHT()
    if not weight_is_fresh(facts.weight.on, facts.infusion_on, oldest_days=facts.oldest_days):
        return OLD_WEIGHT(weighed=facts.weight.on, days=facts.oldest_days, infusion=facts.infusion_on)
    return None


def weight_unacknowledged(facts: Facts) -> Obstacle | None:
    """A change of weight beyond information needs the pharmacist's acknowledgement (PD-41)."""
    return WEIGHT_OPEN() if is_weight_open(facts.weight) else None


def is_weight_open(weight: WeightFacts | None) -> bool:
    """Whether a weight changed by more than information and nobody has acknowledged it yet."""
    open_bands = (WeightBand.ACKNOWLEDGE, WeightBand.REVIEW)
    return weight is not None and weight.band in open_bands and not weight.is_acknowledged


def dose_obstacle(facts: Facts) -> Obstacle | None:
    """Tolerance, DMSO and endotoxin of the plan that counts (PD-40, PD-43)."""
    if not facts.has_potency:
        return NO_POTENCY()
    return NO_VIALS() if facts.dose is None else worked_obstacle(facts.dose)


def worked_obstacle(dose: DoseFacts) -> Obstacle | None:
    """Tolerance, DMSO and endotoxin of one worked-out dose."""
    if dose.band is Band.REFUSE:
        return OUT_OF_TOLERANCE(percent=dose.percent, limit=dose.limit_percent)
    if dose.band is Band.ACKNOWLEDGE and not dose.is_acknowledged:
        return ACKNOWLEDGE_FIRST(percent=dose.percent)
    if not dose.dmso_ok:
        return TOO_MUCH_DMSO(shown=dose.dmso_shown, limit=dose.dmso_limit)
    if not dose.endotoxin_ok:
        return TOO_MUCH_ENDOTOXIN(shown=dose.endotoxin_shown, limit=dose.endotoxin_limit)
    return None


def not_prescribable(facts: Facts, by: Principal) -> Obstacle | None:
    """Before a physician signs: allergies asked, a fresh weight, a day to come, who may be infused."""
    return ON_PAPER() if facts.paper is not None else _not_signable(facts)


def not_transcribable(facts: Facts, by: Principal) -> Obstacle | None:
    """Before a transcription is signed: begun from paper, and all that a physician's signature needs."""
    return NOT_ON_PAPER() if facts.paper is None else _not_signable(facts)


def _not_signable(facts: Facts) -> Obstacle | None:
    if not facts.are_allergies_asked:
        return ASK_ALLERGIES()
    if facts.infusion_on < facts.today:
        return DAY_PASSED(infusion=facts.infusion_on)
    return weight_obstacle(facts) or first(facts.patient)


def not_verifiable(facts: Facts, by: Principal) -> Obstacle | None:
    """A second person, who neither prescribed, transcribed nor typed the weight; patient, batch, dose."""
    typed_by = facts.weight.entered_by if facts.weight and facts.weight.reviewed_by is None else None
    if found := OWN_PRESCRIPTION.stops(by, facts.prescribed_by) or OWN_WEIGHT.stops(by, typed_by):
        return found
    if facts.paper is not None and (found := _own_paper(facts.paper, by)):
        return found
    return weight_obstacle(facts) or first((*facts.patient, *facts.chain)) or dose_obstacle(facts)


def _own_paper(paper: PaperFacts, by: Principal) -> Obstacle | None:
    """Whoever transcribed it, or is the physician on the paper by name, does not verify it."""
    if _letters(by.printed_name) == _letters(paper.prescriber):
        return OWN_PRESCRIPTION()
    return OWN_TRANSCRIPTION.stops(by, paper.transcribers)


def _letters(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())


def not_reservable(facts: Facts, by: Principal) -> Obstacle | None:
    """The same patient, batch and dose, read again: a hold or a withdrawal since the verification counts."""
    return (
        weight_obstacle(facts)
        or weight_unacknowledged(facts)
        or first((*facts.patient, *facts.chain))
        or dose_obstacle(facts)
    )


def not_pickable(facts: Facts) -> Obstacle | None:
    """Picking re-reads patient, consents and determination."""
    return first((*facts.patient, *facts.chain))


def not_dispensable(facts: Facts, by: Principal) -> Obstacle | None:
    """All vials picked by two others, the weight still fresh, nothing against patient or batch since."""
    held = facts.held
    if not held.held:
        return NOTHING_HELD()
    if held.picked < held.held:
        return NOT_PICKED(count=held.held - held.picked, all=held.held)
    if found := OWN_PICK.stops(by, held.handlers):
        return found
    return weight_obstacle(facts) or weight_unacknowledged(facts) or first((*facts.patient, *facts.chain))


def not_given(facts: Facts, by: Principal) -> Obstacle | None:
    """It is complete when at least one vial reached the patient."""
    return None if facts.held.given else NOTHING_GIVEN()


def thawed_already(facts: Facts, by: Principal) -> Obstacle | None:
    """Only unopened vials come back (invariant 17)."""
    return THAWED(vial=facts.held.thawed[0]) if facts.held.thawed else None


def not_all_gone(facts: Facts, by: Principal) -> Obstacle | None:
    """What is thawed is discarded before the prescription is given up."""
    return STILL_THAWED(vial=facts.held.thawed[0]) if facts.held.thawed else None


def picked_already(facts: Facts, by: Principal) -> Obstacle | None:
    """Picked vials are on their way: they are taken back before the prescription is cancelled."""
    return TAKE_BACK_FIRST(count=facts.held.picked) if facts.held.picked else None


@dataclass(frozen=True)
class PreparationFacts:
    """What the moves of a preparation judge."""

    thawed: int
    added: int
    is_being_given: bool = False
    """Whether it runs into the patient now."""


def not_all_in(facts: PreparationFacts, by: Principal) -> Obstacle | None:
    """A preparation is finished when every vial thawed for it is in it."""
    if not facts.added:
        return NONE_IN()
    missing = facts.thawed - facts.added
    return NOT_ALL_IN(count=missing) if missing else None


def being_given(facts: PreparationFacts, by: Principal) -> Obstacle | None:
    """What runs into the patient ends with the record of the infusion, which destroys what is left."""
    return BEING_GIVEN() if facts.is_being_given else None
