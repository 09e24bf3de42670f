"""What a process of a race does: many requests at once, each in a thread, and what came of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from mscbank.app import load_steps
from mscbank.core import db, sealed
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.custody import actions
from mscbank.custody.models import Place, Vial
from tests import make_custody, people, worlds
from tests.people import BRUNO, TOMAS, sign

DESTROY = {"method": "autoclave", "waste_id": "W-1"}


def reserve(code: str, number: int) -> None:
    """Reserve the vial for a prescription of one's own."""
    make_custody.step([vial(code)], actions.reserve, allocation=f"KT1{number:08d}")


def pick(code: str, number: int) -> None:
    """Pick the vial that is reserved."""
    make_custody.step([vial(code)], actions.pick, holder=f"runner{number}")


def destroy(code: str, number: int) -> None:
    """Destroy the vial, signed by two."""
    sign(actions.destroy, vial(code), BRUNO, TOMAS, reason=f"wanted by {number}", **DESTROY)


def move(code: str, number: int) -> None:
    """Move one of several vials into the one free position; ``code`` names them and the position."""
    codes, position = code.split(">")
    wanted = codes.split(",")
    place = session.scalar(select(Place).where(Place.code == position))
    actions.move(vial(wanted[number % len(wanted)]), by=BRUNO, position=place)


RACES: dict[str, Callable[[str, int], None]] = {
    "reserve": reserve,
    "pick": pick,
    "destroy": destroy,
    "move": move,
}


def vial(code: str) -> Vial:
    """The vial with this code."""
    found = session.scalar(select(Vial).where(Vial.code == code))
    assert found is not None
    return found


def runner(gate: Any, orders: Any, answers: Any) -> None:
    """One process: take orders until there are no more; start each race together with the others."""
    load_steps()
    answers.put("ready")
    while (order := orders.get()) is not None:
        url, race, code, numbers = order
        db.connect(url, pool_size=len(numbers))
        sealed.open_master(worlds.MASTER_KEY)
        people.on_stage()
        gate.wait(60)
        answers.put(sent(race, code, numbers))
        db.disconnect()


def sent(race: str, code: str, numbers: list[int]) -> list[str]:
    """All requests of one process at the same moment, and what came of each."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(lambda number: one(race, code, number), numbers))


def one(race: str, code: str, number: int) -> str:
    """One request: ``yes``, or the stable code of the refusal."""
    try:
        RACES[race](code, number)
    except Refused as refused:
        return refused.code
    finally:
        session.remove()
    return "yes"
