"""The trace as page, JSON and spreadsheet."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from sqlalchemy import select

from mscbank.coding.din import format_din
from mscbank.core.db import session
from mscbank.custody.balance import Balance
from mscbank.infusion.models import Infusion
from mscbank.trace import story
from tests import worlds
from tests.doors import Caller, Service
from tests.fixtures import Walked
from tests.make_infusion import wristband

Auditor = Callable[[], Caller]


def test_the_json_of_any_code_is_one_whole(auditor: Auditor, infused: Walked):
    one = infused.first
    codes = [one.donor.code, one.batch.code, one.vials[3].code, one.recipient.code, one.event.code]
    din = quote(format_din(one.donation.din))
    answers = [auditor().read(f"trace/{code}") for code in [*codes, din]]
    kinds = [{(t["kind"], t["code"]) for t in answer["things"]} for answer in answers]
    assert all(found == kinds[0] for found in kinds)
    assert answers[-1]["kind"] == "donation"
    assert all(answer["completeness"]["complete"] for answer in answers)
    assert all(answer["chain_intact"] for answer in answers)


def test_the_json_says_what_the_schema_promises(auditor: Auditor, infused: Walked):
    found = auditor().read(f"trace/{infused.first.event.code}")
    assert set(found) == {
        "kind", "code", "things", "links", "completeness", "batches", "acts", "signatures",
        "signatures_holding", "chain_rows", "chain_intact",
    }  # fmt: skip
    event = next(thing for thing in found["things"] if thing["kind"] == "adverse_event")
    assert event["reached"] is True
    assert (event["facts"]["grade"], event["facts"]["serious"], event["facts"]["related"]) == (2, False, True)
    assert set(found["links"][0]) == {"source", "target", "reached"}
    assert found["completeness"]["filled"] == sum(found["completeness"]["parts"].values())


def test_the_page_shows_picture_table_time_and_numbers(auditor: Auditor, infused: Walked):
    page = auditor().page(f"/trace/{infused.first.vials[0].code}")
    assert f"{worlds.VIALS} of {worlds.VIALS} vials accounted for" in page
    assert "Record chain intact" in page
    assert "From donor to patient" in page
    assert 'class="pic pic-trace"' in page
    assert 'class="ae related"' in page, "the event hangs from its patient as a boxed number"
    assert "Nausea reported" in page
    assert "signatures on this way still hold" in page
    assert "Patient 01" in page
    every = auditor().page(f"/trace/{infused.first.vials[0].code}?all=1")
    assert every.count("<tr") > page.count("<tr")


@pytest.mark.parametrize(
    "kind", ["donor", "donation", "release", "allocation", "preparation", "infusion", "event"]
)
def test_every_kind_has_its_page(auditor: Auditor, infused: Walked, kind: str):
    thing = getattr(infused.first, kind)
    page = auditor().page(f"/trace/{thing.code}")
    assert 'class="node found"' in page


def test_a_missing_vial_becomes_the_title(auditor: Auditor, infused: Walked, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(story, "balances", lambda ids: {key: Balance(filled=8, present=7) for key in ids})
    page = auditor().page(f"/trace/{infused.first.vials[0].code}")
    assert "1 of 8 vials are not accounted for" in page
    assert "completeness stop" in page


def test_the_spreadsheet(auditor: Auditor, infused: Walked):
    answer = auditor().get(f"/trace/table.csv?code={infused.first.batch.code}")
    assert answer.mimetype == "text/csv"
    assert f"batch,{infused.first.batch.code}" in answer.text
    assert f"{infused.first.batch.code},{worlds.VIALS}," in answer.text


def test_any_code_leads_there_and_none_is_answered_kindly(auditor: Auditor, infused: Walked):
    asked = auditor().get(f"/trace/?code={infused.first.batch.code}")
    assert asked.status_code == 302
    assert "Any code shows its whole way" in auditor().page("/trace/")
    for text in ("nothing", "VT19999999K", "a/b", "%00"):
        assert auditor().get(f"/trace/{text}").status_code == 404
        assert auditor().get(f"/api/v1/trace/{text}").status_code == 404


def test_a_wristband_is_read_from_a_form_and_never_from_an_address(auditor: Auditor, infused: Walked):
    one = session.scalars(select(Infusion).order_by(Infusion.id)).first()
    worn, person = wristband(one), one.recipient.code
    asked = auditor().form("/trace/", code=worn)
    assert (asked.status_code, asked.location) == (302, f"/trace/{person}")
    assert worn not in asked.location
    for path in (f"/trace/?code={worn}", f"/trace/{worn}", f"/api/v1/trace/{worn}"):
        assert auditor().get(path).status_code == 404


def test_nobody_is_let_in_without_a_log_in(service: Service):
    assert service.call(None).get("/api/v1/trace/V1").status_code == 401
    assert service.call(None).get("/trace/V1").status_code in (302, 401)
