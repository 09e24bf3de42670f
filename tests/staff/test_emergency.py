"""Emergency accounts: sealed by two, opened once under a name, seen by everybody, reviewed by a third."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import engines, permitted, plumbing, session
from mscbank.core.errors import Refused
from mscbank.core.messages import Outbox
from mscbank.core.web import history
from mscbank.staff import actions, emergency, factors, provider, secrets
from mscbank.staff.models import Seal, User, WebSession
from tests.attack import refused
from tests.core.acting import records
from tests.house import House, Someone, token_of
from tests.people import ADA, ANA, SECRET
from tests.people import sign as people_sign
from tests.staff.test_provider import somebody

LOGIN, NAME = "emergency1", "EMERGENCY 1"
ROLES = ["lab_tech", "qp", "pharmacist"]
FORM = {"login": LOGIN, "printed_name": NAME, "roles": ROLES}
BOTH = {"login_0": "ada", "secret_0": SECRET, "signer_1": "ana", "secret_1": SECRET}
WHY = {"name": "Dr Eva Novák", "reason": "the provider is away, a dose is due"}


@pytest.fixture
def secret(house: House) -> str:
    """An emergency account, sealed by Ada and Ana; the secret on its sheet."""
    ada = house.client_of("ada")
    sheet = ada.post("/emergency/new", data=FORM | BOTH)
    assert sheet.status_code == 200, sheet.text
    return on(sheet.text)


def on(sheet: str) -> str:
    found = re.search(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){7})</code>", sheet)
    assert found is not None, sheet
    return found[1]


def opened(house: House, secret: str, **more: str) -> tuple[Someone, Any]:
    one = somebody(house.app, LOGIN)
    return one, one.post("/emergency", data={"login": LOGIN, "password": secret} | WHY | more)


def user() -> User:
    session.rollback()
    return session.scalars(select(User).where(User.code == LOGIN)).one()


class TestSealing:
    def test_two_people_sign_and_the_secret_is_shown_once(self, house: House, secret: str):
        seal = emergency.in_force(user())
        assert seal is not None
        assert (seal.sealed_by, seal.sealed_with) == ("ada", "ana")
        assert len(secret.replace("-", "")) * 5 == 160, "bits"
        (row,) = [row for row in records("person", LOGIN) if row.action == "person.make_emergency"]
        assert secret not in str(row.body)
        assert len(history.signatures_on("person", LOGIN)) == 2
        page = house.client_of("ana").get(f"/people/{LOGIN}")
        assert "Emergency account" in page.text
        assert secret not in page.text

    @pytest.mark.parametrize(
        ("sent", "status", "words"),
        [
            ({"signer_1": "ada"}, 409, "Two different people"),
            ({"signer_1": "bruno"}, 409, "second person at sealing"),
            ({"secret_1": "wrong"}, 401, "password is not right"),
            ({"secret_1": ""}, 422, "Sign here"),
            ({"roles": []}, 422, "This is needed|Missing|One role"),
            ({"roles": ["admin"]}, 422, "never administrator"),
            ({"login": "Not a log-in"}, 422, "small letters"),
            ({"login": "bruno"}, 409, "given to somebody before"),
        ],
    )
    def test_nothing_less_seals_one(self, house: House, sent: dict[str, Any], status: int, words: str):
        answer = house.client_of("ada").post("/emergency/new", data=FORM | BOTH | sent)
        assert answer.status_code == status, answer.text
        assert re.search(words, answer.text)
        assert "<code>" not in answer.text.partition("<main")[2].replace("<code>emergency.", "").replace(
            "<code>person.", ""
        ).replace("<code>signature.", "")
        session.rollback()
        assert session.scalars(select(Seal)).all() == []
        assert house.client_of("bruno").get("/account").status_code == 200, "his own password holds"

    def test_nobody_but_an_administrator_begins(self, house: House):
        assert house.client_of("ana").get("/emergency/new").status_code == 403
        assert house.client_of("bruno").post("/emergency/new", data=FORM | BOTH).status_code == 403

    def test_a_newer_seal_makes_the_one_before_void(self, house: House, secret: str):
        ada = house.client_of("ada")
        assert ada.get(f"/emergency/{LOGIN}/seal").status_code == 200
        assert ada.get("/emergency/bruno/seal").status_code == 404
        sheet = ada.post(f"/emergency/{LOGIN}/seal", data=BOTH | {"reason": "the envelope was torn"})
        newer = on(sheet.text)
        assert opened(house, secret)[1].status_code == 401
        assert opened(house, newer)[1].status_code == 302

    def test_no_other_account_is_sealed(self, house: House):
        bruno = session.scalars(select(User).where(User.code == "bruno")).one()
        with pytest.raises(Refused) as caught:
            people_sign(emergency.seal_anew, bruno, ADA, ANA, reason="to come in by night")
        assert caught.value.code == "emergency.not_one"
        with pytest.raises(Refused) as caught:
            people_sign(emergency.review_seal, bruno, ANA, finding="nothing was opened")
        assert caught.value.code == "emergency.no_use"

    def test_it_has_nothing_else(self, house: House, secret: str):
        mine = user()
        with pytest.raises(Refused) as caught:
            actions.grant_role(mine, by=ADA, role=Role.QA)
        assert caught.value.code == "person.is_emergency"
        secrets.prepare(LOGIN, "another long enough 9")
        with pytest.raises(Refused):
            actions.set_password(user(), by=ADA)
        with pytest.raises(Refused):
            token_of(LOGIN)
        one = somebody(house.app, LOGIN)
        sent = {"login": LOGIN, "old": secret, "new": "another long enough 9"}
        assert one.post("/first-password", data=sent).status_code == 409


class TestOpening:
    def test_it_opens_once_under_a_name_and_everybody_is_told(self, house: House, secret: str):
        provider.open_provider(provider.Settings("http://127.0.0.1:9", "mscbank", "x"))
        factors.demand("everybody")
        try:
            one, answer = opened(house, secret)
            assert (answer.status_code, answer.location) == (302, "/")
            page = one.get("/")
        finally:
            provider.open_provider(None)
            factors.demand("nobody")
        assert page.status_code == 200, "neither provider nor second factor is asked for"
        assert "EMERGENCY 1 (held by Dr Eva Novák)" in page.text
        for login in ("bruno", "ana", "otto"):
            assert "EMERGENCY 1 was opened on" in house.client_of(login).get("/").text
        assert "sealed secret" in one.get("/account").text
        (row,) = [row for row in records("person", LOGIN) if row.action == "person.open_seal"]
        assert row.reason == WHY["reason"]
        assert "Dr Eva Novák" in str(row.body)
        session.rollback()
        (told,) = session.scalars(select(Outbox).where(Outbox.name == emergency.OPENED))
        assert (told.subject_code, json.loads(told.payload)) == (LOGIN, {"seal": "1"})
        again = opened(house, secret)[1]
        assert (again.status_code, "sealed anew" in again.text) == (403, True)
        one.post("/sign-out")
        assert opened(house, secret)[1].status_code == 403, "not even after it was left"

    def test_the_usual_page_leads_to_its_own(self, house: House, secret: str):
        one = somebody(house.app, LOGIN)
        answer = one.sign_in(secret)
        assert answer.location.startswith("/emergency?login=emergency1")
        assert one.get("/account").status_code == 302, "nothing is open yet"
        assert "Open an emergency account" in one.get(answer.location).text
        assert "/emergency" in house.stranger().get("/sign-in").text

    @pytest.mark.parametrize(
        ("sent", "status", "words"),
        [
            ({"name": ""}, 422, "your own name"),
            ({"reason": "x"}, 422, "Say why"),
            ({"name": "a\0b"}, 422, "name"),
            ({"password": "wrong"}, 401, "not right"),
            ({"login": "nobody"}, 401, "not right"),
            ({"login": "bruno", "password": SECRET}, 401, "not right"),
        ],
    )
    def test_what_is_missing_or_wrong_opens_nothing(
        self, house: House, secret: str, sent: dict[str, str], status: int, words: str
    ):
        answer = opened(house, secret, **sent)[1]
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
        seal = emergency.in_force(user())
        assert seal is not None
        assert seal.opened_at is None
        assert opened(house, secret)[1].status_code == 302, "and the secret is not used up"

    def test_guessing_is_slowed_down_as_for_all(self, house: House, secret: str):
        for _again in range(3):
            assert opened(house, "wrong")[1].status_code == 401
        assert opened(house, secret)[1].status_code == 429

    def test_typed_in_capitals_and_with_blanks_it_is_the_same(self, house: House, secret: str):
        assert opened(house, f" {secret.upper()} ")[1].status_code == 302


class TestUse:
    def test_after_the_idle_time_its_secret_goes_on(self, house: House, secret: str):
        one, _answer = opened(house, secret)
        with plumbing() as connection:
            connection.execute(update(WebSession).values(seen_at=clock.now() - timedelta(minutes=31)))
        assert one.get("/people/").status_code == 302
        assert one.post("/again", data={"again_secret": secret, "next": "/people/"}).status_code == 302
        assert one.get("/people/").status_code == 200

    def test_it_is_no_second_person(self, house: House, secret: str):
        opened(house, secret)
        ada = house.client_of("ada")
        sent = FORM | BOTH | {"login": "emergency2", "signer_1": LOGIN, "secret_1": secret}
        answer = ada.post("/emergency/new", data=sent)
        assert (answer.status_code, "own session alone" in answer.text) == (403, True)


@pytest.mark.db
class TestReview:
    def review(self, house: House, login: str = "ana", **more: str) -> Any:
        one = house.client_of(login)
        page = one.get(f"/people/{LOGIN}/review-use").text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        sent = {
            "finding": "A dose was released by two; see the record.",
            "login_0": login,
            "secret_0": SECRET,
        }
        return one.post(f"/people/{LOGIN}/review-use", data=hidden | sent | more)

    def test_a_signed_review_ends_the_alarm_and_the_secret(self, house: House, secret: str):
        one, _answer = opened(house, secret)
        assert "Review the use of an emergency account" in house.client_of("ana").get("/").text
        assert "Review the use of an emergency account" not in house.client_of("bruno").get("/").text
        assert self.review(house, finding="").status_code == 422
        assert house.client_of("bruno").get(f"/people/{LOGIN}/review-use").status_code == 403
        day = clock.today("Europe/Paris").isoformat()
        assert (
            f"/record?person={LOGIN}&amp;since={day}"
            in house.client_of("ana").get(f"/people/{LOGIN}/review-use").text
        )
        done = self.review(house)
        assert done.status_code == 302, done.text
        assert "was opened on" not in house.client_of("ana").get("/").text
        assert one.get("/account").status_code == 302, "its session is over"
        assert opened(house, secret)[1].status_code == 401, "and so is its secret"
        (seal,) = emergency.uses(user())
        assert (seal.reviewed_by, seal.opened_by) == ("ana", "Dr Eva Novák")
        assert self.review(house).status_code == 409, "there is nothing left to review"
        ada = house.client_of("ada")
        sheet = ada.post(f"/emergency/{LOGIN}/seal", data=BOTH | {"reason": "used and reviewed"})
        assert opened(house, on(sheet.text))[1].status_code == 302

    def test_until_then_it_is_not_sealed_anew(self, house: House, secret: str):
        opened(house, secret)
        ada = house.client_of("ada")
        answer = ada.post(f"/emergency/{LOGIN}/seal", data=BOTH | {"reason": "hide what was done"})
        assert (answer.status_code, "has not been reviewed" in answer.text) == (409, True)

    def test_whoever_used_it_does_not_review_it(self, house: House, secret: str):
        opened(house, secret, name="ana LINDQVIST")
        answer = self.review(house)
        assert (answer.status_code, "does not review it" in answer.text) == (409, True)
        assert self.review(house, "quentin").status_code == 302


@pytest.mark.db
class TestInTheDatabase:
    def test_it_refuses_what_the_service_refuses(self, house: House, secret: str):
        opened(house, secret, name="Ana Lindqvist")
        review = "UPDATE seal SET reviewed_by = '{}', finding = 'x', reviewed_at = opened_at"
        refused(review.format("ana"), "whoever used an emergency account does not review it")
        refused(review.format(LOGIN), "whoever used an emergency account does not review it")
        refused("UPDATE seal SET opened_by = 'Somebody else'", "opened once")
        refused("UPDATE seal SET opened_at = NULL, opened_by = NULL", "opened once")
        refused("UPDATE seal SET sealed_with = sealed_by", "sealed_by_two")
        refused("UPDATE seal SET reviewed_by = 'quentin'", "review_is_whole")
        refused("DELETE FROM seal", "seal")
        refused("UPDATE person SET is_emergency = (1 = 1) WHERE code = 'bruno'", "stays one")
        columns = "person_id, number, sealed_at, sealed_by, sealed_with"
        made = f"INSERT INTO seal ({columns}) SELECT p.id, 2, s.sealed_at, 'ada', 'ana' FROM seal s, person p"
        refused(f"{made} WHERE p.code = 'bruno'", "only an emergency account")
        refused(f"{made} WHERE p.code = '{LOGIN}'", "(?i)unique")
        with engines().write.begin() as connection, permitted(connection):
            connection.exec_driver_sql(review.format("quentin"))
        refused("UPDATE seal SET finding = 'nothing happened'", "stays as it is")
