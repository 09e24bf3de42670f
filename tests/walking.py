"""Going on from a world: the steps that the tests of the way share, and how a refusal is looked at."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.allocation import actions as allocation
from mscbank.allocation.models import Allergies
from mscbank.batch.models import Batch
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.record import Outcome, Record
from mscbank.infusion import actions as infusion
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import (
    PHARMACIST,
    PHYSICIAN,
    TECH,
    TECH_2,
    WARD,
    WARD_2,
)
from tests import worlds
from tests.fixtures import Family, Walked

REFUSES = (
    r"(?i)permission denied|append|never|not null|unique|no |who |may |nothing|violat|the link|only|keeps"
)


def blocked(code: str) -> int:
    """How many acts stand in the record as refused for this reason."""
    rows = session.scalars(select(Record.body).where(Record.outcome == Outcome.REFUSED)).all()
    return sum(code in str(body) for body in rows)


def refuses(code: str, act: Callable[..., Any], *arguments: Any, **inputs: Any) -> None:
    """The act is refused for this reason, and the refusal is kept."""
    before = blocked(code)
    with pytest.raises(Refused) as caught:
        act(*arguments, **inputs)
    assert caught.value.code == code
    assert blocked(code) == before + 1


def drafted(world: Walked, of: Family, batch: Batch | None = None) -> Any:
    """A prescription for a family's patient, for today."""
    return world.stage.do(
        allocation.draft, by=PHYSICIAN, recipient=of.recipient, protocol=of.protocol,
        batch=batch or of.batch, infusion_on=worlds.today(), allergies=Allergies.NONE_KNOWN,
    )  # fmt: skip


def picked(world: Walked) -> Any:
    """The reserved vials picked and dispensed, the infusion planned; the ward has not spoken yet."""
    made = world.first.allocation
    vials = [row.vial for row in made.vials]
    world.stage.sign(allocation.pick, made, TECH, TECH_2, vials=vials)
    world.stage.sign(allocation.dispense, made, PHARMACIST, to="Ward 3")
    return world.stage.do(
        infusion.plan, by=PHYSICIAN, allocation=made, planned_on=worlds.today(), ward="Ward 3"
    )


def made_ready(world: Walked, one: Any) -> None:
    """The ward's word, by two."""
    world.stage.sign(
        infusion.confirm_ready, one, WARD, WARD_2, is_fit=True, line_is_open=True, premedication="none",
        weight=62_400,
    )  # fmt: skip


def thawed(world: Walked) -> tuple[Any, Any]:
    """An infusion with its preparation, thawed and finished."""
    one = picked(world)
    made_ready(world, one)
    vials = [row.vial for row in world.first.allocation.vials]
    return one, patient.thaw(world.stage, None, world.first.allocation, one, vials)
