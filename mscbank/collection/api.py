"""Assessments and donations over JSON."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from mscbank.collection import actions
from mscbank.collection.models import Assessment, Donation
from mscbank.collection.schemas import (
    AsHappenedSchema,
    AssessmentSchema,
    ConsentSchema,
    DeferSchema,
    DonationSchema,
    HistorySchema,
    JudgementSchema,
    OpenSchema,
    PermitSchema,
    ProcureSchema,
    ReceiveSchema,
    ResultsSchema,
    RiskSchema,
)
from mscbank.collection.states import AssessmentState, DonationState
from mscbank.collection.views import judgement_of
from mscbank.core import fields
from mscbank.core.web.api import Api

assessments = Api("collection", Assessment, AssessmentSchema, path="assessments", doc="Assessments of donors")
assessments.lists(
    query=lambda by: select(Assessment).options(
        selectinload(Assessment.donor),
        selectinload(Assessment.recipient),
        selectinload(Assessment.consent),
        selectinload(Assessment.results),
        selectinload(Assessment.answers),
        selectinload(Assessment.risk_assessments),
        selectinload(Assessment.determinations),
    ),
    filters={"state": fields.Choice(AssessmentState), "donor": fields.Ref("donor")},
)
assessments.shows()
assessments.reads("judgement", judgement_of, JudgementSchema)
assessments.creates(actions.open_assessment, OpenSchema)
assessments.acts(actions.consent, ConsentSchema)
assessments.acts(actions.record_results, ResultsSchema, at="results")
assessments.acts(actions.record_history, HistorySchema, at="history")
assessments.acts(actions.close_testing)
assessments.acts(actions.find_eligible)
assessments.acts(actions.require_risk_assessment)
assessments.acts(actions.assess_risk, RiskSchema, at="risk-assessments")
assessments.acts(actions.accept_risk)
assessments.acts(actions.find_ineligible)
assessments.acts(actions.defer, DeferSchema)
assessments.acts(actions.resume)
assessments.acts(actions.permit_directed, PermitSchema)
assessments.acts(actions.reassess)
assessments.acts(actions.open_lookback)
assessments.acts(actions.close_lookback)
assessments.acts(actions.confirm_lookback)

donations = Api(
    "collection", Donation, DonationSchema, path="donations", doc="Marrow under its donation number"
)
donations.lists(
    query=lambda by: select(Donation).options(
        selectinload(Donation.donor),
        selectinload(Donation.assessment),
        selectinload(Donation.consent),
        selectinload(Donation.receipt),
    ),
    filters={"state": fields.Choice(DonationState), "donor": fields.Ref("donor"), "din": fields.Text(max=13)},
)
donations.shows()
donations.creates(actions.procure, ProcureSchema)
donations.creates(actions.record_as_happened, AsHappenedSchema, at="as-happened")
donations.acts(actions.receive, ReceiveSchema)
donations.acts(actions.accept)
donations.acts(actions.quarantine)
donations.acts(actions.clear)
donations.acts(actions.reject)

apis = [assessments, donations]
