"""A small trial for tests of safety: two patients infused at the first of two levels, and what befalls them.

The world is walked with the movable clock by the steps of the demonstration's replay. Both were infused long
enough ago that months of follow-up can be told; what the tests add happens at instants that they name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from mscbank.core import clock, db, sealed
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.family.models import Enrolment, Recipient
from mscbank.infusion.models import Infusion
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import PHYSICIAN, PV, Person
from mscbank.ops.demo.house import House, deliveries, protocol, storage
from mscbank.ops.demo.published import Family
from mscbank.ops.demo.stage import Stage, at, seat
from mscbank.safety import actions
from mscbank.safety.models import AdverseEvent
from mscbank.safety.words import Causality, Cause, Outcome
from mscbank.study.models import Protocol
from tests import worlds
from tests.copies import World

OPENED = date(2019, 1, 7)
LEVELS = ((1_000_000, 2), (3_000_000, 2))
REGISTRY = "NCT00000777"

FIRST = Family(
    number=1, woman=True, born=date(1975, 4, 9), weight="62.4", relation="full_sibling", donor_woman=True,
    donor_born=date(1979, 9, 3), enrolled=date(2019, 2, 4), follow_up_days=0,
)  # fmt: skip
SECOND = Family(
    number=2, woman=False, born=date(1968, 2, 20), weight="60.0", relation="parent", donor_woman=True,
    donor_born=date(1946, 7, 12), enrolled=date(2019, 3, 4), follow_up_days=0,
)  # fmt: skip


def build(url: str) -> None:
    """The protocol whose gate asks for two, and two patients from registration to the infusion."""
    db.connect(url, durable=False)
    sealed.open_master(worlds.MASTER_KEY)
    worlds.employ_staff()
    stage = Stage(at(OPENED, 7))
    seat(stage)
    made, edition = protocol(
        stage, title="A trial of four places", registry_id=REGISTRY, levels=LEVELS, on=OPENED, gate_infused=2
    )
    house = House(made, edition, storage(stage, "Tank S-1"))
    deliveries(stage, house, OPENED + timedelta(days=7), date(2019, 12, 1))
    for row in (FIRST, SECOND):
        _treat(stage, house, row)
    db.disconnect()


def _treat(stage: Stage, house: House, row: Family) -> None:
    course = steps.register(stage, row, protocol=house.protocol)
    steps.enrol(stage, course)
    marrow = row.enrolled + timedelta(days=14)
    steps.donate(stage, course, marrow, f"A9999{marrow:%y}{row.number:06d}")
    steps.grow(stage, house, course, marrow)
    steps.freeze(stage, house, course, marrow + timedelta(days=30), vials=8)
    steps.judge(stage, course, marrow + timedelta(days=64))
    patient.treat(stage, house, course, marrow + timedelta(days=78))


def build_bare(url: str) -> None:
    """A marked database without anybody, so that the clock may be moved."""
    worlds._migrate(url, demonstration=True)


BARE = World("safety_bare", build_bare)
TRIAL = World("safety_trial", build, BARE)


@dataclass(frozen=True)
class Trial:
    """The open trial; every thing is read anew each time it is asked for."""

    url: str

    @property
    def protocol(self) -> Protocol:
        return session.scalars(select(Protocol).where(Protocol.registry_id == REGISTRY)).one()

    def patient(self, number: int = 1) -> Recipient:
        """A patient by study number."""
        return session.scalars(
            select(Recipient)
            .join(Enrolment, Enrolment.recipient_id == Recipient.id)
            .where(Enrolment.number == number)
        ).one()

    def infusion(self, number: int = 1) -> Infusion:
        """The infusion of a patient."""
        found = select(Infusion).where(Infusion.recipient_id == self.patient(number).id)
        return session.scalars(found).one()

    def after(self, days: int = 0, hour: int = 12, *, number: int = 1) -> datetime:
        """An instant of the civil day so many days after a patient's infusion; before the end of day 0 it is
        half an hour into it."""
        infusion = self.infusion(number)
        if days == 0 and infusion.started_at is not None:
            return infusion.started_at + timedelta(minutes=10)
        assert infusion.infused_on is not None
        return at(infusion.infused_on + timedelta(days=days), hour)

    def event(self, code: str) -> AdverseEvent:
        """An event by its code."""
        session.expire_all()
        return session.scalars(select(AdverseEvent).where(AdverseEvent.code == code)).one()


def opened(url: str) -> Iterator[Trial]:
    """Connect the house to a copy of the trial; close it afterwards."""
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    worlds.employ_staff()
    yield Trial(url)
    db.disconnect()


def do(action: Any, *subject: Any, by: Person, at: datetime, reason: str | None = None, **inputs: Any) -> Any:
    """Do an action at an instant, signed where it asks for that."""
    stage = Stage(at)
    if action.meanings:
        return stage.sign(action, subject[0] if subject else None, by, reason=reason, **inputs)
    return stage.do(action, *subject, by=by, reason=reason, **inputs)


def principal(person: Person) -> Principal:
    """The person as the door knows them."""
    return Stage(clock.now()).principal(person)


def report(trial: Trial, days: int = 30, *, number: int = 1, by: Person = PHYSICIAN, **changes: Any) -> Any:
    """An event of a patient so many days after the infusion, reported two hours after it began."""
    onset = changes.pop("onset_at", None) or trial.after(days, number=number)
    when = changes.pop("at", None) or onset + timedelta(hours=2)
    inputs = {
        "recipient": trial.patient(number), "term": "Pneumonia", "onset_at": onset, "ctcae_grade": 2,
        "outcome": Outcome.RECOVERED,
    } | changes  # fmt: skip
    return do(actions.report, by=by, at=when, **inputs)


def assess(event: Any, causality: Causality = Causality.NOT_RELATED, **changes: Any) -> Any:
    """The investigator's judgement, an hour after the report."""
    when = changes.pop("at", None) or event.reported_at + timedelta(hours=1)
    cause = Cause.PRODUCT if causality is Causality.RELATED else Cause.DISEASE
    inputs = {"causality": causality, "cause": cause} | changes
    do(actions.assess, event, by=PHYSICIAN, at=when, **inputs)
    return event


def judge(event: Any, causality: Causality = Causality.NOT_RELATED, **changes: Any) -> Any:
    """The sponsor's judgement, two hours after the report."""
    when = changes.pop("at", None) or event.reported_at + timedelta(hours=2)
    inputs = {
        "sponsor_causality": causality, "is_expected": True, "reference_information": "brochure 4",
    } | changes  # fmt: skip
    do(actions.sponsor_assess, event, by=PV, at=when, **inputs)
    return event


def close(event: Any) -> Any:
    """Assessed by both and closed."""
    judge(assess(event))
    do(actions.close, event, by=PV, at=event.reported_at + timedelta(hours=3))
    return event


def see(trial: Trial, days: int, name: str | None = None, *, number: int = 1, **changes: Any) -> None:
    """A visit so many days after the infusion."""
    infused_on = trial.infusion(number).infused_on
    assert infused_on is not None
    on = changes.pop("visited_on", infused_on + timedelta(days=days))
    when = changes.pop("at", None) or at(on, 15)
    inputs = {"visited_on": on} | ({"name": name} if name else {}) | changes
    do(actions.record_visit, trial.patient(number), by=PHYSICIAN, at=when, **inputs)
