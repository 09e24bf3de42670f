"""Everything that is done with an infusion, in one list; the verbs stand in the modules beside it."""

from mscbank.infusion.bedside import check, check_again, choose_low_dose, decide_window
from mscbank.infusion.completing import COMPLETED, complete
from mscbank.infusion.happening import AS_HAPPENED, happened, record_as_happened
from mscbank.infusion.readying import cancel, confirm_ready, plan, replan, thaw
from mscbank.infusion.running import interrupt, observe, resume, start, stop

__all__ = [
    "AS_HAPPENED",
    "COMPLETED",
    "cancel",
    "check",
    "check_again",
    "choose_low_dose",
    "complete",
    "confirm_ready",
    "decide_window",
    "happened",
    "interrupt",
    "observe",
    "plan",
    "record_as_happened",
    "replan",
    "resume",
    "start",
    "stop",
    "thaw",
]
