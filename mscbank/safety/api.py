"""Events, visits, the gate and the report over JSON."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.db import Thing
from mscbank.core.web.api import Api
from mscbank.family.models import Recipient
from mscbank.safety import actions
from mscbank.safety.models import AdverseEvent
from mscbank.safety.schemas import events as of_events
from mscbank.safety.schemas import report as of_report
from mscbank.safety.schemas import visits as of_visits
from mscbank.safety.states import State
from mscbank.safety.views import report_json, timing, visits_json
from mscbank.study.models import Protocol


class Beneath(Api):
    """What this step does with an earlier step's things, at the address that they have there."""

    def __init__(self, model: type[Thing], schema: type[ma.Schema], *, path: str, doc: str) -> None:
        super().__init__("safety", model, schema, path=f"safety-{path}", doc=doc)
        self.blueprint.url_prefix = f"/api/v1/{path}"
        for made in (self.row, self.shown, self.listed):
            made.__name__ = f"Safety{made.__name__}"


events = Api(
    "safety", AdverseEvent, of_events.AdverseEventSchema, path="adverse-events", doc="Adverse events"
)
_filters: dict[str, Any] = {
    "state": fields.Choice(State),
    "recipient": fields.Ref("recipient"),
    "donor": fields.Ref("donor"),
    "protocol": fields.Ref("protocol"),
}
events.lists(filters=_filters)
events.shows()
events.creates(actions.report, of_events.ReportEventSchema)
events.acts(actions.correct, of_events.CorrectEventSchema)
events.acts(actions.assess, of_events.AssessEventSchema)
events.acts(actions.sponsor_assess, of_events.SponsorAssessSchema)
events.acts(actions.submit, of_events.SubmitEventSchema)
events.acts(actions.follow, of_events.FollowEventSchema)
events.acts(actions.submit_follow_up, of_events.SubmitFollowUpSchema)
events.acts(actions.close)
events.acts(actions.reopen)
events.reads("timing", timing, of_events.TimingSchema)

patients = Beneath(Recipient, of_visits.SeenPatientSchema, path="recipients", doc="Visits of patients")
patients.acts(actions.record_visit, of_visits.RecordVisitSchema, at="visits")
patients.acts(actions.correct_visit, of_visits.CorrectVisitSchema, at="visit-corrections")
patients.reads("visits", visits_json, of_visits.PatientVisitsSchema)

protocols = Beneath(
    Protocol, of_report.SafetyProtocolSchema, path="protocols", doc="The safety report and the gate"
)
protocols.acts(actions.decide_gate, of_report.DecideGateSchema, at="gate")
protocols.acts(actions.lift_pause, at="pause-lifted")
protocols.reads("safety", report_json, of_report.SafetyReportSchema)

apis = [events, patients, protocols]
