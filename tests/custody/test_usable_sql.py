"""The SQL form of the one predicate gives the answers of the Python form, on whatever rows there are."""

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from mscbank.batch.models import Batch
from mscbank.core import clock
from mscbank.core.db import session
from mscbank.core.errors import Obstacle
from mscbank.core.i18n import _
from mscbank.custody import facts
from mscbank.custody.models import Hold, Place, Vial
from mscbank.custody.states import GONE, Condition, Quality, Reservation
from mscbank.custody.usable import Use, usable, usable_where
from mscbank.custody.words import Area, Cause, HolderKind, Level
from tests.custody.conftest import batches, first_vials, take_guards_away

pytestmark = pytest.mark.db

ROWS = 400
MINE, THEIRS = "KT100000100", "KT100000208"


@pytest.fixture
def owner(released):
    """The owner's engine, the guards taken away, so that any row that the checks allow can be written."""
    engine = take_guards_away(released, "vial", "hold", "place")
    yield engine
    engine.dispose()


MORE = (*[Condition.FROZEN] * 6, Condition.THAWED, Condition.IN_PREPARATION)
LIES = (Condition.FILLED, Condition.FROZEN, Condition.RETAINED)
ENDS = (timedelta(days=9), timedelta(days=9), timedelta(0), timedelta(days=-1))


def some_vials(
    draw: random.Random, template: dict[str, Any], batch_ids: list[int], people: list[int], first: int
):
    """Rows as varied as the checks allow."""
    now = clock.now()
    for n in range(ROWS):
        condition = draw.choice(
            [*Condition, *[Condition.FROZEN] * 6, Condition.THAWED, Condition.IN_PREPARATION]
        )
        quality = draw.choice([*Quality, *[Quality.AVAILABLE] * 4])
        reservation = draw.choice([*Reservation, *[Reservation.NONE] * 4])
        gone = condition in GONE
        lies = (
            not gone
            and condition in (Condition.FILLED, Condition.FROZEN, Condition.RETAINED)
            and draw.random() < 0.6
        )
        held = None if gone or lies else HolderKind.PERSON
        yield template | {
            "id": first + n,
            "code": f"X{first + n}",
            "number": first + n,
            "division": f"{first + n:06d}",
            "batch_id": draw.choice(batch_ids),
            "condition": condition,
            "quality": quality,
            "exceptional_for_id": draw.choice(people) if quality is Quality.EXCEPTIONAL else None,
            "reservation": reservation,
            "reserved_by": None if reservation is Reservation.NONE else draw.choice([MINE, MINE, THEIRS]),
            "position_id": first + n if lies else None,
            "holder_kind": held,
            "holder_code": held and "bruno",
            "is_gone": gone,
            "thawed_at": now,
            "expires_at": now + draw.choice(ENDS),
        }


def some_holds(draw: random.Random, vials: list[dict[str, Any]]):
    for vial in vials:
        for number in range(1, 1 + draw.choice([0, 0, 0, 1, 2])):
            yield a_hold(draw, number, vial_id=vial["id"], batch_id=None)


def a_hold(draw: random.Random, number: int, **on: Any) -> dict[str, Any]:
    now = clock.now()
    lifted = draw.random() < 0.7
    return on | {
        "number": number,
        "cause": draw.choice(list(Cause)),
        "reason": "drawn",
        "placed_by": "ana",
        "placed_at": now,
        "lifted_by": "quentin" if lifted else None,
        "lifted_at": now if lifted else None,
        "lifted_reason": "drawn" if lifted else None,
    }


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32))
def test_python_and_sql_agree(owner, monkeypatch, seed):
    draw = random.Random(seed)
    vial = first_vials()[0]
    template = {c.key: getattr(vial, c.key) for c in Vial.__mapper__.column_attrs}
    plain, unfit = (batch.id for batch in batches())
    people = [batch.directed_to_id for batch in batches()]
    first = (session.scalars(select(Vial.id).order_by(Vial.id.desc())).first() or 0) + 1000
    now = clock.now()
    session.rollback()
    rows = list(
        some_vials(draw, template | {"filled_at": now - timedelta(days=40)}, [plain, unfit], people, first)
    )
    spot = {
        "version": 1,
        "level": Level.POSITION,
        "parent_id": None,
        "area": Area.CONTROLLED,
        "row_number": 1,
        "column_number": 1,
        "site": None,
    }
    with owner.begin() as connection:
        room = connection.execute(text("SELECT min(id) FROM place")).scalar_one()
        spots = [
            spot | {"id": r["id"], "code": f"P{r['id']}", "name": str(r["id"]), "parent_id": room}
            for r in rows
        ]
        connection.execute(insert(Place), spots)
        connection.execute(insert(Vial), rows)
        connection.execute(insert(Hold), list(some_holds(draw, rows)))
        connection.execute(
            update(Hold)
            .where(Hold.batch_id.is_not(None), Hold.lifted_at.is_(None))
            .values(lifted_by="quentin", lifted_at=now, lifted_reason="drawn")
        )
        last = connection.execute(
            text("SELECT coalesce(max(number), 0) FROM hold WHERE batch_id IS NOT NULL")
        ).scalar()
        connection.execute(insert(Hold), [a_hold(draw, int(last or 0) + 1, vial_id=None, batch_id=plain)])
    session.expire_all()
    refusal = Obstacle("drawn", _("drawn"))
    monkeypatch.setattr(facts, "origins", lambda ids: {i: refusal if i == unfit else None for i in ids})
    everything = list(session.scalars(select(Vial).where(Vial.id >= first)))
    judged = facts.usable_facts(everything)
    out = facts.unfit_batches([plain, unfit])
    for use in Use:
        for recipient in people:
            for allocation in (MINE, None):
                allowed = {
                    key
                    for key, known in judged.items()
                    if usable(known, recipient, use, now, allocation=allocation) is None
                }
                where = usable_where(recipient, use, now, allocation=allocation, unfit=out)
                found = set(session.scalars(select(Vial.id).where(Vial.id >= first, where)))
                assert found == allowed, (seed, use, recipient, allocation)


def test_what_is_released_is_found_by_the_query(released):
    batch = session.scalars(select(Batch).order_by(Batch.id)).first()
    unfit = facts.unfit_batches([batch.id])
    assert unfit == []
    for at, number in ((clock.now(), 6), (first_vials()[0].expires_at, 0)):
        where = usable_where(batch.directed_to_id, Use.RESERVE, at, unfit=unfit)
        assert len(session.scalars(select(Vial).where(where)).all()) == number
