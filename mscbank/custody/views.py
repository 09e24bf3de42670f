"""What custody shows of itself, and what it tells other pages, the trace and the worklists."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import Sentence, _
from mscbank.core.links import Fact, Panel, Task
from mscbank.core.web.filters import person
from mscbank.custody.balance import Balance, balances
from mscbank.custody.facts import open_holds
from mscbank.custody.ledger import place_words
from mscbank.custody.models import CustodyEvent, Hold, LabelPrint, Place, Vial
from mscbank.custody.states import CONDITION, GONE, QUALITY, RESERVATION, Condition, Reservation
from mscbank.custody.words import CAUSE_WORDS, Cause, Verb

Inner = aliased(Place)
ALARM_SHOWN = timedelta(days=7)

links.edge(
    "batch",
    "vial",
    select(Batch.code, Vial.code).join(Vial, Vial.batch_id == Batch.id),
    "is filled into",
)


def vials_of(batch: Batch) -> list[Vial]:
    """The vials of a batch, by number."""
    return list(session.scalars(select(Vial).where(Vial.batch_id == batch.id).order_by(Vial.number)))


def events_of(vial: Vial) -> list[CustodyEvent]:
    """The ledger of a vial, oldest first."""
    told = select(CustodyEvent).where(CustodyEvent.vial_id == vial.id)
    return list(session.scalars(told.order_by(CustodyEvent.sequence)))


def holds_of(vial: Vial) -> list[Hold]:
    """Every hold on a vial and on its batch, the open ones first."""
    rows = (
        select(Hold)
        .where((Hold.vial_id == vial.id) | (Hold.batch_id == vial.batch_id))
        .order_by(Hold.id.desc())
    )
    return sorted(session.scalars(rows), key=lambda hold: hold.lifted_at is not None)


def labels_of(vial: Vial) -> list[LabelPrint]:
    """Every print of a vial's labels."""
    rows = select(LabelPrint).where(LabelPrint.vial_id == vial.id).order_by(LabelPrint.print_number)
    return list(session.scalars(rows))


def way_to(place: Place | None) -> list[Place]:
    """A place and all in which it stands, the room first."""
    found: list[Place] = []
    while place is not None:
        found.insert(0, place)
        place = place.parent
    return found


def children_of(place: Place) -> list[tuple[Place, int]]:
    """What stands in a place, with the number of vials in each box."""
    number = (
        select(func.count(Vial.id))
        .select_from(Vial)
        .join(Inner, Inner.id == Vial.position_id)
        .where(Inner.parent_id == Place.id)
        .correlate(Place)
        .scalar_subquery()
    )
    rows = session.execute(select(Place, number).where(Place.parent_id == place.id).order_by(Place.id))
    return [(inner, int(vials)) for inner, vials in rows]


def where(vial: Vial) -> str:
    """The whole way to a vial, in words: ``Cryo 1 · Tank 2 · Box 4 · B5``, or its holder."""
    if vial.position is None:
        return place_words(vial)
    return " · ".join(place.name for place in way_to(vial.position))


def sign_of(vial: Vial, holds: Iterable[Hold]) -> tuple[str, str, str]:
    """The one sign of a vial where there is room for one: its end, hold, reservation or quality."""
    if vial.condition in GONE or vial.condition is Condition.RETAINED:
        return (*CONDITION.sign(vial.condition), CONDITION.word(vial.condition))
    causes = [hold.cause for hold in holds]
    if Cause.RECALL in causes:
        return ("octagon", "stop", str(_("Recalled")))
    if causes:
        return ("pause", "wait", str(_("On hold: %(causes)s", causes=hold_words(causes))))
    if vial.condition in (Condition.THAWED, Condition.IN_PREPARATION):
        return (*CONDITION.sign(vial.condition), CONDITION.word(vial.condition))
    if vial.reservation is not Reservation.NONE:
        return (*RESERVATION.sign(vial.reservation), RESERVATION.word(vial.reservation))
    return (*QUALITY.sign(vial.quality), QUALITY.word(vial.quality))


def hold_words(causes: Iterable[Cause]) -> str:
    """Causes in words, each once."""
    return ", ".join(dict.fromkeys(str(CAUSE_WORDS[cause]) for cause in causes))


# --- for the trace ------------------------------------------------------------------------------


@links.describes("vial")
def describe_vials(codes: list[str]) -> list[Fact]:
    """Vials for the trace."""
    vials = list(session.scalars(select(Vial).where(any_of(Vial.code, codes)).order_by(Vial.id)))
    holds = open_holds(vials)
    return [
        Fact(
            "vial",
            vial.code,
            str(_("Vial %(number)s", number=vial.called)),
            sign_of(vial, holds[vial.id])[2],
            {
                "batch": vial.batch.code,
                "where": place_words(vial),
                "filled": vial.filled_at,
                "cells": vial.tnc,
            },
        )
        for vial in vials
    ]


@links.describes("place")
def describe_places(codes: list[str]) -> list[Fact]:
    """Places for the trace."""
    rows = session.scalars(select(Place).where(any_of(Place.code, codes)))
    return [Fact("place", p.code, " · ".join(one.name for one in way_to(p)), p.level.value, {}) for p in rows]


# --- for earlier pages --------------------------------------------------------------------------


@links.panel("batch")
def of_batch(batch: Batch, by: Principal) -> Panel | None:
    """What custody says about a batch: its vials and where they are."""
    balance = balances([batch.id])[batch.id]
    if not balance.filled and batch.state is not BatchState.HARVESTED:
        return None
    return Panel(
        _("Vials"),
        "custody/of_batch.html",
        {
            "balance": balance,
            "parts": parts_of(balance),
            "holds": [hold for hold in holds_of_batch(batch) if hold.lifted_at is None],
            "url": url_for("fills.show", code=batch.code),
        },
    )


def holds_of_batch(batch: Batch) -> list[Hold]:
    """Every hold on a whole batch."""
    return list(session.scalars(select(Hold).where(Hold.batch_id == batch.id).order_by(Hold.number.desc())))


PARTS: tuple[tuple[str, str, Sentence], ...] = (
    ("present", "go", _("present")),
    ("infused", "ink", _("infused")),
    ("qc_used", "end", _("QC used")),
    ("retained", "lock", _("retained")),
    ("destroyed", "end", _("destroyed")),
    ("broken", "end", _("broken")),
    ("lost", "stop", _("lost")),
)


def parts_of(balance: Balance) -> list[tuple[int, str, str]]:
    """(number, colour, words) of every part of a balance that is not zero."""
    counted = [(getattr(balance, name), colour, word) for name, colour, word in PARTS]
    return [(number, colour, f"{number} {word}") for number, colour, word in counted if number]


# --- worklists ----------------------------------------------------------------------------------


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Cultures to fill, vials to put away, holds to judge."""
    tasks: list[Task] = []
    if by.holds(Role.LAB_TECH):
        tasks += _to_fill(by) + _to_put_away(by)
    if by.holds(Role.QA):
        tasks += _alarms(by) + _to_judge(by)
    return tasks


def _to_fill(by: Principal) -> list[Task]:
    asked = links.narrowed(select(Batch), Batch)
    rows = session.scalars(asked.where(Batch.state == BatchState.HARVESTED).order_by(Batch.id))
    seen = [batch for batch in rows if by.sees(batch.site)]
    counted = balances(batch.id for batch in seen)
    return [
        Task(
            "custody",
            _("Fill batch %(batch)s", batch=batch.called),
            str(_("harvested, waits to be frozen")),
            url_for("fills.show", code=batch.code),
            _("Fill"),
            sign=("ring", "move"),
            thing=("batch", batch.code),
        )
        for batch in seen
        if not counted[batch.id].filled
    ]


def _to_put_away(by: Principal) -> list[Task]:
    rows = session.execute(
        links.narrowed(select(Batch, func.count(Vial.id)), Batch)
        .join(Vial, Vial.batch_id == Batch.id)
        .where(Vial.condition == Condition.FILLED)
        .group_by(Batch.id)
        .order_by(Batch.id)
    )
    return [
        Task(
            "custody",
            _("Put away %(number)s vials of %(batch)s", number=number, batch=batch.called),
            str(_("filled, not in the cold yet")),
            url_for("fills.show", code=batch.code),
            _("Put away"),
            sign=("arrow", "move"),
            thing=("batch", batch.code),
        )
        for batch, number in rows
        if by.sees(batch.site)
    ]


def _alarms(by: Principal) -> list[Task]:
    """Void labels that were scanned of late: somewhere an old label is still in use."""
    since = clock.now() - ALARM_SHOWN
    rows = session.scalars(
        select(CustodyEvent)
        .where(CustodyEvent.verb == Verb.VOID_LABEL, CustodyEvent.happened_at >= since)
        .order_by(CustodyEvent.id.desc())
        .limit(50)
    )
    latest = {event.vial: event for event in reversed(list(rows)) if by.sees(event.vial.site)}
    return [
        Task(
            "custody",
            _("Find the void label of vial %(vial)s of %(batch)s", vial=vial.called, batch=vial.batch.called),
            str(_("label %(print)s was scanned by %(who)s", print=event.detail, who=person(event.actor))),
            _page_of(vial),
            _("Look"),
            sign=("octagon", "stop"),
            thing=("vial", vial.code),
        )
        for vial, event in latest.items()
    ]


def _to_judge(by: Principal) -> list[Task]:
    rows = session.scalars(select(Hold).where(Hold.lifted_at.is_(None)).order_by(Hold.id).limit(50))
    return [
        Task(
            "custody",
            _("Judge the hold on %(kind)s %(thing)s", kind=hold.subject.kind, thing=hold.subject.called),
            f"{CAUSE_WORDS[hold.cause]}: {hold.reason}"[:200],
            _page_of(hold.subject),
            _("Look"),
            sign=("pause", "wait"),
            thing=(hold.subject.kind, hold.subject.code),
        )
        for hold in rows
        if by.sees(hold.subject.site)
    ]


def _page_of(subject: Any) -> str:
    return url_for("vials.show" if isinstance(subject, Vial) else "fills.show", code=subject.code)
