"""What may stand in the way of a recipient's or a family link's next move."""

from dataclasses import dataclass

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes

CLAIMED_BY_SELF = FourEyes(
    "family.claimed_by_self",
    "You entered this link: another person verifies it.",
    (Role.COLLECTION, Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR),
    first=("family_link.claim",),
    second=("family_link.verify",),
    held_by=("ck_family_link_verified_by_another",),
)
FAMILY_IN_DOUBT = Refusal(
    "family.in_doubt",
    "The link does not fit what is known, and nobody has confirmed it: %(doubts)s",
    Role.MEDICAL_DIRECTOR,
)
NOT_INFUSED = Refusal(
    "family.not_infused",
    "Nothing has been infused, so there is no follow-up to complete. Record withdrawal or exclusion.",
)


@dataclass(frozen=True)
class RecipientFacts:
    """What the moves of a recipient judge."""

    obstacle: Obstacle | None
    """The first thing that stands in the way of enrolling."""
    is_infused: bool


@dataclass(frozen=True)
class LinkFacts:
    """What the moves of a family link judge."""

    claimed_by: str
    doubts: tuple[str, ...]
    is_confirmed: bool


def not_enrolled_in_open_protocol(facts: RecipientFacts, by: Principal) -> Obstacle | None:
    """The inclusion checks of D §1.2 and a free place of D §1.3."""
    return facts.obstacle


def not_infused(facts: RecipientFacts, by: Principal) -> Obstacle | None:
    """Follow-up is completed only by those who were infused."""
    return None if facts.is_infused else NOT_INFUSED()


def claimed_by_self(facts: LinkFacts, by: Principal) -> Obstacle | None:
    """Who entered a link does not verify it (invariant 11)."""
    return CLAIMED_BY_SELF.stops(by, facts.claimed_by)


def family_in_doubt(facts: LinkFacts, by: Principal) -> Obstacle | None:
    """Birth dates that do not fit the relation need somebody's word before the link counts (PD-05)."""
    if facts.doubts and not facts.is_confirmed:
        return FAMILY_IN_DOUBT(doubts=" ".join(facts.doubts))
    return None
