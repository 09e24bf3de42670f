"""At night, the provider away: an emergency account signs a real act, and its signature says who held it."""

import re

import pytest

from mscbank.core import jobs, keeping
from mscbank.core.db import session
from mscbank.core.web import history
from mscbank.ops.demo.cast import ADMIN, PASSWORD, QA, TECH
from mscbank.staff import provider, secrets
from tests.both_doors import Doors, doors  # noqa: F401 - the fixture
from tests.core.test_keeping import Mailbox
from tests.core.test_keeping import mailbox as mailbox  # the fixture
from tests.test_second_factor import opened, version

LOGIN = "emergency1"
TYPED = {"acceptance": "kept cold all the time"}


def envelope(doors: Doors) -> str:  # noqa: F811
    """Sealed by the administrator and quality assurance at one station; the secret on the sheet."""
    secrets.set_cost(64, 1)
    sealed = {
        "login": LOGIN, "printed_name": "EMERGENCY 1", "roles": ["qa", "qp"], "login_0": ADMIN.login,
        "secret_0": PASSWORD, "signer_1": QA.login, "secret_1": PASSWORD,
    }  # fmt: skip
    sheet = doors.browser(ADMIN.login).post("/emergency/new", data=sealed)
    found = re.search(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){7})</code>", sheet.text)
    assert found is not None, sheet.text
    return found[1]


@pytest.mark.db
def test_it_signs_and_its_name_says_who_held_it(doors: Doors) -> None:  # noqa: F811
    code, secret = opened(doors), envelope(doors)
    provider.open_provider(provider.Settings("http://127.0.0.1:9", "mscbank", "x"))
    try:
        browser = doors.browsers[LOGIN] = doors.app.test_client()
        held = {"login": LOGIN, "password": secret, "name": "Dr Eva Novák", "reason": "nobody else is here"}
        assert browser.post("/emergency", data=held).status_code == 302
        path = f"/deviations/{code}/accept"
        wrong = doors.form(LOGIN, path, **TYPED, login_0=LOGIN, secret_0="wrong")
        assert wrong.status_code == 401
        done = doors.form(LOGIN, path, **TYPED, login_0=LOGIN, secret_0=secret)
    finally:
        provider.open_provider(None)
    assert done.status_code == 302, done.text
    session.remove()
    (signed,) = history.signatures_on("deviation", code)
    assert (signed.login, signed.holds) == (LOGIN, True)
    assert signed.printed_name == "EMERGENCY 1 (held by Dr Eva Novák)"


def test_over_the_api_it_signs_nothing(doors: Doors) -> None:  # noqa: F811
    code, secret = opened(doors), envelope(doors)
    asked = {
        "action": "deviation.accept", "subject": code, "meaning": "quality acceptance", "inputs": TYPED,
        "secret": secret, "login": LOGIN,
    }  # fmt: skip
    answer = doors.api(TECH.login, "proofs", asked)
    assert (answer.status_code, answer.json["code"]) == (403, "signature.emergency_alone")
    assert version(doors, code)


def test_quality_assurance_is_written_to(doors: Doors, mailbox: Mailbox) -> None:  # noqa: F811
    secret = envelope(doors)
    held = {"login": LOGIN, "password": secret, "name": "Dr Eva Novák", "reason": "nobody else is here"}
    assert doors.app.test_client().post("/emergency", data=held).status_code == 302
    jobs.deliver_due()
    (sent,) = [mail for _to, mail in mailbox.got if "emergency1" in mail["Subject"]]
    assert "Novák" not in sent.as_string()
    keeping._way.clear()
