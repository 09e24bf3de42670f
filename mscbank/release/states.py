"""The life of a release: under review, checked, certified, released; and the ways aside (D §4.2 to 4.4)."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.release import gates


class State(StrEnum):
    """Where the judgement of a batch stands."""

    UNDER_REVIEW = "under_review"
    CHECKED = "checked"
    CERTIFIED = "certified"
    RELEASED = "released"
    CONDITIONALLY_RELEASED = "conditionally_released"
    OOS_EXCEPTIONAL = "oos_exceptional"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    RECALLED = "recalled"


USABLE = (State.RELEASED, State.CONDITIONALLY_RELEASED, State.OOS_EXCEPTIONAL)
"""The states in which vials of the batch may be given to somebody."""

CHECK = "manufacture and testing checked"
CERTIFICATION = "certification"
RELEASE = "released for use"
CONDITIONAL_RELEASE = "released in step 1, results to come"
COMPLETION = "released in step 2"
REJECTION = "rejected"
REOPENING = "record re-opened"
EXCEPTION = "released out of specification, by exception"
LIFTING = "suspension lifted"

LIFE = Lifecycle(
    "release",
    (
        Move(
            "check",
            State.UNDER_REVIEW,
            State.CHECKED,
            Role.QA,
            _("Check manufacture and testing"),
            unless=(gates.not_complete, gates.checks_own_work),
            signs=CHECK,
        ),
        Move(
            "certify",
            State.CHECKED,
            State.CERTIFIED,
            Role.QP,
            _("Certify"),
            unless=(gates.not_complete, gates.certifies_own_work, gates.trail_unreviewed),
            signs=CERTIFICATION,
        ),
        Move(
            "release",
            State.CERTIFIED,
            State.RELEASED,
            (Role.QP, Role.QA),
            _("Release the batch"),
            unless=(gates.results_pending, gates.not_complete),
            signs=RELEASE,
        ),
        Move(
            "release_conditionally",
            State.CERTIFIED,
            State.CONDITIONALLY_RELEASED,
            Role.QP,
            _("Release in step 1"),
            unless=(gates.no_two_step, gates.not_complete),
            signs=CONDITIONAL_RELEASE,
        ),
        Move(
            "complete",
            State.CONDITIONALLY_RELEASED,
            State.RELEASED,
            Role.QP,
            _("Release in step 2"),
            unless=(
                gates.results_pending,
                gates.not_complete,
                gates.certifies_own_work,
                gates.trail_unreviewed,
            ),
            signs=COMPLETION,
        ),
        Move(
            "reject",
            (State.UNDER_REVIEW, State.CHECKED, State.CONDITIONALLY_RELEASED, State.SUSPENDED),
            State.REJECTED,
            Role.QP,
            _("Reject the batch"),
            signs=REJECTION,
        ),
        Move(
            "reopen",
            (State.CHECKED, State.CERTIFIED, State.SUSPENDED),
            State.UNDER_REVIEW,
            (Role.QA, Role.QP),
            _("Re-open the record"),
            signs=REOPENING,
        ),
        Move(
            "reopen_released",
            USABLE,
            State.SUSPENDED,
            (Role.QA, Role.QP),
            _("Re-open the record, which suspends"),
            signs=REOPENING,
        ),
        Move(
            "except",
            (State.UNDER_REVIEW, State.REJECTED),
            State.OOS_EXCEPTIONAL,
            Role.QP,
            _("Release by exception"),
            unless=(gates.no_exception, gates.certifies_own_work),
            signs=EXCEPTION,
        ),
        Move("suspend", USABLE, State.SUSPENDED, (Role.QA, Role.QP), _("Suspend")),
        Move(
            "lift",
            State.SUSPENDED,
            USABLE,
            (Role.QA, Role.QP),
            _("Lift the suspension"),
            unless=gates.cause_stands,
            signs=LIFTING,
        ),
        Move("recall", (*USABLE, State.SUSPENDED), State.RECALLED, None, _("Recall")),
    ),
    start=State.UNDER_REVIEW,
    words={
        State.UNDER_REVIEW: _("Under review"),
        State.CHECKED: _("Checked"),
        State.CERTIFIED: _("Certified"),
        State.RELEASED: _("Released"),
        State.CONDITIONALLY_RELEASED: _("Released in step 1, results to come"),
        State.OOS_EXCEPTIONAL: _("Out of specification, by exception"),
        State.SUSPENDED: _("Suspended"),
        State.REJECTED: _("Rejected"),
        State.RECALLED: _("Recalled"),
    },
    signs={
        State.UNDER_REVIEW: ("ring", "move"),
        State.CHECKED: ("check", "move"),
        State.CERTIFIED: ("check", "go"),
        State.RELEASED: ("check", "go"),
        State.CONDITIONALLY_RELEASED: ("check-clock", "wait"),
        State.OOS_EXCEPTIONAL: ("triangle", "wait"),
        State.SUSPENDED: ("pause", "wait"),
        State.REJECTED: ("octagon", "stop"),
        State.RECALLED: ("octagon", "stop"),
    },
    ends=frozenset({State.REJECTED, State.RECALLED}),
)
