"""The last vial wanted by fifty at once, from four processes: exactly one yes, on both engines.

The processes have connections of their own to the same database; each prepares its requests, proofs included,
waits for the others and lets go at the same moment.
"""

import json
import traceback
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from mscbank.allocation import actions as allocation
from mscbank.allocation.models import AllocatedVial, Allocation
from mscbank.app import load_steps
from mscbank.core import clock, db, sealed
from mscbank.core.access import Principal
from mscbank.core.access import load as load_person
from mscbank.core.acts import Action
from mscbank.core.db import session
from mscbank.core.errors import Busy, Refused
from mscbank.core.record import Outcome, Record
from mscbank.core.signatures import Proof, Signer, prove
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.words import Cause
from mscbank.family import actions as family
from mscbank.family.models import Enrolment, Recipient
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import house, patient
from mscbank.ops.demo.cast import (
    PASSWORD,
    PHARMACIST,
    PHYSICIAN,
    QA,
    REVIEWER,
    TECH,
    TECH_2,
    Person,
)
from mscbank.release import actions as release
from mscbank.release.models import Release
from mscbank.safety import actions as safety
from mscbank.safety.words import Decision
from mscbank.study.models import Protocol
from tests import worlds
from tests.browser import served, token_of
from tests.fixtures import Walked
from tests.processes import prepared

PROCESSES, THREADS, REQUESTS = 4, 5, 50
PATIENCE = 100
BUSY = Busy.default.code
"""What a slow machine answers to who waited too long for the others: nothing was changed, try again."""

pytestmark = [pytest.mark.timeout(300)]

Job = Callable[..., Callable[[], Any]]
"""Prepares one request: what it answers is called at the start."""


# --- what the processes do ------------------------------------------------------------------------


def person(one: Person) -> Principal:
    """Somebody of the cast as the door knows them."""
    found = load_person(one.login)
    assert found is not None
    return found


def the(model: Any, code: str) -> Any:
    return session.scalars(select(model).where(model.code == code)).one()


def proofs(action: Action, thing: Any, *signers: Person, **inputs: Any) -> list[Proof]:
    named = zip(action.meanings, signers, strict=True)
    signing = [Signer(person(signer), meaning, PASSWORD) for meaning, signer in named]
    return prove(action.name, thing, *signing, content=action.content, inputs=inputs)


def reserves(code: str, _number: int) -> Callable[[], Any]:
    """Reserve the vials of a verified prescription."""
    by = person(PHARMACIST)
    return lambda: allocation.reserve(the(Allocation, code), by=by)


def destroys(code: str, _number: int) -> Callable[[], Any]:
    """Destroy a vial before a witness."""
    inputs = {"method": "incinerated", "waste_id": "W1"}
    signed = proofs(custody.destroy, the(Vial, code), TECH, TECH_2, **inputs)
    by = person(TECH)
    return lambda: custody.destroy(the(Vial, code), by=by, reason="A race for it", proofs=signed, **inputs)


def picks(code: str, _number: int) -> Callable[[], Any]:
    """Pick the vials of a reserved prescription, by two."""
    a = the(Allocation, code)
    vials = [row.vial.code for row in a.vials]
    signed = proofs(allocation.pick, a, TECH, TECH_2, vials=[the(Vial, vial) for vial in vials])
    by = person(TECH)

    def go() -> Any:
        return allocation.pick(
            the(Allocation, code), by=by, proofs=signed, vials=[the(Vial, vial) for vial in vials]
        )

    return go


def reserves_or_destroys(code: str, number: int) -> Callable[[], Any]:
    """Half of them reserve, half of them destroy one of the vials."""
    a, _slash, vial = code.partition("/")
    return destroys(vial, number) if number % 2 else reserves(a, number)


def reserves_or_suspends(code: str, number: int) -> Callable[[], Any]:
    """Most of them reserve, one in ten stops the batch."""
    a, _slash, stopped = code.partition("/")
    if number % 10:
        return reserves(a, number)
    by = person(QA)
    return lambda: release.suspend(the(Release, stopped), by=by, reason="Stopped in a race")


def holds_with_one_key(code: str, _number: int) -> Callable[[], Any]:
    """The same request again and again, with its key."""
    by = person(QA)
    seen = the(Vial, code).version
    return lambda: custody.hold(
        the(Vial, code), by=by, reason="Asked once", cause=Cause.QUALITY, key="only-once", expected=seen
    )  # fmt: skip


def edits(code: str, number: int) -> Callable[[], Any]:
    """Everybody saw the same version and changes it."""
    by = person(QA)
    seen = the(Vial, code).version
    return lambda: custody.hold(
        the(Vial, code), by=by, reason=f"Seen by number {number}", cause=Cause.QUALITY, expected=seen
    )


def enrols(code: str, number: int) -> Callable[[], Any]:
    """Two patients, one place."""
    patients = code.split("/")
    wanted = patients[number % len(patients)]
    by = person(PHYSICIAN)
    return lambda: family.enrol(the(Recipient, wanted), by=by)


def opens_gate(code: str, _number: int) -> Callable[[], Any]:
    """Sign the gate of the second dose level."""
    inputs = {"decision": Decision.ESCALATE, "comment": "Reviewed"}
    signed = proofs(safety.decide_gate, the(Protocol, code), REVIEWER, **inputs)
    by = person(REVIEWER)
    return lambda: safety.decide_gate(the(Protocol, code), by=by, proofs=signed, **inputs)


def _answer(go: Callable[[], Any]) -> str:
    try:
        go()
    except Refused as refused:
        return refused.code
    except Exception:  # noqa: BLE001 - told to the test
        return traceback.format_exc()
    else:
        return "done"
    finally:
        session.remove()


def _run(url: str, job: Job, code: str, numbers: list[int], start: Any) -> list[str]:
    db.connect(url, pool_size=THREADS)
    sealed.open_master(worlds.MASTER_KEY)
    try:
        prepared = [job(code, number) for number in numbers]
    finally:
        session.remove()
    with ThreadPoolExecutor(THREADS) as threads:
        start.wait(PATIENCE)
        answered = list(threads.map(_answer, prepared))
    db.disconnect()
    return answered


def _serve(numbers: list[int], jobs: Any, start: Any, answers: Any) -> None:
    """One process: for every race that is called out, prepare, wait for the others, go."""
    load_steps()
    worlds.employ_staff()
    answers.put([])
    while True:
        try:
            answers.put(_run(*jobs.get(), numbers, start))
        except Exception:  # noqa: BLE001 - told to the test
            start.abort()
            answers.put([traceback.format_exc()])


class Racers:
    """Four processes that race whenever they are called."""

    def __init__(self) -> None:
        place = prepared()
        self.start, self.answers = place.Barrier(PROCESSES), place.Queue()
        self.jobs = [place.Queue() for _ in range(PROCESSES)]
        self.processes = [
            place.Process(
                target=_serve,
                args=(list(range(n, REQUESTS, PROCESSES)), jobs, self.start, self.answers),
                daemon=True,
            )
            for n, jobs in enumerate(self.jobs)
        ]
        for process in self.processes:
            process.start()
        for _ in self.processes:
            self.answers.get(timeout=PATIENCE)

    def __call__(self, url: str, job: Job, code: str) -> Counter[str]:
        """Fifty requests from four processes: what they were answered."""
        db.disconnect()
        self.start.reset()
        for jobs in self.jobs:
            jobs.put((url, job, code))
        found = Counter(one for _ in self.jobs for one in self.answers.get(timeout=PATIENCE))
        db.connect(url)
        assert found.total() == REQUESTS, found
        return found

    def stop(self) -> None:
        """Send them home."""
        for process in self.processes:
            process.kill()
            process.join()


@pytest.fixture(scope="module")
def race() -> Iterator[Racers]:
    """The four processes, started once."""
    racers = Racers()
    yield racers
    racers.stop()


def one_yes(found: Counter[str], *noes: str) -> None:
    """Exactly one was done; everybody else got one of these clear noes, or was told to try again."""
    assert found["done"] == 1, found
    assert set(found) <= {"done", BUSY, *noes}, found


def done(action: str) -> int:
    """How many acts of this name stand in the record as done."""
    counted = select(func.count()).select_from(Record)
    return int(session.scalar(counted.where(Record.action == action, Record.outcome == Outcome.DONE)) or 0)


def refusals() -> int:
    """How many refused acts the record keeps."""
    found = session.scalar(select(func.count()).select_from(Record).where(Record.outcome == Outcome.REFUSED))
    return int(found or 0)


def verified(world: Walked) -> Allocation:
    """The first family's dose, verified and not yet reserved; it takes every vial that is left."""
    made = patient.prescribe(world.stage, *worlds.resumed(), worlds.today())
    world.stage.sign(allocation.verify, made, PHARMACIST)
    return made


# --- the races ------------------------------------------------------------------------------------


@pytest.mark.db
def test_invariant_05_the_last_vials_are_reserved_once(released: Walked, race: Racers) -> None:
    code = verified(released).code
    found = race(released.url, reserves, code)
    one_yes(found, "lifecycle.wrong_state", "allocation.plan_changed")
    assert done("allocation.reserve") == 1
    assert refusals() == REQUESTS - 1 - found[BUSY]
    rows = session.scalars(select(AllocatedVial)).all()
    assert len(rows) == len({row.vial_id for row in rows}) == 4


@pytest.mark.db
def test_the_last_vial_is_destroyed_once(released: Walked, race: Racers) -> None:
    code = released.first.stock[-1].code
    one_yes(race(released.url, destroys, code), "lifecycle.wrong_state")
    assert done("vial.destroy") == 1
    assert len(released.first.stock) == 3


@pytest.mark.db
def test_the_last_vials_are_picked_once(reserved: Walked, race: Racers) -> None:
    code = reserved.first.allocation.code
    one_yes(race(reserved.url, picks, code), "signature.content_changed", "allocation.not_reserved")
    assert done("allocation.pick") == 1
    assert {vial.reservation for vial in reserved.first.stock} == {"picked"}


@pytest.mark.db
def test_a_vial_is_reserved_or_destroyed_never_both(released: Walked, race: Racers) -> None:
    made = verified(released)
    vial = made.batch and released.first.stock[0].code
    found = race(released.url, reserves_or_destroys, f"{made.code}/{vial}")
    one_yes(
        found, "lifecycle.wrong_state", "custody.reserved", "allocation.plan_changed",
        "allocation.dose_out_of_tolerance", "allocation.dose_not_acknowledged",
    )  # fmt: skip
    row = the(Vial, vial)
    assert (row.condition, row.reservation) in (("frozen", "reserved"), ("destroyed", "none"))


@pytest.mark.db
def test_invariant_21_what_stops_a_batch_stops_it_before_anyone_can_allocate(
    released: Walked, race: Racers
) -> None:
    made = verified(released)
    found = race(released.url, reserves_or_suspends, f"{made.code}/{released.first.release.code}")
    assert set(found) <= {
        "done", "lifecycle.wrong_state", "allocation.not_released", "allocation.no_vials", "custody.on_hold",
        "allocation.plan_changed",
    }, found  # fmt: skip
    assert done("release.suspend") == 1
    rows = session.execute(
        select(Record.action, Record.id)
        .where(
            Record.action.in_(("release.suspend", "allocation.reserve")), Record.outcome == Outcome.DONE,
            Record.parent.is_(None),
        )
        .order_by(Record.id)
    ).all()  # fmt: skip
    assert [action for action, _ in rows] in (
        ["release.suspend"], ["allocation.reserve", "release.suspend"]
    )  # fmt: skip


@pytest.mark.db
def test_invariant_23_a_key_repeated_at_once_acts_once(released: Walked, race: Racers) -> None:
    code = released.first.stock[0].code
    before = the(Vial, code).version
    found = race(released.url, holds_with_one_key, code)
    assert set(found) <= {"done", BUSY}, found
    assert done("vial.hold") == 1
    assert the(Vial, code).version == before + 1


@pytest.mark.db
def test_invariant_23_of_fifty_who_saw_the_same_version_one_changes_it(
    released: Walked, race: Racers
) -> None:
    code = released.first.stock[0].code
    one_yes(race(released.url, edits, code), "stale")


@pytest.mark.db
def test_invariant_15_the_last_place_of_a_level_is_taken_once(released: Walked, race: Racers) -> None:
    stage = released.stage
    on = worlds.today() - timedelta(days=30)
    made, _edition = house.protocol(
        stage, title="One place", registry_id="NCT00000043", levels=((1_000_000, 1),), on=on
    )
    codes = []
    for number in (3, 4):
        row = worlds.family(worlds.FIRST, worlds.today(), number=number)
        codes.append(steps.register(stage, row, protocol=made).recipient.code)
    found = race(released.url, enrols, "/".join(codes))
    assert found["done"] == 1, found
    assert all(len(answer) < 60 for answer in found), found
    protocol = the(
        Protocol, session.scalars(select(Protocol.code).order_by(Protocol.id.desc())).first() or ""
    )
    taken = session.scalars(select(Enrolment).where(Enrolment.protocol_id == protocol.id)).all()
    assert len(taken) == 1


@pytest.mark.db
def test_invariant_15_the_gate_opens_the_next_level_once(infused: Walked, race: Racers) -> None:
    code = infused.first.protocol.code
    found = race(infused.url, opens_gate, code)
    assert found["done"] == 1, found
    assert all(len(answer) < 60 for answer in found), found
    assert done("protocol.decide_gate") == 1


# --- over HTTP ------------------------------------------------------------------------------------


def post(address: str, path: str, token: str, body: Any, **headers: str) -> tuple[int, Any]:
    """Send JSON; the status and what came back."""
    request = urllib.request.Request(
        f"{address}/api/v1/{path}",
        data=json.dumps(body).encode(),
        method="POST",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@contextmanager
def closed(world: Walked) -> Iterator[None]:
    """Let others have the database for a while."""
    db.disconnect()
    yield
    db.connect(world.url)


@pytest.mark.db
def test_the_last_vials_are_reserved_once_over_http(released: Walked) -> None:
    """The same over the API: four workers, fifty requests, and again with one key each."""
    made = verified(released)
    token, code, version = token_of(PHARMACIST.login), made.code, made.version
    with closed(released), served(released.url, workers=PROCESSES) as address:

        def reserve(number: int) -> tuple[int, Any]:
            return post(
                address, f"allocations/{code}/reserve", token, {},
                **{"If-Match": f'"{version}"', "Idempotency-Key": f"number-{number}"},
            )  # fmt: skip

        with ThreadPoolExecutor(25) as threads:
            answers = list(threads.map(reserve, range(REQUESTS)))
        winners = [number for number, (status, _) in enumerate(answers) if status == 200]
        again = reserve(winners[0])
    statuses = Counter(status for status, _ in answers)
    assert len(winners) == 1, statuses
    assert set(statuses) <= {200, 409, 412, 503}, statuses
    assert all(body["code"] and body["detail"] for status, body in answers if status != 200)
    assert again[0] == 200
    assert done("allocation.reserve") == 1


def test_the_clock_of_the_processes_is_the_real_one(released: Walked) -> None:
    """The races run on the real clock: nothing is moved, and the world lies in the past."""
    assert not clock.is_moved()
    latest = session.execute(text("SELECT max(entered_at) FROM record")).scalar_one()
    assert str(latest)[:10] < str(worlds.today())
