"""Everything that people do for safety, in one place for the doors and for later steps."""

from mscbank.safety.drafting import draft_error
from mscbank.safety.gating import decide_gate, lift_pause
from mscbank.safety.judging import (
    assess,
    close,
    follow,
    reopen,
    sponsor_assess,
    submit,
    submit_follow_up,
)
from mscbank.safety.recording import correct, report
from mscbank.safety.visiting import correct_visit, record_visit

__all__ = [
    "assess", "close", "correct", "correct_visit", "decide_gate", "draft_error", "follow", "lift_pause",
    "record_visit", "reopen", "report", "sponsor_assess", "submit", "submit_follow_up",
]  # fmt: skip
