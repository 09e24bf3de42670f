"""Writing, approving and retiring the editions of a specification (invariant 10)."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid, unique_means
from mscbank.study import defaults
from mscbank.study.approval import ApprovalFacts
from mscbank.study.limits import Operator, Stage
from mscbank.study.models import Criterion, Protocol, Specification
from mscbank.study.states import SPECIFICATION_LIFE, ProtocolState, SpecificationState

AUTHORS = (Role.QA, Role.QC_ANALYST, Role.MEDICAL_DIRECTOR)

EDITION_TAKEN = Refusal("study.edition_taken", "Somebody else has just begun this edition: look at that one.")
FROZEN = Refusal(
    "study.specification_frozen", "An approved edition is not changed: draft the next one.", AUTHORS
)
PROTOCOL_CLOSED = Refusal("study.protocol_closed", "The protocol is closed.")

unique_means(
    "uq_specification_protocol_id_name_edition",
    "specification",
    ("protocol_id", "name", "edition"),
    EDITION_TAKEN,
)
unique_means("uq_specification_in_force", "specification", ("protocol_id", "name"), EDITION_TAKEN)

_COPIED = (
    "attribute", "label", "method", "edition", "stage", "unit", "operator", "low", "high", "expected_text",
    "blocking", "may_be_pending", "turnaround_days",
)  # fmt: skip


def _facts(specifications: list[Specification]) -> dict[int, ApprovalFacts]:
    return {
        one.id: ApprovalFacts(
            frozenset({one.written_by, *(criterion.set_by for criterion in one.criteria)}),
            () if one.criteria else ("criteria",),
        )
        for one in specifications
    }


SPECIFICATION_LIFE.facts = _facts


def _frozen(specification: Specification, by: Principal) -> Obstacle | None:
    return None if specification.state is SpecificationState.DRAFT else FROZEN()


def in_force(protocol_id: int, name: str) -> Specification | None:
    """The approved edition of a specification, if there is one."""
    return session.scalar(
        select(Specification).where(
            Specification.protocol_id == protocol_id,
            Specification.name == name,
            Specification.state == SpecificationState.APPROVED,
        )
    )


@action(
    "specification.draft",
    role=AUTHORS,
    creates="specification",
    locks=lambda *, protocol, **_: shared(protocol),
)
def draft_specification(*, by: Principal, protocol: Protocol, name: str) -> Specification:
    """Begin the next edition: with the lines of the edition before, or else with the default lines."""
    if protocol.state is ProtocolState.CLOSED:
        raise Refused(PROTOCOL_CLOSED())
    edition = session.scalar(
        select(func.max(Specification.edition)).where(
            Specification.protocol_id == protocol.id, Specification.name == name
        )
    )
    before = in_force(protocol.id, name)
    lines: Any = before.criteria if before else defaults.SPECIFICATION
    made = Specification(
        code=new_code("specification"), site=protocol.site, protocol=protocol, name=name,
        edition=(edition or 0) + 1, written_by=by.login,
    )  # fmt: skip
    made.criteria = [
        Criterion(position=position, set_by=by.login, **{field: getattr(line, field) for field in _COPIED})
        for position, line in enumerate(lines, start=1)
    ]
    session.add(made)
    return made


def _limits(operator: Operator, low: Decimal | None, high: Decimal | None, expected: str | None) -> None:
    wanted = {
        Operator.AT_LEAST: (True, False, False),
        Operator.AT_MOST: (False, True, False),
        Operator.BETWEEN: (True, True, False),
        Operator.EQUALS: (False, False, True),
        Operator.REPORT: (False, False, False),
    }[operator]
    faults = {
        field: ["This comparison needs it." if needed else "This comparison has none: leave it empty."]
        for field, needed, given in zip(
            ("low", "high", "expected_text"), wanted, (low, high, expected), strict=True
        )
        if needed is not (given is not None)
    }
    if not faults and low is not None and high is not None and low > high:
        faults["high"] = ["The upper limit is not below the lower one."]
    if faults:
        raise invalid(**faults)


@action("specification.set_criterion", role=AUTHORS, kind="specification", unless=_frozen)
def set_criterion(
    specification: Specification, *, by: Principal, attribute: str, label: str, method: str, stage: Stage,
    operator: Operator, blocking: bool, turnaround_days: int, edition: str | None = None, unit: str = "",
    low: Decimal | None = None, high: Decimal | None = None, expected_text: str | None = None,
    may_be_pending: bool = False,
) -> None:  # fmt: skip
    """Add a line to a draft, or change the line of this attribute."""
    _limits(operator, low, high, expected_text)
    if operator is Operator.REPORT and blocking:
        raise invalid(blocking=["What is only reported blocks nothing."])
    line = next((one for one in specification.criteria if one.attribute == attribute), None)
    if line is None:
        position = max((one.position for one in specification.criteria), default=0) + 1
        line = Criterion(attribute=attribute, position=position)
        specification.criteria.append(line)
    line.label, line.method, line.edition, line.stage, line.unit = label, method, edition, stage, unit
    line.operator, line.low, line.high, line.expected_text = operator, low, high, expected_text
    line.blocking, line.may_be_pending, line.turnaround_days = blocking, may_be_pending, turnaround_days
    line.set_by = by.login


def what_is_approved(specification: Specification) -> dict[str, Any]:
    """What the approval of an edition signs: every line with its limits."""
    return {
        "specification": specification.code, "name": specification.name, "edition": specification.edition,
        "criteria": [[getattr(line, field) for field in _COPIED] for line in specification.criteria],
    }  # fmt: skip


def _replaced(specification: Specification) -> list[Specification]:
    found = in_force(specification.protocol_id, specification.name)
    return [found] if found is not None and found.id != specification.id else []


@does(SPECIFICATION_LIFE, "approve", locks=_replaced, content=what_is_approved)
def approve_specification(specification: Specification, *, by: Principal) -> None:
    """Approve the edition: it is never changed again, and the edition before it retires."""
    for before in _replaced(specification):
        retire(before, by=by, reason=f"replaced by edition {specification.edition}")
    specification.approved_by, specification.approved_at = by.login, clock.now()


@does(SPECIFICATION_LIFE, "retire", reason=True)
def retire(specification: Specification) -> None:
    """Take the edition out of force; batches that were begun by it are still judged by it."""
    specification.retired_at = clock.now()
