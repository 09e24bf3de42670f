"""Events, visits, the gate and the report through both doors."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mscbank.core import clock
from mscbank.family.registering import today
from mscbank.study.states import ProtocolState
from tests import make_family, make_study
from tests.doors import Caller, Service
from tests.people import ADA, BRUNO, LUCIE, MARTA, NINA, OTTO, QUITERIA, SAM, SECRET, VERA, YUSUF

LEVELS = ((1_000_000, 1), (3_000_000, 1))


def reported(recipient: str, **changes: Any) -> dict[str, Any]:
    """What is sent to report an event."""
    onset = (clock.now() - timedelta(minutes=1)).isoformat()
    return {
        "recipient": recipient, "term": "Pneumonia", "onset_at": onset, "ctcae_grade": 3,
        "serious_for": ["hospitalisation"], "outcome": "recovering",
    } | changes  # fmt: skip


@pytest.fixture
def patient(service: Service) -> str:
    """An enrolled patient."""
    return make_family.enrolled(make_study.protocol(levels=LEVELS, gate_infused=1)).code


def made(service: Service, patient: str, **changes: Any) -> Any:
    """An event, reported over the API."""
    answer = service.call(NINA).api("adverse-events", reported(patient) | changes)
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.mark.db
def test_the_whole_way_of_a_susar_over_the_api(service: Service, patient: str):
    event = made(service, patient)
    code = event["code"]
    assert (event["ctcae_grade"], event["is_serious"], event["serious_for"]) == (3, True, ["hospitalisation"])
    assert (event["state"], event["is_related"], event["is_susar"]) == ("reported", True, True)
    assert event["due_on"] == (today() + timedelta(days=15)).isoformat()
    marta, yusuf = service.call(MARTA), service.call(YUSUF)
    path = f"adverse-events/{code}"
    assessed = marta.api(f"{path}/assess", {"causality": "possible", "cause": "product"}, version=1)
    assert assessed.status_code == 200, assessed.text
    judged = yusuf.api(
        f"{path}/sponsor-assess",
        {"sponsor_causality": "not_related", "is_expected": False, "reference_information": "brochure 4"},
        version=2,
    )
    assert (judged.json["is_related"], judged.json["causality"]) == (True, "possible")
    submitted = yusuf.api(f"{path}/submit", {"submission_reference": "EV-1"}, version=3)
    assert submitted.json["due_on"] is None
    followed = yusuf.api(f"{path}/follow", {"note": "left the hospital"}, version=4)
    assert [move["obstacle"]["code"] for move in followed.json["moves"]] == ["event.follow_up_first"]
    yusuf.api(f"{path}/submit-follow-up", version=5)
    proofs = yusuf.proofs("adverse_event.close", code, "event closed")
    closed = yusuf.api(f"{path}/close", {"proofs": proofs}, version=6)
    assert closed.json["state"] == "closed", closed.text
    opened = yusuf.api(f"{path}/reopen", {"reason": "a letter from the hospital"}, version=7)
    assert opened.json["state"] == "reopened"
    assert marta.read(f"{path}/timing") == {"period": "pre_infusion", "day": None}
    assert [one["code"] for one in marta.read("adverse-events?state=reopened")["items"]] == [code]
    assert marta.read(f"adverse-events?recipient={patient}")["items"][0]["term"] == "Pneumonia"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ctcae_grade": 6}, "ctcae_grade"),
        ({"ctcae_grade": 0}, "ctcae_grade"),
        ({"ctcae_grade": "3.0"}, "ctcae_grade"),
        ({"ctcae_grade": 4}, "serious_for"),
        ({"serious_for": ["bad luck"]}, "serious_for"),
        ({"serious_for": "death"}, "serious_for"),
        ({"outcome": "fatal"}, "ctcae_grade"),
        ({"term": ""}, "term"),
        ({"term": "x" * 201}, "term"),
        ({"term": "a\u0000b"}, "term"),
        ({"onset_at": "2999-01-01T00:00:00Z"}, "onset_at"),
        ({"onset_at": "2026-01-01"}, "onset_at"),
        ({"ended_on": "2020-01-01"}, "ended_on"),
        ({"recipient": "R1234567890"}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"is_medication_error": "yes"}, "is_medication_error"),
        ({"severity": "bad"}, "severity"),
    ],
)
def test_bad_input_is_named_by_its_field(service: Service, patient: str, changes: dict[str, Any], field: str):
    answer = service.call(NINA).api("adverse-events", reported(patient) | changes)
    assert answer.status_code == 422, answer.text
    assert field in answer.json["errors"]


def test_what_began_before_the_consent_is_refused_with_its_reason(service: Service, patient: str):
    answer = service.call(NINA).api("adverse-events", reported(patient, onset_at="2020-01-01T09:00:00Z"))
    assert (answer.status_code, answer.json["code"]) == (409, "event.medical_history")
    assert answer.json["record"]


def test_roles_versions_and_sight(service: Service, patient: str):
    assert service.call(BRUNO).api("adverse-events", reported(patient)).status_code == 403
    assert service.call(LUCIE).api("adverse-events", reported(patient)).json["code"] == "event.of_donors"
    assert service.call(None).get("/api/v1/adverse-events").status_code == 401
    code = made(service, patient)["code"]
    body = {"causality": "possible", "cause": "product"}
    assert service.call(MARTA).api(f"adverse-events/{code}/assess", body).status_code == 428
    assert service.call(MARTA).api(f"adverse-events/{code}/assess", body, version=7).status_code == 412
    assert service.call(YUSUF).api(f"adverse-events/{code}/assess", body, version=1).status_code == 403


def test_a_repeated_key_reports_once(service: Service, patient: str):
    body = reported(patient)
    nina = service.call(NINA)
    first, again = (nina.api("adverse-events", body, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json["code"] == again.json["code"]
    assert len(nina.read("adverse-events")["items"]) == 1


def test_visits_over_the_api(service: Service, patient: str):
    nina = service.call(NINA)
    version = nina.read(f"recipients/{patient}")["version"]
    seen = {"visited_on": today().isoformat(), "skin_score": 21}
    answer = nina.api(f"recipients/{patient}/visits", seen, version=version)
    assert answer.status_code == 200, answer.text
    wrong = nina.api(f"recipients/{patient}/visits", seen | {"name": "D10"}, version=version + 1)
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["name"])
    right = seen | {"number": 1, "skin_score": 12, "reason": "typed wrongly"}
    nina.api(f"recipients/{patient}/visit-corrections", right, version=version + 1)
    found = nina.read(f"recipients/{patient}/visits")
    assert [(v["number"], v["replaces"], v["skin_score"]) for v in found["recorded"]] == [
        (1, None, 21),
        (2, 1, 12),
    ]
    assert found["planned"] == []


def protocol_of(nina: Caller) -> str:
    return str(nina.read("protocols")["items"][0]["code"])


def test_report_and_gate_over_the_api(service: Service, patient: str):
    vera = service.call(VERA)
    protocol = protocol_of(vera)
    report = vera.read(f"protocols/{protocol}/safety")
    assert report["finding"] == "Nobody has been infused yet"
    assert report["table"]["related_to_day_10"] == {"events": 0, "patients": 0, "of": 0, "percent": "0"}
    gate = report["gates"][0]
    assert (gate["infused"], gate["is_open"], gate["decision"]) == (0, False, None)
    assert [one["code"] for one in gate["obstacles"]] == ["gate.not_infused"]
    decision = {"decision": "hold", "comment": "nobody is infused", "seen": gate["seen"]}
    proofs = vera.proofs("protocol.decide_gate", protocol, "gate decision", **decision)
    version = vera.read(f"protocols/{protocol}")["version"]
    answer = vera.api(f"protocols/{protocol}/gate", decision | {"proofs": proofs}, version=version)
    assert answer.status_code == 200, answer.text
    after = vera.read(f"protocols/{protocol}/safety")["gates"][0]
    assert (after["decision"], after["decided_by"]) == ("hold", "vera")
    escalate = decision | {"decision": "escalate"}
    proofs = vera.proofs("protocol.decide_gate", protocol, "gate decision", **escalate)
    shut = vera.api(f"protocols/{protocol}/gate", escalate | {"proofs": proofs}, version=version + 1)
    assert (shut.status_code, shut.json["code"]) == (409, "gate.not_infused")


def test_the_pages_of_an_event(service: Service, patient: str):
    marta, yusuf = service.call(MARTA), service.call(YUSUF)
    form = marta.page(f"/adverse-events/new?recipient={patient}")
    assert patient in form
    sent = marta.form(
        "/adverse-events/new", recipient=patient, term="Pneumonia", onset_at=local_now(), ctcae_grade="3",
        serious_for="hospitalisation", outcome="recovering",
    )  # fmt: skip
    assert sent.status_code == 302, sent.text
    page = sent.headers["Location"]
    shown = marta.page(page)
    assert "Pneumonia, grade 3, patient 01" in shown
    assert "Hospital stay" in shown
    assert "Assess the event" in shown
    assert "Due at the authority" in shown
    wrong = marta.form(f"{page}/assess", causality="possible", cause="product", ctcae_grade="4")
    assert wrong.status_code == 422
    assert "Grade 4 is life-threatening" in wrong.text
    assert marta.form(f"{page}/assess", causality="possible", cause="product").status_code == 302
    yusuf.form(f"{page}/sponsor-assess", sponsor_causality="possible", reference_information="brochure 4")
    assert "Suspected unexpected serious reaction" in yusuf.page(page)
    assert "Pneumonia" in yusuf.page("/adverse-events/")
    assert "record its submission first" in yusuf.page(page)
    assert "Pneumonia" in marta.page(f"/recipients/{patient}")


def local_now() -> str:
    """A minute ago, as a form writes it at the test bank."""
    return (
        (clock.now() - timedelta(minutes=1))
        .astimezone(ZoneInfo("Europe/Paris"))
        .strftime("%Y-%m-%dT%H:%M:%S")
    )


def test_the_page_of_visits_asks_for_death_not_for_life(service: Service, patient: str):
    nina = service.call(NINA)
    shown = nina.page(f"/visits/{patient}")
    assert "No visit is on record" in shown
    sent = nina.form(f"/visits/{patient}/visits", visited_on=today().isoformat(), note="felt well")
    assert sent.status_code == 302, sent.text
    assert nina.read(f"recipients/{patient}/visits")["recorded"][0]["is_alive"] is True
    died = nina.form(f"/visits/{patient}/visits", visited_on=today().isoformat(), has_died="yes")
    assert died.status_code == 302
    assert nina.read(f"recipients/{patient}/visits")["recorded"][1]["is_alive"] is False
    assert "felt well" in nina.page(f"/visits/{patient}")


def test_the_report_page_with_its_gate(service: Service, patient: str):
    vera = service.call(VERA)
    protocol = protocol_of(vera)
    for path in ("/safety/", f"/safety/{protocol}", f"/safety/?protocol={protocol}"):
        shown = vera.page(path)
        assert "Nobody has been infused yet" in shown
        assert "Level 1: 1 million/kg" in shown
        assert "Gate closed: 1 condition is open" in shown
        assert "Decide at the gate" in shown
        assert "Lift the pause" not in shown
    form = vera.page(f"/safety/{protocol}/gate")
    assert "0 of 1 patients infused at level 1" in form
    refused = vera.form(f"/safety/{protocol}/gate", decision="escalate", comment="go on", secret_0=SECRET)
    assert refused.status_code == 409
    assert "0 of 1 patients are infused at level 1" in refused.text
    held = vera.form(f"/safety/{protocol}/gate", decision="hold", comment="nobody yet", secret_0=SECRET)
    assert held.status_code == 302, held.text
    assert "signed “hold”, Dr Vera Blum" in vera.page(f"/safety/{protocol}")
    table = vera.get(f"/safety/{protocol}/report.csv")
    assert table.mimetype == "text/csv"
    assert "Infused,0" in table.text


def test_where_no_gate_is_left_the_form_says_so(service: Service):
    code = make_study.protocol(levels=LEVELS[:1]).code
    answer = service.call(VERA).get(f"/safety/{code}/gate")
    assert answer.status_code == 409
    assert "no gate is left" in answer.text


def test_without_a_protocol_the_report_says_so(service: Service):
    assert "No protocol has begun" in service.call(VERA).page("/safety/")
    make_study.protocol(ProtocolState.DRAFT)
    assert "No protocol has begun" in service.call(VERA).page("/safety/")


@pytest.mark.parametrize("who", [OTTO, SAM, ADA, QUITERIA])
def test_readers_see_the_report_and_may_not_act(service: Service, patient: str, who: Any):
    caller = service.call(who)
    assert "Decide at the gate" not in caller.page("/safety/")
    assert "Report an event" not in caller.page("/safety/")
    assert caller.api("adverse-events", reported(patient)).status_code == 403


def test_a_date_of_the_future_is_refused(service: Service, patient: str):
    nina = service.call(NINA)
    version = nina.read(f"recipients/{patient}")["version"]
    later = (today() + timedelta(days=2)).isoformat()
    answer = nina.api(f"recipients/{patient}/visits", {"visited_on": later}, version=version)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["visited_on"])
