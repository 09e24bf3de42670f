"""What people do with a batch: plan, start, seed, harvest, check, close. Materials stand in ``materials``."""

from datetime import datetime
from typing import Any

from mscbank.batch import rules
from mscbank.batch.counting import add_passage, check_count, correct_count, harvest_passage, not_future
from mscbank.batch.gates import (
    DONATION_NOT_ACCEPTED,
    LINK_NOT_VERIFIED,
    SPECIFICATION_NOT_APPROVED,
)
from mscbank.batch.materials import (
    correct_lot,
    receive,
    record_use_as_happened,
    reject,
    release,
    strike_use,
    use_material,
)
from mscbank.batch.models import Batch
from mscbank.batch.states import BATCH, BatchState
from mscbank.collection.models import Donation
from mscbank.collection.states import DonationState
from mscbank.core import acts, clock, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused
from mscbank.family.models import FamilyLink, Recipient
from mscbank.family.rules import donor_consents, recipient_consents, verified_link
from mscbank.study.models import Protocol, Specification
from mscbank.study.states import SpecificationState

__all__ = [
    "abandon",
    "add_passage",
    "cancel",
    "check_count",
    "correct_count",
    "correct_lot",
    "cryopreserve",
    "harvest",
    "harvest_passage",
    "plan",
    "receive",
    "record_use_as_happened",
    "redirect",
    "reject",
    "release",
    "replan",
    "start",
    "strike_use",
    "use_material",
]

REDIRECTED = messages.announcement(
    "batch.redirected", "A batch is directed to another relative; touched is the batch."
)
OTHER_PROTOCOL = Refusal(
    "batch.other_protocol", "The specification %(name)s belongs to another protocol.", Role.QA
)
NOT_PLANNED = Refusal("batch.not_planned", "The culture has begun: what it is made of no longer changes.")
BATCH_OVER = Refusal("batch.over", "The batch was given up: it is for nobody.", Role.QA)
SAME_RECIPIENT = Refusal("batch.same_recipient", "The batch is directed to this recipient already.")

BATCH.facts = rules.batch_facts


def _link(donation: Donation, recipient: Recipient) -> FamilyLink:
    found = verified_link(donation.donor, recipient)
    if found is None:
        raise Refused(LINK_NOT_VERIFIED())
    return found


def _fits(specification: Specification, protocol: Protocol) -> None:
    if specification.state is not SpecificationState.APPROVED:
        raise Refused(SPECIFICATION_NOT_APPROVED(name=specification.called))
    if specification.protocol_id != protocol.id:
        raise Refused(OTHER_PROTOCOL(name=specification.called))


def _family(donation: Donation, recipient: Recipient) -> list[Any]:
    """What family says about the two: read only, and not changed while it is judged."""
    consents = donor_consents([donation.donor_id]).get((donation.donor_id, recipient.id), [])
    own = recipient_consents([recipient.id]).get(recipient.id, [])
    return [recipient, verified_link(donation.donor, recipient), *consents, *own]


def _directed(donation: Donation, recipient: Recipient) -> None:
    if (found := rules.directed_obstacles([(donation, recipient)])[(donation.id, recipient.id)]) is not None:
        raise Refused(found)


@action(
    "batch.plan",
    role=Role.LAB_TECH,
    creates="batch",
    locks=lambda *, donation, protocol, specification, directed_to, **_: shared(
        donation,
        donation.assessment,
        protocol,
        specification,
        *_family(donation, directed_to),
    ),
)
def plan(
    *,
    by: Principal,
    donation: Donation,
    protocol: Protocol,
    specification: Specification,
    directed_to: Recipient,
) -> Batch:
    """Plan a culture from one accepted donation for one relative of the donor."""
    if donation.state is not DonationState.ACCEPTED:
        raise Refused(DONATION_NOT_ACCEPTED(din=donation.din))
    link = _link(donation, directed_to)
    _fits(specification, protocol)
    _directed(donation, directed_to)
    made = Batch(
        code=new_code("batch"),
        site=donation.site,
        donation=donation,
        protocol=protocol,
        specification=specification,
        directed_to=directed_to,
        link=link,
        planned_by=by.login,
        planned_at=clock.now(),
        zone=donation.zone,
    )
    session.add(made)
    acts.current().touch(donation, directed_to)
    return made


def _tell_family(batch: Batch) -> None:
    """Show the act in the history of the marrow and of the recipient too."""
    acts.current().touch(batch.donation, batch.directed_to)


def _planned(batch: Batch, by: Principal) -> Obstacle | None:
    return None if batch.state is BatchState.PLANNED else NOT_PLANNED()


@action(
    "batch.replan",
    role=Role.LAB_TECH,
    kind="batch",
    reason=True,
    unless=_planned,
    locks=lambda batch, *, specification: shared(batch.protocol, specification),
)
def replan(batch: Batch, *, specification: Specification) -> None:
    """Choose another edition of the specification before the culture begins."""
    _fits(specification, batch.protocol)
    batch.specification = specification


def _upstream(batch: Batch, **_inputs: Any) -> list[Any]:
    donation = batch.donation
    return shared(
        donation,
        donation.assessment,
        donation.consent,
        batch.specification,
        batch.protocol,
        batch.link,
        *_family(donation, batch.directed_to),
    )


@does(BATCH, "start", locks=_upstream)
def start(batch: Batch, *, by: Principal, started_at: datetime | None = None) -> None:
    """Put the cells into culture; from here donation, protocol and specification are frozen."""
    when = not_future("started_at", started_at, batch.donation.ended_at)
    batch.started_by, batch.started_at = by.login, when
    acts.current().note(specification=batch.specification.called)
    _tell_family(batch)


@does(BATCH, "harvest")
def harvest(batch: Batch, *, by: Principal) -> None:
    """Close the culture: the last passage is harvested and ready to be filled."""
    batch.harvested_by, batch.harvested_at = by.login, batch.passages[-1].harvested_at
    _tell_family(batch)


@does(BATCH, "cryopreserve")
def cryopreserve(batch: Batch, *, by: Principal) -> None:
    """Close the fill: every vial is accounted for and in the cold."""
    batch.frozen_by, batch.frozen_at = by.login, clock.now()
    _tell_family(batch)


@does(BATCH, "cancel", reason=True)
def cancel(batch: Batch, *, reason: str) -> None:
    """Give up the plan."""
    batch.ended_because = reason
    _tell_family(batch)


def what_is_given_up(batch: Batch) -> dict[str, Any]:
    """What quality assurance signs when a batch is given up."""
    return {
        "batch": batch.code,
        "donation": batch.donation.code,
        "directed_to": batch.directed_to.code,
        "passages": [[p.number, p.seeded_cells, p.harvested_cells] for p in batch.passages],
    }


@does(BATCH, "abandon", reason=True, content=what_is_given_up)
def abandon(batch: Batch, *, reason: str) -> None:
    """Give up a culture that has begun; nothing of it is used."""
    batch.ended_because = reason
    _tell_family(batch)


@action(
    "batch.redirect",
    kind="batch",
    reason=True,
    locks=lambda batch, *, recipient: shared(
        batch.donation, batch.donation.assessment, *_family(batch.donation, recipient)
    ),
    announces={REDIRECTED: lambda batch, **_: [(batch.kind, batch.code)]},
)
def redirect(batch: Batch, *, recipient: Recipient) -> None:
    """Direct the batch to another relative of the donor; only as part of a re-direction (invariant 14)."""
    if batch.state in (BatchState.CANCELLED, BatchState.ABANDONED):
        raise Refused(BATCH_OVER())
    if recipient.id == batch.directed_to_id:
        raise Refused(SAME_RECIPIENT())
    link = _link(batch.donation, recipient)
    _directed(batch.donation, recipient)
    acts.current().touch(batch.donation, batch.directed_to, recipient)
    batch.directed_to, batch.link = recipient, link
    session.flush()
    messages.announce(REDIRECTED, touched=[(batch.kind, batch.code)], recipient=recipient.code)
