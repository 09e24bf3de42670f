"""The second factor as people meet it: set up on a page, asked for at log-in and at the first signing."""

import base64
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from mscbank.core.db import plumbing, session
from mscbank.staff import actions, factors, people, secrets
from mscbank.staff.models import Credential, User
from tests.core.acting import records
from tests.house import HOST, House, Someone
from tests.make_factor import Telephone, age_codes, enrolled
from tests.people import SECRET

PAGE = "/account/second-factor"


@pytest.fixture(autouse=True)
def _demanded_of_nobody() -> Iterator[None]:
    yield
    factors.demand("nobody")


def read_telephone(one: Someone, page: str) -> Telephone:
    """The app after it has read the text of the page."""
    found = re.search(r"<code>((?:[A-Z2-7]{4} ?){8})</code>", page)
    assert found is not None, page
    return Telephone(one.login, _decoded(found[1]))


def _decoded(text: str) -> bytes:
    return base64.b32decode(text.replace(" ", ""))


class TestSettingUp:
    def test_it_is_shown_once_and_confirmed_by_a_code(self, house: House):
        bruno, elsewhere = house.client_of("bruno"), house.client_of("bruno")
        assert "Set up an authenticator app" in bruno.get(PAGE).text
        begun = bruno.post(f"{PAGE}/begin").text
        telephone = read_telephone(bruno, begun)
        assert "<svg" in begun
        assert telephone.code() not in bruno.get(PAGE).text
        wrong = bruno.post(f"{PAGE}/confirm", data={"code": "000000", "password": SECRET})
        assert (wrong.status_code, "not the code that the app shows" in wrong.text) == (422, True)
        assert "<svg" not in wrong.text.partition("<main")[2].partition("</main")[0].replace(
            '<svg class="sign', ""
        )
        wrong = bruno.post(f"{PAGE}/confirm", data={"code": telephone.code(), "password": "wrong"})
        assert (wrong.status_code, "This is not your password" in wrong.text) == (401, True)
        done = bruno.post(f"{PAGE}/confirm", data={"code": telephone.code(), "password": SECRET})
        assert done.status_code == 200
        codes = re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", done.text)
        assert len(set(codes)) == 10
        assert codes[0] not in bruno.get(PAGE).text
        assert "In use" in bruno.get(PAGE).text
        assert records("person", "bruno")[-1].action == "person.enrol_app"
        assert elsewhere.get("/account").status_code == 302, "the other sessions are over"

    def test_another_telephone_needs_the_present_one(self, house: House):
        old, codes = enrolled("bruno")
        bruno = signed_in(house, "bruno", old)
        new = read_telephone(bruno, bruno.post(f"{PAGE}/begin").text)
        typed = {"code": new.code(), "password": SECRET}
        refused = bruno.post(f"{PAGE}/confirm", data=typed)
        assert (refused.status_code, "code is not right" in refused.text) == (401, True)
        assert bruno.post(f"{PAGE}/confirm", data=typed | {"old_code": codes[3]}).status_code == 200
        assert not factors.check_code("bruno", old.fresh())
        assert factors.check_code("bruno", new.fresh())

    def test_it_is_changed_with_password_and_code_alone(self, house: House):
        telephone, codes = enrolled("bruno")
        bruno = signed_in(house, "bruno", telephone)
        for move in ("renew", "remove"):
            for typed in (
                {"password": "wrong", "code": telephone.fresh()},
                {"password": SECRET, "code": "1"},
            ):
                assert bruno.post(f"{PAGE}/change", data={"move": move} | typed).status_code == 401
        typed = {"password": SECRET, "code": telephone.fresh()}
        renewed = bruno.post(f"{PAGE}/change", data=typed | {"move": "renew"})
        assert renewed.status_code == 200
        assert not factors.check_code("bruno", codes[0])
        typed = {"password": SECRET, "code": telephone.fresh()}
        assert bruno.post(f"{PAGE}/change", data=typed | {"move": "remove"}).status_code == 302
        assert people.factors_of("bruno") == frozenset()

    def test_nobody_without_signing_in(self, house: House):
        assert house.stranger().get(PAGE).status_code == 302
        for verb in ("begin", "confirm", "change"):
            assert house.stranger().post(f"{PAGE}/{verb}").status_code == 401


def signed_in(house: House, login: str, telephone: Telephone) -> Someone:
    """Somebody signed in with both steps."""
    one = house.stranger()
    one.login = login
    first = one.sign_in(next="/people/")
    assert (first.status_code, first.location) == (302, "/sign-in/code?next=/people/")
    second = one.post("/sign-in/code", data={"code": telephone.fresh(), "next": "/people/"})
    assert (second.status_code, second.location) == (302, "/people/")
    return one


class TestSigningIn:
    def test_the_password_alone_opens_nothing(self, house: House):
        telephone, codes = enrolled("bruno")
        one = house.stranger()
        one.login = "bruno"
        assert one.get("/sign-in/code").location == "/sign-in?next=/"
        assert one.sign_in().location == "/sign-in/code?next=/"
        assert one.get("/account").status_code == 302
        assert "second factor" in one.get("/sign-in/code").text
        wrong = one.post("/sign-in/code", data={"code": "000000"})
        assert (wrong.status_code, "code is not right" in wrong.text) == (401, True)
        assert one.get("/account").status_code == 302
        assert one.post("/sign-in/code", data={"code": codes[0], "next": "//evil.example"}).location == "/"
        assert one.get("/account").status_code == 200
        assert one.post("/sign-in/code", data={"code": telephone.fresh()}).location.startswith("/sign-in?")

    def test_wrong_codes_lock_and_the_password_does_not_clear_them(self, house: House):
        telephone, _codes = enrolled("bruno")
        one = house.stranger()
        one.login = "bruno"
        for _ in range(3):
            one.sign_in()
            assert one.post("/sign-in/code", data={"code": "000000"}).status_code == 401
        one.sign_in()
        answer = one.post("/sign-in/code", data={"code": telephone.fresh()})
        assert (answer.status_code, "Too many wrong codes" in answer.text) == (429, True)
        age_codes(3600)
        assert one.post("/sign-in/code", data={"code": telephone.fresh()}).status_code == 302

    @pytest.mark.parametrize("what", ["old", "changed", "future"])
    def test_a_right_password_waits_five_minutes_and_not_after_a_change(self, house: House, what: str):
        telephone, _codes = enrolled("bruno")
        one = house.stranger()
        one.login = "bruno"
        one.sign_in()
        if what == "changed":
            secrets.prepare("bruno", "another long enough 9")
            actions.set_password(session.query(User).filter(User.code == "bruno").one(), by=HOST)
            with plumbing() as connection:
                connection.execute(update(Credential).values(failures=0))
        else:
            with one.client.session_transaction() as kept:
                kept["half"] = [
                    "bruno",
                    "2020-01-01T00:00:00+00:00" if what == "old" else "2100-01-01T00:00:00+00:00",
                ]
        answer = one.post("/sign-in/code", data={"code": telephone.fresh()})
        assert answer.location.startswith("/sign-in?"), answer.text
        assert one.get("/account").status_code == 302


class TestDemanded:
    def test_nothing_but_enrolling_is_open(self, house: House):
        bruno = house.client_of("bruno")
        program = house.api_of("bruno")
        factors.demand("lab_tech")
        for path in ("/", "/account", "/people/", "/batches/new"):
            answer = bruno.get(path)
            assert (answer.status_code, answer.location) == (302, PAGE), path
        assert bruno.post("/account/tokens", data={"label": "x"}).status_code == 403
        refused = program.get("/api/v1/people")
        assert (refused.status_code, refused.json["code"]) == (403, "factor.demanded")
        assert "nothing else is open" in bruno.get(PAGE).text
        assert house.client_of("ana").get("/account").status_code == 200, "another role"
        telephone = read_telephone(bruno, bruno.post(f"{PAGE}/begin").text)
        bruno.post(f"{PAGE}/confirm", data={"code": telephone.code(), "password": SECRET})
        assert bruno.get("/account").status_code == 200
        assert program.get("/api/v1/people").status_code == 200

    def test_an_administrator_takes_it_away_on_the_page(self, house: House):
        telephone, _codes = enrolled("bruno")
        bruno, ada = signed_in(house, "bruno", telephone), house.client_of("ada")
        assert "authenticator app" in ada.get("/people/bruno").text
        form = ada.get("/people/bruno/reset-factors").text
        version = re.search(r'name="version" value="(\d+)"', form)
        assert version is not None
        sent = {"version": version[1], "reason": "the telephone is lost"}
        assert ada.post("/people/bruno/reset-factors", data=sent).status_code == 302
        assert bruno.get("/account").status_code == 302
        assert bruno.sign_in().location == "/"
