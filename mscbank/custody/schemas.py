"""The input of every act in custody, once for pages and API."""

from typing import Any

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.custody.filling import MOST_VIALS
from mscbank.custody.grid import MOST_COLUMNS, MOST_ROWS
from mscbank.custody.states import Condition
from mscbank.custody.words import (
    AREA_WORDS,
    CAUSE_WORDS,
    HOLDER_WORDS,
    LEVEL_WORDS,
    PURPOSE_WORDS,
    Area,
    Cause,
    HolderKind,
    Level,
    Purpose,
    Scan,
)

MOST_CELLS = 10**12
BY_HAND = (Cause.QUALITY, Cause.EXCURSION, Cause.DEVIATION, Cause.FOUND, Cause.RETURNED)
"""The causes for which a person puts something on hold; the others come with a larger step."""


class FillSchema(fields.Schema):
    """Vials of equal content."""

    vials = fields.Count(min=1, max=MOST_VIALS, required=True, label=_("Vials filled"))
    tnc = fields.Count(
        min=1,
        max=MOST_CELLS,
        required=True,
        label=_("Cells in a vial"),
        unit=_("cells"),
        help=_("All nucleated cells, written out: 20 million is 20000000."),
    )
    viability_percent = fields.Exact(2, min=0, max=100, required=True, label=_("Viability"), unit="%")
    volume_ml = fields.Exact(3, min=0, max=1000, required=True, label=_("Volume of a vial"), unit="mL")
    dmso_percent = fields.Exact(2, min=0, max=100, required=True, label=_("DMSO, by volume"), unit="%")
    expires_on = fields.Day(required=True, label=_("Expiry"), help=_("Valid to the end of this day."))


class PrintSchema(fields.Schema):
    """Which labels are printed."""

    purpose = fields.Choice(Purpose, words=PURPOSE_WORDS, load_default=Purpose.VIAL, label=_("Where it goes"))
    vials = fields.Refs(
        "vial",
        load_default=None,
        allow_none=True,
        label=_("Vials"),
        help=_("None named: every vial that has no label yet. A reprint needs a reason."),
    )


class ConfirmLabelSchema(fields.Schema):
    """Which print is on the vial."""

    print_number = fields.Count(min=1, max=28, required=True, label=_("Print"))


def _scan_act(name: str, **declared: Any) -> type[fields.Schema]:
    """The input of a scan act over the API: ``from`` says where the person saw the vial."""
    seen = fields.Code(
        required=True,
        attribute="seen",
        metadata={"description": "the place's code, or kind:login of the holder, as it was seen"},
    )
    return type(name, (fields.Schema,), {"from": seen, "scan": _scan(), **declared})


def _scan() -> fields.Choice:
    return fields.Choice(Scan, load_default=Scan.NONE)


def _position() -> fields.Ref:
    return fields.Ref("place", required=True, label=_("Position"), help=_("Scan the position in the box."))


PutAwayScanSchema = _scan_act(
    "PutAwayScanSchema",
    position=_position(),
    print_number=fields.Count(min=1, max=28, load_default=None, allow_none=True),
)
MoveScanSchema = _scan_act("MoveScanSchema", position=_position())
TakeOutScanSchema = _scan_act("TakeOutScanSchema")


class PositionSchema(fields.Schema):
    """Where a vial goes."""

    position = _position()


class HandOverSchema(fields.Schema):
    """To whom or into what a vial is handed over; who receives it signs."""

    holder_kind = fields.Choice(
        HolderKind, words=HOLDER_WORDS, load_default=HolderKind.PERSON, label=_("Goes to a")
    )
    holder = fields.Text(
        max=80,
        load_default=None,
        allow_none=True,
        label=_("Which one"),
        help=_("Code of the shipper, site or station; empty for the person who signs."),
    )


HandOverScanSchema = _scan_act(
    "HandOverScanSchema",
    holder_kind=fields.Choice(HolderKind, load_default=HolderKind.PERSON),
    holder=fields.Text(max=80, load_default=None, allow_none=True),
)


class HandOverAllSchema(HandOverSchema):
    """Several vials of a batch at once."""

    vials = fields.Refs("vial", required=True, label=_("Vials"))


class HoldInSchema(fields.Schema):
    """Why something is put on hold."""

    cause = fields.Choice(
        Cause, only=BY_HAND, words=CAUSE_WORDS, load_default=Cause.QUALITY, label=_("Cause")
    )


class LiftSchema(fields.Schema):
    """Which hold is lifted."""

    number = fields.Count(min=1, max=10_000, required=True, label=_("Hold"))


class TestSchema(fields.Schema):
    """What a vial is used up for."""

    purpose = fields.Text(max=200, required=True, label=_("Tests"))


class DestroySchema(fields.Schema):
    """How a vial is destroyed."""

    method = fields.Text(max=200, required=True, label=_("Method"))
    waste_id = fields.Text(max=80, required=True, label=_("Waste container"))


class AccidentSchema(fields.Schema):
    """What was done at once."""

    immediate_action = fields.Text(max=2000, multiline=True, required=True, label=_("What was done at once"))


class FoundSchema(fields.Schema):
    """In what state a lost vial was found."""

    is_cold = fields.Flag(load_default=False, label=_("It was in the cold all the time"))


class AsHappenedSchema(fields.Schema):
    """What has happened past a gate, with its source."""

    became = fields.Choice(
        Condition,
        only=(Condition.THAWED, Condition.INFUSED, Condition.DESTROYED),
        required=True,
        label=_("The vial was"),
        words={
            Condition.THAWED: _("thawed"),
            Condition.INFUSED: _("infused"),
            Condition.DESTROYED: _("destroyed"),
        },
    )
    occurred_at = fields.When(required=True, label=_("When it happened"))
    source_document = fields.Text(max=200, required=True, label=_("Source document"))
    gate = fields.Text(max=200, required=True, label=_("Which gate it passed"))


class CreatePlaceSchema(fields.Schema):
    """A room, a tank or a rack."""

    level = fields.Choice(
        Level,
        only=(Level.ROOM, Level.TANK, Level.RACK),
        words=LEVEL_WORDS,
        required=True,
        label=_("What it is"),
    )
    name = fields.Text(max=40, required=True, label=_("Name"))
    parent = fields.Ref("place", load_default=None, allow_none=True, label=_("Stands in"))
    area = fields.Choice(Area, words=AREA_WORDS, load_default=Area.CONTROLLED, label=_("What may lie there"))


class CreateBoxSchema(fields.Schema):
    """A box with its positions."""

    parent = fields.Ref("place", required=True, label=_("Stands in"))
    name = fields.Text(max=40, required=True, label=_("Name"))
    rows = fields.Count(min=1, max=MOST_ROWS, load_default=9, label=_("Rows"))
    columns = fields.Count(min=1, max=MOST_COLUMNS, load_default=9, label=_("Columns"))
    area = fields.Choice(Area, words=AREA_WORDS, load_default=Area.CONTROLLED, label=_("What may lie there"))


class PutAllSchema(fields.Schema):
    """Several vials into the next free positions of a box."""

    vials = fields.Refs("vial", required=True, label=_("Vials"), help=_("In the order in which they go in."))


class CountSchema(fields.Schema):
    """How many vials two people count in a box."""

    counted = fields.Count(min=0, max=MOST_ROWS * MOST_COLUMNS, required=True, label=_("Vials counted"))
