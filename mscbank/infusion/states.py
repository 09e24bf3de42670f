"""The life of an infusion; ``ready`` falls back to planned by predicate (rules.stands), never by itself."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.infusion import rules


class State(StrEnum):
    """Where an infusion stands."""

    PLANNED = "planned"
    READY = "ready"
    CHECKED = "checked"
    STARTED = "started"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


S = State
RUNNING = (S.STARTED, S.INTERRUPTED)
GIVEN = (S.STARTED, S.INTERRUPTED, S.STOPPED, S.COMPLETED)
"""Cells have reached the patient."""
BEFORE = (S.PLANNED, S.READY, S.CHECKED)
WARD = (Role.NURSE, Role.INVESTIGATOR, Role.TREATING_PHYSICIAN)

LIFE = Lifecycle(
    "infusion",
    (
        Move("confirm_ready", (S.PLANNED, S.READY), S.READY, WARD, _("Confirm ready"),
             unless=rules.not_preparable, signs=("ready", "ready, second person"), fields=True),
        Move("check", S.READY, S.CHECKED, WARD, _("Check at the bedside"),
             unless=rules.not_checkable, signs=("bedside check", "bedside check, second person"),
             fields=True),
        Move("check_again", S.CHECKED, S.READY, WARD, _("Check again")),
        Move("start", S.CHECKED, S.STARTED, WARD, _("Start"), unless=rules.not_startable, fields=True),
        Move("interrupt", S.STARTED, S.INTERRUPTED, WARD, _("Interrupt"), fields=True),
        Move("resume", S.INTERRUPTED, S.STARTED, WARD, _("Resume"), unless=rules.not_resumable),
        Move("stop", RUNNING, S.STOPPED, WARD, _("Stop for good"), fields=True),
        Move("complete", (S.STARTED, S.STOPPED), S.COMPLETED, WARD, _("Complete"),
             signs=("infusion record", "residual witnessed"), fields=True),
        Move("cancel", BEFORE, S.CANCELLED, (Role.PRESCRIBER, Role.PHARMACIST, *WARD), _("Cancel"),
             unless=rules.thawed_and_kept),
        Move("happened", BEFORE, S.COMPLETED, None, _("Happened all the same")),
    ),
    start=S.PLANNED,
    words={
        S.PLANNED: _("Planned"),
        S.READY: _("Ward ready"),
        S.CHECKED: _("Checked at the bedside"),
        S.STARTED: _("Running"),
        S.INTERRUPTED: _("Interrupted"),
        S.STOPPED: _("Stopped"),
        S.COMPLETED: _("Completed"),
        S.CANCELLED: _("Cancelled"),
    },
    signs={
        S.PLANNED: ("ring", "end"),
        S.READY: ("ring", "move"),
        S.CHECKED: ("check", "go"),
        S.STARTED: ("clock", "wait"),
        S.INTERRUPTED: ("triangle", "wait"),
        S.STOPPED: ("octagon", "stop"),
        S.COMPLETED: ("drop", "end"),
        S.CANCELLED: ("cross", "end"),
    },
    ends=frozenset({S.COMPLETED, S.CANCELLED}),
)  # fmt: skip
