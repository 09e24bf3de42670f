"""Many at once: threads of this process, or processes of their own, that all begin together."""

import threading
from collections.abc import Callable
from typing import Any

from mscbank.app import load_steps
from mscbank.core import db, sealed
from tests import people, worlds
from tests.processes import prepared

PATIENCE = 60


def in_threads(count: int, do: Callable[[int], Any]) -> list[Any]:
    """What each thread answers; an exception counts as its answer."""
    start = threading.Barrier(count)
    answers: list[Any] = [None] * count

    def run(number: int) -> None:
        start.wait(PATIENCE)
        try:
            answers[number] = do(number)
        except Exception as error:  # noqa: BLE001 - it is the answer
            answers[number] = error
        finally:
            db.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return answers


def in_processes(url: str, do: Callable[[int], str], *, processes: int = 4, each: int = 10) -> list[str]:
    """What each call answers, in processes of several threads; ``do`` stands at the top of a module."""
    with prepared().Pool(processes) as pool:
        found = pool.starmap(_process, [(url, do, number * each, each) for number in range(processes)])
    return [answer for answers in found for answer in answers]


def _process(url: str, do: Callable[[int], str], first: int, count: int) -> list[str]:
    load_steps()
    db.connect(url, pool_size=count)
    sealed.open_master(worlds.MASTER_KEY)
    people.on_stage()
    try:
        return [str(answer) for answer in in_threads(count, lambda number: do(first + number))]
    finally:
        db.disconnect()
