"""What the study tells other pages, the trace and the worklists."""

from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Task
from mscbank.core.web.filters import person
from mscbank.study.models import Protocol, Specification, VisitPlan
from mscbank.study.schedule import Visit
from mscbank.study.states import PROTOCOL_LIFE, SPECIFICATION_LIFE, ProtocolState, SpecificationState

links.edge(
    "protocol",
    "specification",
    select(Protocol.code, Specification.code).join(Specification, Specification.protocol_id == Protocol.id),
    "is specified by",
)


def visits_of(protocol: Protocol) -> list[Visit]:
    """The visits of a protocol as the schedule computes with them."""
    return [visit_of(plan) for plan in protocol.visits]


def visit_of(plan: VisitPlan) -> Visit:
    """One planned visit as the schedule computes with it."""
    return Visit(plan.name, plan.days, plan.months, plan.before_days, plan.after_days)


def open_protocols() -> list[Protocol]:
    """The protocols that are open, oldest first."""
    found = select(Protocol).where(Protocol.state == ProtocolState.OPEN).order_by(Protocol.id)
    return list(session.scalars(found))


def approved_specifications(protocol: Protocol) -> list[Specification]:
    """The editions in force of a protocol."""
    return list(
        session.scalars(
            select(Specification)
            .where(
                Specification.protocol_id == protocol.id, Specification.state == SpecificationState.APPROVED
            )
            .order_by(Specification.name)
        )
    )


@links.describes("protocol")
def describe_protocols(codes: list[str]) -> list[Fact]:
    """Protocols for the trace."""
    return [
        Fact("protocol", p.code, p.registry_id, PROTOCOL_LIFE.word(p.state), {"title": p.title})
        for p in session.scalars(select(Protocol).where(any_of(Protocol.code, codes)))
    ]


@links.describes("specification")
def describe_specifications(codes: list[str]) -> list[Fact]:
    """Editions of specifications for the trace."""
    return [
        Fact("specification", s.code, s.called, SPECIFICATION_LIFE.word(s.state), {"approved": s.approved_at})
        for s in session.scalars(select(Specification).where(any_of(Specification.code, codes)))
    ]


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Drafts that wait for approval by somebody else than their author."""
    if by.holds(Role.QA) is None:
        return []
    protocols = select(Protocol).where(Protocol.state == ProtocolState.DRAFT)
    editions = select(Specification).where(Specification.state == SpecificationState.DRAFT)
    return [
        *(
            _task(p, _("Approve a protocol: %(name)s", name=p.called), "protocols")
            for p in session.scalars(protocols)
            if p.written_by != by.login and by.sees(p.site)
        ),
        *(
            _task(s, _("Approve a specification: %(name)s", name=s.called), "specifications")
            for s in session.scalars(editions)
            if s.written_by != by.login and by.sees(s.site)
        ),
    ]


def _task(thing: Any, title: Any, name: str) -> Task:
    return Task(
        step="study",
        title=title,
        detail=str(_("Written by %(who)s", who=person(thing.written_by))),
        url=url_for(f"{name}.show", code=thing.code),
        button=_("Read"),
        thing=(thing.kind, thing.code),
    )
