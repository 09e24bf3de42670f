"""The auditor's page: type or scan anything, see the whole way."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from mscbank.core.errors import Missing
from mscbank.core.i18n import _
from mscbank.core.pictures import segmented_bar
from mscbank.core.web.here import actor
from mscbank.core.web.scan import read
from mscbank.trace.api import NO_WAY
from mscbank.trace.picture import PARTS, draw
from mscbank.trace.story import Story, tell

pages = Blueprint("trace", "mscbank.trace", url_prefix="/trace")

COLOURS = {
    "infused": "ink",
    "present": "go",
    "qc_used": "end",
    "retained": "lock",
    "destroyed": "end",
    "broken": "end",
    "lost": "stop",
}


@pages.get("/")
def ask() -> Any:
    """Which way?"""
    actor()
    if text := request.args.get("code", "")[:200].strip():
        return redirect(url_for("trace.show", text=text))
    return render_template("trace/ask.html")


@pages.get("/<path:text>")
def show(text: str) -> Any:
    """The whole way of any code."""
    actor()
    thing = read(text).thing
    if thing is None:
        raise Missing(NO_WAY())
    story = tell((thing.kind, thing.code))
    return render_template(
        "trace/show.html",
        thing=thing,
        story=story,
        picture=draw(story),
        heading=finding(story),
        bar=bar(story),
        sum=sum_of(story),
    )


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
    start = story.facts.get(story.way.start)
    reached = {kind: sum(1 for k, _code in story.way.reached if k == kind) for kind in ("batch", "recipient")}
    return str(
        _(
            "%(what)s: %(batches)s, %(patients)s",
            what=start.title if start else story.way.start[1],
            batches=_number(reached["batch"], _("1 batch"), _("%(n)s batches", n=reached["batch"])),
            patients=_number(
                reached["recipient"], _("1 patient"), _("%(n)s patients", n=reached["recipient"])
            ),
        )
    )


def _number(n: int, one: Any, many: Any) -> str:
    return str(one if n == 1 else many)


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
