"""How a preparation looks: its clock, what is in it, what may be done with it."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

from flask import url_for

from mscbank.allocation import deciding, facts, preparing, showing
from mscbank.allocation.models import Preparation
from mscbank.allocation.preparing import diluents_of, rows_of
from mscbank.allocation.stability import minutes_left
from mscbank.allocation.states import PREPARATION_LIFE, PreparationState
from mscbank.core import clock
from mscbank.core.i18n import _
from mscbank.core.web.filters import local, num
from mscbank.custody.states import CONDITION

OUT_OF_SEASON = frozenset(
    refusal.code
    for refusal in (preparing.COUNTED, preparing.IS_FINISHED, preparing.IS_OVER, preparing.NOT_FINISHED)
)


def told(p: Preparation, moves: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that the page of a preparation shows."""
    now = clock.now()
    open_states = (PreparationState.IN_MAKING, PreparationState.READY)
    left = minutes_left(p.first_thaw_at, now, timedelta(minutes=p.window_minutes))
    counted = facts.counted_viable(p)
    known = [
        (str(_("Prescription")), p.allocation.code),
        (str(_("For")), p.allocation.recipient.called),
        (str(_("Made")), p.made_where),
        (str(_("First thaw")), local(p.first_thaw_at)),
        (str(_("Give before")), local(p.expires_at)),
        (str(_("Volume")), _ml(p.volume_ml)),
        (
            str(_("Counted")),
            f"{showing.millions(Fraction(counted))} {_('million viable cells')}" if counted else "–",
        ),
        (str(_("Given")), _ml(p.given_ml)),
        (str(_("Residual")), _ml(p.residual_ml)),
    ]
    return {
        "doing": deciding.in_season(moves, OUT_OF_SEASON), "facts": known, "inside": rows_of(p),
        "condition": CONDITION, "diluents": diluents_of(p),
        "labels": p.labels, "label_url": url_for("preparations.label", code=p.code) if p.labels else None,
        "clock": {"left": left, "spent": p.window_minutes - left, "limit": p.window_minutes,
                  "start": p.first_thaw_at, "end": p.expires_at} if p.state in open_states else None,
        "prescription_url": url_for("allocations.show", code=p.allocation.code),
    }  # fmt: skip


def _ml(volume: Any) -> str:
    return "–" if volume is None else f"{num(volume.normalize() + 0)} mL"


def finding(p: Preparation) -> str:
    """For whom, and where it stands."""
    word = PREPARATION_LIFE.word(p.state)
    return str(_("Preparation for %(who)s: %(state)s", who=p.allocation.recipient.called,
                 state=word[:1].lower() + word[1:]))  # fmt: skip


def thawed_choices(p: Preparation) -> list[tuple[str, str]]:
    """The vials that are thawed and not in it yet."""
    return [(row.vial.code, f"{_('Vial')} {row.vial.called}") for row in rows_of(p) if row.added_at is None]
