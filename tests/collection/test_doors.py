"""Donors' assessments and marrow through both doors: the same acts, with their versions, keys and faults."""

from typing import Any

from mscbank.coding.din import Din, format_din
from mscbank.collection.panel import PANEL, Marker, Outcome
from mscbank.collection.states import ASSESSMENT
from mscbank.collection.states import AssessmentState as A
from mscbank.collection.states import DonationState as D
from mscbank.collection.windows import Profile
from tests import make_family
from tests.doors import Caller, Service
from tests.make_collection import assessment, din, donation, hours_of_today, today
from tests.people import ANA, BRUNO, EVA, LUCIE, OTTO, SAM, SECRET

DIRECTOR = "donor eligibility determination"


def results(outcome: str = "non_reactive", markers: Any = PANEL, **changes: Any) -> dict[str, Any]:
    return {
        "markers": [str(m) for m in markers], "outcome": outcome, "sampled_on": str(today()),
        "reported_on": str(today()), "laboratory": "EFS virology", "kit": "CE-marked panel",
    } | changes  # fmt: skip


def marrow(code: str, **changes: Any) -> dict[str, Any]:
    started, ended = hours_of_today()
    return {
        "assessment": code, "din": format_din(din()), "started_at": started.isoformat(),
        "ended_at": ended.isoformat(), "volume_ml": "94.0", "anticoagulant": "heparin",
        "procured_at": "Operating room 2", "operator": "Dr Eva Novák",
    } | changes  # fmt: skip


RECEIPT = {
    "is_intact": True, "documents_present": True, "lowest_c": "18.2", "highest_c": "21.4",
}  # fmt: skip


def people() -> dict[str, str]:
    """The codes of a family whose consents are given."""
    who = make_family.family()
    return {
        "donor": who.donor.code, "recipient": who.recipient.code, "consent": who.donor.consents[0].code,
    }  # fmt: skip


def opened(lucie: Caller, family: dict[str, str]) -> str:
    body = {"donor": family["donor"], "recipient": family["recipient"], "planned_on": str(today())}
    made = lucie.api("assessments", body)
    assert made.status_code == 201, made.text
    return made.json["code"]


def test_marrow_over_the_api_from_the_assessment_to_the_laboratory(service: Service):
    family = people()
    lucie, eva, bruno = service.call(LUCIE), service.call(EVA), service.call(BRUNO)
    code = opened(lucie, family)
    path = f"assessments/{code}"
    consent = {"consent": family["consent"], "identity_checked": True}
    assert lucie.api(f"{path}/consent", consent, version=1).json["state"] == "consented"
    assert lucie.api(f"{path}/results", results(), version=2).status_code == 200
    assert len(lucie.api(f"{path}/history", {"present": []}, version=3).json["answers"]) == 16
    assert lucie.api(f"{path}/close-testing", version=4).json["state"] == "tested"
    assert eva.read(f"{path}/judgement") == {
        "verdict": "eligible", "is_complete": True, "findings": [], "biohazard": False, "statements": [],
        "collection_type": "4",
    }  # fmt: skip
    early = lucie.api("donations", marrow(code))
    assert (early.status_code, early.json["code"]) == (409, "collection.verdict_missing")
    unsigned = eva.api(f"{path}/find-eligible", version=5)
    assert unsigned.json["code"] == "signature.missing"
    signed = {"proofs": eva.proofs("assessment.find_eligible", code, DIRECTOR)}
    judged = eva.api(f"{path}/find-eligible", signed, version=5)
    assert judged.json["state"] == "eligible", judged.text
    assert judged.json["determinations"][0]["decided_by"] == "eva"

    bag, key = marrow(code), {"Idempotency-Key": "one-bag"}
    made, again = (lucie.api("donations", bag, **key) for _ in range(2))
    assert made.status_code == 201, made.text
    assert (again.status_code, again.json["code"]) == (201, made.json["code"])
    donation_code, number = made.json["code"], made.json["din"]
    assert made.json["volume_ml"] == "94.0"
    assert lucie.read(f"donations?din={number}")["items"][0]["code"] == donation_code
    assert lucie.api("scan", {"code": format_din(number)}).json["code"] == donation_code
    here = f"donations/{donation_code}"
    received = bruno.api(f"{here}/receive", {"label": format_din(number)} | RECEIPT, version=1)
    assert received.json["receipt"]["passes"] is True, received.text
    assert bruno.api(f"{here}/accept", version=2).json["state"] == "accepted"


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"din": "A999926000001"}, "din"),
    ({"din": "hello"}, "din"),
    ({"volume_ml": 94.5}, "volume_ml"),
    ({"volume_ml": "94.55"}, "volume_ml"),
    ({"volume_ml": "0"}, "volume_ml"),
    ({"volume_ml": "62,4"}, "volume_ml"),
    ({"volume_ml": None}, "volume_ml"),
    ({"started_at": "yesterday"}, "started_at"),
    ({"ended_at": "2199-01-01T00:00:00Z"}, "ended_at"),
    ({"ended_at": "2026-01-01T00:00:00"}, "ended_at"),
    ({"assessment": "SDD0000010Y"}, "assessment"),
    ({"operator": "a\u0000b"}, "operator"),
    ({"operator": "   "}, "operator"),
    ({"procured_at": "x" * 201}, "procured_at"),
    ({"surprise": 1}, "surprise"),
]


def test_each_fault_stands_at_its_field_and_nothing_is_made(service: Service):
    code = assessment().code
    for changes, field in FAULTS:
        answer = service.call(LUCIE).api("donations", marrow(code, **changes))
        assert answer.status_code == 422, (changes, answer.text)
        assert set(answer.json["errors"]) == {field}, changes
    assert service.call(OTTO).read("donations")["items"] == []


def test_a_version_must_be_named_and_fit(service: Service):
    path = f"donations/{donation(state=D.COLLECTED).code}/receive"
    bruno, body = service.call(BRUNO), {"label": None} | RECEIPT
    assert bruno.api(path, body).status_code == 428
    assert bruno.api(path, body, version=9).status_code == 412
    assert bruno.api(path, body, version=1).json["receipt"]["label_matches"] is False


def test_who_may_not_is_told_so(service: Service):
    code = assessment(state=A.TESTED).code
    assert service.call(SAM).api(f"assessments/{code}/close-testing", version=5).status_code in (403, 404)
    assert service.call(None).get("/api/v1/assessments").status_code == 401
    assert service.call(OTTO).api("donations", marrow(code)).status_code == 403


def test_findings_and_label_over_the_api(service: Service):
    made = assessment(state=A.TESTED, outcomes={Marker.HBC_ANTIBODY: Outcome.REACTIVE})
    found = service.call(EVA).read(f"assessments/{made.code}/judgement")
    assert found["verdict"] == "risk_assessment"
    assert found["findings"] == [
        {"weight": "risk", "about": "hbc_antibody", "sentence": "Anti-HBc, total: reactive."}
    ]
    assert found["statements"][-1] == "WARNING: Reactive test results for HBV"
    assert found["collection_type"] == "6"


# --- pages -------------------------------------------------------------------------------------------------


def test_an_assessment_is_worked_through_its_pages(service: Service):
    family = people()
    lucie, eva = service.call(LUCIE), service.call(EVA)
    who = {"donor": family["donor"], "recipient": family["recipient"]}
    sent = lucie.form("/assessments/new", planned_on=str(today()), **who)
    assert sent.status_code == 302, sent.text
    page = sent.location
    assert "Record the consent" in lucie.page(page)
    consent = family["consent"]
    assert consent in lucie.page(f"{page}/consent")
    assert lucie.form(f"{page}/consent", consent=consent, identity_checked="yes").status_code == 302
    faulty = lucie.form(f"{page}/results", **results(sampled_on="2199-01-01"))
    assert faulty.status_code == 422
    assert "This lies in the future." in faulty.text
    assert "EFS virology" in faulty.text
    assert lucie.form(f"{page}/results", **results()).status_code == 302
    assert lucie.form(f"{page}/history", note="all well").status_code == 302
    assert lucie.form(f"{page}/close-testing").status_code == 302
    assert "Nothing speaks against the donor" in eva.page(page)
    wrong = eva.form(f"{page}/find-eligible", secret_0="not the password")
    assert wrong.status_code in (401, 422)
    assert eva.form(f"{page}/find-eligible", secret_0=SECRET).status_code == 302
    shown = eva.page(page)
    for words in (
        "Eligible",
        "HIV-1 NAT",
        "0 days before",
        "No statement because of the donor",
        "Dr Eva Novák",
    ):
        assert words in shown, words
    assert f"/donations/new?assessment={page.rsplit('/', 1)[1]}" in shown


def test_marrow_is_recorded_and_received_through_its_pages(service: Service):
    made = assessment()
    code, donor = made.code, made.donor.code
    lucie, bruno, ana = service.call(LUCIE), service.call(BRUNO), service.call(ANA)
    assert code in lucie.page(f"/donations/new?assessment={code}")
    number = din()
    typed = marrow(code, din=Din(number).spaced)
    page = lucie.form("/donations/new", **typed).location
    assert Din(number).spaced in lucie.page(page)
    assert Din(number).spaced in lucie.page("/donations/")
    assert Din(number).spaced in bruno.page(f"/donors/{donor}")
    temperatures = {"lowest_c": "1.0", "highest_c": "30.0", "is_intact": "yes"}
    assert bruno.form(f"{page}/receive", **temperatures).status_code == 302
    shown = bruno.page(page)
    for words in ("label does not match", "documents missing", "allowed 2.0 to 25.0 °C"):
        assert words in shown, words
    blocked = bruno.form(f"{page}/accept")
    assert "The inspection on receipt found" in blocked.text
    assert bruno.form(f"{page}/quarantine", reason="as the inspection found").status_code == 302
    assert ana.form(f"{page}/clear", reason="the logger was read again", secret_0=SECRET).status_code == 302
    assert "Accepted" in ana.page(page)


def test_every_verdict_has_its_page(service: Service):
    hbc = {"outcomes": {Marker.HBC_ANTIBODY: Outcome.REACTIVE}}
    fda = {"profile": Profile.FDA_MARROW, "outcomes": {Marker.HCV_NAT: Outcome.REACTIVE}}
    for state, how in (
        (A.DRAFT, {}),
        (A.CONSENTED, {}),
        (A.RISK_ASSESSMENT_REQUIRED, hbc),
        (A.INELIGIBLE, hbc),
        (A.PERMITTED_DIRECTED, fda),
        (A.DEFERRED, {}),
        (A.LOOKBACK, {}),
    ):
        code = assessment(None, state, **how).code
        for who in (LUCIE, EVA, OTTO):
            assert ASSESSMENT.word(state) in service.call(who).page(f"/assessments/{code}")


def test_work_waits_for_those_who_can_do_it(service: Service):
    donor = assessment(state=A.TESTED).donor.code
    collected = donation(state=D.COLLECTED)
    judge = f"Judge the eligibility of {donor}"
    receive = f"Receive the marrow {Din(collected.din).spaced}"
    assert judge in service.call(EVA).page("/")
    assert judge not in service.call(BRUNO).page("/")
    assert receive in service.call(BRUNO).page("/")
    assert receive not in service.call(ANA).page("/")
