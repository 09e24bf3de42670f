"""The patient's part of a course: prescription, dose, reservation, bedside, visits and events."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from mscbank.allocation import actions as allocation
from mscbank.allocation import preparing, reserving
from mscbank.allocation.models import Allergies
from mscbank.core import attachments
from mscbank.family import actions as family
from mscbank.infusion import actions as infusion
from mscbank.infusion.models import Moment
from mscbank.ops.demo.cast import PHARMACIST, PHYSICIAN, PV, REVIEWER, TECH, TECH_2, WARD, WARD_2
from mscbank.ops.demo.course import Course
from mscbank.ops.demo.house import House
from mscbank.ops.demo.paper import prescription
from mscbank.ops.demo.published import MEDDRA, Event
from mscbank.ops.demo.stage import Stage, at
from mscbank.safety import actions as safety
from mscbank.safety.words import Causality, Cause, Criterion, Decision, Outcome
from mscbank.study.schedule import due
from mscbank.study.views import visits_of

WARD_NAME = "Ward 3"
OUTSIDE = "Dr Hélène Roux"
TWO_YEARS, WINDOW = 730, 30
ML_A_VIAL = Decimal(5)
RSI = "Investigator's brochure 4"


def prescribe(stage: Stage, house: House, course: Course, on: date, *, weighed: date | None = None) -> Any:
    """Weigh three days before, or on the day given, and prescribe."""
    stage.go_to(at(weighed or on - timedelta(days=3), 9))
    made = stage.do(
        allocation.draft,
        by=PHYSICIAN,
        recipient=course.recipient,
        protocol=house.protocol,
        batch=course.batch,
        infusion_on=on,
        allergies=Allergies.NONE_KNOWN,
    )
    stage.do(
        allocation.record_weight,
        made,
        by=WARD,
        weight=grams(course),
        weighed_where=WARD_NAME,
    )
    stage.do(allocation.review_weight, made, by=WARD_2)
    stage.sign(allocation.prescribe, made, PHYSICIAN)
    return made


def transcribe(stage: Stage, house: House, course: Course, on: date, *, weighed: date) -> Any:
    """A prescription that came on paper: typed and signed by the ward, its scan attached."""
    stage.go_to(at(weighed, 9))
    made = stage.do(
        allocation.draft_from_paper,
        by=WARD,
        recipient=course.recipient,
        protocol=house.protocol,
        batch=course.batch,
        infusion_on=on,
        allergies=Allergies.NONE_KNOWN,
        paper_on=weighed,
        paper_prescriber=OUTSIDE,
    )
    stage.do(allocation.record_weight, made, by=WARD_2, weight=grams(course), weighed_where=WARD_NAME)
    stage.do(allocation.review_weight, made, by=WARD)
    scan = prescription(
        "Prescription (fictitious)",
        (
            f"Patient {course.recipient.code}, {course.row.weight} kg",
            f"MSC of batch {course.batch.code}, 1 million per kg",
            f"Infusion on {on:%d %B %Y}, {WARD_NAME}",
            f"Written on {weighed:%d %B %Y}",
        ),
        OUTSIDE,
    )
    upload = attachments.received("prescription.pdf", "application/pdf", scan)
    stage.do(attachments.attach, made, by=WARD, title="Prescription on paper, signed", upload=upload)
    stage.sign(allocation.transcribe, made, WARD, scan=1)
    return made


def grams(course: Course) -> int:
    """The body weight of the row, in grams."""
    return int(Decimal(course.row.weight) * 1000)


def reserve(stage: Stage, made: Any, **seen: Any) -> None:
    """The pharmacist checks every line and takes the vials for this patient."""
    stage.sign(reserving.verify_and_reserve, made, PHARMACIST, **seen)


def dispense(stage: Stage, made: Any, on: date) -> list[Any]:
    """The laboratory picks with two scans, the pharmacy dispenses to the ward."""
    stage.go_to(at(on, 8))
    vials = [row.vial for row in made.vials]
    stage.sign(reserving.pick, made, TECH, TECH_2, vials=vials)
    stage.sign(reserving.dispense, made, PHARMACIST, to=WARD_NAME)
    return vials


def make_ready(stage: Stage, course: Course, made: Any, on: date) -> Any:
    """The infusion planned, and the ward's confirmation by two."""
    one = stage.do(infusion.plan, by=PHYSICIAN, allocation=made, planned_on=on, ward=WARD_NAME)
    stage.go_to(at(on, 10))
    stage.sign(
        infusion.confirm_ready,
        one,
        WARD,
        WARD_2,
        is_fit=True,
        line_is_open=True,
        premedication="Paracetamol 1 g",
        weight=grams(course),
    )
    return one


def thaw(stage: Stage, house: House, made: Any, one: Any, vials: list[Any]) -> Any:
    """Thawed for the patient who is ready, prepared by two, labelled."""
    stage.sign(infusion.thaw, one, WARD, PHARMACIST, vials=vials, made_where=WARD_NAME)
    prepared = one.preparations[0].preparation
    stage.sign(preparing.add_vials, prepared, PHARMACIST, WARD, vials=vials)
    stage.do(preparing.finish, prepared, by=PHARMACIST, volume_ml=ML_A_VIAL * len(vials))
    stage.do(preparing.print_label, prepared, by=PHARMACIST)
    return prepared


def infuse(stage: Stage, course: Course, made: Any, one: Any, prepared: Any) -> None:
    """Two people at the bedside, the start, the observations, the record."""
    stage.sign(
        infusion.check,
        one,
        WARD,
        WARD_2,
        wristband=wristband(course),
        prescription=made.code,
        preparations=[label_of(prepared)],
    )
    stage.do(
        infusion.observe,
        one,
        by=WARD,
        moment=Moment.BEFORE,
        pulse=74,
        systolic=122,
        diastolic=76,
        temperature_c=Decimal("36.7"),
        saturation_percent=98,
    )
    stage.do(infusion.start, one, by=WARD)
    stage.now += timedelta(minutes=38)
    stage.sign(
        infusion.complete,
        one,
        WARD,
        WARD_2,
        given_ml=one.volume_to_give_ml,
        residual_method="Clinical waste, incinerated",
    )


def label_of(prepared: Any) -> str:
    """The code on the preparation's label."""
    return str(prepared.code)


def wristband(course: Course) -> str:
    """What the wristband of the patient reads."""
    return f"IPP-{course.prefix}{course.row.number:04d}"


def treat(stage: Stage, house: House, course: Course, on: date) -> Any:
    """The whole day of the infusion."""
    made = prescribe(stage, house, course, on)
    reserve(stage, made)
    vials = dispense(stage, made, on)
    one = make_ready(stage, course, made, on)
    prepared = thaw(stage, house, made, one, vials)
    infuse(stage, course, made, one, prepared)
    return one


def happen(stage: Stage, house: House, course: Course, one: Any, event: Event) -> Any:
    """An adverse event: reported, assessed by the investigator, then by the sponsor, and closed."""
    day = one.infused_on + timedelta(days=event.day)
    onset = one.started_at + timedelta(minutes=10) if event.day == 0 else at(day, 7)
    stage.go_to(max(onset + timedelta(hours=2), at(day, 9)))
    serious = [Criterion.HOSPITALISATION] if event.serious else []
    if event.grade == 4:
        serious.append(Criterion.LIFE_THREATENING)
    made = stage.do(
        safety.report,
        by=PHYSICIAN,
        recipient=course.recipient,
        protocol=house.protocol,
        term=event.term,
        onset_at=onset,
        ctcae_grade=event.grade,
        serious_for=serious,
        outcome=Outcome.RECOVERED,
        meddra_code=MEDDRA.get(event.term),
    )
    related = Causality.RELATED if event.related else Causality.NOT_RELATED
    stage.do(
        safety.assess,
        made,
        by=PHYSICIAN,
        causality=related,
        cause=Cause.PROCEDURE if event.related else Cause.DISEASE,
    )
    stage.do(
        safety.sponsor_assess,
        made,
        by=PV,
        sponsor_causality=related,
        is_expected=True,
        reference_information=RSI,
    )
    stage.sign(safety.close, made, PV)
    return made


def follow(stage: Stage, house: House, course: Course, one: Any) -> None:
    """Visits by the protocol's schedule and every event, in the order of time, to the last visit."""
    last = one.infused_on + timedelta(days=course.row.follow_up_days)
    planned = [(due(one.infused_on, visit).on, visit.name) for visit in visits_of(house.protocol)]
    seen: list[tuple[date, str]] = [(on, name) for on, name in planned if on <= last and name != "M24"]
    seen.append((last, "M24" if abs((planned[-1][0] - last).days) <= 30 else "unplanned"))
    todo: list[tuple[date, int, Any]] = [(on, 1, name) for on, name in seen]
    todo += [(one.infused_on + timedelta(days=event.day), 0, event) for event in course.row.events]
    for on, is_visit, what in sorted(todo, key=lambda line: (line[0], line[1])):
        if not is_visit:
            happen(stage, house, course, one, what)
            continue
        stage.go_to(max(stage.now, at(on, 15)))
        visit(stage, house, course, on, what)


def leave(stage: Stage, course: Course, one: Any) -> None:
    """The end of the follow-up: completed at two years, or lost before."""
    last = one.infused_on + timedelta(days=course.row.follow_up_days)
    stage.go_to(at(last + timedelta(days=1), 9))
    if course.row.follow_up_days >= TWO_YEARS - WINDOW:
        stage.do(
            family.complete, course.recipient, by=PHYSICIAN, reason="Two years of follow-up", left_on=last
        )
    else:
        stage.do(family.lose, course.recipient, by=PHYSICIAN, reason="No longer reached", left_on=last)


def visit(stage: Stage, house: House, course: Course, on: date, name: str) -> None:
    """The patient was seen."""
    stage.do(
        safety.record_visit, course.recipient, by=PHYSICIAN, visited_on=on, name=name, protocol=house.protocol
    )


def report_event(
    stage: Stage, house: House, course: Course, *, onset: datetime, term: str, grade: int
) -> Any:
    """An event as the ward reports it, not yet assessed."""
    return stage.do(
        safety.report,
        by=WARD,
        recipient=course.recipient,
        protocol=house.protocol,
        term=term,
        onset_at=onset,
        ctcae_grade=grade,
        serious_for=[],
        outcome=Outcome.RECOVERED,
    )


def open_next_level(stage: Stage, house: House, on: date) -> None:
    """The safety reviewer signs: the second dose level opens."""
    stage.go_to(at(on, 16))
    stage.sign(
        safety.decide_gate,
        house.protocol,
        REVIEWER,
        decision=Decision.ESCALATE,
        comment="Ten infused, day 10 passed by all, all events reviewed: no related event of grade 3 or more",
    )
