"""Families for tests, made by the actions that people use."""

from datetime import date, timedelta
from itertools import count
from typing import Any, NamedTuple

from mscbank.core.access import Principal
from mscbank.family import actions
from mscbank.family.eligibility import Organ
from mscbank.family.models import Consent, Donor, FamilyLink, Recipient
from mscbank.family.registering import today
from mscbank.family.rules import DONOR_NEEDS, RECIPIENT_NEEDS
from mscbank.family.states import LinkState
from mscbank.family.words import PriorTherapy, Relation, Sex, Subset
from mscbank.study.models import Protocol
from tests import make_study
from tests.people import EVA, LUCIE, MARTA

_numbers = count(1)


class Family(NamedTuple):
    """A donor and the relative for whom the cells are made."""

    donor: Donor
    recipient: Recipient
    link: FamilyLink
    protocol: Protocol


def _who(**changes: Any) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "family_name": f"Dvořák-{number}",
        "given_name": "Zoë",
        "born_on": date(1975, 3, 14) + timedelta(days=number),
        "sex": Sex.FEMALE,
    } | changes


def donor(by: Principal = LUCIE, **changes: Any) -> Donor:
    """An adult donor."""
    return actions.register_donor(by=by, **_who(**changes))


def recipient(by: Principal = LUCIE, **changes: Any) -> Recipient:
    """A recipient with a wristband."""
    return actions.register_recipient(by=by, **({"wristband": f"IPP-{next(_numbers):06d}"} | _who(**changes)))


def link(
    of: Donor, to: Recipient, relation: Relation = Relation.FULL_SIBLING, *,
    state: LinkState = LinkState.VERIFIED, **changes: Any,
) -> FamilyLink:  # fmt: skip
    """A family link, claimed by the collection nurse, verified by the medical director."""
    inputs = {"evidence": "family record book", **changes}
    made = actions.claim(by=LUCIE, donor=of, recipient=to, relation=relation, **inputs)
    if state is LinkState.VERIFIED:
        actions.verify(made, by=EVA, evidence="the record book itself")
    if state is LinkState.REFUTED:
        actions.refute(made, by=EVA, reason="the record book names others")
    return made


def donor_consent(of: Donor, names: Recipient, **changes: Any) -> Consent:
    """A donor's sufficient consent, naming a relative."""
    inputs = {
        "form_version": "D-3", "given_on": today(), "items": sorted(DONOR_NEEDS), "authority": "Dr Eva Novák",
        "names_recipient": names,
    } | changes  # fmt: skip
    return actions.record_donor_consent(by=LUCIE, donor=of, **inputs)


def recipient_consent(of: Recipient, **changes: Any) -> Consent:
    """A recipient's sufficient consent."""
    inputs = {
        "form_version": "R-2", "given_on": today(), "items": sorted(RECIPIENT_NEEDS),
        "authority": "Dr Marta Rinaldi",
    } | changes  # fmt: skip
    return actions.record_recipient_consent(by=MARTA, recipient=of, **inputs)


def screen(of: Recipient, protocol: Protocol, **changes: Any) -> Recipient:
    """An examination that meets every criterion, unless told otherwise."""
    inputs = {
        "screened_on": today(), "classification_score": 14, "subset": Subset.DIFFUSE, "skin_score": 22,
        "organs": [Organ.LUNG], "prior_therapy": PriorTherapy.INADEQUATE_RESPONSE,
        "prior_reason": "worse under mycophenolate",
    } | changes  # fmt: skip
    actions.screen(of, by=MARTA, protocol=protocol, **inputs)
    return of


def screened(protocol: Protocol, **changes: Any) -> Recipient:
    """A recipient who consented and was examined, ready to be enrolled."""
    person = recipient()
    recipient_consent(person)
    return screen(person, protocol, **changes)


def enrolled(protocol: Protocol | None = None) -> Recipient:
    """An enrolled recipient."""
    person = screened(protocol or make_study.protocol())
    actions.enrol(person, by=MARTA)
    return person


def family(protocol: Protocol | None = None, relation: Relation = Relation.FULL_SIBLING) -> Family:
    """An enrolled recipient, a donor, their verified link and all consents."""
    study = protocol or make_study.protocol()
    person = enrolled(study)
    relative = donor()
    related = link(relative, person, relation)
    donor_consent(relative, person)
    return Family(relative, person, related, study)
