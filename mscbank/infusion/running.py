"""While it runs: started, observed, interrupted, resumed, stopped."""

from decimal import Decimal

from sqlalchemy import func, select

from mscbank.allocation.stability import Light
from mscbank.collection.zones import civil
from mscbank.core import acts
from mscbank.core.access import Principal
from mscbank.core.acts import action, does
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, invalid
from mscbank.core.i18n import _, n_
from mscbank.infusion import facts, gates
from mscbank.infusion.models import (
    Infusion,
    Moment,
    Observation,
    Pause,
)
from mscbank.infusion.states import LIFE, WARD, State

IS_CANCELLED = Refusal("infusion.cancelled", "This infusion was cancelled.")
MORE_THAN_THERE_IS = n_("Between 0 and the %(most)s mL that were prepared.")


@does(LIFE, "start", locks=gates.with_deviation)
def start(one: Infusion, *, by: Principal) -> None:
    """Start; window, count and every hold that arrived since the thaw are judged now."""
    found = facts.facts([one])[one.id]
    one.started_at = gates.not_before(acts.current().time, one.thawed_at)
    one.started_by = by.login
    one.infused_on = civil(one.started_at, one.zone)
    one.volume_to_give_ml = facts.volume_to_give(one, facts.preparations_of(one))
    acts.current().note(light=str(found.light), minutes_since_thaw=found.elapsed_minutes)
    if found.light is not Light.GREEN:
        gates.deviate(
            one, by, "The infusion ends outside the stability window",
            f"{found.elapsed_minutes} minutes after the first thaw, planned for {one.planned_minutes} "
            f"minutes, limit {found.window_minutes} minutes",
            "started by joint decision" if found.light is Light.RED else "started within the window",
        )  # fmt: skip


def prepared_ml(one: Infusion) -> Decimal:
    """The whole volume of what was prepared."""
    return sum((p.volume_ml for p in facts.preparations_of(one) if p.volume_ml is not None), Decimal(0))


def at_most_prepared(one: Infusion, given_ml: Decimal, field: str) -> None:
    """A volume given is not negative, and not more than was prepared."""
    most = prepared_ml(one)
    if not 0 <= given_ml <= most:
        raise invalid(**{field: [str(_(MORE_THAN_THERE_IS, most=most))]})


@does(LIFE, "interrupt")
def interrupt(one: Infusion, *, by: Principal, why: str, given_ml: Decimal) -> None:
    """Interrupt it, with what was given so far."""
    at_most_prepared(one, given_ml, "given_ml")
    session.add(
        Pause(
            infusion=one, number=len(one.pauses) + 1, paused_at=acts.current().time, paused_by=by.login,
            why=why, given_ml=given_ml,
        )
    )  # fmt: skip


@does(LIFE, "resume", locks=gates.read_again)
def resume(one: Infusion, *, by: Principal) -> None:
    """Go on."""
    _close_pause(one, by)


def _close_pause(one: Infusion, by: Principal) -> None:
    last = session.scalar(
        select(Pause).where(Pause.infusion_id == one.id, Pause.resumed_at.is_(None)).order_by(Pause.number)
    )
    if last is not None:
        last.resumed_at, last.resumed_by = acts.current().time, by.login


@does(LIFE, "stop")
def stop(one: Infusion, *, by: Principal, why: str, given_ml: Decimal) -> None:
    """Stop it for good, with what was given."""
    at_most_prepared(one, given_ml, "given_ml")
    one.volume_given_ml, one.stop_reason = given_ml, why
    one.ended_at, one.ended_by = gates.not_before(acts.current().time, one.started_at), by.login


def _observable(one: Infusion, by: Principal) -> Obstacle | None:
    return IS_CANCELLED() if one.state is State.CANCELLED else None


@action("infusion.observe", role=WARD, unless=_observable)
def observe(
    one: Infusion, *, by: Principal, moment: Moment, pulse: int | None = None, systolic: int | None = None,
    diastolic: int | None = None, temperature_c: Decimal | None = None, saturation_percent: int | None = None,
    rate_ml_per_min: Decimal | None = None, note: str | None = None,
) -> None:  # fmt: skip
    """Record vital signs before, during or after; nothing is overwritten."""
    values = (pulse, systolic, diastolic, temperature_c, saturation_percent, rate_ml_per_min, note)
    if all(value is None for value in values):
        raise invalid(note=["Record at least one value or a note."])
    if (systolic is None) != (diastolic is None):
        raise invalid(diastolic=["A blood pressure has two values."])
    last = session.scalar(select(func.max(Observation.number)).where(Observation.infusion_id == one.id))
    session.add(
        Observation(
            infusion=one, number=(last or 0) + 1, moment=moment, observed_at=acts.current().time,
            observed_by=by.login, pulse=pulse, systolic=systolic, diastolic=diastolic,
            temperature_c=temperature_c, saturation_percent=saturation_percent,
            rate_ml_per_min=rate_ml_per_min, note=note,
        )
    )  # fmt: skip
