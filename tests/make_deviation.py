"""Deviations for tests, made by the actions that people use."""

from datetime import timedelta
from typing import Any

from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.deviation import actions
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity, State
from tests.people import ANA, BRUNO, sign

CONCLUSION = {
    "root_cause": "the lid stood open",
    "impact": "none: the probe stayed cold",
    "capa": "a lid alarm was fitted",
}


def deviation(
    *about: Any, severity: Severity | None = None, state: State = State.OPEN, by: Principal = BRUNO,
    qa: Principal = ANA, **changes: Any,
) -> Deviation:  # fmt: skip
    """A deviation about these things, walked to a state."""
    inputs = {
        "title": "Lid open for twenty minutes",
        "description": "The lid of the tank was found open.",
        "occurred_at": clock.now() - timedelta(hours=2),
        "immediate_action": "The lid was closed.",
        "about": [thing.code for thing in about],
    } | changes
    made = actions.open_deviation(by=by, **inputs)
    if severity is not None:
        actions.classify(made, by=qa, reason="seen by quality assurance", severity=severity)
    if state is State.OPEN:
        return made
    actions.investigate(made, by=qa)
    if state is State.INVESTIGATING:
        return made
    actions.plan_capa(made, by=qa, **CONCLUSION)
    if state is State.CAPA:
        return made
    sign(actions.close, made, qa)
    return made


def accepted(made: Deviation, by: Principal = ANA) -> Deviation:
    """The deviation, accepted by quality assurance while it is open."""
    sign(actions.accept, made, by, acceptance="the vials never left the vapour")
    return made
