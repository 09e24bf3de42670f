"""The infusion through both doors: from the ward's word to the last drop, and the red screen between."""

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from mscbank.allocation.models import Allocation, Preparation
from mscbank.batch.models import Batch
from mscbank.core import clock, db
from mscbank.core.db import session
from mscbank.core.links import running_for
from mscbank.core.record import Record
from mscbank.infusion.models import Infusion
from tests import make_infusion, make_release, worlds
from tests.copies import World
from tests.doors import Caller, Service
from tests.infusion.conftest import CHECKED, DISPENSED, PLANNED, PREPARED, READY, STARTED, STOCKED
from tests.make_allocation import today
from tests.people import BRUNO, MARTA, NINA, NOAH, OTTO, PAULA, SAM, SECRET, TOMAS

BOTH = {"secret_0": SECRET, "signer_1": "noah", "secret_1": SECRET}


@pytest.fixture
def serve(world_url: Callable[..., str]) -> Iterator[Callable[[World], Service]]:
    """The whole service, assembled on an ordinary bank, then on a world whose clock may be moved."""
    Service(world_url("empty", worlds.build_empty))
    yield lambda world: Service(world_url(world.name, world.build, world.base))
    db.disconnect()


def only(model: type = Infusion):
    session.expire_all()
    return session.scalars(select(model)).one()


def code_of(model: type = Infusion) -> str:
    found = only(model).code
    session.remove()
    return found


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " ")


def step(who: Caller, other: Caller, code: str, path: str, action: str, meanings: tuple[str, str], **inputs):
    """One act signed by two over the API, at the version that stands."""
    version = who.read(f"infusions/{code}")["version"]
    first, second = meanings
    proofs = who.proofs(action, code, first, **inputs) + other.proofs(action, code, second, **inputs)
    return who.api(f"infusions/{code}/{path}", inputs | {"proofs": proofs}, version=version)


# --- JSON ---------------------------------------------------------------------------------------


def test_from_the_wards_word_to_the_last_drop_through_the_api_alone(serve):
    service = serve(DISPENSED)
    prescription = code_of(Allocation)
    nina, noah, bruno, tomas = (service.call(one) for one in (NINA, NOAH, BRUNO, TOMAS))
    body = {"allocation": prescription, "planned_on": today().isoformat(), "ward": "Ward 3"}
    answer = nina.api("infusions", body)
    assert answer.status_code == 201, answer.text
    code = answer.json["code"]
    ready = {"is_fit": True, "line_is_open": True, "premedication": "none ordered", "weight": "62.4"}
    answer = step(
        nina, noah, code, "ready", "infusion.confirm_ready", ("ready", "ready, second person"), **ready
    )
    assert answer.json["state"] == "ready", answer.text
    held = bruno.read(f"allocations/{prescription}/vials")["items"]
    vials = [one["vial"] for one in held if not one["is_spare"]]
    thaw = {"vials": vials, "made_where": "Thaw room"}
    answer = step(bruno, tomas, code, "thaw", "infusion.thaw", ("thawed", "thaw checked"), **thaw)
    assert answer.status_code == 200, answer.text
    session.remove()
    made = only(Preparation)
    preparation = made.code
    make_infusion.prepare(made)
    band = make_infusion.wristband(only())
    session.remove()
    scans = {"wristband": band, "prescription": prescription, "preparations": [preparation]}
    answer = step(
        nina, noah, code, "check", "infusion.check",
        ("bedside check", "bedside check, second person"), **scans,
    )  # fmt: skip
    assert answer.json["state"] == "checked", answer.text
    answer = nina.api(f"infusions/{code}/start", {}, version=nina.read(f"infusions/{code}")["version"])
    assert (answer.json["state"], answer.json["infused_on"]) == ("started", today().isoformat())
    observed = {"moment": "during", "pulse": 80, "temperature_c": "36.8"}
    version = nina.read(f"infusions/{code}")["version"]
    assert nina.api(f"infusions/{code}/observations", observed, version=version).status_code == 200
    answer = step(
        nina, noah, code, "complete", "infusion.complete", ("infusion record", "residual witnessed"),
        given_ml="40.000",
    )  # fmt: skip
    assert (answer.json["state"], answer.json["delivered_viable"]) == ("completed", "64768000.000"), (
        answer.text
    )
    checks = nina.read(f"infusions/{code}/checks")
    assert [row["first_person"] for row in checks["bedside"]] == ["nina"]
    assert [row["weight"] for row in checks["ready"]] == ["62.4"]
    assert nina.read(f"infusions/{code}/run")["observations"][0]["temperature_c"] == "36.8"


def test_invariant_19_a_mismatch_over_the_api_is_a_409_and_a_blocked_row(serve):
    service = serve(PREPARED)
    code = code_of()
    prescription, preparation = code_of(Allocation), code_of(Preparation)
    scans = {"wristband": "IPP-NOBODY", "prescription": prescription, "preparations": [preparation]}
    answer = step(
        service.call(NINA), service.call(NOAH), code, "check", "infusion.check",
        ("bedside check", "bedside check, second person"), **scans,
    )  # fmt: skip
    assert (answer.status_code, answer.json["code"]) == (409, "infusion.wrong_wristband")
    (row,) = session.scalars(select(Record).where(Record.action == "infusion.check"))
    assert (row.outcome, answer.json["record"]) == ("refused", row.act)


@pytest.mark.parametrize(("by", "status"), [(BRUNO, 403), (OTTO, 403), (SAM, 404), (None, 401)])
def test_who_may_not_start_is_told_so(serve, by, status):
    service = serve(CHECKED)
    assert service.call(by).api(f"infusions/{code_of()}/start", {}, version=1).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"given_ml": 5, "why": ""}, {"given_ml": "5,0", "why": "x"}, {"why": "x"},
        {"given_ml": "-1", "why": "x"}, {"given_ml": "1e3", "why": "x"}, {"given_ml": "5.0001", "why": "x"},
        {"given_ml": "5", "why": "a\u0000b"}, {"given_ml": "5", "why": "x", "more": 1},
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_changes_nothing(serve, body):
    service = serve(STARTED)
    code = code_of()
    nina = service.call(NINA)
    before = nina.read(f"infusions/{code}")["version"]
    assert nina.api(f"infusions/{code}/interrupt", body, version=before).status_code in (400, 422)
    assert nina.read(f"infusions/{code}")["version"] == before


def test_what_happened_all_the_same_is_recorded_over_the_api(serve):
    service = serve(STOCKED)
    batch = only(Batch)
    vials = [vial.code for vial in make_release.vials_of(batch)[:1]]
    now = clock.now().isoformat()
    body = {
        "recipient": batch.directed_to.code, "protocol": batch.protocol.code, "vials": vials,
        "ward": "Ward 3", "started_at": now, "ended_at": now, "gate": "network down",
        "source_document": "form 12",
    }  # fmt: skip
    session.remove()
    nina, noah = service.call(NINA), service.call(NOAH)

    def proof(who: Caller, meaning: str) -> str:
        asked = {
            "action": "infusion.record_as_happened",
            "secret": SECRET,
            "meaning": meaning,
            "inputs": body,
        }
        answer = who.api("proofs", asked)
        assert answer.status_code == 201, answer.text
        return answer.json["proof"]

    proofs = [proof(nina, "witnessed as happened"), proof(noah, "witnessed too")]
    answer = nina.api("infusions/as-happened", body | {"reason": "the network was down", "proofs": proofs})
    assert answer.status_code == 201, answer.text
    assert (answer.json["state"], answer.json["as_happened"]) == ("completed", True)


# --- pages --------------------------------------------------------------------------------------


def test_the_red_screen_says_what_and_nothing_starts(serve):
    service = serve(PREPARED)
    code, prescription, preparation = code_of(), code_of(Allocation), code_of(Preparation)
    typed = {"wristband": "IPP-NOBODY", "prescription": prescription, "preparations": preparation}
    answer = service.call(NINA).form(f"/infusions/{code}/check", **typed, **BOTH)
    assert answer.status_code == 409
    text = words(answer.text)
    assert "Nothing was done" in text
    assert "This wristband is not of the patient" in text
    assert only().state == "ready"


def test_the_check_on_the_page_with_both_passwords(serve):
    service = serve(PREPARED)
    code, prescription, preparation = code_of(), code_of(Allocation), code_of(Preparation)
    band = make_infusion.wristband(only())
    session.remove()
    typed = {"wristband": band, "prescription": prescription, "preparations": preparation}
    answer = service.call(NINA).form(f"/infusions/{code}/check", **typed, **BOTH)
    assert answer.status_code == 302, words(answer.text)[:800]
    assert "Checked at the bedside" in service.call(NINA).page(f"/infusions/{code}")


def test_the_wrong_second_password_signs_nothing(serve):
    service = serve(PREPARED)
    code = code_of()
    typed = {"wristband": "x", "prescription": "y", "preparations": "z"}
    answer = service.call(NINA).form(f"/infusions/{code}/check", **typed, **BOTH | {"secret_1": "not it"})
    assert answer.status_code in (401, 422)
    assert session.scalars(select(Record).where(Record.action == "infusion.check")).all() == []


@pytest.mark.parametrize("world", [PLANNED, READY, PREPARED, CHECKED, STARTED])
@pytest.mark.parametrize("by", [NINA, PAULA, MARTA, OTTO])
def test_every_state_has_a_page_for_everybody(serve, world, by):
    service = serve(world)
    code = code_of()
    text = words(service.call(by).page(f"/infusions/{code}"))
    assert "patient 01" in text
    assert "1 million viable cells per kg" in text
    assert service.call(by).get("/infusions/").status_code == 200


@pytest.mark.parametrize(
    ("world", "waits"),
    [
        (PLANNED, "Confirm ready"),
        (READY, "Thaw for this patient"),
        (PREPARED, "Check at the bedside"),
        (CHECKED, "Start"),
        (STARTED, "Complete"),
    ],
)
def test_the_next_step_is_the_filled_button(serve, world, waits):
    service = serve(world)
    page = service.call(NINA).page(f"/infusions/{code_of()}")
    text = re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL)
    filled = re.findall(r'class="button filled[^"]*"[^>]*>(.*?)</(?:a|button)>', text, re.DOTALL)
    assert [words(one).strip() for one in filled] == [waits]


@pytest.mark.parametrize(
    ("world", "by", "line"),
    [
        (PLANNED, NINA, "Confirm that patient 01 is ready"),
        (READY, BRUNO, "Thaw for patient 01: the ward is ready"),
        (PREPARED, NINA, "Check patient 01 at the bedside"),
        (CHECKED, NINA, "Start the infusion of patient 01"),
        (STARTED, NINA, "Complete the infusion of patient 01"),
    ],
)
def test_worklists_name_the_next_one(serve, world, by, line):
    assert line in service_page(serve, world, by)


def service_page(serve, world, by) -> str:
    return serve(world).call(by).page("/")


def test_every_form_opens(serve):
    service = serve(READY)
    code = code_of()
    for path in [
        "ready",
        "thaw",
        "check",
        "start",
        "observations",
        "interrupt",
        "stop",
        "complete",
        "cancel",
        "replan",
    ]:
        assert service.call(NINA).get(f"/infusions/{code}/{path}").status_code == 200, path
    for path in ("new", "as-happened"):
        assert service.call(NINA).get(f"/infusions/{path}").status_code == 200


def test_the_running_clock_is_seen_by_everybody(serve):
    service = serve(PREPARED)
    code, preparation = code_of(), code_of(Preparation)
    with service.app.test_request_context():
        (found,) = running_for(OTTO)
        assert found.detail == preparation
        assert (found.limit - found.start).total_seconds() == 7200
    shown = words(service.call(OTTO).page(f"/infusions/{code}"))
    assert re.search(r"1[12]\d min until", shown)


def test_the_wards_word_runs_on_a_clock_too(serve):
    service = serve(READY)
    with service.app.test_request_context():
        (found,) = running_for(PAULA)
        assert (found.limit - found.start).total_seconds() == 3600


def test_the_prescription_shows_its_infusion(serve):
    service = serve(STARTED)
    a = only(Allocation)
    codes = (a.code, a.recipient.code)
    session.remove()
    for path, own in zip(("allocations", "recipients"), codes, strict=True):
        assert f"/infusions/{code_of()}" in service.call(NINA).page(f"/{path}/{own}")
