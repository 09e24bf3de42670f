"""The milestones of a way in time: acts of the same sort on one day are told as one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

TELLING = frozenset({"donation", "batch", "release", "infusion", "adverse_event", "recall"})
"""The kinds whose beginnings and moves are the milestones; everything else stands under ``all``."""


@dataclass(frozen=True)
class Act:
    """One act that touched a way: what, when, by whom, on which thing."""

    act: str
    action: str
    happened_at: datetime
    who: str
    kind: str
    code: str


@dataclass
class Moment:
    """Acts of one sort on one day: the first one's time, everybody who acted, the things."""

    action: str
    at: datetime
    who: list[str]
    things: list[tuple[str, str]]


def gather(acts: Iterable[Act]) -> list[Moment]:
    """Neighbouring acts of one sort on one day become one moment; the order of time stays."""
    found: list[Moment] = []
    for act in acts:
        last = found[-1] if found else None
        if last is None or last.action != act.action or last.at.date() != act.happened_at.date():
            found.append(Moment(act.action, act.happened_at, [act.who], [(act.kind, act.code)]))
            continue
        if act.who not in last.who:
            last.who.append(act.who)
        if (act.kind, act.code) not in last.things:
            last.things.append((act.kind, act.code))
    return found
