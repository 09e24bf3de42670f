"""Databases that a test starts from: built once a session by real actions, copied for each test.

The empty bank is an ordinary one. The others are walked with the movable clock, by the steps of the
demonstration's replay, so their databases are marked as demonstrations; nothing in them is expired, nothing
lies in the future. `staffed`: the people alone. `released`: two families, both batches released. `reserved`:
the first family's dose is verified and its vials are reserved for today. `infused`: given twelve days ago,
with an adverse event and a visit since.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from mscbank.app import load_steps
from mscbank.core import clock, db, schema, sealed
from mscbank.family.models import Recipient
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import patient
from mscbank.ops.demo.house import House, deliveries, protocol, storage
from mscbank.ops.demo.published import Event, Family
from mscbank.ops.demo.stage import Stage, at, seat
from mscbank.safety import actions as safety
from mscbank.staff import secrets, vouching
from mscbank.study.models import Protocol
from tests import postgres
from tests.copies import World

CHECKPOINT_KEY = "dGVzdHMgb25seSwgc2lnbmluZyBub3RoaW5nLCAwMDA="
MASTER_KEY = "dGVzdHMgb25seSwgMzIgYnl0ZXMsIG5vdCBzZWNyZXQ="
ZONE = "Europe/Paris"
PREFIX = "T1"

CHEAP_MEMORY_KIB, CHEAP_TIME = 64, 1
ENROLLED_AGO = 130
TITLE = "Family donor marrow MSC, two families walked for the tests"
VIALS = 6
INFUSED_AGO = 12
EVENT = Event(3, "Nausea", 2, serious=False, related=True)

FIRST = Family(
    number=1, woman=True, born=date(1975, 4, 9), weight="62.4", relation="full_sibling", donor_woman=True,
    donor_born=date(1979, 9, 3), enrolled=date(2026, 1, 1), follow_up_days=0,
)  # fmt: skip
SECOND = Family(
    number=2, woman=False, born=date(1968, 2, 20), weight="78.5", relation="parent", donor_woman=True,
    donor_born=date(1946, 7, 12), enrolled=date(2026, 1, 1), follow_up_days=0,
)  # fmt: skip


def build_empty(url: str) -> None:
    """The whole schema with its guards and grants, and nobody in it."""
    _migrate(url, demonstration=False)


def _migrate(url: str, *, demonstration: bool) -> None:
    load_steps()
    role = postgres.SERVICE if url.startswith("postgresql") else None
    schema.upgrade(
        postgres.owner_url(url), service_role=role, name="Test bank", zone=ZONE, prefix=PREFIX,
        demonstration=demonstration,
    )  # fmt: skip


def employ_staff() -> None:
    """Let the accounts in the database say who is who, cheaply hashed."""
    vouching.join()
    secrets.set_cost(CHEAP_MEMORY_KIB, CHEAP_TIME)


def today() -> date:
    """The civil date at the hospital."""
    return clock.today(ZONE)


def _open(url: str) -> None:
    db.connect(url, durable=False)
    sealed.open_master(MASTER_KEY)
    employ_staff()


def opened_on() -> date:
    """The day on which the house of these worlds opened."""
    return today() - timedelta(days=ENROLLED_AGO + 40)


def build_staffed(url: str) -> None:
    """A demonstration with its people and nothing else: accounts, roles, passwords."""
    _migrate(url, demonstration=True)
    _open(url)
    seat(Stage(at(opened_on(), 7)))
    db.disconnect()


def build_released(url: str) -> None:
    """Two families from registration to released vials."""
    _open(url)
    opened = opened_on()
    stage = Stage(at(opened, 8))
    made, edition = protocol(
        stage,
        title=TITLE,
        registry_id="NCT00000042",
        levels=((1_000_000, 10), (3_000_000, 10)),
        on=opened,
        gate_infused=1,
    )
    house = House(made, edition, storage(stage, "Tank T-1"))
    deliveries(stage, house, opened + timedelta(days=1), today())
    for row in (FIRST, SECOND):
        _release(stage, house, row, today() - timedelta(days=ENROLLED_AGO))
    db.disconnect()


def _release(stage: Stage, house: House, row: Family, enrolled: date) -> None:
    row = family(row, enrolled)
    course = steps.register(stage, row, protocol=house.protocol)
    steps.enrol(stage, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(stage, course, marrow, f"A9999{marrow:%y}{row.number:06d}")
    steps.grow(stage, house, course, marrow)
    steps.freeze(stage, house, course, marrow + timedelta(days=30), vials=VIALS)
    steps.judge(stage, course, marrow + timedelta(days=64))


def family(row: Family, enrolled: date, **changes: Any) -> Family:
    """A row of these worlds at its date, with what is different."""
    return replace(row, enrolled=enrolled, **changes)


def resumed(row: Family = FIRST) -> tuple[House, steps.Course]:
    """The course of a family in an open world, taken up where it stands."""
    recipients = db.session.scalars(select(Recipient).order_by(Recipient.id)).all()
    found = recipients[row.number - 1]
    made = db.session.scalars(select(Protocol).order_by(Protocol.id)).first()
    course = steps.Course(row, recipient=found)
    course.batch = db.session.scalars(
        select(db.KINDS["batch"]).where(db.KINDS["batch"].directed_to_id == found.id)
    ).one()
    return House(made, None, None), course


def build_reserved(url: str) -> None:
    """The first family's dose: prescribed three days ago, verified and reserved for today."""
    _open(url)
    stage = Stage(datetime.now(UTC))
    house, course = resumed()
    patient.reserve(stage, patient.prescribe(stage, house, course, today()))
    db.disconnect()


def build_infused(url: str) -> None:
    """The first family's cells given twelve days ago; an event on the third day, a visit on the tenth."""
    _open(url)
    stage = Stage(datetime.now(UTC))
    house, course = resumed()
    on = today() - timedelta(days=INFUSED_AGO)
    one = patient.treat(stage, house, course, on)
    patient.happen(stage, house, course, one, EVENT)
    stage.go_to(at(on + timedelta(days=10), 15))
    stage.do(
        safety.record_visit, course.recipient, by=patient.PHYSICIAN, visited_on=on + timedelta(days=10),
        name="D10", protocol=house.protocol,
    )  # fmt: skip
    db.disconnect()


EMPTY = World("empty", build_empty)
STAFFED = World("staffed", build_staffed)
RELEASED = World("released", build_released, STAFFED)
RESERVED = World("reserved", build_reserved, RELEASED)
INFUSED = World("infused", build_infused, RELEASED)
