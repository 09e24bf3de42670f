"""With gloves on: a gun scans the second person's badge, wherever the focus is, and nothing is lost."""

import pytest
from playwright.sync_api import Browser, Page

from mscbank.core import db
from mscbank.core.web import history
from mscbank.ops.demo.cast import PASSWORD, TECH, TECH_2
from tests.browser import served
from tests.clicking import Visitor, visiting
from tests.fixtures import Walked
from tests.make_badge import badge_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

GUN, HAND = 4, 60
"""Milliseconds between two symbols."""


def scan(page: Page, code: str) -> None:
    """A gun types fast and ends with Enter."""
    page.keyboard.type(code, delay=GUN)
    page.keyboard.press("Enter")


def stand(bench: Visitor) -> None:
    """The second technician opens presence beside the first, who is signed in."""
    page = bench.page
    for name, typed in (("station", "bench 2"), ("login", TECH_2.login), ("secret", PASSWORD)):
        page.fill(f"main [name={name}]", typed)
    with page.expect_navigation():
        page.press("main [name=secret]", "Enter")
    assert f"{TECH_2.printed_name} is present at bench 2" in bench.text()


def test_a_box_is_counted_by_two_with_a_gun(released: Walked, chromium: Browser) -> None:
    box = str(released.second.stock[0].position.parent.code)
    badge = badge_of(TECH_2.login)
    db.disconnect()
    with served(released.url) as address, visiting(chromium, address) as bench:
        page = bench.page
        bench.sign_in(TECH.login)
        bench.open(f"/places/{box}/count")
        page.fill("main [name=counted]", "5")
        assert page.locator("[data-badge]").count() == 0
        with page.expect_navigation():
            page.click("text=Who is present here")
        stand(bench)
        bench.open(f"/places/{box}/count")
        assert page.input_value("main [name=counted]") == "5", "what was typed before is there again"
        _scan_in_the_order_of_the_fields(bench, badge)
        assert page.url == f"{address}/places/{box}", bench.text()[:800]
        assert "witnessed by badge at station bench 2" in bench.text()
        bench.open(f"/places/{box}/count")
        _scan_from_elsewhere(bench, badge)
        assert page.url == f"{address}/places/{box}", bench.text()[:800]
    db.connect(released.url)
    found = history.signatures_on("place", box)
    assert [(one.login, one.station) for one in found if one.meaning == "checked"] == [
        (TECH_2.login, "bench 2")
    ] * 2  # fmt: skip


def _scan_in_the_order_of_the_fields(bench: Visitor, badge: str) -> None:
    """Scanned too early, Enter goes to what is empty; a wrong password shows the form again as it was."""
    page = bench.page
    page.focus("[data-badge]")
    scan(page, badge)
    assert page.input_value("[data-badge]") == badge
    assert page.evaluate("document.activeElement.name") == "login_0", "the first signing asks for the log-in"
    page.keyboard.type(TECH.login, delay=HAND)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "secret_0"
    page.keyboard.type("not the password", delay=HAND)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "The password is not right" in bench.text(), bench.text()
    assert page.input_value("main [name=counted]") == "5"
    page.fill("main [name=login_0]", TECH.login)
    page.fill("main [name=secret_0]", PASSWORD)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "badge_1"
    with page.expect_navigation():
        scan(page, badge)


def _scan_from_elsewhere(bench: Visitor, badge: str) -> None:
    """The scan box has the focus, as on every page: the badge goes to its field all the same."""
    page = bench.page
    assert page.evaluate("document.activeElement.name") == "code"
    scan(page, badge)
    page.wait_for_function("document.activeElement.name === 'counted'")
    assert page.input_value("[data-badge]") == badge
    page.fill("main [name=counted]", "5")
    page.focus("main [name=secret_0]")
    page.keyboard.type(PASSWORD, delay=HAND)
    with page.expect_navigation():
        page.keyboard.press("Enter")
