"""Assessments and donations for people."""

from typing import Any

from sqlalchemy import select

from mscbank.collection import actions
from mscbank.collection.models import Assessment, Donation
from mscbank.collection.rules import acceptable, problems_of
from mscbank.collection.schemas import (
    AsHappenedSchema,
    ConsentSchema,
    DeferSchema,
    HistorySchema,
    OpenSchema,
    PermitSchema,
    ProcureSchema,
    ReceiveSchema,
    ResultsSchema,
    RiskSchema,
)
from mscbank.collection.states import ASSESSMENT, DONATION, DonationState
from mscbank.collection.views import assessment_page, finding, spaced
from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, num
from mscbank.core.web.pages import Pages
from mscbank.family.models import Consent
from mscbank.family.states import ConsentState


def _consents(assessment: Assessment) -> list[tuple[str, str]]:
    """The donor's consents in force."""
    statement = select(Consent).where(
        Consent.donor_id == assessment.donor_id, Consent.state == ConsentState.IN_FORCE
    )
    return [
        (
            c.code,
            str(
                _(
                    "%(code)s, given on %(day)s, form %(form)s",
                    code=c.code,
                    day=day(c.given_on),
                    form=c.form_version,
                )
            ),
        )
        for c in session.scalars(statement.order_by(Consent.id.desc()))
    ]


assessments = Pages("collection", Assessment, path="assessments", title=_("Assessments of donors"))
assessments.lists(
    columns=[
        (_("Donor"), lambda a: a.donor.called),
        (_("Code"), lambda a: a.code),
        (_("Planned for"), lambda a: a.recipient.called if a.recipient else "–"),
        (_("Planned on"), lambda a: day(a.planned_on)),
        (_("State"), lambda a: ASSESSMENT.word(a.state)),
    ]
)
assessments.shows(context=assessment_page, finding=finding)
assessments.creates(actions.open_assessment, OpenSchema, label=_("Begin an assessment"))
assessments.acts(actions.consent, ConsentSchema, choices={"consent": _consents})
assessments.acts(actions.record_history, HistorySchema, at="history", label=_("Record the history"))
assessments.acts(actions.record_results, ResultsSchema, at="results", label=_("Record results"))
assessments.acts(actions.close_testing)
assessments.acts(actions.find_eligible)
assessments.acts(actions.require_risk_assessment)
assessments.acts(actions.assess_risk, RiskSchema, at="risk-assessments", label=_("Write the risk assessment"))
assessments.acts(actions.accept_risk)
assessments.acts(actions.defer, DeferSchema)
assessments.acts(actions.find_ineligible)
assessments.acts(actions.resume)
assessments.acts(actions.permit_directed, PermitSchema)
assessments.acts(actions.reassess)
assessments.acts(actions.open_lookback)
assessments.acts(actions.close_lookback)
assessments.acts(actions.confirm_lookback)


def _donation_page(donation: Donation, by: Principal) -> dict[str, Any]:
    facts: list[tuple[Any, ...]] = [
        (_("Donation number"), spaced(donation.din)),
        (_("Donor"), donation.donor.called),
        (
            _("Taken on"),
            day(donation.donated_on),
            f"{local(donation.started_at)} – {local(donation.ended_at)}",
        ),
        (_("Volume"), f"{num(donation.volume_ml)} mL", donation.anticoagulant),
        (_("Taken at"), donation.procured_at, donation.operator),
    ]
    if donation.as_happened:
        facts.append((_("Recorded as it happened"), donation.source_document))
    return {
        "facts": facts,
        "receipt": donation.receipt,
        "problems": problems_of(donation.receipt) if donation.receipt else (),
        "unacceptable": acceptable([donation.id])[donation.id],
    }


def _donation_finding(donation: Donation) -> str:
    if donation.state is DonationState.RECEIVED and (found := problems_of(donation.receipt)):
        return str(_("Marrow %(din)s: %(problems)s", din=spaced(donation.din), problems=", ".join(found)))
    return str(_("Marrow %(din)s", din=spaced(donation.din)))


donations = Pages("collection", Donation, path="donations", title=_("Donations of marrow"))
donations.lists(
    columns=[
        (_("Donation number"), lambda d: spaced(d.din)),
        (_("Code"), lambda d: d.code),
        (_("Donor"), lambda d: d.donor.called),
        (_("Taken on"), lambda d: day(d.donated_on)),
        (_("State"), lambda d: DONATION.word(d.state)),
    ]
)
donations.shows(context=_donation_page, finding=_donation_finding)
donations.creates(actions.procure, ProcureSchema, label=_("Record marrow"))
donations.creates(
    actions.record_as_happened, AsHappenedSchema, at="as-happened", label=_("Record marrow as it happened")
)
donations.acts(actions.receive, ReceiveSchema)
donations.acts(actions.accept)
donations.acts(actions.quarantine)
donations.acts(actions.clear)
donations.acts(actions.reject)

codes.resolves(
    "assessment",
    page=assessments.url,
    title=lambda a: str(_("Assessment of %(donor)s", donor=a.donor.called)),
)
codes.resolves("donation", page=donations.url, title=lambda d: spaced(d.din))

all_pages = [assessments, donations]
