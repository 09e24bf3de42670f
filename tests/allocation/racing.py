"""What one process of a race does: several requests at once, each in a thread of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from mscbank.allocation import actions
from mscbank.allocation.models import Allocation
from mscbank.app import load_steps
from mscbank.batch.models import Batch
from mscbank.core import db, sealed
from mscbank.core.db import session
from mscbank.core.errors import Refused
from tests import make_allocation, people, worlds
from tests.people import PAULA


def prescription() -> Allocation:
    return session.scalars(select(Allocation)).one()


def reserve(number: int) -> None:
    """Reserve the vials of the one verified prescription."""
    actions.reserve(prescription(), by=PAULA)


def draft(number: int) -> None:
    """Prescribe for one and the same patient."""
    batch = session.scalars(select(Batch)).one()
    make_allocation.draft(batch, weight=None)


RACES: dict[str, Callable[[int], None]] = {"reserve": reserve, "draft": draft}


def runner(url: str, race: str, numbers: list[int], gate: Any, answers: Any) -> None:
    """One process: open the bank, wait for the others, send everything at once, hand in the answers."""
    load_steps()
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    people.on_stage()
    session.execute(select(Allocation.id)).all()
    session.remove()
    gate.wait(60)
    with ThreadPoolExecutor(len(numbers)) as pool:
        answers.put(list(pool.map(lambda number: one(race, number), numbers)))
    db.disconnect()


def one(race: str, number: int) -> str:
    """One request: ``yes``, or the stable code of the refusal."""
    try:
        RACES[race](number)
    except Refused as refused:
        return refused.code
    finally:
        session.remove()
    return "yes"
