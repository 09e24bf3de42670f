"""Protocols and specifications through both doors."""

from typing import Any

import pytest

from mscbank.study.states import ProtocolState, SpecificationState
from tests import make_family, make_study
from tests.doors import Service
from tests.people import ANA, BRUNO, EVA, INES, OTTO, SECRET

PROTOCOL: dict[str, Any] = {
    "title": "Cells of a relative in systemic sclerosis",
    "registry_id": "NCT02213705",
    "sponsor_code": "MSC-SSC",
    "infusion_zone": "Europe/Paris",
}
LINE: dict[str, Any] = {
    "attribute": "viability_fill",
    "label": "Viability at fill",
    "method": "Ph. Eur. 2.7.29",
    "stage": "harvest",
    "operator": "at_least",
    "low": "85.5",
    "unit": "%",
    "blocking": True,
    "turnaround_days": 0,
}


def test_a_protocol_over_the_api(service: Service):
    eva, ana = service.call(EVA), service.call(ANA)
    made = eva.api("protocols", PROTOCOL)
    assert made.status_code == 201, made.text
    code = made.json["code"]
    level = {"number": 1, "viable_cells_per_kg": 1_000_000, "places": 10}
    assert eva.api(f"protocols/{code}/levels", level, version=1).status_code == 200
    visit = {"name": "M36", "months": 36, "before_days": 30, "after_days": 30}
    assert eva.api(f"protocols/{code}/visits", visit, version=2).status_code == 200
    proofs = ana.proofs("protocol.approve", code, "protocol approval")
    approved = ana.api(f"protocols/{code}/approve", {"proofs": proofs}, version=3)
    assert approved.status_code == 200, approved.text
    opened = eva.api(f"protocols/{code}/open", version=4)
    assert opened.json["state"] == "open"
    assert opened.json["levels"][0]["opened_at"]
    assert opened.json["visits"][-1] == {
        "name": "M36", "days": None, "months": 36, "before_days": 30, "after_days": 30,
    }  # fmt: skip
    assert eva.api("protocols", PROTOCOL).status_code == 409
    assert eva.api(f"protocols/{code}/levels", level, version=5).json["code"] == "study.not_draft"
    assert [one["code"] for one in eva.read("protocols?state=open")["items"]] == [code]


@pytest.mark.parametrize(
    ("level", "fault"),
    [
        ({"number": 0, "viable_cells_per_kg": 1, "places": 1}, "number"),
        ({"number": 1, "viable_cells_per_kg": 10**30, "places": 1}, "viable_cells_per_kg"),
        ({"number": 1, "viable_cells_per_kg": "1_0", "places": 1}, "viable_cells_per_kg"),
        ({"number": 1, "viable_cells_per_kg": 1.5, "places": 1}, "viable_cells_per_kg"),
        ({"number": 1, "viable_cells_per_kg": 1, "places": True}, "places"),
        ({"number": 1, "viable_cells_per_kg": 1}, "places"),
    ],
)
def test_a_float_looking_dose_is_refused(service: Service, level: dict[str, Any], fault: str):
    code = make_study.protocol(ProtocolState.DRAFT).code
    answer = service.call(EVA).api(f"protocols/{code}/levels", level, version=3)
    assert answer.status_code == 422, answer.text
    assert fault in str(answer.json["errors"])


def test_a_specification_over_the_api(service: Service):
    protocol = make_study.protocol().code
    ines, ana = service.call(INES), service.call(ANA)
    made = ines.api("specifications", {"protocol": protocol, "name": "MSC(M)"})
    assert made.status_code == 201, made.text
    code = made.json["code"]
    changed = ines.api(f"specifications/{code}/criteria", LINE, version=1)
    assert changed.status_code == 200, changed.text
    line = next(one for one in changed.json["criteria"] if one["attribute"] == "viability_fill")
    assert line["low"] == "85.500000"
    floating = ines.api(f"specifications/{code}/criteria", LINE | {"low": 85.5}, version=2)
    assert floating.status_code == 422
    proofs = ana.proofs("specification.approve", code, "specification approval")
    approved = ana.api(f"specifications/{code}/approve", {"proofs": proofs}, version=2)
    assert approved.json["state"] == "approved"
    frozen = ines.api(f"specifications/{code}/criteria", LINE, version=3)
    assert frozen.json["code"] == "study.specification_frozen"
    assert [one["code"] for one in ines.read(f"specifications?protocol={protocol}")["items"]] == [code]


def test_the_pages_of_a_protocol(service: Service):
    eva, ana = service.call(EVA), service.call(ANA)
    page = eva.form("/protocols/new", **PROTOCOL).location
    assert (
        eva.form(f"{page}/levels", number="1", viable_cells_per_kg="1000000", places="10").status_code == 302
    )
    shown = ana.page(page)
    assert "1\u00a0million" in shown
    assert "24 months" in shown
    assert "Approve a protocol" in ana.page("/")
    refused = ana.form(f"{page}/approve", secret_0="wrong")
    assert refused.status_code == 401
    assert ana.form(f"{page}/approve", secret_0=SECRET).status_code == 302
    assert eva.form(f"{page}/open").status_code == 302
    assert "NCT02213705" in service.call(OTTO).page("/protocols/")
    again = eva.form("/protocols/new", **PROTOCOL)
    assert again.status_code == 409
    assert "There is a protocol with this registry number already." in again.text


def test_the_pages_of_a_specification(service: Service):
    made = make_study.specification(state=SpecificationState.DRAFT)
    code, protocol = made.code, made.protocol.code
    ines, ana = service.call(INES), service.call(ANA)
    assert "≥ 80 %" in ines.page(f"/specifications/{code}")
    wrong = ines.form(f"/specifications/{code}/criteria", **LINE | {"operator": "equals", "blocking": "yes"})
    assert wrong.status_code == 422
    assert "This comparison needs it." in wrong.text
    assert ines.form(f"/specifications/{code}/criteria", **LINE | {"blocking": "yes"}).status_code == 302
    assert "≥ 85.5 %" in ines.page(f"/specifications/{code}")
    assert ana.form(f"/specifications/{code}/approve", secret_0=SECRET).status_code == 302
    assert "MSC(M), edition 1" in ana.page(f"/protocols/{protocol}")
    assert "In force" in ana.page("/specifications/")


def test_a_protocol_shows_who_holds_which_place(service: Service):
    protocol = make_study.protocol()
    make_family.enrolled(protocol)
    shown = service.call(BRUNO).page(f"/protocols/{protocol.code}")
    assert "Level 1: 1 of 10 places taken." in shown
    assert "Enrolled" in shown
