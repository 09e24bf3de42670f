"""What an act locks, in ONE order, before it judges anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from mscbank.core.db import Row, any_of, is_sqlite, session
from mscbank.core.frame import OpenAct
from mscbank.core.lockorder import lock_order
from mscbank.core.messages import consequence_locks

if TYPE_CHECKING:
    from mscbank.core.acts import Action

Wanted = dict[tuple[type[Row], int], bool]
"""Model and key of a row, and whether it will be written."""


class Again(Exception):
    """What had to be locked changed while it was being locked."""


@dataclass(frozen=True)
class Shared:
    """A thing upstream that is only read: locked against change, not for change."""

    thing: Any


def shared(*things: Any) -> list[Any]:
    """Mark things as only read, for an action's ``locks``."""
    return [Shared(thing) for thing in things if thing is not None]


def lock(act: OpenAct, does: "Action", thing: Any, inputs: dict[str, Any]) -> None:
    """Lock the subject and all that the act, its children and its consequences will touch.

    What was read to find them may be stale once the locks are there, so it is forgotten; if it then leads to
    something that is not locked, the act begins again.
    """
    found = wanted(does, thing, inputs)
    if is_sqlite():  # nobody else writes since the act began
        _take(act, found)
        return
    session.expire_all()
    _take(act, found)
    if not _is_enough(found, wanted(does, thing, inputs)):
        raise Again


def _is_enough(locked: Wanted, needed: Wanted) -> bool:
    return all(key in locked and (locked[key] or not write) for key, write in needed.items())


def wanted(does: "Action", thing: Any, inputs: dict[str, Any]) -> Wanted:
    """The rows that an action must lock, as things stand now."""
    things: list[Any] = [] if does.creates or thing is None else [thing]
    arguments = () if does.creates else (thing,)
    if does.locks:
        things += does.locks(*arguments, **inputs)
    for name, touched in does.announces:
        things += consequence_locks(name, touched(*arguments, **inputs))
    found: Wanted = {}
    for item in things:
        row, write = (item.thing, False) if isinstance(item, Shared) else (item, True)
        if row is not None:
            found[(type(row), row.id)] = found.get((type(row), row.id), False) or write
    return found


def _take(act: OpenAct, found: Wanted) -> None:
    """One statement a kind, kinds as their steps stand, rows by key.

    A kind of which some rows are written and others only read is locked for writing as a whole: two
    statements would be two orders.
    """
    for model in sorted({model for model, _ in found}, key=lock_order):
        keys = {key: write for (cls, key), write in found.items() if cls is model}
        session.scalars(_locking(model, sorted(keys), write=any(keys.values()))).all()
        act.locked.update((model, key) for key, write in keys.items() if write)
        act.shared.update((model, key) for key, write in keys.items() if not write)


def _locking(model: type[Row], keys: Iterable[int], *, write: bool) -> Select[Any]:
    """FOR NO KEY UPDATE for what may be written, FOR SHARE for what is only read (PostgreSQL)."""
    statement: Select[Any] = select(model).where(any_of(model.id, keys)).order_by(model.id)
    statement = statement.with_for_update(read=not write, key_share=write)
    return statement.execution_options(populate_existing=True)
