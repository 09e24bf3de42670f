"""The life of a donor's assessment and of a donation (D §10 and the lives of the ground)."""

from enum import StrEnum

from mscbank.collection import gates
from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move


class AssessmentState(StrEnum):
    """Where the assessment of a donor for one planned donation stands."""

    DRAFT = "draft"
    CONSENTED = "consented"
    TESTED = "tested"
    ELIGIBLE = "eligible"
    RISK_ASSESSMENT_REQUIRED = "risk_assessment_required"
    ELIGIBLE_WITH_RA = "eligible_with_ra"
    INELIGIBLE = "ineligible"
    PERMITTED_DIRECTED = "permitted_directed"
    DEFERRED = "deferred"
    LOOKBACK = "lookback"
    CONSENT_WITHDRAWN = "consent_withdrawn"


STANDING = frozenset(
    {AssessmentState.ELIGIBLE, AssessmentState.ELIGIBLE_WITH_RA, AssessmentState.PERMITTED_DIRECTED}
)
"""The verdicts with which the marrow may be used."""


class DonationState(StrEnum):
    """Where the marrow stands."""

    COLLECTED = "collected"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


A, D = AssessmentState, DonationState
DIRECTOR = Role.MEDICAL_DIRECTOR
DETERMINATION = "donor eligibility determination"

ASSESSMENT = Lifecycle(
    "assessment",
    [
        Move("consent", A.DRAFT, A.CONSENTED, Role.COLLECTION, _("Record the consent"), fields=True),
        Move(
            "close_testing",
            A.CONSENTED,
            A.TESTED,
            (Role.COLLECTION, Role.LAB_TECH),
            _("Close the testing"),
            unless=gates.panel_missing,
        ),
        Move(
            "find_eligible",
            A.TESTED,
            A.ELIGIBLE,
            DIRECTOR,
            _("Declare eligible"),
            unless=(gates.entered_it, gates.not_plainly_eligible),
            signs=DETERMINATION,
        ),
        Move(
            "require_risk_assessment",
            A.TESTED,
            A.RISK_ASSESSMENT_REQUIRED,
            DIRECTOR,
            _("Ask for a risk assessment"),
            unless=gates.no_risk_to_assess,
            signs=DETERMINATION,
        ),
        Move(
            "accept_risk",
            A.RISK_ASSESSMENT_REQUIRED,
            A.ELIGIBLE_WITH_RA,
            DIRECTOR,
            _("Declare eligible with the risk assessment"),
            unless=(gates.entered_it, gates.risk_not_assessed),
            signs=DETERMINATION,
        ),
        Move(
            "find_ineligible",
            (A.TESTED, A.RISK_ASSESSMENT_REQUIRED),
            A.INELIGIBLE,
            DIRECTOR,
            _("Declare ineligible"),
            signs=DETERMINATION,
        ),
        Move("defer", A.TESTED, A.DEFERRED, DIRECTOR, _("Defer the donor"), signs=DETERMINATION, fields=True),
        Move("resume", A.DEFERRED, A.TESTED, DIRECTOR, _("Take up again"), unless=gates.still_deferred),
        Move(
            "permit_directed",
            A.INELIGIBLE,
            A.PERMITTED_DIRECTED,
            DIRECTOR,
            _("Permit for this relative"),
            unless=gates.not_permissible,
            signs=DETERMINATION,
            fields=True,
        ),
        Move(
            "reassess",
            (A.ELIGIBLE, A.ELIGIBLE_WITH_RA, A.PERMITTED_DIRECTED, A.INELIGIBLE),
            A.TESTED,
            DIRECTOR,
            _("Assess again"),
        ),
        Move(
            "open_lookback",
            (A.ELIGIBLE, A.ELIGIBLE_WITH_RA, A.PERMITTED_DIRECTED),
            A.LOOKBACK,
            (DIRECTOR, Role.PV_OFFICER),
            _("Open a look-back"),
        ),
        Move(
            "close_lookback",
            A.LOOKBACK,
            (A.ELIGIBLE, A.ELIGIBLE_WITH_RA, A.PERMITTED_DIRECTED),
            DIRECTOR,
            _("Close the look-back: no risk found"),
            signs=DETERMINATION,
        ),
        Move(
            "confirm_lookback",
            A.LOOKBACK,
            A.INELIGIBLE,
            DIRECTOR,
            _("Close the look-back: donor ineligible"),
            signs=DETERMINATION,
        ),
        Move(
            "lose_consent",
            (
                A.DRAFT,
                A.CONSENTED,
                A.TESTED,
                A.ELIGIBLE,
                A.RISK_ASSESSMENT_REQUIRED,
                A.ELIGIBLE_WITH_RA,
                A.INELIGIBLE,
                A.PERMITTED_DIRECTED,
                A.DEFERRED,
                A.LOOKBACK,
            ),
            A.CONSENT_WITHDRAWN,
            None,
            _("Consent withdrawn"),
        ),
    ],
    start=A.DRAFT,
    words={
        A.DRAFT: _("Draft"),
        A.CONSENTED: _("Consented"),
        A.TESTED: _("Tested"),
        A.ELIGIBLE: _("Eligible"),
        A.RISK_ASSESSMENT_REQUIRED: _("Needs a risk assessment"),
        A.ELIGIBLE_WITH_RA: _("Eligible with risk assessment"),
        A.INELIGIBLE: _("Ineligible"),
        A.PERMITTED_DIRECTED: _("Ineligible, permitted for one relative"),
        A.DEFERRED: _("Deferred"),
        A.LOOKBACK: _("Look-back open"),
        A.CONSENT_WITHDRAWN: _("Consent withdrawn"),
    },
    signs={
        A.DRAFT: ("ring", "end"),
        A.CONSENTED: ("ring", "move"),
        A.TESTED: ("arrow", "move"),
        A.ELIGIBLE: ("check", "go"),
        A.RISK_ASSESSMENT_REQUIRED: ("triangle", "wait"),
        A.ELIGIBLE_WITH_RA: ("check", "go"),
        A.INELIGIBLE: ("octagon", "stop"),
        A.PERMITTED_DIRECTED: ("triangle", "wait"),
        A.DEFERRED: ("clock", "wait"),
        A.LOOKBACK: ("octagon", "stop"),
        A.CONSENT_WITHDRAWN: ("cross", "end"),
    },
    ends=frozenset({A.CONSENT_WITHDRAWN}),
)

DONATION = Lifecycle(
    "donation",
    [
        Move("receive", D.COLLECTED, D.RECEIVED, Role.LAB_TECH, _("Receive and inspect"), fields=True),
        Move(
            "accept",
            D.RECEIVED,
            D.ACCEPTED,
            (Role.LAB_TECH, Role.QA),
            _("Accept"),
            unless=gates.inspection_failed,
        ),
        Move("quarantine", D.RECEIVED, D.QUARANTINED, (Role.LAB_TECH, Role.QA), _("Put in quarantine")),
        Move("clear", D.QUARANTINED, D.ACCEPTED, Role.QA, _("Accept out of quarantine"), signs="acceptance"),
        Move("reject", (D.RECEIVED, D.QUARANTINED), D.REJECTED, Role.QA, _("Reject"), signs="rejection"),
    ],
    start=D.COLLECTED,
    words={
        D.COLLECTED: _("Collected"),
        D.RECEIVED: _("Received"),
        D.ACCEPTED: _("Accepted"),
        D.QUARANTINED: _("Quarantined"),
        D.REJECTED: _("Rejected"),
    },
    signs={
        D.COLLECTED: ("arrow", "move"),
        D.RECEIVED: ("ring", "move"),
        D.ACCEPTED: ("check", "go"),
        D.QUARANTINED: ("lock", "lock"),
        D.REJECTED: ("octagon", "stop"),
    },
    ends=frozenset({D.ACCEPTED, D.REJECTED}),
)
