"""The put-away station: scan a vial, it goes into the next free position, and the station says what next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.web.scan import read
from mscbank.custody import actions
from mscbank.custody.ledger import place_seen, place_words
from mscbank.custody.models import CustodyEvent, Place, Vial
from mscbank.custody.places import free_positions, number_in
from mscbank.custody.words import Level, Scan, Verb

SHOWN = 8


@dataclass(frozen=True)
class Answer:
    """What the station says to one scan; three lines, always."""

    kind: str
    line: Any
    facts: Any = ""
    next: Any = ""
    placed: str | None = None
    """The vial that was just put away."""
    at: str = ""
    """The position that was chosen by scanning it."""
    leads_to: Place | None = None


@dataclass(frozen=True)
class Bench:
    """What stands on the station: what was scanned, how many lie in the box, where the next one goes."""

    rows: list[dict[str, Any]]
    number: int
    places: int
    coming: str | None
    coming_name: str | None


def bench(box: Place, at: str = "") -> Bench:
    """The station of a box as it stands now."""
    free = free_positions(box)
    coming = next((one for one in free if one.code == at), free[0] if free else None)
    told = (
        select(CustodyEvent)
        .join(Place, Place.id == CustodyEvent.position_id)
        .where(Place.parent_id == box.id, CustodyEvent.verb == Verb.PUT_AWAY)
        .order_by(CustodyEvent.id.desc())
        .limit(SHOWN)
    )
    rows = [
        {
            "sign": "check",
            "colour": "go",
            "number": event.vial.called,
            "place": event.position.name if event.position else "",
            "aside": time_of(event.happened_at),
        }
        for event in session.scalars(told)
    ]
    return Bench(
        rows,
        number_in(box),
        (box.grid_rows or 0) * (box.grid_columns or 0),
        coming.code if coming else None,
        coming.name if coming else None,
    )


def time_of(instant: datetime) -> str:
    """The hour of a scan, which was today."""
    return f"{instant.astimezone(ZoneInfo(instance().zone)):%H:%M}"


def lying_in(position: Place) -> Vial | None:
    """The vial in a position."""
    return session.scalar(select(Vial).where(Vial.position_id == position.id))


def scanned(box: Place, text: str, at: str, by: Principal) -> Answer:
    """Answer one scan."""
    found = read(text)
    if found.alarm is not None:
        return Answer("stop", found.alarm.sentence, _("Nothing was put away."), _("set the vial aside."))
    if isinstance(found.thing, Place):
        return _place(box, found.thing)
    if not isinstance(found.thing, Vial):
        shown = "".join(c for c in text[:40] if c.isprintable())
        return Answer(
            "unknown",
            _("Not one of our vials"),
            _("Read: %(text)s", text=shown),
            _("scan the square code on the vial, beside its number."),
            at=at,
        )
    return _put(box, found.thing, found.print_, at, by)


def _place(box: Place, place: Place) -> Answer:
    if place.level is Level.BOX:
        return Answer("done", place.name, leads_to=place)
    if place.parent_id == box.id and lying_in(place) is None:
        return Answer(
            "done", _("%(place)s is next", place=place.name), box.name, _("scan the vial."), at=place.code
        )
    return Answer(
        "look",
        _("%(place)s is not free in this box", place=place.name),
        box.name,
        _("scan a vial or a free position."),
    )


def _put(box: Place, vial: Vial, print_number: int | None, at: str, by: Principal) -> Answer:
    if vial.position is not None and vial.position.parent_id == box.id:
        return Answer(
            "look",
            _("Vial %(number)s is already in %(place)s", number=vial.called, place=vial.position.name),
            _("Nothing was changed."),
            _("scan the next vial."),
            at=at,
        )
    free = free_positions(box)
    position = next((one for one in free if one.code == at), free[0] if free else None)
    if position is None:
        return Answer(
            "look", _("%(box)s is full", box=box.name), _("Nothing was put away."), _("scan another box.")
        )
    name = position.name
    try:
        actions.put_away(
            vial,
            by=by,
            position=position,
            seen=place_seen(vial),
            scan=Scan.GUN,
            print_number=print_number or None,
        )
    except Refused as refused:
        session.rollback()
        facts = f"{refused.code} · {place_words(vial)}"
        return Answer("stop", refused.sentence, facts, _("set the vial aside, scan the next one."), at=at)
    following = free_positions(box)
    coming = (
        _("scan the next vial. It goes to %(place)s.", place=following[0].name)
        if following
        else _("the box is full.")
    )
    return Answer(
        "done",
        _("Vial %(number)s is in %(place)s", number=vial.called, place=name),
        vial.batch.called,
        coming,
        placed=vial.code,
    )
