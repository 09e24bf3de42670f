"""What an attacker sends: from another site, to another name, in clear, too often; and what the log keeps."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.config import Config
from mscbank.core import logs
from mscbank.core.web.origin import is_foreign, is_known
from tests.house import SETTINGS, House, Someone
from tests.people import SECRET

CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
HERE = "bank.example"


class TestOrigin:
    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("POST", CROSS),
            ("POST", CROSS | {"Sec-Fetch-Site": "same-site"}),
            ("POST", {"Origin": "https://evil.example"}),
            ("POST", {"Origin": "null"}),
            ("POST", {"Origin": "http://["}),
            ("POST", {"Origin": f"https://{HERE}.evil.example"}),
            ("POST", {"Origin": f"https://{HERE}:8443"}),
            ("DELETE", CROSS),
            ("GET", CROSS | {"Sec-Fetch-Dest": "iframe"}),
            ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
            (
                "GET",
                {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
            ),
            ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
            ("OPTIONS", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}),
        ],
    )
    def test_what_another_site_starts_is_foreign(self, method: str, headers: dict[str, str]):
        assert is_foreign(method, headers, HERE)

    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("POST", {}),
            ("POST", OWN),
            ("POST", OWN | {"Origin": f"https://{HERE}"}),
            ("GET", {}),
            ("GET", CROSS),
            ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}),
            ("GET", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
        ],
    )
    def test_our_own_pages_programs_and_links_are_not(self, method: str, headers: dict[str, str]):
        assert not is_foreign(method, headers, HERE)

    @pytest.mark.parametrize("host", [HERE, f"{HERE}:443", "other.example"])
    def test_our_names_are_known(self, host: str):
        assert is_known(host, [HERE, "other.example"])

    @pytest.mark.parametrize("host", ["evil.example", f"{HERE}.evil.example", f"x{HERE}", "", "a b", "a/b"])
    def test_other_names_are_not(self, host: str):
        assert not is_known(host, [HERE])

    def test_without_names_every_well_formed_one_is(self):
        assert is_known("127.0.0.1:8470", [])
        assert not is_known("a/../b", [])


def started(house: House, **more: str) -> Someone:
    app = create_app(Config(SETTINGS | {"MSCBANK_DATABASE_URL": house.url} | more))
    return Someone(app, "ada")


def refused(answer: TestResponse, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert code in answer.text


class TestForeignRequests:
    @pytest.mark.parametrize("path", ["/sign-out", "/account/tokens", "/people/new", "/scan", "/sign-in"])
    def test_another_site_changes_nothing_though_it_had_the_token(self, house: House, path: str):
        ada = house.client_of("ada")
        refused(
            ada.post(path, data={"login": "new", "printed_name": "N"}, headers=CROSS),
            403,
            "request.elsewhere",
        )
        assert ada.get("/account").status_code == 200

    def test_another_site_frames_and_embeds_nothing(self, house: House):
        ada = house.client_of("ada")
        for dest in ("iframe", "image", "script", "object"):
            answer = ada.get(
                "/account", headers=CROSS | {"Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": "no-cors"}
            )
            refused(answer, 403, "request.elsewhere")

    def test_no_other_origin_is_let_into_the_api(self, house: House):
        ada = house.api_of("ada")
        cross = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        sent = ada.post("/api/v1/people", json={"login": "new", "printed_name": "N"}, headers=cross)
        refused(sent, 403, "request.elsewhere")
        asked = ada.client.options("/api/v1/people", headers=cross)
        for answer in (sent, asked, ada.get("/api/v1/people")):
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]

    def test_a_link_from_elsewhere_opens_a_page(self, house: House):
        assert house.client_of("ada").get("/account", headers=CROSS).status_code == 200


class TestNames:
    def test_another_name_is_refused_everywhere_but_in_health(self, house: House):
        one = started(house, MSCBANK_HOSTS="bank.example")
        for path in ("/sign-in", "/api/v1/people", "/nothing", "/"):
            refused(one.get(path, base_url="http://evil.example"), 400, "request.host")
        assert one.get("/sign-in", base_url="http://bank.example").status_code == 200
        assert one.get("/healthz", base_url="http://10.0.0.7:8470").status_code == 200

    def test_a_forwarded_name_is_held_against_the_list_too(self, house: House):
        one = started(house, MSCBANK_HOSTS="bank.example", MSCBANK_PROXIES="1", MSCBANK_COOKIE_SECURE="yes")
        tls = {"X-Forwarded-Proto": "https"}
        sent = tls | {"X-Forwarded-Host": "evil.example"}
        refused(one.get("/sign-in", base_url="http://bank.example", headers=sent), 400, "request.host")
        assert one.get("/sign-in", base_url="http://bank.example", headers=tls).status_code == 200

    def test_in_clear_nothing_is_answered_and_nothing_redirected(self, house: House):
        one = started(house, MSCBANK_HOSTS="localhost", MSCBANK_PROXIES="1", MSCBANK_COOKIE_SECURE="yes")
        for path in ("/sign-in", "/api/v1/people"):
            for proto in ({}, {"X-Forwarded-Proto": "http"}):
                refused(one.get(path, headers=proto), 400, "request.in_clear")
        assert one.get("/healthz").status_code == 200

    def test_figures_are_for_the_networks_that_were_named(self, house: House):
        assert house.stranger().get("/metrics").status_code == 200
        far = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
        assert house.stranger().get("/metrics", **far).status_code == 404
        one = started(house, MSCBANK_METRICS_FROM="203.0.113.0/28, ::1/128")
        assert one.get("/metrics", **far).status_code == 200
        assert one.get("/metrics").status_code == 404

    @pytest.mark.parametrize("method", ["TRACE", "TRACK", "DEBUG", "PROPFIND", "CONNECT"])
    def test_strange_methods_are_not_answered(self, house: House, method: str):
        assert house.stranger().client.open("/sign-in", method=method).status_code in (403, 405)

    @pytest.mark.parametrize(
        "path",
        ["/static/", "/static/css/", "/static/../config.py", "/static/..%2fconfig.py", "/.git/config",
         "/wsgi.py", "/static/%2e%2e/app.py", "/static//etc/passwd"],
    )  # fmt: skip
    def test_no_folder_and_no_source_is_served(self, house: House, path: str):
        assert house.stranger().get(path).status_code in (308, 404)


class TestTries:
    def tried(self, one: Someone, login: str, password: str = "not this one", **more: Any) -> int:
        return one.post("/sign-in", data={"login": login, "password": password}, **more).status_code

    def test_many_names_from_one_address_are_slowed_down(self, house: House):
        one = started(house, MSCBANK_SIGN_IN_LIMIT="4 per minute")
        assert [self.tried(one, f"guess{n}") for n in range(6)] == [401] * 4 + [429] * 2
        assert self.tried(one, "ada", SECRET) == 429
        elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
        assert self.tried(Someone(one.client.application, "ada"), "ada", SECRET, **elsewhere) == 302

    def test_who_is_in_and_who_gets_in_is_not_counted(self, house: House):
        one = started(house, MSCBANK_SIGN_IN_LIMIT="1 per minute")
        assert [self.tried(one, "ada", SECRET) for _ in range(3)] == [302] * 3
        for _ in range(3):
            assert one.post("/account/password", data={"old": "x", "new": "y"}).status_code == 401

    def test_signing_in_again_ends_the_session_before(self, house: House):
        ada = house.client_of("ada")
        with ada.client.session_transaction() as kept:
            before = kept["sid"]
        assert ada.sign_in().status_code == 302
        with ada.client.session_transaction() as kept:
            assert kept["sid"] != before
            kept["sid"] = before
        assert ada.get("/account").status_code == 302


class TestLog:
    @pytest.fixture(autouse=True)
    def _told(self, house: House) -> Iterator[None]:
        self.written = StringIO()
        kept = structlog.get_config()
        logs.configure("info")
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(self.written))
        yield
        structlog.configure(**kept)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]

    def test_each_request_is_one_line_of_json_that_nobody_can_break(self, house: House):
        one = house.stranger()
        forged = '\n{"event": "session opened", "person": "ada"}'
        one.get("/nothing%0a%7b%22event%22", headers={"User-Agent": "x"}, query_string={"q": forged})
        one.client.post("/sign-in", data={"login": forged, "password": "hunter2hunter2"}, headers=CROSS)
        told = self.lines()
        assert [line["event"] for line in told] == ["request", "request"]
        assert [line["refused"] for line in told] == ["missing", "request.elsewhere"]
        assert "hunter2" not in json.dumps(told)
        for line in told:
            assert line["timestamp"].endswith("Z")
            assert line["address"] == "127.0.0.1"
            assert len(line["request"]) == 32

    def test_signing_in_and_failing_to_stand_in_it(self, house: House):
        one = Someone(house.app, "ada")
        one.sign_in("not this one at all")
        one.sign_in()
        told = self.lines()
        seen = [(line["event"], line["person"]) for line in told if line["event"] != "request"]
        assert seen == [("wrong secret", "ada"), ("session opened", "ada")]
        assert "not this one" not in json.dumps(told)
