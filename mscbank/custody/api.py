"""Vials, places and fills over JSON."""

from typing import Any

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from mscbank.batch.models import Batch
from mscbank.core import fields
from mscbank.core.web.api import Api
from mscbank.core.web.api import load as load_input
from mscbank.custody import actions, schemas, shapes
from mscbank.custody.balance import balances
from mscbank.custody.models import Place, Vial
from mscbank.custody.places import children, vials_in
from mscbank.custody.sheets import STOCK, sheet
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.views import events_of, holds_of
from mscbank.custody.words import Area, Level, Purpose


class SheetQuery(fields.Schema):
    """Which labels, on which paper, from which cell."""

    purpose = fields.Choice(Purpose, load_default=Purpose.VIAL)
    stock = fields.Text(max=40, load_default=STOCK)
    start = fields.Count(min=1, max=200, load_default=1)


def labels_pdf(batch: Batch) -> Response:
    """The label sheets of a batch as PDF: the last valid print of each vial."""
    wanted = load_input(SheetQuery, request.args.to_dict())
    answer = Response(sheet(batch, **wanted), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="labels-{batch.code}.pdf"'
    return answer


def ledger(vial: Vial) -> dict[str, Any]:
    """Show the custody ledger of a vial, oldest first."""
    return {"items": events_of(vial)}


def holds(vial: Vial) -> dict[str, Any]:
    """Show every hold on a vial and on its batch, the open ones first."""
    return {"items": holds_of(vial)}


def contents(place: Place) -> dict[str, Any]:
    """Show what lies in a box, along the rows."""
    inside = vials_in(place)
    return {
        "items": [
            {
                "position": one.name,
                "code": one.code,
                "vial": inside[one.id].code if one.id in inside else None,
            }
            for one in children(place)
            if one.level is Level.POSITION
        ]
    }


def balance(batch: Batch) -> Any:
    """Show where the vials of a batch are: filled, the seven ways out, what is present, the difference."""
    return balances([batch.id])[batch.id]


vials = Api(
    "custody", Vial, shapes.VialSchema, path="vials", doc="Vials: where they are and what stands in their way"
)
vials.lists(
    query=lambda _by: select(Vial).options(
        joinedload(Vial.batch), joinedload(Vial.position), joinedload(Vial.exceptional_for)
    ),
    filters={
        "batch": fields.Ref("batch"),
        "condition": fields.Choice(Condition),
        "quality": fields.Choice(Quality),
        "reservation": fields.Choice(Reservation),
    },
)
vials.shows()
vials.acts(actions.put_away, schemas.PutAwayScanSchema, scan=True)
vials.acts(actions.move, schemas.MoveScanSchema, scan=True)
vials.acts(actions.take_out, schemas.TakeOutScanSchema, scan=True)
vials.acts(actions.hand_over, schemas.HandOverScanSchema, scan=True)
vials.acts(actions.confirm_label, schemas.ConfirmLabelSchema)
vials.acts(actions.hold, schemas.HoldInSchema)
vials.acts(actions.lift_hold, schemas.LiftSchema)
vials.acts(actions.take_for_qc, schemas.TestSchema)
vials.acts(actions.retain)
vials.acts(actions.destroy, schemas.DestroySchema)
vials.acts(actions.report_broken, schemas.AccidentSchema)
vials.acts(actions.report_lost, schemas.AccidentSchema)
vials.acts(actions.report_found, schemas.FoundSchema)
vials.acts(actions.record_as_happened, schemas.AsHappenedSchema)
vials.reads("ledger", ledger, shapes.EventsSchema)
vials.reads("holds", holds, shapes.HoldsSchema)

places = Api(
    "custody", Place, shapes.PlaceSchema, path="places", doc="Rooms, tanks, racks, boxes and their positions"
)
places.lists(
    query=lambda _by: select(Place).options(joinedload(Place.parent)),
    filters={"level": fields.Choice(Level), "area": fields.Choice(Area), "parent": fields.Ref("place")},
)
places.shows()
places.creates(actions.create_place, schemas.CreatePlaceSchema)
places.creates(actions.create_box, schemas.CreateBoxSchema, at="boxes")
places.acts(actions.put_away_all, schemas.PutAllSchema)
places.acts(actions.count, schemas.CountSchema)
places.reads("contents", contents, shapes.BoxSchema)

fills = Api("custody", Batch, shapes.FilledSchema, path="fills", doc="Batches as the filling sees them")
fills.shows()
fills.acts(actions.fill, schemas.FillSchema, at="vials")
fills.acts(actions.print_labels, schemas.PrintSchema, at="labels")
fills.acts(actions.hand_over_all, schemas.HandOverAllSchema, at="hand-over")
fills.acts(actions.hold_batch, schemas.HoldInSchema, at="hold")
fills.acts(actions.lift_batch_hold, schemas.LiftSchema, at="lift-hold")
fills.reads("balance", balance, shapes.BalanceSchema)
fills.sends("labels.pdf", labels_pdf, "application/pdf")

apis = [vials, places, fills]
