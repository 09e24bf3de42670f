"""The life of an adverse event: reported, assessed by investigator and sponsor, submitted, closed."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.safety import rules


class State(StrEnum):
    """Where an event stands."""

    REPORTED = "reported"
    ASSESSED = "assessed"
    SPONSOR_ASSESSED = "sponsor_assessed"
    SUBMITTED = "submitted"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"
    REOPENED = "reopened"


S = State
INVESTIGATORS = (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN)

LIFE = Lifecycle(
    "adverse_event",
    (
        Move("assess", (S.REPORTED, S.REOPENED), S.ASSESSED, INVESTIGATORS, _("Assess the event"),
             fields=True),
        Move("sponsor_assess", S.ASSESSED, S.SPONSOR_ASSESSED, Role.PV_OFFICER, _("Assess for the sponsor"),
             fields=True),
        Move("submit", S.SPONSOR_ASSESSED, S.SUBMITTED, Role.PV_OFFICER, _("Record the submission"),
             unless=rules.not_a_susar, fields=True),
        Move("follow", S.SUBMITTED, S.FOLLOW_UP, Role.PV_OFFICER, _("Open the follow-up"), fields=True),
        Move("close", (S.SPONSOR_ASSESSED, S.FOLLOW_UP), S.CLOSED, Role.PV_OFFICER, _("Close the event"),
             unless=(rules.must_be_submitted, rules.follow_up_is_open), signs="event closed"),
        Move("reopen", S.CLOSED, S.REOPENED, Role.PV_OFFICER, _("Open it again"), fields=True),
    ),
    start=S.REPORTED,
    words={
        S.REPORTED: _("Reported"), S.ASSESSED: _("Assessed"), S.SPONSOR_ASSESSED: _("Sponsor assessed"),
        S.SUBMITTED: _("Submitted"), S.FOLLOW_UP: _("Follow-up"), S.CLOSED: _("Closed"),
        S.REOPENED: _("Open again"),
    },
    signs={
        S.REPORTED: ("ring", "wait"), S.ASSESSED: ("arrow", "move"), S.SPONSOR_ASSESSED: ("arrow", "move"),
        S.SUBMITTED: ("arrow", "move"), S.FOLLOW_UP: ("clock", "wait"), S.CLOSED: ("check", "go"),
        S.REOPENED: ("ring", "wait"),
    },
)  # fmt: skip
