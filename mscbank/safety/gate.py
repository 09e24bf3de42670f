"""The gate between two dose levels (D §1.3, PD-01): conditions, then a named reviewer's signature."""

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
NOT_SEEN = Refusal(
    "gate.visit_missing",
    "%(missing)s patients have no visit of day %(day)s on record: events may not have been entered yet.",
    (Role.INVESTIGATOR, Role.NURSE),
)
NOT_REVIEWED = Refusal(
    "gate.events_unreviewed",
    "%(open)s events of day 0 to %(day)s wait for their assessment.",
    Role.INVESTIGATOR,
)
PAUSED = Refusal(
    "gate.paused",
    "The protocol is paused by its stopping rule: lift the pause first, or hold.",
    Role.SAFETY_REVIEWER,
)


@dataclass(frozen=True)
class GateFacts:
    """What stands before the gate from a level to the next."""

    level: int
    wanted: int
    gate_day: int
    infused_on: tuple[date, ...]
    """The civil date of each infusion at the level."""
    unreviewed: int
    """Events of day 0 to the gate's day that the investigator has not assessed."""
    severe_related: int
    """Related events of grade 3 or more in those days."""
    today: date
    """The civil date at the infusion site."""
    unseen: int = 0
    """Patients past the gate's day whose visit of that day is not on record."""
    is_paused: bool = False

    @property
    def infused(self) -> int:
        """How many are infused at the level."""
        return len(self.infused_on)

    @property
    def past(self) -> int:
        """How many have passed the end of the gate's day."""
        return sum(self.today > day + timedelta(days=self.gate_day) for day in self.infused_on)

    @property
    def is_open(self) -> bool:
        """Whether nothing but the signature is missing."""
        return not obstacles(self)


def obstacles(facts: GateFacts) -> list[Obstacle]:
    """Everything that keeps the gate shut. Grade 3 or more is shown to the signer and is not a condition."""
    found = []
    if facts.is_paused:
        found.append(PAUSED())
    if facts.infused < facts.wanted:
        found.append(NOT_INFUSED(infused=facts.infused, wanted=facts.wanted, level=facts.level))
    if facts.past < facts.infused:
        found.append(NOT_PAST(waiting=facts.infused - facts.past, day=facts.gate_day))
    if facts.unseen:
        found.append(NOT_SEEN(missing=facts.unseen, day=facts.gate_day))
    if facts.unreviewed:
        found.append(NOT_REVIEWED(open=facts.unreviewed, day=facts.gate_day))
    return found
