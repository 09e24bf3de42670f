"""What stands in the way of a move of an assessment or a donation: judged on facts loaded in bulk."""

from dataclasses import dataclass, field
from datetime import date

from mscbank.collection.determination import Judgement, Verdict, Weight
from mscbank.collection.windows import Profile
from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes

PANEL_MISSING = Refusal(
    "collection.panel_missing", "Still without a result: %(markers)s.", (Role.COLLECTION, Role.LAB_TECH)
)
HISTORY_MISSING = Refusal(
    "collection.history_missing", "The history has not been taken yet.", Role.COLLECTION
)
NOT_ELIGIBLE = Refusal(
    "collection.not_eligible", "The findings do not allow it: %(findings)s", Role.MEDICAL_DIRECTOR
)
NOTHING_TO_ASSESS = Refusal(
    "collection.no_risk",
    "There is nothing that a risk assessment would settle: %(findings)s",
    Role.MEDICAL_DIRECTOR,
)
RISK_UNWRITTEN = Refusal(
    "collection.risk_unwritten",
    "The responsible person has not assessed the risk yet.",
    Role.RESPONSIBLE_PERSON,
)
RISK_OUTDATED = Refusal(
    "collection.risk_outdated",
    "Results or answers came in after the risk assessment. It is written again first.",
    Role.RESPONSIBLE_PERSON,
)
RISK_REFUSED = Refusal(
    "collection.risk_refused",
    "The responsible person found the risk not acceptable.",
    Role.RESPONSIBLE_PERSON,
)
OWN_RISK = FourEyes(
    "collection.own_risk_assessment",
    "You wrote the risk assessment: another person decides.",
    Role.MEDICAL_DIRECTOR,
    first=("assessment.assess_risk",),
    second=("assessment.accept_risk",),
    held_by=("guard_determination_own_risk",),
)
OWN_ENTRY = FourEyes(
    "collection.own_entry",
    "You entered results or history of this donor: another medical director decides.",
    Role.MEDICAL_DIRECTOR,
    first=("assessment.record_results", "assessment.record_history"),
    second=("assessment.find_eligible", "assessment.accept_risk"),
    held_by=("guard_determination_own_entry",),
)
STILL_DEFERRED = Refusal(
    "collection.still_deferred", "The donor is deferred until %(until)s.", Role.MEDICAL_DIRECTOR
)
NOT_FDA = Refusal(
    "collection.permission_by_profile",
    "An ineligible donor is permitted for a relative only under the FDA profile. "
    "Under the European ones the way is a risk assessment.",
    Role.MEDICAL_DIRECTOR,
)
NO_RECIPIENT = Refusal(
    "collection.no_recipient", "No relative is named for whom the marrow would be permitted.", Role.COLLECTION
)
NOT_CLOSE = Refusal(
    "collection.not_close_blood",
    "Permitted only for a first- or second-degree blood relative with a verified link.",
    (Role.COLLECTION, Role.MEDICAL_DIRECTOR),
)
INSPECTION = Refusal(
    "collection.inspection_failed",
    "The inspection on receipt found: %(problems)s. Quality assurance decides.",
    Role.QA,
)


@dataclass(frozen=True)
class RiskFacts:
    """The latest risk assessment."""

    is_acceptable: bool
    written_by: str
    is_current: bool
    """Whether nothing came in after it."""


@dataclass(frozen=True)
class AssessmentFacts:
    """What the rules of an assessment judge."""

    profile: Profile
    judgement: Judgement
    unreported: tuple[str, ...]
    """Markers of the panel without any result, in words."""
    history_taken: bool
    enterers: frozenset[str]
    risk: RiskFacts | None
    deferred_until: date | None
    today: date
    has_recipient: bool
    close_blood: bool
    """A verified link of the first or second degree by blood to the named recipient."""


@dataclass(frozen=True)
class DonationFacts:
    """What the rules of a donation judge."""

    problems: tuple[str, ...] = field(default=())
    """What the inspection on receipt found, in words."""


def _said(facts: AssessmentFacts) -> str:
    findings = facts.judgement.of(Weight.EXCLUDES, Weight.OPEN, Weight.DEFERS, Weight.RISK)
    return " ".join(str(finding.sentence) for finding in findings)


def panel_missing(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """Every marker of the panel has a result and the history is taken."""
    if facts.unreported:
        return PANEL_MISSING(markers=", ".join(facts.unreported))
    return None if facts.history_taken else HISTORY_MISSING()


def entered_it(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """Who entered results or history does not decide on them."""
    return OWN_ENTRY.stops(by, facts.enterers)


def not_plainly_eligible(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """Eligible without a risk assessment: complete, in the window, nothing against it."""
    return None if facts.judgement.verdict is Verdict.ELIGIBLE else NOT_ELIGIBLE(findings=_said(facts))


def no_risk_to_assess(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """A risk assessment settles a risk; it does not fill a gap and does not lift an exclusion."""
    if facts.judgement.verdict is Verdict.RISK_ASSESSMENT:
        return None
    return NOTHING_TO_ASSESS(findings=_said(facts) or "–")


def risk_not_assessed(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """The responsible person, somebody else, found the risk acceptable and knew all there is."""
    if (found := no_risk_to_assess(facts, by)) is not None:
        return found
    if facts.risk is None:
        return RISK_UNWRITTEN()
    if not facts.risk.is_current:
        return RISK_OUTDATED()
    if not facts.risk.is_acceptable:
        return RISK_REFUSED()
    return OWN_RISK.stops(by, facts.risk.written_by)


def still_deferred(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """A deferral lasts until its date; on that day the donor may be taken up again."""
    if facts.deferred_until is not None and facts.today < facts.deferred_until:
        return STILL_DEFERRED(until=facts.deferred_until)
    return None


def not_permissible(facts: AssessmentFacts, by: Principal) -> Obstacle | None:
    """21 CFR 1271.65(b)(1)(i): allogeneic use in a first- or second-degree blood relative."""
    if facts.profile is not Profile.FDA_MARROW:
        return NOT_FDA()
    if not facts.has_recipient:
        return NO_RECIPIENT()
    return None if facts.close_blood else NOT_CLOSE()


def inspection_failed(facts: DonationFacts, by: Principal) -> Obstacle | None:
    """Marrow that arrived damaged, mislabelled or out of its temperatures is not simply taken in."""
    return INSPECTION(problems=", ".join(facts.problems)) if facts.problems else None
