"""The end of an infusion: what was delivered, the vials used up, the residual destroyed by two."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mscbank.allocation import actions as allocations
from mscbank.allocation import dose, preparing, signed
from mscbank.allocation import facts as allocation_facts
from mscbank.allocation.models import Preparation
from mscbank.core import acts, messages
from mscbank.core.access import Principal
from mscbank.core.acts import does
from mscbank.core.db import session
from mscbank.core.errors import invalid
from mscbank.core.messages import Touched
from mscbank.core.types import decimal_of
from mscbank.custody import actions as custody
from mscbank.infusion import facts, gates, running
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import LIFE

COMPLETED = messages.announcement(
    "infusion.completed", "An infusion is complete; touched are the infusion and its recipient."
)


def touched_by(one: Infusion, **_inputs: Any) -> Touched:
    """The infusion and its patient."""
    return [("infusion", one.code), ("recipient", one.recipient.code)]


def split(given_ml: Decimal, volumes: Iterable[Decimal]) -> list[Decimal]:
    """How much of each preparation was given, one after the other in their order (mL)."""
    left, found = given_ml, []
    for volume in volumes:
        found.append(min(left, volume))
        left -= found[-1]
    return found


def _viable_in(p: Preparation, each: dict[str, Fraction]) -> tuple[Fraction, bool]:
    """Viable cells in a preparation: as counted after the thaw, else as planned from the test vial."""
    if p.tnc_counted is not None and p.viability_counted_percent is not None:
        return p.tnc_counted * dose.share_of(p.viability_counted_percent), True
    return sum((each.get(vial.code, Fraction(0)) for vial in preparing.vials_of(p)), Fraction(0)), False


def delivered(one: Infusion, given: list[tuple[Preparation, Decimal]]) -> tuple[Fraction, bool]:
    """Viable cells that reached the patient, and whether every preparation was counted."""
    worked = allocation_facts.worked(one.allocation)
    each = dict(worked.viable) if worked else {}
    total, is_measured = Fraction(0), True
    for p, ml in given:
        viable, counted = _viable_in(p, each)
        is_measured &= counted
        total += viable * Fraction(ml) / Fraction(p.volume_ml) if p.volume_ml else Fraction(0)
    return total, is_measured and bool(given)


def _ends(one: Infusion, **_inputs: Any) -> list[Any]:
    prepared = facts.preparations_of(one)
    return [
        one.allocation, *prepared, *gates.with_deviation(one), *signed.with_vials(one.allocation),
        *custody.locks_of(gates.vials_in(prepared)),
    ]  # fmt: skip


@does(
    LIFE, "complete", by_badge=True, locks=_ends, content=gates.what_is_given,
    announces={COMPLETED: touched_by},
)  # fmt: skip
def complete(
    one: Infusion, *, by: Principal, given_ml: Decimal, residual_method: str | None = None,
    reaction: str | None = None,
) -> None:  # fmt: skip
    """Close the record: the dose that was delivered, the vials used up, the residual destroyed by two."""
    running.at_most_prepared(one, given_ml, "given_ml")
    witness = acts.current().signers["residual witnessed"]
    prepared = facts.preparations_of(one)
    volumes = [p.volume_ml or Decimal(0) for p in prepared]
    shares = list(zip(prepared, split(given_ml, volumes), strict=True))
    if given_ml < sum(volumes, Decimal(0)) and not residual_method:
        raise invalid(residual_method=["Say how the residual was destroyed."])
    viable, is_measured = delivered(one, shares)
    for p, ml in shares:
        preparing.give(
            p, by=by, given_ml=ml, residual_ml=(p.volume_ml or Decimal(0)) - ml, witness=witness,
            method=residual_method,
        )  # fmt: skip
    if one.ended_at is None:
        one.ended_at, one.ended_by = gates.not_before(acts.current().time, one.started_at), by.login
    one.volume_given_ml, one.reaction = given_ml, reaction
    one.delivered_viable, one.is_measured = decimal_of(viable, 3), is_measured
    _judge_window(one, by, prepared)
    session.flush()
    allocations.complete(one.allocation, by=by)
    messages.announce(COMPLETED, touched=touched_by(one))


def _judge_window(one: Infusion, by: Principal, prepared: list[Preparation]) -> None:
    """An end outside the stability window is a deviation, unless the start was one already."""
    end = min((p.expires_at for p in prepared), default=None)
    if end is None or one.ended_at is None or one.ended_at <= end or one.window_decided_at is not None:
        return
    gates.deviate(
        one, by, "The infusion ended outside the stability window",
        f"ended at {one.ended_at:%H:%M} UTC, the preparation expired at {end:%H:%M} UTC", "patient observed",
    )  # fmt: skip
