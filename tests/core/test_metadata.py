"""What every table of the house must look like; a new room joins by itself."""

import re
from typing import Any

import pytest
from sqlalchemy import Boolean, CheckConstraint, Date, Integer, String, Text, UniqueConstraint, inspect
from sqlalchemy.orm import Mapper

from mscbank.core.db import LONGEST_NAME, Base, Part, Plumbing, Row, Thing
from mscbank.core.guards import triggers
from mscbank.core.lockorder import STEPS, lock_order
from mscbank.core.naming import link_of
from mscbank.core.types import Exact, Id, Sealed, Utc, Word
from tests.core.stuffed import APPEND_ONLY, MODELS, RECORDED, named

ALL = pytest.mark.parametrize("model", MODELS, ids=named)


def mapper(model: type[Row]) -> Mapper[Any]:
    found: Mapper[Any] = inspect(model)
    return found


def owners(model: type[Part]) -> list[str]:
    """The relationship to the owner; of a part that may have one of several owners, all of them."""
    if isinstance(model.owner, str):
        return [model.owner]
    keyed = {column.name for column in model.__table__.columns if column.foreign_keys}
    paired = [u.columns.keys() for u in model.__table__.constraints if isinstance(u, UniqueConstraint)]
    return [link_of(model, name) for columns in paired for name in columns if name in keyed]


def is_allowed(kind: Any) -> bool:
    if isinstance(kind, (Utc, Exact, Word, Sealed, Text, Boolean, Date)):
        return True
    if type(kind) is String:
        return bool(kind.length)
    return type(kind) is type(Id) and isinstance(kind._variant_mapping.get("sqlite"), Integer)


def test_every_table_belongs_to_a_model():
    assert {model.__tablename__ for model in MODELS} == set(Base.metadata.tables)


@ALL
def test_only_our_types(model: type[Row]):
    """The plain types lie on one engine or the other."""
    wrong = [f"{c.name}: {c.type!r}" for c in model.__table__.columns if not is_allowed(c.type)]
    assert wrong == []


@ALL
def test_no_value_is_made_by_the_database(model: type[Row]):
    """What the database makes up, the record would not know."""
    for column in model.__table__.columns:
        assert column.server_default is None, column
        assert column.server_onupdate is None, column
        assert column.onupdate is None, column
        assert column.default is None or column.default.is_scalar or column.default.is_callable, column


@ALL
def test_every_foreign_key_points_upstream(model: type[Row]):
    here = lock_order(model)[0]
    by_table = {found.__table__.name: found for found in MODELS}
    for key in model.__table__.foreign_keys:
        there = lock_order(by_table[key.column.table.name])[0]
        assert there <= here, f"{model.__tablename__}.{key.parent.name} points downstream"


@ALL
def test_every_foreign_key_has_its_relationship(model: type[Row]):
    for attribute in mapper(model).column_attrs:
        column = attribute.columns[0]
        if column.foreign_keys and column.type.python_type is int:
            assert link_of(model, attribute.key)


@ALL
def test_relationships_write_nothing_by_themselves(model: type[Row]):
    """A collection that writes changes rows that nobody judged; a cascade deletes them."""
    for relation in mapper(model).relationships:
        assert relation.secondary is None, relation
        assert "delete" not in relation.cascade, relation
        if relation.uselist:
            assert relation.viewonly or relation.back_populates, f"{relation}: viewonly or back_populates"


@ALL
def test_every_attribute_remembers_its_old_value(model: type[Row]):
    for attribute in mapper(model).column_attrs:
        assert attribute.active_history, attribute


@pytest.mark.parametrize("model", RECORDED, ids=named)
def test_the_record_can_name_every_row(model: type[Row]):
    if issubclass(model, Part):
        for owner in owners(model):
            relation = mapper(model).relationships[owner]
            assert relation.direction.name == "MANYTOONE"
            assert issubclass(relation.mapper.class_, (Thing, Part))
        assert "id" not in model.key
    elif not issubclass(model, Thing):
        assert model.by_door or getattr(model, "key", None), f"{model.__name__} has no key"
    for name in getattr(model, "key", ()):
        assert name in mapper(model).attrs, f"{model.__name__}.key names {name}"
    for name in getattr(model, "touches", ()):
        if name in mapper(model).relationships:
            assert issubclass(mapper(model).relationships[name].mapper.class_, Thing), name
        else:
            assert isinstance(getattr(model, name), property), name


@pytest.mark.parametrize("model", [m for m in RECORDED if issubclass(m, Part)], ids=named)
def test_a_part_is_told_from_its_sisters_by_the_database_too(model: type[Part]):
    """Two rows of one name would be one row of the record."""
    links = {relation.key: relation for relation in mapper(model).relationships}
    table = model.__table__
    uniques = [{c.name for c in u.columns} for u in table.constraints if isinstance(u, UniqueConstraint)]
    uniques += [{c.name for c in index.columns} for index in table.indexes if index.unique]
    for owner in owners(model):
        wanted: set[str] = set()
        for name in (owner, *model.key):
            wanted |= {c.name for c in links[name].local_columns} if name in links else {name}
        assert any(unique <= wanted for unique in uniques), f"no unique key within {sorted(wanted)}"


@pytest.mark.parametrize("model", [m for m in MODELS if m.lives], ids=named)
def test_a_life_stands_in_a_column_of_its_own(model: type[Row]):
    for column, life in model.lives.items():
        found = model.__table__.columns[column]
        assert isinstance(found.type, Word)
        assert not found.nullable
        assert found.type.words is type(life.start)
        assert life.column == column
        states = set(found.type.words)
        assert {s for move in life.moves for s in (*move.sources, *move.targets)} <= states


@pytest.mark.parametrize("model", [m for m in MODELS if m.lives], ids=named)
def test_no_state_without_a_way_on_but_an_end(model: type[Row]):
    for life in model.lives.values():
        leaving = {s for s, _ in life.arrows}
        reached = {t for _, t in life.arrows} | {life.start}
        stuck = reached - leaving - set(life.ends)
        assert not life.ends or not stuck, f"{life.kind}.{life.column}: no way on from {sorted(stuck)}"
        assert set(type(life.start)) == reached, f"{life.kind}.{life.column}: never reached"


@pytest.mark.parametrize("model", APPEND_ONLY, ids=named)
def test_what_is_only_appended_is_never_plumbing(model: type[Row]):
    assert not issubclass(model, (Thing, Plumbing))
    assert not model.lives


PREFIXES = {"ix": "index", "uq": "unique", "ck": "check", "fk": "foreign key", "pk": "primary key"}


@ALL
def test_names_follow_the_convention(model: type[Row]):
    table = model.__table__
    for constraint in table.constraints:
        name = str(constraint.name)
        assert name.split("_", 1)[0] in PREFIXES, name
        assert len(name) <= LONGEST_NAME, f"{name} would be cut"
        if isinstance(constraint, CheckConstraint):
            assert name.startswith(f"ck_{table.name}_"), name
    for index in table.indexes:
        assert re.match(r"(ix|uq)_", str(index.name)), index.name
        assert len(str(index.name)) <= LONGEST_NAME, f"{index.name} would be cut"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_guards_have_names_of_their_own(dialect: str):
    names = [trigger.name for trigger in triggers(dialect)]
    assert len(names) == len(set(names))


def test_every_step_has_a_place_in_the_order_of_locks():
    steps = {model.__module__.split(".")[1] for model in MODELS}
    assert steps <= set(STEPS)
