"""The gate between two dose levels (D §1.3, PD-01): four conditions, then a named reviewer's signature."""

from dataclasses import dataclass
from datetime import date, timedelta

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal

NOT_INFUSED = Refusal(
    "gate.not_infused",
    "%(infused)s of %(wanted)s patients are infused at level %(level)s.",
    Role.INVESTIGATOR,
)
NOT_PAST = Refusal(
    "gate.window_open", "%(waiting)s patients have not passed the end of day %(day)s.", Role.SAFETY_REVIEWER
)
NOT_REVIEWED = Refusal(
    "gate.events_unreviewed",
    "%(open)s events of day 0 to %(day)s wait for their assessment.",
    Role.INVESTIGATOR,
)


@dataclass(frozen=True)
class GateFacts:
    """What stands before the gate to the next level."""

    level: int
    wanted: int
    gate_day: int
    infused_on: tuple[date, ...]
    unreviewed: int
    severe_related: int
    today: date
    """The civil date at the infusion site."""

    @property
    def past(self) -> int:
        """How many have passed the end of the gate's day."""
        return sum(self.today > day + timedelta(days=self.gate_day) for day in self.infused_on)


def obstacles(facts: GateFacts) -> list[Obstacle]:
    """Everything that keeps the gate shut. Grade 3 or more is shown to the signer and is not a condition."""
    found = []
    if len(facts.infused_on) < facts.wanted:
        found.append(NOT_INFUSED(infused=len(facts.infused_on), wanted=facts.wanted, level=facts.level))
    if facts.past < len(facts.infused_on):
        found.append(NOT_PAST(waiting=len(facts.infused_on) - facts.past, day=facts.gate_day))
    if facts.unreviewed:
        found.append(NOT_REVIEWED(open=facts.unreviewed, day=facts.gate_day))
    return found
