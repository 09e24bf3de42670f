"""Work in progress of today, in a second protocol, so that every worklist has something to show."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from mscbank.collection import actions as collection
from mscbank.custody import actions as custody
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity
from mscbank.infusion import actions as infusion
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import NURSE, PHYSICIAN, QA, QC, QC_2, TECH
from mscbank.ops.demo.course import Course
from mscbank.ops.demo.house import House, deliveries, protocol, storage
from mscbank.ops.demo.published import Family
from mscbank.ops.demo.stage import Stage, at
from mscbank.release import actions as release
from mscbank.safety import actions as safety
from mscbank.safety.words import Causality, Cause

TITLE = "Second protocol: family donor marrow MSC, one dose (fictitious)"
ROW = Family(
    number=1,
    woman=True,
    born=date(1975, 4, 9),
    weight="62.4",
    relation="full_sibling",
    donor_woman=True,
    donor_born=date(1979, 9, 3),
    enrolled=date(2026, 1, 1),
    follow_up_days=0,
)
FEW = 8
LATE_RESULTS = ("mycoplasma", "karyotype")


def row(number: int, enrolled: date, **more: Any) -> Family:
    """A family of the second protocol."""
    return replace(ROW, number=number, enrolled=enrolled, **more)


def din(number: int, year: date) -> str:
    """A donation number of the demonstration's facility."""
    return f"A9999{year:%y}7{number:05d}"


def released(
    stage: Stage, house: House, number: int, enrolled: date, *, vials: int = FEW, **more: Any
) -> Course:
    """A family whose vials are released."""
    course = frozen(stage, house, number, enrolled, vials=vials, **more)
    steps.judge(stage, course, enrolled + timedelta(days=78))
    return course


def frozen(
    stage: Stage, house: House, number: int, enrolled: date, *, vials: int = FEW, **more: Any
) -> Course:
    """A family whose vials lie frozen in quarantine."""
    course = cultured(stage, house, number, enrolled, **more)
    steps.freeze(stage, house, course, enrolled + timedelta(days=44), vials=vials)
    return course


def cultured(stage: Stage, house: House, number: int, enrolled: date, **more: Any) -> Course:
    """A family whose culture is harvested."""
    course = steps.register(stage, row(number, enrolled, **more), protocol=house.protocol, prefix="Val-")
    steps.enrol(stage, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(stage, course, marrow, din(number, marrow))
    steps.grow(stage, house, course, marrow)
    return course


def build(stage: Stage, today: date) -> House:
    """Every step of the way with somebody in it."""
    made, edition = protocol(
        stage,
        title=TITLE,
        registry_id="NCT99999901",
        levels=((1_000_000, 20),),
        on=today - timedelta(days=230),
    )
    house = House(made, edition, storage(stage, "Tank N2-2"))
    deliveries(stage, house, today - timedelta(days=225), today)
    _infused(stage, house, today)
    _to_verify(stage, house, today)
    _to_pick(stage, house, today)
    _under_review(stage, house, today)
    _in_culture(stage, house, today)
    _at_the_ward(stage, house, today)
    _to_certify(stage, house, today)
    _in_assessment(stage, house, today)
    _just_registered(stage, house, today)
    return house


def _infused(stage: Stage, house: House, today: date) -> None:
    """Infused last week: an event waits for its assessment, visits are due."""
    course = released(stage, house, 1, today - timedelta(days=140))
    one = patient.treat(stage, house, course, today - timedelta(days=6))
    for name, days in (("D0", 0), ("D1", 1)):
        on = one.infused_on + timedelta(days=days)
        stage.go_to(max(stage.now, at(on, 17)))
        patient.visit(stage, house, course, on, name)
    stage.go_to(at(today - timedelta(days=2), 9))
    patient.report_event(
        stage, house, course, onset=at(today - timedelta(days=3), 20), term="Headache", grade=1
    )
    tired = patient.report_event(
        stage, house, course, onset=at(today - timedelta(days=4), 18), term="Fatigue", grade=1
    )
    stage.do(safety.assess, tired, by=PHYSICIAN, causality=Causality.NOT_RELATED, cause=Cause.DISEASE)


def _to_verify(stage: Stage, house: House, today: date) -> None:
    """Prescribed: the pharmacist verifies the dose and reserves. One vial stands aside with its reason."""
    course = released(stage, house, 2, today - timedelta(days=125), weight="62.4", vials=steps.VIALS)
    vials = course.vials or []
    stage.go_to(at(today - timedelta(days=20), 9))
    stage.do(custody.hold, vials[4], by=QA, reason="Out of the cold for 74 s at a stock check, limit 60 s")
    patient.prescribe(stage, house, course, today + timedelta(days=3), weighed=today - timedelta(days=2))


def _to_pick(stage: Stage, house: House, today: date) -> None:
    """Reserved after a prescription on paper: the laboratory picks."""
    course = released(stage, house, 3, today - timedelta(days=120), weight="57.9")
    made = patient.transcribe(
        stage, house, course, today + timedelta(days=3), weighed=today - timedelta(days=2)
    )
    patient.reserve(stage, made, compared=True)


def _at_the_ward(stage: Stage, house: House, today: date) -> None:
    """Dispensed to the ward, where the nurses confirm that patient and line are ready."""
    course = released(stage, house, 8, today - timedelta(days=115), weight="71.3")
    on = today + timedelta(days=1)
    made = patient.prescribe(stage, house, course, on, weighed=today - timedelta(days=2))
    patient.reserve(stage, made)
    patient.dispense(stage, made, today)
    stage.do(infusion.plan, by=PHYSICIAN, allocation=made, planned_on=on, ward=patient.WARD_NAME)


def _to_certify(stage: Stage, house: House, today: date) -> None:
    """Every result is in and reviewed, manufacture and testing are checked: the qualified person decides."""
    course = frozen(stage, house, 9, today - timedelta(days=90))
    steps.review(stage, course, today - timedelta(days=8))


def _under_review(stage: Stage, house: House, today: date) -> None:
    """Frozen: two results and a deviation block the certification."""
    course = frozen(stage, house, 4, today - timedelta(days=70), vials=steps.VIALS)
    stage.go_to(at(today - timedelta(days=5), 9))
    course.release = stage.do(release.open_review, by=QA, batch=course.batch)
    values = {name: value for name, value in steps.RESULTS if name not in LATE_RESULTS}
    stage.do(
        release.enter_results,
        course.release,
        by=QC,
        values=values,
        tested_at=at(today - timedelta(days=6), 8),
    )
    reviewed = [name for name in values if name != "donor_identity"]
    stage.do(release.review_results, course.release, by=QC_2, attributes=reviewed)
    opened = stage.do(
        deviations.open_deviation,
        by=TECH,
        title="Carbon dioxide low for 41 minutes",
        description="Incubator 2 stood at 3.1 % from 05:12 to 05:53.",
        occurred_at=at(today - timedelta(days=40), 6),
        immediate_action="Gas bottle changed, cultures inspected: no change seen.",
        about=[course.batch.code],
    )
    stage.do(deviations.classify, opened, by=QA, severity=Severity.MAJOR, reason="Out of the validated range")
    stage.do(
        deviations.open_deviation,
        by=TECH,
        title="Label printer jammed",
        description="Two labels were torn and destroyed.",
        occurred_at=at(today - timedelta(days=6), 15),
        immediate_action="Labels printed again.",
        about=[],
    )


def _in_culture(stage: Stage, house: House, today: date) -> None:
    """In culture: the first passage grows."""
    enrolled = today - timedelta(days=26)
    course = steps.register(stage, row(5, enrolled), protocol=house.protocol, prefix="Val-")
    steps.enrol(stage, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(stage, course, marrow, din(5, marrow))
    steps.begin(stage, house, course, marrow)


def _in_assessment(stage: Stage, house: House, today: date) -> None:
    """One donor was tested, the medical director's verdict is awaited; another one is about to be asked."""
    course = steps.register(stage, row(6, today - timedelta(days=5)), protocol=house.protocol, prefix="Val-")
    steps.enrol(stage, course)
    steps.assess(stage, course, today + timedelta(days=4), decided=False)
    course = steps.register(stage, row(10, today - timedelta(days=3)), protocol=house.protocol, prefix="Val-")
    steps.enrol(stage, course)
    stage.go_to(at(today, 9))
    stage.do(
        collection.open_assessment,
        by=NURSE,
        donor=course.donor,
        planned_on=today + timedelta(days=12),
        recipient=course.recipient,
    )


def _just_registered(stage: Stage, house: House, today: date) -> None:
    """Registered: the family link waits for somebody to verify it."""
    steps.register(
        stage, row(7, today + timedelta(days=19)), protocol=house.protocol, prefix="Val-", verified=False
    )
