"""The journeys in a real browser: scan, reserve, trace; every page at phone and tablet width, no barriers.

Chromium talks to a service on loopback and to nothing else: every other host is unknown to it. axe-core,
which looks for barriers, lies beside these tests (`tests/assets/axe-core`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from mscbank.app import STEPS, create_app
from mscbank.coding.din import format_din
from mscbank.core import db
from mscbank.core.checkpointing import make
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import AUDITOR, PASSWORD, PHARMACIST, TECH
from tests import worlds
from tests.browser import config, everybody, page_kinds, served, things
from tests.clicking import Visitor, visiting
from tests.fixtures import Walked

PHONE, TABLET = 390, 820
AXE = Path(__file__).parent / "assets" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FILES = re.compile(r"\.(pdf|zpl|csv|svg|json|txt)$|/qr$")

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def test_the_pharmacist_reserves_and_the_auditor_traces(released: Walked, chromium: Browser) -> None:
    """Scan a vial; read the dose line by line, sign, reserve; scan the DIN and see the whole way."""
    vial, din = released.first.stock[0].code, released.first.donation.din
    made = patient.prescribe(released.stage, *worlds.resumed(), worlds.today())
    code, batch = made.code, released.first.batch.code
    db.disconnect()
    with served(released.url) as address:
        with visiting(chromium, address) as lab:
            lab.sign_in(TECH.login)
            lab.scan(vial)
            assert lab.page.url == f"{address}/vials/{vial}"
            lab.scan(batch)
            assert lab.page.url == f"{address}/batches/{batch}"
            lab.scan("what is this")
            assert "Not one of our codes" in lab.text()
        with visiting(chromium, address, TABLET) as pharmacist:
            _reserve(pharmacist, code)
        with visiting(chromium, address) as auditor:
            auditor.sign_in(AUDITOR.login)
            auditor.scan(format_din(din))
            assert "/donations/" in auditor.page.url
            auditor.open(f"/trace/{vial}")
            assert f"{worlds.VIALS} of {worlds.VIALS} vials accounted for" in auditor.text()
            assert "Record chain intact" in auditor.text()
            assert auditor.page.locator("svg").count()
    db.connect(released.url)
    assert released.first.allocation.state == "reserved"
    assert all(one.reservation == "reserved" for one in released.first.stock)


def _reserve(pharmacist: Visitor, code: str) -> None:
    pharmacist.sign_in(PHARMACIST.login)
    pharmacist.open(f"/allocations/{code}")
    dose = pharmacist.page.inner_text("#dose")
    for figure in ("62.4", "64.768", "+3.8"):
        assert figure in dose, dose
    panel = pharmacist.page.locator(".sign-panel form")
    panel.locator("input[name=login_0]").fill(PHARMACIST.login)
    panel.locator("input[type=password]").fill("not the password")
    with pharmacist.page.expect_navigation():
        panel.locator("button.filled").click()
    assert "password is not right" in pharmacist.text()
    pharmacist.open(f"/allocations/{code}")
    panel.locator("input[name=login_0]").fill(PHARMACIST.login)
    panel.locator("input[type=password]").fill(PASSWORD)
    with pharmacist.page.expect_navigation():
        pharmacist.page.locator(".sign-panel form button.filled").click()
    assert "Reserved" in pharmacist.text()
    assert "Pick" in pharmacist.text() or "picked" in pharmacist.text()


# --- every page -----------------------------------------------------------------------------------


def addresses_of_pages(app: Flask, codes: dict[str, str], din: str) -> list[str]:
    """Every page that can be opened, with the codes of the world."""
    kinds = page_kinds()
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.rule.startswith(("/api/", "/static/", "/language/")):
            continue
        kind = kinds.get(rule.endpoint.partition(".")[0])
        path = rule.rule.replace("<code>", codes.get(kind or "", "<code>")).replace("<text>", din)
        if "<" not in path and not FILES.search(path) and path not in ("/healthz", "/readyz", "/sign-out"):
            found.append(path)
    return sorted(found)


def too_wide(page: Page) -> list[str]:
    """The widths at which the page must be scrolled sideways."""
    found = []
    for width in (PHONE, TABLET):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 1:
            found.append(f"{width}: {wide} too wide")
    return found


def barriers(page: Page) -> list[str]:
    """What axe-core finds on the page."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary'][:200]!r}"
        for one in found["violations"]
    ]


def eyes_are_open(page: Page) -> None:
    """The two looks find what is wrong when something is."""
    page.evaluate(
        "() => { const one = document.createElement('img'); one.width = 2000; document.body.append(one); }"
    )
    assert too_wide(page)
    assert any(one.startswith("image-alt") for one in barriers(page))


@pytest.fixture
def every_page(infused: Walked) -> Iterator[tuple[str, list[str]]]:
    """The service on the world in which everything has happened, and the address of every page."""
    app = create_app(config(infused.url))
    codes, din = things(infused), infused.first.vials[0].code
    everybody()
    make()
    assert STEPS
    paths = addresses_of_pages(app, codes, din)
    db.disconnect()
    with served(infused.url) as address:
        yield address, paths


def test_no_page_is_wider_than_the_phone_or_breaks(
    every_page: tuple[str, list[str]], chromium: Browser
) -> None:
    """All pages and forms at 390 and 820: no sideways scrolling, no error, no barrier, nobody else asked."""
    address, paths = every_page
    wrong: list[str] = []
    assert len(paths) > 120
    with visiting(chromium, address, PHONE) as visitor:
        visitor.sign_in("everybody")
        for path in paths:
            answer = visitor.open(path)
            if answer.status != 200:
                wrong.append(f"{path}: {answer.status}")
                continue
            if visitor.page.locator("main").count():
                wrong += [f"{path}: {one}" for one in too_wide(visitor.page)]
                if path.count("/") < 3 or path.endswith("/new"):
                    wrong += [f"{path}: {one}" for one in barriers(visitor.page)]
        eyes_are_open(visitor.page)
    assert not wrong, "\n".join(wrong[:80])


def test_the_policy_of_the_pages_lets_no_script_in(reserved: Walked, chromium: Browser) -> None:
    """A script put into a page does not run, and a page of ours cannot be framed."""
    db.disconnect()
    with served(reserved.url) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address + "/sign-in")
        page.evaluate(
            "() => { const one = document.createElement('script'); one.textContent = 'window.ran = true';"
            " document.body.append(one); }"
        )
        assert page.evaluate("window.ran") is None
        head = page.request.get(address + "/sign-in").headers
        assert "'unsafe-inline'" not in head["content-security-policy"]
        assert "frame-ancestors 'none'" in head["content-security-policy"]
        context.close()
