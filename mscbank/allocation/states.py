"""The lives of an allocation and of a preparation (D §10, replaced where they differ by the ground)."""

from enum import StrEnum

from mscbank.allocation import rules
from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move


class State(StrEnum):
    """Where a prescription stands, from the physician's draft to the last drop."""

    DRAFT = "draft"
    PRESCRIBED = "prescribed"
    VERIFIED = "verified"
    RESERVED = "reserved"
    NEEDS_REVIEW = "needs_review"
    DISPENSED = "dispensed"
    COMPLETED = "completed"
    RETURNED = "returned"
    WASTED = "wasted"
    CANCELLED = "cancelled"


S = State
OPEN = (S.DRAFT, S.PRESCRIBED, S.VERIFIED, S.RESERVED, S.NEEDS_REVIEW, S.DISPENSED, S.RETURNED, S.WASTED)
"""The states that lead on."""

PHARMACY = Role.PHARMACIST
TRANSCRIBES = (Role.PHARMACIST, Role.NURSE)
"""Who may transcribe a prescription that a physician wrote and signed on paper."""

LIFE = Lifecycle(
    "allocation",
    (
        Move("prescribe", S.DRAFT, S.PRESCRIBED, Role.PRESCRIBER, _("Prescribe"),
             unless=rules.not_prescribable, signs="prescription"),
        Move("transcribe", S.DRAFT, S.PRESCRIBED, TRANSCRIBES, _("Sign the transcription"),
             unless=rules.not_transcribable, signs="transcription", fields=True),
        Move("send_back", (S.PRESCRIBED, S.VERIFIED), S.DRAFT, PHARMACY, _("Send back to the prescriber")),
        Move("verify", S.PRESCRIBED, S.VERIFIED, PHARMACY, _("Verify"),
             unless=rules.not_verifiable, signs="verification"),
        Move("reserve", S.VERIFIED, S.RESERVED, PHARMACY, _("Reserve"),
             unless=rules.not_reservable, fields=True),
        Move("flag", (S.PRESCRIBED, S.VERIFIED, S.RESERVED), S.NEEDS_REVIEW, None, _("Needs review")),
        Move("review", S.NEEDS_REVIEW, S.VERIFIED, PHARMACY, _("Verify again"),
             unless=rules.not_verifiable, signs="verification"),
        Move("dispense", S.RESERVED, S.DISPENSED, PHARMACY, _("Dispense"),
             unless=rules.not_dispensable, signs="dispensing"),
        Move("complete", S.DISPENSED, S.COMPLETED, None, _("Complete"), unless=rules.not_given),
        Move("happened", OPEN, S.COMPLETED, None, _("Happened all the same")),
        Move("come_back", S.DISPENSED, S.RETURNED, (PHARMACY, Role.LAB_TECH), _("Take back unopened"),
             unless=rules.thawed_already),
        Move("waste", S.DISPENSED, S.WASTED, PHARMACY, _("Give up"), unless=rules.not_all_gone),
        Move("plan_again", (S.RETURNED, S.WASTED), S.VERIFIED, PHARMACY, _("Plan again"),
             unless=rules.not_verifiable, signs="verification"),
        Move("cancel", (S.DRAFT, S.PRESCRIBED, S.VERIFIED, S.RESERVED, S.NEEDS_REVIEW, S.RETURNED, S.WASTED),
             S.CANCELLED, (Role.PRESCRIBER, PHARMACY), _("Cancel"), unless=rules.picked_already),
    ),
    start=S.DRAFT,
    words={
        S.DRAFT: _("Draft"),
        S.PRESCRIBED: _("Prescribed, waits for verification"),
        S.VERIFIED: _("Verified"),
        S.RESERVED: _("Reserved"),
        S.NEEDS_REVIEW: _("Needs review"),
        S.DISPENSED: _("Dispensed"),
        S.COMPLETED: _("Completed"),
        S.RETURNED: _("Returned unopened"),
        S.WASTED: _("Given up after dispensing"),
        S.CANCELLED: _("Cancelled"),
    },
    signs={
        S.DRAFT: ("ring", "end"),
        S.PRESCRIBED: ("ring", "move"),
        S.VERIFIED: ("check", "move"),
        S.RESERVED: ("diamond", "keep"),
        S.NEEDS_REVIEW: ("triangle", "wait"),
        S.DISPENSED: ("arrow", "move"),
        S.COMPLETED: ("drop", "end"),
        S.RETURNED: ("pause", "wait"),
        S.WASTED: ("cross", "end"),
        S.CANCELLED: ("cross", "end"),
    },
    ends=frozenset({S.COMPLETED, S.CANCELLED}),
)  # fmt: skip


class PreparationState(StrEnum):
    """What became of the thawed vials: being made, ready to give, given, or destroyed."""

    IN_MAKING = "in_making"
    READY = "ready"
    GIVEN = "given"
    DISCARDED = "discarded"


P = PreparationState
PREPARES = (Role.LAB_TECH, Role.PHARMACIST, Role.NURSE)
"""Who may prepare: the laboratory, the pharmacy, or the ward."""

PREPARATION_LIFE = Lifecycle(
    "preparation",
    (
        Move("finish", P.IN_MAKING, P.READY, PREPARES, _("Finish the preparation"),
             unless=rules.not_all_in, fields=True),
        Move("give", P.READY, P.GIVEN, None, _("Given")),
        Move("given_all_the_same", (P.IN_MAKING, P.READY), P.GIVEN, None, _("Given all the same")),
        Move("discard", (P.IN_MAKING, P.READY), P.DISCARDED, PREPARES, _("Discard"),
             unless=rules.being_given, signs=("discarded", "witnessed"), fields=True),
    ),
    start=P.IN_MAKING,
    words={
        P.IN_MAKING: _("Being prepared"),
        P.READY: _("Ready to give"),
        P.GIVEN: _("Given"),
        P.DISCARDED: _("Discarded"),
    },
    signs={
        P.IN_MAKING: ("clock", "wait"),
        P.READY: ("clock", "wait"),
        P.GIVEN: ("drop", "end"),
        P.DISCARDED: ("cross", "end"),
    },
    ends=frozenset({P.GIVEN, P.DISCARDED}),
)  # fmt: skip
