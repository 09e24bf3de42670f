"""From thawed vials to what is given: opened at the first thaw, filled by two, labelled, discarded."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from mscbank.allocation import facts, stability
from mscbank.allocation.models import (
    Allocation,
    Diluent,
    Preparation,
    PreparationLabel,
    PreparationVial,
)
from mscbank.allocation.states import PREPARATION_LIFE, PREPARES, PreparationState
from mscbank.batch.models import MaterialLot
from mscbank.batch.rules import lot_unusable
from mscbank.core import acts, clock, messages, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import at_hand, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.i18n import _, n_
from mscbank.core.reading import once_an_act
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition
from mscbank.custody.usable import Use
from mscbank.custody.words import Scan

MOST_PRINTS = 28

NOT_OF_THIS = Refusal("preparation.not_of_this", "Vial %(vial)s was not thawed for this preparation.")
IN_ALREADY = Refusal("preparation.in_already", "Vial %(vial)s is in it already.")
IS_FINISHED = Refusal("preparation.finished", "It is finished: nothing is added to it any more.")
IS_OVER = Refusal(
    "preparation.over", "This preparation was given or discarded: nothing changes in it any more."
)
COUNTED = Refusal("preparation.counted", "It was counted already; a count is not overwritten.")
NOT_FINISHED = Refusal("preparation.not_finished", "Its label is printed when it is finished.", PREPARES)
NO_MORE_PRINTS = Refusal("preparation.no_more_prints", "28 labels were printed: no more are given.", Role.QA)
TOO_LITTLE = n_("Vials and diluents together hold %(most)s mL: a finished volume is not larger.")


def _still_open(p: Preparation, by: Principal) -> Obstacle | None:
    return None if p.state in (PreparationState.IN_MAKING, PreparationState.READY) else IS_OVER()


def _in_making(p: Preparation, by: Principal) -> Obstacle | None:
    if p.state is PreparationState.READY:
        return IS_FINISHED()
    return None if p.state is PreparationState.IN_MAKING else IS_OVER()


@once_an_act
def rows_of(p: Preparation) -> list[PreparationVial]:
    """The vials thawed for it."""
    return list(
        session.scalars(
            select(PreparationVial)
            .where(PreparationVial.preparation_id == p.id)
            .order_by(PreparationVial.number)
        )
    )


def diluents_of(p: Preparation) -> list[Diluent]:
    """What was added to it."""
    return list(
        session.scalars(select(Diluent).where(Diluent.preparation_id == p.id).order_by(Diluent.number))
    )


def vials_of(p: Preparation, **_inputs: Any) -> list[Vial]:
    """The vials of a preparation."""
    return at_hand(Vial, [row.vial_id for row in rows_of(p)])


# --- steps of an infusion: no role --------------------------------------------------------------


@action("preparation.open", creates="preparation")
def open_preparation(
    *, by: Principal, allocation: Allocation, made_where: str, first_thaw_at: datetime,
    as_happened: bool = False,
) -> Preparation:  # fmt: skip
    """Begin a preparation with the first thaw; its window runs from there."""
    minutes: int = parameters.value(stability.WINDOW)
    made = Preparation(
        code=new_code("preparation"), site=allocation.site, allocation=allocation, made_where=made_where,
        first_thaw_at=first_thaw_at, window_minutes=minutes,
        expires_at=max(stability.expiry(first_thaw_at, timedelta(minutes=minutes)), first_thaw_at),
        opened_by=by.login, as_happened=as_happened,
    )  # fmt: skip
    session.add(made)
    return made


@action("preparation.thawed", kind="preparation")
def thawed(p: Preparation, *, vials: list[Vial], at: datetime) -> None:
    """Vials were thawed for it; they still have to be put in."""
    last = session.scalar(
        select(func.max(PreparationVial.number)).where(PreparationVial.preparation_id == p.id)
    )
    for number, vial in enumerate(vials, start=(last or 0) + 1):
        session.add(
            PreparationVial(preparation=p, number=number, vial=vial, thawed_at=at, as_happened=p.as_happened)
        )


@does(PREPARATION_LIFE, "give")
def give(
    p: Preparation, *, by: Principal, given_ml: Decimal, residual_ml: Decimal, witness: str | None = None,
    method: str | None = None,
) -> None:  # fmt: skip
    """It was given; the residual is destroyed before a witness, and its vials are used up."""
    _given(p, by, given_ml, residual_ml, witness, method)


@does(PREPARATION_LIFE, "given_all_the_same")
def given_all_the_same(p: Preparation, *, by: Principal, given_ml: Decimal) -> None:
    """It was given past a gate."""
    _given(p, by, given_ml, Decimal(0), None, None)


def _given(
    p: Preparation, by: Principal, given: Decimal, residual: Decimal, witness: str | None, method: str | None
) -> None:
    p.given_ml, p.residual_ml = given, residual
    if residual > 0:
        p.discarded_by, p.discard_witness, p.discarded_at = by.login, witness, clock.now()
        p.discard_method = method
    inside = [vial for vial in vials_of(p) if vial.condition is Condition.IN_PREPARATION]
    custody.consume.each(inside, by=by, second=witness)


# --- made by people -----------------------------------------------------------------------------


def what_is_made(p: Preparation) -> dict[str, Any]:
    """What two people sign about, beside the vials: the preparation, for which prescription."""
    return {
        "preparation": p.code,
        "allocation": p.allocation.code,
        "recipient": p.allocation.recipient.code,
        "first_thaw_at": p.first_thaw_at,
    }


def _vial_locks(p: Preparation, **_inputs: Any) -> list[Any]:
    return custody.locks_of(vials_of(p))


@action(
    "preparation.add_vials", role=PREPARES, unless=_in_making, locks=_vial_locks,
    signs=("put in", "putting in checked"), by_badge=True, content=what_is_made,
)  # fmt: skip
def add_vials(p: Preparation, *, by: Principal, vials: list[Vial], scan: Scan = Scan.NONE) -> None:
    """Put thawed vials in; two people scan each."""
    second = acts.current().signers["putting in checked"]
    rows = {row.vial_id: row for row in rows_of(p)}
    if not vials:
        raise invalid(vials=["Scan the vials that are put in."])
    for vial in vials:
        row = rows.get(vial.id)
        if row is None:
            raise Refused(NOT_OF_THIS(vial=vial.called))
        if row.added_at is not None:
            raise Refused(IN_ALREADY(vial=vial.called))
    custody.must_be_usable(vials, Use.PREPARE, recipient=p.allocation.recipient, allocation=p.allocation.code)
    custody.into_preparation.each(vials, by=by, preparation=p.code, second=second, scan=scan)
    for vial in vials:
        row = rows[vial.id]
        row.added_by, row.added_at, row.checked_by = by.login, clock.now(), second


@action(
    "preparation.add_diluent", role=PREPARES, unless=_in_making, locks=lambda p, *, lot, **_: shared(lot),
)  # fmt: skip
def add_diluent(p: Preparation, *, by: Principal, lot: MaterialLot, volume_ml: Decimal) -> None:
    """Add a diluent, with its lot: released and in date."""
    now = acts.current().time
    if found := lot_unusable(lot, now, lot.zone):
        raise Refused(found)
    if volume_ml <= 0:
        raise invalid(volume_ml=["More than nothing."])
    last = diluents_of(p)
    session.add(
        Diluent(
            preparation=p, number=len(last) + 1, lot=lot, volume_ml=volume_ml, added_by=by.login, added_at=now
        )
    )


@does(PREPARATION_LIFE, "finish")
def finish(
    p: Preparation, *, by: Principal, volume_ml: Decimal, tnc_counted: int | None = None,
    viability_counted_percent: Decimal | None = None,
) -> None:  # fmt: skip
    """Finish it: the whole volume and, where it was counted, the cells in it."""
    most = sum((vial.volume_ml for vial in vials_of(p)), Decimal(0))
    most += sum((one.volume_ml for one in diluents_of(p)), Decimal(0))
    if not 0 < volume_ml <= most:
        raise invalid(volume_ml=[str(_(TOO_LITTLE, most=most))])
    p.volume_ml, p.finished_by, p.finished_at = volume_ml, by.login, clock.now()
    _count(p, tnc_counted, viability_counted_percent)


def _count(p: Preparation, tnc: int | None, viability: Decimal | None) -> None:
    if (tnc is None) != (viability is None):
        raise invalid(viability_counted_percent=["Cells and viability are counted together."])
    if viability is not None and not 0 <= viability <= 100:
        raise invalid(viability_counted_percent=["A viability lies between 0 and 100 %."])
    p.tnc_counted, p.viability_counted_percent = tnc, viability


def _countable(p: Preparation, by: Principal) -> Obstacle | None:
    if p.tnc_counted is not None:
        return COUNTED()
    return IS_OVER() if p.state is PreparationState.DISCARDED else None


@action("preparation.record_count", role=PREPARES, unless=_countable)
def record_count(p: Preparation, *, tnc_counted: int, viability_counted_percent: Decimal) -> None:
    """Record the count after the thaw, whenever the laboratory has it."""
    _count(p, tnc_counted, viability_counted_percent)


def _printable(p: Preparation, by: Principal) -> Obstacle | None:
    return NOT_FINISHED() if p.state is PreparationState.IN_MAKING else _still_open(p, by)


@action("preparation.print_label", role=PREPARES, unless=_printable)
def print_label(p: Preparation, *, by: Principal, reason: str | None = None) -> None:
    """Print its label; every further print needs a reason and has a number of its own."""
    last = session.scalar(
        select(func.max(PreparationLabel.print_number)).where(PreparationLabel.preparation_id == p.id)
    )
    number = (last or 0) + 1
    if number > MOST_PRINTS:
        raise Refused(NO_MORE_PRINTS())
    if number > 1 and not acts.reasoned(reason):
        raise invalid(reason=[acts.REASON_NEEDED])
    session.add(
        PreparationLabel(
            preparation=p, print_number=number, printed_by=by.login, printed_at=clock.now(), reason=reason
        )
    )


def _gone_vials(p: Preparation, **_inputs: Any) -> messages.Touched:
    return [(vial.kind, vial.code) for vial in vials_of(p)]


@does(
    PREPARATION_LIFE, "discard", by_badge=True, reason=True, content=what_is_made,
    announces={custody.VIAL_GONE: _gone_vials},
    locks=lambda p, **_: [p.allocation, *custody.locks_of(vials_of(p))],
)  # fmt: skip
def discard(p: Preparation, *, by: Principal, reason: str, method: str, waste_id: str) -> None:
    """Destroy it before a witness, with all its vials; what is thawed never returns to stock."""
    p.discarded_by, p.discard_witness = by.login, acts.current().signers["witnessed"]
    p.discarded_at, p.discard_method = clock.now(), f"{method}; waste {waste_id}"
    for vial in vials_of(p):
        if vial.condition in (Condition.THAWED, Condition.IN_PREPARATION):
            custody.destroy(vial, by=by, reason=reason, method=method, waste_id=waste_id)


PREPARATION_LIFE.facts = facts.preparation_facts
