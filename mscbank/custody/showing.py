"""How a vial and a box look: the card with five lines, the way, the map."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from sqlalchemy import func, select

from mscbank.core.db import session
from mscbank.core.i18n import _
from mscbank.core.pictures import Cell, box_map
from mscbank.core.web.filters import local, million, num, person
from mscbank.custody.facts import open_holds
from mscbank.custody.models import Hold, Place, Vial
from mscbank.custody.places import children, vials_in
from mscbank.custody.states import CONDITION, QUALITY, RESERVATION, Condition, Reservation
from mscbank.custody.views import events_of, hold_words, sign_of, way_to
from mscbank.custody.words import HOLDER_WORDS, VERB_WORDS, Cause, Verb

SIGNS: Mapping[Verb, tuple[str, str]] = {
    Verb.FILL: ("ring", "end"),
    Verb.PUT_AWAY: ("lock", "lock"),
    Verb.MOVE: ("arrow", "end"),
    Verb.TAKE: ("arrow", "move"),
    Verb.HAND_OVER: ("arrow", "move"),
    Verb.HOLD: ("pause", "wait"),
    Verb.LIFT_HOLD: ("check", "end"),
    Verb.FREE: ("check", "go"),
    Verb.REJECT: ("octagon", "stop"),
    Verb.EXCEPT: ("triangle", "wait"),
    Verb.RESERVE: ("diamond", "keep"),
    Verb.UNRESERVE: ("ring", "end"),
    Verb.PICK: ("arrow", "move"),
    Verb.DISPENSE: ("arrow", "move"),
    Verb.RETURN: ("undo", "wait"),
    Verb.USE_UP: ("cross", "end"),
    Verb.THAW: ("clock", "wait"),
    Verb.INTO_PREPARATION: ("clock", "wait"),
    Verb.INFUSE: ("drop", "end"),
    Verb.TAKE_FOR_QC: ("half", "end"),
    Verb.RETAIN: ("box", "end"),
    Verb.DESTROY: ("cross", "end"),
    Verb.BREAK: ("cross", "end"),
    Verb.LOSE: ("triangle", "stop"),
    Verb.FIND: ("check", "wait"),
    Verb.AS_HAPPENED: ("triangle", "stop"),
    Verb.VOID_LABEL: ("octagon", "stop"),
}


def card(vial: Vial, holds: list[Hold], symbol: Markup) -> dict[str, Any]:
    """The vial card: number, code, and the five things apart; what is normal is left out."""
    total = session.scalar(select(func.count()).select_from(Vial).where(Vial.batch_id == vial.batch_id))
    volume = num(vial.volume_ml.normalize() + 0)
    return {
        "batch": vial.batch.called,
        "label": _("Vial %(number)s", number=vial.called),
        "code": vial.code,
        "svg": symbol,
        "facts": _("one of %(total)s", total=total) + f" · {million(vial.tnc)} · {volume} mL",
        "five": five(vial, holds),
    }


def five(vial: Vial, holds: list[Hold]) -> list[dict[str, Any]]:
    """The lines of the card: quality, holds, place, condition, reservation."""
    sign, colour = QUALITY.sign(vial.quality)
    lines = [_line(_("Quality"), sign, colour, QUALITY.word(vial.quality), _exception(vial))]
    if holds:
        recalled = any(hold.cause is Cause.RECALL for hold in holds)
        word = hold_words(hold.cause for hold in holds)
        since = [f"{hold.placed_by}, {local(hold.placed_at)}" for hold in holds]
        held = ("octagon", "stop") if recalled else ("pause", "wait")
        lines.append(_line(_("On hold"), *held, word, since))
    lines.append(_place(vial))
    if vial.condition is not Condition.FROZEN:
        lines.append(
            _line(
                _("Condition"), *CONDITION.sign(vial.condition), CONDITION.word(vial.condition), _time(vial)
            )
        )
    if vial.reservation is not Reservation.NONE:
        reserved = RESERVATION.word(vial.reservation)
        lines.append(_line(_("Reserved"), *RESERVATION.sign(vial.reservation), reserved, [vial.reserved_by]))
    return lines


def _line(
    label: Any, sign: str | None, colour: str, word: Any, notes: list[Any] | None = None
) -> dict[str, Any]:
    return {"label": label, "sign": sign, "colour": colour, "word": word, "notes": notes or []}


def _exception(vial: Vial) -> list[Any]:
    return [_("for %(who)s only", who=vial.exceptional_for.called)] if vial.exceptional_for else []


def _time(vial: Vial) -> list[str]:
    moment = vial.ended_at or vial.thawed_at or vial.filled_at
    return [local(moment)]


def _place(vial: Vial) -> dict[str, Any]:
    if vial.position is not None:
        *above, box, position = way_to(vial.position)
        notes = [" · ".join(place.name for place in above)]
        return _line(_("Place"), None, "ink", f"{box.name}, {position.name}", notes)
    if vial.holder_kind is not None:
        return _line(
            _("Place"),
            "arrow",
            "move",
            _("with %(who)s", who=vial.holder_code),
            [HOLDER_WORDS[vial.holder_kind]],
        )
    return _line(_("Place"), None, "ink", _("gone"))


def way_of(vial: Vial) -> list[dict[str, Any]]:
    """Its way, newest first."""
    return [
        {
            "sign": SIGNS[event.verb][0],
            "colour": SIGNS[event.verb][1],
            "what": _what(event),
            "when": local(event.happened_at),
        }
        for event in reversed(events_of(vial))
    ]


def _what(event: Any) -> str:
    said = [str(VERB_WORDS[event.verb])]
    if event.position is not None and event.position_id != event.from_position_id:
        said.append(f"{event.position.parent.name} {event.position.name}")
    elif event.holder is not None and event.holder != event.from_holder:
        said.append(person(event.holder.split(":", 1)[1]))
    people = [person(login) for login in (event.actor, event.second_person) if login]
    return f"{', '.join(said)} ({', '.join(people)})"


def map_of(
    box: Place, page: Callable[[Any], str] | None, *, placed: str | None = None, coming: str | None = None
) -> Markup:
    """The map of a box: the number of each vial in its position, its state by fill and hatch."""
    inside = vials_in(box)
    holds = open_holds(list(inside.values()))
    cells: dict[str, Cell] = {}
    for position in children(box):
        vial = inside.get(position.id)
        if vial is not None:
            _sign, colour, word = sign_of(vial, holds[vial.id])
            url = page(vial) if page else None
            cells[position.name] = Cell(
                vial.called, word, colour, url, "placed" if vial.code == placed else None
            )
        elif position.code == coming:
            cells[position.name] = Cell("·", _("next"), "move", None, "next")
    return box_map(
        box.grid_rows or 0,
        box.grid_columns or 0,
        cells,
        title=box.name,
        free=_("free"),
        station=page is None,
        sentence=_(
            "%(held)s of %(all)s positions hold a vial.",
            held=len(inside),
            all=(box.grid_rows or 0) * (box.grid_columns or 0),
        ),
    )
