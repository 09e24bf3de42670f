"""What an assessment announces: that its donation may no longer be used."""

from typing import Any

from sqlalchemy import select

from mscbank.collection.models import Assessment, Donation
from mscbank.core import messages
from mscbank.core.db import session
from mscbank.core.messages import Touched

UNACCEPTABLE = messages.announcement(
    "donation.unacceptable", "A donation may no longer be used; touched are the donations."
)


def donation_of(assessment: Assessment) -> Donation | None:
    """The donation to which the assessment is bound."""
    return session.scalar(select(Donation).where(Donation.assessment_id == assessment.id))


def touched(assessment: Assessment, **_inputs: Any) -> Touched:
    """The donation that an assessment speaks about, as an announcement names it."""
    donation = donation_of(assessment)
    return [(donation.kind, donation.code)] if donation is not None else []


def announce(assessment: Assessment) -> None:
    """Say that the donation may no longer be used."""
    if found := touched(assessment):
        messages.announce(UNACCEPTABLE, touched=found, assessment=assessment.code)
