"""Vials, places and fills for people, and the station at which a box is filled by scanning alone."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.coding import qr
from mscbank.coding.stock import STOCKS
from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.errors import Obstacle, Refused
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, million, num, percent, person
from mscbank.core.web.here import actor, find
from mscbank.core.web.pages import Pages
from mscbank.custody import actions, schemas, station
from mscbank.custody.api import labels_pdf
from mscbank.custody.balance import balances
from mscbank.custody.facts import open_holds
from mscbank.custody.filling import VOID_LABEL, WRITERS, label_obstacle
from mscbank.custody.ledger import place_words, said
from mscbank.custody.models import Place, Vial
from mscbank.custody.showing import card, map_of, way_of
from mscbank.custody.views import (
    children_of,
    holds_of,
    holds_of_batch,
    labels_of,
    parts_of,
    sign_of,
    vials_of,
    way_to,
    where,
)
from mscbank.custody.words import AREA_WORDS, CAUSE_WORDS, LABEL_WORDS, LEVEL_WORDS, PURPOSE_WORDS, Level


def _vial(vial: Vial, by: Principal) -> dict[str, Any]:
    held = holds_of(vial)
    symbol = Markup(qr.svg(vial.code))  # noqa: S704 - drawn by coding, the text in it is a short code
    return {
        "card": card(vial, [hold for hold in held if hold.lifted_at is None], symbol),
        "holds": held,
        "cause_words": CAUSE_WORDS,
        "told": way_of(vial),
        "labels": [(p, PURPOSE_WORDS[p.purpose], LABEL_WORDS[p.state]) for p in labels_of(vial)],
        "facts": [
            (_("Donation"), vial.din),
            (_("Product"), f"{vial.product_code}{vial.collection_type}99 {vial.division}"),
            (_("Cells at fill"), million(vial.tnc)),
            (_("Viability at fill"), percent(vial.viability_percent_at_fill.normalize() + 0)),
            (_("Volume"), f"{num(vial.volume_ml.normalize() + 0)} mL"),
            (_("DMSO, by volume"), percent(vial.dmso_percent.normalize() + 0)),
            (
                _("Filled"),
                local(vial.filled_at),
                f"{person(vial.fill.filled_by)}, {person(vial.fill.checked_by)}",
            ),
            (_("Expiry"), day(vial.expires_on)),
        ],
    }


def _finding(vial: Vial) -> str:
    number = _("Vial %(number)s", number=vial.called)
    word = sign_of(vial, open_holds([vial])[vial.id])[2]
    return f"{number}, {word[:1].lower()}{word[1:]}"


vial_pages = Pages("custody", Vial, path="vials", title=_("Vials"))
vial_pages.lists(
    query=lambda _by: select(Vial).options(joinedload(Vial.batch), joinedload(Vial.position)),
    columns=[
        (_("Vial"), lambda v: v.called),
        (_("Batch"), lambda v: v.batch.called),
        (_("Quality"), lambda v: Vial.lives["quality"].word(v.quality)),
        (_("Condition"), lambda v: Vial.lives["condition"].word(v.condition)),
        (_("Place"), place_words),
        (_("Expiry"), lambda v: day(v.expires_on)),
    ],
)
vial_pages.shows(context=_vial, finding=_finding)
vial_pages.acts(actions.put_away, schemas.PositionSchema, label=_("Put away"))
vial_pages.acts(actions.move, schemas.PositionSchema, label=_("Move"))
vial_pages.acts(actions.hand_over, schemas.HandOverSchema, label=_("Hand over"))
vial_pages.acts(actions.take_out, label=_("Take out"))
vial_pages.acts(actions.hold, schemas.HoldInSchema, label=_("Put on hold"))
vial_pages.acts(
    actions.lift_hold,
    schemas.LiftSchema,
    label=_("Lift a hold"),
    choices={"number": lambda vial: _open_choices(holds_of(vial), vial_id=vial.id)},
)
vial_pages.acts(actions.take_for_qc, schemas.TestSchema)
vial_pages.acts(actions.retain)
vial_pages.acts(actions.destroy, schemas.DestroySchema)
vial_pages.acts(actions.report_broken, schemas.AccidentSchema)
vial_pages.acts(actions.report_lost, schemas.AccidentSchema)
vial_pages.acts(actions.report_found, schemas.FoundSchema)
vial_pages.acts(actions.record_as_happened, schemas.AsHappenedSchema)
vial_pages.acts(
    actions.confirm_label,
    schemas.ConfirmLabelSchema,
    label=_("Say which label is on it"),
    choices={"print_number": lambda vial: [(str(p.print_number), _print_words(p)) for p in labels_of(vial)]},
)


def _print_words(label: Any) -> str:
    return f"{label.print_number}: {PURPOSE_WORDS[label.purpose]}, {LABEL_WORDS[label.state]}"


def _open_choices(held: list[Any], **owner: int) -> list[tuple[str, str]]:
    name, key = next(iter(owner.items()))
    return [
        (str(hold.number), f"{CAUSE_WORDS[hold.cause]}: {hold.reason}"[:120])
        for hold in held
        if hold.lifted_at is None and getattr(hold, name) == key
    ]


# --- places -------------------------------------------------------------------------------------


def _place(place: Place, by: Principal) -> dict[str, Any]:
    standing = [{"name": one.name, "url": place_pages.url(one)} for one in way_to(place)]
    context: dict[str, Any] = {"standing": standing, "level": LEVEL_WORDS[place.level], "lies": None}
    if place.level is Level.BOX:
        context |= {
            "map": map_of(place, vial_pages.url),
            "station_url": url_for("places.station", code=place.code),
        }
    elif place.level is not Level.POSITION:
        context["inside"] = [
            (LEVEL_WORDS[one.level], one, number, place_pages.url(one)) for one, number in children_of(place)
        ]
    else:
        context["lies"] = station.lying_in(place)
    context["facts"] = [(_("What may lie there"), AREA_WORDS[place.area])]
    return context


place_pages = Pages("custody", Place, path="places", title=_("Places"))
place_pages.lists(
    query=lambda _by: select(Place).where(Place.level != Level.POSITION).options(joinedload(Place.parent)),
    columns=[
        (_("Name"), lambda p: p.name),
        (_("What it is"), lambda p: LEVEL_WORDS[p.level]),
        (_("Stands in"), lambda p: p.parent.name if p.parent else ""),
        (_("What may lie there"), lambda p: AREA_WORDS[p.area]),
    ],
)
place_pages.shows(context=_place, finding=said)
place_pages.creates(actions.create_place, schemas.CreatePlaceSchema, label=_("Set up a room, tank or rack"))
place_pages.creates(actions.create_box, schemas.CreateBoxSchema, label=_("Set up a box"), at="new-box")
place_pages.acts(
    actions.put_away_all, schemas.PutAllSchema, label=_("Put several vials away"), at="put-away-all"
)
place_pages.acts(actions.count, schemas.CountSchema, label=_("Count the box with a second person"))


@place_pages.get("/<code>/station", endpoint="station")
def show_station(code: str) -> str:
    """The station at which a box is filled by scanning."""
    return _station(find(Place, code), None, request.args.get("at", "")[:11])


@place_pages.post("/<code>/station")
def scan_at_station(code: str) -> str | Response:
    """One scan at the station: a vial goes into the next position; a position becomes the next one."""
    box = find(Place, code)
    done = station.scanned(box, request.form.get("code", ""), request.form.get("at", "")[:11], actor())
    if done.leads_to is not None:
        return redirect(url_for("places.station", code=done.leads_to.code))
    return _station(box, done, done.at)


def _station(box: Place, done: station.Answer | None, at: str) -> str:
    bench = station.bench(box, at)
    return render_template(
        "custody/station.html",
        box=box,
        answer=done,
        bench=bench,
        standing=way_to(box)[:-1],
        map=map_of(box, None, placed=done.placed if done else None, coming=bench.coming),
        count_url=url_for("places.act_count", code=box.code),
        me=actor(),
    )


# --- fills --------------------------------------------------------------------------------------


def _batch(batch: Batch, by: Principal) -> dict[str, Any]:
    vials = vials_of(batch)
    held = open_holds(vials)
    balance = balances([batch.id])[batch.id]
    return {
        "vials": [(vial, where(vial), sign_of(vial, held[vial.id]), vial_pages.url(vial)) for vial in vials],
        "balance": balance,
        "parts": parts_of(balance),
        "holds": holds_of_batch(batch),
        "cause_words": CAUSE_WORDS,
        "stocks": [(name, name) for name in STOCKS],
        "purposes": [(purpose.value, word) for purpose, word in PURPOSE_WORDS.items()],
        "labels_url": url_for("fills.labels", code=batch.code),
    }


def _vial_choices(batch: Batch) -> list[tuple[str, str]]:
    return [(vial.code, vial.called) for vial in vials_of(batch) if not vial.is_gone]


fill_pages = Pages("custody", Batch, path="fills", title=_("Fills"))
fill_pages.lists(
    query=lambda _by: select(Batch).where(Batch.state.in_((BatchState.HARVESTED, BatchState.CRYOPRESERVED))),
    columns=[
        (_("Batch"), lambda b: b.called),
        (_("For"), lambda b: b.directed_to.called),
        (_("Stands at"), lambda b: Batch.lives["state"].word(b.state)),
        (_("Filled"), lambda b: balances([b.id])[b.id].filled),
        (_("Present"), lambda b: balances([b.id])[b.id].present),
    ],
)
fill_pages.shows(
    context=_batch,
    finding=lambda batch: _("%(n)s vials of %(batch)s", n=len(vials_of(batch)), batch=batch.called),
)
fill_pages.acts(actions.fill, schemas.FillSchema, label=_("Fill vials"), at="vials")
fill_pages.acts(
    actions.print_labels,
    schemas.PrintSchema,
    label=_("Print labels"),
    at="labels",
    choices={"vials": _vial_choices},
)
fill_pages.acts(
    actions.hand_over_all,
    schemas.HandOverAllSchema,
    label=_("Hand several vials over"),
    at="hand-over",
    choices={"vials": _vial_choices},
)
fill_pages.acts(actions.hold_batch, schemas.HoldInSchema, label=_("Put the whole batch on hold"), at="hold")
fill_pages.acts(
    actions.lift_batch_hold,
    schemas.LiftSchema,
    label=_("Lift a hold of the batch"),
    at="lift-hold",
    choices={"number": lambda batch: _open_choices(holds_of_batch(batch), batch_id=batch.id)},
)


@fill_pages.get("/<code>/labels.pdf", endpoint="labels")
def label_sheets(code: str) -> Response:
    """The label sheets of a batch."""
    actor()
    return labels_pdf(find(Batch, code))


# --- scanned ------------------------------------------------------------------------------------


def judge_print(vial: Vial, print_number: int) -> Obstacle | None:
    """A scanned label: a void one raises the alarm and is kept in the ledger; an unknown one is refused."""
    found = label_obstacle(vial, print_number)
    by = actor()
    if found is not None and found.code == VOID_LABEL.code and by.holds(WRITERS, vial.site):
        try:
            actions.report_void_label(vial, by=by, print_number=print_number)
        except Refused as refused:
            flash(refused.sentence, "stop")
    return found


codes.resolves("vial", page=vial_pages.url, title=lambda vial: str(_("Vial %(number)s", number=vial.called)))
codes.resolves("place", page=place_pages.url, title=lambda place: " · ".join(p.name for p in way_to(place)))
codes.prints_judged("vial", judge_print)

all_pages = [vial_pages, place_pages, fill_pages]
