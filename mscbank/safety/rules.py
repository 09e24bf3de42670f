"""What stands in the way of an event's next move."""

from dataclasses import dataclass

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal

NOT_A_SUSAR = Refusal(
    "event.not_a_susar",
    "Only what is serious, suspected and unexpected is submitted. Close the event instead.",
)
SUBMIT_FIRST = Refusal(
    "event.submit_first",
    "This is a suspected unexpected serious reaction: record its submission first.",
    Role.PV_OFFICER,
)


@dataclass(frozen=True)
class EventFacts:
    """What the moves of an event judge."""

    is_susar: bool
    is_submitted: bool


def not_a_susar(facts: EventFacts, by: Principal) -> Obstacle | None:
    """Nothing else is submitted."""
    return None if facts.is_susar else NOT_A_SUSAR()


def must_be_submitted(facts: EventFacts, by: Principal) -> Obstacle | None:
    """A SUSAR is not closed unsubmitted."""
    return SUBMIT_FIRST() if facts.is_susar and not facts.is_submitted else None
