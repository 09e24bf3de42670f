"""How the record names rows and writes their values: kinds and codes, never internal keys."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper, object_session

from mscbank.core.canonical import digest
from mscbank.core.db import Part, Row, Thing, Unguarded
from mscbank.core.types import as_text

Key = tuple[str, str]
"""Kind and code; for a part its table and its path beneath the thing; for any other row its natural key."""

DIGESTED = "digested"
"""Mark of a column (in its ``info``) of which the record keeps only a digest: what must be able to vanish."""

UNTOLD = "untold"
"""Mark of a column of which the record says only that it is there: its digest would find somebody again."""

_links: dict[tuple[type, str], str] = {}


def owner_of(row: Any) -> Any:
    """The thing to which a row belongs: itself, or up the owners of a part."""
    while isinstance(row, Part):
        row = getattr(row, row.owner)
    return row if isinstance(row, Thing) else None


def key_of(row: Any) -> Key:
    """How the record names a row: kind and code, or the path beneath its owner."""
    if isinstance(row, Thing):
        return row.kind, row.code
    if isinstance(row, Part):
        above = key_of(getattr(row, row.owner))[1]
        own = _own_key(row, row.key)
        return row.__tablename__, f"{above}/{own}" if own else above
    natural = getattr(type(row), "key", None)
    if not natural:
        raise TypeError(f"{type(row).__name__} says with no key how the record names its rows")
    return row.__tablename__, _own_key(row, natural)


def _own_key(row: Any, names: tuple[str, ...]) -> str:
    return ".".join(str(_key_part(row, name)) for name in names)


def _key_part(row: Any, name: str) -> Any:
    value = getattr(row, name)
    return (
        value.code if isinstance(value, Thing) else as_text(inspect(type(row)).attrs[name].columns[0], value)
    )


def link_of(cls: type, column_key: str) -> str:
    """The relationship that carries a foreign key; each has one, or the record could not name it."""
    found = _links.get((cls, column_key))
    if found is None:
        mapper: Mapper[Any] = inspect(cls)
        column = mapper.columns[column_key]
        for relation in mapper.relationships:
            if relation.direction.name == "MANYTOONE" and relation.local_columns == {column}:
                found = _links[(cls, column_key)] = relation.key
                break
        else:
            raise TypeError(f"{cls.__name__}.{column_key} is a foreign key without a relationship")
    return found


def value_of(row: Any, key: str, value: Any) -> Any:
    """A value of a row's column as the record writes it; a foreign key by kind and code."""
    column = inspect(type(row)).columns[key]
    if value is None:
        return None
    if column.foreign_keys and column.type.python_type is int:
        return list(key_of(_target(row, link_of(type(row), key), value)))
    if column.info.get(UNTOLD):
        return UNTOLD
    if column.info.get(DIGESTED):
        return "digest:" + digest(str(value))
    return as_text(column, value)


def _target(row: Any, link: str, key: int) -> Any:
    """The row behind a foreign key: the one at hand, which may be as new as this one, or from the session."""
    at_hand = row.__dict__.get(link)
    if at_hand is not None and at_hand.id == key:
        return at_hand
    held = object_session(row)
    found = held.get(getattr(inspect(type(row)).attrs, link).mapper.class_, key) if held else None
    if found is None:
        raise Unguarded(f"{type(row).__name__}.{link} leads nowhere")
    return found


def values_of(row: Row) -> dict[str, Any]:
    """All of a row as the record writes it, but for its internal key."""
    names = [a.key for a in inspect(type(row)).column_attrs if a.key != "id"]
    return {name: value_of(row, name, getattr(row, name)) for name in names}
