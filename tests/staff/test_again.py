"""After the idle time: the secret goes on where one stopped, and nothing that was typed is lost."""

import html
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import update

from mscbank.core import clock, db
from mscbank.core.db import plumbing, session
from mscbank.ops.demo.cast import ADMIN, PASSWORD, TECH, TECH_2
from mscbank.staff.models import User, WebSession
from tests.browser import served
from tests.clicking import Visitor, visiting
from tests.core.acting import records
from tests.fixtures import Walked
from tests.house import House, Someone
from tests.make_factor import enrolled
from tests.people import SECRET

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def idle(minutes: int = 31) -> None:
    with plumbing() as connection:
        connection.execute(update(WebSession).values(seen_at=clock.now() - timedelta(minutes=minutes)))


def kept(page: str) -> dict[str, str]:
    """What the page that asks for the secret carries with it."""
    return {name: html.unescape(value) for name, value in FIELD.findall(page) if name != "csrf_token"}


def typed(one: Someone, **more: str) -> dict[str, str]:
    """A form of an administrator, filled in: its version and key as the page gave them."""
    page = one.get("/people/bruno/roles").text
    hidden = dict(FIELD.findall(page))
    return {"version": hidden["version"], "idempotency_key": hidden["idempotency_key"], "role": "qa", **more}


def roles_given() -> int:
    session.rollback()
    rows = records("person", "bruno")
    return sum((row.action, row.actor_login) == ("person.grant_role", "ada") for row in rows)


def test_a_form_that_comes_too_late_is_done_after_the_secret(house: House):
    ada = house.client_of("ada")
    sent = typed(ada, ends_at="2090-01-01T10:00")
    idle()
    asked = ada.post("/people/bruno/roles", data=sent)
    assert asked.status_code == 401
    assert "What you typed is kept" in asked.text
    carried = kept(asked.text)
    assert carried == sent, "every field, the version and the key"
    assert roles_given() == 0
    again = ada.post("/people/bruno/roles", data=carried | {"again_secret": SECRET})
    assert (again.status_code, again.location) == (302, "/people/bruno")
    assert roles_given() == 1
    assert ada.get("/account").status_code == 200
    replayed = ada.post("/people/bruno/roles", data=carried)
    assert replayed.status_code == 302
    assert roles_given() == 1, "its idempotency key is the one of the first page"


def test_a_wrong_secret_asks_again_and_still_loses_nothing(house: House):
    ada = house.client_of("ada")
    sent = typed(ada)
    idle()
    for wrong in ("wrong", "", "\0", "x" * 5000):
        asked = ada.post("/people/bruno/roles", data=sent | {"again_secret": wrong})
        assert asked.status_code in (401, 429)
        assert kept(asked.text) == sent
        assert wrong == "" or html.escape(wrong) not in asked.text
    assert ada.get("/account").location.startswith("/again?next=")
    assert roles_given() == 0


def test_secrets_are_never_sent_back(house: House):
    one = house.client_of("bruno")
    idle()
    asked = one.post("/account/password", data={"old": SECRET, "new": "another long enough 9", "x": "kept"})
    assert asked.status_code == 401
    assert SECRET not in asked.text
    assert "another long enough 9" not in asked.text
    assert kept(asked.text) == {"x": "kept"}
    own = {"station": "bench 1", "login": "bruno", "secret": SECRET, "code": "123456"}
    badge = {"badge_1": "HT1DRAWN123", "secret_0": SECRET, "code_0": "123456"}
    asked = one.post("/station/stand", data=own | badge)
    assert kept(asked.text) == {"station": "bench 1", "login": "bruno"}, "a badge is scanned anew, too"


def test_what_is_sent_is_shown_as_text(house: House):
    one = house.client_of("bruno")
    idle()
    asked = one.post("/account/tokens", data={"label": '"><script>alert(1)</script>', "scopes": "read"})
    assert "<script>alert" not in asked.text
    assert kept(asked.text)["label"] == '"><script>alert(1)</script>'


def test_a_page_asked_for_too_late_is_opened_after_the_secret(house: House):
    one = house.client_of("bruno")
    idle()
    asked = one.get("/people/?x=1")
    assert (asked.status_code, asked.location) == (302, "/again?next=/people/?x%3D1")
    assert "Password of bruno" in one.get(asked.location).text
    done = one.post("/again", data={"next": "/people/?x=1", "again_secret": SECRET})
    assert (done.status_code, done.location) == (302, "/people/?x=1")
    assert one.get("/again?next=//evil.example").location == "/"


def test_whoever_signed_out_or_was_ended_signs_in_anew(house: House):
    one = house.client_of("bruno")
    with plumbing() as connection:
        connection.execute(update(WebSession).values(ended_at=clock.now()))
    assert one.get("/people/").location == "/sign-in?next=/people/"
    assert one.get("/again").location == "/sign-in?next=/"
    assert one.post("/account/tokens", data={"label": "x", "again_secret": SECRET}).status_code == 401
    assert house.stranger().get("/again").location == "/sign-in?next=/"


def test_an_idle_session_opens_nothing_but_the_question(house: House):
    one = house.client_of("bruno")
    idle()
    assert one.get("/sign-in").status_code == 200
    assert one.get("/language/fr").status_code == 302
    assert one.get("/again/left").json == {"left": 0}
    assert one.get("/api/v1/people").status_code == 401
    assert one.post("/sign-out").location == "/sign-in"


def test_asking_what_is_left_prolongs_nothing(house: House):
    one = house.client_of("bruno")
    idle(20)
    assert 590 < one.get("/again/left").json["left"] <= 600
    assert 590 < one.get("/again/left").json["left"] <= 600
    assert one.get("/again", headers={"Accept": "application/json"}).status_code == 204
    assert one.get("/again/left").json["left"] > 1790
    assert house.stranger().get("/again/left").json == {"left": 0}


def test_the_same_person_goes_on_and_nobody_else(house: House):
    """Another one's secret opens nothing: the session is hers whose form it is."""
    ada = house.client_of("ada")
    sent = typed(ada)
    idle()
    assert "Password of ada" in ada.post("/people/bruno/roles", data=sent | {"login": "tomas"}).text


def test_a_pause_ends_the_period_in_which_a_signature_takes_the_password_alone(house: House):
    """21 CFR 11.200(a)(1): after it the next signing asks for all components again (decision 27)."""
    one = house.client_of("bruno")
    own = {"station": "bench", "login": "bruno", "secret": SECRET}
    assert one.post("/station/stand", data=own).status_code == 302
    with plumbing() as connection:
        connection.execute(update(WebSession).values(signed_at=clock.now()))
    assert one.post("/again", data={"next": "/account"}).status_code == 302, "it was not idle yet"
    (handle,) = _signed()
    assert handle is not None
    idle()
    assert one.post("/again", data={"again_secret": SECRET, "username": "bruno"}).status_code == 302
    assert _signed() == [None]


def _signed() -> list[object]:
    session.rollback()
    return [row.signed_at for row in session.query(WebSession).filter(WebSession.login == "bruno")]


def test_a_page_of_somebody_who_is_gone_opens_to_nobody_else(house: House):
    """Another person signed in in this browser: neither the open session nor a password unlocks the page."""
    tomas = house.client_of("tomas")
    quick = {"Accept": "application/json"}
    for whose, status in (("bruno", 409), ("tomas", 204)):
        assert tomas.get(f"/again?username={whose}", headers=quick).status_code == status
        data = {"again_secret": SECRET, "username": whose}
        assert tomas.post("/again", data=data, headers=quick).status_code == status
    assert tomas.get("/again/left?username=bruno").status_code == 409
    assert tomas.get("/again/left?username=tomas").json["left"] > 0
    idle()
    assert tomas.post("/again", data={"again_secret": SECRET, "username": "bruno"}).status_code == 409
    assert tomas.get("/people/").status_code == 302, "it stays locked"
    assert tomas.post("/again", data={"again_secret": SECRET, "username": "tomas"}).status_code == 302


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_in_the_browser_the_page_asks_in_place(released: Walked, chromium: Browser):
    """Type, wait too long, give the secret: what was typed stands where it was, and is sent."""
    db.disconnect()
    with served(released.url) as address, visiting(chromium, address) as someone:
        page = someone.page
        page.clock.install()
        someone.sign_in(ADMIN.login)
        someone.open("/people/new")
        page.fill("main [name=printed_name]", "Zoë Zahn")
        db.connect(released.url)
        idle()
        page.clock.fast_forward("31:00")
        page.wait_for_selector("#again[open]")
        assert not page.locator("main [name=printed_name]").is_visible(), "nobody reads it in passing"
        page.keyboard.press("Escape")
        assert page.locator("#again").is_visible()
        for secret in ("wrong", PASSWORD):
            page.fill("#again [name=again_secret]", secret)
            page.keyboard.press("Enter")
            if secret == "wrong":
                page.wait_for_selector("#again-fault:not([hidden])")
        page.wait_for_selector("#again:not([open])", state="hidden")
        assert page.input_value("main [name=printed_name]") == "Zoë Zahn"
        page.fill("main [name=login]", "zoe")
        idle()
        with page.expect_navigation():
            page.locator("main form.form .moves button").first.click()
        assert "Are you still there?" in someone.text()
        page.fill("main [name=again_secret]", PASSWORD)
        with page.expect_navigation():
            page.press("main [name=again_secret]", "Enter")
        assert page.url == f"{address}/people/zoe"
        assert page.inner_text("h1") == "Zoë Zahn"


def _fill_in(page: Page, typed: dict[str, str]) -> None:
    for name, value in typed.items():
        page.fill(f"main [name={name}]", value)


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_with_a_second_factor_the_password_goes_on_and_the_next_signing_asks_for_all(
    released: Walked, chromium: Browser
):
    """Nothing typed is lost; the code is asked for where something is signed (decisions 27 and 31)."""
    telephone, _codes = enrolled(TECH.login)
    box = str(released.second.stock[0].position.parent.code)
    db.disconnect()
    everything = {
        "login_0": TECH.login, "secret_0": PASSWORD, "signer_1": TECH_2.login, "secret_1": PASSWORD,
    }  # fmt: skip
    with served(released.url) as address, visiting(chromium, address) as someone:
        page = someone.page
        page.clock.install()
        db.connect(released.url)
        someone.open("/sign-in")
        someone.give_password(TECH.login)
        someone.give_code(telephone.fresh())
        someone.open(f"/places/{box}/count")
        page.fill("main [name=counted]", "5")
        idle()
        page.clock.fast_forward("31:00")
        page.wait_for_selector("#again[open]")
        assert page.locator("#again input:not([type=hidden]):not(.unseen)").count() == 1, "the password alone"
        page.fill("#again [name=again_secret]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("#again:not([open])", state="hidden")
        assert page.input_value("main [name=counted]") == "5"
        _fill_in(page, everything | {"code_0": telephone.fresh()})
        idle()
        with page.expect_navigation():
            page.locator("main form.form .moves button").first.click()
        assert "Are you still there?" in someone.text()
        someone.go_on()
        assert "Sign here with the password" in someone.text()
        assert page.input_value("main [name=counted]") == "5"
        assert page.input_value("main [name=signer_1]") == TECH_2.login
        assert page.locator("main [name=code_0]").count() == 1
        _fill_in(page, everything | {"code_0": telephone.fresh()})
        with page.expect_navigation():
            page.locator("main form.form .moves button").first.click()
        assert page.url == f"{address}/places/{box}", someone.text()[:600]


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_another_person_gets_nothing_of_what_the_first_one_typed(released: Walked, chromium: Browser):
    """Not in the tab that stood open, not by the browser's arrow, not in the same form."""
    db.disconnect()
    with served(released.url) as address, visiting(chromium, address) as someone:
        first = someone.page
        someone.sign_in(ADMIN.login)
        someone.open("/people/new")
        first.fill("main [name=printed_name]", "Zoë Zahn")
        late = first.context.new_page()
        late.goto(f"{address}/people/new")
        late.fill("main [name=printed_name]", "Zoë Zahn")
        db.connect(released.url)
        idle()
        with late.expect_navigation():
            late.locator("main form.form .moves button").first.click()
        assert "Are you still there?" in late.inner_text("main")
        hidden = "[...document.querySelectorAll('main form.form input')].map(one => [one.name, one.value])"
        again = dict(late.evaluate(hidden)) | {"again_secret": PASSWORD}
        assert again["printed_name"] == "Zoë Zahn"
        late.click("text=Sign in as somebody else")
        Visitor(late, address).give_password(TECH.login)
        assert TECH.printed_name in late.inner_text("header")
        resent = late.request.post(f"{address}/people/new", form=again)
        assert (resent.status, "Zahn" in resent.text()) == (400, False), "the first one's form is not theirs"
        late.go_back()
        assert "/sign-in" in late.url
        with pytest.raises(Error, match="ERR_CACHE_MISS"):
            late.go_back()  # it keeps no answer to a form, and asks whether to send it again
        assert "no-store" in late.request.get(f"{address}/people/").headers["cache-control"]
        first.bring_to_front()
        first.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        first.wait_for_url(f"{address}/sign-in")
        assert "Zahn" not in str(first.evaluate("JSON.stringify(sessionStorage)"))
        db.connect(released.url)
        assert session.query(User).filter(User.printed_name == "Zoë Zahn").count() == 0
