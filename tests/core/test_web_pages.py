"""Forms, the scan box, and the pages by which anybody looks into the house."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mscbank.core import acts, checkpoint_check, clock, jobs, keeping, ways
from mscbank.core.checkpointing import make
from mscbank.core.errors import DECLARED
from mscbank.core.evidence import Run, Tried
from mscbank.core.web import lies, matrix
from tests.core.acting import records, someone
from tests.house import House, Someone
from tests.people import ADA


@pytest.fixture
def ada(house: House) -> Someone:
    return house.api_of("ada")


class TestForms:
    @pytest.mark.parametrize(
        "path",
        [
            "/sign-in",
            "/sign-out",
            "/account/password",
            "/account/tokens",
            "/people/new",
            "/scan",
            "/first-password",
            "/people/bruno/password",
        ],
    )
    def test_a_form_without_its_token_is_refused(self, house: House, path: str):
        one = house.client_of("ada")
        answer = one.client.post(path, data={"login": "x", "password": "y", "printed_name": "z"})
        assert answer.status_code == 400
        assert "form.token" in answer.text

    def test_a_refused_page_says_what_why_and_who(self, house: House):
        bruno = house.client_of("bruno")
        answer = bruno.post("/people/tomas/password")
        assert answer.status_code in (403, 409)
        answer = bruno.post("/people/new", data={"login": "new", "printed_name": "N"})
        assert answer.status_code == 403
        assert "administrator of accounts" in answer.text

    @pytest.mark.parametrize("path", ["/nothing", "/people/nobody", "/people/%00", "/people/" + "x" * 300])
    def test_a_missing_page_is_a_page(self, house: House, path: str):
        answer = house.client_of("ada").get(path)
        assert answer.status_code == 404
        assert answer.content_type.startswith("text/html")

    def test_a_form_comes_back_with_what_was_typed_and_its_faults(self, house: House):
        answer = house.client_of("ada").post(
            "/people/new", data={"login": "NOT PLAIN", "printed_name": "Zoë"}
        )
        assert answer.status_code == 422
        assert "Zoë" in answer.text
        assert "2 to 40 small letters" in answer.text

    def test_a_stale_form_is_refused(self, house: House):
        answer = house.client_of("ada").post("/people/bruno/roles", data={"role": "qa", "version": "1"})
        assert answer.status_code == 412
        for version in ("", "x", "-1", "1" * 40):
            one = house.client_of("ada").post("/people/bruno/roles", data={"role": "qa", "version": version})
            assert one.status_code == 412

    def test_a_form_sent_twice_acts_once(self, house: House):
        ada = house.client_of("ada")
        sent = {"login": "new", "printed_name": "New", "idempotency_key": "f" * 32}
        assert [ada.post("/people/new", data=sent).status_code for _ in range(2)] == [302, 302]
        assert len(records("person", "new")) == 1


class TestScanBox:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\0",
            "\ud800",
            "x" * 5000,
            "V00000000000",
            "=A9999",
            "<script>",
            "🙂",
            "]C1",
            "\x1d",
            "1" * 2000,
        ],
    )
    def test_any_text_is_answered(self, house: House, text: str):
        ada = house.api_of("ada")
        assert ada.post("/api/v1/scan", json={"code": text}).status_code in (404, 422)

    def test_a_page_goes_back_where_it_came_from_never_elsewhere(self, house: House):
        ada = house.client_of("ada")
        for referrer, goes in (
            ("http://localhost/people/", "http://localhost/people/"), ("https://evil.example/", "/"),
            ("http://localhost.evil.example/", "/"), ("http://localhost:99/", "/"),
        ):  # fmt: skip
            answer = ada.post("/scan", data={"code": "nothing"}, headers={"Referer": referrer})
            assert answer.location == goes, referrer


class TestCheckpoints:
    def test_the_page_lists_them_and_hands_them_out(self, house: House, tmp_path: Path):
        bruno = house.client_of("bruno")
        assert "There is no checkpoint yet." in bruno.get("/checkpoints").text
        keeping.open_way(ways.Folder(str(tmp_path)))
        assert (make(), keeping.keep()) == (1, 1)
        page = bruno.get("/checkpoints").text
        form = bruno.get("/checkpoints/1.json").json
        assert form["hash"] in page
        assert str(tmp_path) in page
        assert list(checkpoint_check.whole([form])) == []
        for number in (2, 2**63 - 1, 2**63, 10**40):
            assert bruno.get(f"/checkpoints/{number}.json").status_code == 404
        for before in ("x", "-1", "0", 2**63, 10**40, "1.5", "%00"):
            assert bruno.get(f"/checkpoints?before={before}").status_code == 200

    def test_every_page_says_when_nothing_is_kept(self, house: House, monkeypatch: pytest.MonkeyPatch):
        jobs.beat("test")
        bruno = house.client_of("bruno")
        words = "is not sealed, or not kept outside"
        assert words not in bruno.get("/checkpoints").text
        monkeypatch.setattr(keeping, "waits_since", clock.now)
        assert words in bruno.get("/checkpoints").text
        assert "mscbank_checkpoint_unkept_seconds" in house.stranger().get("/metrics").text

    def test_there_are_more_than_one_page(self, house: House, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("mscbank.core.web.checkpoints.PAGE", 1)
        bruno = house.client_of("bruno")
        first = make()
        someone("second", "Second")
        second = make()
        page = bruno.get("/checkpoints").text
        assert f"/checkpoints?before={second}" in page
        assert f"/checkpoints/{first}.json" not in page
        assert f"/checkpoints/{first}.json" in bruno.get(f"/checkpoints?before={second}").text

    def test_a_stranger_signs_in_first(self, house: House):
        for path in ("/checkpoints", "/checkpoints/1.json"):
            assert "/sign-in" in house.stranger().get(path).headers["Location"]


class TestPermissions:
    def test_every_action_stands_in_the_matrix_and_mine_are_marked(self, house: House):
        bruno = house.client_of("bruno")
        text = bruno.get("/permissions").text
        for action in acts.ACTIONS.values():
            assert action.name in text, action.name
        assert "You counted this: a second person checks it." in text
        assert "picked · picking checked" in text
        assert matrix.who_words(acts.ACTIONS["person.disable"]) == "administrator of accounts"
        assert matrix.who_words(acts.ACTIONS["person.open_presence"]) == "everybody"
        assert matrix.who_words(acts.ACTIONS["vial.reserve"]) == ""
        of_ada = {line.name for lines in matrix.lines_of(ADA).values() for line in lines if line.is_mine}
        assert "person.register" in of_ada
        assert "release.certify" not in of_ada

    def test_a_stranger_signs_in_first(self, house: House):
        assert "/sign-in" in house.stranger().get("/permissions").headers["Location"]


class TestLies:
    @pytest.fixture(params=[True, False], ids=["with a run", "without one"])
    def run(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run | None:
        tried = {"custody.own_hold": Tried(2, 0), "stale": Tried(1, 1)}
        kept = Run(
            datetime(2026, 11, 2, 9, 30, tzinfo=UTC), "1.0", "0123456789ab", "3.11.2", ("sqlite",),
            9000, 1, 3, tried, {"record is append-only": Tried(4)}, {},
        )  # fmt: skip
        found = kept if request.param else None
        monkeypatch.setattr(lies, "last_run", lambda: found)
        return found

    def test_every_forbidden_act_and_every_guard_stands_there(self, house: House, run: Run | None):
        text = house.client_of("bruno").get("/ask-it-to-lie").text
        for code in DECLARED:
            assert code in text, code
        assert "guard_record_update" in text
        assert "guard_hold_own" in text
        assert ("2 tests" in text) is (run is not None)
        assert ("9000 passed, 1 failed" in text) is (run is not None)

    def test_a_stranger_signs_in_first(self, house: House):
        assert "/sign-in" in house.stranger().get("/ask-it-to-lie").headers["Location"]
