"""Protocols and specifications for tests, made by the actions that people use."""

from itertools import count
from typing import Any

from mscbank.core.access import Principal
from mscbank.study import actions
from mscbank.study.models import Protocol, Specification
from mscbank.study.states import ProtocolState, SpecificationState
from tests.people import ANA, EVA, INES, sign

LEVELS = ((1_000_000, 10), (3_000_000, 10))
"""Viable cells per kg and places: the published trial."""

_numbers = count(1)


def protocol(
    state: ProtocolState = ProtocolState.OPEN, *, levels: tuple[tuple[int, int], ...] = LEVELS,
    by: Principal = EVA, **changes: Any,
) -> Protocol:  # fmt: skip
    """A protocol with these levels, walked to a state."""
    inputs = {
        "title": "Cells of a relative in systemic sclerosis",
        "registry_id": f"NCT{next(_numbers):08d}",
        "sponsor_code": "MSC-SSC",
        "infusion_zone": "Europe/Paris",
    } | changes
    made = actions.draft_protocol(by=by, **inputs)
    for number, (cells, places) in enumerate(levels, start=1):
        actions.set_level(made, by=by, number=number, viable_cells_per_kg=cells, places=places)
    if state is ProtocolState.DRAFT:
        return made
    sign(actions.approve_protocol, made, ANA)
    if state is ProtocolState.APPROVED:
        return made
    actions.open_protocol(made, by=EVA)
    if state is ProtocolState.CLOSED:
        sign(actions.close_protocol, made, EVA, reason="the last visit is over")
    return made


def specification(
    of: Protocol | None = None, state: SpecificationState = SpecificationState.APPROVED, *,
    name: str = "MSC(M)", by: Principal = INES,
) -> Specification:  # fmt: skip
    """An edition with the default lines, walked to a state."""
    made = actions.draft_specification(by=by, protocol=of or protocol(), name=name)
    if state is SpecificationState.DRAFT:
        return made
    sign(actions.approve_specification, made, ANA)
    if state is SpecificationState.RETIRED:
        actions.retire(made, by=ANA, reason="no longer needed")
    return made
