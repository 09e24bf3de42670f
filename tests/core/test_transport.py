"""What an attacker sends: from another site, to another name, in clear, too often; and what the log keeps."""

import base64
import json
import multiprocessing
import re
import socket
import ssl
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from typing import Any

import pytest
import structlog
from werkzeug.test import TestResponse

from mscbank.app import create_app
from mscbank.config import Config
from mscbank.core import logs, ways
from mscbank.core.web.origin import is_foreign, is_known
from mscbank.ops import serving
from tests.browser import free_port
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


class TestPages:
    def test_markup_in_what_was_typed_is_shown_as_text(self, house: House):
        typed = "<img src=x onerror=alert(1)>'\"&{{7*7}}"
        ada = house.client_of("ada")
        assert ada.post("/people/new", data={"login": "marked", "printed_name": typed}).status_code == 302
        for path in ("/people/marked", "/people/"):
            text = ada.get(path).text
            assert "<img src=x" not in text
            assert "&lt;img src=x onerror=alert(1)&gt;" in text
            assert "{{7*7}}" in text
        assert house.api_of("ada").get("/api/v1/people/marked").json["printed_name"] == typed

    def test_password_fields_are_masked_and_a_manager_may_fill_them(self, house: House):
        for path in ("/sign-in", "/first-password"):
            text = house.stranger().get(path).text
            fields = re.findall(r"<input[^>]*autocomplete=\"(?:current|new)-password\"[^>]*>", text)
            assert fields
            assert all('type="password"' in field for field in fields)
            assert not any("readonly" in field or "maxlength" in field for field in fields)

    def test_text_says_its_characters(self, house: House):
        for path in ("/sign-in", "/metrics", "/static/css/base.css", "/static/js/form.js", "/errors"):
            answer = house.stranger().get(path)
            answer.close()
            assert answer.content_type.endswith("charset=utf-8"), path

    def test_the_page_of_parts_is_not_there_in_earnest(self, house: House):
        assert house.client_of("ada").get("/components").status_code == 404

    def test_cookie_and_form_token_are_signed_with_sha_256(self, house: House):
        one = house.client_of("ada")
        token = one.form_token()
        cookie = one.client.get_cookie("mscbank")
        for signed in (token, cookie.value):
            assert len(base64.urlsafe_b64decode(signed.rpartition(".")[2] + "==")) == 32
        assert one.client.post("/scan", data={"csrf_token": token[:-2], "code": "x"}).status_code == 400

    def test_debugging_is_off_whatever_the_environment_says(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("FLASK_DEBUG", "1")
        assert not started(house).client.application.debug


class TestServer:
    def test_the_server_has_ends_and_believes_nobody_by_itself(self):
        settings = serving.Service(Config(SETTINGS | {"MSCBANK_DATABASE_URL": "sqlite://"})).cfg
        assert settings.limit_request_line == 4094
        assert settings.limit_request_fields == 64
        assert settings.limit_request_field_size == 8190
        assert settings.forwarded_allow_ips == []
        assert not settings.reload
        assert settings.header_map == "drop"

    def test_the_server_writes_the_same_kind_of_lines(self, capsys: pytest.CaptureFixture[str]):
        cfg = serving.Service(Config(SETTINGS | {"MSCBANK_DATABASE_URL": "sqlite://"})).cfg
        log = cfg.logger_class(cfg)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("bad \n%s", '{"event": "session opened"}')
        line = json.loads(capsys.readouterr().err)
        assert line["event"] == 'bad \n{"event": "session opened"}'
        assert line["timestamp"].endswith("Z")
        assert "two\nlines" in line["exception"]

    def test_its_own_tls_is_modern(self):
        context = serving.modern_tls(None, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert all(name["aead"] and name["kea"] in ("kx-ecdhe", "kx-any") for name in context.get_ciphers())

    def test_the_authority_cannot_send_us_elsewhere(self):
        class Elsewhere(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/inside")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing on the screen."""

        with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            with pytest.raises(urllib.error.HTTPError) as caught:
                ways._straight.open(f"http://127.0.0.1:{server.server_port}/", timeout=10)
            caught.value.close()
        assert caught.value.code == 302


LENGTH, CHUNKED = b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
        (b"POST /sign-in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Y: a\r\n b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Y: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X-Y: a\r\n" * 100 + b"\r\n", 431),
        (b"GET /healthz?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
    ],
)
def test_what_no_server_should_guess_at_is_refused(wire: int, sent: bytes, status: int):
    with socket.create_connection(("127.0.0.1", wire), timeout=10) as line:
        line.sendall(sent)
        assert line.makefile("rb").readline().split()[1] == str(status).encode()


@pytest.fixture(scope="module")
def wire() -> Iterator[int]:
    """The server in front of a page that says nothing, with the settings of the service."""
    port = free_port()
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(port,), daemon=True)
    process.start()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.join(20)


class Bare(serving.Service):
    def load(self) -> Any:
        return lambda _environ, start: (start("200 OK", [("Content-Length", "0")]), [b""])[1]


def _answer(port: int) -> None:
    more = {"MSCBANK_DATABASE_URL": "sqlite://", "MSCBANK_BIND": f"127.0.0.1:{port}", "MSCBANK_WORKERS": "1"}
    Bare(Config(SETTINGS | more)).run()
