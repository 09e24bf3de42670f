"""Signing in and out, one's own account, and the administrator's pages."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from mscbank.core import clock
from mscbank.core.db import plumbing
from mscbank.staff.models import WebSession
from tests.core.acting import records
from tests.house import House, token_of
from tests.people import SECRET


class TestSigningIn:
    def test_it_leads_where_one_wanted_to_go(self, house: House):
        one = house.stranger()
        asked = one.get("/people/bruno?x=1")
        assert asked.status_code == 302
        assert asked.location == "/sign-in?next=/people/bruno?x%3D1"
        one.login = "bruno"
        answer = one.sign_in(next="/people/bruno?x=1")
        assert (answer.status_code, answer.location) == (302, "/people/bruno?x=1")
        assert one.get("/people/bruno").status_code == 200

    @pytest.mark.parametrize(
        "wanted",
        [
            "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example", "javascript:alert(1)", "///evil.example", "/\r\n//evil", "http:evil",
            "@evil", "",
            " //evil.example", "/ /evil.example\x00", "x" * 2000,
        ],
    )  # fmt: skip
    def test_it_never_leads_to_another_host(self, house: House, wanted: str):
        one = house.stranger()
        one.login = "bruno"
        answer = one.sign_in(next=wanted)
        assert answer.status_code == 302
        assert answer.location == "/" or (answer.location.startswith("/") and "//" not in answer.location[:2])
        assert "evil" not in answer.location.partition("?")[0] or answer.location.startswith("/%20/")

    @pytest.mark.parametrize(
        ("login", "password"),
        [
            ("bruno", "wrong"),
            ("nobody", SECRET),
            ("", ""),
            ("bru\0no", SECRET),
            ("bruno", "\0"),
            ("x" * 500, "y" * 5000),
        ],
    )
    def test_a_wrong_pair_says_nothing_of_which_was_wrong(self, house: House, login: str, password: str):
        one = house.stranger()
        answer = one.post("/sign-in", data={"login": login, "password": password})
        assert answer.status_code == 401
        assert "Log-in or password is not right." in answer.text
        assert one.get("/account").status_code == 302

    def test_after_three_wrong_ones_it_waits(self, house: House):
        one = house.stranger()
        one.login = "bruno"
        assert [one.sign_in("wrong").status_code for _ in range(3)] == [401] * 3
        answer = one.sign_in()
        assert answer.status_code == 429
        assert "Too many wrong passwords" in answer.text

    def test_a_new_session_has_a_new_cookie(self, house: House):
        one = house.stranger()
        one.login = "bruno"
        one.get("/sign-in")
        with one.client.session_transaction() as before:
            before["sid"] = "planted by somebody"
        one.sign_in()
        with one.client.session_transaction() as after:
            assert after["sid"] != "planted by somebody"

    def test_out_is_out(self, house: House):
        one = house.client_of("bruno")
        with one.client.session_transaction() as kept:
            sid = kept["sid"]
        one.post("/sign-out")
        assert one.get("/account").status_code == 302
        with one.client.session_transaction() as again:
            again["sid"] = sid
        assert one.get("/account").status_code == 302

    def test_an_idle_session_asks_again(self, house: House):
        one = house.client_of("bruno")
        with plumbing() as connection:
            connection.execute(update(WebSession).values(seen_at=clock.now() - timedelta(minutes=31)))
        assert one.get("/account").status_code == 302

    def test_it_reads_french(self, house: House):
        one = house.client_of("bruno")
        one.get("/language/fr")
        assert 'lang="fr"' in one.get("/account").text
        one.sign_in()
        assert 'lang="fr"' in one.get("/account").text
        assert one.get("/language/xx").status_code == 404


class TestMyAccount:
    def test_it_changes_the_password_and_ends_the_other_sessions(self, house: House):
        here, there = house.client_of("bruno"), house.client_of("bruno")
        answer = here.post("/account/password", data={"old": SECRET, "new": "another long enough 9"})
        assert answer.status_code == 302
        assert here.get("/account").status_code == 200
        assert there.get("/account").status_code == 302
        assert there.sign_in("another long enough 9").status_code == 302
        assert records("person", "bruno")[-1].action == "person.set_password"

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("wrong", "another long enough 9", "This is not your password."),
            (SECRET, "short", "15 to 256 characters"),
            (SECRET, SECRET, "Take another one"), (SECRET, "bruno bruno bruno", "holds your name"),
            ("", "", "This is not your"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_stands_at_its_field(self, house: House, old: str, new: str, says: str):
        one = house.client_of("bruno")
        answer = one.post("/account/password", data={"old": old, "new": new})
        assert answer.status_code in (401, 422)
        assert says in answer.text
        again = house.stranger()
        again.login = "bruno"
        assert again.sign_in().status_code == 302

    def test_a_token_is_shown_once_and_revoked(self, house: House):
        one = house.client_of("bruno")
        made = one.post("/account/tokens", data={"label": "my laptop", "scopes": "read"})
        token = re.search(r"msc_[\w-]+", made.text)
        assert token is not None
        assert token[0] not in one.get("/account").text
        bearer = {"Authorization": f"Bearer {token[0]}"}
        program = house.stranger()
        assert program.get("/api/v1/people", headers=bearer).status_code == 200
        assert program.client.post("/api/v1/people", json={}, headers=bearer).status_code in (403, 422)
        assert one.post("/account/tokens/1/revoke").status_code == 302
        assert program.get("/api/v1/people", headers=bearer).status_code == 401
        assert one.post("/account/tokens/1/revoke").status_code == 422
        assert one.post("/account/tokens/99999999999/revoke").status_code == 404

    def test_nobody_without_signing_in(self, house: House):
        for path in ("/", "/account", "/people/", "/people/new", "/sites/"):
            assert house.stranger().get(path).status_code == 302


class TestAdministration:
    def test_an_account_from_the_first_day_to_ones_own_password(self, house: House):
        ada = house.client_of("ada")
        assert (
            ada.post("/people/new", data={"login": "zoe", "printed_name": "Zoë Zahn"}).location
            == "/people/zoe"
        )
        version = re.search(r'name="version" value="(\d+)"', ada.get("/people/zoe/roles").text)
        assert version is not None
        ada.post("/people/zoe/roles", data={"role": "qa", "version": version[1]})
        page = ada.post("/people/zoe/password")
        given = re.search(r"<code>([0-9a-f-]{20,})</code>", page.text)
        assert given is not None
        zoe = house.stranger()
        zoe.login = "zoe"
        first = zoe.sign_in(given[1])
        assert (first.status_code, first.location) == (302, "/first-password?login=zoe")
        assert zoe.get("/account").status_code == 302, "it opens nothing yet"
        sent = {"login": "zoe", "old": given[1], "new": "my very own words 5"}
        for wrong, says in (
            ({"old": "wrong"}, "not right"), ({"new": "short"}, "15 to 256"),
            ({"new": given[1]}, "Take another one"),
        ):  # fmt: skip
            answer = zoe.post("/first-password", data=sent | wrong)
            assert answer.status_code in (401, 422)
            assert says in answer.text
        assert zoe.post("/first-password", data=sent).location == "/sign-in"
        assert zoe.sign_in("my very own words 5").location == "/"
        assert zoe.get("/account").status_code == 200

    def test_a_password_that_was_given_signs_nothing(self, house: House):
        ada = house.client_of("ada")
        given = re.search(r"<code>([0-9a-f-]{20,})</code>", ada.post("/people/bruno/password").text)
        assert given is not None
        bruno = house.stranger()
        bruno.headers = {"Authorization": f"Bearer {token_of('bruno')}"}
        asked = {
            "action": "person.open_presence", "subject": "bruno", "meaning": "present",
            "inputs": {"station": "b"}, "secret": given[1],
        }  # fmt: skip
        answer = bruno.post("/api/v1/proofs", json=asked)
        assert (answer.status_code, answer.json["code"]) == (403, "secret.temporary")

    def test_only_an_administrator_gives_passwords_and_not_to_himself(self, house: House):
        assert "Make a password" not in house.client_of("bruno").get("/people/tomas").text
        assert "Make a password" in house.client_of("ada").get("/people/tomas").text
        assert "Make a password" not in house.client_of("ada").get("/people/ada").text
        for by, whom in (("bruno", "tomas"), ("ada", "ada")):
            assert house.client_of(by).post(f"/people/{whom}/password").status_code == 409
        one = house.stranger()
        one.login = "tomas"
        assert one.sign_in().status_code == 302

    def test_a_disabled_person_is_out_at_once(self, house: House):
        ada, bruno = house.client_of("ada"), house.client_of("bruno")
        page = ada.get("/people/bruno/disable").text
        version = re.search(r'name="version" value="(\d+)"', page)
        assert version is not None
        ada.post("/people/bruno/disable", data={"reason": "left the house", "version": version[1]})
        assert bruno.get("/account").status_code == 302
        assert bruno.sign_in().status_code == 401

    @pytest.mark.parametrize(
        "path", ["/people/", "/people/bruno", "/people/new", "/people/bruno/roles", "/sites/", "/sites/new"]
    )
    def test_pages_open(self, house: House, path: str):
        assert house.client_of("ada").get(path).status_code == 200

    def test_a_list_goes_on(self, house: House):
        one = house.client_of("ada")
        for after, status in (("bruno", 200), ("nobody", 422), ("\0", 422), ("x" * 500, 422)):
            assert one.get("/people/", query_string={"after": after}).status_code == status
