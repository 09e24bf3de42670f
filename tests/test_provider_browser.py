"""Single sign-on in a real browser, the provider on another site: with and without scripts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request
from sqlalchemy import update
from werkzeug.serving import make_server

from mscbank.app import create_app
from mscbank.config import refuse_unsafe_service
from mscbank.core import db
from mscbank.core.db import plumbing
from mscbank.core.web import history
from mscbank.ops.demo.cast import QA, TECH
from mscbank.staff import provider, secrets
from mscbank.staff.models import Credential
from tests.browser import config, free_port
from tests.clicking import DESK, Silent, Visitor
from tests.fixtures import Walked
from tests.make_provider import CLIENT, SECRET, Idp, provided
from tests.staff.test_provider import linked
from tests.test_passkeys_browser import _deviation, press, with_a_key

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@dataclass
class Guest(Visitor):
    """Somebody whose browser also goes to the provider."""

    idp: Idp | None = None

    def _asked(self, request: Request) -> None:
        if self.idp is None or not request.url.startswith(self.idp.address):
            super()._asked(request)


@dataclass
class Place:
    """The service at localhost and its provider at 127.0.0.1, which is another site to a browser."""

    address: str
    idp: Idp
    browser: Browser

    @contextmanager
    def visiting(self, *, scripts: bool = True) -> Iterator[Guest]:
        context = self.browser.new_context(
            viewport={"width": DESK, "height": 900}, java_script_enabled=scripts
        )
        guest = Guest(context.new_page(), self.address, idp=self.idp)
        yield guest
        context.close()
        assert not guest.faults, "\n".join(sorted(set(guest.faults))[:20])


@pytest.fixture
def place(reserved: Walked, chromium: Browser) -> Iterator[Place]:
    """Quality assurance comes by the provider alone, without a password."""
    db.disconnect()
    port = free_port()
    address = f"http://localhost:{port}"
    with provided() as idp:
        settings = config(
            reserved.url, MSCBANK_OIDC_ISSUER=idp.address, MSCBANK_OIDC_CLIENT_ID=CLIENT,
            MSCBANK_OIDC_CLIENT_SECRET=SECRET, MSCBANK_OIDC_NAME="House login", MSCBANK_ORIGIN=address,
        )  # fmt: skip
        refuse_unsafe_service(settings)
        app = create_app(settings)
        secrets.set_cost(64, 1)
        linked(QA.login, idp)
        with plumbing() as connection:
            gone = update(Credential).where(Credential.login == QA.login).values(password_hash=None)
            connection.execute(gone)
        idp.who = f"s-{QA.login}"
        server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Silent)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Place(address, idp, chromium)
        server.shutdown()
        thread.join(10)
    provider.open_provider(None)


def come(one: Guest, wanted: str = "/") -> None:
    """Press the button, be recognised at the provider, stand on the page that was wanted."""
    one.open(f"/sign-in?next={wanted}")
    one.page.click("text=Sign in with House login")
    one.page.wait_for_url("**/authorize?**")
    one.page.click("text=It is me")
    one.page.wait_for_url(one.address + wanted)


def confirm(page: Page, button: str) -> None:
    """Press the button that opens the provider's window, be recognised there, close the window."""
    with page.context.expect_page() as opened:
        page.click(button)
    there: Any = opened.value
    there.wait_for_url("**/authorize?**")
    there.click("text=It is me")
    there.wait_for_url("**/sign-in/provider/on?**")
    assert "Confirmed" in there.inner_text("h1")
    there.close()


def classified(place: Place, one: Guest) -> str:
    """A deviation of the laboratory, classified by whoever is signed in here."""
    with place.visiting() as lab:
        lab.sign_in(TECH.login)
        code = _deviation(lab)
    one.open(f"/deviations/{code}/classify")
    one.page.select_option("[name=severity]", "major")
    one.page.fill("[name=reason]", "seen by quality assurance")
    one.page.locator("form.form .moves button").first.click()
    one.page.wait_for_url(f"**/deviations/{code}")
    return code


def test_signed_in_and_signed_with_the_provider_then_with_a_passkey(place: Place) -> None:
    with place.visiting() as one, with_a_key(one.page):
        page = one.page
        come(one, "/people/")
        assert QA.printed_name in one.text()
        code = classified(place, one)
        one.open(f"/deviations/{code}/accept")
        assert page.locator("[name=secret_0]").count() == 0
        page.fill("[name=acceptance]", "kept cold all the time")
        confirm(page, "text=Confirm at House login")
        page.wait_for_url(f"**/deviations/{code}", timeout=20_000)
        assert page.locator(".fault:visible").count() == 0
        one.open("/account/passkeys/new")
        page.fill("[name=name]", "blue key")
        confirm(page, "text=First confirm at House login")
        press(page)
        assert "Your recovery codes" in one.text()
        later = classified(place, one)
        one.open(f"/deviations/{later}/accept")
        page.fill("[name=acceptance]", "kept cold all the time")
        press(page)
        assert page.url.endswith(f"/deviations/{later}"), one.text()[:600]
    for signed_code in (code, later):
        (signed,) = history.signatures_on("deviation", signed_code)
        assert (signed.login, signed.meaning, signed.holds) == (QA.login, "quality acceptance", True)


def test_without_scripts_it_works_too(place: Place) -> None:
    with place.visiting(scripts=False) as one:
        page = one.page
        come(one)
        code = classified(place, one)
        one.open(f"/deviations/{code}/accept")
        page.fill("[name=acceptance]", "kept cold all the time")
        confirm(page, "text=Confirm at House login")
        assert page.input_value("[name=acceptance]") == "kept cold all the time", "nothing typed is lost"
        page.click("text=I have confirmed there: sign")
        page.wait_for_url(f"**/deviations/{code}")
    (signed,) = history.signatures_on("deviation", code)
    assert (signed.login, signed.holds) == (QA.login, True)
