"""What the rules of a batch and of a lot judge, loaded for many things at once."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select

from mscbank.batch import registry
from mscbank.batch.gates import BatchFacts, LotFacts
from mscbank.batch.growth import Count
from mscbank.batch.models import Batch, MaterialLot, Passage
from mscbank.batch.states import MATERIAL_LOT, LotState
from mscbank.collection.models import Assessment, Donation
from mscbank.collection.rules import acceptable
from mscbank.collection.states import AssessmentState, DonationState
from mscbank.collection.zones import civil
from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import Thing, any_of, at_hand, session
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import _
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.family.rules import directed_obstacles as directed_in_family
from mscbank.family.states import LinkState
from mscbank.study.models import Protocol, Specification
from mscbank.study.states import ProtocolState, SpecificationState

RECIPIENT_LEFT = Refusal(
    "batch.recipient_left", "%(recipient)s is no longer in the study.", (Role.INVESTIGATOR, Role.QA)
)
PERMITTED_FOR_ANOTHER = Refusal(
    "batch.permitted_for_another",
    "The donor is ineligible, and the marrow is permitted only for the relative of the assessment.",
    Role.MEDICAL_DIRECTOR,
)
LOT_NOT_RELEASED = Refusal(
    "batch.lot_not_released", "The lot %(lot)s is not released for use: it stands at “%(state)s”.", Role.QA
)
LOT_RELEASED_LATER = Refusal(
    "batch.lot_released_later", "The lot %(lot)s was still in quarantine when it was used.", Role.QA
)
LOT_PAST_EXPIRY = Refusal(
    "batch.lot_past_expiry", "The lot %(lot)s expired on %(expires_on)s, before it was used.", Role.QA
)


def lot_unusable(lot: MaterialLot, used_at: datetime, zone: str) -> Obstacle | None:
    """Why a lot cannot have been used then: rejected, in quarantine, or past its last day."""
    if lot.state is not LotState.RELEASED:
        return LOT_NOT_RELEASED(lot=lot.called, state=MATERIAL_LOT.word(lot.state))
    if lot.judged_at is not None and used_at < lot.judged_at:
        return LOT_RELEASED_LATER(lot=lot.called)
    if civil(used_at, zone) > lot.expires_on:
        return LOT_PAST_EXPIRY(lot=lot.called, expires_on=lot.expires_on)
    return None


def lot_facts(lots: list[MaterialLot]) -> dict[int, LotFacts]:
    """What the moves of lots judge."""
    return {
        lot.id: LotFacts(lot.expires_on, clock.today(lot.zone), lot.certificate, lot.received_by)
        for lot in lots
    }


def counts_of(passages: Iterable[Passage]) -> list[Count]:
    """Stored passages as the pure rules of growth read them."""
    return [
        Count(p.number, p.seeded_cells, p.seeded_at, p.harvested_cells, p.harvested_at, p.viability_percent)
        for p in sorted(passages, key=lambda passage: passage.number)
    ]


def unchecked(passages: Iterable[Passage]) -> tuple[str, ...]:
    """The counts that no second person has checked, in words."""
    found = []
    for passage in sorted(passages, key=lambda passage: passage.number):
        if passage.seeding_checked_by is None:
            found.append(str(_("seeding of passage %(number)s", number=passage.number)))
        if passage.harvested_at is not None and passage.harvest_checked_by is None:
            found.append(str(_("harvest of passage %(number)s", number=passage.number)))
    return tuple(found)


def _prefetch(model: type[Thing], ids: set[int]) -> dict[int, Thing]:
    return {thing.id: thing for thing in at_hand(model, sorted(ids))}


def directed_obstacles(
    wanted: Iterable[tuple[Donation, Recipient]],
) -> dict[tuple[int, int], Obstacle | None]:
    """What speaks against cells of a donation being for a recipient, by (donation id, recipient id).

    The family's rules (verified link, both consents), then this room's: the recipient is still in the study,
    and an ineligible donor's marrow goes only to the relative for whom it was permitted.
    """
    pairs = list(wanted)
    family = directed_in_family((donation.donor, recipient) for donation, recipient in pairs)
    _prefetch(Assessment, {donation.assessment_id for donation, _recipient in pairs})
    return {(d.id, r.id): family[(d.donor_id, r.id)] or _directed(d, r) for d, r in pairs}


def _directed(donation: Donation, recipient: Recipient) -> Obstacle | None:
    if recipient.has_left:
        return RECIPIENT_LEFT(recipient=recipient.called)
    permitted = donation.assessment.state is AssessmentState.PERMITTED_DIRECTED
    if permitted and donation.assessment.recipient_id != recipient.id:
        return PERMITTED_FOR_ANOTHER()
    return None


def batch_facts(batches: list[Batch]) -> dict[int, BatchFacts]:
    """What the moves of batches judge, for many at once."""
    for model, ids in (
        (Donation, {b.donation_id for b in batches}),
        (Specification, {b.specification_id for b in batches}),
        (Protocol, {b.protocol_id for b in batches}),
        (FamilyLink, {b.link_id for b in batches}),
        (Recipient, {b.directed_to_id for b in batches}),
    ):
        _prefetch(model, ids)
    _prefetch(Donor, {b.donation.donor_id for b in batches})
    passages: dict[int, list[Passage]] = defaultdict(list)
    for row in session.scalars(select(Passage).where(any_of(Passage.batch_id, [b.id for b in batches]))):
        passages[row.batch_id].append(row)
    unacceptable = acceptable({b.donation_id for b in batches}, pending=True)
    directed = directed_obstacles((b.donation, b.directed_to) for b in batches)
    fills = registry.fills(batches)
    return {
        b.id: BatchFacts(
            din=b.donation.din,
            donation_accepted=b.donation.state is DonationState.ACCEPTED,
            unacceptable=unacceptable[b.donation_id],
            specification=b.specification.called,
            specification_approved=b.specification.state is SpecificationState.APPROVED,
            protocol=b.protocol.called,
            protocol_open=b.protocol.state is ProtocolState.OPEN,
            link_verified=b.link.state is LinkState.VERIFIED,
            recipient=directed[(b.donation_id, b.directed_to_id)],
            passages=len(passages[b.id]),
            open_passage=next((p.number for p in passages[b.id] if p.harvested_at is None), None),
            unchecked=unchecked(passages[b.id]),
            fill=fills[b.id],
        )
        for b in batches
    }


def earliest(batch: Batch) -> datetime:
    """Before this instant nothing can have been cultured."""
    return max(batch.donation.ended_at, batch.started_at or datetime.min.replace(tzinfo=UTC))
