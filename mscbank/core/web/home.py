"""The first page: what waits for whoever is there, what is late, and which clocks run."""

from datetime import date, datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mscbank.core import clock, pictures
from mscbank.core.access import Role
from mscbank.core.errors import CODES, Missing
from mscbank.core.i18n import Sentence
from mscbank.core.instance import instance
from mscbank.core.links import Clock, Task, running_for, waiting_for
from mscbank.core.web.here import actor

home = Blueprint("home", __name__)

LANGUAGES = ("en", "fr")
LOOK_INTO = (Role.AUDITOR, Role.INSPECTOR, Role.QA)
"""Who is offered the ways into the record on the first page."""


def due_day(task: Task) -> date | None:
    """The civil day on which a task is due."""
    if isinstance(task.due, datetime):
        return task.due.astimezone().date()
    return task.due if isinstance(task.due, date) else None


def group_of(task: Task, today: date) -> str:
    """late, today, next or open."""
    due = due_day(task)
    if due is None:
        return "open"
    return "late" if due < today else "today" if due == today else "next"


def shown_clock(one: Clock) -> dict[str, Any]:
    """A running clock in whole minutes: what is left, how much is spent of how much, its colour."""
    minute = 60
    limit = max(int((one.limit - one.start).total_seconds()) // minute, 1)
    spent = int((clock.now() - one.start).total_seconds()) // minute
    left = limit - spent
    return {
        "title": str(one.title), "detail": one.detail, "url": one.url, "left": max(left, 0), "spent": spent,
        "limit": limit, "colour": "wait" if left > 0 else "stop",
    }  # fmt: skip


ORDER = ("late", "today", "open", "next")


@home.get("/errors")
def refusals() -> str:
    """What may be refused: where the ``type`` of a problem document leads; it holds nothing of anybody."""
    return render_template(
        "core/errors.html", refusals=[(code, Sentence(words)) for code, words in sorted(CODES.items())]
    )


@home.get("/")
def home_page() -> Any:
    """What waits for me."""
    by = actor()
    today = clock.today(instance().zone)
    tasks = g.waiting = waiting_for(by)
    tasks.sort(key=lambda t: (ORDER.index(group_of(t, today)), due_day(t) or date.max))
    groups = [(name, list(found)) for name, found in groupby(tasks, key=lambda t: group_of(t, today))]
    return render_template(
        "core/home.html", groups=groups, count=len(tasks), today=today, due_day=due_day,
        clocks=[shown_clock(one) for one in running_for(by)], looks_into=by.holds(LOOK_INTO) is not None,
    )  # fmt: skip


home.add_url_rule("/home", "home", lambda: redirect(url_for("home.home_page")))


@home.get("/language/<code>")
def choose_language(code: str) -> Response:
    """Read the pages in this language from now on."""
    if code not in LANGUAGES:
        raise Missing
    session["language"] = code
    back = request.referrer or ""
    return redirect(back if back.startswith(request.host_url) else url_for("home.home_page"))


@home.get("/components")
def components() -> str:
    """Every part of the pages once, in all its states; in a demonstration only."""
    actor()
    if not instance().is_demonstration:
        raise Missing
    return render_template("components.html", pictures=pictures)
