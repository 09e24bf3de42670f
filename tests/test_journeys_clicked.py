"""One family, from the donor to the trace, with nothing but a browser: each step a page, a form, a click.

The steps are those of the demonstration's replay; whoever does one sits before a browser of their own, types
what the form asks for, signs and reads what the page answers. Everybody is asked for a second factor: they
sign in with password and code, and the first signing of a session takes log-in, password and a code of its
own; the qualified person has a passkey. The clock of the service is that of the stage, so nobody waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from mscbank.app import create_app
from mscbank.coding.din import format_din
from mscbank.core import db
from mscbank.core.signatures import Means, Signature
from mscbank.custody import actions as custody
from mscbank.ops.demo import course as steps
from mscbank.ops.demo import house as houses
from mscbank.ops.demo import patient
from mscbank.ops.demo.cast import AUDITOR, CAST, PASSWORD, PHARMACIST, PHYSICIAN, QP, TECH
from mscbank.ops.demo.published import Event
from mscbank.ops.demo.stage import Stage, at
from mscbank.safety import actions as safety
from mscbank.staff import factors, totp
from tests import worlds
from tests.browser import config
from tests.clicking import Clicker
from tests.copies import SQLITE, Copies
from tests.make_factor import telephones
from tests.test_passkeys_browser import with_a_key

VIALS = 8

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    # The server of the tests leaves a file to the collector when a browser asks only whether it changed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def clicker(copies: Copies, chromium: Browser) -> Iterator[Clicker]:
    """People before browsers, a bank with its staff."""
    url = copies.of(worlds.STAFFED, SQLITE)
    worlds.employ_staff()
    app = create_app(config(url))
    made = Clicker(chromium, app, at(worlds.opened_on(), 8))
    with made.served():
        yield made
    factors.demand(factors.NOBODY)
    db.disconnect()


@contextmanager
def enrolled(clicker: Clicker) -> Iterator[None]:
    """The house stands; now everybody needs a second factor: an app, the qualified person takes a passkey."""
    factors.demand(factors.EVERYBODY)
    clicker.telephones = telephones((one.login for one in CAST if one is not QP), clicker.now)
    db.session.rollback()
    clicker.now += timedelta(seconds=totp.SECONDS)
    clicker.with_passkey.add(QP.login)
    visitor = clicker.visitor(QP)
    visitor.open("/releases/")
    visitor.give_password(QP.login)
    assert visitor.page.url == f"{clicker.address}/account/second-factor"
    assert "nothing else is open until then" in visitor.text()
    with with_a_key(visitor.page):
        visitor.open("/account/passkeys/new")
        visitor.page.fill("[name=name]", "blue key")
        visitor.page.fill("[name=password]", PASSWORD)
        visitor.press_passkey()
        assert "Your recovery codes" in visitor.text()
        yield


def equipped(now: Stage) -> houses.House:
    """The house in which the family arrives: protocol, specification, storage, lots."""
    opened = worlds.opened_on()
    protocol, edition = houses.protocol(
        now, title="Clicked", registry_id="NCT00000045", levels=((1_000_000, 10),), on=opened
    )
    house = houses.House(protocol, edition, houses.storage(now, "Tank C-1"))
    houses.deliveries(now, house, opened + timedelta(days=1), worlds.today())
    return house


def lab(clicker: Clicker, house: houses.House) -> steps.Course:
    """Donor, recipient, kinship, consents, enrolment, determination, marrow, culture, vials, release."""
    enrolled = worlds.today() - timedelta(days=worlds.ENROLLED_AGO)
    course = steps.register(clicker, worlds.family(worlds.FIRST, enrolled), protocol=house.protocol)
    steps.enrol(clicker, course)
    marrow = enrolled + timedelta(days=14)
    steps.donate(clicker, course, marrow, f"A9999{marrow:%y}000001")
    steps.grow(clicker, house, course, marrow)
    assert "doublings" in clicker.open(TECH, f"/batches/{course.batch.code}").inner_text("main")
    steps.freeze(clicker, house, course, marrow + timedelta(days=30), vials=VIALS)
    steps.judge(clicker, course, marrow + timedelta(days=64))
    return course


def ward(clicker: Clicker, house: houses.House, course: steps.Course) -> object:
    """Prescription, dose, reservation, hand-over, thaw, bedside, infusion."""
    on = worlds.today() - timedelta(days=worlds.INFUSED_AGO)
    made = patient.prescribe(clicker, house, course, on)
    dose = clicker.open(PHARMACIST, f"/allocations/{made.code}").inner_text("#dose")
    for figure in ("62.4", "64.768", "+3.8"):
        assert figure in dose, dose
    patient.reserve(clicker, made)
    vials = patient.dispense(clicker, made, on)
    one = patient.make_ready(clicker, course, made, on)
    prepared = patient.thaw(clicker, house, made, one, vials)
    patient.infuse(clicker, course, made, one, prepared)
    shown = clicker.open(PHYSICIAN, f"/infusions/{one.code}").inner_text("main")
    assert "64.768" in shown
    return one


def test_one_family_from_the_donor_to_the_trace(clicker: Clicker) -> None:
    """Everything by clicks; then the auditor's trace is whole from whichever code she starts."""
    house = equipped(Stage(clicker.now))
    with enrolled(clicker):
        walk(clicker, house)


def walk(clicker: Clicker, house: houses.House) -> None:
    """The lab, the ward and the auditor."""
    course = lab(clicker, house)
    one = ward(clicker, house, course)
    event = patient.happen(clicker, house, course, one, Event(3, "Nausea", 2, serious=False, related=True))
    clicker.go_to(at(one.infused_on + timedelta(days=10), 15))
    clicker.do(
        safety.record_visit, course.recipient, by=PHYSICIAN, visited_on=one.infused_on + timedelta(days=10),
        name="D10", protocol=house.protocol,
    )  # fmt: skip
    prepared = one.preparations[0].preparation
    seen = (course.vials[3], course.donor, course.batch, course.recipient, prepared, one, event)
    wholes = set()
    for code in (format_din(course.donation.din), *(thing.code for thing in seen)):
        page = clicker.open(AUDITOR, f"/trace/{code}")
        said = page.inner_text("main")
        assert f"{VIALS} of {VIALS} vials accounted for" in said, said[:500]
        assert "Record chain intact" in said
        wholes.add(tuple(sorted(set(page.locator("main table a").all_inner_texts()))))
    assert len(wholes) == 1
    report = clicker.open(AUDITOR, f"/safety/{house.protocol.code}").inner_text("main")
    assert "Nausea" in report
    assert clicker.acts > 60
    by_passkey = select(Signature.login).where(Signature.means == Means.PASSKEY)
    assert set(db.session.scalars(by_passkey)) == {QP.login}
    by_code = select(Signature.login).where(Signature.means == Means.CODE)
    assert len(set(db.session.scalars(by_code))) > 8
    db.session.rollback()
    assert custody.put_away_all.role
