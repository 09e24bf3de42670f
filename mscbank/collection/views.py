"""What collection shows of itself, and tells other pages, the trace and the worklists."""

from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.coding.din import Din
from mscbank.collection.determination import Judgement, Weight
from mscbank.collection.models import Assessment, Donation
from mscbank.collection.news import donation_of
from mscbank.collection.panel import (
    DILUTION_WORDS,
    MARKER_WORDS,
    OUTCOME_WORDS,
    TOPIC_WORDS,
    Dilution,
    Outcome,
)
from mscbank.collection.rules import known_of
from mscbank.collection.states import ASSESSMENT, DONATION, AssessmentState, DonationState
from mscbank.collection.warnings import Statements, collection_type, statements
from mscbank.collection.windows import PROFILE_WORDS, accepts, days_before
from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Panel, Task
from mscbank.core.web.filters import day, local, person
from mscbank.family.models import Donor, Recipient

MOST_TASKS = 50
DECLARED = (AssessmentState.INELIGIBLE, AssessmentState.PERMITTED_DIRECTED)

SIGNS = {
    Weight.EXCLUDES: ("octagon", "stop"),
    Weight.OPEN: ("ring", "move"),
    Weight.DEFERS: ("clock", "wait"),
    Weight.RISK: ("triangle", "wait"),
    Weight.INFORMS: ("check", "end"),
}


def label_statements(assessment: Assessment, judgement: Judgement | None = None) -> Statements:
    """What the label carries because of this donor."""
    judged = judgement or known_of(assessment).judgement
    return statements(judged, declared_ineligible=assessment.state in DECLARED)


def judgement_of(assessment: Assessment) -> dict[str, Any]:
    """What the findings add up to now, and what the label says because of them."""
    judged = known_of(assessment).judgement
    label = label_statements(assessment, judged)
    return {
        "verdict": judged.verdict.value,
        "is_complete": judged.is_complete,
        "findings": [
            {"weight": f.weight.value, "about": f.about.value, "sentence": str(f.sentence)}
            for f in judged.findings
        ],
        "biohazard": label.biohazard,
        "statements": list(label.lines),
        "collection_type": collection_type(label),
    }


def assessment_page(assessment: Assessment, by: Principal) -> dict[str, Any]:
    """What the page of an assessment shows."""
    donation = donation_of(assessment)
    judged = known_of(assessment).judgement
    donated_on = donation.donated_on if donation else assessment.planned_on
    order = list(SIGNS)
    facts = [
        (_("Donor"), assessment.donor.called),
        (_("Planned for"), assessment.recipient.called if assessment.recipient else _("nobody yet")),
        (_("Rules"), PROFILE_WORDS[assessment.profile]),
        (_("Donation"), day(donated_on), None if donation else _("planned")),
        (_("Consent"), assessment.consent.code if assessment.consent else _("not recorded yet")),
    ]
    if assessment.history_at:
        facts.append((_("History taken"), local(assessment.history_at), person(assessment.history_by)))
    if assessment.deferred_until:
        facts.append((_("Deferred until"), day(assessment.deferred_until)))
    if assessment.physician_informed:
        facts.append(
            (_("Physician told"), assessment.physician_informed, local(assessment.physician_informed_at))
        )
    latest = {answer.topic: answer for answer in assessment.answers}
    return {
        "facts": facts,
        "findings": [
            {"sign": SIGNS[f.weight][0], "colour": SIGNS[f.weight][1], "what": f.sentence}
            for f in sorted(judged.findings, key=lambda finding: order.index(finding.weight))
        ],
        "results": [_result_row(assessment, result, donated_on) for result in assessment.results],
        "present": [TOPIC_WORDS[t] for t, answer in latest.items() if answer.is_present],
        "label": label_statements(assessment, judged),
        "donation": donation,
        "verdicts": [(ASSESSMENT.word(d.verdict), d) for d in reversed(assessment.determinations)],
    }


def _result_row(assessment: Assessment, result: Any, donated_on: Any) -> dict[str, Any]:
    counted = accepts(assessment.profile, donated_on, result.sampled_on)
    reacts = result.outcome is not Outcome.NON_REACTIVE
    words = str(OUTCOME_WORDS[result.outcome])
    if result.dilution is not Dilution.NONE:
        words += f", {DILUTION_WORDS[result.dilution]}"
    return {
        "marker": MARKER_WORDS[result.marker],
        "confirmatory": result.is_confirmatory,
        "outcome": words,
        "value": result.value_text,
        "sampled_on": result.sampled_on,
        "days": days_before(donated_on, result.sampled_on),
        "counts": counted,
        "where": f"{result.laboratory}, {result.kit}",
        "by": person(result.entered_by),
        "sign": "triangle" if reacts else "check" if counted else "clock",
        "colour": "wait" if reacts or not counted else "go",
    }


def finding(assessment: Assessment) -> str:
    """The title of an assessment's page: what is up."""
    if assessment.state not in (AssessmentState.CONSENTED, AssessmentState.TESTED):
        return ASSESSMENT.word(assessment.state)
    judged = known_of(assessment).judgement
    against = len(judged.of(Weight.EXCLUDES, Weight.DEFERS, Weight.RISK))
    missing = len(judged.of(Weight.OPEN))
    if against:
        one, many = (
            _("One finding speaks against the donor"),
            _("%(count)s findings speak against the donor", count=against),
        )
        return str(one if against == 1 else many)
    if missing:
        one, many = (
            _("One answer or result is still open"),
            _("%(count)s answers or results are still open", count=missing),
        )
        return str(one if missing == 1 else many)
    return str(_("Nothing speaks against the donor"))


def spaced(din: str) -> str:
    """A donation number as labels print it, its check character last."""
    return Din(din).spaced


@links.panel("donor")
def of_donor(donor: Donor, by: Principal) -> Panel | None:
    """The donor's assessments and donations."""
    found = session.scalars(
        select(Assessment).where(Assessment.donor_id == donor.id).order_by(Assessment.id.desc())
    )
    return _panel(list(found))


@links.panel("recipient")
def for_recipient(recipient: Recipient, by: Principal) -> Panel | None:
    """The assessments of relatives who would give for this recipient."""
    statement = (
        select(Assessment).where(Assessment.recipient_id == recipient.id).order_by(Assessment.id.desc())
    )
    return _panel(list(session.scalars(statement)))


def _panel(found: list[Assessment]) -> Panel | None:
    if not found:
        return None
    keys = [assessment.id for assessment in found]
    bound = session.scalars(select(Donation).where(any_of(Donation.assessment_id, keys)))
    donations = {donation.assessment_id: donation for donation in bound}
    rows = [_panel_row(assessment, donations.get(assessment.id)) for assessment in found]
    return Panel(_("Marrow"), "collection/panel.html", {"rows": rows})


def _panel_row(assessment: Assessment, donation: Donation | None) -> dict[str, Any]:
    standing = (*DONATION.sign(donation.state), DONATION.word(donation.state)) if donation else None
    return {
        "assessment": assessment,
        "state": (*ASSESSMENT.sign(assessment.state), ASSESSMENT.word(assessment.state)),
        "donation": donation,
        "din": spaced(donation.din) if donation else None,
        "donation_state": standing,
    }


links.edge(
    "donor",
    "assessment",
    select(Donor.code, Assessment.code).join(Assessment, Assessment.donor_id == Donor.id),
    "is assessed in",
)
links.edge(
    "assessment",
    "donation",
    select(Assessment.code, Donation.code).join(Donation, Donation.assessment_id == Assessment.id),
    "allowed",
)
links.edge(
    "donor",
    "donation",
    select(Donor.code, Donation.code).join(Donation, Donation.donor_id == Donor.id),
    "gave",
)


@links.describes("assessment")
def describe_assessments(codes: list[str]) -> list[Fact]:
    """Assessments for the trace."""
    return [
        Fact(
            "assessment",
            a.code,
            str(_("Assessment of %(donor)s", donor=a.donor.called)),
            ASSESSMENT.word(a.state),
            {"planned_on": a.planned_on, "profile": a.profile.value},
        )
        for a in session.scalars(select(Assessment).where(any_of(Assessment.code, codes)))
    ]


@links.describes("donation")
def describe_donations(codes: list[str]) -> list[Fact]:
    """Donations for the trace."""
    return [
        Fact(
            "donation",
            d.code,
            spaced(d.din),
            DONATION.word(d.state),
            {"donated_on": d.donated_on, "volume_ml": d.volume_ml, "as_happened": d.as_happened},
        )
        for d in session.scalars(select(Donation).where(any_of(Donation.code, codes)))
    ]


A, D = AssessmentState, DonationState

ASSESSMENT_TASKS = {
    A.DRAFT: (Role.COLLECTION, _("Record the consent of %(donor)s"), _("Record it")),
    A.CONSENTED: (Role.COLLECTION, _("Complete history and samples of %(donor)s"), _("Open")),
    A.TESTED: (Role.MEDICAL_DIRECTOR, _("Judge the eligibility of %(donor)s"), _("Judge")),
    A.RISK_ASSESSMENT_REQUIRED: (Role.RESPONSIBLE_PERSON, _("Assess the risk for %(donor)s"), _("Assess")),
    A.DEFERRED: (Role.MEDICAL_DIRECTOR, _("Take %(donor)s up again after the deferral"), _("Open")),
    A.LOOKBACK: (Role.MEDICAL_DIRECTOR, _("Settle the look-back on %(donor)s"), _("Open")),
}
DONATION_TASKS = {
    D.COLLECTED: (Role.LAB_TECH, _("Receive the marrow %(din)s"), _("Receive")),
    D.RECEIVED: (Role.LAB_TECH, _("Accept the marrow %(din)s"), _("Open")),
    D.QUARANTINED: (Role.QA, _("Decide on the quarantined marrow %(din)s"), _("Decide")),
}


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Assessments and donations that wait for this person."""
    return [*_assessments_waiting(by), *_donations_waiting(by)]


def _assessments_waiting(by: Principal) -> list[Task]:
    states = [state for state, (role, _title, _button) in ASSESSMENT_TASKS.items() if by.holds(role)]
    if not states:
        return []
    statement = select(Assessment).where(Assessment.state.in_(states)).order_by(Assessment.planned_on)
    return [
        Task(
            step="collection",
            title=_(ASSESSMENT_TASKS[a.state][1].msgid, donor=a.donor.called),
            detail=f"{ASSESSMENT.word(a.state)} · {a.code}",
            url=url_for("assessments.show", code=a.code),
            button=ASSESSMENT_TASKS[a.state][2],
            due=a.deferred_until if a.state is A.DEFERRED else a.planned_on,
            sign=ASSESSMENT.sign(a.state),
            thing=("assessment", a.code),
        )
        for a in session.scalars(statement.limit(MOST_TASKS))
        if by.sees(a.site)
    ]


def _donations_waiting(by: Principal) -> list[Task]:
    states = [state for state, (role, _title, _button) in DONATION_TASKS.items() if by.holds(role)]
    if not states:
        return []
    statement = select(Donation).where(Donation.state.in_(states)).order_by(Donation.ended_at)
    return [
        Task(
            step="collection",
            title=_(DONATION_TASKS[d.state][1].msgid, din=spaced(d.din)),
            detail=f"{DONATION.word(d.state)} · {day(d.donated_on)}",
            url=url_for("donations.show", code=d.code),
            button=DONATION_TASKS[d.state][2],
            due=d.donated_on,
            sign=DONATION.sign(d.state),
            thing=("donation", d.code),
        )
        for d in session.scalars(statement.limit(MOST_TASKS))
        if by.sees(d.site)
    ]
