"""The auditor's page: type or scan anything, see the whole way."""

import csv
import io
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for

from mscbank.core.acts import ACTIONS
from mscbank.core.db import Thing
from mscbank.core.errors import Missing
from mscbank.core.i18n import _
from mscbank.core.pictures import segmented_bar
from mscbank.core.web.filters import day, local, num
from mscbank.core.web.here import actor
from mscbank.core.web.scan import read
from mscbank.custody.words import CAUSE_WORDS, Cause
from mscbank.trace.api import NO_WAY
from mscbank.trace.completeness import PARTS as SUMMED
from mscbank.trace.moments import MILESTONES, Moment, gather
from mscbank.trace.picture import PARTS, draw
from mscbank.trace.story import Story, tell

pages = Blueprint("trace", "mscbank.trace", url_prefix="/trace")

MOST_MOMENTS = 40
MOST_ACTS = 1000
MOST_NAMED = 3
AT_THE_END = frozenset({"infusion", "recipient", "adverse_event"})
COLOURS = {
    "infused": "ink",
    "present": "go",
    "qc_used": "end",
    "retained": "lock",
    "destroyed": "end",
    "broken": "end",
    "lost": "stop",
}


def write(value: Any) -> str:
    """Dates and numbers by the reader's language; an instant as its day at the site."""
    if isinstance(value, datetime):
        return local(value).rsplit(", ", 1)[0]
    if isinstance(value, date):
        return day(value)
    return str(value) if isinstance(value, (str, bool)) else num(value)


def _found(text: str, *, wristbands: bool = False) -> Thing:
    """The thing of a text. A wristband is not read from an address: histories and logs keep those."""
    thing = read(text, wristbands=wristbands).thing
    if not isinstance(thing, Thing):
        raise Missing(NO_WAY())
    return thing


def _told(text: str) -> Story:
    thing = _found(text)
    return tell((thing.kind, thing.code))


@pages.route("/", methods=["GET", "POST"])
def ask() -> Any:
    """Which way?"""
    actor()
    if text := request.values.get("code", "")[:200].strip():
        found = _found(text, wristbands=request.method == "POST")
        return redirect(url_for("trace.show", text=found.code))
    return render_template("trace/ask.html")


@pages.get("/table.csv")
def as_csv() -> Response:
    """The things of a way with their batch counts, for a spreadsheet."""
    actor()
    story = _told(request.args.get("code", "")[:200])
    rows = [["kind", "code", "title", "state", "reached"]]
    rows += [
        [*key, story.title(key), _state(story, key), "yes" if key in story.way.reached else "no"]
        for key in sorted(story.way.things)
    ]
    rows.append(["batch", "filled", *SUMMED, "missing"])
    rows += [
        [code, str(b.filled), *(str(getattr(b, part)) for part in SUMMED), str(b.filled - b.accounted)]
        for code, b in sorted(story.by_batch.items())
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return Response(
        "\ufeff" + text.getvalue(), mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="trace-{story.way.start[1]}.csv"'},
    )  # fmt: skip


@pages.get("/<path:text>")
def show(text: str) -> Any:
    """The whole way of any code."""
    actor()
    story = _told(text)
    every = bool(request.args.get("all"))
    return render_template(
        "trace/show.html",
        story=story,
        start=story.way.start,
        picture=draw(story, write),
        heading=finding(story),
        bar=bar(story),
        sum=sum_of(story),
        every=every,
        moments=moments(story, every),
        batches=batches(story),
        holds=holds(story),
    )


def _state(story: Story, key: tuple[str, str]) -> str:
    fact = story.facts.get(key)
    return str(fact.state) if fact else ""


def finding(story: Story) -> str:
    """The title: what is missing when something is, else what was reached."""
    total = story.completeness
    if not total.is_complete:
        return str(
            _(
                "%(missing)s of %(filled)s vials are not accounted for",
                missing=total.filled - total.accounted,
                filled=total.filled,
            )
        )
    named = story.title(story.way.start)
    named = named[:1].upper() + named[1:]
    batches_, patients = (len(story.way.reached_of(kind)) for kind in ("batch", "recipient"))
    said = str(_("1 batch") if batches_ == 1 else _("%(n)s batches", n=batches_))
    if story.way.start[0] in AT_THE_END:
        return str(_("%(what)s leads back to %(batches)s", what=named, batches=said))
    people = str(_("1 patient") if patients == 1 else _("%(n)s patients", n=patients))
    return str(_("%(what)s reached %(batches)s and %(patients)s", what=named, batches=said, patients=people))


def sum_of(story: Story) -> str:
    """The sum written out: 24 + 13 filled = 9 infused + …"""
    filled = " + ".join(str(balance.filled) for _code, balance in sorted(story.by_batch.items())) or "0"
    parts = [
        f"{story.completeness.parts[part]} {word}"
        for part, _s, _c, word in PARTS
        if story.completeness.parts[part]
    ]
    return f"{filled} {_('filled')} = {' + '.join(parts) or '0'}"


def bar(story: Story) -> Any:
    """The completeness as one bar."""
    parts = [(story.completeness.parts[part], COLOURS[part], str(word)) for part, _s, _c, word in PARTS]
    return segmented_bar(parts, title=str(_("Completeness")), sentence=sum_of(story))


def moments(story: Story, every: bool) -> list[tuple[str, str, str]]:
    """(when, what, who): the milestones, or every act when asked for; the latest when there are too many."""
    found = gather(story.acts[-MOST_ACTS:]) if every else story.moments[-MOST_MOMENTS:]
    return [(write(one.at), _words(story, one), ", ".join(one.who)) for one in found]


def _words(story: Story, one: Moment) -> str:
    """A milestone in its own words; another act by the first clause of what it means."""
    listed = [story.title(key) for key in one.things if key in story.way.things]
    things = ", ".join(listed[:MOST_NAMED])
    if len(one.things) > MOST_NAMED:
        things = str(_("%(n)s things", n=len(one.things)))
    if one.action in MILESTONES and things:
        said = str(_(MILESTONES[one.action].msgid, thing=things))
        return said[:1].upper() + said[1:]
    known = ACTIONS.get(one.action)
    said = str(_(known.doc)) if known and known.doc else one.action
    return " · ".join(part for part in (said.split(":")[0].split(";")[0].rstrip("."), things) if part)


def batches(story: Story) -> list[dict[str, Any]]:
    """Each batch in numbers, with the patients into whom its cells went and their events."""
    return [
        {
            "code": code,
            "title": story.title(("batch", code)),
            "balance": balance,
            "missing": balance.filled - balance.accounted,
            "patients": ", ".join(_number(story, who) for who in story.patients[code]) or "–",
            "events": sum(len(story.events_of(who)) for who in story.patients[code]),
        }
        for code, balance in sorted(story.by_batch.items())
    ]


def _number(story: Story, recipient: str) -> str:
    """The study number where there is one."""
    return story.title(("recipient", recipient)).rsplit(" ", 1)[-1]


def holds(story: Story) -> list[str]:
    """What of the present vials is on hold, in sentences."""
    said = []
    for one in story.holds:
        batch, cause = story.title(("batch", one.batch)), CAUSE_WORDS[Cause(one.cause)]
        if one.vial is None:
            said.append(str(_("Batch %(batch)s is on hold: %(cause)s.", batch=batch, cause=cause)))
            continue
        vial = _("Vial %(vial)s of %(batch)s is on hold: %(cause)s.", vial=one.vial, batch=batch, cause=cause)
        said.append(str(vial))
    return said
