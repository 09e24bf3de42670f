"""Passkeys in a real browser, with Chromium's virtual authenticator: added, used to sign in and to sign."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mscbank.core import db
from mscbank.core.web import history
from mscbank.ops.demo.cast import PASSWORD, QA, TECH
from tests.browser import served
from tests.clicking import Visitor, visiting
from tests.fixtures import Walked

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

KEY = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@contextmanager
def with_a_key(page: Page) -> Iterator[Any]:
    """The browser's session of the DevTools protocol, in which a key is plugged in."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    yield lambda method, **more: tools.send(f"WebAuthn.{method}", made | more)
    tools.detach()


def press(page: Page) -> None:
    """Press the passkey's button and wait for the page that follows."""
    with page.expect_navigation():
        page.locator("[data-passkey] button").click()


def _deviation(at: Visitor) -> str:
    """A major deviation, opened by the laboratory and waiting for quality assurance."""
    page = at.page
    at.open("/deviations/new")
    for name, typed in (("title", "Lid open"), ("description", "The lid stood open."),
                        ("immediate_action", "Closed."), ("occurred_at", "2020-01-13T14:32")):  # fmt: skip
        page.fill(f"form.form [name={name}]", typed)
    with page.expect_navigation():
        page.locator("form.form .moves button").first.click()
    return page.url.rpartition("/")[2]


def test_a_passkey_is_added_signs_in_and_signs(reserved: Walked, chromium: Browser) -> None:
    db.disconnect()
    with served(reserved.url) as address:
        address = address.replace("127.0.0.1", "localhost")
        with visiting(chromium, address) as lab:
            lab.sign_in(TECH.login)
            code = _deviation(lab)
        with visiting(chromium, address) as one, with_a_key(one.page) as tools:
            page = one.page
            one.sign_in(QA.login)
            _add(one)
            assert len(tools("getCredentials")["credentials"]) == 1
            page.locator(".sign-out button").click()
            page.wait_for_url("**/sign-in")
            press(page)
            assert page.url == f"{address}/"
            assert QA.printed_name in one.text()
            one.open(f"/deviations/{code}/classify")
            page.select_option("[name=severity]", "major")
            page.fill("[name=reason]", "seen by quality assurance")
            with page.expect_navigation():
                page.locator("form.form .moves button").first.click()
            _sign(one, code, tools)
    db.connect(reserved.url)
    (signed,) = history.signatures_on("deviation", code)
    assert (signed.login, signed.meaning, signed.holds) == (QA.login, "quality acceptance", True)


def _add(one: Visitor) -> None:
    page = one.page
    one.open("/account/passkeys/new")
    page.fill("[name=name]", "blue key")
    page.fill("[name=password]", "wrong")
    press(page)
    assert "This is not your password" in one.text()
    page.fill("[name=password]", PASSWORD)
    press(page)
    assert "Your recovery codes" in one.text()
    assert "blue key" in one.text()


def _sign(one: Visitor, code: str, tools: Any) -> None:
    page = one.page
    one.open(f"/deviations/{code}/accept")
    assert page.locator("[name=login_0]").count() == 1, "all components, or the passkey alone"
    press(page)
    assert "acceptance" in page.url or "accept" in page.url, "what is missing in the form is said first"
    assert page.locator(".fault:visible").count()
    page.fill("[name=acceptance]", "kept cold all the time")
    tools("setUserVerified", isUserVerified=False)
    page.locator("[data-passkey] button").click()
    page.locator("[data-failed]:visible").wait_for()
    assert "did not answer" in one.text()
    tools("setUserVerified", isUserVerified=True)
    press(page)
    assert page.url.endswith(f"/deviations/{code}"), one.text()[:600]
    assert page.locator(".fault:visible").count() == 0
