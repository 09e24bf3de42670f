"""Where later steps tell this one what it must know before it closes: it imports none of them."""

from collections.abc import Callable

from mscbank.batch.gates import Fill
from mscbank.batch.models import Batch

CountFill = Callable[[list[Batch]], dict[int, Fill]]
WhoWorked = Callable[[Batch], set[str]]

_fills: list[CountFill] = []
_workers: list[WhoWorked] = []


def fill_difference(count: CountFill) -> CountFill:
    """``custody`` says how many vials each batch filled and how many of them are not accounted for."""
    _fills[:] = [count]
    return count


def fills(batches: list[Batch]) -> dict[int, Fill]:
    """How the fill of each batch closes; nothing filled while nobody says otherwise."""
    found = _fills[0](batches) if _fills else {}
    return {batch.id: found.get(batch.id, Fill(0, 0)) for batch in batches}


def also_worked(who: WhoWorked) -> WhoWorked:
    """A later step of manufacture says who worked on a batch there: they do not certify it either."""
    _workers.append(who)
    return who


def executors(batch: Batch) -> set[str]:
    """The logins of everybody who worked on a batch, in this step and in later ones."""
    found = batch.executors()
    for who in _workers:
        found |= who(batch)
    return found
