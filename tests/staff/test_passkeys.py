"""Passkeys: verified, once, for this address, this person, this content (WebAuthn level 2, section 7)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from mscbank.core import clock, sealed
from mscbank.core.db import plumbing, session
from mscbank.core.errors import Refused, SignIn, Stale
from mscbank.core.signatures import Asked, ProofRow, Signer, asked_of, prove, to_sign
from mscbank.staff import enrolling, factors, passkeys, people, presence
from mscbank.staff.models import Challenge, User
from tests import worlds
from tests.core.acting import records
from tests.house import employ
from tests.make_factor import enrolled
from tests.make_passkey import ORIGIN, Key, added
from tests.people import ADA, BRUNO, SECRET, TOMAS

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("office")]


@pytest.fixture
def key() -> Key:
    sealed.open_master(worlds.MASTER_KEY)
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    return added("bruno")


def user() -> User:
    return session.scalars(select(User).where(User.code == "bruno")).one()


def bruno() -> Any:
    found = people.load("bruno")
    assert found is not None
    return found


def late() -> None:
    """As if all challenges were made three minutes ago."""
    with plumbing() as connection:
        connection.execute(update(Challenge).values(expires_at=clock.now() - timedelta(minutes=1)))


def test_it_signs_its_owner_in_once(key: Key):
    answer = key.answer(passkeys.to_sign_in(ORIGIN))
    assert passkeys.answered(answer, passkeys.SIGN_IN) == "bruno"
    assert passkeys.answered(answer, passkeys.SIGN_IN) is None
    assert bruno().factors == {"passkey"}
    assert passkeys.last_used([passkeys.held("bruno")[0].credential_id])


@pytest.mark.parametrize(
    "how",
    [
        {"verified": False}, {"origin": "https://evil.example"}, {"origin": "http://bank.example"},
        {"rp_id": "evil.example"}, {"steps": 0},
    ],
)  # fmt: skip
def test_an_answer_that_does_not_hold_opens_nothing_and_is_recorded(key: Key, how: dict[str, Any]):
    passkeys.answered(key.answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN_IN)
    assert passkeys.answered(key.answer(passkeys.to_sign_in(ORIGIN), **how), passkeys.SIGN_IN) is None
    assert records("person", "bruno")[-1].action == "person.failed_passkey"


def test_a_signature_by_another_key_opens_nothing(key: Key):
    forged = Key()
    forged.id, forged.handle, forged.count = key.id, key.handle, 9
    assert passkeys.answered(forged.answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN_IN) is None


def test_a_key_that_nobody_added_opens_nothing(key: Key):
    assert passkeys.answered(Key().answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN_IN) is None


def test_a_challenge_lives_two_minutes_and_serves_one_purpose(key: Key):
    answer = key.answer(passkeys.to_sign_in(ORIGIN))
    late()
    assert passkeys.answered(answer, passkeys.SIGN_IN) is None
    assert passkeys.answered(key.answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN) is None
    made_up = {"challenge": "A" * 43}
    assert passkeys.answered(key.answer(made_up), passkeys.SIGN_IN) is None


@pytest.mark.parametrize(
    "answer",
    [
        "", "x", "{}", "[]", "null", "7", '{"response": 7}', '{"response": {"clientDataJSON": "e30"}}',
        '{"response": {"clientDataJSON": "bnVsbA"}}', "[" * 5000,
        json.dumps({"response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiXHUwMDAwIn0"}}),
        json.dumps({"response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiXHVkODAwIn0"}}),
    ],
)  # fmt: skip
def test_what_is_no_answer_opens_nothing(key: Key, answer: str):
    for purpose in (passkeys.SIGN_IN, passkeys.SIGN):
        assert passkeys.answered(answer, purpose) is None
    assert passkeys.registered(answer, "bruno") is None


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle", "id"])
def test_a_tampered_answer_opens_nothing(key: Key, part: str):
    for put in (None, "", "AAAA", 7, "\0", ["x"], {}):
        given = json.loads(key.answer(passkeys.to_sign_in(ORIGIN)))
        if part == "userHandle" and put in (None, ""):
            continue
        (given if part == "id" else given["response"])[part] = put
        assert passkeys.answered(json.dumps(given), passkeys.SIGN_IN) is None, put


def test_a_passkey_that_was_removed_opens_nothing(key: Key):
    enrolling.remove_passkey(user(), by=bruno(), number=1, reason="the key is lost")
    assert passkeys.answered(key.answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN_IN) is None
    assert bruno().factors == frozenset()
    assert factors.recovery_codes_left("bruno") == 0
    with pytest.raises(Refused):
        enrolling.remove_passkey(user(), by=bruno(), number=1, reason="once more then")


def test_an_administrator_takes_all_of_them_away(key: Key):
    other = added("bruno", "telephone")
    enrolling.reset_factors(user(), by=ADA, reason="the bag was stolen")
    for one in (key, other):
        assert passkeys.answered(one.answer(passkeys.to_sign_in(ORIGIN)), passkeys.SIGN_IN) is None


@pytest.mark.parametrize("how", [{"verified": False}, {"origin": "https://evil.example"}])
def test_a_registration_that_does_not_hold_adds_nothing(key: Key, how: dict[str, Any]):
    assert passkeys.registered(Key().make(passkeys.to_register(bruno(), ORIGIN), **how), "bruno") is None


def test_a_registration_is_for_whoever_asked_and_good_once(key: Key):
    employ("tomas", "Tomás Ferreira", *TOMAS.grants)
    assert passkeys.registered(Key().make(passkeys.to_register(bruno(), ORIGIN)), "tomas") is None
    answer = Key().make(passkeys.to_register(bruno(), ORIGIN))
    assert passkeys.registered(answer, "bruno")
    assert passkeys.registered(answer, "bruno") is None
    options = passkeys.to_register(bruno(), ORIGIN)
    assert [one["id"] for one in options["excludeCredentials"]] == [passkeys.held("bruno")[0].credential_id]


# --- Signing -----------------------------------------------------------------------------------------------


def hashed(station: str) -> str:
    return to_sign("person.open_presence", user(), None, {"station": station})


def sign(answer: str, station: str = "bench", by: Any = None) -> Any:
    signer = Signer(by or bruno(), "present", passkey=answer)
    return prove("person.open_presence", user(), signer, content=None, inputs={"station": station})


def test_it_signs_in_place_of_everything_else(key: Key):
    sid = people.open_session("bruno", "s")
    by = people.by_session(sid, timedelta(minutes=30))
    assert asked_of(by) == Asked(login=True, code=True, passkey=True)
    options = passkeys.to_sign(bruno(), hashed("bench"), ORIGIN)
    assert passkeys.base64url_to_bytes(options["challenge"])[16:].hex() == hashed("bench")
    (proof,) = sign(key.answer(options), by=by)
    presence.open_presence(user(), by=bruno(), station="bench", proofs=[proof])
    assert people.present_at("bench") == ["bruno"]
    assert asked_of(by) == Asked(passkey=True)


def test_it_signs_just_the_content_that_it_was_asked_for(key: Key):
    answer = key.answer(passkeys.to_sign(bruno(), hashed("bench"), ORIGIN))
    with pytest.raises(Stale) as caught:
        sign(answer, "another bench")
    assert caught.value.status == 412
    with pytest.raises(SignIn):
        sign(answer)
    assert session.scalars(select(ProofRow)).all() == []


def test_a_sign_in_or_somebody_elses_passkey_signs_nothing(key: Key):
    employ("tomas", "Tomás Ferreira", *TOMAS.grants)
    other = added("tomas")
    for answer in (
        key.answer(passkeys.to_sign_in(ORIGIN)),
        other.answer(passkeys.to_sign(bruno(), hashed("bench"), ORIGIN)),
        other.answer(passkeys.to_sign(people.load("tomas"), hashed("bench"), ORIGIN)),  # type: ignore[arg-type]
        "{}",
    ):
        with pytest.raises(SignIn) as caught:
            sign(answer)
        assert caught.value.code == "signature.wrong_passkey"


def test_with_a_passkey_alone_the_password_is_not_enough(key: Key):
    with pytest.raises(SignIn) as caught:
        prove(
            "person.open_presence", user(), Signer(bruno(), "present", SECRET), content=None,
            inputs={"station": "bench"},
        )  # fmt: skip
    assert caught.value.code == "signature.code_needed"
    assert asked_of(None) == Asked(code=True)


def test_the_app_stays_when_a_passkey_goes(key: Key):
    telephone, codes = enrolled("bruno")
    assert bruno().factors == {"app", "passkey"}
    enrolling.remove_passkey(user(), by=bruno(), number=1, reason="the key is lost")
    assert bruno().factors == {"app"}
    assert factors.recovery_codes_left("bruno") == len(codes)
    assert factors.check_code("bruno", telephone.fresh())
