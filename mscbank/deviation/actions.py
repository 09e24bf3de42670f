"""What people do with deviations, and what bigger acts open in the same breath (D §4.8)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from mscbank.coding.errors import CodeError
from mscbank.core import acts, clock, links, messages
from mscbank.core.access import READ_ONLY, Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import by_code, new_code
from mscbank.core.db import Thing, session
from mscbank.core.errors import Missing, Obstacle, Refusal, Refused, invalid
from mscbank.core.messages import Touched
from mscbank.deviation import duplicates
from mscbank.deviation.models import Deviation, DeviationSubject
from mscbank.deviation.severity import (
    BLOCKING,
    SETTLED,
    DeviationFacts,
    Severity,
    not_classified,
    opened_by_self,
)
from mscbank.deviation.states import LIFE

OPENED = messages.announcement(
    "deviation.opened", "A deviation was opened; touched are the things it is about."
)
CLASSIFIED = messages.announcement(
    "deviation.classified", "A deviation was classified, or extended; touched are the things it is about."
)

WORKERS = tuple(role for role in Role if role not in READ_ONLY and role is not Role.ADMIN)
BATCH = "batch"

SETTLED_ALREADY = Refusal(
    "deviation.settled", "This deviation is settled: nothing about it changes any more."
)
ACCEPTED_ALREADY = Refusal("deviation.accepted", "Quality assurance has accepted it already.")
NOT_CONCLUDED = Refusal("deviation.not_concluded", "Nothing has been concluded yet.", Role.QA)
NOTHING_BLOCKED = Refusal(
    "deviation.minor", "A minor deviation blocks nothing, so there is nothing to accept."
)


def _facts(deviations: list[Deviation]) -> dict[int, DeviationFacts]:
    return {d.id: facts_of(d) for d in deviations}


def facts_of(deviation: Deviation) -> DeviationFacts:
    """What the rules judge of a deviation."""
    return DeviationFacts(
        severity=deviation.severity,
        state=deviation.state,
        is_accepted=deviation.accepted_at is not None,
        opened_by=deviation.opened_by,
        has_root_cause=bool(deviation.root_cause),
        has_impact=bool(deviation.impact),
        has_capa=bool(deviation.capa),
    )


LIFE.facts = _facts


def touched_by(deviation: Deviation) -> Touched:
    """The things that a deviation is about."""
    return [(subject.kind, subject.code) for subject in deviation.subjects]


def opening_locks(subjects: Iterable[Thing | None]) -> list[Any]:
    """What an act that opens a classified deviation on these things must have among its locks.

    A blocking row locks the batches that it touches, so that nobody certifies or reserves beside it; and the
    consequences of the opening lock what they will change.
    """
    touched = [(thing.kind, thing.code) for thing in subjects if thing is not None]
    return [*links.reach_things(touched, BATCH), *messages.consequence_locks(OPENED, touched)]


def _things(about: Sequence[str]) -> list[Thing]:
    found: dict[tuple[str, str], Thing] = {}
    faults = []
    for text in about:
        try:
            thing = by_code(text.strip().upper())
            found[(thing.kind, thing.code)] = thing
        except CodeError as error:
            faults.append(str(error))
        except Missing as refused:
            faults.append(refused.sentence)
    if faults:
        raise invalid(about=faults)
    return list(found.values())


def _in_sight(things: list[Thing], by: Principal) -> list[Thing]:
    hidden = [thing.code for thing in things if not by.sees(thing.site)]
    if hidden:
        raise invalid(about=[f"Nothing here has the code {code}." for code in hidden])
    return things


def _site(things: list[Thing], by: Principal) -> str | None:
    """The site of what it is about; else the only site of whoever opens it; else none, seen by everybody."""
    sites = {thing.site for thing in things} or {grant.site for grant in by.grants}
    return sites.pop() if len(sites) == 1 else None


def _open(
    things: list[Thing], by: Principal, *, title: str, description: str, occurred_at: datetime,
    found_at: datetime | None, immediate_action: str, severity: Severity | None,
) -> Deviation:  # fmt: skip
    now = clock.now()
    found = found_at or now
    if occurred_at > now:
        raise invalid(occurred_at=["This lies in the future."])
    if not occurred_at <= found <= now:
        raise invalid(found_at=["It is found after it happened, and not in the future."])
    deviation = Deviation(
        code=new_code("deviation"), site=_site(things, by), title=title, description=description,
        happened_at=occurred_at, found_at=found, immediate_action=immediate_action, opened_by=by.login,
        severity=severity, severity_by=by.login if severity else None,
    )  # fmt: skip
    deviation.subjects = [DeviationSubject(kind=thing.kind, code=thing.code) for thing in things]
    session.add(deviation)
    session.flush()
    acts.current().touch(*things)
    touched = touched_by(deviation)
    messages.announce(OPENED, touched=touched, severity=severity, deviation=deviation.code)
    return deviation


@action(
    "deviation.open",
    role=WORKERS,
    creates="deviation",
    announces={OPENED: lambda *, about=(), **_: [(thing.kind, thing.code) for thing in _things(about)]},
)
def open_deviation(
    *, by: Principal, title: str, description: str, occurred_at: datetime, immediate_action: str,
    about: Sequence[str] = (), found_at: datetime | None = None,
) -> Deviation:  # fmt: skip
    """Report that something went otherwise than it should; quality assurance classifies it."""
    return _open(
        _in_sight(_things(about), by), by, title=title, description=description, occurred_at=occurred_at,
        found_at=found_at, immediate_action=immediate_action, severity=None,
    )  # fmt: skip


@action("deviation.open_classified", creates="deviation")
def open_classified(
    *, by: Principal, subjects: list[Thing], severity: Severity, title: str, description: str,
    occurred_at: datetime, immediate_action: str, found_at: datetime | None = None,
) -> Deviation:  # fmt: skip
    """Open a deviation whose severity a rule fixes, as part of a bigger act.

    That act has ``opening_locks(subjects)`` among its locks.
    """
    return _open(
        subjects, by, title=title, description=description, occurred_at=occurred_at, found_at=found_at,
        immediate_action=immediate_action, severity=severity,
    )  # fmt: skip


def _settled(deviation: Deviation, by: Principal) -> Obstacle | None:
    return SETTLED_ALREADY() if deviation.state in SETTLED else None


def _batches(deviation: Deviation, **_inputs: Any) -> list[Any]:
    return links.reach_things(touched_by(deviation), BATCH)


def _touched(deviation: Deviation, **_inputs: Any) -> Touched:
    return touched_by(deviation)


@action(
    "deviation.classify",
    role=Role.QA,
    reason=True,
    unless=_settled,
    locks=_batches,
    announces={CLASSIFIED: _touched},
)
def classify(deviation: Deviation, *, by: Principal, severity: Severity) -> None:
    """Set how bad it is: minor, major or critical."""
    deviation.severity, deviation.severity_by = severity, by.login
    deviation.accepted_at = deviation.accepted_by = deviation.acceptance = None
    messages.announce(CLASSIFIED, touched=touched_by(deviation), severity=severity, deviation=deviation.code)


@action(
    "deviation.extend",
    role=Role.QA,
    reason=True,
    unless=_settled,
    locks=lambda deviation, *, about: opening_locks(_things(about)),
    announces={
        CLASSIFIED: lambda deviation, *, about: [(t.kind, t.code) for t in _things(about)],
    },
)
def extend(deviation: Deviation, *, by: Principal, about: Sequence[str]) -> None:
    """Add things that it is about too."""
    known = set(touched_by(deviation))
    new = [thing for thing in _in_sight(_things(about), by) if (thing.kind, thing.code) not in known]
    if not new:
        raise invalid(about=["It names them already."])
    deviation.subjects += [DeviationSubject(kind=thing.kind, code=thing.code) for thing in new]
    deviation.accepted_at = deviation.accepted_by = deviation.acceptance = None
    session.flush()
    acts.current().touch(*new)
    touched = [(thing.kind, thing.code) for thing in new]
    messages.announce(CLASSIFIED, touched=touched, severity=deviation.severity, deviation=deviation.code)


def what_is_accepted(deviation: Deviation) -> dict[str, Any]:
    """What quality assurance signs when it accepts: what happened to what, and how bad it is."""
    return {
        "deviation": deviation.code, "title": deviation.title, "description": deviation.description,
        "happened_at": deviation.happened_at, "severity": deviation.severity,
        "about": sorted(touched_by(deviation)),
    }  # fmt: skip


def what_is_closed(deviation: Deviation) -> dict[str, Any]:
    """What quality assurance signs when it closes: the whole deviation."""
    conclusion = {"root_cause": deviation.root_cause, "impact": deviation.impact, "capa": deviation.capa}
    return what_is_accepted(deviation) | conclusion


def _nothing_to_accept(deviation: Deviation, by: Principal) -> Obstacle | None:
    if deviation.accepted_at is not None:
        return ACCEPTED_ALREADY()
    facts = facts_of(deviation)
    if found := not_classified(facts, by):
        return found
    return NOTHING_BLOCKED() if deviation.severity not in BLOCKING else opened_by_self(facts, by)


@action(
    "deviation.accept",
    role=Role.QA,
    unless=(_settled, _nothing_to_accept),
    locks=_batches,
    signs="quality acceptance",
    content=what_is_accepted,
)
def accept(deviation: Deviation, *, by: Principal, acceptance: str) -> None:
    """Accept it while it is still open, so that it no longer stands in the way of release."""
    deviation.accepted_by, deviation.accepted_at, deviation.acceptance = by.login, clock.now(), acceptance


@does(LIFE, "investigate")
def investigate(deviation: Deviation) -> None:
    """Start to look for the cause."""


@does(LIFE, "plan_capa")
def plan_capa(deviation: Deviation, *, root_cause: str, impact: str, capa: str) -> None:
    """Write down the cause, the impact on product and patient, and what is done about it."""
    deviation.root_cause, deviation.impact, deviation.capa = root_cause, impact, capa


def _not_concluded(deviation: Deviation, by: Principal) -> Obstacle | None:
    return None if deviation.root_cause else NOT_CONCLUDED()


@action("deviation.revise", role=Role.QA, reason=True, unless=(_settled, _not_concluded))
def revise(deviation: Deviation, *, root_cause: str, impact: str, capa: str) -> None:
    """Correct what was concluded, before it is closed."""
    deviation.root_cause, deviation.impact, deviation.capa = root_cause, impact, capa


@does(LIFE, "close", locks=_batches, content=what_is_closed)
def close(deviation: Deviation, *, by: Principal) -> None:
    """Close it for good."""
    deviation.closed_by, deviation.closed_at = by.login, clock.now()


@does(LIFE, "reject_as_duplicate", reason=True, locks=lambda deviation, *, original: shared(original))
def reject_as_duplicate(deviation: Deviation, *, original: Deviation) -> None:
    """Set it aside because another deviation says the same of the same things, and no less gravely."""
    if original.id == deviation.id:
        raise Refused(duplicates.SAME())
    found = duplicates.obstacle(
        deviation.severity, touched_by(deviation), original.severity, original.state, touched_by(original)
    )
    if found:
        raise Refused(found)
    deviation.duplicate_of = original
