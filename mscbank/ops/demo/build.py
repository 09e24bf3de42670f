"""Make a demonstration database and replay the study into it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mscbank.app import connect, load_steps
from mscbank.config import Config, for_demonstration
from mscbank.core import checkpointing, clock, db, keeping, masters, schema
from mscbank.core.access import operator
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import patient, today
from mscbank.ops.demo.cast import DIRECTOR, QA, QA_2
from mscbank.ops.demo.house import House, deliveries, protocol, storage
from mscbank.ops.demo.published import FAMILIES, GATE_ON
from mscbank.ops.demo.stage import ZONE, Stage, at, seat
from mscbank.staff import keys, reviewing, secrets

OPENED = date(2014, 1, 6)
CHEAP_MEMORY_KIB, CHEAP_TIME = 64, 1
FIRST_OF_LEVEL_2 = 11
WEEKS_TO_INFUSION = 2
FEW, MANY = 6, 10
"""Vials of a batch for a dose of one million per kg, where at most three are given, and of three, eight."""
FULL = 2 * steps.TNC
"""Cells in a vial of that study: twice those of the protocol that is at work today."""
TITLE = "Family donor marrow MSC in severe systemic sclerosis (replayed, every row invented)"


def fresh(url: str) -> Config:
    """A new demonstration database behind ``url``; its schema, its mark for ever."""
    load_steps()
    schema.upgrade(url, name="mscbank demonstration", zone=ZONE, demonstration=True)
    config = for_demonstration(url)
    connect(config)
    db.connect(url, durable=False)
    secrets.set_cost(CHEAP_MEMORY_KIB, CHEAP_TIME)
    with clock.moved_to(at(OPENED, 7)):
        keys.introduce(by=operator("demonstration"), secret=config["MSCBANK_MASTER_KEY"])
    return config


def build(url: str, progress: Callable[[str], None] = lambda _line: None) -> Config:
    """The whole demonstration."""
    config = fresh(url)
    stage = Stage(at(OPENED, 8))
    seat(stage)
    house = published_house(stage)
    for row in FAMILIES:
        progress(f"family {row.number:02d}")
        if row.number == FIRST_OF_LEVEL_2:
            patient.open_next_level(stage, house, GATE_ON)
        treat(stage, house, replay(stage, house, row))
    progress("today")
    check_keys(stage)
    review_access(stage)
    today.build(stage, datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1))
    checkpointing.make()
    keeping.keep()
    db.session.remove()
    return config


def check_keys(stage: Stage) -> None:
    """The last yearly check of the keys, signed: the next one is due in two weeks."""
    master = masters.in_force()
    if master is None:
        raise LookupError("no master key is in force")
    stage.go_to(at(datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=351)))
    with stage.present():
        people, faults = keys.examined()
        keys.examine(master, by=operator("demonstration"), people=people, faults=faults, shares="1 3")
    stage.sign(keys.sign_check, master, DIRECTOR)


def review_access(stage: Stage) -> None:
    """The last review of who has which role, by two: nobody confirms one's own."""
    stage.go_to(at(datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=165)))
    for person in (QA, QA_2):
        with stage.present():
            lines = reviewing.lines_for(stage.principal(person))
        stage.sign(reviewing.sign, None, person, kept=[line.handle for line in lines], taken=[])


def published_house(stage: Stage) -> House:
    """The published protocol with its product, lots and tank."""
    made, edition = protocol(
        stage, title=TITLE, registry_id="NCT02213705", levels=((1_000_000, 10), (3_000_000, 10)), on=OPENED
    )
    house = House(made, edition, storage(stage, "Tank N2-1"))
    deliveries(stage, house, OPENED + timedelta(days=7), date(2020, 3, 1))
    return house


def replay(stage: Stage, house: House, row: Any) -> steps.Course:
    """One family, from registration to the released vials."""
    course = steps.register(stage, row, protocol=house.protocol)
    steps.enrol(stage, course)
    marrow = row.enrolled + timedelta(days=14)
    tries = 2 if row.fails_first else 1
    for attempt in range(tries):
        steps.donate(stage, course, marrow, f"A9999{marrow:%y}{row.number:04d}{attempt:02d}")
        steps.grow(stage, house, course, marrow)
        vials = MANY if row.number >= FIRST_OF_LEVEL_2 and attempt + 1 == tries else FEW
        steps.freeze(stage, house, course, marrow + timedelta(days=30), vials=vials, tnc=FULL)
        fails = attempt + 1 < tries
        steps.judge(stage, course, marrow + timedelta(days=64), fails=fails)
        marrow += timedelta(days=75)
    return course


def treat(stage: Stage, house: House, course: steps.Course) -> None:
    """The infusion some weeks after the release, the visits and events to the last one."""
    on = course.released_on + timedelta(days=WEEKS_TO_INFUSION * 7)
    one = patient.treat(stage, house, course, on)
    patient.follow(stage, house, course, one)
    patient.leave(stage, course, one)


def path_of(url: str) -> Path | None:
    """The file of an embedded database."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
