"""A signed act by somebody whom the provider recognises anew: just this content, once, in this session."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from mscbank.core import clock
from mscbank.core.db import plumbing, session
from mscbank.core.web import history
from mscbank.ops.demo.cast import ADMIN, PASSWORD, QA, TECH
from mscbank.staff import enrolling, factors, passkeys, people, provider, secrets
from mscbank.staff.models import Credential, SignOn, User, WebSession
from tests.both_doors import Doors, doors, refused  # noqa: F401 - the fixture
from tests.core.acting import records
from tests.make_passkey import Key
from tests.make_provider import Idp, provided
from tests.staff.test_provider import address_in, linked
from tests.test_second_factor import opened

TYPED = {"acceptance": "kept cold all the time"}


@pytest.fixture(scope="module")
def _serving() -> Iterator[Idp]:
    with provided() as idp:
        yield idp


@pytest.fixture
def idp(_serving: Idp, doors: Doors) -> Iterator[Idp]:  # noqa: F811
    """The provider, which knows quality assurance, who has no password of her own."""
    secrets.set_cost(64, 1)
    _serving.reset()
    provider.open_provider(_serving.settings())
    linked(QA.login, _serving)
    with plumbing() as connection:
        connection.execute(update(Credential).where(Credential.login == QA.login).values(password_hash=None))
    _serving.who = f"s-{QA.login}"
    browser = doors.browsers[QA.login] = doors.app.test_client()
    came = back(doors, _serving, browser.post("/sign-in/provider"))
    assert browser.get(address_in(came)).location == "/"
    yield _serving
    provider.open_provider(None)
    factors.demand("nobody")


def back(
    doors: Doors,  # noqa: F811
    idp: Idp,
    there: TestResponse,
    at: str = QA.login,
) -> TestResponse:
    """Recognised, and sent back by another site: with the lax cookie alone."""
    assert there.status_code == 200, there.text
    browser = doors.app.test_client()
    kept = doors.browsers[at].get_cookie("provider")
    assert kept is not None
    browser.set_cookie("provider", kept.value)
    answer = browser.get(idp.recognise(address_in(there)).partition("localhost")[2])
    assert "Set-Cookie" not in answer.headers
    return answer


def confirmed(doors: Doors, idp: Idp, code: str, **typed: str) -> TestResponse:  # noqa: F811
    """Press the button that opens the provider's window, and be recognised there."""
    there = doors.form(QA.login, f"/deviations/{code}/accept", **TYPED | {"ask": "provider_0"} | typed)
    return back(doors, idp, there)


def sent(doors: Doors, code: str, **typed: str) -> TestResponse:  # noqa: F811
    """Press the button that says that one has confirmed."""
    return doors.form(QA.login, f"/deviations/{code}/accept", **TYPED | {"provider_0": "confirmed"} | typed)


def is_waiting(doors: Doors) -> bool:  # noqa: F811
    return bool(doors.browsers[QA.login].get("/account/provider/confirmed").json["confirmed"])


@pytest.mark.db
def test_recognised_anew_it_signs_just_this_once(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    form = doors.browsers[QA.login].get(f"/deviations/{code}/accept").text
    assert "Confirm at House login" in form
    assert 'name="secret_0"' not in form, "there is no password"
    early = sent(doors, code)
    assert (early.status_code, "has not confirmed this" in early.text) == (401, True)
    assert TYPED["acceptance"] in early.text, "nothing that was typed is lost"
    assert not is_waiting(doors)
    assert "Close this window" in doors.browsers[QA.login].get(address_in(confirmed(doors, idp, code))).text
    assert is_waiting(doors)
    answer = sent(doors, code)
    assert answer.status_code == 302, answer.text
    assert not is_waiting(doors)
    session.remove()
    (signed,) = history.signatures_on("deviation", code)
    assert (signed.login, signed.meaning, signed.holds) == (QA.login, "quality acceptance", True)
    again = sent(doors, opened(doors))
    assert again.status_code == 401, "each signing is confirmed by itself"


def test_a_form_that_is_not_right_says_so_before_anybody_goes_there(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    answer = doors.form(QA.login, f"/deviations/{code}/accept", acceptance="", ask="provider_0")
    assert answer.status_code == 422
    assert idp.asked.count("/authorize") == 1


def test_another_content_is_not_what_was_confirmed(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    confirmed(doors, idp, code)
    other = sent(doors, code, acceptance="something else")
    assert (other.status_code, "changed meanwhile" in other.text) == (412, True)
    assert sent(doors, code).status_code == 401, "it is used up"
    assert history.signatures_on("deviation", code) == []


def test_it_is_good_for_two_minutes_in_this_session_alone(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    confirmed(doors, idp, code)
    with plumbing() as connection:
        since = clock.now() - timedelta(seconds=121)
        connection.execute(update(SignOn).where(SignOn.purpose == "sign").values(confirmed_at=since))
    assert sent(doors, code).status_code == 401
    confirmed(doors, idp, code)
    with plumbing() as connection:
        connection.execute(update(SignOn).where(SignOn.purpose == "sign").values(session="another"))
    assert sent(doors, code).status_code == 401


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"who": f"s-{TECH.login}"}, "recognised somebody else"),
        ({"who": "s-nobody"}, "recognised somebody else"),
        ({"claims": {"auth_time": 1_700_000_000}}, "recognise the person anew"),
        ({"claims": {"auth_time": None}}, "recognise the person anew"),
        ({"claims": {"nonce": "x"}}, "answers another request"),
    ],
)
def test_only_the_same_person_recognised_anew_confirms(
    doors: Doors,  # noqa: F811
    idp: Idp,
    how: dict[str, str],
    why: str,
) -> None:
    code = opened(doors)
    linked(TECH.login, idp)
    idp.__dict__.update(how)
    assert confirmed(doors, idp, code).status_code == 401
    assert sent(doors, code).status_code == 401
    session.rollback()
    tries = [row for row in records("person", QA.login) if row.action == "person.failed_sign_on"]
    assert why in str(tries[-1].body)


def test_a_sign_in_signs_nothing(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    back(doors, idp, doors.browsers[QA.login].post("/sign-in/provider"))
    assert sent(doors, code).status_code == 401


def test_a_role_that_must_have_a_second_factor_signs_where_it_is_told(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    factors.demand("qa")
    with plumbing() as connection:
        connection.execute(update(WebSession).where(WebSession.login == QA.login).values(is_strong=True))
    assert confirmed(doors, idp, code).status_code == 403
    provider.open_provider(idp.settings(amr=frozenset({"mfa"})))
    idp.claims["amr"] = ["mfa"]
    assert confirmed(doors, idp, code).status_code == 200
    assert sent(doors, code).status_code == 302


def test_over_the_api_a_person_without_password_is_told_how_to_sign(doors: Doors, idp: Idp) -> None:  # noqa: F811
    code = opened(doors)
    asked = {
        "action": "deviation.accept", "subject": code, "meaning": "quality acceptance", "inputs": TYPED,
        "secret": "a guess of somebody",
    }  # fmt: skip
    refused(doors.api(QA.login, "proofs", asked), 401, "signature.provider_signs")


def test_without_a_password_a_passkey_is_added_and_signs(doors: Doors, idp: Idp) -> None:  # noqa: F811
    browser = doors.browsers[QA.login]
    page = "/account/passkeys/new"
    form = browser.get(page).text
    assert "First confirm at House login" in form
    assert 'name="password"' not in form
    key = Key()
    options = browser.post("/account/passkeys/options").json
    made = {"name": "blue key", "passkey": key.make(options, origin="http://localhost", rp_id="localhost")}
    wrong = browser.post(page, data=made | {"provider_0": "confirmed"})
    assert (wrong.status_code, "has not confirmed" in wrong.text) == (401, True)
    back(doors, idp, browser.post(page, data={"ask": "provider_0", "name": "blue key"}))
    options = browser.post("/account/passkeys/options").json
    made["passkey"] = key.make(options, origin="http://localhost", rp_id="localhost")
    done = browser.post(page, data=made | {"provider_0": "confirmed"})
    assert (done.status_code, "recovery codes" in done.text) == (200, True), done.text
    code = opened(doors)
    challenge = doors.form(QA.login, f"/deviations/{code}/accept", **TYPED, ask="passkey").json
    answer = key.answer(challenge, origin="http://localhost", rp_id="localhost")
    signed = doors.form(QA.login, f"/deviations/{code}/accept", **TYPED, passkey_0=answer)
    assert signed.status_code == 302, signed.text


def test_a_second_person_is_named_and_recognised_at_the_station(doors: Doors, idp: Idp) -> None:  # noqa: F811
    station = doors.browser(ADMIN.login)
    sealed = {
        "login": "emergency1", "printed_name": "EMERGENCY 1", "roles": ["qp"], "login_0": ADMIN.login,
        "secret_0": PASSWORD,
    }  # fmt: skip
    there = {"ask": "provider_1"}
    unnamed = station.post("/emergency/new", data=sealed | there)
    assert (unnamed.status_code, "whose log-in" in unnamed.text) == (422, True)
    stranger = station.post("/emergency/new", data=sealed | there | {"signer_1": TECH.login})
    assert (stranger.status_code, "linked to nobody" in stranger.text) == (409, True)
    named = sealed | {"signer_1": QA.login}
    password = station.post("/emergency/new", data=named | {"secret_1": "a guess of somebody"})
    assert (password.status_code, "not with a password" in password.text) == (401, True)
    idp.who = f"s-{ADMIN.login}"
    assert (
        back(doors, idp, station.post("/emergency/new", data=named | there), ADMIN.login).status_code == 401
    )
    idp.who = f"s-{QA.login}"
    assert (
        back(doors, idp, station.post("/emergency/new", data=named | there), ADMIN.login).status_code == 200
    )
    other = station.post("/emergency/new", data=named | {"provider_1": "confirmed", "roles": ["qa"]})
    assert other.status_code == 412, "another content"
    back(doors, idp, station.post("/emergency/new", data=named | there), ADMIN.login)
    done = station.post("/emergency/new", data=named | {"provider_1": "confirmed"})
    assert (done.status_code, "for the envelope" in done.text) == (200, True), done.text


class TestGoingOn:
    def idle(self) -> None:
        with plumbing() as connection:
            past = clock.now() - timedelta(minutes=31)
            connection.execute(update(WebSession).values(seen_at=past))

    def test_a_page_is_opened_after_the_provider(self, doors: Doors, idp: Idp) -> None:  # noqa: F811
        browser = doors.browsers[QA.login]
        assert "Go on at House login" in browser.get("/people/").text, "in the dialogue that locks the page"
        self.idle()
        asked = browser.get(browser.get("/people/").location)
        assert "Go on at House login" in asked.text
        assert 'name="again_secret"' not in asked.text
        answer = back(doors, idp, browser.post("/again/provider", data={"next": "/people/"}))
        assert browser.get("/people/").status_code == 302, "not before one is back"
        done = browser.get(address_in(answer))
        assert (done.status_code, done.location) == (302, "/people/")
        assert browser.get("/people/").status_code == 200
        assert browser.post("/again/provider").location == "/", "nothing to go on with"

    def test_a_form_that_came_too_late_is_sent_once_more(self, doors: Doors, idp: Idp) -> None:  # noqa: F811
        code, browser = opened(doors), doors.browsers[QA.login]
        self.idle()
        late = browser.post(f"/deviations/{code}/accept", data=TYPED | {"provider_0": "confirmed"})
        assert late.status_code == 401
        assert TYPED["acceptance"] in late.text
        assert "provider_0" not in late.text
        answer = back(doors, idp, browser.post("/again/provider"))
        assert "Press “Go on” there" in browser.get(address_in(answer)).text
        assert browser.get(f"/deviations/{code}").status_code == 200

    def test_somebody_else_does_not_go_on(self, doors: Doors, idp: Idp) -> None:  # noqa: F811
        browser = doors.browsers[QA.login]
        self.idle()
        idp.who = "s-eve"
        assert back(doors, idp, browser.post("/again/provider")).status_code == 401
        assert browser.get("/people/").status_code == 302

    def test_a_passkey_goes_on(self, doors: Doors, idp: Idp) -> None:  # noqa: F811
        browser, key = doors.browsers[QA.login], added_here(QA.login)
        assert browser.post("/again/passkey/options").status_code == 401
        self.idle()
        assert "Go on with a passkey" in browser.get("/again").text
        for wrong in ("{}", "x"):
            assert browser.post("/again", data={"again_passkey": wrong}).status_code == 401
        options = browser.post("/again/passkey/options").json
        answer = key.answer(options, origin="http://localhost", rp_id="localhost")
        done = browser.post("/again", data={"again_passkey": answer, "next": "/people/"})
        assert (done.status_code, done.location) == (302, "/people/")
        self.idle()
        assert browser.post("/again", data={"again_passkey": answer}).status_code == 401, "once"


def added_here(login: str) -> Key:
    """A passkey of this address, added to an account."""
    by, key = people.load(login), Key()
    assert by is not None
    options = passkeys.to_register(by, "http://localhost")
    made = passkeys.registered(key.make(options, origin="http://localhost", rp_id="localhost"), login)
    assert made is not None
    user = session.scalars(select(User).where(User.code == login)).one()
    enrolling.add_passkey(
        user, by=by, name="key", credential_id=made.credential_id, public_key=made.public_key, code_hashes=[]
    )
    session.rollback()
    return key
