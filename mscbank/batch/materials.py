"""What people do with material lots: take in, release, reject; and their use in a batch (D §4.1)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from mscbank.batch.models import Batch, Material, MaterialLot, MaterialUse, Step
from mscbank.batch.rules import lot_facts, lot_unusable
from mscbank.batch.states import MATERIAL_LOT, BatchState, LotState
from mscbank.collection.zones import civil, zone_at
from mscbank.core import acts, clock, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.core.messages import Touched
from mscbank.deviation.actions import open_classified, opening_locks
from mscbank.deviation.severity import Severity

LOT_REJECTED = messages.announcement(
    "material_lot.rejected", "A lot that was in use was rejected; touched are the batches that hold it."
)
WORK = (BatchState.IN_CULTURE, BatchState.HARVESTED)

LOT_SETTLED = Refusal(
    "batch.lot_rejected", "The lot is rejected: nothing about it changes any more.", Role.QA
)
NOT_IN_WORK = Refusal(
    "batch.not_in_work", "Materials are used while the batch is in culture or being filled.", Role.LAB_TECH
)
USED_UP = Refusal(
    "batch.lot_used_up",
    "Of the lot %(lot)s only %(left)s %(unit)s are left. Look whether the right lot was scanned.",
    Role.LAB_TECH,
)
NO_SUCH_USE = Refusal("batch.no_such_use", "Use %(number)s is not recorded, or was struck out already.")

MATERIAL_LOT.facts = lot_facts


def only_site(by: Principal) -> str | None:
    """The one site at which somebody works, if it is one."""
    sites = {grant.site for grant in by.grants}
    return sites.pop() if len(sites) == 1 else None


@action("material_lot.receive", role=(Role.LAB_TECH, Role.QA), creates="material_lot")
def receive(
    *,
    by: Principal,
    material: Material,
    name: str,
    supplier: str,
    supplier_lot: str,
    expires_on: date,
    unit: str,
    quantity: Decimal | None = None,
    catalogue_number: str | None = None,
    certificate: str | None = None,
    pool_size: int | None = None,
    pathogen_inactivated: bool | None = None,
) -> MaterialLot:
    """Take a delivery of one supplier's lot in; it waits in quarantine for its release."""
    if material is Material.PLATELET_LYSATE:
        faults: dict[str, Any] = {}
        if pool_size is None:
            faults["pool_size"] = [_("Platelet lysate is a pooled human product: say how many donations.")]
        if pathogen_inactivated is None:
            faults["pathogen_inactivated"] = [_("Say whether pathogens were inactivated.")]
        if faults:
            raise invalid(**faults)
    site = only_site(by)
    made = MaterialLot(
        code=new_code("material_lot"),
        site=site,
        material=material,
        name=name,
        supplier=supplier,
        supplier_lot=supplier_lot,
        catalogue_number=catalogue_number,
        expires_on=expires_on,
        zone=zone_at(site),
        quantity=quantity,
        unit=unit,
        pool_size=pool_size,
        pathogen_inactivated=pathogen_inactivated,
        certificate=certificate,
        received_by=by.login,
        received_at=clock.now(),
    )
    session.add(made)
    return made


def _settled(lot: MaterialLot, by: Principal) -> Obstacle | None:
    return LOT_SETTLED() if lot.state is LotState.REJECTED else None


@action(
    "material_lot.correct", role=(Role.LAB_TECH, Role.QA), kind="material_lot", reason=True, unless=_settled
)
def correct_lot(
    lot: MaterialLot,
    *,
    certificate: str | None = None,
    expires_on: date | None = None,
    quantity: Decimal | None = None,
) -> None:
    """Add the certificate, or correct expiry or quantity as the supplier's papers say."""
    if certificate is not None:
        lot.certificate = certificate
    if expires_on is not None:
        lot.expires_on = expires_on
    if quantity is not None:
        lot.quantity = quantity


def _judge(lot: MaterialLot, by: Principal) -> None:
    lot.judged_by, lot.judged_at = by.login, clock.now()


@does(MATERIAL_LOT, "release")
def release(lot: MaterialLot, *, by: Principal) -> None:
    """Release the lot for use in manufacture."""
    _judge(lot, by)


def batches_with(lot: MaterialLot) -> list[Batch]:
    """The batches in which a lot was used."""
    statement = (
        select(Batch).join(MaterialUse).where(MaterialUse.lot_id == lot.id, MaterialUse.struck_at.is_(None))
    )
    return list(session.scalars(statement.distinct().order_by(Batch.id)))


def _holding(lot: MaterialLot, **_inputs: Any) -> Touched:
    return [(batch.kind, batch.code) for batch in batches_with(lot)]


@does(MATERIAL_LOT, "reject", reason=True, announces={LOT_REJECTED: _holding})
def reject(lot: MaterialLot, *, by: Principal) -> None:
    """Reject the lot; from here it cannot be used, and the batches that hold it are named."""
    _judge(lot, by)
    if touched := _holding(lot):
        messages.announce(LOT_REJECTED, touched=touched, lot=lot.code)


def not_in_work(batch: Batch, by: Principal) -> Obstacle | None:
    """Materials go into a culture, or into its fill."""
    return None if batch.state in WORK else NOT_IN_WORK()


def left_of(lot: MaterialLot) -> Decimal | None:
    """How much of a lot is left, where its quantity was counted."""
    if lot.quantity is None:
        return None
    used = select(MaterialUse.quantity).where(MaterialUse.lot_id == lot.id, MaterialUse.struck_at.is_(None))
    return lot.quantity - sum(session.scalars(used), Decimal(0))


def _use(
    batch: Batch,
    by: Principal,
    lot: MaterialLot,
    quantity: Decimal,
    step: Step,
    passage_number: int | None,
    used_at: datetime | None,
    source_document: str | None = None,
) -> MaterialUse:
    when = used_at or clock.now()
    if when > clock.now():
        raise invalid(used_at=["This lies in the future."])
    if batch.started_at is not None and when < batch.started_at:
        raise invalid(used_at=["The culture had not begun then."])
    if quantity <= 0:
        raise invalid(quantity=["More than nothing."])
    if passage_number is not None and passage_number not in {p.number for p in batch.passages}:
        raise invalid(passage_number=["This passage is not recorded."])
    return MaterialUse(
        number=max((use.number for use in batch.uses), default=0) + 1,
        lot=lot,
        step=step,
        passage_number=passage_number,
        quantity=quantity,
        unit=lot.unit,
        used_at=when,
        used_on=civil(when, batch.zone),
        used_by=by.login,
        as_happened=source_document is not None,
        source_document=source_document,
    )


@action(
    "batch.use_material",
    role=Role.LAB_TECH,
    kind="batch",
    unless=not_in_work,
    locks=lambda batch, *, lot, **_: [lot],
)
def use_material(
    batch: Batch,
    *,
    by: Principal,
    lot: MaterialLot,
    quantity: Decimal,
    step: Step,
    passage_number: int | None = None,
    used_at: datetime | None = None,
) -> None:
    """Record the use of a scanned lot; a lot past expiry, in quarantine or rejected is refused."""
    made = _use(batch, by, lot, quantity, step, passage_number, used_at)
    if (found := lot_unusable(lot, made.used_at, batch.zone)) is not None:
        raise Refused(found)
    left = left_of(lot)
    if left is not None and quantity > left:
        raise Refused(USED_UP(lot=lot.called, left=left, unit=lot.unit))
    batch.uses.append(made)


@action(
    "batch.record_use_as_happened",
    role=(Role.LAB_TECH, Role.QA),
    kind="batch",
    reason=True,
    locks=lambda batch, *, lot, **_: [*shared(lot), *opening_locks([batch, lot])],
    signs=("recorded as it happened", "witness"),
    by_badge=True,
)
def record_use_as_happened(
    batch: Batch,
    *,
    by: Principal,
    reason: str,
    lot: MaterialLot,
    quantity: Decimal,
    step: Step,
    used_at: datetime,
    source_document: str,
    passage_number: int | None = None,
) -> None:
    """Record that a lot was used although it should not have been; it opens a critical deviation."""
    made = _use(batch, by, lot, quantity, step, passage_number, used_at, source_document)
    found = lot_unusable(lot, made.used_at, batch.zone)
    acts.current().note(gate_passed=[found.code] if found else [])
    batch.uses.append(made)
    open_classified(
        by=by,
        subjects=[batch, lot],
        severity=Severity.CRITICAL,
        title=f"Material used outside the gate: {lot.called}",
        description="\n".join([reason, *([str(found.sentence)] if found else [])]),
        occurred_at=used_at,
        immediate_action=f"Recorded from {source_document}.",
    )


@action("batch.strike_use", role=Role.LAB_TECH, kind="batch", reason=True, unless=not_in_work)
def strike_use(batch: Batch, *, by: Principal, number: int) -> None:
    """Strike out a use that was entered by mistake; it stays readable."""
    use = next((u for u in batch.uses if u.number == number and u.struck_at is None), None)
    if use is None:
        raise Refused(NO_SUCH_USE(number=number))
    use.struck_by, use.struck_at = by.login, clock.now()
