"""What most tests stand on: an open bank, empty or as one of the worlds left it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.allocation.models import Allocation, Preparation
from mscbank.app import load_steps
from mscbank.batch.models import Batch
from mscbank.collection.models import Donation
from mscbank.core import db, sealed
from mscbank.core.db import session
from mscbank.custody.models import Vial
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.infusion.models import Infusion
from mscbank.ops.demo.stage import Stage
from mscbank.release.models import Release
from mscbank.safety.models import AdverseEvent
from mscbank.study.models import Protocol
from tests import people, worlds
from tests.copies import Copies, World


def opened(url: str) -> Iterator[str]:
    """Connect the house to a database, with the cast on stage; close it afterwards.

    All steps are there, as in the service, also in a worker that did not build the database itself.
    """
    load_steps()
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    people.on_stage()
    yield url
    db.disconnect()


@pytest.fixture
def bank(database_url: str) -> Iterator[str]:
    """An empty bank, open."""
    yield from opened(database_url)


@dataclass(frozen=True)
class Family:
    """The things of one family in a world, read anew each time they are asked for."""

    row: Any
    code: str
    """The recipient's."""

    @property
    def recipient(self) -> Recipient:
        return session.scalars(select(Recipient).where(Recipient.code == self.code)).one()

    @property
    def batch(self) -> Batch:
        return session.scalars(select(Batch).where(Batch.directed_to_id == self.recipient.id)).one()

    @property
    def donation(self) -> Donation:
        return self.batch.donation

    @property
    def donor(self) -> Donor:
        return self.donation.donor

    @property
    def link(self) -> FamilyLink:
        return session.scalars(
            select(FamilyLink).where(
                FamilyLink.recipient_id == self.recipient.id, FamilyLink.state == "verified"
            )
        ).one()

    @property
    def protocol(self) -> Protocol:
        return self.batch.protocol

    @property
    def vials(self) -> list[Vial]:
        """Every vial of the batch, by its number."""
        found = select(Vial).where(Vial.batch_id == self.batch.id).order_by(Vial.number)
        return list(session.scalars(found))

    @property
    def stock(self) -> list[Vial]:
        """The vials that still lie frozen in the bank."""
        return [vial for vial in self.vials if vial.condition == "frozen"]

    @property
    def release(self) -> Release:
        return session.scalars(select(Release).where(Release.batch_id == self.batch.id)).one()

    @property
    def allocation(self) -> Allocation:
        return session.scalars(select(Allocation).where(Allocation.recipient_id == self.recipient.id)).one()

    @property
    def preparation(self) -> Preparation:
        found = select(Preparation).where(Preparation.allocation_id == self.allocation.id)
        return session.scalars(found).one()

    @property
    def infusion(self) -> Infusion:
        return session.scalars(select(Infusion).where(Infusion.recipient_id == self.recipient.id)).one()

    @property
    def event(self) -> AdverseEvent:
        return session.scalars(
            select(AdverseEvent).where(AdverseEvent.recipient_id == self.recipient.id)
        ).one()


@dataclass(frozen=True)
class Walked:
    """An open world: its address, its two families, and a stage on which its people go on acting."""

    url: str
    stage: Stage
    first: Family
    second: Family


def walked(copies: Copies, engine_kind: str, world: World) -> Iterator[Walked]:
    """Open a copy of a world, with the accounts of its own people; close it afterwards."""
    load_steps()
    url = copies.of(world, engine_kind)
    db.connect(url)
    sealed.open_master(worlds.MASTER_KEY)
    worlds.employ_staff()
    codes = session.scalars(select(Recipient.code).order_by(Recipient.id)).all()
    first, second = (
        Family(row, code) for row, code in zip((worlds.FIRST, worlds.SECOND), codes, strict=True)
    )
    yield Walked(url, Stage(datetime.now(UTC)), first, second)
    db.disconnect()


@pytest.fixture
def released(copies: Copies, engine_kind: str) -> Iterator[Walked]:
    """Two families whose batches are released; nobody has prescribed anything yet."""
    yield from walked(copies, engine_kind, worlds.RELEASED)


@pytest.fixture
def reserved(copies: Copies, engine_kind: str) -> Iterator[Walked]:
    """The first family's vials are reserved for an infusion today."""
    yield from walked(copies, engine_kind, worlds.RESERVED)


@pytest.fixture
def infused(copies: Copies, engine_kind: str) -> Iterator[Walked]:
    """The first family's cells were given twelve days ago; an event and a visit since."""
    yield from walked(copies, engine_kind, worlds.INFUSED)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser of the system, to which no host but loopback exists."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium"
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            ],
        )
        yield browser
        browser.close()
