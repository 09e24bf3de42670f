"""Work in progress of today, in a second protocol, so that every worklist has something to show."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from mscbank.ops.demo import course as steps
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import NURSE, PHYSICIAN, QC, QC_2, TECH, WARD
from mscbank.ops.demo.course import Course
from mscbank.ops.demo.house import House, deliveries, protocol, storage
from mscbank.ops.demo.published import Family
from mscbank.ops.demo.stage import Stage, at
from mscbank.deviation import actions as deviations
from mscbank.family import actions as family
from mscbank.release import actions as release

TITLE = "Second protocol: family donor marrow MSC, one dose (fictitious)"
ROW = Family(
    number=1, woman=True, born=date(1975, 4, 9), weight="62.4", relation="full_sibling", donor_woman=True,
    donor_born=date(1979, 9, 3), enrolled=date(2026, 1, 1), follow_up_days=0,
)  # fmt: skip
LATE_RESULTS = ("mycoplasma", "karyotype")


def row(number: int, enrolled: date, **more: Any) -> Family:
    """A family of the second protocol."""
    return replace(ROW, number=number, enrolled=enrolled, **more)


def din(number: int, year: date) -> str:
    """A donation number of the demonstration's facility."""
    return f"A9999{year:%y}7{number:05d}"


def released(stage: Stage, house: House, number: int, enrolled: date, **more: Any) -> Course:
    """A family whose vials are released."""
    course = frozen(stage, house, number, enrolled, **more)
    steps.judge(stage, course, enrolled + timedelta(days=78))
    return course


def frozen(stage: Stage, house: House, number: int, enrolled: date, **more: Any) -> Course:
    """A family whose vials lie frozen in quarantine."""
    course = cultured(stage, house, number, enrolled, **more)
    steps.freeze(stage, house, course, enrolled + timedelta(days=44))
    return course


def cultured(stage: Stage, house: House, number: int, enrolled: date, **more: Any) -> Course:
    """A family whose culture is harvested."""
    course = steps.register(stage, row(number, enrolled, **more), protocol=house.protocol, prefix="Val-")
    steps.enrol(stage, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(stage, course, marrow, din(number, marrow))
    steps.grow(stage, house, course, marrow)
    return course
