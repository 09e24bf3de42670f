"""What the rules of this room judge, loaded for many things at once, and the one question that others ask."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from mscbank.collection.determination import Judgement, Result, Verdict, Weight, judge
from mscbank.collection.gates import AssessmentFacts, DonationFacts, RiskFacts
from mscbank.collection.models import (
    Assessment,
    Determination,
    Donation,
    HistoryAnswer,
    MarkerResult,
    Receipt,
    RiskAssessment,
)
from mscbank.collection.panel import MARKER_WORDS, PANEL, Marker, Topic
from mscbank.collection.states import ASSESSMENT, STANDING, AssessmentState
from mscbank.collection.windows import MAY_FOLLOW
from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import _
from mscbank.core.reading import once_an_act
from mscbank.family.models import Consent, Donor, FamilyLink
from mscbank.family.registry import last_use_check
from mscbank.family.rules import verified_links
from mscbank.family.states import ConsentState

CLOSE_DEGREES = (1, 2)
"""Degrees of blood relation for which an ineligible donor may be permitted (21 CFR 1271.65(b)(1)(i))."""

NOT_DETERMINED = Refusal(
    "collection.not_determined",
    "The donor of %(din)s is not determined eligible: the assessment stands at “%(state)s”.",
    Role.MEDICAL_DIRECTOR,
)
NO_LONGER_HOLDS = Refusal(
    "collection.determination_overtaken",
    "The determination for %(din)s does not hold: %(findings)s",
    Role.MEDICAL_DIRECTOR,
)
CONSENT_WITHDRAWN = Refusal(
    "collection.consent_withdrawn", "The donor's consent for %(din)s is withdrawn.", Role.COLLECTION
)


def answers_of(rows: Iterable[HistoryAnswer]) -> dict[Topic, bool]:
    """The latest answer to each question."""
    return {row.topic: row.is_present for row in sorted(rows, key=lambda row: row.number)}


def results_of(rows: Iterable[MarkerResult]) -> list[Result]:
    """Stored results as the pure rules read them."""
    return [
        Result(r.number, r.marker, r.outcome, r.sampled_on, r.is_confirmatory, r.dilution)
        for r in sorted(rows, key=lambda row: row.number)
    ]


@dataclass(frozen=True)
class Known:
    """What is known of one assessment now, and what it adds up to."""

    judgement: Judgement
    reported: frozenset[Marker]
    enterers: frozenset[str]
    last_result: int
    last_answer: int
    risk: RiskFacts | None


@once_an_act
def known(assessments: list[Assessment]) -> dict[int, Known]:
    """Assessments judged for the true date of their donation, or for the planned one before there is any."""
    ids = [assessment.id for assessment in assessments]
    results: dict[int, list[MarkerResult]] = defaultdict(list)
    for row in session.scalars(select(MarkerResult).where(any_of(MarkerResult.assessment_id, ids))):
        results[row.assessment_id].append(row)
    answers: dict[int, list[HistoryAnswer]] = defaultdict(list)
    for answer in session.scalars(select(HistoryAnswer).where(any_of(HistoryAnswer.assessment_id, ids))):
        answers[answer.assessment_id].append(answer)
    risks: dict[int, RiskAssessment] = {}
    by_number = select(RiskAssessment).order_by(RiskAssessment.number)
    for written in session.scalars(by_number.where(any_of(RiskAssessment.assessment_id, ids))):
        risks[written.assessment_id] = written
    bound = select(Donation.assessment_id, Donation.donated_on).where(any_of(Donation.assessment_id, ids))
    donated: dict[int, date] = dict(session.execute(bound).all())
    return {
        a.id: _known(a, results[a.id], answers[a.id], risks.get(a.id), donated.get(a.id, a.planned_on))
        for a in assessments
    }


def _known(
    assessment: Assessment,
    results: list[MarkerResult],
    answers: list[HistoryAnswer],
    risk: RiskAssessment | None,
    donated_on: date,
) -> Known:
    last_result = max((r.number for r in results), default=0)
    last_answer = max((a.number for a in answers), default=0)
    current = risk is not None and (risk.up_to_result, risk.up_to_answer) == (last_result, last_answer)
    return Known(
        judgement=judge(assessment.profile, results_of(results), answers_of(answers), donated_on),
        reported=frozenset(r.marker for r in results),
        enterers=frozenset({r.entered_by for r in results} | {a.entered_by for a in answers}),
        last_result=last_result,
        last_answer=last_answer,
        risk=RiskFacts(risk.is_acceptable, risk.written_by, current) if risk is not None else None,
    )


def known_of(assessment: Assessment) -> Known:
    """One assessment judged."""
    return known([assessment])[assessment.id]


def close_blood(assessments: list[Assessment]) -> dict[int, FamilyLink]:
    """The verified link of the first or second degree by blood to the named recipient, where there is one."""
    pairs = {a.id: (a.donor_id, a.recipient_id) for a in assessments if a.recipient_id is not None}
    links = verified_links(pairs.values())
    return {
        key: link
        for key, pair in pairs.items()
        if (link := links.get(pair)) is not None and link.is_blood and link.degree in CLOSE_DEGREES
    }


def assessment_facts(assessments: list[Assessment]) -> dict[int, AssessmentFacts]:
    """What the moves of assessments judge, for many at once."""
    told = known(assessments)
    close = close_blood(assessments)
    return {
        a.id: AssessmentFacts(
            profile=a.profile,
            judgement=told[a.id].judgement,
            unreported=tuple(str(MARKER_WORDS[m]) for m in PANEL if m not in told[a.id].reported),
            history_taken=a.history_at is not None,
            enterers=told[a.id].enterers,
            risk=told[a.id].risk,
            deferred_until=a.deferred_until,
            today=clock.today(a.zone),
            has_recipient=a.recipient_id is not None,
            close_blood=a.id in close,
        )
        for a in assessments
    }


def problems_of(receipt: Receipt | None) -> tuple[str, ...]:
    """What the inspection on receipt found, in words."""
    if receipt is None:
        return (str(_("no inspection")),)
    found = []
    if not receipt.is_intact:
        found.append(str(_("container not intact")))
    if not receipt.label_matches:
        found.append(str(_("label does not match")))
    if not receipt.documents_present:
        found.append(str(_("documents missing")))
    if not receipt.in_range:
        found.append(
            str(_("transport at %(low)s to %(high)s °C", low=receipt.lowest_c, high=receipt.highest_c))
        )
    return tuple(found)


def donation_facts(donations: list[Donation]) -> dict[int, DonationFacts]:
    """What the moves of donations judge, for many at once."""
    ids = [d.id for d in donations]
    receipts = {
        r.donation_id: r for r in session.scalars(select(Receipt).where(any_of(Receipt.donation_id, ids)))
    }
    return {d.id: DonationFacts(problems_of(receipts.get(d.id))) for d in donations}


SUPPORTS: dict[AssessmentState, frozenset[Verdict]] = {
    AssessmentState.ELIGIBLE: frozenset({Verdict.ELIGIBLE}),
    AssessmentState.ELIGIBLE_WITH_RA: frozenset({Verdict.ELIGIBLE, Verdict.RISK_ASSESSMENT}),
    AssessmentState.PERMITTED_DIRECTED: frozenset(
        {Verdict.ELIGIBLE, Verdict.RISK_ASSESSMENT, Verdict.INELIGIBLE}
    ),
}
"""Which findings of today still bear a verdict that was signed."""


def overtaken(assessment: Assessment, now: Known, signed: Determination | None) -> str | None:
    """Why the signed verdict does not hold with what is known now, in words; ``None`` when it does."""
    judged = now.judgement
    against = judged.of(Weight.EXCLUDES, Weight.OPEN, Weight.DEFERS, Weight.RISK)
    said = " ".join(str(finding.sentence) for finding in against)
    if judged.verdict not in SUPPORTS[assessment.state] or not judged.is_complete:
        return said
    if signed is None:
        return str(_("It was never signed."))
    newer = (now.last_result, now.last_answer) != (signed.up_to_result, signed.up_to_answer)
    return said if newer and judged.verdict is not Verdict.ELIGIBLE else None


def _pending(assessment: Assessment, judged: Judgement) -> bool:
    """Whether the verdict may still come: the profile lets marrow precede it, nothing speaks against."""
    waiting = assessment.state in (AssessmentState.CONSENTED, AssessmentState.TESTED)
    against = judged.of(Weight.EXCLUDES, Weight.DEFERS, Weight.RISK)
    return assessment.profile in MAY_FOLLOW and waiting and not against


@once_an_act
def acceptable(donation_ids: Iterable[int], *, pending: bool = False) -> dict[int, Obstacle | None]:
    """Whether donations may be used now: determination, windows at the true date, the donor's consent.

    Asked anew at every step. ``pending``: where the profile lets the marrow precede the results (at the start
    of the culture, never at certification or later), a verdict that is still to come is no obstacle.
    """
    donations = at_hand(Donation, donation_ids)
    by_id = {d.assessment_id: d for d in donations}
    assessments = at_hand(Assessment, by_id)
    consents = {c.id: c.state for c in at_hand(Consent, (d.consent_id for d in donations))}
    told = known(assessments)
    signed: dict[int, Determination] = {}
    for row in session.scalars(select(Determination).where(any_of(Determination.assessment_id, list(by_id)))):
        if row.assessment_id not in signed or signed[row.assessment_id].number < row.number:
            signed[row.assessment_id] = row
    found: dict[int, Obstacle | None] = {}
    for a in assessments:
        donation = by_id[a.id]
        withdrawn = consents[donation.consent_id] is not ConsentState.IN_FORCE
        if withdrawn or a.state is AssessmentState.CONSENT_WITHDRAWN:
            found[donation.id] = CONSENT_WITHDRAWN(din=donation.din)
        elif a.state in STANDING:
            why = overtaken(a, told[a.id], signed.get(a.id))
            found[donation.id] = NO_LONGER_HOLDS(din=donation.din, findings=why) if why else None
        elif pending and _pending(a, told[a.id].judgement):
            found[donation.id] = None
        else:
            found[donation.id] = NOT_DETERMINED(din=donation.din, state=ASSESSMENT.word(a.state))
    return found


@last_use_check
def last_donation(kind: str, codes: list[str]) -> dict[str, date]:
    """The last day on which these donors gave."""
    if kind != "donor":
        return {}
    rows = select(Donor.code, func.max(Donation.donated_on)).join(Donor, Donor.id == Donation.donor_id)
    return dict(session.execute(rows.where(any_of(Donor.code, codes)).group_by(Donor.code)).all())
