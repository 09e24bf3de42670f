"""What a unique key means when only two acts at once, or a hand past the rules, can violate it.

Each act here adds a second row beside one that stands: no rule of a step looks, the database alone refuses,
and the door says in our words what that means.
"""

from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from mscbank.allocation.models import AllocatedVial, PreparationVial
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current
from mscbank.core.codes import new_code
from mscbank.core.db import Row, Thing, session
from mscbank.core.errors import UNIQUE_KEYS, Refused
from mscbank.custody.models import Vial
from mscbank.custody.words import HolderKind
from mscbank.family.models import Enrolment
from mscbank.infusion.models import InfusionPreparation
from mscbank.ops.demo.cast import QA
from mscbank.study import actions as study
from mscbank.study.models import Protocol, Specification
from mscbank.study.states import SpecificationState
from tests import make_family
from tests.both_doors import unchanged
from tests.fixtures import Walked

pytestmark = pytest.mark.db

AWAY = 1_000
"""Added to a number so that another unique key is not what refuses the row."""
HELD = {"position_id": None, "holder_kind": HolderKind.PERSON, "holder_code": "bruno"}

SECOND_ROWS: dict[str, tuple[type[Row], str, dict[str, Any]]] = {
    "uq_vial_position": (
        Vial, "position_id IS NOT NULL AND reservation = 'none'", {"number": AWAY, "division": "999999"},
    ),
    "uq_vial_identity": (Vial, "position_id IS NOT NULL AND reservation = 'none'", {"number": AWAY} | HELD),
    "uq_allocated_vial_live": (AllocatedVial, "freed_at IS NULL AND NOT as_happened", {"number": AWAY}),
    "uq_preparation_vial_live": (PreparationVial, "NOT as_happened", {"number": AWAY}),
    "uq_infusion_preparation_once": (InfusionPreparation, "1 = 1", {"number": AWAY}),
    "uq_specification_protocol_id_name_edition": (Specification, "1 = 1", {}),
}  # fmt: skip
"""Unique key → a table, which of its rows gets a second one beside it, and what differs in that."""


def second(model: type[Row], where: str, changes: dict[str, Any]) -> Row:
    """A row like one that stands, at the start of its lives; never saved."""
    stands = session.scalars(select(model).where(text(where)).limit(1)).one()
    values = {one.key: getattr(stands, one.key) for one in inspect(model).column_attrs if one.key != "id"}
    values |= {column: life.start for column, life in model.lives.items()}
    if issubclass(model, Thing):
        values |= {"code": new_code(model.kind), "version": 1}
    return model(**values | changes)


@action("test.second_row", role=tuple(Role), kind="protocol")
def second_row(
    protocol: Protocol, *, by: Principal, model: type[Row], where: str, changes: dict[str, Any]
) -> None:
    """Add a second row beside the one that stands."""
    session.add(second(model, where, changes))


@action(
    "test.approve_at_once", role=tuple(Role), kind="protocol", locks=lambda protocol, *, edition: [edition]
)
def approve_at_once(protocol: Protocol, *, by: Principal, edition: Specification) -> None:
    """Put an edition in force beside the one that is."""
    edition.approved_by, edition.approved_at = "x", protocol.opened_at
    current().lead(edition, SpecificationState.APPROVED)


def refused(world: Walked, key: str, model: type[Row], where: str, changes: dict[str, Any]) -> None:
    """The second row is refused as the unique key means it, and nothing changes."""
    by, protocol = world.stage.principal(QA), world.first.protocol
    with unchanged(kept=1), pytest.raises(Refused) as caught:
        second_row(protocol, by=by, model=model, where=where, changes=changes)
    assert caught.value.code == UNIQUE_KEYS[key], key


def test_every_key_says_what_it_means(infused: Walked) -> None:
    for key, (model, where, changes) in SECOND_ROWS.items():
        refused(infused, key, model, where, changes)


def test_invariant_15_a_place_and_a_number_are_given_once(infused: Walked) -> None:
    person = make_family.screened(infused.first.protocol)
    who = {"recipient_id": person.id, "screening_id": person.screenings[-1].id}
    for key, other in (
        ("uq_enrolment_protocol_id_number", {"place": AWAY}),
        ("uq_enrolment_place", {"number": AWAY}),
    ):
        refused(infused, key, Enrolment, "freed_at IS NULL", who | other)


def test_one_edition_is_in_force(infused: Walked) -> None:
    protocol = infused.first.protocol
    name = infused.first.batch.specification.name
    edition = infused.stage.do(study.draft_specification, by=QA, protocol=protocol, name=name)
    by = infused.stage.principal(QA)
    with unchanged(kept=1), pytest.raises(Refused) as caught:
        approve_at_once(protocol, by=by, edition=edition)
    assert caught.value.code == UNIQUE_KEYS["uq_specification_in_force"]
