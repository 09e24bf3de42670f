"""The shape of vials, places, holds and the ledger as they are shown."""

import marshmallow as ma

from mscbank.core import fields
from mscbank.custody.ledger import place_seen
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.words import Area, Cause, Level, Scan, Verb


class VialSchema(fields.ThingSchema):
    """A vial as it is shown: five things apart."""

    number = fields.Count()
    batch = fields.Ref("batch")
    din = fields.Text()
    product_code = fields.Text()
    collection_type = fields.Text()
    division = fields.Text()
    tnc = fields.Count()
    viability_percent_at_fill = fields.Exact(2)
    volume_ml = fields.Exact(3)
    dmso_percent = fields.Exact(2)
    filled_at = fields.When()
    expires_on = fields.Day()
    condition = fields.Choice(Condition)
    quality = fields.Choice(Quality)
    reservation = fields.Choice(Reservation)
    reserved_by = fields.Text(allow_none=True)
    exceptional_for = fields.Ref("recipient", allow_none=True)
    position = fields.Ref("place", allow_none=True)
    holder = fields.Text(allow_none=True)
    seen = ma.fields.Function(
        place_seen, metadata={"type": "string", "description": "what a scan act sends as from"}
    )
    is_gone = fields.Flag()
    as_happened = fields.Flag()
    frozen_at = fields.When(allow_none=True)
    thawed_at = fields.When(allow_none=True)


class EventSchema(fields.Schema):
    """A row of the custody ledger."""

    sequence = fields.Count()
    verb = fields.Choice(Verb)
    condition = fields.Choice(Condition)
    quality = fields.Choice(Quality)
    reservation = fields.Choice(Reservation)
    from_position = fields.Ref("place", allow_none=True)
    position = fields.Ref("place", allow_none=True)
    from_holder = fields.Text(allow_none=True)
    holder = fields.Text(allow_none=True)
    happened_at = fields.When()
    entered_at = fields.When()
    actor = fields.Text()
    second_person = fields.Text(allow_none=True)
    scan = fields.Choice(Scan)
    detail = fields.Text(allow_none=True)


class EventsSchema(fields.Schema):
    """The custody ledger of a vial, oldest first."""

    items = ma.fields.List(ma.fields.Nested(EventSchema))


class HoldSchema(fields.Schema):
    """A hold, open or lifted."""

    on = ma.fields.Function(lambda hold: hold.subject.code, metadata={"type": "string"})
    number = fields.Count()
    cause = fields.Choice(Cause)
    reason = fields.Text()
    source_code = fields.Text(allow_none=True)
    placed_by = fields.Text()
    placed_at = fields.When()
    lifted_by = fields.Text(allow_none=True)
    lifted_at = fields.When(allow_none=True)
    lifted_reason = fields.Text(allow_none=True)


class HoldsSchema(fields.Schema):
    """The holds on a vial and on its batch."""

    items = ma.fields.List(ma.fields.Nested(HoldSchema))


class PlaceSchema(fields.ThingSchema):
    """A place as it is shown."""

    level = fields.Choice(Level)
    name = fields.Text()
    parent = fields.Ref("place", allow_none=True)
    area = fields.Choice(Area)
    grid_rows = fields.Count(allow_none=True)
    grid_columns = fields.Count(allow_none=True)
    row_number = fields.Count(allow_none=True)
    column_number = fields.Count(allow_none=True)


class LyingSchema(fields.Schema):
    """A position of a box, and the vial in it."""

    position = fields.Text()
    code = fields.Text()
    vial = fields.Text(allow_none=True)


class BoxSchema(fields.Schema):
    """What lies in a box, along the rows."""

    items = ma.fields.List(ma.fields.Nested(LyingSchema))


class BalanceSchema(fields.Schema):
    """Where the vials of a batch are."""

    filled = fields.Count()
    qc_used = fields.Count()
    retained = fields.Count()
    infused = fields.Count()
    destroyed = fields.Count()
    broken = fields.Count()
    lost = fields.Count()
    present = fields.Count()
    difference = ma.fields.Integer()


class FilledSchema(fields.ThingSchema):
    """A batch as the filling sees it."""
