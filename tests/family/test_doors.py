"""Families through both doors: names only where they are asked for, and never to those who see codes."""

from typing import Any

import pytest

from mscbank.core import record
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.family.registering import today
from tests import make_family, make_study
from tests.doors import Service
from tests.people import ADA, EVA, LUCIE, MARTA, NINA, OTTO, person

MONITOR = person("mona", "Mona Bauer", Role.MONITOR)

DONOR: dict[str, Any] = {
    "family_name": "Dvořák", "given_name": "Zoë", "born_on": "1980-05-17", "sex": "female",
}  # fmt: skip
DONOR_ITEMS = ["procurement", "testing", "manufacture", "storage", "named_relative", "traceability"]
RECIPIENT_ITEMS = ["participation", "infusion", "traceability"]


def screening(protocol: str) -> dict[str, Any]:
    return {
        "protocol": protocol, "screened_on": str(today()), "classification_score": 14, "subset": "diffuse",
        "skin_score": 22, "organs": ["lung"], "prior_therapy": "inadequate_response",
        "prior_reason": "worse under mycophenolate",
    }  # fmt: skip


def test_a_family_over_the_api(service: Service):
    protocol = make_study.protocol().code
    lucie, eva, marta = service.call(LUCIE), service.call(EVA), service.call(MARTA)
    made = lucie.api("donors", DONOR)
    assert made.status_code == 201, made.text
    donor = made.json["code"]
    assert "Dvo" not in made.text
    wristband = {"given_name": "Odile", "wristband": "IPP-778812"}
    recipient = lucie.api("recipients", DONOR | wristband).json["code"]
    claim = {"donor": donor, "recipient": recipient, "relation": "half_sibling", "evidence": "record book"}
    link = lucie.api("family-links", claim).json
    assert (link["degree"], link["is_blood"]) == (2, True)
    own = lucie.api(f"family-links/{link['code']}/verify", {"evidence": "seen"}, version=1)
    assert own.json["code"] == "family.claimed_by_self"
    assert eva.api(f"family-links/{link['code']}/verify", {"evidence": "seen"}, version=1).status_code == 200
    consent = {"form_version": "R-2", "given_on": str(today()), "authority": "Dr Eva Novák"}
    given = {"recipient": recipient, "items": RECIPIENT_ITEMS} | consent
    assert marta.api("consents/recipient", given).status_code == 201
    given = {"donor": donor, "items": DONOR_ITEMS, "names_recipient": recipient} | consent
    donors_consent = lucie.api("consents/donor", given)
    assert donors_consent.status_code == 201, donors_consent.text
    examined = marta.api(f"recipients/{recipient}/screenings", screening(protocol), version=1)
    assert examined.status_code == 200, examined.text
    assert all(check["passed"] for check in marta.read(f"recipients/{recipient}/inclusion")["checks"])
    enrolled = marta.api(f"recipients/{recipient}/enrol", version=2)
    assert enrolled.status_code == 200, enrolled.text
    assert enrolled.json["study_number"] == "01"
    assert enrolled.json["enrolments"][0]["level"] == 1
    code = donors_consent.json["code"]
    withdrawn = lucie.api(f"consents/{code}/withdraw", {"reason": "she telephoned"}, version=1)
    assert withdrawn.json["state"] == "withdrawn"
    left = marta.api(f"recipients/{recipient}/withdraw", {"reason": "moved abroad"}, version=3)
    assert left.json["state"] == "withdrawn"
    assert left.json["enrolments"][0]["freed_at"]
    scanned = lucie.api("scan", {"code": "IPP-778812"})
    assert scanned.json["code"] == recipient
    assert [x["code"] for x in lucie.read(f"family-links?donor={donor}")["items"]] == [link["code"]]


class TestNames:
    def test_invariant_24_a_page_shows_them_and_records_it(self, service: Service):
        code = make_family.donor(family_name="Dvořák", given_name="Zoë").code
        shown = service.call(NINA).page(f"/donors/{code}")
        assert "DVOŘÁK Zoë" in shown
        read = session.scalars(record.history("donor", code)).first()
        assert (read.action, read.actor_login) == ("core.read_identity", "nina")

    @pytest.mark.parametrize("who", [MONITOR, ADA])
    def test_invariant_24_codes_only(self, service: Service, who: Any):
        code = make_family.recipient(family_name="Dvořák").code
        reader = service.call(who)
        assert "DVO" not in reader.page(f"/recipients/{code}")
        assert reader.get(f"/api/v1/recipients/{code}/identity").status_code == 403
        assert reader.api("recipients/find", {"family_name": "Dvořák"}).status_code == 403
        assert "Find by name" not in reader.page("/recipients/")

    def test_invariant_24_over_the_api_they_are_asked_for(self, service: Service):
        code = make_family.donor(family_name="Dvořák", given_name="Zoë").code
        lucie = service.call(LUCIE)
        assert "Dvo" not in lucie.get(f"/api/v1/donors/{code}").text
        assert lucie.read(f"donors/{code}/identity")["family_name"] == "Dvořák"

    def test_they_are_found_by_name(self, service: Service):
        code = make_family.donor(family_name="Dvořák").code
        lucie = service.call(LUCIE)
        assert lucie.api("donors/find", {"family_name": "dvorak"}).json == {"codes": [code]}
        assert code in lucie.form("/donors/find", family_name="DVORAK").text
        assert "Nobody of this name" in lucie.form("/donors/find", family_name="Nemo").text
        assert lucie.form("/donors/find").status_code == 422
        assert service.call(ADA).form("/donors/find", family_name="Dvořák").status_code == 403


class TestPages:
    def test_a_family_is_entered(self, service: Service):
        protocol = make_study.protocol().code
        lucie, eva, marta = service.call(LUCIE), service.call(EVA), service.call(MARTA)
        donor = lucie.form("/donors/new", **DONOR).location
        recipient = lucie.form("/recipients/new", **DONOR | {"given_name": "Odile"}).location
        donor_code, recipient_code = donor.split("/")[-1], recipient.split("/")[-1]
        assert f"donor={donor_code}" in lucie.page(donor)
        link = lucie.form(
            f"/family-links/new?donor={donor_code}", donor=donor_code, recipient=recipient_code,
            relation="full_sibling", evidence="record book",
        )  # fmt: skip
        assert link.status_code == 302, link.text
        assert "they are twins" in eva.page(link.location)
        assert "Verify a family link" in eva.page("/")
        doubted = eva.form(f"{link.location}/verify", evidence="seen")
        assert doubted.status_code == 409
        assert eva.form(f"{link.location}/confirm", why="they are half a day apart").status_code == 302
        assert eva.form(f"{link.location}/verify", evidence="seen").status_code == 302
        assert "Sister of" in eva.page(link.location) or "sister of" in eva.page(link.location)
        consent = {"form_version": "R-2", "given_on": str(today()), "authority": "Dr Eva Novák"}
        given = lucie.form("/consents/recipient", recipient=recipient_code, items=RECIPIENT_ITEMS, **consent)
        assert given.status_code == 302, given.text
        assert "the infusion" in lucie.page(given.location)
        entered = marta.form(f"{recipient}/screenings", **screening(protocol))
        assert entered.status_code == 302, entered.text
        shown = marta.page(recipient)
        assert "skin score 22" in shown
        assert marta.form(f"{recipient}/enrol").status_code == 302
        assert "Patient 01" in marta.page(recipient)
        assert "patient 01" in lucie.page("/recipients/")
        assert "R-2" in service.call(OTTO).page(recipient)

    def test_a_refused_form_keeps_what_was_typed(self, service: Service):
        answer = service.call(LUCIE).form("/donors/new", **DONOR | {"born_on": "2150-01-01"})
        assert answer.status_code == 422
        assert "This lies in the future." in answer.text
        assert 'value="1980' not in answer.text
        assert "Dvořák" in answer.text

    def test_lists_without_a_name(self, service: Service):
        found = make_family.family()
        names = {"Dvo", "Zoë"}
        lucie = service.call(LUCIE)
        for path in ("/donors/", "/recipients/", "/family-links/", "/consents/", "/"):
            shown = lucie.page(path)
            assert not any(name in shown for name in names), path
        assert found.donor.code in lucie.page("/donors/")

    def test_what_waits_for_an_investigator(self, service: Service):
        make_family.recipient()
        make_family.screened(make_study.protocol())
        person = make_family.enrolled()
        consent = person.consents[0].code
        lucie = service.call(LUCIE)
        assert lucie.form(f"/consents/{consent}/withdraw", reason="she telephoned").status_code == 302
        home = service.call(MARTA).page("/")
        assert "Examine for inclusion" in home
        assert "is enrolled without a consent in force" in home

    def test_another_site_sees_nothing(self, service: Service):
        code = make_family.donor(site="LYON").code
        near = person("bea", "Bea Lind", *LUCIE.roles, site="PARIS")
        assert service.call(near).get(f"/donors/{code}").status_code == 404
        assert code not in service.call(near).page("/donors/")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"born_on": "17.05.1980"}, "born_on"),
        ({"born_on": None}, "born_on"),
        ({"sex": "F"}, "sex"),
        ({"family_name": "  "}, "family_name"),
        ({"family_name": "a\u0000b"}, "family_name"),
        ({"family_name": "x" * 500}, "family_name"),
        ({"code": "DT10000010K"}, "code"),
        ({"is_under_protection": "yes"}, "is_under_protection"),
    ],
)
def test_bad_input_is_named_by_its_field(service: Service, changes: dict[str, Any], fault: str):
    answer = service.call(LUCIE).api("donors", DONOR | changes)
    assert answer.status_code == 422, answer.text
    assert fault in str(answer.json["errors"])
