"""What a reviewer of an audit trail looks at first."""

from datetime import UTC, datetime, timedelta

import pytest

from mscbank.app import load_steps
from mscbank.core.acts import ACTIONS
from mscbank.release.exceptions import CORRECTING, OVERRIDES, WHY_WORDS, Entry, Why, why

DAY = timedelta(hours=24)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIVES = {"batch": ("state",), "vial": ("condition", "quality")}


def entry(action="batch.use_material", *, refused=False, late=timedelta(0), changes=(), obstacles=()):
    body = {
        "changes": [{"thing": [kind, "X"], "fields": {name: [old, new]}} for kind, name, old, new in changes],
        "notes": {"obstacles": [{"code": code} for code in obstacles]} if obstacles else {},
    }
    return Entry(action, refused, NOON, NOON + late, body)


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (entry(), ()),
        (entry(late=DAY), ()),
        (entry(late=DAY + timedelta(microseconds=1)), (Why.LATE,)),
        (entry(refused=True, obstacles=["vial.on_hold"]), (Why.BLOCKED,)),
        (entry(refused=True, obstacles=["signature.missing"]), (Why.FAILED_SIGNATURE,)),
        (entry("person.failed_secret"), (Why.FAILED_SIGNATURE,)),
        (entry("vial.record_as_happened"), (Why.AS_HAPPENED,)),
        (entry("batch.record_use_as_happened", late=3 * DAY), (Why.AS_HAPPENED, Why.LATE)),
        (entry("release.correct_result"), (Why.CORRECTION,)),
        (entry("batch.strike_use"), (Why.CORRECTION,)),
        (entry("vial.lift_hold"), (Why.OVERRIDE,)),
        (entry(changes=[("passage", "seeded_cells", None, "5")]), ()),
        (entry(changes=[("passage", "seeded_cells", "5", "5")]), ()),
        (entry(changes=[("passage", "seeded_cells", "5", "6")]), (Why.CHANGED,)),
        (entry(changes=[("passage", "seeding_checked_by", "tomas", None)]), (Why.CHANGED,)),
        (entry(changes=[("batch", "state", "planned", "in_culture")]), ()),
        (entry(changes=[("vial", "position_id", ["place", "A"], ["place", "B"])]), ()),
        (entry("release.lift", refused=True, obstacles=["release.deviation_open"]),
         (Why.BLOCKED, Why.OVERRIDE)),
    ],
)  # fmt: skip
def test_what_stands_out(found, reasons):
    assert why(found, LIVES, DAY) == reasons


def test_every_reason_has_its_word():
    assert WHY_WORDS.keys() == set(Why)


def test_every_override_and_correction_is_an_act_of_the_house():
    load_steps()
    assert ACTIONS.keys() >= OVERRIDES
    verbs = [name.partition(".")[2] for name in ACTIONS]
    assert [begin for begin in CORRECTING if not any(verb.startswith(begin) for verb in verbs)] == []


def test_whoever_corrects_or_overrides_gives_a_reason_or_signs():
    """A correction says why, in at least five characters; an override is signed or says why."""
    load_steps()
    acts = {name: one for name, one in ACTIONS.items() if one.role}
    correcting = [name for name in acts if name.partition(".")[2].startswith(CORRECTING)]
    assert len(correcting) > 10
    assert [name for name in correcting if not acts[name].reason] == []
    unsigned = [name for name in OVERRIDES & acts.keys() if not (acts[name].reason or acts[name].meanings)]
    assert unsigned == ["release.prepare_two_step"], "its own justification has at least fifty characters"
