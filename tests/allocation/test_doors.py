"""The dose through both doors: what is typed wrongly is refused in words, what is right is one act."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.states import State
from mscbank.batch.models import Batch
from mscbank.core import db
from mscbank.core.db import session
from tests import make_allocation, make_infusion, make_release
from tests.allocation.conftest import STOCKED, WORLDS
from tests.copies import World
from tests.doors import Caller, Service
from tests.make_allocation import today
from tests.people import BRUNO, MARTA, NINA, NOAH, OTTO, PAULA, QUITERIA, SAM, SECRET, TOMAS

PASSWORD = {"secret_0": SECRET}


@pytest.fixture
def serve(world_url: Callable[..., str]) -> Iterator[Callable[[World], Service]]:
    """The whole service on a world."""
    yield lambda world: Service(world_url(world.name, world.build, world.base))
    db.disconnect()


def only(model: type = Allocation):
    return session.scalars(select(model)).one()


def code_of(model: type = Allocation) -> str:
    found = only(model).code
    session.remove()
    return found


def version(who: Caller, code: str) -> int:
    return who.read(f"allocations/{code}")["version"]


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


# --- JSON ---------------------------------------------------------------------------------------


def test_a_prescription_from_draft_to_reserved_through_the_api_alone(serve):
    service = serve(STOCKED)
    made_from = only(Batch)
    body = {
        "recipient": made_from.directed_to.code, "protocol": made_from.protocol.code, "batch": made_from.code,
        "infusion_on": today().isoformat(), "allergies": "none_known",
    }  # fmt: skip
    session.remove()
    marta, nina, paula = service.call(MARTA), service.call(NINA), service.call(PAULA)
    answer = marta.api("allocations", body)
    assert answer.status_code == 201, answer.text
    code = answer.json["code"]
    path = f"allocations/{code}"
    weighed = nina.api(f"{path}/weights", {"weight": "62.4", "weighed_where": "Ward 3"}, version=1)
    assert weighed.status_code == 200, weighed.text
    proofs = marta.proofs("allocation.prescribe", code, "prescription")
    assert marta.api(f"{path}/prescribe", {"proofs": proofs}, version=2).json["state"] == "prescribed"
    dose = paula.read(f"{path}/dose")
    assert [line["value"] for line in dose["lines"]][2:9:2] == ["62.400", "0.92", "16.192", "64.768"]
    assert (dose["difference_percent"], dose["band"], len(dose["proposed"])) == ("3.8", "accept", 4)
    inputs = {"vials": dose["proposed"]}
    proofs = paula.proofs("allocation.verify_and_reserve", code, "verification", **inputs)
    answer = paula.api(
        f"{path}/verify-and-reserve", inputs | {"proofs": proofs}, version=version(paula, code)
    )
    assert answer.json["state"] == "reserved", answer.text
    held = paula.read(f"{path}/vials")["items"]
    assert [one["vial"] for one in held] == dose["proposed"]
    assert paula.read(f"{path}/weights")["items"][0]["weight"] == "62.4"


@pytest.mark.parametrize(
    "typed", ["62,4", "137 lb", 62.4, 62, "1e2", "", "300", "24.99", "62.444", None, "６２.４"]
)
def test_a_weight_is_typed_as_the_scale_shows_it(serve, typed):
    service = serve(WORLDS[State.PRESCRIBED])
    code = code_of()
    nina = service.call(NINA)
    before = version(nina, code)
    answer = nina.api(
        f"allocations/{code}/weights", {"weight": typed, "weighed_where": "Ward 3"}, version=before
    )
    assert answer.status_code == 422, answer.text
    assert "weight" in answer.json["errors"]
    assert version(nina, code) == before


def test_137_kg_is_confirmed_over_the_api(serve):
    service = serve(WORLDS[State.PRESCRIBED])
    code = code_of()
    nina = service.call(NINA)
    body = {"weight": "137", "weighed_where": "Ward 3"}
    before = version(nina, code)
    assert nina.api(f"allocations/{code}/weights", body, version=before).status_code == 422
    answer = nina.api(f"allocations/{code}/weights", body | {"confirmed": True}, version=before)
    assert answer.json["state"] == "needs_review"


def test_a_dose_that_cannot_be_worked_out_says_why(serve):
    service = serve(STOCKED)
    made = make_allocation.draft(only(Batch), weight=None).code
    session.remove()
    answer = service.call(PAULA).get(f"/api/v1/allocations/{made}/dose")
    assert (answer.status_code, answer.json["code"]) == (409, "allocation.no_weight")


def test_a_stale_version_and_a_missing_one_are_refused(serve):
    service = serve(WORLDS[State.VERIFIED])
    code = code_of()
    paula = service.call(PAULA)
    assert paula.api(f"allocations/{code}/reserve", {}).status_code == 428
    assert paula.api(f"allocations/{code}/reserve", {}, version=1).status_code == 412


def test_a_repeated_key_reserves_once(serve):
    service = serve(WORLDS[State.VERIFIED])
    code = code_of()
    paula = service.call(PAULA)
    before = version(paula, code)
    headers = {"Idempotency-Key": "one-and-the-same"}
    first = paula.api(f"allocations/{code}/reserve", {}, version=before, **headers)
    again = paula.api(f"allocations/{code}/reserve", {}, version=before, **headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers.get("Idempotency-Replayed") == "true"
    assert len(paula.read(f"allocations/{code}/vials")["items"]) == 4


@pytest.mark.parametrize(("by", "status"), [(MARTA, 403), (OTTO, 403), (SAM, 404), (None, 401)])
def test_who_may_not_reserve_is_told_so(serve, by, status):
    service = serve(WORLDS[State.VERIFIED])
    code = code_of()
    assert service.call(by).api(f"allocations/{code}/reserve", {}, version=1).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"vials": "V1"}, {"vials": ["V1"]}, {"vials": [None]}, {"spares": -1}, {"spares": "1.0"},
        {"unknown": 1}, {"vials": [["x"]]}, {"spares": 10**30}, {"vials": ["\ud800"]},
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_changes_nothing(serve, body):
    service = serve(WORLDS[State.VERIFIED])
    code = code_of()
    paula = service.call(PAULA)
    before = version(paula, code)
    answer = paula.api(f"allocations/{code}/reserve", body, version=before)
    assert answer.status_code in (400, 422), answer.text
    assert version(paula, code) == before


def test_lists_are_filtered_by_state(serve):
    service = serve(WORLDS[State.RESERVED])
    code = code_of()
    paula = service.call(PAULA)
    assert [row["code"] for row in paula.read("allocations?state=reserved")["items"]] == [code]
    assert paula.read("allocations?state=draft")["items"] == []


def test_moves_come_with_their_obstacles(serve):
    service = serve(WORLDS[State.RESERVED])
    code = code_of()
    moves = {m["name"]: m["obstacle"] for m in service.call(PAULA).read(f"allocations/{code}")["moves"]}
    assert moves["dispense"]["code"] == "allocation.not_picked"
    assert moves["cancel"] is None


# --- pages --------------------------------------------------------------------------------------


def test_the_page_shows_every_line_of_the_dose(serve):
    service = serve(WORLDS[State.PRESCRIBED])
    text = words(service.call(PAULA).page(f"/allocations/{code_of()}"))
    for line in (
        "Patient 01, 62.4 kg, 1 million MSC per kg", "62.400 million viable cells", "0.92 of all cells",
        "0.88 of these alive", "16.192 million viable cells", "3.854 → 4 whole vials",
        "64.768 million viable cells", "4 × line 7 = 1.04 million per kg", "+3.8 %, accepted",
        "4 vials proposed", "20 mL, nothing discarded", "0.035 g/kg", "Sister of patient 01",
        "Verify and reserve 4 vials", "Prescribed by",
    ):  # fmt: skip
        assert line in text.replace("\u00a0", " "), line


def test_the_pharmacist_signs_on_the_page_where_everything_is_in_view(serve):
    service = serve(WORLDS[State.PRESCRIBED])
    code = code_of()
    paula = service.call(PAULA)
    shown = paula.page(f"/allocations/{code}")
    form = re.search(r'<form method="post" action="([^"]*verify-and-reserve)".*?</form>', shown, re.DOTALL)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.group(0)))
    assert len(hidden["vials"].split()) == 4
    paula._as()
    wrong = paula.client.post(form.group(1), data=hidden | {"secret_0": "not it"})
    assert wrong.status_code in (401, 422)
    answer = paula.client.post(form.group(1), data=hidden | PASSWORD)
    assert answer.status_code == 302
    assert "Reserved" in paula.page(f"/allocations/{code}")


def test_other_vials_are_chosen_on_a_form(serve):
    service = serve(WORLDS[State.VERIFIED])
    a = only()
    chosen = [vial.code for vial in make_release.vials_of(a.batch)[4:]]
    code = a.code
    session.remove()
    answer = service.call(PAULA).form(f"/allocations/{code}/reserve", vials="\n".join(chosen), spares="0")
    assert answer.status_code == 302, words(answer.text)[:600]
    assert [vial.code for vial in make_allocation.held(only())] == chosen


@pytest.mark.parametrize("typed", ["62,4", "624", "abc"])
def test_a_wrong_weight_comes_back_with_its_fault_at_the_field(serve, typed):
    service = serve(WORLDS[State.PRESCRIBED])
    answer = service.call(NINA).form(
        f"/allocations/{code_of()}/weights", weight=typed, weighed_where="Ward 3"
    )
    assert answer.status_code == 422
    assert 'id="weight-fault"' in answer.text
    assert f'value="{typed}"' in answer.text


def test_a_comma_is_read_in_french_and_only_there(serve):
    service = serve(WORLDS[State.PRESCRIBED])
    code = code_of()
    nina = service.call(NINA)
    nina.get("/language/fr")
    answer = nina.form(f"/allocations/{code}/weights", weight="62,4", weighed_where="Ward 3")
    assert answer.status_code == 302, words(answer.text)[:400]
    assert only().weighings[-1].weight_g == 62_400


@pytest.mark.parametrize("state", list(WORLDS))
@pytest.mark.parametrize("by", [MARTA, PAULA, BRUNO, NINA, OTTO])
def test_every_state_has_a_page_for_everybody(serve, state, by):
    service = serve(WORLDS[state])
    code = code_of()
    assert "per kg" in service.call(by).page(f"/allocations/{code}")
    assert code in service.call(by).page("/allocations/")


def test_every_form_opens_for_whoever_may_fill_it_in(serve):
    service = serve(WORLDS[State.RESERVED])
    code = code_of()
    for who, paths in (
        (PAULA, ("weights", "pick", "dispense", "take-back", "cancel", "verify", "reserve")),
        (MARTA, ("amend",)),
        (QUITERIA, ("redirect",)),
    ):
        for path in paths:
            assert service.call(who).get(f"/allocations/{code}/{path}").status_code == 200, path
    for path in ("amend", "redirect", "reserve"):
        assert service.call(NOAH).get(f"/allocations/{code}/{path}").status_code == 403, path
    assert service.call(MARTA).get("/allocations/new").status_code == 200


def test_worklists_name_the_next_one(serve):
    service = serve(WORLDS[State.PRESCRIBED])
    assert "Verify the dose of patient 01" in service.call(PAULA).page("/")
    assert "Verify the dose" not in service.call(BRUNO).page("/")


def test_the_laboratory_is_told_to_pick(serve):
    service = serve(WORLDS[State.RESERVED])
    assert "Pick 4 vials for patient 01" in service.call(BRUNO).page("/")
    make_allocation.pick(only())
    session.remove()
    assert "Pick 4 vials" not in service.call(BRUNO).page("/")
    assert "Dispense 4 vials for patient 01" in service.call(PAULA).page("/")


def test_earlier_things_show_the_prescription(serve):
    service = serve(WORLDS[State.RESERVED])
    a = only()
    codes = (a.batch.code, a.recipient.code, make_allocation.held(a)[0].code)
    code = a.code
    session.remove()
    paula = service.call(PAULA)
    for path, own in zip(("batches", "recipients", "vials"), codes, strict=True):
        assert code in paula.page(f"/{path}/{own}").replace("<span>", "").replace("</span>", ""), path


# --- preparations -------------------------------------------------------------------------------


def test_a_preparation_through_both_doors(serve):
    service = serve(WORLDS[State.DISPENSED])
    made = make_infusion.confirm(make_infusion.planned(only()))
    make_infusion.thaw(made)
    code = code_of(Preparation)
    bruno = service.call(BRUNO)
    shown = words(bruno.page(f"/preparations/{code}"))
    assert "Time left" in shown
    assert "not in it yet" in shown
    vials = [one["vial"] for one in bruno.read(f"preparations/{code}/contents")["vials"]]
    answer = bruno.form(
        f"/preparations/{code}/add-vials", vials="\n".join(vials), signer_1="tomas", secret_0=SECRET,
        secret_1=SECRET,
    )  # fmt: skip
    assert answer.status_code == 302, words(answer.text)[:600]
    version = bruno.read(f"preparations/{code}")["version"]
    answer = bruno.api(f"preparations/{code}/finish", {"volume_ml": "20.000"}, version=version)
    assert answer.json["state"] == "ready", answer.text
    assert service.call(TOMAS).form(f"/preparations/{code}/print-label").status_code == 302
    label = bruno.get(f"/preparations/{code}/label.pdf")
    assert (label.status_code, label.data[:4]) == (200, b"%PDF")
    assert bruno.get(f"/api/v1/preparations/{code}/label.pdf").mimetype == "application/pdf"
    assert only(Preparation).volume_ml == Decimal("20.000")
    assert service.call(NOAH).get("/preparations/").status_code == 200
