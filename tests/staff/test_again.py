"""After the idle time: the secret goes on where one stopped, and nothing that was typed is lost."""

import html
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from sqlalchemy import update

from mscbank.core import clock, db
from mscbank.core.db import plumbing, session
from mscbank.ops.demo.cast import ADMIN, PASSWORD
from mscbank.staff.models import WebSession
from tests.browser import served
from tests.clicking import visiting
from tests.core.acting import records
from tests.fixtures import Walked
from tests.house import House, Someone
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
