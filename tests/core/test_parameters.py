"""Parameters: set by a signed act from an instant on, refused where it is no value, and felt by a rule."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock, parameters, signatures
from mscbank.core.acts import Action
from mscbank.core.db import engines, permitted, session
from mscbank.core.errors import Invalid, Refused, Stale
from mscbank.core.parameters import PARAMETERS, ParameterValue, courses, set_value, value
from mscbank.core.record import Record
from mscbank.ops.demo.cast import PASSWORD, PHARMACIST, QA, TECH
from tests.both_doors import Doors, doors, refused, unchanged
from tests.core.acting import records
from tests.people import ANA, QUENTIN, sign

__all__ = ["doors"]

ACCEPT, ACKNOWLEDGE = "dose.accept_percent", "dose.acknowledge_percent"
WHY = "the committee decided on 3 March"


def put(parameter: str, new: str, **more: Any) -> ParameterValue:
    session.remove()
    made: ParameterValue = sign(set_value, None, ANA, reason=WHY, parameter=parameter, value=new, **more)
    return made


# --- the act ------------------------------------------------------------------------------------


@pytest.mark.db
def test_a_value_holds_from_its_instant_and_the_later_set_of_two_counts(bank):
    later = clock.now() + timedelta(days=2)
    put(ACCEPT, "12")
    put(ACCEPT, "8", effective_from=later)
    put(ACCEPT, "9", effective_from=later)
    assert value(ACCEPT) == 12
    assert value(ACCEPT, later) == 9
    assert value(ACCEPT, clock.now() - timedelta(hours=1)) == PARAMETERS[ACCEPT].default
    course = courses([ACCEPT])[ACCEPT]
    assert [(row.number, row.value, row.set_by, row.reason) for row in course.rows] == [
        (1, "12", "ana", WHY), (2, "8", "ana", WHY), (3, "9", "ana", WHY),
    ]  # fmt: skip
    assert course.row_at(later).number == 3
    (kept, *_others) = records("parameter", ACCEPT)
    assert (kept.action, kept.reason) == ("parameter.set", WHY)
    signed = session.scalars(select(signatures.Signature)).first()
    assert json.loads(signed.held)["value"] == "12"


@pytest.mark.db
@pytest.mark.parametrize(
    ("parameter", "new", "refusal"),
    [
        ("dose.none", "5", Invalid), (ACCEPT, "five", Invalid), (ACCEPT, "1_0", Invalid),
        (ACCEPT, "٣", Invalid), (ACCEPT, "-1", Invalid), (ACCEPT, "101", Invalid), (ACCEPT, "9.5", Invalid),
        ("collection.transport_high_c", "NaN", Invalid), ("collection.transport_high_c", "1e1", Invalid),
        ("collection.transport_high_c", "20.123", Invalid), ("collection.transport_high_c", "41", Invalid),
        ("collection.profile", "MADE_UP", Invalid), ("custody.product_code", "D1", Invalid),
        ("family.trace_years", "29", Invalid), (ACCEPT, "10", Refused),
        ("collection.transport_low_c", "25.01", Refused), (ACCEPT, "21", Refused),
        (ACKNOWLEDGE, "9", Refused),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(bank, parameter: str, new: str, refusal: type[Refused]):
    with pytest.raises(refusal) as found:
        put(parameter, new)
    assert type(found.value) is refusal
    assert session.scalar(select(ParameterValue.id)) is None


@pytest.mark.db
def test_it_never_begins_in_the_past(bank):
    with pytest.raises(Invalid, match="invalid") as found:
        put(ACCEPT, "12", effective_from=clock.now() - timedelta(minutes=1))
    assert "effective_from" in found.value.faults


@pytest.mark.db
def test_the_lower_limit_of_a_pair_is_held_against_what_is_still_to_come(bank):
    soon, later = (clock.now() + timedelta(days=days) for days in (1, 2))
    put(ACKNOWLEDGE, "15", effective_from=later)
    with pytest.raises(Refused, match=r"parameter\.crossed"):
        put(ACCEPT, "18")
    put(ACCEPT, "14", effective_from=soon)
    put(ACCEPT, "18")
    assert (value(ACCEPT), value(ACCEPT, soon)) == (18, 14), "until it falls again it lies under the old one"
    with pytest.raises(Refused, match=r"parameter\.crossed"):
        put(ACKNOWLEDGE, "13", effective_from=later)


@pytest.mark.db
def test_a_value_that_somebody_else_set_meanwhile_shows(bank):
    put(ACCEPT, "12", seen=0)
    with pytest.raises(Stale):
        put(ACCEPT, "13", seen=0)
    put(ACCEPT, "13", seen=1)


@pytest.mark.db
def test_the_values_of_a_parameter_are_counted_by_the_database(bank):
    put(ACCEPT, "12")
    again = text(
        "INSERT INTO parameter_value (parameter, number, value, effective_from, set_by, reason)"
        " SELECT parameter, number, '13', effective_from, set_by, reason FROM parameter_value"
    )
    for statement in (again, text("UPDATE parameter_value SET value = '13'")):
        with pytest.raises(DBAPIError), engines().write.begin() as connection, permitted(connection):
            connection.execute(statement)


@pytest.mark.db
def test_two_at_once_are_one_and_a_refusal(bank, monkeypatch: pytest.MonkeyPatch):
    held = parameters._refuse_crossing
    other = sign_later(QUENTIN)

    def meanwhile(course: Any, new: Any, start: Any) -> None:
        monkeypatch.setattr(parameters, "_refuse_crossing", held)
        other(course)

    monkeypatch.setattr(parameters, "_refuse_crossing", meanwhile)
    with pytest.raises(Refused, match=r"parameter\.changed"):
        put(ACCEPT, "12")
    assert courses([ACCEPT])[ACCEPT].rows == ()


def sign_later(by: Any) -> Any:
    """Another act that got through first, as the counting sees it."""

    def write(course: Any) -> None:
        session.add(
            ParameterValue(
                parameter=ACCEPT, number=course.version + 1, value="11", effective_from=clock.now(),
                set_by=by.login, reason=WHY,
            )
        )  # fmt: skip
        session.flush()

    return write


def test_every_default_is_a_value_of_its_parameter():
    for one in PARAMETERS.values():
        assert one.typed(one.written(one.default)) == one.default
        if one.not_above:
            assert one.default <= PARAMETERS[one.not_above].default


def test_decimals_keep_their_digits():
    warm = PARAMETERS["collection.transport_high_c"]
    assert warm.typed("21.50") == Decimal("21.50")
    assert warm.written(Decimal("1E+1")) == "10"


# --- felt by a rule -----------------------------------------------------------------------------


def proof(doors: Doors, action: Action, **inputs: Any) -> list[str]:
    asked = {"action": action.name, "meaning": action.meanings[0], "inputs": inputs, "secret": PASSWORD}
    answer = doors.api(QA.login, "proofs", asked)
    assert answer.status_code == 201, answer.text
    return [answer.json["proof"]]


def set_over_the_api(doors: Doors, *, key: str | None = None, **inputs: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = inputs | {"reason": WHY, "proofs": proof(doors, set_value, **inputs)}
    return doors.api(QA.login, "parameters", body, **headers)


def test_a_limit_in_force_changes_what_the_rule_says_and_acts_keep_what_they_used(doors: Doors):
    code = doors.world.first.allocation.code
    asked = f"allocations/{code}/dose"
    whole = doors.api(PHARMACIST.login, asked, method="GET").json
    assert (whole["band"], whole["difference_percent"]) == ("accept", "3.8")
    answer = set_over_the_api(doors, parameter=ACCEPT, value="3", seen=0)
    assert answer.status_code == 201, answer.text
    part = doors.api(PHARMACIST.login, asked, method="GET").json
    assert part["difference_percent"] == "0.0", "four whole vials are too much now: a part of them is given"
    session.remove()
    used = [
        json.loads(row.body)["notes"]["parameters"][ACCEPT]
        for row in session.scalars(select(Record).where(Record.subject_code == code))
        if ACCEPT in json.loads(row.body)["notes"].get("parameters", {})
    ]
    assert used
    assert set(used) == {"10"}


# --- the doors ----------------------------------------------------------------------------------


def test_over_the_api(doors: Doors):
    listed = doors.api(TECH.login, "parameters", method="GET").json
    assert {one["code"] for one in listed["items"]} == set(PARAMETERS)
    one = doors.api(TECH.login, f"parameters/{ACCEPT}", method="GET")
    assert (one.json["value"], one.json["default"], one.json["type"]) == ("10", "10", "integer")
    assert (one.headers["ETag"], one.json["since"], one.json["values"]) == ('"0"', None, [])
    inputs = {"parameter": ACCEPT, "value": "12", "seen": 0}
    made = set_over_the_api(doors, key="once", **inputs)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"'), made.text
    assert made.headers["Location"].endswith(ACCEPT)
    again = doors.api(QA.login, "parameters", inputs | {"reason": WHY}, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true"), again.text
    (kept,) = again.json["values"]
    assert (kept["value"], kept["set_by"], kept["reason"]) == ("12", QA.login, WHY)
    assert kept["signature_holds"] is True
    with unchanged():
        refused(set_over_the_api(doors, **inputs | {"value": "13"}), 412, "stale")
        refused(set_over_the_api(doors, **inputs | {"seen": 1, "value": "x"}), 422, "invalid", value="whole")
        refused(doors.api(TECH.login, "parameters/none", method="GET"), 404, "missing")
        unknown = set_over_the_api(doors, **inputs | {"parameter": "none"})
        refused(unknown, 422, "invalid", parameter="no such parameter")
    with unchanged(kept=3):
        refused(set_over_the_api(doors, **inputs | {"seen": 1}), 409, "parameter.same")
        refused(doors.api(QA.login, "parameters", inputs | {"seen": 1, "value": "9", "reason": WHY}),
                409, "signature.missing")  # fmt: skip
        refused(doors.api(TECH.login, "parameters", inputs | {"reason": WHY}), 403, "acts.role_needed")


def test_on_the_pages(doors: Doors):
    technician, qa = doors.browser(TECH.login), doors.browser(QA.login)
    assert "Largest difference of the planned" in technician.get("/parameters/").text
    assert 'href="/parameters/"' in qa.get("/").text
    assert "It was never changed" in technician.get(f"/parameters/{ACCEPT}").text
    assert technician.get(f"/parameters/{ACCEPT}/set").status_code == 403
    assert technician.get("/parameters/none").status_code == 404
    path = f"/parameters/{ACCEPT}/set"
    typed = {"value": "12", "reason": WHY, "secret_0": PASSWORD, "login_0": QA.login}
    for wrong, words in (
        ({"value": "five"}, "Type a whole number"), ({"value": "200"}, "Between 0 and 100"),
        ({"reason": ""}, "Missing data"), ({"effective_from": "2020-01-01T10:00"}, "never backwards"),
        ({"value": "10"}, "parameter.same"), ({"secret_0": "wrong"}, "password"), ({"version": "x"}, "stale"),
    ):  # fmt: skip
        answer = doors.form(QA.login, path, **typed | wrong)
        assert 400 < answer.status_code < 430, (wrong, answer.status)
        assert words in answer.text, wrong
    done = doors.form(QA.login, path, **typed)
    assert (done.status_code, done.headers["Location"]) == (302, f"/parameters/{ACCEPT}"), done.text
    page = technician.get(f"/parameters/{ACCEPT}").text
    assert WHY in page
    assert "parameter set" in page
    assert "default" in technician.get("/parameters/").text
    assert WHY in qa.get(f"/record?kind=parameter&code={ACCEPT}").text
    stale = qa.post(path, data=typed | {"version": "0", "value": "13"})
    assert stale.status_code == 412
    warm = "collection.transport_high_c"
    done = doors.form(QA.login, f"/parameters/{warm}/set", **typed | {"value": "22.5"})
    assert done.status_code == 302, done.text
    qa.get("/language/fr")
    assert "22,5" in qa.get(f"/parameters/{warm}").text
    done = doors.form(QA.login, f"/parameters/{warm}/set", **typed | {"value": "21,5"})
    assert done.status_code == 302, done.text
    profile = qa.get("/parameters/collection.profile/set").text
    assert '<option value="FDA_MARROW"' in profile
