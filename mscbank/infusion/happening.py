"""What was infused past a gate: recordable always, with two witnesses, and marked for ever."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from mscbank.allocation import actions as allocations
from mscbank.allocation import facts as allocation_facts
from mscbank.allocation import held, preparing
from mscbank.allocation.models import Allocation, Preparation, PreparationVial
from mscbank.allocation.states import PreparationState
from mscbank.collection.zones import civil
from mscbank.core import acts, clock, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.codes import new_code
from mscbank.core.db import any_of, session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.messages import Touched
from mscbank.core.types import decimal_of
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity
from mscbank.family.models import Recipient
from mscbank.infusion import completing, facts, readying
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import BEFORE, LIFE, State
from mscbank.study.models import Protocol

AS_HAPPENED = messages.announcement(
    "infusion.as_happened",
    "An infusion happened past a gate and was recorded; touched are the infusion and its recipient.",
)
ONE_BATCH = Refusal(
    "infusion.one_batch", "Vial %(vial)s is of another batch: record each batch by itself.", Role.PHARMACIST
)
OTHER_PRESCRIPTION = Refusal(
    "infusion.other_prescription", "Prescription %(code)s is of another patient, protocol or batch."
)
RUNS = Refusal("infusion.runs", "Infusion %(code)s of this prescription has started: complete it there.")


@does(LIFE, "happened")
def happened(
    one: Infusion, *, by: Principal, started_at: datetime, ended_at: datetime, given_ml: Decimal | None,
    delivered_viable: Decimal, gate: str, source_document: str,
) -> None:  # fmt: skip
    """It was given past a gate; this is its record, marked for ever."""
    one.as_happened, one.gate_passed, one.source_document = True, gate, source_document
    one.started_at, one.started_by = started_at, by.login
    one.infused_on = civil(started_at, one.zone)
    one.ended_at, one.ended_by = ended_at, by.login
    one.volume_given_ml, one.delivered_viable = given_ml, delivered_viable


def _planned_for(allocation: Allocation | None) -> Infusion | None:
    """The infusion of a prescription that is not over, if one was planned."""
    if allocation is None:
        return None
    over = (State.CANCELLED, State.COMPLETED)
    return session.scalar(
        select(Infusion).where(Infusion.allocation_id == allocation.id, Infusion.state.not_in(over))
    )


def _existing(vials: list[Vial]) -> dict[int, Preparation]:
    """The preparation in which each vial stands, if any."""
    rows = session.scalars(
        select(PreparationVial).where(any_of(PreparationVial.vial_id, [vial.id for vial in vials]))
    )
    return {row.vial_id: row.preparation for row in rows}


def _happened_locks(
    *,
    recipient: Recipient,
    protocol: Protocol,
    vials: list[Vial],
    allocation: Allocation | None = None,
    **_: Any,
) -> list[Any]:
    planned = _planned_for(allocation)
    made = set(_existing(vials).values())
    linked = set(facts.preparations_of(planned)) if planned else set()
    names = [(vial.kind, vial.code) for vial in vials]
    found: list[Any] = [
        *vials, *made, *linked, *deviations.opening_locks([*vials, planned]),
        *messages.consequence_locks(custody.AS_HAPPENED, names),
        *messages.consequence_locks(custody.VIAL_GONE, names),
    ]  # fmt: skip
    if allocation is not None:
        found += [allocation, planned, *held.vials_of(allocation)]
    return [*found, *acts.shared(recipient, protocol)]


def _touched_people(*, recipient: Recipient, **_inputs: Any) -> Touched:
    return [("recipient", recipient.code)]


@action(
    "infusion.record_as_happened", role=(Role.NURSE, Role.PHARMACIST, Role.INVESTIGATOR, Role.QA),
    creates="infusion", reason=True, locks=_happened_locks, announces={AS_HAPPENED: _touched_people},
    signs=("witnessed as happened", "witnessed too"), by_badge=True,
)  # fmt: skip
def record_as_happened(
    *, by: Principal, reason: str, recipient: Recipient, protocol: Protocol, vials: list[Vial],
    started_at: datetime, ended_at: datetime, ward: str, gate: str, source_document: str,
    given_ml: Decimal | None = None, allocation: Allocation | None = None,
) -> Infusion:  # fmt: skip
    """Record an infusion that has happened all the same, past the gate that should have stopped it."""
    if not started_at <= ended_at <= clock.now():
        raise invalid(ended_at=["It ends after it started, and not in the future."])
    batch = _one_batch(vials)
    if allocation is None:
        allocation = allocations.draft_as_happened(
            by=by, recipient=recipient, protocol=protocol, batch=batch, gate=gate,
            happened_on=civil(started_at, protocol.infusion_zone), source_document=source_document,
        )  # fmt: skip
    belongs = (allocation.recipient_id, allocation.protocol_id, allocation.batch_id)
    if belongs != (recipient.id, protocol.id, batch.id):
        raise Refused(OTHER_PRESCRIPTION(code=allocation.code))
    one = _planned_for(allocation) or _made(by, allocation, started_at, ended_at, ward)
    if one.state not in BEFORE:
        raise Refused(RUNS(code=one.code))
    worked = allocation_facts.worked(allocation)
    viable = (
        sum((worked.viable.get(v.code, Fraction(0)) for v in vials), Fraction(0)) if worked else Fraction(0)
    )
    _use_up(one, by, reason, vials, started_at, gate, source_document)
    happened(
        one, by=by, started_at=started_at, ended_at=ended_at, given_ml=given_ml, gate=gate,
        delivered_viable=decimal_of(viable, 3), source_document=source_document,
    )  # fmt: skip
    allocations.happened(allocation, by=by, gate=gate, source_document=source_document)
    acts.current().note(
        gate_passed=gate, source_document=source_document, witnesses=sorted(acts.current().signers.values())
    )
    deviations.open_classified(
        by=by, subjects=[one], severity=Severity.CRITICAL, title=f"Infused past the gate: {gate}"[:200],
        description=reason, occurred_at=started_at,
        immediate_action=f"Recorded with two witnesses from {source_document}",
    )  # fmt: skip
    messages.announce(AS_HAPPENED, touched=completing.touched_by(one), gate=gate, occurred_at=started_at)
    return one


def _one_batch(vials: list[Vial]) -> Any:
    if not vials:
        raise invalid(vials=["Say which vials were given."])
    for vial in vials:
        if vial.batch_id != vials[0].batch_id:
            raise Refused(ONE_BATCH(vial=vial.called))
    return vials[0].batch


def _made(by: Principal, a: Allocation, started_at: datetime, ended_at: datetime, ward: str) -> Infusion:
    minutes = max(1, int((ended_at - started_at).total_seconds()) // 60)
    made = Infusion(
        code=new_code("infusion"), site=a.site, allocation=a, recipient=a.recipient, protocol=a.protocol,
        planned_on=civil(started_at, a.protocol.infusion_zone), planned_minutes=min(minutes, 1440),
        ward=ward, zone=a.protocol.infusion_zone, planned_by=by.login, as_happened=True,
        gate_passed="recorded afterwards",
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _use_up(
    one: Infusion, by: Principal, reason: str, vials: list[Vial], at: datetime, gate: str, source: str
) -> None:
    """Every vial is infused, out of the preparation in which it stands or out of one made for the record."""
    made = _existing(vials)
    loose = [vial for vial in vials if vial.id not in made]
    if loose:
        fresh: Preparation = preparing.open_preparation(
            by=by, allocation=one.allocation, made_where=one.ward, as_happened=True,
            first_thaw_at=min((v.thawed_at for v in loose if v.thawed_at), default=at),
        )  # fmt: skip
        preparing.thawed(fresh, by=by, vials=loose, at=at)
        made |= {vial.id: fresh for vial in loose}
    for vial in vials:
        if vial.condition is not Condition.IN_PREPARATION:
            custody.record_as_happened(
                vial, by=by, reason=reason, became=Condition.INFUSED, occurred_at=at, source_document=source,
                gate=gate,
            )  # fmt: skip
    linked = {row.preparation_id for row in facts.links_of([one])[one.id]}
    for p in dict.fromkeys(made.values()):
        if p.id not in linked:
            readying.link(one, p)
        if p.state in (PreparationState.IN_MAKING, PreparationState.READY):
            preparing.given_all_the_same(p, by=by, given_ml=p.volume_ml or Decimal(0))
