"""What stands against a patient and a batch, read in bulk from the steps above, again at every gate."""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import or_, select

from mscbank.allocation import states
from mscbank.allocation.models import Allocation
from mscbank.batch.models import Batch
from mscbank.collection import rules as collection_rules
from mscbank.collection.models import Donation
from mscbank.core.access import Role
from mscbank.core.db import Thing, any_of, at_hand, session
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.reading import once_an_act
from mscbank.family import rules as family_rules
from mscbank.family.models import Donor, Enrolment, Recipient
from mscbank.family.states import RecipientState
from mscbank.release.models import Release
from mscbank.release.rules import stands_released
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState

NOT_ENROLLED = Refusal(
    "allocation.not_enrolled", "%(patient)s is not enrolled in this protocol.", Role.INVESTIGATOR
)
HAS_LEFT = Refusal(
    "allocation.has_left", "%(patient)s has left the study: nothing is infused.", Role.INVESTIGATOR
)
OTHER_LEVEL = Refusal(
    "allocation.other_level",
    "%(patient)s is enrolled at dose level %(level)s.",
    (Role.PRESCRIBER, Role.INVESTIGATOR),
)
LEVEL_CLOSED = Refusal("allocation.level_closed", "Dose level %(level)s is not open.", Role.SAFETY_REVIEWER)
NOT_OPEN = Refusal("allocation.protocol_not_open", "The protocol is not open.", Role.SPONSOR)
PAUSED = Refusal(
    "allocation.paused", "Infusions are paused: %(why)s. The safety reviewer signs before they go on.",
    Role.SAFETY_REVIEWER,
)  # fmt: skip
INFUSED_BEFORE = Refusal(
    "allocation.infused_before",
    "%(patient)s was infused under this protocol already, which allows one infusion.",
)
OTHER_PATIENT = Refusal(
    "allocation.other_patient",
    "Batch %(batch)s is directed to %(patient)s: a batch goes only to its own relative.",
    Role.QP,
)  # fmt: skip
NOT_RELEASED = Refusal("allocation.not_released", "Batch %(batch)s is not released.", Role.QP)
OTHER_PROTOCOL = Refusal(
    "allocation.other_protocol", "Batch %(batch)s was made under another protocol.", Role.QP
)

T = TypeVar("T", bound=Thing)


@once_an_act
def patients(allocations: list[Allocation]) -> dict[int, tuple[Obstacle, ...]]:
    """What stands against each patient's infusion, whatever the batch."""
    enrolled = {
        (e.recipient_id, e.protocol_id): e
        for e in session.scalars(
            select(Enrolment).where(any_of(Enrolment.recipient_id, {a.recipient_id for a in allocations}))
        )
    }
    people = _rows(Recipient, {a.recipient_id for a in allocations})
    protocols = _rows(Protocol, {a.protocol_id for a in allocations})
    infused = _infused(allocations)
    found: dict[int, tuple[Obstacle, ...]] = {}
    for a in allocations:
        enrolment = enrolled.get((a.recipient_id, a.protocol_id))
        found[a.id] = tuple(
            _against_patient(a, people[a.recipient_id], protocols[a.protocol_id], enrolment, a.id in infused)
        )
    return found


def _against_patient(
    a: Allocation, person: Recipient, protocol: Protocol, enrolment: Enrolment | None, is_infused: bool
) -> Iterable[Obstacle]:
    if person.has_left:
        yield HAS_LEFT(patient=person.called)
    elif enrolment is None or enrolment.freed_at is not None or person.state is not RecipientState.ENROLLED:
        yield NOT_ENROLLED(patient=person.called)
    elif enrolment.dose_level_id != a.dose_level_id:
        yield OTHER_LEVEL(patient=person.called, level=enrolment.level)
    if is_infused:
        yield INFUSED_BEFORE(patient=person.called)
    if protocol.state is not ProtocolState.OPEN:
        yield NOT_OPEN()
    if protocol.paused_at is not None:
        yield PAUSED(why=protocol.paused_why)
    if a.dose_level.opened_at is None:
        yield LEVEL_CLOSED(level=a.dose_level.number)


def _infused(allocations: list[Allocation]) -> set[int]:
    """The allocations whose patient had another one under the same protocol that reached the patient."""
    rows = session.execute(
        select(Allocation.id, Allocation.recipient_id, Allocation.protocol_id).where(
            any_of(Allocation.recipient_id, {a.recipient_id for a in allocations}),
            or_(Allocation.state == states.State.COMPLETED, Allocation.as_happened),
        )
    ).all()
    return {
        a.id
        for a in allocations
        for i, r, p in rows
        if i != a.id and (r, p) == (a.recipient_id, a.protocol_id)
    }


@once_an_act
def chains(allocations: list[Allocation]) -> dict[int, tuple[Obstacle, ...]]:
    """What stands against each batch for its patient: direction, kinship, consents, release."""
    batches = _rows(Batch, {a.batch_id for a in allocations})
    donations = _rows(Donation, {b.donation_id for b in batches.values()})
    donors = _rows(Donor, {d.donor_id for d in donations.values()})
    people = _rows(
        Recipient, {b.directed_to_id for b in batches.values()} | {a.recipient_id for a in allocations}
    )
    pairs = {
        a.id: (donors[donations[batches[a.batch_id].donation_id].donor_id], people[a.recipient_id])
        for a in allocations
    }
    related = family_rules.directed_obstacles(pairs.values())
    determined = collection_rules.acceptable(set(donations))
    released = stands_released(set(batches))
    found: dict[int, tuple[Obstacle, ...]] = {}
    for a in allocations:
        batch = batches[a.batch_id]
        donor, person = pairs[a.id]
        against: list[Obstacle | None] = []
        if batch.protocol_id != a.protocol_id:
            against.append(OTHER_PROTOCOL(batch=batch.code))
        if batch.directed_to_id != a.recipient_id:
            against.append(OTHER_PATIENT(batch=batch.code, patient=people[batch.directed_to_id].called))
        against += [related[(donor.id, person.id)], determined.get(batch.donation_id)]
        if batch.id not in released:
            against.append(NOT_RELEASED(batch=batch.code))
        found[a.id] = tuple(one for one in against if one is not None)
    return found


def release_of(batch: Batch) -> Release | None:
    """The release of a batch, if one was opened."""
    return session.scalar(select(Release).where(Release.batch_id == batch.id))


def _rows(model: type[T], ids: set[int]) -> dict[int, T]:
    return {row.id: row for row in at_hand(model, ids)}
