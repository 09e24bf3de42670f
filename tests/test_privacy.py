"""Who somebody is stands nowhere in clear, and reaches nobody who sees codes only (invariant 24)."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from mscbank.core import sealed
from mscbank.core.access import Role, operator
from mscbank.core.db import Base, engines, session
from mscbank.family import actions, identifiers, rules
from mscbank.family.models import Donor, Recipient
from mscbank.ops.demo.cast import PASSWORD, PHYSICIAN
from mscbank.staff import actions as staff
from mscbank.staff import people, secrets
from tests.both_doors import Doors
from tests.both_doors import doors as doors  # the fixture
from tests.browser import api_kinds, page_kinds, things, token_of
from tests.fixtures import Walked
from tests.worlds import MASTER_KEY

NUMBER = "IPP-4711-ZX"
FIELDS = ("family_name", "given_name", "born_on", "hospital_number", "wristband")
SHORTEST = 4
WORDS = {"Patient", "Relative"}
"""The given names of the replayed families are words of the house."""


def known() -> dict[str, str]:
    """What identifies the people of the world: text → of whom and which field; opened for the test alone."""
    found = {}
    for model in (Donor, Recipient):
        for person in session.scalars(select(model)).all():
            key = (person.kind, person.code)
            wanted = [(key, field, getattr(person, field, None)) for field in FIELDS]
            for (_key, field), opened in sealed.open_for_check(wanted).items():
                if opened and len(opened) >= SHORTEST and opened not in WORDS:
                    found[opened] = f"{field} of {person.code}"
    session.rollback()
    return found


def forms(secret: str) -> Iterator[bytes]:
    """The bytes as which a text could lie in a file."""
    shapes = {secret, secret.upper(), secret.lower()}
    if len(secret) == 10 and secret[4] == secret[7] == "-":
        year, month, day = secret.split("-")
        shapes |= {
            f"{day}/{month}/{year}",
            f"{day}.{month}.{year}",
            year + month + day,
            f"{day}-{month}-{year}",
        }
    for shape in shapes:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            raw = shape.encode(encoding, errors="replace")
            yield raw
            yield raw.hex().encode()
            yield raw.hex().upper().encode()
            for shift in range(3):
                whole = base64.b64encode(bytes(shift) + raw)
                sure = whole[4 if shift else 0 : len(whole) - 4]
                if len(sure) >= SHORTEST:
                    yield sure
        yield shape.encode("unicode_escape")


def taken(url: str) -> bytes:
    """What a thief takes: the file with its log, or a dump of every table."""
    if url.startswith("sqlite"):
        file = str(make_url(url).database)
        return b"".join(Path(file + end).read_bytes() for end in ("", "-wal") if Path(file + end).exists())
    with engines().read.connect() as connection:
        lines = [
            line
            for table in sorted(Base.metadata.tables)
            for line in connection.scalars(text(f'SELECT CAST(one AS text) FROM "{table}" AS one'))
        ]
    return "\n".join(lines).encode()


@pytest.mark.db
def test_invariant_24_a_stolen_database_shows_nobody(infused: Walked):
    """Names, birth dates, hospital numbers, wristbands: not in a table, not in the record, not in a log."""
    physician = people.load(PHYSICIAN.login)
    for does, person in (
        (actions.correct_recipient, infused.second.recipient),
        (actions.correct_donor, infused.first.donor),
    ):
        does(
            person, by=physician, reason="typed wrongly", key=person.code, given_name=f"Zoë{person.code[-3:]}"
        )
    actions.number_recipient(infused.first.recipient, by=physician, key="entered", hospital_number=NUMBER)
    secrets_ = known()
    assert any(what.startswith("hospital_number") for what in secrets_.values())
    assert len(secrets_) > 10
    stolen = taken(infused.url)
    assert infused.first.recipient.code.encode() in stolen
    shown = [what for secret, what in secrets_.items() if any(form in stolen for form in forms(secret))]
    assert shown == []


@pytest.mark.db
def test_a_stolen_database_holds_no_master_key(infused: Walked):
    stolen = taken(infused.url)
    raw = base64.b64decode(MASTER_KEY)
    for form in (MASTER_KEY.encode(), raw, raw.hex().encode(), raw.hex().upper().encode()):
        assert form not in stolen


def test_the_forms_find_what_lies_open():
    """The test above can fail: each form is found where it lies."""
    secret = "Dvořákova"
    hidden = [
        secret.encode(), secret.upper().encode("utf-16-le"), base64.b64encode(b"name=" + secret.encode()),
        secret.encode().hex().encode(), b'{"name": "Dvo\\u0159\\xe1kova"}',
    ]  # fmt: skip
    for lying in hidden[:4]:
        assert any(form in b"..." + lying + b"..." for form in forms(secret)), lying
    assert any(form in b"born 09/04/1975" for form in forms("1975-04-09"))


def outsider() -> str:
    """Somebody who is sponsor and monitor, and nothing else."""
    host, login = operator("tests"), "outsider"
    user = staff.register(by=host, login=login, printed_name="Out Sider")
    for role in (Role.SPONSOR, Role.MONITOR):
        staff.grant_role(user, by=host, role=role)
    secrets.prepare(login, PASSWORD)
    staff.set_password(user, by=host)
    session.remove()
    return login


def test_sponsor_and_monitor_meet_no_name_at_any_address(doors: Doors, monkeypatch: pytest.MonkeyPatch):
    """Pages, API, PDFs, labels: nothing is opened while they look, so nothing can be shown."""
    names, codes, login = known(), things(doors.world), outsider()
    doors.tokens[login] = token_of(login)
    opened: list[Any] = []
    monkeypatch.setattr(sealed, "_open", lambda *about: opened.append(about[1:3]))
    browser, kinds = doors.browser(login), page_kinds() | api_kinds()
    tried, shown = 0, []
    for rule in doors.app.url_map.iter_rules():
        kind = kinds.get(rule.endpoint.partition(".")[0])
        path = rule.rule.replace("<code>", codes.get(kind or "", "<code>"))
        if "GET" not in (rule.methods or ()) or "<" in path or path.startswith(("/static/", "/sign-out")):
            continue
        tried += 1
        if path.startswith("/api/v1/"):
            answer = doors.api(login, path.removeprefix("/api/v1/"), method="GET")
        else:
            answer = browser.get(path)
        if any(secret.encode() in answer.data for secret in names):
            shown.append(path)
        if path.endswith("/identity"):
            assert answer.status_code == 403, path
    assert (shown, opened) == ([], [])
    assert tried > 150


@pytest.mark.db
def test_search_opens_nothing(infused: Walked, monkeypatch: pytest.MonkeyPatch):
    """An exact name is found by its keyed hash: nothing in the table is decrypted."""
    recipient = infused.first.recipient
    key = (recipient.kind, recipient.code)
    name = sealed.open_for_check([(key, "family_name", recipient.family_name)])[(key, "family_name")]
    monkeypatch.setattr(sealed, "_open", lambda *_about: pytest.fail("something was opened"))
    physician = people.load(PHYSICIAN.login)
    assert recipient.code in [
        one.code for one in rules.find_people(Recipient, by=physician, family_name=str(name))
    ]
    assert identifiers.by_wristband("nobody wears this") is None
