"""The audit trail of a batch as a reviewer reads it: what is picked out first, then everything else."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mscbank.core.errors import invalid
from mscbank.core.record import Record
from mscbank.core.web.history import Told, told
from mscbank.release import trail
from mscbank.release.exceptions import Why
from mscbank.release.models import Release, TrailReview
from mscbank.release.reviewing import reasons

MOST_SHOWN = 60
"""So many values of one act are told; of what was done to many things alike, the first tell enough."""


@dataclass
class Line:
    """One act with its steps: as the history tells it, on which things, and why it is picked out."""

    told: Told
    things: list[tuple[str, str]]
    why: tuple[Why, ...]
    is_new: bool
    """Whether it came after the last review."""
    action: str
    values: list[tuple[str, Any, Any]] = field(default_factory=list)


@dataclass
class Trailed:
    """The trail of a batch, newest first, with the digest of what is shown and what was reviewed before."""

    lines: list[Line]
    seen: str
    entries: int
    review: TrailReview | None

    @property
    def picked(self) -> list[Line]:
        """What a reviewer looks at first."""
        return [line for line in self.lines if line.why]

    @property
    def rest(self) -> list[Line]:
        """Everything else."""
        return [line for line in self.lines if not line.why]

    def page(self, after: str | None, size: int) -> tuple[list[Line], str | None]:
        """So many of everything else after the act seen last, and the act after which more follows."""
        acts = [line.told.act for line in self.rest]
        if after is not None and after not in acts:
            raise invalid(after=["There is no such place to go on from."])
        start = acts.index(after) + 1 if after is not None else 0
        listed = self.rest[start : start + size]
        return listed, listed[-1].told.act if start + size < len(acts) else None

    @property
    def counted(self) -> list[tuple[Why, int]]:
        """How many acts are picked out for each reason; zeros are kept: they say that it was looked for."""
        return [(why, sum(why in line.why for line in self.lines)) for why in Why]

    @property
    def new(self) -> int:
        """How many acts came after the last review."""
        return sum(line.is_new for line in self.lines)


def trailed(release: Release) -> Trailed:
    """The trail of the batch of a release."""
    rows = trail.entries(release)
    picked = reasons(rows)
    last = trail.last_review(release)
    reading = trail.Reading.of(trail.marks_of(last)) if last else None
    words = {one.act: one for one in told(rows)}
    return Trailed(
        [_line(group, words, picked, reading) for group in _groups(rows)],
        trail.seen_of(trail.marks(rows)), len(rows), last,
    )  # fmt: skip


def _groups(rows: Iterable[Record]) -> list[list[Record]]:
    """The entries of one act together, the act itself first; the acts newest first."""
    found: dict[str, list[Record]] = {}
    for row in rows:
        found.setdefault(row.parent or row.act, []).append(row)
    return [sorted(group, key=lambda row: row.chain_sequence) for group in found.values()]


def _line(
    group: list[Record],
    words: dict[str, Told],
    picked: dict[str, tuple[Why, ...]],
    reading: trail.Reading | None,
) -> Line:
    head = group[0]
    found = {reason for row in group for reason in picked.get(row.act, ())}
    things = list(dict.fromkeys((row.subject_kind, row.subject_code) for row in group))
    new = reading is not None and any(
        row.action not in trail.OWN_PATH and not reading.reaches(row) for row in group
    )
    return Line(
        words[head.act], things, tuple(why for why in Why if why in found), new, head.action,
        [value for row in group for value in words[row.act].changes][:MOST_SHOWN],
    )  # fmt: skip


def as_json(release: Release) -> dict[str, Any]:
    """The audit trail of a batch: what is picked out, what else, and what was signed about it."""
    found = trailed(release)
    return {
        "seen": found.seen,
        "entries": found.entries,
        "picked_out": {why.value: number for why, number in found.counted},
        "acts": [_act(line) for line in found.lines],
        "reviews": release.trail_reviews,
    }


def _act(line: Line) -> dict[str, Any]:
    one = line.told
    return {
        "act": one.act, "action": line.action, "what": one.what, "who": one.who, "role": one.role,
        "entered_at": one.when, "happened_at": one.happened_at, "reason": one.reason, "refused": one.code,
        "things": [{"kind": kind, "code": code} for kind, code in line.things],
        "changes": [
            {"field": name, "old": _text(old), "new": _text(new)} for name, old, new in line.values
        ],
        "why": [why.value for why in line.why], "is_new": line.is_new,
        "signatures": [
            {
                "meaning": s.meaning, "by": s.login, "at": s.signed_at, "holds": s.holds,
                "badge_station": s.station,
            }
            for s in one.signatures
        ],
    }  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
