"""The check of two people at the bedside, and the decisions that a start may need (invariant 19)."""

from mscbank.allocation.stability import Light
from mscbank.coding import layouts, short
from mscbank.coding.errors import CodeError
from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused
from mscbank.family.identifiers import wears
from mscbank.infusion import facts, gates, rules
from mscbank.infusion.models import (
    BedsideCheck,
    Choice,
    Infusion,
)
from mscbank.infusion.states import LIFE, WARD, State

NOT_OUTSIDE = Refusal(
    "infusion.not_outside", "The stability window has not passed: nothing is to be decided."
)
NOT_LOW = Refusal("infusion.not_low", "The count after the thaw needs no decision.")
IDENTIFIERS = "name and birth date asked for, wristband scanned"


def read_code(text: str) -> str:
    """A scanned code as the thing itself, whichever label was read; what cannot be read stays as it is."""
    try:
        return short.parse(layouts.repair(text)).base
    except CodeError:
        return text.strip()


@does(
    LIFE, "check", by_badge=True, content=gates.what_is_given,
    locks=lambda one, **_: [*gates.read_again(one)],
)  # fmt: skip
def check(
    one: Infusion, *, by: Principal, wristband: str, prescription: str, preparations: list[str],
    identifiers: str = IDENTIFIERS,
) -> None:  # fmt: skip
    """Two people scan wristband, prescription and every preparation; one mismatch and nothing starts."""
    second = gates.second_person("bedside check, second person", WARD, one.site)
    prepared = facts.preparations_of(one)
    read = tuple(dict.fromkeys(read_code(text) for text in preparations))
    found = rules.mismatches(
        rules.Scans(
            wristband_known=one.recipient.wristband_blind is not None,
            wristband_matches=wears(one.recipient, wristband),
            prescription_read=read_code(prescription), prescription_wanted=one.allocation.code,
            preparations_read=read, preparations_wanted=tuple(p.code for p in prepared),
        )
    )  # fmt: skip
    if found:
        raise Refused(*found)
    now = clock.now()
    for row in facts.links_of([one])[one.id]:
        if row.preparation.code in read:
            row.checked_at = now
    session.add(
        BedsideCheck(
            infusion=one, number=len(one.bedside_checks) + 1, checked_at=now, first_person=by.login,
            second_person=second, identifiers=identifiers, prescription_code=one.allocation.code,
            preparation_codes=" ".join(read), expires_at=min(p.expires_at for p in prepared),
        )
    )  # fmt: skip


@does(LIFE, "check_again", reason=True)
def check_again(one: Infusion) -> None:
    """Something changed at the bedside: the check is done again."""


def _outside(one: Infusion, by: Principal) -> Obstacle | None:
    found = facts.facts([one])[one.id]
    return None if one.state is State.CHECKED and found.light is Light.RED else NOT_OUTSIDE()


@action(
    "infusion.decide_window", role=Role.PRESCRIBER, unless=_outside, reason=True, locks=gates.read_again,
    signs=("start outside the window", "start outside the window, pharmacist"), content=gates.what_is_given,
)  # fmt: skip
def decide_window(one: Infusion, *, by: Principal) -> None:
    """Decide together, prescriber and pharmacist, to start although the stability window has passed."""
    one.window_pharmacist = gates.second_person(
        "start outside the window, pharmacist", (Role.PHARMACIST,), one.site
    )
    one.window_prescriber, one.window_decided_at = by.login, clock.now()


def _low(one: Infusion, by: Principal) -> Obstacle | None:
    found = facts.facts([one])[one.id]
    return None if found.is_low and one.started_at is None else NOT_LOW()


@action(
    "infusion.choose_low_dose", role=Role.PRESCRIBER, unless=_low, reason=True, locks=gates.with_deviation,
    signs="low dose decided", content=gates.what_is_given,
)  # fmt: skip
def choose_low_dose(one: Infusion, *, by: Principal, reason: str, choice: Choice) -> None:
    """Choose, as the prescriber, what happens when fewer cells were counted than the floor: a deviation."""
    one.low_dose_choice, one.low_dose_by, one.low_dose_at = choice, by.login, clock.now()
    percent = facts.facts([one])[one.id].measured_percent
    gates.deviate(
        one, by, f"{percent} % of the prescribed dose counted after the thaw", reason, f"chosen: {choice}"
    )
