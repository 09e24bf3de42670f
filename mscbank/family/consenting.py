"""Consents of donors and recipients, and their withdrawal, which takes effect at once (D §3.6)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from mscbank.core import links, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.family.models import Consent, ConsentCover, Donor, Recipient
from mscbank.family.registering import birth_of, require_adult, today
from mscbank.family.states import CONSENT_LIFE, ConsentState
from mscbank.family.words import ConsentItem

RECORDERS = (Role.COLLECTION, Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR)
BATCH = "batch"

WITHDRAWN = messages.announcement(
    "consent.withdrawn", "A consent was withdrawn; touched is the donor or the recipient who gave it."
)

PROTECTED = Refusal(
    "family.under_protection",
    "Donor %(donor)s is under legal protection and may not give.",
    Role.MEDICAL_DIRECTOR,
)


def _given(given_on: date) -> date:
    if given_on > today():
        raise invalid(given_on=["This lies in the future."])
    return given_on


def _covering(consent: Consent, items: Sequence[ConsentItem]) -> Consent:
    if not items:
        raise invalid(items=["Say what the consent covers."])
    consent.covered = [ConsentCover(item=item) for item in dict.fromkeys(items)]
    session.add(consent)
    return consent


@action(
    "consent.record_donor",
    role=RECORDERS,
    creates="consent",
    locks=lambda *, donor, names_recipient=None, **_: shared(donor, names_recipient),
)
def record_donor_consent(
    *, by: Principal, donor: Donor, form_version: str, given_on: date, items: Sequence[ConsentItem],
    authority: str, names_recipient: Recipient | None = None,
) -> Consent:  # fmt: skip
    """Record what a donor agreed to, and for which relative."""
    if donor.is_under_protection:
        raise Refused(PROTECTED(donor=donor.code))
    require_adult(birth_of(donor)[donor.code], _given(given_on))
    if (ConsentItem.NAMED_RELATIVE in items) is not (names_recipient is not None):
        raise invalid(names_recipient=["Use by a named relative, and the relative, belong together."])
    consent = Consent(
        code=new_code("consent"), site=donor.site, donor=donor, names_recipient=names_recipient,
        form_version=form_version, given_on=given_on, authority=authority, recorded_by=by.login,
    )  # fmt: skip
    return _covering(consent, items)


@action(
    "consent.record_recipient",
    role=RECORDERS,
    creates="consent",
    locks=lambda *, recipient, **_: shared(recipient),
)
def record_recipient_consent(
    *, by: Principal, recipient: Recipient, form_version: str, given_on: date, items: Sequence[ConsentItem],
    authority: str,
) -> Consent:  # fmt: skip
    """Record what a recipient agreed to."""
    consent = Consent(
        code=new_code("consent"), site=recipient.site, recipient=recipient, form_version=form_version,
        given_on=_given(given_on), authority=authority, recorded_by=by.login,
    )  # fmt: skip
    return _covering(consent, items)


def _touched(consent: Consent, **_inputs: Any) -> messages.Touched:
    return [(consent.person.kind, consent.person.code)]


@does(
    CONSENT_LIFE,
    "withdraw",
    reason=True,
    locks=lambda consent, **_: links.reach_things(_touched(consent), BATCH),
    announces={WITHDRAWN: _touched},
)
def withdraw_consent(
    consent: Consent, *, by: Principal, reason: str, withdrawn_on: date | None = None
) -> None:
    """Record that the consent was withdrawn; what it covered stops at once, traceability stays."""
    on = withdrawn_on or today()
    if not consent.given_on <= on <= today():
        raise invalid(withdrawn_on=["It is withdrawn after it was given, and not in the future."])
    consent.withdrawn_on, consent.withdrawn_recorded_by = on, by.login
    current().lead(consent, ConsentState.WITHDRAWN)
    named = consent.names_recipient.code if consent.names_recipient else None
    messages.announce(WITHDRAWN, touched=_touched(consent), consent=consent.code, named=named, why=reason)
