"""What a flush may write, and what the record keeps of it."""

from functools import cache
from typing import Any

from sqlalchemy import event, func, inspect, select
from sqlalchemy.orm import Mapper, RelationshipDirection
from sqlalchemy.sql.elements import ClauseElement

from mscbank.core.canonical import canonical, digest
from mscbank.core.db import ActSession, Part, Plumbing, Row, Thing, Unguarded, is_sqlite
from mscbank.core.frame import OpenAct
from mscbank.core.naming import key_of, link_of, owner_of, value_of, values_of

FEW = 4
"""So many new rows of a table are written one by one."""
BY_HAND = "key, code and version are not set by hand"


def _refuse_expression(value: Any) -> None:
    if isinstance(value, ClauseElement):
        raise Unguarded("an SQL expression as a value would stay unknown to the record")


def _changed(row: Any) -> list[str]:
    """The attributes by which a row's own columns change, be it a link up; what hangs beneath changes itself.

    Only what was set since it was read is looked at.
    """
    if isinstance(row, Plumbing):
        return []
    held = inspect(row)
    set_since = _carrying(held.mapper) - held.unmodified
    return [name for name in set_since if held.attrs[name].history.has_changes()]


@cache
def _carrying(mapper: Mapper[Any]) -> frozenset[str]:
    """The attributes that carry a row's columns: the columns themselves, and the links up."""
    links = (link.key for link in mapper.relationships if link.direction is RelationshipDirection.MANYTOONE)
    return frozenset((*mapper.column_attrs.keys(), *links))


def before_flush(session: ActSession, _context: Any, _instances: Any) -> None:
    """Judge what is about to be written: no deletes, no expressions, nothing unlocked, no state by hand."""
    act: OpenAct | None = session.act
    if act is None:
        raise Unguarded("a flush without an act")
    if session.deleted:
        raise Unguarded("nothing is deleted here")
    for row in list(session.new):
        _judge_new(act, row)
    if is_sqlite():
        _number(session)
    for row in list(session.dirty):
        if changed := _changed(row):
            _judge_changed(act, row, changed)


def _number(session: ActSession) -> None:
    """Count the keys of many new rows ahead, so that they are written with one statement.

    SQLite tells the key of a new row only when each is written by itself. Nobody else writes meanwhile and
    nothing is deleted, so the key is the one that SQLite would have given.
    """
    fresh: dict[type[Row], list[Any]] = {}
    for row in session.new:
        fresh.setdefault(type(row), []).append(row)
    for model, rows in fresh.items():
        if len(rows) < FEW or any(row.id is not None for row in rows):
            continue
        with session.no_autoflush:
            last = session.scalar(select(func.max(model.id))) or 0
        for number, row in enumerate(rows, start=last + 1):
            row.id = number


def _judge_new(act: OpenAct, row: Any) -> None:
    if type(row).by_door:
        raise Unguarded(f"{type(row).__name__} is written by the door alone")
    for attribute in inspect(type(row)).column_attrs:
        _refuse_expression(row.__dict__.get(attribute.key))
    for column, life in type(row).lives.items():
        if getattr(row, column) is None:
            setattr(row, column, life.start)
        elif getattr(row, column) is not life.start:
            raise Unguarded(f"{life.kind}.{column} begins at {life.start}")
    if isinstance(row, Thing) and row.version not in (None, 1):
        raise Unguarded("a version begins at 1")
    act.created.add(id(row))
    act.kept.append(row)
    _bump_owner(act, row)


def _judge_changed(act: OpenAct, row: Any, names: list[str]) -> None:
    if type(row).append_only:
        raise Unguarded(f"{type(row).__name__} is append-only")
    if not act.holds(row):
        raise Unguarded(f"{key_of(row)} is changed without being locked")
    columns = inspect(type(row)).column_attrs
    changed = {name for name in names if name in columns}
    for name in changed:
        _refuse_expression(getattr(row, name))
    if (
        "id" in changed
        or "code" in changed
        or ("version" in changed and act.bumped.get(id(row)) != row.version)
    ):
        raise Unguarded(BY_HAND)
    if isinstance(row, Part) and (row.owner in names or any(_leads_up(row, name) for name in changed)):
        raise Unguarded(f"{key_of(row)} stays with its owner")
    for column, life in type(row).lives.items():
        if column in changed:
            _judge_move(act, row, column, life)
    if isinstance(row, Thing):
        bump(act, row)
    _bump_owner(act, row)
    act.judged.add(id(row))
    act.kept.append(row)


def _leads_up(row: Part, name: str) -> bool:
    column = inspect(type(row)).columns[name]
    return bool(column.foreign_keys) and link_of(type(row), name) == row.owner


def _judge_move(act: OpenAct, row: Any, column: str, life: Any) -> None:
    old, new = inspect(row).attrs[column].history.deleted, getattr(row, column)
    step = (id(row), column, old[0] if old else None, new)
    if step not in act.led:
        raise Unguarded(f"{life.kind}.{column} is not set by hand")
    act.led.discard(step)


def _bump_owner(act: OpenAct, row: Any) -> None:
    if isinstance(row, Part) and (owner := owner_of(row)) is not None:
        bump(act, owner)


def bump(act: OpenAct, thing: Thing) -> None:
    """Count the thing's version up, once an act."""
    state = inspect(thing)
    if id(thing) in act.created or id(thing) in act.bumped or state.transient or state.pending:
        return
    if not act.holds(thing):
        raise Unguarded(f"{key_of(thing)} is changed without being locked")
    if state.attrs.version.history.has_changes():
        raise Unguarded(BY_HAND)
    thing.version += 1
    act.bumped[id(thing)] = thing.version
    act.judged.add(id(thing))
    act.kept.append(thing)


def after_flush(session: ActSession, _context: Any) -> None:
    """Take down what this flush wrote: first old and last new value of every field."""
    act: OpenAct = session.act
    for row in session.new:
        if isinstance(row, Plumbing):
            continue
        if id(row) not in act.created:
            raise Unguarded(f"{type(row).__name__} came into the flush unseen")
        _take_down_new(act, row)
    for row in session.dirty:
        if changed := _changed(row):
            if id(row) not in act.judged and id(row) not in act.created:
                raise Unguarded(f"{key_of(row)} was changed by the flush itself, unseen")
            _take_down_changed(act, row, changed)
    act.judged.clear()


def _take_down_new(act: OpenAct, row: Row) -> None:
    frame, values = act.frame_of(_whose(row)), values_of(row)
    if getattr(type(row), "ledger", False):
        frame.ledger.setdefault(row.__tablename__, []).append(digest(canonical(values)))
    else:
        frame.changes[key_of(row)] = {k: [None, v] for k, v in values.items() if v is not None}
    _touch(act, row)


def _take_down_changed(act: OpenAct, row: Any, changed: list[str]) -> None:
    held, columns = inspect(row), inspect(type(row)).column_attrs
    fields = act.frame_of(_whose(row)).changes.setdefault(key_of(row), {})
    for name in changed:
        if name not in columns:
            continue
        history = held.attrs[name].history
        old = value_of(row, name, history.deleted[0] if history.deleted else None)
        new = value_of(row, name, getattr(row, name))
        fields[name] = [fields[name][0] if name in fields else old, new]
    _touch(act, row)


def _whose(row: Any) -> Any:
    """The thing that a row is about: its owner, or the first that it touches."""
    touched = (getattr(row, name) for name in getattr(type(row), "touches", ()))
    return owner_of(row) or next((thing for thing in touched if thing is not None), None)


def _touch(act: OpenAct, row: Any) -> None:
    frame = act.frame_of(_whose(row))
    act.written[type(row)] += 1
    thing = owner_of(row)
    if thing is not None:
        frame.touched.add((thing.kind, thing.code))
    for name in getattr(type(row), "touches", ()):
        if (other := getattr(row, name)) is not None:
            frame.touched.add((other.kind, other.code))


def keep_loaded(session: ActSession, row: Any) -> None:
    """While an act is open, what it has read stays at hand: nothing is read twice, no ``id()`` returns."""
    if session.act is not None:
        session.act.kept.append(row)


event.listen(ActSession, "loaded_as_persistent", keep_loaded)
event.listen(ActSession, "before_flush", before_flush)
event.listen(ActSession, "after_flush", after_flush)
