"""Custody through both doors."""

import re

import pytest
from sqlalchemy import inspect, select

from mscbank.coding.short import with_print
from mscbank.core import links
from mscbank.core.db import session
from mscbank.custody import actions
from mscbank.custody.models import CustodyEvent, Vial
from mscbank.custody.words import Cause, HolderKind, Verb
from tests import make_custody
from tests.custody.conftest import batches, first_box, first_vials, other_vials
from tests.people import ANA, BRUNO, NINA, OTTO, QUENTIN, SECRET, TOMAS, sign


def fresh(vial: Vial) -> Vial:
    """The vial as it stands now, after requests have come and gone."""
    session.rollback()
    session.expire_all()
    return session.get(Vial, inspect(vial).identity[0])


def code_and_version(vial: Vial) -> tuple[str, int]:
    return vial.code, vial.version


def second(who, **more):
    return {"signer_1": who.login, "secret_0": SECRET, "secret_1": SECRET} | more


# --- JSON ---------------------------------------------------------------------------------------


def test_a_vial_shows_its_five_things_apart(doors):
    vial = first_vials()[0]
    shown = doors.call(OTTO).read(f"vials/{vial.code}")
    assert (shown["condition"], shown["quality"], shown["reservation"]) == ("frozen", "quarantine", "none")
    assert (shown["position"], shown["holder"], shown["seen"]) == (
        vial.position.code,
        None,
        vial.position.code,
    )
    assert (shown["tnc"], shown["viability_percent_at_fill"]) == (20_000_000, "95.50")
    assert shown["moves"] == [] or all("obstacle" in move for move in shown["moves"])


def test_lists_are_filtered(doors):
    caller = doors.call(OTTO)
    assert len(caller.read(f"vials?batch={batches()[0].code}")["items"]) == 6
    assert len(caller.read("vials?condition=filled")["items"]) == 2
    assert caller.get("/api/v1/vials?condition=fluffy").status_code == 422
    assert len(caller.read("places?level=box")["items"]) == 1


def test_a_scan_act_needs_the_place_that_was_seen(doors):
    vial, position = other_vials()[0], make_custody.positions(first_box())[20].code
    path = f"vials/{vial.code}/put-away"
    caller = doors.call(BRUNO)
    body = {"position": position}
    assert caller.api(path, body).status_code == 422
    wrong = caller.api(path, body | {"from": "person:tomas"})
    assert (wrong.status_code, wrong.json["code"]) == (409, "custody.seen_elsewhere")
    right = caller.api(path, body | {"from": "person:bruno", "scan": "gun"})
    assert right.status_code == 200, right.text
    assert (right.json["condition"], right.json["position"]) == ("frozen", position)
    assert right.headers["ETag"] == f'"{fresh(vial).version}"'


def test_an_act_that_is_no_scan_needs_the_version(doors):
    vial = first_vials()[0]
    code, version = code_and_version(vial)
    caller = doors.call(ANA)
    body = {"reason": "looks odd", "cause": "quality"}
    assert caller.api(f"vials/{code}/hold", body).status_code == 428
    assert caller.api(f"vials/{code}/hold", body, version=version - 1).status_code == 412
    assert caller.api(f"vials/{code}/hold", body, version=version).status_code == 200
    held = caller.read(f"vials/{code}/holds")["items"]
    assert [(h["cause"], h["on"], h["lifted_at"]) for h in held] == [("quality", code, None)]
    by_step = body | {"cause": "recall"}
    assert caller.api(f"vials/{code}/hold", by_step, version=version + 1).status_code == 422


def test_a_signed_act_over_the_api(doors):
    code, version = code_and_version(first_vials()[0])
    inputs = {"method": "autoclave", "waste_id": "W-1"}
    first = doors.call(BRUNO).proofs("vial.destroy", code, "destroyed", **inputs)
    other = doors.call(TOMAS).proofs("vial.destroy", code, "witnessed", **inputs)
    body = inputs | {"reason": "the cap is loose", "proofs": first + other}
    answer = doors.call(BRUNO).api(f"vials/{code}/destroy", body, version=version)
    assert answer.status_code == 200, answer.text
    assert (answer.json["condition"], answer.json["is_gone"]) == ("destroyed", True)


def test_the_ledger_is_told_oldest_first(doors):
    told = doors.call(OTTO).read(f"vials/{first_vials()[0].code}/ledger")["items"]
    assert [(e["sequence"], e["verb"]) for e in told] == [(1, "fill"), (2, "put_away")]
    assert (told[0]["actor"], told[0]["second_person"]) == ("bruno", "tomas")


def test_a_box_is_set_up_and_tells_what_lies_in_it(doors):
    caller = doors.call(BRUNO)
    tank = first_box().parent.code
    made = caller.api("places/boxes", {"parent": tank, "name": "Box 99", "rows": 2, "columns": 2})
    assert made.status_code == 201, made.text
    inside = caller.read(f"places/{made.json['code']}/contents")["items"]
    assert [(one["position"], one["vial"]) for one in inside] == [
        ("A1", None),
        ("A2", None),
        ("B1", None),
        ("B2", None),
    ]
    lying = caller.read(f"places/{first_box().code}/contents")["items"]
    assert lying[0]["vial"] == first_vials()[0].code


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"vials": "12"}, 422),
        ({"vials": 0}, 422),
        ({"vials": 10**30}, 422),
        ({"tnc": -1}, 422),
        ({"tnc": "2e7"}, 422),
        ({"viability_percent": 95.5}, 422),
        ({"viability_percent": "100.01"}, 422),
        ({"volume_ml": "5,0"}, 422),
        ({"expires_on": "2028-13-01"}, 422),
        ({"expires_on": "yesterday"}, 422),
        ({"colour": "blue"}, 422),
        ({"reason": "a\u0000b"}, 422),
        ({}, 409),
    ],
)
def test_bad_input_to_a_fill_is_refused_each_in_its_way(doors, change, status):
    batch = batches()[0]
    good = {
        "vials": 2,
        "tnc": 20_000_000,
        "viability_percent": "95.5",
        "volume_ml": "5",
        "dmso_percent": "10",
        "expires_on": "2036-12-31",
    }
    answer = doors.call(BRUNO).api(f"fills/{batch.code}/vials", good | change, version=batch.version)
    if change == {"vials": "12"}:
        assert answer.status_code in (409, 422)
        return
    assert answer.status_code == status, answer.text
    assert len(first_vials()) == 6


def test_balance_and_label_sheet_of_a_batch(doors):
    batch = batches()[0]
    caller = doors.call(BRUNO)
    assert caller.read(f"fills/{batch.code}/balance") == {
        "filled": 6,
        "qc_used": 0,
        "retained": 0,
        "infused": 0,
        "destroyed": 0,
        "broken": 0,
        "lost": 0,
        "present": 6,
        "difference": 0,
    }
    nothing = caller.get(f"/api/v1/fills/{batch.code}/labels.pdf")
    assert (nothing.status_code, nothing.json["code"]) == (409, "custody.nothing_printed")
    printed = caller.api(f"fills/{batch.code}/labels", {}, version=batch.version)
    assert printed.status_code == 200, printed.text
    sheet = caller.get(f"/api/v1/fills/{batch.code}/labels.pdf?stock=a4-65&start=3")
    assert (sheet.status_code, sheet.mimetype) == (200, "application/pdf")
    assert sheet.data.startswith(b"%PDF")
    for query in ("stock=a5", "start=0", "start=99", "purpose=wall", "colour=red"):
        assert caller.get(f"/api/v1/fills/{batch.code}/labels.pdf?{query}").status_code == 422, query


def test_a_printed_code_is_no_address(doors):
    printed = with_print(first_vials()[0].code, 1)
    answer = doors.call(OTTO).get(f"/api/v1/vials/{printed}")
    assert (answer.status_code, answer.json["code"]) == (404, "code.is_a_print")


def test_a_scan_of_a_printed_label_leads_to_the_vial(doors):
    vial = first_vials()[0]
    actions.print_labels(batches()[0], by=BRUNO)
    answer = doors.call(BRUNO).api("scan", {"code": with_print(vial.code, 1)})
    assert (answer.json["code"], answer.json["print"], answer.json["alarm"]) == (vial.code, 1, None)
    unknown = doors.call(BRUNO).api("scan", {"code": with_print(vial.code, 9)})
    assert unknown.json["alarm"]["code"] == "custody.unknown_print"


def test_invariant_8_a_void_label_raises_the_alarm_wherever_it_is_scanned(doors):
    vial = first_vials()[0]
    actions.print_labels(batches()[0], by=BRUNO)
    actions.print_labels(batches()[0], by=BRUNO, vials=[vial], reason="the first one tore")
    actions.confirm_label(vial, by=BRUNO, print_number=2)
    answer = doors.call(BRUNO).api("scan", {"code": with_print(vial.code, 1)})
    assert answer.json["alarm"]["code"] == "custody.void_label"
    alarms = session.scalars(select(CustodyEvent).where(CustodyEvent.verb == Verb.VOID_LABEL)).all()
    assert [(one.vial_id, one.detail) for one in alarms] == [(vial.id, "1")]
    doors.call(OTTO).api("scan", {"code": with_print(vial.code, 1)})
    page = doors.call(BRUNO)
    page._as()
    shown = page.client.post("/scan", data={"code": with_print(vial.code, 1)}, follow_redirects=True)
    assert "is void" in shown.text
    assert "Find the void label of vial 01" in doors.call(ANA).page("/")


# --- pages --------------------------------------------------------------------------------------


def test_the_page_of_a_vial_has_the_five_lines_and_its_way(doors):
    vial = first_vials()[0]
    page = doors.call(BRUNO).page(f"/vials/{vial.code}")
    for words in ("Vial 01", "Quarantine", "Put away", "Its way", "one of 6", "20 million"):
        assert words.replace(" million", "\u00a0million") in page, words
    assert vial.position.name in page


def test_what_is_not_open_says_why(doors):
    page = doors.call(BRUNO).page(f"/vials/{first_vials()[0].code}")
    assert "take it out first" in page
    assert "Not open now, and why" in page


@pytest.mark.parametrize("who", [OTTO, NINA, ANA, BRUNO], ids=lambda p: p.login)
def test_every_page_opens_for_everybody_who_may_look(doors, who):
    caller = doors.call(who)
    box = first_box()
    for path in (
        "/vials/",
        "/places/",
        "/fills/",
        f"/places/{box.code}",
        f"/places/{box.parent.code}",
        f"/places/{box.parent.parent.code}",
        f"/places/{first_vials()[0].position.code}",
        f"/places/{make_custody.positions(box)[50].code}",
        f"/places/{box.code}/station",
        f"/fills/{batches()[0].code}",
        f"/fills/{batches()[1].code}",
        f"/vials/{other_vials()[0].code}",
    ):
        caller.page(path)


def test_a_form_fills_with_two_signatures(doors):
    batch = batches()[1]
    answer = doors.call(BRUNO).form(
        f"/fills/{batch.code}/vials",
        vials="3",
        tnc="20000000",
        viability_percent="95.5",
        volume_ml="5",
        dmso_percent="10",
        expires_on="2036-12-31",
        **second(TOMAS),
    )
    assert answer.status_code == 302, answer.text
    session.rollback()
    assert len(other_vials()) == 5


def test_a_refused_form_keeps_what_was_typed(doors):
    answer = doors.call(BRUNO).form(
        f"/fills/{batches()[1].code}/vials",
        vials="3",
        tnc="20,5",
        viability_percent="195",
        volume_ml="5",
        dmso_percent="10",
        expires_on="2036-12-31",
        **second(TOMAS),
    )
    assert answer.status_code == 422
    assert 'value="195"' in answer.text
    assert "digits only" in answer.text
    assert SECRET not in answer.text


def test_hold_and_lift_by_form(doors):
    vial = first_vials()[0]
    doors.call(ANA).form(f"/vials/{vial.code}/hold", cause="quality", reason="looks odd")
    page = doors.call(QUENTIN).page(f"/vials/{vial.code}")
    assert "quality question" in page
    answer = doors.call(QUENTIN).form(
        f"/vials/{vial.code}/lift-hold", number="1", reason="it was the light", secret_0=SECRET
    )
    assert answer.status_code == 302, answer.text
    assert "lifted" in doors.call(QUENTIN).page(f"/vials/{vial.code}")


def test_the_batch_page_of_the_fill_counts_and_holds(doors):
    batch = batches()[0]
    assert "6 of 6 vials accounted for" in doors.call(OTTO).page(f"/fills/{batch.code}")
    doors.call(ANA).form(f"/fills/{batch.code}/hold", cause="quality", reason="donor called back")
    assert "The whole batch is on hold" in doors.call(OTTO).page(f"/fills/{batch.code}")
    assert "On hold" in doors.call(OTTO).page(f"/batches/{batch.code}")


def test_the_labels_of_a_batch_come_as_pdf(doors):
    batch = batches()[0]
    caller = doors.call(BRUNO)
    caller.form(f"/fills/{batch.code}/labels", purpose="vial")
    answer = caller.get(f"/fills/{batch.code}/labels.pdf?purpose=vial&stock=a4-24&start=1")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")


def test_each_kind_of_worker_sees_what_waits(doors):
    actions.hold(first_vials()[0], by=ANA, reason="looks odd")
    session.rollback()
    assert "Put away 2 vials" in doors.call(BRUNO).page("/")
    assert "Judge the hold" in doors.call(QUENTIN).page("/")


def test_each_vial_says_the_one_thing_that_counts(released_doors):
    vials = first_vials()
    make_custody.reserved(vials[:1])
    make_custody.thawed(vials[1:2])
    actions.hold(vials[2], by=ANA, reason="every one of them", cause=Cause.RECALL)
    sign(actions.retain, vials[3], ANA, TOMAS, reason="retention sample")
    sign(actions.hand_over, taken_out(vials[4]), BRUNO, TOMAS, holder_kind=HolderKind.SHIPPER, holder="XT1")
    words = (
        "Vial 01, reserved",
        "Vial 02, thawed",
        "Vial 03, recalled",
        "Vial 04, retained",
        "with XT1",
        "available",
    )
    codes = [vial.code for vial in vials]
    where = vials[5].position.code
    page = released_doors.call(BRUNO)
    for code, word in zip(codes, words, strict=True):
        assert word in page.page(f"/vials/{code}"), word
    assert "Vial 06" in page.page(f"/places/{where}")
    told = links.told("vial", codes)
    assert [fact.state for fact in told][:3] == ["Reserved", "Thawed", "Recalled"]
    assert links.told("place", [where])[0].title.endswith("A6")


def taken_out(vial: Vial) -> Vial:
    actions.take_out(vial, by=BRUNO)
    return vial


# --- the station --------------------------------------------------------------------------------


def scan(caller, box, code, **more):
    caller._as()
    return caller.client.post(
        f"/places/{box.code}/station", data={"code": code} | more, follow_redirects=True
    )


def test_scanning_a_vial_puts_it_into_the_next_position_and_says_what_next(doors):
    box, vial = first_box(), other_vials()[0]
    answer = scan(doors.call(BRUNO), box, vial.code)
    assert answer.status_code == 200, answer.text
    assert "Vial 01 is in A7" in answer.text
    assert "It goes to A8" in answer.text
    assert "answer-done" in answer.text
    assert fresh(vial).position.name == "A7"


def test_the_same_vial_again_changes_nothing(doors):
    box, vial = first_box(), other_vials()[0]
    caller = doors.call(BRUNO)
    scan(caller, box, vial.code)
    events = fresh(vial).events
    again = scan(caller, box, vial.code)
    assert "already in A7" in again.text
    assert "answer-look" in again.text
    assert fresh(vial).events == events


def test_a_scanned_position_is_the_next_one(doors):
    box, vial = first_box(), other_vials()[0]
    chosen = make_custody.positions(box)[30]
    caller = doors.call(BRUNO)
    answer = scan(caller, box, chosen.code)
    assert f"{chosen.name} is next" in answer.text
    hidden = re.search(r'name="at" value="([^"]*)"', answer.text)[1]
    scan(caller, box, vial.code, at=hidden)
    assert fresh(vial).position.name == chosen.name


def test_a_taken_position_is_not_next(doors):
    box = first_box()
    assert "is not free" in scan(doors.call(BRUNO), box, first_vials()[0].position.code).text


def test_another_box_leads_to_its_station(doors):
    other = make_custody.box(rows=1, columns=1)
    session.rollback()
    answer = scan(doors.call(BRUNO), first_box(), other.code)
    assert f"Put away into {other.name}" in answer.text


def test_a_full_box_says_so(doors):
    other = make_custody.box(rows=1, columns=1)
    session.rollback()
    caller = doors.call(BRUNO)
    assert "the box is full" in scan(caller, other, other_vials()[0].code).text
    assert "is full" in scan(caller, other, other_vials()[1].code).text


@pytest.mark.parametrize("text", ["", "3401234567890", "\x00", "<script>alert(1)</script>", "V" * 3000])
def test_whatever_is_scanned_gets_an_answer(doors, text):
    answer = scan(doors.call(BRUNO), first_box(), text)
    assert answer.status_code == 200
    assert "Not one of our vials" in answer.text
    assert "<script>alert" not in answer.text


def test_a_refusal_at_the_station_is_red_and_changes_nothing(doors):
    vial = other_vials()[0]
    answer = scan(doors.call(OTTO), first_box(), vial.code)
    assert "answer-stop" in answer.text
    assert fresh(vial).position is None


def test_a_void_label_stops_the_station(doors):
    batch, vial = batches()[1], other_vials()[0]
    actions.print_labels(batch, by=BRUNO)
    actions.print_labels(batch, by=BRUNO, vials=[vial], reason="the first one tore")
    actions.confirm_label(vial, by=BRUNO, print_number=2)
    code = vial.code
    answer = scan(doors.call(BRUNO), first_box(), with_print(code, 1))
    assert "answer-stop" in answer.text
    assert fresh(vial).position is None
    scan(doors.call(BRUNO), first_box(), with_print(code, 2))
    assert fresh(vial).position.name == "A7"
