"""What deviations tell other pages, the trace and the worklists."""

from collections.abc import Callable
from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.coding.types import TYPES
from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import KINDS, any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Panel, Task
from mscbank.deviation import rules
from mscbank.deviation.models import Deviation, DeviationSubject
from mscbank.deviation.severity import SETTLED, Severity, State
from mscbank.deviation.states import LIFE
from mscbank.deviation.words import SEVERITY_SIGNS, severity_word

OTHERS = sorted(kind for kind in TYPES.values() if kind != Deviation.kind)
MOST_TASKS = 50


def row(deviation: Deviation) -> dict[str, Any]:
    """A deviation as one line of a panel or a list."""
    sign, colour = SEVERITY_SIGNS[deviation.severity]
    settled = deviation.is_settled or deviation.accepted_at is not None
    standing = _("accepted, still open") if deviation.accepted_at and not deviation.is_settled else None
    return {
        "code": deviation.code,
        "title": deviation.title,
        "severity": str(severity_word(deviation.severity)),
        "state": str(standing or LIFE.word(deviation.state)),
        "sign": "check" if settled else sign,
        "colour": "end" if settled else colour,
        "blocks": deviation.blocks,
        "happened_at": deviation.happened_at,
    }


def named_by(deviation: Deviation) -> list[Any]:
    """The things that a deviation is about, in the order in which they were named."""
    by_kind: dict[str, list[str]] = {}
    for subject in deviation.subjects:
        by_kind.setdefault(subject.kind, []).append(subject.code)
    found: dict[str, Any] = {}
    for kind, codes in by_kind.items():
        if model := KINDS.get(kind):
            found |= {t.code: t for t in session.scalars(select(model).where(any_of(model.code, codes)))}
    return [found[subject.code] for subject in deviation.subjects if subject.code in found]


def _said(kind: str) -> Callable[[Any, Principal], Panel | None]:
    def say(thing: Any, by: Principal) -> Panel | None:
        found = [d for d in rules.about([(kind, thing.code)])[(kind, thing.code)] if by.sees(d.site)]
        if not found:
            return None
        ordered = sorted(found, key=lambda d: (not d.blocks, d.is_settled, -d.id))
        return Panel(_("Deviations"), "deviation/panel.html", {"rows": [row(d) for d in ordered]})

    return say


for _kind in OTHERS:
    links.panel(_kind)(_said(_kind))
    links.edge(
        _kind,
        Deviation.kind,
        select(DeviationSubject.code, Deviation.code)
        .join(Deviation, Deviation.id == DeviationSubject.deviation_id)
        .where(DeviationSubject.kind == _kind),
        "is the subject of",
    )


@links.describes("deviation")
def describe(codes: list[str]) -> list[Fact]:
    """Deviations for the trace."""
    return [
        Fact(
            "deviation",
            d.code,
            d.title,
            LIFE.word(d.state),
            {"severity": str(severity_word(d.severity)), "happened": d.happened_at, "found": d.found_at},
        )
        for d in session.scalars(select(Deviation).where(any_of(Deviation.code, codes)))
    ]


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """What quality assurance has to classify, to conclude and to close, the gravest first."""
    if by.holds(Role.QA) is None:
        return []
    found = session.scalars(
        select(Deviation)
        .where(Deviation.state.not_in(sorted(SETTLED)))
        .order_by(Deviation.id.desc())
        .limit(MOST_TASKS)
    )
    return [_task(d) for d in sorted(found, key=_urgency) if by.sees(d.site)]


def _urgency(deviation: Deviation) -> tuple[int, int]:
    order = [Severity.CRITICAL, None, Severity.MAJOR, Severity.MINOR]
    return order.index(deviation.severity) + 4 * (deviation.accepted_at is not None), deviation.id


def _task(deviation: Deviation) -> Task:
    if deviation.severity is None:
        title, button = _("Classify a deviation: %(title)s", title=deviation.title), _("Classify")
    elif deviation.state is State.CAPA:
        title, button = _("Close a deviation: %(title)s", title=deviation.title), _("Open")
    else:
        title, button = _("Investigate a deviation: %(title)s", title=deviation.title), _("Open")
    about = ", ".join(subject.code for subject in deviation.subjects[:3])
    return Task(
        step="deviation",
        title=title,
        detail=f"{severity_word(deviation.severity)} · {about}"
        if about
        else str(severity_word(deviation.severity)),
        url=url_for("deviations.show", code=deviation.code),
        button=button,
        sign=SEVERITY_SIGNS[deviation.severity],
        thing=("deviation", deviation.code),
    )
