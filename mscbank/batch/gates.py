"""What stands in the way of a move of a batch or a material lot: judged on facts loaded in bulk."""

from dataclasses import dataclass
from datetime import date

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes

DONATION_NOT_ACCEPTED = Refusal(
    "batch.donation_not_accepted",
    "The donation %(din)s has not been accepted by the laboratory.",
    (Role.LAB_TECH, Role.QA),
)
SPECIFICATION_NOT_APPROVED = Refusal(
    "batch.specification_not_approved", "The specification %(name)s is not approved, or was retired.", Role.QA
)
PROTOCOL_NOT_OPEN = Refusal("batch.protocol_not_open", "The protocol %(protocol)s is not open.", Role.SPONSOR)
LINK_NOT_VERIFIED = Refusal(
    "batch.link_not_verified", "The link between donor and recipient is not verified.", Role.COLLECTION
)
NO_PASSAGE = Refusal("batch.no_passage", "No passage is recorded yet.", Role.LAB_TECH)
PASSAGE_OPEN = Refusal("batch.passage_open", "Passage %(number)s has not been harvested.", Role.LAB_TECH)
COUNTS_UNCHECKED = Refusal(
    "batch.counts_unchecked", "A second person has not checked yet: %(counts)s.", Role.LAB_TECH
)
NOTHING_FILLED = Refusal("batch.nothing_filled", "No vial of this batch is filled yet.", Role.LAB_TECH)
FILL_DIFFERS = Refusal(
    "batch.fill_differs",
    "The count does not close: %(filled)s vials filled, %(difference)s not accounted for.",
    Role.LAB_TECH,
)
LOT_EXPIRED = Refusal("batch.lot_expired", "The lot expired on %(expires_on)s.", Role.QA)
LOT_WITHOUT_CERTIFICATE = Refusal(
    "batch.lot_without_certificate", "The certificate of analysis is missing.", Role.LAB_TECH
)
OWN_LOT = FourEyes(
    "batch.own_lot",
    "You took this lot in: another person releases it.",
    Role.QA,
    first=("material_lot.receive",),
    second=("material_lot.release",),
    held_by=("ck_material_lot_released_by_another",),
)


@dataclass(frozen=True)
class Fill:
    """How the fill of a batch closes."""

    filled: int
    difference: int


@dataclass(frozen=True)
class BatchFacts:
    """What the rules of a batch judge."""

    din: str
    donation_accepted: bool
    unacceptable: Obstacle | None
    """What the collection says against using the donation now."""
    specification: str
    specification_approved: bool
    protocol: str
    protocol_open: bool
    link_verified: bool
    recipient: Obstacle | None
    """What speaks against the directed recipient now."""
    passages: int
    open_passage: int | None
    unchecked: tuple[str, ...]
    fill: Fill


@dataclass(frozen=True)
class LotFacts:
    """What the rules of a material lot judge."""

    expires_on: date
    today: date
    certificate: str | None
    received_by: str


def cannot_start(facts: BatchFacts, by: Principal) -> Obstacle | None:
    """Everything that must stand before cells are put into culture for somebody."""
    if not facts.donation_accepted:
        return DONATION_NOT_ACCEPTED(din=facts.din)
    if facts.unacceptable is not None:
        return facts.unacceptable
    if not facts.specification_approved:
        return SPECIFICATION_NOT_APPROVED(name=facts.specification)
    if not facts.protocol_open:
        return PROTOCOL_NOT_OPEN(protocol=facts.protocol)
    if not facts.link_verified:
        return LINK_NOT_VERIFIED()
    return facts.recipient


def culture_open(facts: BatchFacts, by: Principal) -> Obstacle | None:
    """The last passage is harvested, and a second person checked every count."""
    if not facts.passages:
        return NO_PASSAGE()
    if facts.open_passage is not None:
        return PASSAGE_OPEN(number=facts.open_passage)
    return COUNTS_UNCHECKED(counts=", ".join(facts.unchecked)) if facts.unchecked else None


def fill_open(facts: BatchFacts, by: Principal) -> Obstacle | None:
    """Every vial filled is accounted for (invariant 7)."""
    if facts.fill.filled == 0:
        return NOTHING_FILLED()
    if facts.fill.difference:
        return FILL_DIFFERS(filled=facts.fill.filled, difference=facts.fill.difference)
    return None


def lot_not_releasable(facts: LotFacts, by: Principal) -> Obstacle | None:
    """A lot is released in date, with its certificate, by somebody else than who took it in."""
    if facts.today > facts.expires_on:
        return LOT_EXPIRED(expires_on=facts.expires_on)
    if not facts.certificate:
        return LOT_WITHOUT_CERTIFICATE()
    return OWN_LOT.stops(by, facts.received_by)
