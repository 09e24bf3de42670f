"""The second factor: sealed, good once, counted when wrong, taken away with a reason (21 CFR 11.200)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, text, update

from mscbank.core import clock, masters, sealed
from mscbank.core.access import Role, operator
from mscbank.core.db import plumbing, session
from mscbank.core.errors import NotAllowed, Refused, SignIn, TooMany
from mscbank.core.signatures import Asked, Proof, ProofRow, Signer, asked_of, prove
from mscbank.staff import actions, enrolling, factors, keys, people
from mscbank.staff.models import CodeApp, CodeTries, RecoveryCode, User
from tests import worlds
from tests.core.acting import records
from tests.core.crowd import in_threads
from tests.house import HOST, employ
from tests.make_factor import Telephone, age_codes, enrolled
from tests.people import ADA, BRUNO, SECRET

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("office")]


@pytest.fixture(autouse=True)
def _demanded_of_nobody():
    sealed.open_master(worlds.MASTER_KEY)
    yield
    factors.demand("nobody")


@pytest.fixture
def telephone() -> Telephone:
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    return enrolled("bruno")[0]


def user(login: str = "bruno") -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def bruno() -> Any:
    found = people.load("bruno")
    assert found is not None
    return found


def failures() -> int:
    session.rollback()
    session.expire_all()
    return session.scalar(select(CodeTries.failures).where(CodeTries.login == "bruno")) or 0


def sign(by: Any, **given: str) -> list[Proof]:
    signer = Signer(by, "present", given.pop("secret", SECRET), **given)
    return prove("person.open_presence", user(), signer, content=None, inputs={"station": "bench"})


def test_the_secret_is_sealed_and_bound_to_its_log_in(telephone: Telephone):
    session.rollback()
    kept = session.execute(text("SELECT secret, pending FROM code_app")).one()
    assert kept.pending is None
    assert telephone.secret.hex() not in kept.secret
    envelope = session.scalars(select(CodeApp.secret)).one()
    assert envelope is not None
    assert sealed.unlock("code_app:bruno", envelope) == telephone.secret
    with pytest.raises(InvalidTag):
        sealed.unlock("code_app:tomas", envelope)
    sealed.open_master(sealed.new_master())
    with pytest.raises(masters.Closed):
        sealed.unlock("code_app:bruno", envelope)


def test_a_new_master_key_takes_the_secrets_of_apps_over(telephone: Telephone):
    host, first, second = operator("root"), worlds.MASTER_KEY, sealed.new_master()
    keys.introduce(by=host, secret=first, shares_read="1 2")
    master = keys.introduce(by=host, secret=second, shares_read="1 3")
    sealed.open_master(second)
    with pytest.raises(Refused, match="left"):
        keys.finish(master, by=host)
    assert list(keys.take_over_all(master, host)) == [1]
    keys.finish(master, by=host)
    assert factors.check_code("bruno", telephone.fresh())
    assert keys.unfit() is None


def test_nothing_secret_is_in_the_record(telephone: Telephone):
    _telephone, codes = enrolled("bruno")
    factors.check_code("bruno", "000000")
    factors.check_code("bruno", codes[0])
    told = "".join(row.body + (row.reason or "") for row in records("person", "bruno"))
    assert records("person", "bruno")[-3].action == "person.enrol_app"
    for secret in (*codes, "000000", telephone.secret.hex(), factors.new_recovery_codes("bruno")[0][0]):
        assert secret not in told


def test_a_code_is_good_once_also_for_many_at_the_same_moment(telephone: Telephone):
    code = telephone.fresh()
    assert sum(in_threads(3, lambda _number: _outcome(code))) == 1
    age_codes(3600)
    assert not factors.check_code("bruno", code)


def test_of_very_many_at_the_same_moment_none_may_pass_and_the_code_is_used_up(telephone: Telephone):
    """The third wrong one brings a wait, and then the right one opens nothing either."""
    code = telephone.fresh()
    assert sum(in_threads(8, lambda _number: _outcome(code))) <= 1
    age_codes(3600)
    assert not factors.check_code("bruno", code)


def _outcome(code: str) -> bool:
    try:
        return factors.check_code("bruno", code)
    except TooMany:
        return False
    finally:
        session.remove()


def test_the_code_that_confirmed_the_app_opens_nothing(telephone: Telephone):
    assert not factors.check_code("bruno", telephone.confirmed)
    assert factors.check_code("bruno", telephone.code(+1))


def test_a_recovery_code_is_good_once_for_its_owner_alone(telephone: Telephone):
    _telephone, codes = enrolled("bruno")
    assert len(set(codes)) == 10
    employ("tomas", "Tomás", *BRUNO.grants)
    assert not factors.check_code("tomas", codes[0])
    assert factors.check_code("bruno", codes[0].upper().replace("-", " "))
    row = records("person", "bruno")[-1]
    assert row.action == "person.used_recovery_code"
    assert json.loads(row.body)["notes"] == {"left": "9"}
    assert not factors.check_code("bruno", codes[0])
    assert factors.recovery_codes_left("bruno") == 9
    session.rollback()
    assert codes[1] not in str(session.execute(select(RecoveryCode.code_hash)).all())


def test_new_recovery_codes_make_the_earlier_ones_void(telephone: Telephone):
    _telephone, old = enrolled("bruno")
    new, kept = factors.new_recovery_codes("bruno")
    enrolling.renew_recovery_codes(user(), by=bruno(), code_hashes=kept)
    assert not factors.check_code("bruno", old[0])
    assert factors.check_code("bruno", new[0])


def test_a_secret_that_waits_too_long_is_never_confirmed():
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    telephone = Telephone("bruno", factors.begin("bruno"))
    assert factors.step_of_pending("bruno", "000000") is None
    assert factors.step_of_pending("bruno", telephone.code()) is not None
    with plumbing() as connection:
        connection.execute(update(CodeApp).values(pending_at=clock.now() - timedelta(minutes=16)))
    assert factors.step_of_pending("bruno", telephone.code()) is None
    assert bruno().factors == frozenset()


def test_wrong_codes_slow_down_and_lock_like_wrong_passwords(telephone: Telephone):
    for _ in range(3):
        assert not factors.check_code("bruno", "000000")
    assert [row.action for row in records("person", "bruno")[-3:]] == ["person.failed_code"] * 3
    with pytest.raises(TooMany) as caught:
        factors.check_code("bruno", telephone.fresh())
    assert caught.value.code == "secret.code_slowed"
    for _ in range(7):
        age_codes(3600)
        assert not factors.check_code("bruno", "000000")
    for seconds in (0, 14 * 60 + 55):
        age_codes(seconds)
        with pytest.raises(TooMany) as caught:
            factors.check_code("bruno", telephone.fresh())
        assert caught.value.code == "secret.code_locked"
    assert people.load("bruno") is not None, "viewing goes on"
    age_codes(15 * 60 + 1)
    assert factors.check_code("bruno", telephone.fresh())
    assert failures() == 0


def test_the_right_password_clears_no_wrong_codes(telephone: Telephone):
    """Whoever stole a password must not be able to try codes without end between right passwords."""
    sid = people.open_session("bruno", "s")
    people.note_signing(bruno_in(sid).session)
    for _ in range(2):
        with pytest.raises(SignIn):
            sign(bruno(), code="000000")
        assert sign(bruno_in(sid)), "a later signing of a session takes the password alone"
    with pytest.raises(SignIn):
        sign(bruno(), code="000000")
    assert failures() == 3
    with pytest.raises(TooMany):
        sign(bruno(), code=telephone.fresh())


def bruno_in(sid: str) -> Any:
    found = people.by_session(sid, timedelta(minutes=30))
    assert found is not None
    return found


# --- What a signing asks for -------------------------------------------------------------------------------


def test_the_first_signing_of_a_session_takes_both_components_later_ones_the_password():
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    sid = people.open_session("bruno", "s")
    assert asked_of(bruno_in(sid)) == Asked(login=True)
    for typed in ("", "tomas", "BRUNO"):
        with pytest.raises(SignIn) as caught:
            sign(bruno_in(sid), login=typed)
        assert caught.value.code == "signature.wrong_login"
    with pytest.raises(SignIn):
        sign(bruno_in(sid), login="bruno", secret="wrong")
    assert asked_of(bruno_in(sid)) == Asked(login=True), "nothing was signed yet"
    assert sign(bruno_in(sid), login=" bruno ")
    assert asked_of(bruno_in(sid)) == Asked()
    assert sign(bruno_in(sid))
    with pytest.raises(SignIn):
        sign(bruno_in(sid), secret="wrong")
    assert asked_of(bruno_in(people.open_session("bruno", "s"))) == Asked(login=True), "another session"


def test_with_a_second_factor_its_code_is_asked_for_at_the_first_signing(telephone: Telephone):
    sid = people.open_session("bruno", "s")
    assert asked_of(bruno_in(sid)) == Asked(login=True, code=True)
    with pytest.raises(SignIn) as caught:
        sign(bruno_in(sid), login="bruno")
    assert caught.value.code == "signature.code_needed"
    with pytest.raises(SignIn) as caught:
        sign(bruno_in(sid), login="bruno", code="000000")
    assert caught.value.code == "signature.wrong_code"
    assert session.scalars(select(ProofRow)).all() == []
    code = telephone.fresh()
    assert sign(bruno_in(sid), login="bruno", code=code)
    assert asked_of(bruno_in(sid)) == Asked()
    assert sign(bruno_in(sid))
    with pytest.raises(SignIn):
        sign(bruno(), code=code)


def test_a_wrong_password_uses_no_code_up(telephone: Telephone):
    code = telephone.fresh()
    with pytest.raises(SignIn) as caught:
        sign(bruno(), secret="wrong", code=code)
    assert caught.value.code == "signature.wrong_secret"
    assert sign(bruno(), code=code)


def test_a_program_and_a_second_person_give_everything_each_time(telephone: Telephone):
    for _ in range(2):
        assert asked_of(bruno()) == Asked(code=True)
        assert sign(bruno(), code=telephone.fresh())


def test_whoever_is_not_named_yet_may_be_asked_for_a_code():
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    assert asked_of(None) == Asked()
    enrolled("bruno")
    assert asked_of(None) == Asked(code=True)


# --- Demanded, removed, reset ------------------------------------------------------------------------------


def test_where_one_is_demanded_whoever_has_none_signs_nothing():
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    factors.demand("qp lab_tech")
    assert bruno().must_enrol
    with pytest.raises(NotAllowed) as caught:
        sign(bruno())
    assert caught.value.code == "factor.demanded"
    telephone, _codes = enrolled("bruno")
    assert not bruno().must_enrol
    assert sign(bruno(), code=telephone.fresh())


@pytest.mark.parametrize(
    ("words", "roles", "is_so"),
    [
        ("nobody", (Role.QP,), False), ("everybody", (Role.AUDITOR,), True), ("everybody", (), False),
        ("qp qa", (Role.QA,), True), ("qp  qa", (Role.LAB_TECH,), False),
    ],
)  # fmt: skip
def test_it_is_demanded_by_role(words: str, roles: tuple[Role, ...], is_so: bool):
    factors.demand(words)
    assert factors.is_demanded(roles) is is_so


@pytest.mark.parametrize("words", ["qpp", "nobody qp", "everybody qp", "QP", "yes"])
def test_an_unknown_word_is_no_setting(words: str):
    factors.demand("qp")
    with pytest.raises(ValueError, match="is not a valid"):
        factors.demand(words)
    assert factors.is_demanded([Role.QP]), "the former one holds"


def test_ones_own_app_is_removed_and_its_recovery_codes_with_it(telephone: Telephone):
    _telephone, codes = enrolled("bruno")
    enrolling.remove_app(user(), by=bruno(), reason="a new telephone")
    assert bruno().factors == frozenset()
    assert factors.recovery_codes_left("bruno") == 0
    assert not factors.check_code("bruno", codes[0])
    for act in (enrolling.remove_app, enrolling.reset_factors):
        by = bruno() if act is enrolling.remove_app else ADA
        with pytest.raises(Refused) as caught:
            act(user(), by=by, reason="once more then")
        assert caught.value.code == "factor.none"


def test_an_administrator_takes_a_lost_factor_away_with_a_reason(telephone: Telephone):
    sid = people.open_session("bruno", "s")
    with pytest.raises(Refused):
        enrolling.reset_factors(user(), by=ADA)
    with pytest.raises(NotAllowed):
        enrolling.reset_factors(user(), by=bruno(), reason="I lost it")
    enrolling.reset_factors(user(), by=ADA, reason="the telephone was stolen")
    row = records("person", "bruno")[-1]
    assert (row.action, row.actor_login, row.reason) == (
        "person.reset_factors", "ada", "the telephone was stolen",
    )  # fmt: skip
    assert bruno().factors == frozenset()
    assert people.by_session(sid, timedelta(minutes=30)) is None
    assert not factors.check_code("bruno", telephone.fresh())


def test_nobody_resets_ones_own_and_the_host_can():
    ada = employ("ada", "Ada Moreau", *ADA.grants)
    enrolled("ada")
    with pytest.raises(Refused) as caught:
        enrolling.reset_factors(ada, by=people.load("ada"), reason="I lost it")
    assert caught.value.code == "factor.by_another"
    enrolling.reset_factors(ada, by=HOST, reason="the only administrator lost it")
    assert people.load("ada").factors == frozenset()  # type: ignore[union-attr]


def test_nobody_enrols_for_somebody_else(telephone: Telephone):
    factors.begin("bruno")
    for act, more in (
        (enrolling.enrol_app, {"step": 1, "code_hashes": []}), (enrolling.remove_app, {}),
        (enrolling.renew_recovery_codes, {"code_hashes": []}),
    ):  # fmt: skip
        with pytest.raises(Refused) as caught:
            act(user(), by=ADA, reason="for him, kindly", **more)
        assert caught.value.code == "person.not_yours"
    assert bruno().factors == {"app"}


def test_nothing_is_enrolled_without_a_secret_that_waits():
    employ("bruno", "Bruno Lang", *BRUNO.grants)
    with pytest.raises(Refused) as caught:
        enrolling.enrol_app(user(), by=bruno(), step=1, code_hashes=[])
    assert caught.value.code == "factor.nothing_pending"
    with pytest.raises(Refused) as caught:
        enrolling.renew_recovery_codes(user(), by=bruno(), code_hashes=[])
    assert caught.value.code == "factor.none"
    assert actions.NOT_YOURS.code == "person.not_yours"
