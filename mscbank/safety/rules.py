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
FOLLOW_UP_FIRST = Refusal(
    "event.follow_up_first",
    "New information came after the submission: record the follow-up report first.",
    Role.PV_OFFICER,
)
CLOSED = Refusal("event.closed", "A closed event is not corrected: open it again first.", Role.PV_OFFICER)
ASSESSED = Refusal(
    "event.assessed",
    "The investigator has assessed it: from then on an investigator corrects it.",
    (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN),
)
NO_FOLLOW_UP = Refusal("event.no_follow_up", "No follow-up is open that could be submitted.")
NO_CONSENT = Refusal(
    "event.no_consent",
    "No consent of %(person)s is on record: an event belongs to a person in the study from consent onward.",
    (Role.COLLECTION, Role.INVESTIGATOR),
)
MEDICAL_HISTORY = Refusal(
    "event.medical_history",
    "It began on %(onset)s, before the consent of %(consent)s: that is medical history, not an event.",
    Role.INVESTIGATOR,
)
OF_DONORS = Refusal(
    "event.of_donors",
    "The collection reports events of donors; those of a patient are reported by who treats the patient.",
    (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.PV_OFFICER),
)


@dataclass(frozen=True)
class EventFacts:
    """What the moves of an event judge."""

    is_susar: bool
    is_submitted: bool
    follow_up_is_open: bool = False


def not_a_susar(facts: EventFacts, by: Principal) -> Obstacle | None:
    """Nothing else is submitted."""
    return None if facts.is_susar else NOT_A_SUSAR()


def must_be_submitted(facts: EventFacts, by: Principal) -> Obstacle | None:
    """A SUSAR is not closed unsubmitted."""
    return SUBMIT_FIRST() if facts.is_susar and not facts.is_submitted else None


def follow_up_is_open(facts: EventFacts, by: Principal) -> Obstacle | None:
    """Significant new information is submitted before the event is closed."""
    return FOLLOW_UP_FIRST() if facts.is_susar and facts.follow_up_is_open else None
