"""The shape of visits, in and out."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.i18n import _
from mscbank.safety.visits import UNPLANNED

LONG = 5000


class FollowUpVisitSchema(fields.Schema):
    """A visit as it is shown."""

    number = fields.Count()
    name = fields.Text()
    visited_on = fields.Day()
    in_window = fields.Flag()
    is_alive = fields.Flag()
    has_malignancy = fields.Flag()
    skin_score = fields.Count(allow_none=True)
    note = fields.Text(allow_none=True)
    replaces = fields.Count(allow_none=True)
    recorded_by = fields.Text()
    recorded_at = fields.When()


class DueVisitSchema(fields.Schema):
    """A visit of the schedule with its window, and whether it is on record."""

    name = fields.Text()
    on = fields.Day()
    earliest = fields.Day()
    latest = fields.Day()
    is_recorded = fields.Flag()
    is_late = fields.Flag()


class PatientVisitsSchema(fields.Schema):
    """The visits of a patient: on record, and planned."""

    recorded = ma.fields.List(ma.fields.Nested(FollowUpVisitSchema))
    planned = ma.fields.List(ma.fields.Nested(DueVisitSchema))


class SeenPatientSchema(fields.ThingSchema):
    """A patient as the acts of safety answer."""

    study_number = fields.Text(allow_none=True)


class RecordVisitSchema(fields.Schema):
    """What is recorded of a visit."""

    name = fields.Text(
        max=20, load_default=UNPLANNED, label=_("Visit"), help=_("Left empty: a visit out of turn.")
    )
    visited_on = fields.Day(required=True, label=_("Seen on"))
    is_alive = fields.Flag(load_default=True, label=_("The patient is alive"))
    has_malignancy = fields.Flag(load_default=False, label=_("A malignancy was found"))
    skin_score = fields.Count(
        max=51, load_default=None, allow_none=True, label=_("Modified Rodnan skin score")
    )
    note = fields.Text(max=LONG, load_default=None, allow_none=True, multiline=True, label=_("Remark"))
    protocol = fields.Ref("protocol", load_default=None, allow_none=True, label=_("Protocol"))


class CorrectVisitSchema(fields.Schema):
    """A visit as it truly was."""

    number = fields.Count(min=1, required=True, label=_("Number of the wrong entry"))
    name = fields.Text(
        max=20, load_default=UNPLANNED, label=_("Visit"), help=_("Left empty: a visit out of turn.")
    )
    visited_on = fields.Day(required=True, label=_("Seen on"))
    is_alive = fields.Flag(load_default=True, label=_("The patient is alive"))
    has_malignancy = fields.Flag(load_default=False, label=_("A malignancy was found"))
    skin_score = fields.Count(
        max=51, load_default=None, allow_none=True, label=_("Modified Rodnan skin score")
    )
    note = fields.Text(max=LONG, load_default=None, allow_none=True, multiline=True, label=_("Remark"))


class _Asked(fields.Schema):
    """On a form an empty box means no: there it is asked whether the patient has died."""

    has_died = fields.Flag(load_default=False, label=_("The patient has died: the date is that of the death"))

    @ma.post_load
    def _alive(self, data: dict[str, Any], **_kw: Any) -> dict[str, Any]:
        return {"is_alive": not data.pop("has_died"), **data}


class RecordVisitForm(_Asked, RecordVisitSchema):
    """A visit as the form asks for it."""

    class Meta(fields.Schema.Meta):
        """Leave out what ``has_died`` says."""

        exclude = ("is_alive",)


class CorrectVisitForm(_Asked, CorrectVisitSchema):
    """A visit as it truly was, as the form asks for it."""

    class Meta(fields.Schema.Meta):
        """Leave out what ``has_died`` says."""

        exclude = ("is_alive",)
