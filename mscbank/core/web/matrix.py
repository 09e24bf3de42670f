"""Who may do what: every action with its roles, read off the code, on one page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template

from mscbank.core.access import ROLE_WORDS, Principal, Role
from mscbank.core.acts import ACTIONS, Action
from mscbank.core.foureyes import PAIRS
from mscbank.core.i18n import _
from mscbank.core.web.here import actor

matrix = Blueprint("matrix", __name__)


@dataclass(frozen=True)
class Line:
    """One action as the page shows it."""

    name: str
    what: str
    who: str
    signed: str
    is_mine: bool


def who_words(action: Action) -> str:
    """Who does it outermost, in words: everybody, roles, a rule of the clockwork, the host's operator."""
    if set(action.role) == set(Role):
        return str(_("everybody"))
    found = [str(ROLE_WORDS[role]) for role in action.role]
    if action.rule is not None:
        found.append(str(_("the clockwork")))
    if action.operator:
        found.append(str(_("the operator of the host")))
    return ", ".join(found)


def lines_of(by: Principal) -> dict[str, list[Line]]:
    """Kind of thing → its actions, in the order of the way; steps inside larger acts are left out."""
    found: dict[str, list[Line]] = {}
    for action in ACTIONS.values():
        who = who_words(action)
        if who:
            found.setdefault(action.kind or "", []).append(_line(action, who, by))
    return found


def _line(action: Action, who: str, by: Principal) -> Line:
    return Line(
        action.name, _said(action), who, ", ".join(str(_(m)) for m in action.meanings),
        by.holds(action.role) is not None,
    )  # fmt: skip


def _together(action: Action) -> str:
    """The meanings of an action that two people sign at one moment."""
    said = " · ".join(str(_(meaning)) for meaning in action.meanings)
    too = _("the second person also by badge")
    return f"{said} ({too})" if action.by_badge else said


def inner() -> Iterator[str]:
    """The actions that are only steps of larger ones, by name."""
    return (action.name for action in ACTIONS.values() if not who_words(action))


def _said(action: Action) -> str:
    return str(_(action.doc.rstrip(".")))


def _briefly(action: Action) -> str:
    """What an action is, without what follows from it."""
    return re.split(r"\s?[;:]\s", _said(action))[0]


def pairs() -> Iterator[tuple[list[str], list[str], str]]:
    """What two people do: the first acts and the second ones in words, and how the second is refused."""
    for pair in PAIRS.values():
        first, second = ([_briefly(ACTIONS[name]) for name in side] for side in (pair.first, pair.second))
        yield first, second, str(pair().sentence)


@matrix.get("/permissions")
def permissions() -> Any:
    """The matrix, with what the reader may do marked."""
    by = actor()
    return render_template(
        "core/permissions.html", groups=lines_of(by), inner=sorted(inner()), by=by, pairs=list(pairs()),
        together=[(_said(a), _together(a)) for a in ACTIONS.values()
                  if len(a.meanings) > 1],
    )  # fmt: skip
