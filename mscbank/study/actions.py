"""What people do with protocols; what a bigger act does to their levels."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid, unique_means
from mscbank.study import defaults
from mscbank.study.approval import ApprovalFacts
from mscbank.study.drafting import (
    approve_specification,
    draft_specification,
    in_force,
    retire,
    set_criterion,
)
from mscbank.study.models import DoseLevel, Protocol, VisitPlan
from mscbank.study.states import PROTOCOL_LIFE, ProtocolState

__all__ = [
    "approve_protocol", "approve_specification", "close_protocol", "draft_protocol", "draft_specification",
    "in_force", "open_level", "open_protocol", "pause", "resume", "retire", "set_criterion", "set_level",
    "set_visit",
]  # fmt: skip

AUTHORS = (Role.MEDICAL_DIRECTOR, Role.QA)

REGISTERED = Refusal("study.registered", "There is a protocol with this registry number already.")
NOT_DRAFT = Refusal("study.not_draft", "An approved protocol is not changed: an amendment is a new protocol.")
NOT_OPEN = Refusal("study.not_open", "The protocol is not open.", Role.MEDICAL_DIRECTOR)
NO_SUCH_LEVEL = Refusal("study.no_such_level", "The protocol has no dose level %(number)s.")
LEVEL_OPEN = Refusal("study.level_open", "Dose level %(number)s is open already.")
LEVEL_BEFORE = Refusal("study.level_before", "Dose level %(before)s opens before level %(number)s.")
PAUSED_ALREADY = Refusal("study.paused", "The protocol is paused already.", Role.SAFETY_REVIEWER)
NOT_PAUSED = Refusal("study.not_paused", "The protocol is not paused.")

unique_means("uq_protocol_registry_id", "protocol", ("registry_id",), REGISTERED)


def _facts(protocols: list[Protocol]) -> dict[int, ApprovalFacts]:
    return {protocol.id: _approval(protocol) for protocol in protocols}


def _approval(protocol: Protocol) -> ApprovalFacts:
    missing = []
    numbers = [level.number for level in protocol.levels]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        missing.append("dose levels, numbered from 1 without a gap")
    if not protocol.visits:
        missing.append("visits")
    authors = {protocol.written_by, *(level.set_by for level in protocol.levels)}
    authors |= {visit.set_by for visit in protocol.visits}
    return ApprovalFacts(frozenset(authors), tuple(missing))


PROTOCOL_LIFE.facts = _facts


def _not_draft(protocol: Protocol, by: Principal) -> Obstacle | None:
    return None if protocol.state is ProtocolState.DRAFT else NOT_DRAFT()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(infusion_zone=["Give the time zone by its IANA name, such as Europe/Paris."]) from None
    return name


@action("protocol.draft", role=AUTHORS, creates="protocol")
def draft_protocol(
    *, by: Principal, title: str, registry_id: str, sponsor_code: str, infusion_zone: str,
    age_min: int = defaults.AGE_MIN, age_max: int = defaults.AGE_MAX,
    skin_score_min: int = defaults.SKIN_SCORE_MIN, gate_infused: int = defaults.GATE_INFUSED,
    gate_day: int = defaults.GATE_DAY, default_visits: bool = True, site: str | None = None,
) -> Protocol:  # fmt: skip
    """Write down a protocol, with the default visits unless told otherwise."""
    if age_min > age_max:
        raise invalid(age_max=["The highest age is not below the lowest."])
    protocol = Protocol(
        code=new_code("protocol"), site=site, title=title, registry_id=registry_id, sponsor_code=sponsor_code,
        infusion_zone=_zone(infusion_zone), written_by=by.login, age_min=age_min, age_max=age_max,
        skin_score_min=skin_score_min, gate_infused=gate_infused, gate_day=gate_day, max_infusions=1,
    )  # fmt: skip
    if default_visits:
        protocol.visits = [
            VisitPlan(
                position=position, name=visit.name, days=visit.days, months=visit.months,
                before_days=visit.before_days, after_days=visit.after_days, set_by=by.login,
            )
            for position, visit in enumerate(defaults.VISITS, start=1)
        ]  # fmt: skip
    session.add(protocol)
    return protocol


@action("protocol.set_level", role=AUTHORS, kind="protocol", unless=_not_draft)
def set_level(
    protocol: Protocol, *, by: Principal, number: int, viable_cells_per_kg: int, places: int
) -> None:
    """Add a dose level with its places, or change one, before approval."""
    level = protocol.level(number)
    if level is None:
        level = DoseLevel(number=number)
        protocol.levels.append(level)
    level.viable_cells_per_kg, level.places, level.set_by = viable_cells_per_kg, places, by.login


@action("protocol.set_visit", role=AUTHORS, kind="protocol", unless=_not_draft)
def set_visit(
    protocol: Protocol, *, by: Principal, name: str, days: int | None = None, months: int | None = None,
    before_days: int = 0, after_days: int = 0,
) -> None:  # fmt: skip
    """Add a visit, or change one, before approval."""
    if (days is None) == (months is None):
        raise invalid(days=["Give days or months after the infusion, not both."])
    visit = next((visit for visit in protocol.visits if visit.name == name), None)
    if visit is None:
        visit = VisitPlan(name=name, position=max((v.position for v in protocol.visits), default=0) + 1)
        protocol.visits.append(visit)
    visit.days, visit.months, visit.set_by = days, months, by.login
    visit.before_days, visit.after_days = before_days, after_days


def what_is_approved(protocol: Protocol) -> dict[str, Any]:
    """What the approval of a protocol signs: everything that is fixed from then on."""
    return {
        "protocol": protocol.code, "title": protocol.title, "registry_id": protocol.registry_id,
        "zone": protocol.infusion_zone, "ages": [protocol.age_min, protocol.age_max],
        "skin_score_min": protocol.skin_score_min, "gate": [protocol.gate_infused, protocol.gate_day],
        "levels": [[one.number, one.viable_cells_per_kg, one.places] for one in protocol.levels],
        "visits": [[v.name, v.days, v.months, v.before_days, v.after_days] for v in protocol.visits],
    }  # fmt: skip


@does(PROTOCOL_LIFE, "approve", content=what_is_approved)
def approve_protocol(protocol: Protocol, *, by: Principal) -> None:
    """Approve it: from now on nothing in it changes."""
    protocol.approved_by, protocol.approved_at = by.login, clock.now()


@does(PROTOCOL_LIFE, "open")
def open_protocol(protocol: Protocol) -> None:
    """Open it for enrolment, at its first dose level."""
    protocol.opened_at = clock.now()
    protocol.levels[0].opened_at = protocol.opened_at


@does(PROTOCOL_LIFE, "close", reason=True, content=what_is_approved)
def close_protocol(protocol: Protocol) -> None:
    """Close it: nobody is enrolled or infused any more; follow-up goes on."""
    protocol.closed_at = clock.now()


@action("protocol.open_level", kind="protocol")
def open_level(protocol: Protocol, *, number: int) -> None:
    """Open the next dose level; only the signed gate does this (D §1.3)."""
    if protocol.state is not ProtocolState.OPEN:
        raise Refused(NOT_OPEN())
    level, before = protocol.level(number), protocol.level(number - 1)
    if level is None:
        raise Refused(NO_SUCH_LEVEL(number=number))
    if level.opened_at is not None:
        raise Refused(LEVEL_OPEN(number=number))
    if before is not None and before.opened_at is None:
        raise Refused(LEVEL_BEFORE(before=before.number, number=number))
    level.opened_at = clock.now()


@action("protocol.pause", kind="protocol")
def pause(protocol: Protocol, *, why: str) -> None:
    """Stop enrolment and infusion until the safety reviewer signs (D §1.3)."""
    if protocol.paused_at is not None:
        raise Refused(PAUSED_ALREADY())
    protocol.paused_at, protocol.paused_why = clock.now(), why


@action("protocol.resume", kind="protocol")
def resume(protocol: Protocol) -> None:
    """Let enrolment and infusion go on after a pause."""
    if protocol.paused_at is None:
        raise Refused(NOT_PAUSED())
    protocol.paused_at = protocol.paused_why = None
