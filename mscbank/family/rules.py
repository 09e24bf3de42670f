"""What other steps ask about families, for many people at once."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from mscbank.core import sealed
from mscbank.core.access import Principal, Role
from mscbank.core.acts import keep_reading
from mscbank.core.db import any_of, session
from mscbank.core.errors import NotAllowed, Obstacle, Refusal, invalid
from mscbank.core.reading import once_an_act
from mscbank.family import identifiers
from mscbank.family.models import Consent, ConsentCover, Donor, FamilyLink, Person, Recipient
from mscbank.family.states import ConsentState, LinkState
from mscbank.family.words import ConsentItem

NO_DONOR_CONSENT = Refusal(
    "family.no_donor_consent", "No consent of donor %(donor)s is in force for this relative.", Role.COLLECTION
)
NO_RECIPIENT_CONSENT = Refusal(
    "family.no_recipient_consent", "No consent of recipient %(recipient)s is in force.", Role.INVESTIGATOR
)
NO_LINK = Refusal(
    "family.no_verified_link",
    "Donor %(donor)s and recipient %(recipient)s have no verified family link.",
    (Role.COLLECTION, Role.MEDICAL_DIRECTOR),
)

DONOR_NEEDS = frozenset(
    {
        ConsentItem.PROCUREMENT,
        ConsentItem.TESTING,
        ConsentItem.MANUFACTURE,
        ConsentItem.STORAGE,
        ConsentItem.NAMED_RELATIVE,
        ConsentItem.TRACEABILITY,
    }
)
"""What a donor's consent must cover before cells are made from the marrow for a relative (D §3.6)."""

RECIPIENT_NEEDS = frozenset({ConsentItem.PARTICIPATION, ConsentItem.INFUSION, ConsentItem.TRACEABILITY})
"""What a recipient's consent must cover before any trial procedure."""

IDENTITY = ("family_name", "given_name", "born_on", "hospital_number")

Pair = tuple[int, int]


def donor_consents(donor_ids: Iterable[int]) -> dict[Pair, list[Consent]]:
    """The consents in force that cover what is needed: (donor id, named recipient's id) → consents."""
    found: dict[Pair, list[Consent]] = {}
    for consent in _in_force(Consent.donor_id, donor_ids, DONOR_NEEDS):
        if consent.donor_id is not None and consent.names_recipient_id is not None:
            found.setdefault((consent.donor_id, consent.names_recipient_id), []).append(consent)
    return found


def consent_in_force(donor_ids: Iterable[int], *, recipient_id: int | None = None) -> set[int]:
    """The donors with a sufficient consent in force: for this relative, or for any when none is named."""
    pairs = donor_consents(donor_ids)
    return {donor for donor, named in pairs if recipient_id is None or named == recipient_id}


def recipient_consents(recipient_ids: Iterable[int]) -> dict[int, list[Consent]]:
    """Recipient id → the sufficient consents in force, oldest first."""
    found: dict[int, list[Consent]] = {}
    for consent in _in_force(Consent.recipient_id, recipient_ids, RECIPIENT_NEEDS):
        if consent.recipient_id is not None:
            found.setdefault(consent.recipient_id, []).append(consent)
    return found


@once_an_act
def _in_force(column: Any, ids: Iterable[int], needed: frozenset[ConsentItem]) -> list[Consent]:
    listed = sorted(set(ids))
    if not listed:
        return []
    consents = session.scalars(
        select(Consent)
        .where(any_of(column, listed), Consent.state == ConsentState.IN_FORCE)
        .order_by(Consent.given_on, Consent.id)
    ).all()
    covers: dict[int, set[ConsentItem]] = {consent.id: set() for consent in consents}
    if covers:
        rows = select(ConsentCover.consent_id, ConsentCover.item)
        for consent_id, item in session.execute(rows.where(any_of(ConsentCover.consent_id, sorted(covers)))):
            covers[consent_id].add(item)
    return [consent for consent in consents if needed <= covers[consent.id]]


@once_an_act
def verified_links(pairs: Iterable[Pair]) -> dict[Pair, FamilyLink]:
    """(donor id, recipient id) → the verified link, where there is one."""
    wanted = set(pairs)
    if not wanted:
        return {}
    rows = session.scalars(
        select(FamilyLink).where(
            any_of(FamilyLink.donor_id, sorted({donor for donor, _ in wanted})),
            FamilyLink.state == LinkState.VERIFIED,
        )
    )
    found = {(link.donor_id, link.recipient_id): link for link in rows}
    return {pair: link for pair, link in found.items() if pair in wanted}


def verified_link(donor: Donor, recipient: Recipient) -> FamilyLink | None:
    """The verified link between two people, if there is one."""
    return verified_links([(donor.id, recipient.id)]).get((donor.id, recipient.id))


def directed_obstacles(pairs: Iterable[tuple[Donor, Recipient]]) -> dict[Pair, Obstacle | None]:
    """Why the cells of a donor may not be made for, or given to, this recipient now; ``None`` when they may.

    A verified link, the donor's consent that names this relative, the recipient's own consent.
    """
    listed = list(pairs)
    ids = [(donor.id, recipient.id) for donor, recipient in listed]
    links = verified_links(ids)
    given = donor_consents(donor for donor, _ in ids)
    received = recipient_consents(recipient for _, recipient in ids)
    answers: dict[Pair, Obstacle | None] = {}
    for donor, recipient in listed:
        pair = (donor.id, recipient.id)
        if pair not in links:
            answers[pair] = NO_LINK(donor=donor.code, recipient=recipient.code)
        elif pair not in given:
            answers[pair] = NO_DONOR_CONSENT(donor=donor.code)
        elif recipient.id not in received:
            answers[pair] = NO_RECIPIENT_CONSENT(recipient=recipient.code)
        else:
            answers[pair] = None
    return answers


def by_name(model: type[Person], family_name: str, given_name: str | None = None) -> list[Any]:
    """The people of this name, found by keyed hash; nothing is opened."""
    if given_name:
        condition = model.name_blind == sealed.blind("name", f"{family_name} {given_name}")
    else:
        condition = model.family_blind == sealed.blind("family_name", family_name)
    return list(session.scalars(select(model).where(condition).order_by(model.id)))


def identities(people: Iterable[Person], *, by: Principal, purpose: str) -> Mapping[str, dict[str, Any]]:
    """Code → names and birth date of several people. The reading is recorded before anything is opened."""
    listed = list(people)
    wanted = [
        ((person.kind, person.code), field, getattr(person, field)) for person in listed for field in IDENTITY
    ]
    if not wanted:
        return {}
    codes = [person.code for person in listed]
    kinds = {person.code: person.kind for person in listed}
    opened = sealed.reveal(wanted, by=by, purpose=purpose)
    found: dict[str, dict[str, Any]] = {}
    for code in codes:
        values = {field: opened[((kinds[code], code), field)] for field in IDENTITY}
        born = values["born_on"]
        found[code] = {**values, "born_on": date.fromisoformat(born) if born else None}
    return found


def find_people(
    model: type[Person], *, by: Principal, family_name: str | None = None, given_name: str | None = None,
    hospital_number: str | None = None,
) -> list[Any]:  # fmt: skip
    """The people of this name or hospital number in the reader's sight; that somebody looked is recorded.

    Found by keyed hash: nothing is opened, and no part of a name finds anybody.
    """
    if not by.sees_names:
        raise NotAllowed(sealed.CODES_ONLY())
    if not family_name and not hospital_number:
        raise invalid(family_name=["The family name, or the hospital number."])
    listed = by_name(model, family_name, given_name) if family_name else []
    if hospital_number:
        with_it = list(identifiers.by_number(model, hospital_number, by.sees))
        listed = [person for person in with_it if not family_name or person in listed]
    found = [person.code for person in listed if by.sees(person.site)]
    touched = {(model.kind, code) for code in found}
    keep_reading(
        by, "core.read_identity", {"purpose": "find by name or number", "people": sorted(touched)}, touched
    )
    return list(session.scalars(select(model).where(any_of(model.code, found)).order_by(model.id)))
