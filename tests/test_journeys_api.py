"""The three journeys (the lab, the pharmacy, the auditor) through the JSON API alone.

The steps are those of the demonstration's replay; here each becomes the request of a program that knows
nothing but the API: a bearer token, the version that it read as `If-Match`, a key, proofs asked for with the
password and the code of an authenticator app. Everybody is asked for a second factor, and nobody's clock is
turned back: each signature takes a code of its own half minute.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.coding.din import check_character, format_din
from mscbank.core import clock, db
from mscbank.core.acts import Action
from mscbank.core.signatures import Means, Signature
from mscbank.core.web.api import INPUTS
from mscbank.custody import actions as custody
from mscbank.family import actions as family
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import house as houses
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import (
    AUDITOR,
    CAST,
    NURSE,
    PASSWORD,
    PHARMACIST,
    PHYSICIAN,
    PV,
    QA,
    QP,
    TECH,
    WARD,
    Person,
)
from mscbank.ops.demo.published import Event
from mscbank.ops.demo.stage import at
from mscbank.release import actions as release
from mscbank.safety import actions as safety
from mscbank.staff import factors, totp
from mscbank.staff.models import CodeTries
from tests import worlds
from tests.browser import Outside, addresses, config, token_of
from tests.copies import Copies
from tests.make_factor import Telephone, telephones

DAY = re.compile(r"\d{4}-\d\d-\d\d")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT.*Z")
VIALS = 8

pytestmark = [pytest.mark.db, pytest.mark.timeout(300)]


def read(value: Any) -> Any:
    """A date, an instant or a code as a program takes it out of JSON."""
    if isinstance(value, str) and DAY.fullmatch(value):
        return date.fromisoformat(value)
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    return value


@dataclass
class Remote:
    """A thing of which the program knows the address; what else it wants to know it asks for."""

    program: "Program" = field(repr=False)
    path: str
    code: str

    @property
    def shown(self) -> Any:
        return self.program.get(f"{self.path}/{self.code}").json

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return read(self.shown[name])


class RemoteAllocation(Remote):
    """A prescription with the vials that are held for it."""

    @property
    def vials(self) -> list[Any]:
        rows = self.program.get(f"allocations/{self.code}/vials").json["items"]
        return [Row(vial=Remote(self.program, "vials", row["vial"])) for row in rows]


class RemoteInfusion(Remote):
    """An infusion with its preparations."""

    @property
    def preparations(self) -> list[Any]:
        rows = self.program.get(f"infusions/{self.code}/checks").json["preparations"]
        return [Row(preparation=Remote(self.program, "preparations", row["preparation"])) for row in rows]


@dataclass
class Row:
    """A row of a list."""

    vial: Any = None
    preparation: Any = None


class Program(Outside):
    """A stage whose people hold tokens and send requests."""

    def __init__(self, app: Flask, now: datetime) -> None:
        super().__init__(now)
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.requests = 0
        with clock.moved_to(now):
            self.tokens = {one.login: token_of(one.login) for one in CAST}
        db.session.remove()
        self.reader: Person = QA
        self.telephones: dict[str, Telephone] = {}

    def enrol(self) -> None:
        """Everybody sets up an authenticator app; before that nothing is open to them."""
        refused = self.send(QA, "donors", method="GET")
        assert (refused.status_code, refused.json["code"]) == (403, "factor.demanded")
        self.telephones = telephones(self.tokens, self.now)
        db.session.remove()
        self.now += timedelta(seconds=totp.SECONDS)

    @cached_property
    def routes(self) -> dict[tuple[str, str], str]:
        """Where each act of a kind is sent."""
        return addresses(self.app)

    def send(
        self, by: Person, path: str, body: Any = None, *, method: str = "POST", **headers: str
    ) -> TestResponse:
        """One request with this person's token, at the time of the stage."""
        self.requests += 1
        headers = {"Authorization": f"Bearer {self.tokens[by.login]}"} | headers
        with clock.moved_to(self.now):
            return self.client.open(f"/api/v1/{path}", method=method, json=body, headers=headers)

    def get(self, path: str, by: Person | None = None) -> TestResponse:
        """GET what is there."""
        answer = self.send(by or self.reader, path, method="GET")
        assert answer.status_code == 200, (path, answer.status, answer.text[:2000])
        return answer

    def trail(self, release: Any) -> str:
        return str(self.get(f"releases/{release.code}/audit-trail").json["seen"])

    def send_act(
        self,
        action: Action,
        subject: Any,
        people: tuple[Person, ...],
        reason: str | None,
        inputs: dict[str, Any],
    ) -> Any:
        self.acts += 1
        answer = self.attempt(action, subject, people, reason, inputs)
        wanted = 201 if action.creates else 200
        assert answer.status_code == wanted, (action.name, answer.status, answer.text[:2000])
        return self.done(action, subject, answer)

    def attempt(
        self,
        action: Action,
        subject: Any,
        people: tuple[Person, ...],
        reason: str | None,
        inputs: dict[str, Any],
    ) -> TestResponse:
        """Send an act as the first of these people, signed by all where it is signed; whatever comes."""
        address, by = self.routes[action.kind or "", action.name.partition(".")[2]], people[0]
        body = self._body(action, inputs)
        headers = {"Idempotency-Key": uuid4().hex}
        if subject is not None:
            headers["If-Match"] = self.get(f"{subject.path}/{subject.code}").headers["ETag"]
        sent = dict(body)
        if action.meanings:
            sent["proofs"] = [
                self.proof(action, subject, by, signer, meaning, body)
                for meaning, signer in zip(action.meanings, people, strict=True)
            ]
        if reason is not None:
            sent["reason"] = reason
        code = subject.code if subject is not None else ""
        return self.send(by, address.replace("<code>", code), sent, **headers)

    def done(self, action: Action, subject: Any, answer: TestResponse) -> Any:
        """What an act gave back, a minute later."""
        self.now += timedelta(minutes=1)
        if action is custody.fill:
            return self._vials(subject.code)
        path = self.routes[action.kind or "", action.name.partition(".")[2]].partition("/")[0]
        return self.thing(path, answer.json["code"])

    def proof(
        self, action: Action, subject: Any, by: Person, signer: Person, meaning: str, inputs: Any
    ) -> str:
        """One signature, at the station where the first person sits."""
        asked = {
            "action": action.name, "subject": subject.code if subject is not None else None,
            "meaning": meaning, "inputs": inputs, "login": signer.login, "secret": PASSWORD,
        }  # fmt: skip
        if self.telephones:
            asked["code"] = self.telephones[signer.login].code_at(self.now)
        answer = self.send(by, "proofs", asked)
        assert answer.status_code == 201, (action.name, answer.text)
        return str(answer.json["proof"])

    def _body(self, action: Action, inputs: dict[str, Any]) -> dict[str, Any]:
        schema, _model = INPUTS[action.name]
        if action is release.enter_results:
            lines = inputs["values"].items()
            inputs = inputs | {"results": [{"attribute": a, "value_text": v} for a, v in lines]}
            del inputs["values"]
        assert schema is not None or not inputs, action.name
        made: dict[str, Any] = schema().dump(SimpleNamespace(**inputs)) if schema is not None else {}
        assert len(made) == len(inputs), (action.name, inputs, made)
        return made

    def _vials(self, batch: str) -> list[Remote]:
        items = self.get(f"vials?batch={batch}&limit=200").json["items"]
        return [Remote(self, "vials", row["code"]) for row in sorted(items, key=lambda row: row["number"])]

    def thing(self, path: str, code: str) -> Remote:
        """What an address and a code stand for."""
        kinds = {"allocations": RemoteAllocation, "infusions": RemoteInfusion}
        return kinds.get(path, Remote)(self, path, code)


def before_a_bank(copies: Copies, engine_kind: str, **settings: str) -> Iterator[Program]:
    """A program with tokens of everybody, before an empty demonstration with these settings."""
    url = copies.of(worlds.STAFFED, engine_kind)
    worlds.employ_staff()
    app = create_app(config(url, **settings))
    app.config.update(TESTING=True)
    yield Program(app, at(worlds.opened_on(), 8))
    factors.demand(factors.NOBODY)
    db.disconnect()


@pytest.fixture
def program(copies: Copies, engine_kind: str) -> Iterator[Program]:
    """Where a password is enough."""
    yield from before_a_bank(copies, engine_kind)


@pytest.fixture
def guarded(copies: Copies, engine_kind: str) -> Iterator[Program]:
    """Where everybody needs a second factor, and has set one up."""
    for program in before_a_bank(copies, engine_kind, MSCBANK_SECOND_FACTOR=factors.EVERYBODY):
        program.enrol()
        yield program


# --- the lab, a Tuesday ---------------------------------------------------------------------------


def lab(program: Program) -> tuple[houses.House, steps.Course]:
    """From the house to the released vials and their certificate."""
    opened = worlds.opened_on()
    protocol, edition = houses.protocol(
        program, title="The API alone", registry_id="NCT00000044", levels=((1_000_000, 10),), on=opened
    )
    house = houses.House(protocol, edition, houses.storage(program, "Tank A-1"))
    houses.deliveries(program, house, opened + timedelta(days=1), worlds.today())
    enrolled = worlds.today() - timedelta(days=worlds.ENROLLED_AGO)
    row = worlds.family(worlds.FIRST, enrolled)
    course = steps.register(program, row, protocol=protocol)
    steps.enrol(program, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(program, course, marrow, f"A9999{marrow:%y}000001")
    steps.grow(program, house, course, marrow)
    growth = program.get(f"batches/{course.batch.code}/growth").json
    assert [one["number"] for one in growth["passages"]] == [0, 1]
    assert Decimal(growth["cumulative_population_doublings"]) > 0
    steps.freeze(program, house, course, marrow + timedelta(days=30), vials=VIALS)
    labels = program.get(f"fills/{course.batch.code}/labels.pdf", TECH)
    assert labels.data.startswith(b"%PDF")
    box = program.get(f"places/{course.box.code}/contents").json["items"]
    assert sum(one["vial"] is not None for one in box) == VIALS - 1
    steps.judge(program, course, marrow + timedelta(days=64))
    readiness = program.get(f"releases/{course.release.code}/readiness").json
    assert readiness["waiting"] == readiness["late"] == 0
    assert program.get(f"releases/{course.release.code}/certificate.pdf").data.startswith(b"%PDF")
    balance = program.get(f"fills/{course.batch.code}/balance").json
    assert (balance["filled"], balance["present"], balance["difference"]) == (VIALS, VIALS - 2, 0)
    return house, course


# --- the pharmacy, three months later -------------------------------------------------------------


def pharmacy(program: Program, house: houses.House, course: steps.Course) -> Any:
    """From the prescription over the dose's lines to the last drop."""
    on = worlds.today() - timedelta(days=worlds.INFUSED_AGO)
    made = patient.prescribe(program, house, course, on)
    dose = program.get(f"allocations/{made.code}/dose", PHARMACIST).json
    assert dose["target_viable"] == "62400000.000"
    assert dose["planned_viable"] == "64768000.000"
    assert dose["difference_percent"] == "3.8"
    assert len(dose["proposed"]) == 4
    assert {one["code"] for one in dose["excluded"]}
    assert all(line["label"] and line["value"] for line in dose["lines"])
    without_version(program, made)
    patient.reserve(program, made)
    reserved = program.send(PHARMACIST, f"allocations/{made.code}/reserve", {}, **{"If-Match": '"1"'})
    assert (reserved.status_code, reserved.json["code"]) == (412, "stale")
    vials = patient.dispense(program, made, on)
    one = patient.make_ready(program, course, made, on)
    prepared = patient.thaw(program, house, made, one, vials)
    mismatch(program, course, made, one, prepared)
    patient.infuse(program, course, made, one, prepared)
    shown = program.get(f"infusions/{one.code}").json
    assert shown["state"] == "completed"
    assert shown["delivered_viable"] == "64768000.000"
    return one


def without_version(program: Program, made: Any) -> None:
    """An act without the version that was seen is refused, and so is one without a signature."""
    path = f"allocations/{made.code}/verify-and-reserve"
    bare = program.send(PHARMACIST, path, {})
    assert (bare.status_code, bare.json["code"]) == (428, "version_missing")
    etag = program.get(f"allocations/{made.code}").headers["ETag"]
    unsigned = program.send(PHARMACIST, path, {}, **{"If-Match": etag})
    assert (unsigned.status_code, unsigned.json["code"]) == (409, "signature.missing")
    foreign = program.send(NURSE, path, {}, **{"If-Match": etag})
    assert foreign.status_code == 403
    assert program.get(f"allocations/{made.code}").json["state"] == "prescribed"


def mismatch(program: Program, course: steps.Course, made: Any, one: Any, prepared: Any) -> None:
    """The wrong wristband at the bedside: refused, recorded, nothing starts."""
    body = {"wristband": "IPP-9999", "prescription": made.code, "preparations": [prepared.code]}
    action = patient.infusion.check
    program.now += timedelta(minutes=1)
    proofs = [
        program.proof(action, one, WARD, signer, meaning, body)
        for meaning, signer in zip(action.meanings, (WARD, patient.WARD_2), strict=True)
    ]
    etag = program.get(f"infusions/{one.code}").headers["ETag"]
    answer = program.send(
        WARD, f"infusions/{one.code}/check", body | {"proofs": proofs}, **{"If-Match": etag}
    )
    assert (answer.status_code, answer.json["code"]) == (409, "infusion.wrong_wristband")
    assert answer.json["record"]
    assert program.get(f"infusions/{one.code}").json["state"] == "ready"
    program.now += timedelta(minutes=1)


# --- the auditor ----------------------------------------------------------------------------------


def auditor(program: Program, house: houses.House, course: steps.Course, one: Any) -> None:
    """The trace from any code, the scan, the safety report; the words in refusals."""
    event = patient.happen(program, house, course, one, Event(3, "Nausea", 2, serious=False, related=True))
    program.go_to(at(one.infused_on + timedelta(days=10), 15))
    program.do(
        safety.record_visit, course.recipient, by=PHYSICIAN, visited_on=one.infused_on + timedelta(days=10),
        name="D10", protocol=house.protocol,
    )  # fmt: skip
    made = program.get(f"infusions/{one.code}").json["allocation"]
    prepared = one.preparations[0].preparation.code
    din = program.get(f"donations/{course.donation.code}").json["din"]
    seen = (course.vials[3], course.donor, course.batch, course.recipient, one, event)
    starts = [din + check_character(din), prepared, *(thing.code for thing in seen)]
    wholes = [program.get(f"trace/{start}", AUDITOR).json for start in starts]
    things = {(thing["kind"], thing["code"]) for thing in wholes[0]["things"]}
    for told in wholes:
        assert {(thing["kind"], thing["code"]) for thing in told["things"]} == things
        assert told["completeness"]["complete"]
        assert told["completeness"]["accounted"] == VIALS
        assert told["completeness"]["parts"]["infused"] == 4
        assert told["chain_intact"]
        assert told["signatures"] == told["signatures_holding"]
    assert {("allocation", made), ("adverse_event", event.code), ("release", course.release.code)} <= things
    for gun, stands_for in ((course.vials[0].code, course.vials[0]), (format_din(din), course.donation)):
        scanned = program.send(AUDITOR, "scan", {"code": gun})
        assert (scanned.status_code, scanned.json["code"]) == (200, stands_for.code), scanned.text
    report = program.get(f"protocols/{house.protocol.code}/safety", AUDITOR).json
    table = report["table"]
    assert (table["enrolled"], table["infused"], table["by_sex"]) == (1, 1, {"female": 1})
    assert table["related_to_day_10"]["events"] == table["related_to_day_10"]["patients"] == 1
    assert table["related_severe_to_day_10"]["events"] == table["related_serious"]["events"] == 0
    assert [(one["code"], one["term"], one["day"]) for one in report["events"]] == [(event.code, "Nausea", 3)]
    unwritten = program.send(AUDITOR, f"vials/{course.vials[0].code}/hold", {"reason": "I may only look"})
    assert unwritten.status_code in (403, 428)
    closed = program.send(
        PV, f"adverse-events/{event.code}/close", {"reason": "again"}, **{"If-Match": '"99"'}
    )
    assert closed.status_code in (409, 412)


def test_the_three_journeys_through_the_api_alone(guarded: Program) -> None:
    """One family from registration to the trace and the safety report, each signature with its code."""
    house, course = lab(guarded)
    one = pharmacy(guarded, house, course)
    auditor(guarded, house, course, one)
    assert guarded.requests > guarded.acts > 80
    assert db.session.query(CodeTries).filter(CodeTries.failures > 0).count() == 0
    assert set(db.session.scalars(select(Signature.means))) == {Means.CODE}


def test_a_repeated_key_acts_once_and_tells_so(program: Program) -> None:
    """The same request twice makes one donor; the same key for another request is refused."""
    body = {"family_name": "Aubrac", "given_name": "Anne", "born_on": "1980-02-03", "sex": "female"}
    first, second = (program.send(NURSE, "donors", body, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json["code"] == second.json["code"]
    assert second.headers["Idempotency-Replayed"] == "true"
    other = program.send(NURSE, "donors", body | {"given_name": "Marie"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json["code"]) == (409, "idempotency.reused")
    assert len(program.get("donors", NURSE).json["items"]) == 1


def test_who_is_nobody_is_told_to_sign_in(program: Program) -> None:
    """Without a token, with a wrong one, with one that has expired."""
    for header in ({}, {"Authorization": "Bearer msc_wrong"}, {"Authorization": "Basic QTpC"}):
        answer = program.client.get("/api/v1/vials", headers=header)
        assert (answer.status_code, answer.json["code"]) == (401, "sign_in")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    program.now += timedelta(days=301)
    assert program.send(QP, "vials", method="GET").status_code == 401
    assert release.certify.meanings
    assert family.register_donor.creates
