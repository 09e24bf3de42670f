"""What people do with an assessment: consent, samples, history, risk, verdict, look-back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select

from mscbank.collection.models import (
    Assessment,
    Determination,
    Donation,
    HistoryAnswer,
    MarkerResult,
    RiskAssessment,
)
from mscbank.collection.panel import Dilution, Marker, Outcome, Topic
from mscbank.collection.rules import SUPPORTS, assessment_facts, close_blood, known_of
from mscbank.collection.states import ASSESSMENT, STANDING, AssessmentState
from mscbank.collection.windows import Profile
from mscbank.core import acts, clock, messages, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.instance import instance
from mscbank.core.messages import Touched
from mscbank.family.models import Consent, Donor, FamilyLink, Recipient
from mscbank.family.rules import DONOR_NEEDS
from mscbank.family.states import ConsentState, LinkState
from mscbank.family.words import ITEM_WORDS

PROFILE = parameters.declare(
    "collection.profile",
    Profile.EU_MARROW.value,
    meaning="the rules under which donors are judged",
    source="PD-20",
)
UNACCEPTABLE = messages.announcement(
    "donation.unacceptable", "A donation may no longer be used; touched are the donations."
)
RISK_TEXT_LENGTH = 30

NOT_RELATED = Refusal(
    "collection.not_related", "No link between this donor and this recipient is recorded.", Role.COLLECTION
)
UNDER_PROTECTION = Refusal(
    "collection.donor_protected",
    "The donor is under legal protection and may not give.",
    Role.MEDICAL_DIRECTOR,
)
NO_CONSENT_YET = Refusal(
    "collection.no_consent_yet",
    "Nothing is asked, sampled or tested before the consent is recorded.",
    Role.COLLECTION,
)
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

ASSESSMENT.facts = assessment_facts


def donation_of(assessment: Assessment) -> Donation | None:
    """The donation to which the assessment is bound."""
    return session.scalar(select(Donation).where(Donation.assessment_id == assessment.id))


def _touched(assessment: Assessment, **_inputs: Any) -> Touched:
    donation = donation_of(assessment)
    return [(donation.kind, donation.code)] if donation is not None else []


def _announce(assessment: Assessment) -> None:
    if touched := _touched(assessment):
        messages.announce(UNACCEPTABLE, touched=touched, assessment=assessment.code)


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


def checked_zone(zone: str | None) -> str:
    """The IANA zone, or that of the bank."""
    if zone is None:
        return instance().zone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(zone=["Give an IANA time zone, for example Europe/Paris."]) from None
    return zone


@action(
    "assessment.open",
    role=(Role.COLLECTION, Role.MEDICAL_DIRECTOR),
    creates="assessment",
    locks=lambda *, donor, recipient=None, **_: shared(donor, recipient),
)
def open_assessment(
    *,
    by: Principal,
    donor: Donor,
    planned_on: date,
    recipient: Recipient | None = None,
    profile: Profile | None = None,
    zone: str | None = None,
) -> Assessment:
    """Begin the assessment of a donor for one planned donation."""
    if donor.is_under_protection:
        raise Refused(UNDER_PROTECTION())
    if recipient is not None:
        link = select(FamilyLink.id).where(
            FamilyLink.donor_id == donor.id,
            FamilyLink.recipient_id == recipient.id,
            FamilyLink.state != LinkState.REFUTED,
        )
        if session.scalar(link) is None:
            raise Refused(NOT_RELATED())
    made = Assessment(
        code=new_code("assessment"),
        site=donor.site,
        donor=donor,
        recipient=recipient,
        profile=profile or Profile(parameters.value(PROFILE)),
        planned_on=planned_on,
        zone=checked_zone(zone),
        opened_by=by.login,
    )
    session.add(made)
    return made


@does(ASSESSMENT, "consent", locks=lambda assessment, *, consent, **_: shared(consent))
def consent(assessment: Assessment, *, consent: Consent, identity_checked: bool) -> None:
    """Tie the donor's consent to it, with the donor's identity checked."""
    faults = []
    if consent.donor_id != assessment.donor_id:
        faults.append("This is not a consent of this donor.")
    if consent.state is not ConsentState.IN_FORCE:
        faults.append("This consent is withdrawn.")
    if missing := sorted(DONOR_NEEDS - set(consent.items)):
        faults.append("It does not cover: " + ", ".join(str(ITEM_WORDS[item]) for item in missing) + ".")
    if assessment.recipient_id is not None and consent.names_recipient_id != assessment.recipient_id:
        faults.append("It does not name the recipient for whom the marrow is planned.")
    if faults:
        raise invalid(consent=faults)
    if not identity_checked:
        raise invalid(identity_checked=["Check the donor's identity first."])
    assessment.consent = consent


def _before_consent(assessment: Assessment, by: Principal) -> Obstacle | None:
    return NO_CONSENT_YET() if assessment.state is AssessmentState.DRAFT else None


@action(
    "assessment.record_results",
    role=(Role.COLLECTION, Role.LAB_TECH, Role.QC_ANALYST),
    kind="assessment",
    unless=_before_consent,
    announces={UNACCEPTABLE: _touched},
)
def record_results(
    assessment: Assessment,
    *,
    by: Principal,
    markers: Sequence[Marker],
    outcome: Outcome,
    sampled_on: date,
    reported_on: date,
    laboratory: str,
    kit: str,
    is_confirmatory: bool = False,
    dilution: Dilution = Dilution.NONE,
    value_text: str | None = None,
) -> None:
    """Add results of one sample that came out alike; what was reported before stays as it is."""
    today = clock.today(assessment.zone)
    if sampled_on > today:
        raise invalid(sampled_on=["This lies in the future."])
    if not sampled_on <= reported_on <= today:
        raise invalid(reported_on=["A result is reported after the sample was taken, and not in the future."])
    if not markers:
        raise invalid(markers=["Say which markers were tested."])
    last = max((r.number for r in assessment.results), default=0)
    for number, marker in enumerate(dict.fromkeys(markers), last + 1):
        assessment.results.append(
            MarkerResult(
                number=number,
                marker=marker,
                is_confirmatory=is_confirmatory,
                sampled_on=sampled_on,
                reported_on=reported_on,
                laboratory=laboratory,
                kit=kit,
                outcome=outcome,
                value_text=value_text,
                dilution=dilution,
                entered_by=by.login,
                entered_at=clock.now(),
            )
        )
    _lost_by_news(assessment)


def _lost_by_news(assessment: Assessment) -> None:
    """Say it at once when what just came in overturns a signed verdict."""
    session.flush()
    judgement = known_of(assessment).judgement
    if assessment.state in STANDING and judgement.verdict not in SUPPORTS[assessment.state]:
        _announce(assessment)


@action(
    "assessment.record_history",
    role=Role.COLLECTION,
    kind="assessment",
    unless=_before_consent,
    announces={UNACCEPTABLE: _touched},
)
def record_history(
    assessment: Assessment, *, by: Principal, present: Sequence[Topic] = (), note: str | None = None
) -> None:
    """Record the history taken from the donor: every question was asked, these were answered with yes."""
    last = max((a.number for a in assessment.answers), default=0)
    now = clock.now()
    for number, topic in enumerate(Topic, last + 1):
        assessment.answers.append(
            HistoryAnswer(
                number=number, topic=topic, is_present=topic in present, entered_by=by.login, entered_at=now
            )
        )
    assessment.history_by, assessment.history_at, assessment.history_note = by.login, now, note
    _lost_by_news(assessment)


@does(ASSESSMENT, "close_testing")
def close_testing(assessment: Assessment) -> None:
    """Every marker has a result and the history is taken: the medical director can judge."""


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
        raise invalid(text=[f"Write it out, in at least {RISK_TEXT_LENGTH} characters."])
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


@does(ASSESSMENT, "reassess", reason=True, announces={UNACCEPTABLE: _touched})
def reassess(assessment: Assessment) -> None:
    """Open the verdict again, because something was learnt; until it is signed anew nothing is used."""
    _announce(assessment)


@does(ASSESSMENT, "open_lookback", reason=True, announces={UNACCEPTABLE: _touched})
def open_lookback(assessment: Assessment) -> None:
    """The donor was later found positive or ill: nothing of this donation is used until it is settled."""
    _announce(assessment)


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


@does(ASSESSMENT, "lose_consent", announces={UNACCEPTABLE: _touched})
def lose_consent(assessment: Assessment) -> None:
    """The consent on which it rests was withdrawn."""
    _announce(assessment)


def _resting_on(touched: Touched) -> list[Assessment]:
    codes = [code for kind, code in touched if kind == "consent"]
    statement = (
        select(Assessment)
        .join(Consent, Consent.id == Assessment.consent_id)
        .where(any_of(Consent.code, codes), Assessment.state != AssessmentState.CONSENT_WITHDRAWN)
    )
    return list(session.scalars(statement)) if codes else []


def _withdrawal_locks(touched: Touched) -> list[Any]:
    resting = _resting_on(touched)
    donations = [donation for assessment in resting for donation in _touched(assessment)]
    return [*resting, *messages.consequence_locks(UNACCEPTABLE, donations)]


@messages.consequence("consent.withdrawn", locks=_withdrawal_locks)
def _withdrawn(*, touched: Touched, **_payload: Any) -> None:
    for assessment in _resting_on(touched):
        lose_consent(assessment, by=acts.current().by)
