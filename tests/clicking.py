"""A stage whose people sit before browsers: each step of the way is a page opened, a form filled, a click."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from zoneinfo import ZoneInfo

from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from mscbank.core import clock, db
from mscbank.core.acts import Action
from mscbank.core.web.pages import Act, Pages
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.ops.demo.cast import PASSWORD, Person
from mscbank.ops.demo.stage import ZONE
from mscbank.release import actions as release
from mscbank.release.models import Release
from mscbank.staff import totp
from tests.browser import Outside, all_pages
from tests.make_factor import Telephone

DESK = 1440
Offered = tuple[Pages, Act]


@dataclass
class Visitor:
    """A page in which somebody works, with everything that went wrong in it."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.faults.append(f"{self.page.url}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"{self.page.url} asked for {request.url}")

    def open(self, path: str) -> Any:
        """Go to a page of the service."""
        return self.page.goto(self.address + path)

    def sign_in(self, login: str) -> None:
        """Sign in by the form."""
        self.open("/sign-in")
        self.give_password(login)
        self.page.wait_for_url(self.address + "/")

    def give_password(self, login: str) -> None:
        """Log-in and password into the form that stands there."""
        self.page.fill("input[name=login]", login)
        self.page.fill("input[name=password]", PASSWORD)
        with self.page.expect_navigation():
            self.page.press("input[name=password]", "Enter")

    def give_code(self, code: str) -> None:
        """The code of the second factor into the form that stands there."""
        self.page.fill("main input[name=code]", code)
        with self.page.expect_navigation():
            self.page.press("main input[name=code]", "Enter")

    def press_passkey(self) -> None:
        """Press the passkey's button and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.locator("[data-passkey] button").click()

    def go_on(self) -> None:
        """Give the password after the idle time."""
        self.page.fill("main [name=again_secret]", PASSWORD)
        with self.page.expect_navigation():
            self.page.press("main [name=again_secret]", "Enter")

    def scan(self, code: str) -> None:
        """What a gun does: it types into the box that has the focus, and ends with Enter."""
        self.page.wait_for_load_state()
        assert self.page.evaluate("document.activeElement.name") == "code", "the scan box has the focus"
        self.page.keyboard.type(code)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def text(self) -> str:
        """What the page says."""
        return self.page.inner_text("body")


@contextmanager
def visiting(browser: Browser, address: str, width: int = DESK) -> Iterator[Visitor]:
    """Somebody with a fresh browser; nothing may go wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=False)
    visitor = Visitor(context.new_page(), address)
    yield visitor
    context.close()
    assert not visitor.faults, "\n".join(sorted(set(visitor.faults))[:40])


def offered() -> dict[str, Offered]:
    """Every action that a page offers: its pages and its form."""
    return {
        act.action.name: (pages, act)
        for pages in all_pages()
        for act in (*pages.creations, *pages.acts_offered.values())
    }


class Silent(WSGIRequestHandler):
    """Requests are not told one by one."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Clicker(Outside):
    """Everybody of the cast with a browser of their own, later with a telephone or a passkey too."""

    def __init__(self, browser: Browser, app: Flask, now: datetime) -> None:
        super().__init__(now)
        self.browser, self.app = browser, app
        self.telephones: dict[str, Telephone] = {}
        self.with_passkey: set[str] = set()
        self.address = ""
        self.visitors: dict[str, Visitor] = {}
        self.forms = offered()

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve the application from this process, at the time of the stage."""

        def at_that_time(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            with clock.moved_to(self.now):
                return self.app(environ, start)

        server = make_server("127.0.0.1", 0, at_that_time, threaded=True, request_handler=Silent)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.address = f"http://localhost:{server.port}"  # passkeys answer to no number
        try:
            yield
        finally:
            for visitor in self.visitors.values():
                visitor.page.context.close()
            server.shutdown()
            thread.join(10)
        faults = {fault for visitor in self.visitors.values() for fault in visitor.faults}
        assert not faults, "\n".join(sorted(faults)[:40])

    def visitor(self, by: Person) -> Visitor:
        """The browser of this person."""
        if by.login not in self.visitors:
            context = self.browser.new_context(viewport={"width": DESK, "height": 900})
            self.visitors[by.login] = Visitor(context.new_page(), self.address)
        return self.visitors[by.login]

    def open(self, by: Person, path: str) -> Page:
        """Open a page as this person, who signs in, or goes on after a pause, when the page asks for it."""
        visitor = self.visitor(by)
        answer = visitor.open(path)
        assert answer.status == 200, (path, answer.status, visitor.text()[:500])
        if re.search("/sign-in|/again", visitor.page.url):
            self._come_in(visitor, by)
        assert visitor.page.url.startswith(self.address + path), (
            path,
            visitor.page.url,
            visitor.text()[:500],
        )
        return visitor.page

    def _come_in(self, visitor: Visitor, by: Person) -> None:
        if "/again?" in visitor.page.url:
            visitor.go_on()
        elif by.login in self.with_passkey:
            visitor.press_passkey()
        else:
            visitor.give_password(by.login)
        if visitor.page.url.startswith(f"{self.address}/sign-in/code"):
            visitor.give_code(self.telephones[by.login].code_at(self.now))
            self.now += timedelta(seconds=totp.SECONDS)  # the next code, for the first signing

    def _sign(self, page: Page, people: tuple[Person, ...]) -> bool:
        """Give what the form asks each of them for; whether a passkey signs, whose button sends the form."""
        form = page.locator("main form.form")
        by_passkey = bool(people) and people[0].login in self.with_passkey
        for position, signer in enumerate(people):
            if position == 0 and by_passkey:
                continue
            if position:
                fill(page, f"signer_{position}", signer.login)
            elif form.locator("[name=login_0]").count():  # the first signing of a session
                fill(page, "login_0", signer.login)
            fill(page, f"secret_{position}", PASSWORD)
            if signer.login in self.telephones and form.locator(f"[name=code_{position}]").count():
                fill(page, f"code_{position}", self.telephones[signer.login].code_at(self.now))
        return by_passkey

    def send_act(
        self,
        action: Action,
        subject: Any,
        people: tuple[Person, ...],
        reason: str | None,
        inputs: dict[str, Any],
    ) -> Any:
        self.acts += 1
        path, model, typed = self._form(action, subject, inputs)
        page = self.open(people[0], path)
        for name, value in (typed if reason is None else typed | {"reason": reason}).items():
            fill(page, name, value)
        by_passkey = self._sign(page, people[: len(action.meanings)])
        self.submit(page, action.name, by_passkey=by_passkey)
        code = page.url.rstrip("/").rpartition("/")[2]
        self.now += timedelta(minutes=1)
        db.session.rollback()
        if action is custody.fill:
            rows = select(Vial).where(Vial.batch_id == subject.id).order_by(Vial.number)
            return list(db.session.scalars(rows))
        if action.creates:
            return db.session.scalars(select(model).where(model.code == code)).one()
        return subject

    def submit(self, page: Page, what: str, *, by_passkey: bool = False) -> None:
        """Send the form; a page that says what was done follows."""
        button = "[data-passkey] button" if by_passkey else "main form.form .moves button"
        with page.expect_navigation():
            page.locator(button).first.click()
        said = page.inner_text("main")
        assert page.locator(".fault:visible, .faults, .refused").count() == 0, (what, page.url, said[:1500])
        assert not page.url.endswith("/new"), (what, page.url, said[:1500])

    def _form(
        self, action: Action, subject: Any, inputs: dict[str, Any]
    ) -> tuple[str, type[db.Thing], dict[str, Any]]:
        """Where the form of an action lies, of which kind it is, and what is typed into it."""
        if action is release.enter_results:
            typed = inputs["values"] | {"tested_at": inputs["tested_at"].isoformat()}
            return f"/releases/{subject.code}/sheet", Release, typed
        pages, act = self.forms[action.name]
        typed = dict(act.schema().dump(SimpleNamespace(**inputs)))
        assert len(typed) == len(inputs), (action.name, inputs, typed)
        thing = "" if subject is None else f"{subject.code}/"
        return f"/{pages.path}/{thing}{act.at}", pages.model, typed


def fill(page: Page, name: str, value: Any) -> None:
    """Fill one field of the form, whatever it looks like."""
    found = page.locator(f"main form.form [name={name}]")
    assert found.count(), f"{page.url} has no field {name}"
    first = found.first
    tag = first.evaluate("one => one.tagName.toLowerCase() + '/' + (one.type || '')")
    if tag == "input/hidden":
        assert first.input_value() == str(value), f"{page.url}: {name} is not what stands there"
        return
    kinds: dict[str, Callable[[Locator, Any], None]] = {
        "input/checkbox": _check, "select/select-one": lambda one, v: one.select_option(str(v)) and None,
        "input/datetime-local": lambda one, v: one.fill(local(v)),
    }  # fmt: skip
    kinds.get(tag, _type)(found if tag == "input/checkbox" else first, value)


def local(value: str) -> str:
    """An instant as a person at the station types it: the local time, to the minute."""
    return datetime.fromisoformat(value).astimezone(ZoneInfo(ZONE)).strftime("%Y-%m-%dT%H:%M")


def _check(boxes: Locator, value: Any) -> None:
    if not isinstance(value, list):
        boxes.first.set_checked(bool(value))
        return
    for one in boxes.all():
        one.set_checked(one.get_attribute("value") in value)


def _type(one: Locator, value: Any) -> None:
    one.fill("\n".join(map(str, value)) if isinstance(value, list) else str(value))
