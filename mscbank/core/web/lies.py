"""Ask it to lie: every forbidden act, what stops it, when it was last tried in life and by the tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import func, select

from mscbank.core.db import any_of, engines, session
from mscbank.core.entries import REFUSAL
from mscbank.core.errors import DECLARED, UNIQUE_KEYS, Refusal
from mscbank.core.evidence import NEVER, Run, Tried, last_run
from mscbank.core.foureyes import FourEyes
from mscbank.core.guards import triggers
from mscbank.core.i18n import Sentence
from mscbank.core.record import ActTouch, Record
from mscbank.core.web.here import actor

lies = Blueprint("lies", __name__)


@dataclass(frozen=True)
class Attempts:
    """How often people were stopped by something, and when last."""

    count: int
    last: datetime


@dataclass(frozen=True)
class Forbidden:
    """One forbidden act."""

    code: str
    sentence: str
    guards: tuple[str, ...]
    """The guards and unique keys of the database that stand behind the rule, by name."""
    in_life: Attempts | None
    in_tests: Tried


@dataclass(frozen=True)
class Guarded:
    """What the database itself refuses, whoever asks."""

    table: str
    words: str
    names: tuple[str, ...]
    in_tests: Tried


def in_life() -> dict[str, Attempts]:
    """Code of a refusal → the attempts that it stopped, as the record tells."""
    asked = (
        select(ActTouch.code, func.count(), func.max(Record.id))
        .join(Record, Record.act == ActTouch.act)
        .where(ActTouch.kind == REFUSAL)
        .group_by(ActTouch.code)
    )
    found = {code: (count, row) for code, count, row in session.execute(asked)}
    at = select(Record.id, Record.entered_at).where(any_of(Record.id, [row for _, row in found.values()]))
    moments = {row.id: row.entered_at for row in session.execute(at)} if found else {}
    return {code: Attempts(count, moments[row]) for code, (count, row) in found.items()}


def forbidden(run: Run | None) -> dict[str, list[Forbidden]]:
    """Step → the acts that it refuses, four eyes first."""
    lived = in_life()
    groups: dict[str, list[Forbidden]] = {}
    for code, refusal in sorted(DECLARED.items()):
        group = "four eyes" if isinstance(refusal, FourEyes) else code.split(".")[0].replace("_", " ")
        groups.setdefault(group, []).append(_forbidden(refusal, lived, run))
    return {name: groups[name] for name in sorted(groups, key=lambda name: (name != "four eyes", name))}


def _forbidden(refusal: Refusal, lived: dict[str, Attempts], run: Run | None) -> Forbidden:
    code = refusal.code
    keys = tuple(index for index, meaning in UNIQUE_KEYS.items() if meaning == code)
    return Forbidden(
        code, str(Sentence(refusal.msgid)), refusal.held_by + keys, lived.get(code),
        run.refusals.get(code, NEVER) if run else NEVER,
    )  # fmt: skip


def guarded(run: Run | None) -> Iterator[Guarded]:
    """Every guard of the database, those with the same words together."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in triggers(engines().write.dialect.name):
        found.setdefault((one.table, one.message), []).append(one.name)
    for (table, words), names in sorted(found.items()):
        yield Guarded(table, words, tuple(names), run.guards.get(words, NEVER) if run else NEVER)


@lies.get("/ask-it-to-lie")
def show() -> Any:
    """The list, with what was found."""
    actor()
    run = last_run()
    groups, guards = forbidden(run), list(guarded(run))
    everything = [one for lines in groups.values() for one in lines]
    return render_template(
        "core/lies.html", run=run, groups=groups, guards=guards, count=len(everything),
        tried=sum(one.in_tests.holds for one in everything), lived=sum(bool(o.in_life) for o in everything),
        guards_tried=sum(one.in_tests.holds for one in guards),
    )  # fmt: skip
