"""What people do with marrow: procurement under its DIN, receipt, acceptance.

What they do with an assessment stands in ``sampling`` and ``determining``; all is called from here.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from mscbank.collection.determination import Weight
from mscbank.collection.determining import (
    accept_risk,
    assess_risk,
    close_lookback,
    confirm_lookback,
    defer,
    find_eligible,
    find_ineligible,
    lose_consent,
    open_lookback,
    permit_directed,
    reassess,
    require_risk_assessment,
    resume,
)
from mscbank.collection.models import Assessment, Donation, Receipt
from mscbank.collection.numbers import read_din
from mscbank.collection.rules import SUPPORTS, donation_facts, known_of
from mscbank.collection.sampling import (
    close_testing,
    consent,
    open_assessment,
    record_history,
    record_results,
)
from mscbank.collection.states import ASSESSMENT, DONATION, STANDING, AssessmentState
from mscbank.collection.windows import MAY_FOLLOW
from mscbank.collection.zones import civil
from mscbank.core import acts, clock, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.deviation.actions import open_classified, opening_locks
from mscbank.deviation.severity import Severity
from mscbank.family.states import ConsentState

__all__ = [
    "accept",
    "accept_risk",
    "assess_risk",
    "clear",
    "close_lookback",
    "close_testing",
    "confirm_lookback",
    "consent",
    "defer",
    "find_eligible",
    "find_ineligible",
    "lose_consent",
    "open_assessment",
    "open_lookback",
    "permit_directed",
    "procure",
    "quarantine",
    "reassess",
    "receive",
    "record_as_happened",
    "record_history",
    "record_results",
    "reject",
    "require_risk_assessment",
    "resume",
]

TRANSPORT_LOW = parameters.declare(
    "collection.transport_low_c",
    Decimal("2.0"),
    unit="°C",
    meaning="Lowest temperature that marrow may meet on its way to the laboratory",
    source="no standard fixes it; the site's validation does",
    least=Decimal(-20),
    most=Decimal(40),
    not_above="collection.transport_high_c",
)
TRANSPORT_HIGH = parameters.declare(
    "collection.transport_high_c",
    Decimal("25.0"),
    unit="°C",
    meaning="Highest temperature that marrow may meet on its way to the laboratory",
    source="no standard fixes it; the site's validation does",
    least=Decimal(-20),
    most=Decimal(40),
)

NOT_BEFORE_VERDICT = Refusal(
    "collection.verdict_missing",
    "Marrow is taken after the donor is declared eligible; the assessment stands at “%(state)s”.",
    Role.MEDICAL_DIRECTOR,
)
FINDINGS = Refusal(
    "collection.not_for_this_day",
    "On that day the donor's findings do not allow it: %(findings)s",
    (Role.COLLECTION, Role.MEDICAL_DIRECTOR),
)
CONSENT_GONE = Refusal(
    "collection.no_consent_in_force", "The donor's consent is not in force.", Role.COLLECTION
)
CONSENT_LATER = Refusal(
    "collection.consent_later",
    "The consent was given on %(given_on)s, after the marrow was taken.",
    Role.COLLECTION,
)

DONATION.facts = donation_facts


def _binding_locks(*, assessment: Assessment, **_inputs: Any) -> list[Any]:
    return [assessment, *shared(assessment.donor, assessment.consent, assessment.link)]


def _may_be_taken(assessment: Assessment) -> Obstacle | None:
    """Whether the verdict, or with some profiles its absence, lets the marrow be taken."""
    waiting = assessment.state in (AssessmentState.CONSENTED, AssessmentState.TESTED)
    if assessment.state in STANDING or (assessment.profile in MAY_FOLLOW and waiting):
        return None
    return NOT_BEFORE_VERDICT(state=ASSESSMENT.word(assessment.state))


def _on_that_day(assessment: Assessment) -> Obstacle | None:
    """Findings and windows judged with the true date, once the donation is bound."""
    judgement = known_of(assessment).judgement
    if assessment.state in STANDING:
        allowed = judgement.is_complete and judgement.verdict in SUPPORTS[assessment.state]
        against = judgement.of(Weight.EXCLUDES, Weight.OPEN, Weight.DEFERS, Weight.RISK)
    else:
        against = judgement.of(Weight.EXCLUDES, Weight.DEFERS, Weight.RISK)
        allowed = not against
    return None if allowed else FINDINGS(findings=" ".join(str(finding.sentence) for finding in against))


def _checked_times(started_at: datetime, ended_at: datetime) -> None:
    if ended_at > clock.now():
        raise invalid(ended_at=["This lies in the future."])
    if started_at > ended_at:
        raise invalid(ended_at=["It ends after it began."])


def _bind(
    assessment: Assessment, by: Principal, din: str, started_at: datetime, ended_at: datetime, **facts: Any
) -> Donation:
    value, entry = read_din(din)
    _checked_times(started_at, ended_at)
    donation = Donation(
        code=new_code("donation"),
        site=assessment.site,
        din=value,
        din_entry=entry,
        donor=assessment.donor,
        assessment=assessment,
        consent=assessment.consent,
        donated_on=civil(started_at, assessment.zone),
        zone=assessment.zone,
        started_at=started_at,
        ended_at=ended_at,
        recorded_by=by.login,
        **facts,
    )
    session.add(donation)
    session.flush()
    return donation


@action("donation.procure", role=Role.COLLECTION, creates="donation", locks=_binding_locks)
def procure(
    *,
    by: Principal,
    assessment: Assessment,
    din: str,
    started_at: datetime,
    ended_at: datetime,
    volume_ml: Decimal,
    anticoagulant: str,
    procured_at: str,
    operator: str,
) -> Donation:
    """Record the marrow that was taken under its donation number; the assessment binds to it."""
    if (found := _may_be_taken(assessment)) is not None:
        raise Refused(found)
    if assessment.consent is None or assessment.consent.state is not ConsentState.IN_FORCE:
        raise Refused(CONSENT_GONE())
    donation = _bind(
        assessment,
        by,
        din,
        started_at,
        ended_at,
        volume_ml=volume_ml,
        anticoagulant=anticoagulant,
        procured_at=procured_at,
        operator=operator,
    )
    if assessment.consent.given_on > donation.donated_on:
        raise Refused(CONSENT_LATER(given_on=assessment.consent.given_on))
    if (found := _on_that_day(assessment)) is not None:
        raise Refused(found)
    return donation


def _happened_locks(*, assessment: Assessment, **inputs: Any) -> list[Any]:
    return [*_binding_locks(assessment=assessment), *opening_locks([assessment, assessment.donor])]


@action(
    "donation.record_as_happened",
    role=(Role.COLLECTION, Role.MEDICAL_DIRECTOR),
    creates="donation",
    reason=True,
    locks=_happened_locks,
    signs=("recorded as it happened", "witness"),
    by_badge=True,
)
def record_as_happened(
    *,
    by: Principal,
    reason: str,
    assessment: Assessment,
    din: str,
    started_at: datetime,
    ended_at: datetime,
    volume_ml: Decimal,
    anticoagulant: str,
    procured_at: str,
    operator: str,
    source_document: str,
) -> Donation:
    """Record marrow that was taken although the gate was closed; it opens a critical deviation."""
    if assessment.consent is None:
        raise Refused(CONSENT_GONE())
    gates = [_may_be_taken(assessment)]
    if assessment.consent.state is not ConsentState.IN_FORCE:
        gates.append(CONSENT_GONE())
    donation = _bind(
        assessment,
        by,
        din,
        started_at,
        ended_at,
        volume_ml=volume_ml,
        anticoagulant=anticoagulant,
        procured_at=procured_at,
        operator=operator,
        as_happened=True,
        source_document=source_document,
    )
    if assessment.consent.given_on > donation.donated_on:
        gates.append(CONSENT_LATER(given_on=assessment.consent.given_on))
    if assessment.state in STANDING or assessment.profile in MAY_FOLLOW:
        gates.append(_on_that_day(assessment))
    passed = [gate for gate in gates if gate is not None]
    acts.current().note(gate_passed=[gate.code for gate in passed])
    open_classified(
        by=by,
        subjects=[donation, assessment, assessment.donor],
        severity=Severity.CRITICAL,
        title=f"Marrow taken outside the gate: {donation.din}",
        description="\n".join([reason, *(str(gate.sentence) for gate in passed)]),
        occurred_at=started_at,
        immediate_action=f"Recorded from {source_document}.",
    )
    return donation


@does(DONATION, "receive")
def receive(
    donation: Donation,
    *,
    by: Principal,
    label: str | None = None,
    is_intact: bool,
    documents_present: bool,
    lowest_c: Decimal,
    highest_c: Decimal,
    received_at: datetime | None = None,
    note: str | None = None,
) -> None:
    """Take the marrow in and inspect it: container, label, documents, temperature on the way."""
    arrived = received_at or clock.now()
    if not donation.ended_at <= arrived <= clock.now():
        raise invalid(received_at=["It arrives after it was taken, and not in the future."])
    if highest_c < lowest_c:
        raise invalid(highest_c=["The highest temperature lies below the lowest."])
    limits = parameters.values([TRANSPORT_LOW, TRANSPORT_HIGH])
    donation.receipt = Receipt(
        received_at=arrived,
        received_by=by.login,
        is_intact=is_intact,
        label_matches=label is not None and read_din(label, "label")[0] == donation.din,
        documents_present=documents_present,
        lowest_c=lowest_c,
        highest_c=highest_c,
        allowed_low_c=limits[TRANSPORT_LOW],
        allowed_high_c=limits[TRANSPORT_HIGH],
        note=note,
    )


def inspected(donation: Donation) -> dict[str, Any]:
    """What quality assurance signs on: the donation and what was found on receipt."""
    found = donation.receipt
    return {
        "donation": donation.code,
        "din": donation.din,
        "receipt": found
        and [found.is_intact, found.label_matches, found.documents_present, found.lowest_c, found.highest_c],
    }


@does(DONATION, "accept")
def accept(donation: Donation) -> None:
    """Nothing speaks against it: the marrow may be processed."""


@does(DONATION, "quarantine", reason=True)
def quarantine(donation: Donation) -> None:
    """Set the marrow aside until quality assurance decides."""


@does(DONATION, "clear", reason=True, content=inspected)
def clear(donation: Donation) -> None:
    """Quality assurance accepts the marrow out of quarantine, with the reason."""


@does(DONATION, "reject", reason=True, content=inspected)
def reject(donation: Donation) -> None:
    """Quality assurance rejects the marrow; it is not processed."""
