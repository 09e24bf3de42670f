"""The service itself on loopback, in processes of its own, for tests that come from outside."""

import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from multiprocessing.process import BaseProcess
from typing import Any

from flask import Flask
from sqlalchemy import select

from mscbank.app import STEPS
from mscbank.config import Config
from mscbank.core import clock
from mscbank.core.access import Role, operator
from mscbank.core.acts import Action
from mscbank.core.db import session
from mscbank.core.web.pages import Pages
from mscbank.infusion.models import Infusion
from mscbank.ops import serving
from mscbank.ops.demo.cast import ADMIN, PASSWORD, Person
from mscbank.ops.demo.stage import Stage
from mscbank.safety.models import AdverseEvent
from mscbank.staff import actions as staff
from mscbank.staff import secrets
from mscbank.staff.models import User
from tests.doors import SETTINGS
from tests.fixtures import Walked
from tests.processes import prepared

PATIENCE = 60


class Outside(Stage):
    """A stage whose people come from outside: each act of a step is sent through a door of the service."""

    def do(self, action: Action, *subject: Any, by: Person, reason: str | None = None, **inputs: Any) -> Any:
        return self.send_act(action, subject[0] if subject else None, (by,), reason, inputs)

    def sign(
        self, action: Action, subject: Any, *signers: Person, reason: str | None = None, **inputs: Any
    ) -> Any:
        return self.send_act(action, None if action.creates else subject, signers, reason, inputs)

    def send_act(
        self,
        action: Action,
        subject: Any,
        people: tuple[Person, ...],
        reason: str | None,
        inputs: dict[str, Any],
    ) -> Any:
        """Send one act as the first of these people, signed by all of them where it is signed."""
        raise AssertionError("each door says how")


def config(url: str, **more: str) -> Config:
    """Settings for a world: marked as a demonstration, with the tests' keys."""
    return Config(SETTINGS | {"MSCBANK_DATABASE_URL": url} | more, demonstration=True)


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def served(url: str, workers: int = 1) -> Iterator[str]:
    """Serve a database as the command does, without the clockwork; the answer is its address."""
    port = free_port()
    process = prepared().Process(target=_serve, args=(url, port, workers))
    process.start()
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.join(30)


def _wait_for(address: str, process: BaseProcess) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.is_alive():
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"the service did not come up at {address}")


def token_of(login: str, *, days: int = 300) -> str:
    """A bearer token of a real account, made as the host's operator makes one."""
    user = session.query(User).filter(User.code == login).one()
    token, kept = staff.new_token()
    staff.issue_token(
        user, by=operator("tests"), label="test", scopes="read write", token_hash=kept,
        expires_at=clock.now() + timedelta(days=days),
    )  # fmt: skip
    return token


def everybody() -> str:
    """Somebody with every role, for whom no input is refused just because of who sends it."""
    host = operator("tests")
    user = staff.register(by=host, login="everybody", printed_name="Every Body")
    for role in Role:
        staff.grant_role(user, by=host, role=role)
    secrets.prepare("everybody", PASSWORD)
    staff.set_password(user, by=host)
    session.remove()
    return "everybody"


def things(world: Walked) -> dict[str, str]:
    """A code of every kind that the world has."""
    first = world.first
    known = [first.recipient, first.donor, first.link, first.donation, first.donation.assessment, first.batch,
             first.donation.consent, first.protocol, first.batch.specification, first.vials[2], first.release,
             first.allocation, world.second.stock[0].position.parent, first.batch.uses[0].lot]  # fmt: skip
    if session.scalar(select(Infusion.id).limit(1)) is not None:
        known += [first.infusion, first.preparation]
    if session.scalar(select(AdverseEvent.id).limit(1)) is not None:
        known.append(first.event)
    found = {thing.kind: thing.code for thing in known}
    user = session.scalars(select(User).where(User.code == ADMIN.login)).one()
    return found | {"person": user.code}


def api_kinds() -> dict[str, str]:
    """The kind of thing that the resources of a blueprint are about."""
    return {
        api.blueprint.name: api.kind
        for step in STEPS
        for api in _apis(import_module(f"mscbank.{step}.api"))
        if hasattr(api, "kind")
    }


def addresses(app: Flask) -> dict[tuple[str, str], str]:
    """Where each act of a kind is sent over the API: (kind, verb) to address."""
    kinds = api_kinds()
    found: dict[tuple[str, str], str] = {}
    for rule in app.url_map.iter_rules():
        blueprint, _point, verb = rule.endpoint.partition(".post_")
        if blueprint in kinds:
            found[kinds[blueprint], verb] = rule.rule.removeprefix("/api/v1/")
    return found


def all_pages() -> list[Pages]:
    """The pages of every kind in the house."""
    modules = [import_module(f"mscbank.{step}.pages") for step in STEPS]
    return [found for module in modules for found in vars(module).values() if isinstance(found, Pages)]


def page_kinds() -> dict[str, str]:
    """The kind of thing that the pages of a blueprint are about."""
    return {pages.blueprint.name: pages.model.kind for pages in all_pages()}


def _apis(module: Any) -> list[Any]:
    found = getattr(module, "apis", None)
    return list(found) if found is not None else [module.api]


def _serve(url: str, port: int, workers: int) -> None:
    settings = config(
        url, MSCBANK_BIND=f"127.0.0.1:{port}", MSCBANK_WORKERS=str(workers), MSCBANK_THREADS="8"
    )  # fmt: skip
    serving.ready(settings)
    sys.argv[1:] = []
    serving.Service(settings).run()
