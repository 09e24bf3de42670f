"""Which deviations stand in the way of a thing, asked for many things at once."""

from collections.abc import Iterable

from sqlalchemy import select

from mscbank.core import links
from mscbank.core.db import any_of, session
from mscbank.deviation.models import Deviation, DeviationSubject
from mscbank.deviation.severity import BLOCKING, SETTLED

Touched = tuple[str, str]


def about(things: Iterable[Touched]) -> dict[Touched, list[Deviation]]:
    """Every deviation that names one of the things, oldest first."""
    wanted = list(dict.fromkeys(things))
    found: dict[Touched, list[Deviation]] = {thing: [] for thing in wanted}
    if not wanted:
        return found
    rows = session.execute(
        select(DeviationSubject.kind, DeviationSubject.code, Deviation)
        .join(Deviation, Deviation.id == DeviationSubject.deviation_id)
        .where(any_of(DeviationSubject.code, sorted({code for _, code in wanted})))
        .order_by(Deviation.id)
    )
    for kind, code, deviation in rows:
        if (kind, code) in found:
            found[(kind, code)].append(deviation)
    return found


def blocking(things: Iterable[Touched]) -> dict[Touched, list[Deviation]]:
    """The major and critical deviations that name one of the things and are neither settled nor accepted."""
    return {thing: [d for d in listed if d.blocks] for thing, listed in about(things).items()}


def blocking_reach(target: str, codes: Iterable[str]) -> dict[str, list[Deviation]]:
    """The blocking deviations that touch a thing of ``target``: that name it, or what leads to it by links.

    A deviation on a vial or on a material lot touches its batch too. What is open is little, so the walk
    starts there.
    """
    return _reaching(target, codes, is_blocking=True)


def unclassified_reach(target: str, codes: Iterable[str]) -> dict[str, list[Deviation]]:
    """The deviations that touch a thing of ``target`` and whose severity nobody has set yet."""
    return _reaching(target, codes, is_blocking=False)


def _reaching(target: str, codes: Iterable[str], *, is_blocking: bool) -> dict[str, list[Deviation]]:
    found: dict[str, list[Deviation]] = {code: [] for code in codes}
    severity = Deviation.severity.in_(sorted(BLOCKING)) if is_blocking else Deviation.severity.is_(None)
    rows = session.execute(
        select(DeviationSubject.kind, DeviationSubject.code, Deviation)
        .join(Deviation, Deviation.id == DeviationSubject.deviation_id)
        .where(severity, Deviation.state.not_in(sorted(SETTLED)), Deviation.accepted_at.is_(None))
        .order_by(Deviation.id)
    )
    named: dict[str, dict[str, list[Deviation]]] = {}
    for kind, code, deviation in rows:
        named.setdefault(kind, {}).setdefault(code, []).append(deviation)
    for kind, by_code in named.items():
        for code, reached in links.reach_each(kind, by_code, target).items():
            for end in reached:
                if end in found:
                    found[end] += [d for d in by_code[code] if d not in found[end]]
    return found
