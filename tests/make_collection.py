"""Assessments and donations for tests, made by the actions that people use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from mscbank.coding.din import format_din
from mscbank.collection import actions
from mscbank.collection.models import Assessment, Donation
from mscbank.collection.panel import PANEL, Marker, Outcome, Topic
from mscbank.collection.states import AssessmentState, DonationState
from mscbank.collection.windows import Profile
from mscbank.core import clock
from mscbank.core.access import Role
from tests import make_family
from tests.make_family import Family
from tests.people import ANA, BRUNO, EVA, LUCIE, person, sign

RENEE = person("renee", "Renée Aubert", Role.RESPONSIBLE_PERSON)
"""The tissue establishment's responsible person, who is not the medical director."""

RISK = "Anti-HBc alone, HBV NAT negative on two samples, recipient vaccinated: the risk is low."

_numbers = count(1)


def din() -> str:
    """A donation number that nobody has used."""
    return f"A999926{next(_numbers):06d}"


def today() -> date:
    """The civil date at the test bank."""
    return clock.today("Europe/Paris")


def hours_of_today() -> tuple[datetime, datetime]:
    """Two past moments of today at the test bank: two hours and one hour ago, later just after midnight."""
    now = clock.now()
    midnight = datetime.combine(today(), time(), ZoneInfo("Europe/Paris"))
    started = max(now - timedelta(hours=2), midnight.astimezone(UTC))
    return started, started + (now - started) / 2


def report(
    of: Assessment, markers: Sequence[Marker] = PANEL, outcome: Outcome = Outcome.NON_REACTIVE, **changes: Any
):
    """Results of one sample, taken three days ago."""
    inputs = {
        "sampled_on": today() - timedelta(days=3),
        "reported_on": today() - timedelta(days=1),
        "laboratory": "EFS virology",
        "kit": "CE-marked panel",
    } | changes
    actions.record_results(of, by=LUCIE, markers=list(markers), outcome=outcome, **inputs)


def assessment(
    family: Family | None = None,
    state: AssessmentState = AssessmentState.ELIGIBLE,
    *,
    profile: Profile = Profile.EU_MARROW,
    outcomes: Mapping[Marker, Outcome] | None = None,
    present: Sequence[Topic] = (),
    planned_on: date | None = None,
    **sample: Any,
) -> Assessment:
    """An assessment, walked to a state; ``outcomes`` names the markers that are not non-reactive."""
    who = family or make_family.family()
    made = actions.open_assessment(
        by=LUCIE, donor=who.donor, recipient=who.recipient, planned_on=planned_on or today(), profile=profile
    )
    if state is AssessmentState.DRAFT:
        return made
    naming = [c for c in who.donor.consents if c.names_recipient_id == who.recipient.id]
    consent = min(naming, key=lambda c: c.given_on)
    actions.consent(made, by=LUCIE, consent=consent, identity_checked=True)
    if state is AssessmentState.CONSENTED:
        return made
    odd = dict(outcomes or {})
    report(made, [m for m in PANEL if m not in odd], **sample)
    for marker, outcome in odd.items():
        report(made, [marker], outcome, **sample)
    actions.record_history(made, by=LUCIE, present=list(present))
    actions.close_testing(made, by=LUCIE)
    return _judged(made, state)


def _judged(made: Assessment, state: AssessmentState) -> Assessment:
    if state is AssessmentState.TESTED:
        return made
    if state is AssessmentState.DEFERRED:
        return sign(actions.defer, made, EVA, reason="fever last week", until=today() + timedelta(days=14))
    if state in (AssessmentState.RISK_ASSESSMENT_REQUIRED, AssessmentState.ELIGIBLE_WITH_RA):
        sign(actions.require_risk_assessment, made, EVA)
        if state is AssessmentState.ELIGIBLE_WITH_RA:
            sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=True)
            sign(actions.accept_risk, made, EVA)
        return made
    if state in (AssessmentState.INELIGIBLE, AssessmentState.PERMITTED_DIRECTED):
        sign(actions.find_ineligible, made, EVA, reason="as the findings say")
        if state is AssessmentState.PERMITTED_DIRECTED:
            informed = {"physician": "Dr Marta Rinaldi", "physician_informed_at": clock.now()}
            sign(actions.permit_directed, made, EVA, reason="no other donor", **informed)
        return made
    sign(actions.find_eligible, made, EVA)
    if state is AssessmentState.LOOKBACK:
        actions.open_lookback(made, by=EVA, reason="the donor fell ill")
    return made


def taken(of: Assessment, **changes: Any) -> dict[str, Any]:
    """What is recorded when marrow is taken."""
    started, ended = hours_of_today()
    return {
        "assessment": of,
        "din": format_din(din()),
        "started_at": started,
        "ended_at": ended,
        "volume_ml": Decimal("94.0"),
        "anticoagulant": "heparin",
        "procured_at": "Saint-Louis, operating room 2",
        "operator": "Dr Eva Novák, haematologist",
    } | changes


RECEIPT: dict[str, Any] = {
    "is_intact": True,
    "documents_present": True,
    "lowest_c": Decimal("18.2"),
    "highest_c": Decimal("21.4"),
}
"""An inspection with nothing to say."""


def donation(
    of: Assessment | Family | None = None, state: DonationState = DonationState.ACCEPTED, **changes: Any
) -> Donation:
    """Marrow under its number, walked to a state."""
    judged = of if isinstance(of, Assessment) else assessment(of)
    made = actions.procure(by=LUCIE, **taken(judged, **changes))
    if state is DonationState.COLLECTED:
        return made
    actions.receive(made, by=BRUNO, label=format_din(made.din), **RECEIPT)
    if state is DonationState.QUARANTINED:
        actions.quarantine(made, by=BRUNO, reason="the seal looks odd")
    if state is DonationState.ACCEPTED:
        actions.accept(made, by=BRUNO)
    if state is DonationState.REJECTED:
        sign(actions.reject, made, ANA, reason="the container leaked")
    return made
