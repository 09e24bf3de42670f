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
from tests.people import BRUNO, TOMAS, proofs

DESTROY = {"method": "autoclave", "waste_id": "W-1"}


Request = Callable[[], None]


def reserve(code: str, number: int) -> Request:
    """Reserve the vial for a prescription of one's own."""
    return lambda: make_custody.step([vial(code)], actions.reserve, allocation=f"KT1{number:08d}")


def pick(code: str, number: int) -> Request:
    """Pick the vial that is reserved."""
    return lambda: make_custody.step([vial(code)], actions.pick, holder=f"runner{number}")


def destroy(code: str, number: int) -> Request:
    """Destroy the vial; the two have signed before the start."""
    signed = proofs(actions.destroy, vial(code), BRUNO, TOMAS, **DESTROY)
    return lambda: actions.destroy(
        vial(code), by=BRUNO, reason=f"wanted by {number}", proofs=signed, **DESTROY
    )


def move(code: str, number: int) -> Request:
    """Move one of several vials into the one free position; ``code`` names them and the position."""
    codes, position = code.split(">")
    wanted = codes.split(",")[number % len(codes.split(","))]
    return lambda: actions.move(vial(wanted), by=BRUNO, position=place(position))


RACES: dict[str, Callable[[str, int], Request]] = {
    "reserve": reserve,
    "pick": pick,
    "destroy": destroy,
    "move": move,
}


def place(code: str) -> Place:
    """The place with this code."""
    found = session.scalar(select(Place).where(Place.code == code))
    assert found is not None
    return found


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
        requests = [RACES[race](code, number) for number in numbers]
        session.remove()
        gate.wait(60)
        answers.put(sent(requests))
        db.disconnect()


def sent(requests: list[Request]) -> list[str]:
    """All requests of one process at the same moment, and what came of each."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def one(request: Request) -> str:
    """One request: ``yes``, or the stable code of the refusal."""
    try:
        request()
    except Refused as refused:
        return refused.code
    finally:
        session.remove()
    return "yes"
