"""The infusion for people: the clock and what was checked on the left, the next step on the right."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

from flask import url_for
from sqlalchemy import select

from mscbank.allocation import dose, preparing
from mscbank.allocation import facts as allocation_facts
from mscbank.allocation.deciding import in_season
from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.showing import against, millions, per_kg_words
from mscbank.allocation.stability import elapsed, minutes_left
from mscbank.allocation.states import PREPARATION_LIFE
from mscbank.allocation.states import State as AllocationState
from mscbank.core import clock, codes
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.i18n import _
from mscbank.core.types import decimal_of
from mscbank.core.web.filters import day, kg, local, num, percent, person
from mscbank.core.web.pages import Pages
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition
from mscbank.infusion import actions, bedside, facts, readying, rules, schemas
from mscbank.infusion.models import Infusion
from mscbank.infusion.schemas import MOMENT_WORDS
from mscbank.infusion.states import BEFORE, LIFE, RUNNING, State

NEXT: dict[State, tuple[str, ...]] = {
    State.PLANNED: ("confirm_ready",),
    State.READY: ("check", "thaw"),
    State.CHECKED: ("start",),
    State.STARTED: ("complete", "observe"),
    State.INTERRUPTED: ("resume", "stop"),
    State.STOPPED: ("complete",),
    State.COMPLETED: ("observe",),
}
"""What a state waits for."""
OUT_OF_SEASON = frozenset(
    refusal.code
    for refusal in (
        bedside.NOT_LOW, bedside.NOT_OUTSIDE, readying.IS_CANCELLED, readying.NOT_PLANNED,
        readying.NO_THAW_NOW,
    )
)  # fmt: skip


def _context(one: Infusion, by: Principal) -> dict[str, Any]:
    judged = facts.facts([one])[one.id]
    prepared = facts.preparations_of(one)
    return {
        "doing": _doing(one, by, prepared),
        "small": [str(_("prescription %(code)s", code=one.allocation.code)), one.ward],
        "prescription_url": url_for("allocations.show", code=one.allocation.code),
        "clock": _clock(one, prepared), "ready": _ready(one, judged), "dose": _dose(one, prepared),
        "against": against(judged.standing) if one.state in (*BEFORE, *RUNNING) else [],
        "checks": _checks(one), "prepared": _prepared(one), "observed": _observed(one),
        "pauses": _pauses(one),
        "waits_for": [] if one.state is not State.PLANNED else _waits(judged),
        "happened": one.as_happened, "gate": one.gate_passed, "source": one.source_document,
    }  # fmt: skip


def _doing(one: Infusion, by: Principal, prepared: list[Preparation]) -> list[dict[str, Any]]:
    """What this person may do now: the step that the state waits for stands first and filled."""
    wanted = NEXT.get(one.state, ())
    if one.state is State.READY and not prepared:
        wanted = ("thaw",) if facts.is_ready(one) else ("confirm_ready",)
    moves = [m | {"filled": False} for m in in_season(pages.moves(one, by), OUT_OF_SEASON)]
    moves.sort(
        key=lambda m: wanted.index(name) if (name := m["name"].split(".")[1]) in wanted else len(wanted)
    )
    for move in moves[:1]:
        move["filled"] = move["obstacle"] is None
    return moves


def _waits(judged: rules.Facts) -> list[str]:
    return [] if judged.is_reserved else [str(rules.NOT_RESERVED().sentence)]


def _clock(one: Infusion, prepared: list[Preparation]) -> dict[str, Any] | None:
    """The stability window of the first thaw, while it matters."""
    if not prepared or one.state not in (State.READY, State.CHECKED, State.STARTED, State.INTERRUPTED):
        return None
    first = min(prepared, key=lambda p: p.first_thaw_at)
    window = timedelta(minutes=first.window_minutes)
    left = minutes_left(first.first_thaw_at, clock.now(), window)
    return {
        "left": left, "spent": first.window_minutes - left, "limit": first.window_minutes,
        "start": first.first_thaw_at, "end": first.first_thaw_at + window,
        "colour": "stop" if left == 0 else "wait",
    }  # fmt: skip


def _ready(one: Infusion, judged: rules.Facts) -> dict[str, Any] | None:
    last = one.ready_checks[-1] if one.ready_checks else None
    if last is None:
        return None
    return {
        "holds": facts.is_ready(one) or one.thawed_at is not None, "who": person(last.confirmed_by),
        "second": person(last.second_checker), "when": last.confirmed_at,
        "premedication": last.premedication, "weight": kg(last.weight_g),
        "minutes": judged.ready_holds // timedelta(minutes=1),
    }  # fmt: skip


def _dose(one: Infusion, prepared: list[Preparation]) -> list[tuple[str, str]]:
    """Prescribed, prepared, counted, given: each with its unit."""
    a = one.allocation
    weight = allocation_facts.weights([a]).get(a.id)
    target, counted = facts.prescribed_viable(a), facts.expected_viable(one, prepared)
    to_give = one.volume_to_give_ml or facts.volume_to_give(one, prepared)
    found = [(str(_("Prescribed")), f"{per_kg_words(a.viable_cells_per_kg)} {_('viable cells per kg')}")]
    if weight:
        found.append((str(_("Body weight")), kg(weight.weight_g)))
    if target:
        found.append((str(_("Target")), f"{millions(target)} {_('million viable cells')}"))
    if counted is not None and target:
        share = percent(dose.percent_shown(counted / target))
        found.append((str(_("Counted after the thaw")), f"{millions(counted)} {_('million')}, {share}"))
    if to_give is not None:
        found.append((str(_("Volume to give")), _ml(to_give)))
    if one.volume_given_ml is not None:
        found.append((str(_("Volume given")), _ml(one.volume_given_ml)))
    if one.delivered_viable is not None:
        found += _delivered(one, weight.weight_g if weight else None)
    return found


def _delivered(one: Infusion, weight_g: int | None) -> list[tuple[str, str]]:
    viable = Fraction(one.delivered_viable or 0)
    how = _("counted after the thaw") if one.is_measured else _("from the test thaw")
    found = [(str(_("Delivered")), f"{millions(viable)} {_('million viable cells')}, {how}")]
    if weight_g:
        per_kg = num(decimal_of(dose.dose_per_kg(viable, weight_g) / dose.MILLION, 2))
        found.append((str(_("Delivered per kg")), f"{per_kg} {_('million')}"))
    return found


def _ml(volume: Any) -> str:
    return f"{num(volume.normalize() + 0)} mL"


def _checks(one: Infusion) -> list[dict[str, Any]]:
    return [
        {
            "what": str(_("Wristband, prescription and every preparation match")),
            "note": str(_("%(first)s and %(second)s, %(when)s", first=person(row.first_person),
                          second=person(row.second_person), when=local(row.checked_at))),
        }
        for row in reversed(one.bedside_checks)
    ]  # fmt: skip


def _prepared(one: Infusion) -> list[dict[str, Any]]:
    return [
        {
            "code": row.preparation.code, "url": url_for("preparations.show", code=row.preparation.code),
            "vials": ", ".join(v.called for v in preparing.vials_of(row.preparation)),
            "volume": _ml(row.preparation.volume_ml) if row.preparation.volume_ml else "–",
            "expires": row.preparation.expires_at, "checked": row.checked_at,
            "sign": (*PREPARATION_LIFE.sign(row.preparation.state),
                     PREPARATION_LIFE.word(row.preparation.state)),
        }
        for row in one.preparations
    ]  # fmt: skip


def _observed(one: Infusion) -> list[list[str]]:
    return [
        [
            f"{local(row.observed_at)}, {MOMENT_WORDS[row.moment]}",
            _value(row.pulse), f"{row.systolic}/{row.diastolic}" if row.systolic else "–",
            _value(row.temperature_c), _value(row.saturation_percent), _value(row.rate_ml_per_min),
            row.note or "", person(row.observed_by),
        ]
        for row in one.observations
    ]  # fmt: skip


def _value(value: Any) -> str:
    return "–" if value is None else num(value)


def _pauses(one: Infusion) -> list[list[str]]:
    return [
        [local(row.paused_at), row.why, _ml(row.given_ml), person(row.paused_by), local(row.resumed_at)]
        for row in one.pauses
    ]


def _finding(one: Infusion) -> str:
    """Who, and where it stands; minutes since the thaw while they count."""
    word = LIFE.word(one.state)
    if one.state is State.READY and not facts.is_ready(one):
        word = str(_("the ward's word is over, confirm again"))
    who = one.recipient.called
    said = _("Infusion of %(who)s: %(state)s", who=who, state=word[:1].lower() + word[1:])
    if one.state is State.STARTED and one.started_at is not None:
        gone = elapsed(one.started_at, clock.now()) // timedelta(minutes=1)
        said = _("Infusion of %(who)s: running for %(minutes)s minutes", who=who, minutes=gone)
    return str(said)


def _prescriptions(_thing: Any) -> list[tuple[str, str]]:
    open_states = (AllocationState.PRESCRIBED, AllocationState.VERIFIED, AllocationState.RESERVED,
                   AllocationState.DISPENSED)  # fmt: skip
    rows = session.scalars(
        select(Allocation).where(Allocation.state.in_(open_states)).order_by(Allocation.id.desc())
    )
    return [(a.code, f"{a.recipient.called} · {a.code} · {day(a.infusion_on)}") for a in rows]


def _to_thaw(one: Infusion) -> list[tuple[str, str]]:
    def said(vial: Vial, is_spare: bool) -> str:
        return f"{_('Vial')} {vial.called}" + (f" ({_('spare')})" if is_spare else "")

    return [
        (row.vial.code, said(row.vial, row.is_spare))
        for row in allocation_facts.held_rows([one.allocation])[one.allocation_id]
        if row.vial.condition is Condition.FROZEN
    ]


pages = Pages("infusion", Infusion, path="infusions", title=_("Infusions"))
pages.lists(
    columns=[
        (_("Patient"), lambda i: i.recipient.called),
        (_("Infusion"), lambda i: i.code),
        (_("Day"), lambda i: day(i.infused_on or i.planned_on)),
        (_("Ward"), lambda i: i.ward),
        (_("State"), lambda i: LIFE.word(i.state)),
    ],
    empty=_("No infusion is planned."),
)
pages.creates(
    actions.plan, schemas.PlanSchema, label=_("Plan an infusion"), choices={"allocation": _prescriptions}
)
pages.creates(
    actions.record_as_happened, schemas.HappenedSchema, label=_("Record what has happened all the same"),
    at="as-happened",
)  # fmt: skip
pages.shows(context=_context, finding=_finding)
pages.acts(actions.confirm_ready, schemas.ReadySchema, at="ready")
pages.acts(actions.thaw, schemas.ThawSchema, label=_("Thaw for this patient"), choices={"vials": _to_thaw})
pages.acts(actions.check, schemas.CheckSchema)
pages.acts(actions.start)
pages.acts(actions.observe, schemas.ObserveSchema, at="observations", label=_("Record vital signs"))
pages.acts(actions.interrupt, schemas.GivenSchema)
pages.acts(actions.resume)
pages.acts(actions.stop, schemas.GivenSchema)
pages.acts(actions.complete, schemas.CompleteSchema)
pages.acts(actions.decide_window, label=_("Decide together to start outside the window"))
pages.acts(actions.choose_low_dose, schemas.LowDoseSchema, label=_("Decide about too few cells"))
pages.acts(actions.check_again)
pages.acts(actions.replan, schemas.ReplanSchema, label=_("Give it another day"))
pages.acts(actions.cancel)

codes.resolves("infusion", page=pages.url, title=lambda i: i.recipient.called)
