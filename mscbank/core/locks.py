"""What an act locks, in ONE order, before it judges anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, inspect, select

from mscbank.core.db import Row, any_of, at_hand, is_sqlite, read_together, session
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
    read_together(inputs)
    found = wanted(does, thing, inputs)
    if is_sqlite():  # nobody else writes since the act began, and what was read then is fresh
        for model, keys in _by_model(found).items():
            at_hand(model, keys)
            _note(act, model, keys)
        return
    session.expire_all()
    act.memo.clear()
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
            key = (type(row), _key_of(row))
            found[key] = found.get(key, False) or write
    return found


def _key_of(row: Row) -> int:
    """The key of a row, without reading it again to know it."""
    identity = inspect(row).identity
    return int(identity[0]) if identity else row.id


def _by_model(found: Wanted) -> dict[type[Row], dict[int, bool]]:
    """Model → key → whether it will be written; kinds as their steps stand, rows by key."""
    kinds: dict[type[Row], dict[int, bool]] = {}
    for model in sorted({model for model, _ in found}, key=lock_order):
        kinds[model] = {key: found[(model, key)] for key in sorted(k for cls, k in found if cls is model)}
    return kinds


def _take(act: OpenAct, found: Wanted) -> None:
    """One statement a kind, kinds as their steps stand, rows by key.

    A kind of which some rows are written and others only read is locked for writing as a whole: two
    statements would be two orders.
    """
    for model, keys in _by_model(found).items():
        session.scalars(_locking(model, keys, write=any(keys.values()))).all()
        _note(act, model, keys)


def _note(act: OpenAct, model: type[Row], keys: dict[int, bool]) -> None:
    act.locked.update((model, key) for key, write in keys.items() if write)
    act.shared.update((model, key) for key, write in keys.items() if not write)


def _locking(model: type[Row], keys: Iterable[int], *, write: bool) -> Select[Any]:
    """FOR NO KEY UPDATE for what may be written, FOR SHARE for what is only read (PostgreSQL)."""
    statement: Select[Any] = select(model).where(any_of(model.id, keys)).order_by(model.id)
    statement = statement.with_for_update(read=not write, key_share=write)
    return statement.execution_options(populate_existing=True)
