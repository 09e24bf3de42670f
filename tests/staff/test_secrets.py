"""Passwords: hashed, judged, slowed down, locked, never kept (21 CFR 11.300)."""

import unicodedata
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from mscbank.core import access, clock
from mscbank.core.db import plumbing, session
from mscbank.core.errors import NotAllowed, TooMany
from mscbank.core.record import history
from mscbank.staff import actions, passwords, secrets, tries
from mscbank.staff.models import Credential
from tests.core.acting import records, someone
from tests.house import HOST
from tests.people import ADA, SECRET

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("office")]


def credential(login: str = "bruno") -> Credential:
    session.rollback()
    session.expire_all()
    return session.scalars(select(Credential).where(Credential.login == login)).one()


def employed(login: str = "bruno") -> None:
    user = someone(login)
    secrets.prepare(login, SECRET)
    actions.set_password(user, by=HOST)


def age(seconds: int) -> None:
    """As if the last failure lay this much further back."""
    with plumbing() as connection:
        connection.execute(update(Credential).values(failed_at=clock.now() - timedelta(seconds=seconds)))


def test_the_right_secret_opens_and_a_wrong_one_does_not():
    employed()
    assert secrets.check("bruno", SECRET)
    assert not secrets.check("bruno", SECRET + " ")
    assert not secrets.check("bruno", "")


@pytest.mark.parametrize("login", ["nobody", "", "BRUNO", "bru\0no", "x" * 200, "o'neill", "bruno\n"])
def test_what_is_no_log_in_opens_nothing(login: str):
    employed()
    assert not secrets.check(login, SECRET)


def test_only_a_slow_salted_hash_is_kept():
    employed()
    kept = credential().password_hash or ""
    assert kept.startswith("$argon2id$")
    assert SECRET not in kept
    employed("tomas")
    assert credential("tomas").password_hash != kept


def test_the_cost_is_a_setting():
    secrets.set_cost(128, 2)
    employed()
    assert "m=128,t=2," in (credential().password_hash or "")


def test_a_wrong_secret_is_counted_and_recorded_and_a_right_one_clears_it():
    employed()
    for _ in range(2):
        assert not secrets.check("bruno", "wrong")
    assert credential().failures == 2
    row = records("person", "bruno")[-1]
    assert row.action == "person.failed_secret"
    assert "wrong" not in row.body
    assert secrets.check("bruno", SECRET)
    assert credential().failures == 0


def test_from_the_third_failure_the_next_try_waits_longer_each_time():
    employed()
    for failures, wait in ((3, 1), (4, 2), (5, 4), (6, 8), (7, 16), (8, 32), (9, 64)):
        while credential().failures < failures:
            age(3600)
            assert not secrets.check("bruno", "wrong")
        age(wait - 1) if wait > 1 else None
        with pytest.raises(TooMany) as caught:
            secrets.check("bruno", SECRET)
        assert caught.value.code == "secret.slowed"
        assert caught.value.status == 429
        age(wait + 1)
    assert secrets.check("bruno", SECRET)


def test_the_tenth_failure_locks_for_a_quarter_of_an_hour():
    employed()
    for _ in range(10):
        age(3600)
        assert not secrets.check("bruno", "wrong")
    for seconds in (0, 60, 14 * 60 + 55):
        age(seconds)
        with pytest.raises(TooMany) as caught:
            secrets.check("bruno", SECRET)
        assert caught.value.code == "secret.locked"
    age(15 * 60 + 1)
    assert secrets.check("bruno", SECRET)
    assert credential().failures == 0


def test_after_the_lock_the_count_begins_again():
    employed()
    for _ in range(10):
        age(3600)
        secrets.check("bruno", "wrong")
    age(16 * 60)
    assert not secrets.check("bruno", "wrong")
    assert credential().failures == 1


def test_the_waits_are_these():
    now = clock.now()
    assert [tries.wait_after(n, now) for n in (0, 1, 2)] == [None] * 3
    assert tries.wait_after(5, None) is None
    waits = [(tries.wait_after(n, now) or now) - now for n in range(3, 12)]
    assert [wait.total_seconds() for wait in waits] == [1, 2, 4, 8, 16, 32, 64, 900, 900]


def test_a_password_given_by_somebody_else_opens_only_the_way_to_ones_own():
    employed()
    bruno = credential()
    assert not bruno.is_temporary
    given_one = secrets.temporary()
    secrets.prepare("bruno", given_one)
    actions.set_password(user_named("bruno"), by=ADA)
    assert not secrets.verify("bruno", SECRET)
    age(3600)
    assert secrets.verify("bruno", given_one)
    with pytest.raises(NotAllowed) as caught:
        secrets.check("bruno", given_one)
    assert caught.value.code == "secret.temporary"


def test_a_password_given_by_somebody_else_ends_by_itself():
    employed()
    given_one = secrets.temporary()
    assert len(given_one.replace("-", "")) * 4 >= 128
    secrets.prepare("bruno", given_one)
    actions.set_password(user_named("bruno"), by=ADA)
    moment = clock.now()
    with clock.moved_to(moment + secrets.TEMPORARY_FOR - timedelta(minutes=1)):
        assert secrets.verify("bruno", given_one)
    with (
        clock.moved_to(moment + secrets.TEMPORARY_FOR + timedelta(minutes=1)),
        pytest.raises(NotAllowed) as caught,
    ):
        secrets.verify("bruno", given_one)
    assert caught.value.code == "secret.temporary_over"


def test_the_same_characters_are_the_same_password():
    employed()
    secrets.prepare("bruno", "une très longue idée à moi")
    actions.set_password(user_named("bruno"), by=HOST)
    assert secrets.check("bruno", unicodedata.normalize("NFD", "une très longue idée à moi"))
    assert not secrets.check("bruno", "Une très longue idée à moi")
    assert not secrets.check("bruno", "une tres longue idee a moi")


def user_named(login: str) -> actions.User:
    return session.scalars(select(actions.User).where(actions.User.code == login)).one()


def test_temporary_passwords_differ_and_are_good_enough():
    found = {secrets.temporary() for _ in range(50)}
    assert len(found) == 50
    for secret in found:
        passwords.judge("bruno", secret)


def test_a_new_password_counts_only_when_its_act_was_recorded():
    employed()
    secrets.prepare("bruno", "another long enough one 7")
    assert secrets.check("bruno", SECRET)
    assert not secrets.check("bruno", "another long enough one 7")
    actions.set_password(user_named("bruno"), by=HOST)
    assert secrets.check("bruno", "another long enough one 7")
    assert credential().pending_hash is None
    assert records("person", "bruno")[-1].action in ("person.set_password", "person.failed_secret")


def test_a_wrong_secret_names_what_was_to_be_signed():
    employed()
    with access.signing("release.certify", ("release", "CT10000010X")):
        assert not secrets.check("bruno", "wrong")
    assert access.being_signed() is None
    row = records("person", "bruno")[-1]
    assert '"signing":"release.certify"' in row.body
    [touched] = session.scalars(history("release", "CT10000010X")).all()
    assert touched.act == row.act, "it stands in the history of what was to be signed"
    assert not secrets.check("bruno", "wrong")
    assert "signing" not in records("person", "bruno")[-1].body
