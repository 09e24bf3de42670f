"""What people do with an assessment before the verdict: open it, consent, samples, history."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from mscbank.collection.models import Assessment, HistoryAnswer, MarkerResult
from mscbank.collection.news import UNACCEPTABLE, announce, touched
from mscbank.collection.panel import Dilution, Marker, Outcome, Topic
from mscbank.collection.rules import assessment_facts, known_of, overtaken
from mscbank.collection.states import ASSESSMENT, STANDING, AssessmentState
from mscbank.collection.windows import Profile
from mscbank.collection.zones import zone_at
from mscbank.core import acts, clock, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.family.models import Consent, Donor, FamilyLink, Recipient
from mscbank.family.rules import DONOR_NEEDS
from mscbank.family.states import ConsentState, LinkState
from mscbank.family.words import ITEM_WORDS

PROFILE = parameters.declare(
    "collection.profile",
    Profile.EU_MARROW.value,
    meaning="The rules under which donors are judged",
    source="PD-20",
    words=[profile.value for profile in Profile],
)

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

ASSESSMENT.facts = assessment_facts


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
        zone=zone_at(donor.site),
        opened_by=by.login,
    )
    session.add(made)
    if recipient is not None:
        acts.current().touch(recipient)
    return made


@does(ASSESSMENT, "consent", locks=lambda assessment, *, consent, **_: shared(consent))
def consent(assessment: Assessment, *, consent: Consent, identity_checked: bool) -> None:
    """Tie the donor's consent to it, with the donor's identity checked."""
    faults = []
    if consent.donor_id != assessment.donor_id:
        faults.append(_("This is not a consent of this donor."))
    if consent.state is not ConsentState.IN_FORCE:
        faults.append(_("This consent is withdrawn."))
    if missing := sorted(DONOR_NEEDS - set(consent.items)):
        items = ", ".join(str(ITEM_WORDS[item]) for item in missing)
        faults.append(_("It does not cover: %(items)s.", items=items))
    if assessment.recipient_id is not None and consent.names_recipient_id != assessment.recipient_id:
        faults.append(_("It does not name the recipient for whom the marrow is planned."))
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
    announces={UNACCEPTABLE: touched},
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
    if assessment.state not in STANDING:
        return
    signed = assessment.determinations[-1] if assessment.determinations else None
    if overtaken(assessment, known_of(assessment), signed) is not None:
        announce(assessment)


@action(
    "assessment.record_history",
    role=Role.COLLECTION,
    kind="assessment",
    unless=_before_consent,
    announces={UNACCEPTABLE: touched},
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
