"""The one predicate, in Python: each gate, and what it says. ``test_usable_sql`` holds the SQL form to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mscbank.core.errors import Obstacle
from mscbank.core.i18n import _
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.usable import CONDITION_FOR, FROM_STOCK, RESERVATION_FOR, Use, VialFacts, usable
from mscbank.custody.words import Cause

NOW = datetime(2026, 10, 13, 12, tzinfo=UTC)
HER, OTHER = 7, 8
ALLOCATION = "KT100000100"


def ready(use: Use, **changes) -> VialFacts:
    reservation = RESERVATION_FOR[use][0]
    values = {
        "called": "03",
        "condition": CONDITION_FOR[use],
        "quality": Quality.AVAILABLE,
        "reservation": reservation,
        "reserved_by": None if reservation is Reservation.NONE else ALLOCATION,
        "exceptional_for": None,
        "directed_to": HER,
        "is_in_stock": use in FROM_STOCK,
        "holds": (),
        "expires_at": NOW + timedelta(days=1),
        "origin": None,
    }
    return VialFacts(**(values | changes))


def code(facts: VialFacts, use: Use, recipient: int = HER, now: datetime = NOW) -> str | None:
    found = usable(facts, recipient, use, now, allocation=ALLOCATION)
    return found.code if found else None


@pytest.mark.parametrize("use", Use)
@pytest.mark.parametrize("quality", [Quality.AVAILABLE, Quality.CONDITIONAL])
def test_what_is_free_may_be_used(use, quality):
    assert code(ready(use, quality=quality), use) is None


@pytest.mark.parametrize("use", Use)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quality": Quality.QUARANTINE}, "custody.in_quarantine"),
        ({"quality": Quality.REJECTED}, "custody.rejected"),
        ({"quality": Quality.EXCEPTIONAL, "exceptional_for": OTHER}, "custody.exception_for_other"),
        ({"directed_to": OTHER}, "custody.other_recipient"),
        ({"holds": (Cause.RECALL,)}, "custody.on_hold"),
        ({"condition": Condition.DESTROYED}, "custody.not_in_condition"),
        ({"expires_at": NOW}, "custody.expired"),
        ({"origin": Obstacle("family.withdrawn", _("withdrawn"))}, "family.withdrawn"),
        ({"reservation": Reservation.CONSUMED, "reserved_by": "KT100000208"}, "custody.not_for_this"),
    ],
)
def test_each_gate_refuses_for_every_purpose(use, change, expected):
    assert code(ready(use, **change), use) == expected


@pytest.mark.parametrize("use", Use)
def test_invariant_14_nobody_else_gets_it(use):
    assert code(ready(use), use, recipient=OTHER) == "custody.other_recipient"


def test_by_exception_for_the_named_patient_only():
    facts = ready(Use.RESERVE, quality=Quality.EXCEPTIONAL, exceptional_for=HER)
    assert code(facts, Use.RESERVE) is None


@pytest.mark.parametrize("cause", Cause)
def test_any_hold_blocks_and_is_named(cause):
    found = usable(ready(Use.THAW, holds=(cause,)), HER, Use.THAW, NOW, allocation=ALLOCATION)
    assert found.code == "custody.on_hold"


def test_several_holds_are_said_once_each():
    facts = ready(Use.RESERVE, holds=(Cause.RECALL, Cause.DEVIATION, Cause.RECALL))
    assert "recalled, deviation." in str(usable(facts, HER, Use.RESERVE, NOW).sentence)


def test_expiry_is_the_end_of_the_day_and_not_a_moment_later():
    facts = ready(Use.RESERVE)
    assert code(facts, Use.RESERVE, now=facts.expires_at - timedelta(microseconds=1)) is None
    assert code(facts, Use.RESERVE, now=facts.expires_at) == "custody.expired"


@pytest.mark.parametrize("use", [use for use in Use if use is not Use.RESERVE])
def test_invariant_5_kept_for_another_prescription(use):
    facts = ready(use, reserved_by="KT100000208")
    assert code(facts, use) == "custody.not_for_this"


def test_invariant_5_what_is_reserved_is_not_reserved_again():
    facts = ready(Use.RESERVE, reservation=Reservation.RESERVED, reserved_by="KT100000208")
    assert code(facts, Use.RESERVE) == "custody.not_for_this"
    mine = replace(facts, reserved_by=ALLOCATION)
    assert code(mine, Use.RESERVE) == "custody.not_reserved"


@pytest.mark.parametrize("use", [use for use in Use if use is not Use.RESERVE])
def test_what_was_never_reserved_goes_to_nobody(use):
    assert code(ready(use, reservation=Reservation.NONE, reserved_by=None), use) == "custody.not_reserved"


@pytest.mark.parametrize("use", Use)
def test_the_place_must_fit(use):
    facts = ready(use)
    expected = "custody.not_in_stock" if use in FROM_STOCK else "custody.is_in_stock"
    assert code(replace(facts, is_in_stock=not facts.is_in_stock), use) == expected


@pytest.mark.parametrize("use", Use)
@pytest.mark.parametrize("condition", Condition)
def test_invariant_17_only_in_the_right_condition(use, condition):
    facts = ready(use, condition=condition)
    right = condition is CONDITION_FOR[use]
    assert code(facts, use) == (None if right else "custody.not_in_condition")
