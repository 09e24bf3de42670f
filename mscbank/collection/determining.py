"""What is decided on an assessment: the verdict, the risk, the permission, the look-back."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from mscbank.collection.models import Assessment, Determination, RiskAssessment
from mscbank.collection.news import UNACCEPTABLE, announce, donation_of, touched
from mscbank.collection.rules import SUPPORTS, close_blood, known_of
from mscbank.collection.states import ASSESSMENT, STANDING, AssessmentState
from mscbank.core import acts, clock, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.core.messages import Touched
from mscbank.family.models import Donor

RISK_TEXT_LENGTH = 30

NO_RISK_ASKED = Refusal(
    "collection.no_risk_asked",
    "No risk assessment has been asked for: it stands at “%(state)s”.",
    Role.MEDICAL_DIRECTOR,
)
FINDINGS_AGAINST = Refusal(
    "collection.findings_against",
    "The findings do not bear the earlier verdict any more: close the look-back with the donor ineligible.",
    Role.MEDICAL_DIRECTOR,
)


def signed_content(assessment: Assessment) -> dict[str, Any]:
    """What the director signs: all results and answers, the profile, the date, the risk assessments."""
    donation = donation_of(assessment)
    return {
        "assessment": assessment.code,
        "donor": assessment.donor.code,
        "recipient": assessment.recipient.code if assessment.recipient else None,
        "profile": assessment.profile,
        "donated_on": donation.donated_on if donation else assessment.planned_on,
        "results": [
            [r.number, r.marker, r.is_confirmatory, r.sampled_on, r.laboratory, r.kit, r.outcome, r.dilution]
            for r in assessment.results
        ],
        "history": [[a.number, a.topic, a.is_present] for a in assessment.answers],
        "risk": [[r.number, r.is_acceptable, r.text] for r in assessment.risk_assessments],
    }


def _determine(assessment: Assessment, verdict: AssessmentState, by: Principal) -> None:
    now = known_of(assessment)
    assessment.determinations.append(
        Determination(
            number=max((d.number for d in assessment.determinations), default=0) + 1,
            verdict=verdict,
            findings="\n".join(now.judgement.lines()),
            up_to_result=now.last_result,
            up_to_answer=now.last_answer,
            decided_by=by.login,
            decided_at=clock.now(),
        )
    )


@does(ASSESSMENT, "find_eligible", content=signed_content)
def find_eligible(assessment: Assessment, *, by: Principal) -> None:
    """Declare the donor eligible for this donation: complete, in the window, nothing against it."""
    _determine(assessment, AssessmentState.ELIGIBLE, by)


@does(ASSESSMENT, "require_risk_assessment", content=signed_content)
def require_risk_assessment(assessment: Assessment, *, by: Principal) -> None:
    """Ask the responsible person to assess a risk that does not exclude by itself."""
    _determine(assessment, AssessmentState.RISK_ASSESSMENT_REQUIRED, by)


def _no_risk_asked(assessment: Assessment, by: Principal) -> Obstacle | None:
    if assessment.state is AssessmentState.RISK_ASSESSMENT_REQUIRED:
        return None
    return NO_RISK_ASKED(state=ASSESSMENT.word(assessment.state))


@action(
    "assessment.assess_risk",
    role=Role.RESPONSIBLE_PERSON,
    kind="assessment",
    unless=_no_risk_asked,
    signs="risk assessment",
    content=signed_content,
)
def assess_risk(assessment: Assessment, *, by: Principal, text: str, is_acceptable: bool) -> None:
    """Write down whether the risk can be taken, and why."""
    if len("".join(text.split())) < RISK_TEXT_LENGTH:
        raise invalid(text=[_("Write it out, in at least %(count)s characters.", count=RISK_TEXT_LENGTH)])
    now = known_of(assessment)
    assessment.risk_assessments.append(
        RiskAssessment(
            number=max((r.number for r in assessment.risk_assessments), default=0) + 1,
            text=text,
            is_acceptable=is_acceptable,
            up_to_result=now.last_result,
            up_to_answer=now.last_answer,
            written_by=by.login,
            written_at=clock.now(),
        )
    )


@does(ASSESSMENT, "accept_risk", content=signed_content)
def accept_risk(assessment: Assessment, *, by: Principal) -> None:
    """Declare the donor eligible on the strength of the written risk assessment."""
    _determine(assessment, AssessmentState.ELIGIBLE_WITH_RA, by)


@does(ASSESSMENT, "find_ineligible", reason=True, content=signed_content)
def find_ineligible(assessment: Assessment, *, by: Principal) -> None:
    """Declare the donor ineligible for this donation; the director may be stricter than the rules."""
    _determine(assessment, AssessmentState.INELIGIBLE, by)


@does(ASSESSMENT, "defer", reason=True, content=signed_content)
def defer(assessment: Assessment, *, by: Principal, until: date) -> None:
    """Put the donation off until a date, for a reason that passes."""
    if until <= clock.today(assessment.zone):
        raise invalid(until=["A deferral ends on a later day than today."])
    assessment.deferred_until = until
    _determine(assessment, AssessmentState.DEFERRED, by)


@does(ASSESSMENT, "resume")
def resume(assessment: Assessment) -> None:
    """The deferral is over: history and samples are taken again where they must be."""
    assessment.deferred_until = None


def _close_link(assessment: Assessment, **_inputs: Any) -> list[Any]:
    return shared(close_blood([assessment]).get(assessment.id))


@does(ASSESSMENT, "permit_directed", reason=True, locks=_close_link, content=signed_content)
def permit_directed(
    assessment: Assessment, *, by: Principal, physician: str, physician_informed_at: datetime
) -> None:
    """Permit an ineligible donor's marrow for one close blood relative, whose physician knows the results."""
    if physician_informed_at > clock.now():
        raise invalid(physician_informed_at=["This lies in the future."])
    assessment.link = close_blood([assessment])[assessment.id]
    assessment.physician_informed = physician
    assessment.physician_informed_at = physician_informed_at
    _determine(assessment, AssessmentState.PERMITTED_DIRECTED, by)


@does(ASSESSMENT, "reassess", reason=True, announces={UNACCEPTABLE: touched})
def reassess(assessment: Assessment) -> None:
    """Open the verdict again, because something was learnt; until it is signed anew nothing is used."""
    announce(assessment)


@does(ASSESSMENT, "open_lookback", reason=True, announces={UNACCEPTABLE: touched})
def open_lookback(assessment: Assessment) -> None:
    """The donor was later found positive or ill: nothing of this donation is used until it is settled."""
    announce(assessment)


@does(ASSESSMENT, "close_lookback", reason=True, content=signed_content)
def close_lookback(assessment: Assessment, *, by: Principal) -> None:
    """Return to the verdict that stood before; the findings must still bear it."""
    before = next(d.verdict for d in reversed(assessment.determinations) if d.verdict in STANDING)
    if known_of(assessment).judgement.verdict not in SUPPORTS[before]:
        raise Refused(FINDINGS_AGAINST())
    _determine(assessment, before, by)
    acts.current().lead(assessment, before)


@does(ASSESSMENT, "confirm_lookback", reason=True, content=signed_content)
def confirm_lookback(assessment: Assessment, *, by: Principal) -> None:
    """The look-back confirmed it: the donor is ineligible."""
    _determine(assessment, AssessmentState.INELIGIBLE, by)


@does(ASSESSMENT, "lose_consent", announces={UNACCEPTABLE: touched})
def lose_consent(assessment: Assessment) -> None:
    """The consent on which it rests was withdrawn."""
    announce(assessment)


def _of_donors(withdrawn: Touched) -> list[Assessment]:
    """The assessments of the donors who withdrew a consent; which of them rest on it is seen in the act."""
    codes = [code for kind, code in withdrawn if kind == Donor.kind]
    statement = (
        select(Assessment)
        .join(Donor, Donor.id == Assessment.donor_id)
        .where(any_of(Donor.code, codes), Assessment.state != AssessmentState.CONSENT_WITHDRAWN)
    )
    return list(session.scalars(statement)) if codes else []


def _withdrawal_locks(withdrawn: Touched) -> list[Any]:
    assessments = _of_donors(withdrawn)
    donations = [donation for assessment in assessments for donation in touched(assessment)]
    return [*assessments, *messages.consequence_locks(UNACCEPTABLE, donations)]


@messages.consequence("consent.withdrawn", locks=_withdrawal_locks)
def _withdrawn(*, touched: Touched, consent: str, **_payload: Any) -> None:
    for assessment in _of_donors(touched):
        if assessment.consent is not None and assessment.consent.code == consent:
            lose_consent(assessment, by=acts.current().by)
