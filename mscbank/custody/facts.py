"""The facts that the rules judge, for many vials at once, loaded after the locks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from mscbank.batch.models import Batch
from mscbank.collection import rules as collection_rules
from mscbank.collection.models import Donation
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.errors import Obstacle
from mscbank.core.reading import once_an_act
from mscbank.custody.giving import given_now
from mscbank.custody.models import Hold, Vial
from mscbank.custody.states import CONDITION, QUALITY, RESERVATION, Condition, Quality, Reservation
from mscbank.custody.usable import VialFacts
from mscbank.custody.words import CAUSE_WORDS
from mscbank.family.models import Donor, Recipient
from mscbank.family.registry import last_use_check


@dataclass(frozen=True)
class LifeFacts:
    """What the moves of a vial's own lives judge."""

    code: str
    called: str
    site: str | None
    condition: Condition
    quality: Quality
    reservation: Reservation
    reserved_by: str | None
    holds: tuple[str, ...]
    """The causes of open holds on it or on its batch, in words."""
    is_being_given: bool = False
    """Whether it runs into a patient now."""


def open_holds(vials: Iterable[Vial]) -> dict[int, list[Hold]]:
    """The holds that stand open on each vial: its own, then those of its batch.

    While an act is open, it is asked once for all the vials that the act has locked.
    """
    listed = list(vials)
    act = session.registry().act
    if act is None:
        return _holds_of({vial.id: vial.batch_id for vial in listed})
    session.flush()
    key = ("holds", act.written[Hold])
    known: dict[int, list[Hold]] = act.memo.setdefault(key, {})
    if any(vial.id not in known for vial in listed):
        locked = at_hand(Vial, (row_id for model, row_id in act.locked if model is Vial))
        known |= _holds_of({vial.id: vial.batch_id for vial in (*listed, *locked)})
    return {vial.id: known[vial.id] for vial in listed}


def _holds_of(batch_of: dict[int, int]) -> dict[int, list[Hold]]:
    own = session.scalars(
        select(Hold).where(any_of(Hold.vial_id, batch_of), Hold.lifted_at.is_(None)).order_by(Hold.id)
    ).all()
    of_batch = session.scalars(
        select(Hold)
        .where(any_of(Hold.batch_id, set(batch_of.values())), Hold.lifted_at.is_(None))
        .order_by(Hold.id)
    ).all()
    return {
        vial_id: [hold for hold in own if hold.vial_id == vial_id]
        + [hold for hold in of_batch if hold.batch_id == batch_id]
        for vial_id, batch_id in batch_of.items()
    }


def life_facts(vials: list[Vial]) -> dict[int, LifeFacts]:
    """What the three lives judge, for many vials."""
    holds = open_holds(vials)
    running = given_now(vial.id for vial in vials if vial.condition is Condition.IN_PREPARATION)
    return {
        vial.id: LifeFacts(
            vial.code, vial.called, vial.site, vial.condition, vial.quality, vial.reservation,
            vial.reserved_by, tuple(dict.fromkeys(str(CAUSE_WORDS[hold.cause]) for hold in holds[vial.id])),
            vial.id in running,
        )
        for vial in vials
    }  # fmt: skip


def origins(batch_ids: Iterable[int]) -> dict[int, Obstacle | None]:
    """What speaks against the donor's determination or consent of each batch now, many at once."""
    donations = {batch.id: batch.donation for batch in at_hand(Batch, batch_ids)}
    act = session.registry().act
    found: dict[Any, Obstacle | None] = {} if act is None else act.memo
    keys = {donation.id: _as_it_stands(donation) for donation in donations.values()}
    missing = {donation_id for donation_id, key in keys.items() if key not in found}
    for donation_id, obstacle in (collection_rules.acceptable(missing) if missing else {}).items():
        found[keys[donation_id]] = obstacle
    return {batch_id: found[keys[donation.id]] for batch_id, donation in donations.items()}


def _as_it_stands(donation: Donation) -> tuple[Any, ...]:
    """A donation with the versions of what it rests on: the same judgement holds for one act."""
    upstream = (donation, donation.assessment, donation.consent)
    return ("origin", donation.id, *(getattr(thing, "version", None) for thing in upstream))


@once_an_act
def usable_facts(vials: list[Vial]) -> dict[int, VialFacts]:
    """What ``usable`` judges, for many vials at once."""
    holds = open_holds(vials)
    batches = {vial.batch_id: vial.batch for vial in vials}
    origin = origins(batches)
    return {
        vial.id: VialFacts(
            called=vial.called, condition=vial.condition, quality=vial.quality, reservation=vial.reservation,
            reserved_by=vial.reserved_by, exceptional_for=vial.exceptional_for_id,
            directed_to=batches[vial.batch_id].directed_to_id, is_in_stock=vial.position_id is not None,
            holds=tuple(hold.cause for hold in holds[vial.id]), expires_at=vial.expires_at,
            origin=origin[vial.batch_id],
        )
        for vial in vials
    }  # fmt: skip


def unfit_batches(batch_ids: Iterable[int]) -> list[int]:
    """The batches whose origin speaks against use now: what the SQL form of ``usable`` leaves out."""
    return [batch_id for batch_id, obstacle in origins(batch_ids).items() if obstacle is not None]


@last_use_check
def last_expiry(kind: str, codes: list[str]) -> dict[str, date]:
    """The last expiry of a vial made from the cells of these donors, or for these recipients."""
    whose: Any = Donor if kind == "donor" else Recipient
    held = select(whose.code, func.max(Vial.expires_on)).join(Batch, Batch.id == Vial.batch_id)
    if kind == "donor":
        held = held.join(Donation, Donation.id == Batch.donation_id).join(
            Donor, Donor.id == Donation.donor_id
        )
    else:
        held = held.join(Recipient, Recipient.id == Batch.directed_to_id)
    return dict(session.execute(held.where(any_of(whose.code, codes)).group_by(whose.code)).all())


for life in (CONDITION, QUALITY, RESERVATION):
    life.facts = life_facts
