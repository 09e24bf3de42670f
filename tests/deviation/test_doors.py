"""Deviations through both doors."""

from typing import Any

import pytest

from tests import make_deviation, make_family
from tests.doors import Service
from tests.make_deviation import CONCLUSION
from tests.people import ANA, BRUNO, OTTO, QUITERIA, SAM, SECRET

OPENED: dict[str, Any] = {
    "title": "Lid open for twenty minutes",
    "description": "The lid of the tank was found open.\nIt was closed.",
    "occurred_at": "2026-01-13T14:32:00+01:00",
    "immediate_action": "The lid was closed.",
}


def test_the_whole_way_over_the_api(service: Service):
    donor = make_family.donor().code
    bruno, ana = service.call(BRUNO), service.call(ANA)
    made = bruno.api("deviations", OPENED | {"about": [donor]})
    assert made.status_code == 201, made.text
    assert made.headers["ETag"] == '"1"'
    code = made.json["code"]
    assert made.json["subjects"] == [{"kind": "donor", "code": donor}]
    assert made.json["happened_at"] == "2026-01-13T13:32:00Z"
    classified = ana.api(
        f"deviations/{code}/classify", {"severity": "major", "reason": "seen by QA"}, version=1
    )
    assert classified.status_code == 200, classified.text
    assert classified.json["blocks"] is True
    proofs = ana.proofs("deviation.accept", code, "quality acceptance", acceptance="kept cold")
    accepted = ana.api(f"deviations/{code}/accept", {"acceptance": "kept cold", "proofs": proofs}, version=2)
    assert accepted.json["blocks"] is False
    ana.api(f"deviations/{code}/investigate", version=3)
    ana.api(f"deviations/{code}/plan-capa", CONCLUSION, version=4)
    proofs = ana.proofs("deviation.close", code, "deviation closure")
    closed = ana.api(f"deviations/{code}/close", {"proofs": proofs}, version=5)
    assert closed.json["state"] == "closed"
    assert closed.json["moves"] == []
    assert [one["code"] for one in ana.read("deviations?severity=major")["items"]] == [code]
    assert ana.read("deviations?state=open")["items"] == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"about": ["F1234567890"]}, "about"),
        ({"about": "DT10000010K"}, "about"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\u202eb"}, "title"),
        ({"severity": "minor"}, "severity"),
        ({"found_at": 5}, "found_at"),
    ],
)
def test_bad_input_is_named_by_its_field(service: Service, changes: dict[str, Any], fault: str):
    answer = service.call(BRUNO).api("deviations", OPENED | changes)
    assert answer.status_code == 422, answer.text
    assert fault in str(answer.json["errors"])


def test_versions_and_roles_are_asked(service: Service):
    code = make_deviation.deviation().code
    ana = service.call(ANA)
    body = {"severity": "minor", "reason": "seen by QA"}
    assert ana.api(f"deviations/{code}/classify", body).status_code == 428
    assert ana.api(f"deviations/{code}/classify", body, version=9).status_code == 412
    assert service.call(BRUNO).api(f"deviations/{code}/classify", body, version=1).status_code == 403
    assert service.call(None).get(f"/api/v1/deviations/{code}").status_code == 401
    assert ana.get("/api/v1/deviations/FT19999990K").status_code == 404


def test_a_repeated_key_opens_one(service: Service):
    bruno = service.call(BRUNO)
    first, again = (bruno.api("deviations", OPENED, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json["code"] == again.json["code"]
    assert len(bruno.read("deviations")["items"]) == 1


def test_the_pages(service: Service):
    donor = make_family.donor().code
    bruno, ana = service.call(BRUNO), service.call(ANA)
    answer = bruno.form(
        "/deviations/new", title="Lid open", description="Found open.", occurred_at="2026-01-13T14:32",
        immediate_action="Closed.", about=donor,
    )  # fmt: skip
    assert answer.status_code == 302, answer.text
    page = answer.location
    assert "Lid open" in ana.page(page)
    assert donor in ana.page(page)
    assert "not classified yet" in ana.page("/deviations/")
    assert "Classify a deviation" in ana.page("/")
    assert ana.form(f"{page}/classify", severity="critical", reason="seen by QA").status_code == 302
    assert "it blocks release" in ana.page(page)
    assert "Lid open" in service.call(OTTO).page(f"/donors/{donor}")
    refused = ana.form(f"{page}/accept", acceptance="kept cold", secret_0="wrong")
    assert refused.status_code == 401
    assert "password is not right" in refused.text
    assert ana.form(f"{page}/accept", acceptance="kept cold", secret_0=SECRET).status_code == 302
    assert "it blocks release" not in ana.page(page)
    assert ana.form(f"{page}/investigate").status_code == 302
    assert ana.form(f"{page}/plan-capa", **CONCLUSION).status_code == 302
    assert "the lid stood open" in ana.page(page)
    assert ana.form(f"{page}/close", secret_0=SECRET).status_code == 302
    assert "Closed" in ana.page(page)


def test_a_duplicate_is_named_on_a_page(service: Service):
    donor = make_family.donor()
    original, other = make_deviation.deviation(donor).code, make_deviation.deviation(donor).code
    ana = service.call(ANA)
    answer = ana.form(f"/deviations/{other}/reject-as-duplicate", original=original, reason="the same event")
    assert answer.status_code == 302, answer.text
    assert "Duplicate" in ana.page(f"/deviations/{other}")


def test_what_one_may_not_do_is_not_offered(service: Service):
    code = make_deviation.deviation().code
    assert "Classify" in service.call(ANA).page(f"/deviations/{code}")
    shown = service.call(QUITERIA).page(f"/deviations/{code}")
    assert "Start the investigation" not in shown or "padlock" in shown
    assert "Report a deviation" not in service.call(SAM).page("/deviations/")
