"""A signed act over the API and on the page by somebody with a second factor: a deviation accepted."""

import pytest

from mscbank.core.db import session
from mscbank.core.web import history
from mscbank.ops.demo.cast import PASSWORD, QA, TECH
from mscbank.staff import secrets
from tests.both_doors import Doors, doors, refused  # noqa: F401 - the fixture
from tests.make_factor import Telephone, enrolled

pytestmark = pytest.mark.db

OPENED = {
    "title": "Lid open", "description": "The lid of the tank stood open.", "immediate_action": "Closed.",
    "occurred_at": "2020-01-13T14:32:00Z",
}  # fmt: skip


@pytest.fixture
def telephone(doors: Doors) -> Telephone:  # noqa: F811
    secrets.set_cost(64, 1)
    return enrolled(QA.login)[0]


def opened(doors: Doors) -> str:  # noqa: F811
    """A deviation that quality assurance has classified."""
    made = doors.api(TECH.login, "deviations", OPENED)
    assert made.status_code == 201, made.text
    code = str(made.json["code"])
    body = {"severity": "major", "reason": "seen by quality assurance"}
    answer = doors.api(QA.login, f"deviations/{code}/classify", body, version=made.json["version"])
    assert answer.status_code == 200, answer.text
    return code


def version(doors: Doors, code: str) -> int:  # noqa: F811
    return int(doors.api(QA.login, f"deviations/{code}", method="GET").json["version"])


def test_over_the_api_every_signing_takes_the_code(doors: Doors, telephone: Telephone) -> None:  # noqa: F811
    code = opened(doors)
    inputs = {"acceptance": "kept cold all the time"}
    asked = {
        "action": "deviation.accept", "subject": code, "meaning": "quality acceptance", "inputs": inputs,
        "secret": PASSWORD,
    }  # fmt: skip
    refused(doors.api(QA.login, "proofs", asked), 401, "signature.code_needed")
    right = telephone.fresh()
    wrong = asked | {"secret": "wrong", "code": right}
    refused(doors.api(QA.login, "proofs", wrong), 401, "signature.wrong_secret")
    refused(doors.api(QA.login, "proofs", asked | {"code": "000000"}), 401, "signature.wrong_code")
    given = doors.api(QA.login, "proofs", asked | {"code": right})
    assert given.status_code == 201, given.text
    refused(doors.api(QA.login, "proofs", asked | {"code": right}), 401, "signature.wrong_code")
    body = inputs | {"proofs": [given.json["proof"]]}
    answer = doors.api(QA.login, f"deviations/{code}/accept", body, version=version(doors, code))
    assert answer.status_code == 200, answer.text
    session.remove()
    (signed,) = history.signatures_on("deviation", code)
    assert (signed.login, signed.meaning, signed.holds) == (QA.login, "quality acceptance", True)


def test_on_the_page_the_first_signing_takes_everything(doors: Doors, telephone: Telephone) -> None:  # noqa: F811
    code, later = opened(doors), opened(doors)
    page, typed = f"/deviations/{code}", {"acceptance": "kept cold all the time"}
    browser = doors.app.test_client()
    doors.browsers[QA.login] = browser
    assert browser.post("/sign-in", data={"login": QA.login, "password": PASSWORD}).status_code == 302
    assert browser.get(page).status_code == 302, "the password alone opens nothing"
    assert browser.post("/sign-in/code", data={"code": telephone.fresh()}).location == "/"
    form = browser.get(f"{page}/accept").text
    assert all(f'name="{name}"' in form for name in ("login_0", "secret_0", "code_0"))
    for given, fault in (
        ({"secret_0": PASSWORD}, "Sign with your own log-in"),
        ({"secret_0": PASSWORD, "login_0": TECH.login, "code_0": "1"}, "Sign with your own log-in"),
        ({"secret_0": PASSWORD, "login_0": QA.login}, "Type the code of your second factor"),
    ):  # fmt: skip
        answer = doors.form(QA.login, f"{page}/accept", **typed, **given)
        assert (answer.status_code, fault in answer.text) == (422, True), answer.text
    wrong = {"secret_0": PASSWORD, "login_0": QA.login, "code_0": "000000"}
    answer = doors.form(QA.login, f"{page}/accept", **typed, **wrong)
    assert (answer.status_code, "code is not right" in answer.text) == (401, True)
    answer = doors.form(QA.login, f"{page}/accept", **typed, **wrong | {"code_0": telephone.fresh()})
    assert answer.status_code == 302, answer.text
    form = browser.get(f"/deviations/{later}/accept").text
    assert 'name="secret_0"' in form
    assert 'name="login_0"' not in form
    assert 'name="code_0"' not in form
    answer = doors.form(QA.login, f"/deviations/{later}/accept", **typed, secret_0="wrong")
    assert answer.status_code == 401
    answer = doors.form(QA.login, f"/deviations/{later}/accept", **typed, secret_0=PASSWORD)
    assert answer.status_code == 302, answer.text
    session.remove()
    for one in (code, later):
        (signed,) = history.signatures_on("deviation", one)
        assert (signed.login, signed.holds) == (QA.login, True)
