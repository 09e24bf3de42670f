"""Four eyes in the database itself: whoever writes past the service is refused the second side as well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from mscbank.core import db, guards
from mscbank.core.db import Base, engines, permitted, session
from mscbank.core.errors import DECLARED, UNIQUE_KEYS
from mscbank.core.foureyes import PAIRS
from mscbank.custody import actions as custody
from mscbank.deviation import actions as deviations
from mscbank.ops.demo.cast import DIRECTOR, QA, TECH
from mscbank.study import actions as study
from mscbank.study.models import Protocol
from tests.attack import refused
from tests.fixtures import Walked

NOWHERE = {"allocation.redirect_own"}
"""The database keeps no column of who redirects a batch: the record alone names that person."""

ELSEWHERE = {
    "ck_allocation_compared_by_another": ("allocation/test_transcribing.py", "compared_by_another"),
    "guard_seal_own_review": ("staff/test_emergency.py", "does not review it"),
    "guard_trail_review_by_another": ("release/test_trail.py", "does not review the audit trail"),
}
"""What needs a way of its own to be tried: in which file it is, and refused with which words."""


def test_every_pair_names_what_holds_it_in_the_database() -> None:
    assert {code for code, pair in PAIRS.items() if not pair.held_by} == NOWHERE


def test_whatever_a_refusal_names_is_there() -> None:
    known = {one.name for dialect in ("sqlite", "postgresql") for one in guards.triggers(dialect)}
    for table in Base.metadata.tables.values():
        known |= {str(constraint.name) for constraint in table.constraints}
        known |= {str(index.name) for index in table.indexes}
    named = {name for one in DECLARED.values() for name in one.held_by} | set(UNIQUE_KEYS)
    assert named - known == set()


def slip(statement: str, **values: Any) -> None:
    """Write past the service, as a test may; nothing refuses it."""
    with engines().write.begin() as connection, permitted(connection):
        connection.execute(text(statement), values)


def _copied(table: str, **changed: str) -> str:
    """A statement that adds a row like the last one of a table, some columns of it otherwise (SQL)."""
    columns = [column.name for column in Base.metadata.tables[table].columns if column.name != "id"]
    values = ", ".join(changed.get(name, f"o.{name}") for name in columns)
    source = f"SELECT {values} FROM {table} o ORDER BY o.id DESC LIMIT 1"
    return f"INSERT INTO {table} ({', '.join(columns)}) {source}"


def _own_entry(world: Walked) -> str:
    entered = "(SELECT entered_by FROM marker_result m WHERE m.assessment_id = o.assessment_id LIMIT 1)"
    return _copied("determination", number="o.number + 1", verdict="'eligible'", decided_by=entered)


def _own_risk(world: Walked) -> str:
    columns = "assessment_id, number, text, is_acceptable, up_to_result, up_to_answer, written_by, written_at"
    slip(
        f"INSERT INTO risk_assessment ({columns}) SELECT assessment_id, 1, 'Why', :yes, up_to_result,"
        " up_to_answer, 'qp', decided_at FROM determination ORDER BY id DESC LIMIT 1",
        yes=True,
    )
    verdict = "'eligible_with_ra'"
    return _copied("determination", number="o.number + 1", verdict=verdict, decided_by="'qp'")


def _release(column: str, who: str) -> Callable[[Walked], str]:
    """With a review of the audit trail that serves no certification yet: that one is not what refuses it."""

    def prepare(world: Walked) -> str:
        slip(_copied("trail_review", number="o.number + 1"))
        return f"UPDATE release SET {column} = ({who}) WHERE id = (SELECT max(release_id) FROM trail_review)"

    return prepare


def _own_investigation(world: Walked) -> str:
    one = "SELECT release_id, 1, attribute, 'qa', entered_at FROM result ORDER BY id LIMIT 1"
    slip(f"INSERT INTO investigation (release_id, number, attribute, opened_by, opened_at) {one}")
    who = "(SELECT r.entered_by FROM result r WHERE r.attribute = investigation.attribute LIMIT 1)"
    return (
        f"UPDATE investigation SET decided_by = {who}, decided_at = opened_at,"
        " finding = 'confirmed', conclusion = 'x'"
    )


def _opened(world: Walked) -> None:
    world.stage.do(
        deviations.open_deviation, by=TECH, title="A door stood open", description="Four minutes",
        occurred_at=world.stage.now, immediate_action="Closed", about=[],
    )  # fmt: skip


def _own_acceptance(world: Walked) -> str:
    _opened(world)
    return "UPDATE deviation SET accepted_by = opened_by, accepted_at = found_at"


def _own_closure(world: Walked) -> str:
    _opened(world)
    for state in ("investigating", "capa"):
        slip("UPDATE deviation SET state = :state", state=state)
    return "UPDATE deviation SET closed_by = opened_by, closed_at = found_at, state = 'closed'"


def _own_hold(world: Walked) -> str:
    world.stage.do(custody.hold, world.second.stock[0], by=QA, reason="Label hard to read")
    return (
        "UPDATE hold SET lifted_by = placed_by, lifted_at = placed_at, lifted_reason = 'x'"
        " WHERE lifted_at IS NULL"
    )


def _own_weight(world: Walked) -> str:
    slip(_copied("weighing", number="o.number + 1", reviewed_by="NULL", reviewed_at="NULL"))
    latest = "SELECT entered_by FROM weighing ORDER BY id DESC LIMIT 1"
    return f"UPDATE allocation SET verified_by = ({latest})"


def _protocol(world: Walked) -> str:
    made = world.stage.do(
        study.draft_protocol, by=DIRECTOR, title="Another study", registry_id="NCT00000099",
        sponsor_code="S-9", infusion_zone="Europe/Paris",
    )  # fmt: skip
    world.stage.do(study.set_level, made, by=QA, number=1, viable_cells_per_kg=1_000_000, places=5)
    return f"WHERE code = '{made.code}'"


def _edition(world: Walked) -> str:
    of = session.scalars(select(Protocol).order_by(Protocol.id)).first()
    made = world.stage.do(study.draft_specification, by=QA, protocol=of, name="Another product")
    return f"WHERE code = '{made.code}'"


def _approved(table: str, draft: Callable[[Walked], str], by: str) -> Callable[[Walked], str]:
    """Approved by whoever wrote it in the end; ``qa`` is who wrote its parts."""
    moment = "approved_at = (SELECT max(entered_at) FROM record)"
    given = f"written_by = 'somebody', approved_by = '{by}', {moment}"
    return lambda world: f"UPDATE {table} SET {given} {draft(world)}"


def _simple(statement: str) -> Callable[[Walked], str]:
    return lambda world: statement


ENTERED = "(SELECT r.entered_by FROM result r WHERE r.id = o.result_id)"
PICKER = "SELECT picked_by FROM allocated_vial v WHERE v.allocation_id = allocation.id LIMIT 1"
TRIES: tuple[tuple[str, Callable[[Walked], str]], ...] = (
    ("guard_determination_own_entry", _own_entry),
    ("guard_determination_own_risk", _own_risk),
    ("guard_release_own_work", _release("checked_by", "SELECT seeded_by FROM passage LIMIT 1")),
    ("guard_release_own_work", _release("certified_by", "SELECT used_by FROM material_use LIMIT 1")),
    ("guard_release_own_results", _release("certified_by", "SELECT entered_by FROM result LIMIT 1")),
    ("guard_release_own_check_of_results", _release("checked_by", "SELECT entered_by FROM result LIMIT 1")),
    ("ck_release_certified_by_another", _release("certified_by", "checked_by")),
    (
        "guard_result_review_by_another",
        _simple(_copied("result_review", reviewed_by=ENTERED)),
    ),
    ("guard_investigation_own_results", _own_investigation),
    ("ck_deviation_accepted_by_another", _own_acceptance),
    ("ck_deviation_closed_by_another", _own_closure),
    ("guard_hold_own", _own_hold),
    ("guard_allocation_own_weight", _own_weight),
    ("ck_allocation_verified_by_another", _simple("UPDATE allocation SET verified_by = prescribed_by")),
    ("guard_allocation_own_pick", _simple(f"UPDATE allocation SET dispensed_by = ({PICKER})")),
    (
        "ck_weighing_reviewed_by_another",
        _simple("UPDATE weighing SET reviewed_by = entered_by, reviewed_at = weighed_at"),
    ),
    (
        "ck_family_link_verified_by_another",
        _simple("UPDATE family_link SET verified_by = claimed_by"),
    ),
    (
        "ck_material_lot_released_by_another",
        _simple("UPDATE material_lot SET judged_by = received_by"),
    ),
    ("ck_passage_seeding_second_person", _simple("UPDATE passage SET seeding_checked_by = seeded_by")),
    (
        "ck_passage_harvest_second_person",
        _simple("UPDATE passage SET harvest_checked_by = harvested_by"),
    ),
    ("ck_protocol_approved_by_another", _approved("protocol", _protocol, "somebody")),
    ("guard_protocol_own_parts", _approved("protocol", _protocol, "qa")),
    (
        "ck_specification_approved_by_another",
        _approved("specification", _edition, "somebody"),
    ),
    ("guard_specification_own_parts", _approved("specification", _edition, "qa")),
)  # fmt: skip


@pytest.mark.db
@pytest.mark.parametrize(("name", "prepare"), TRIES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(TRIES)])
def test_the_database_refuses_the_same_person(
    name: str, prepare: Callable[[Walked], str], infused: Walked
) -> None:
    statement = prepare(infused)
    dialect = db.engines().write.dialect.name
    refused(statement, next((one.message for one in guards.triggers(dialect) if one.name == name), name))


def test_each_of_them_is_tried() -> None:
    named = {name for pair in PAIRS.values() for name in pair.held_by}
    assert named - ELSEWHERE.keys() == {name for name, _ in TRIES}
    for name, (file, words) in ELSEWHERE.items():
        assert name in named
        assert words in (Path(__file__).parent / file).read_text()
