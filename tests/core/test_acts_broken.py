"""What becomes of an act that breaks off: nothing is left behind; what the database refuses, in our words."""

import threading
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from mscbank.core import acts, clock, messages
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import Busy, Invalid, Obstacle, Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.staff.models import RoleGrant, User
from tests.core.acting import RENAME, does, name_of, records, rename, someone
from tests.people import ADA

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

WHY = Obstacle("test.no", _("Not now."), Role.QA)


# --- When something goes wrong -----------------------------------------------------------------------------


def test_an_error_leaves_nothing_behind():
    bruno = someone()

    def half(user: User) -> None:
        user.printed_name = "half"
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        does(half)(bruno, by=ADA)
    assert session.registry().act is None
    assert name_of("bruno") == "Bruno Lang"
    assert len(records("person", "bruno")) == 1
    RENAME(bruno, by=ADA, to="whole")
    assert name_of("bruno") == "whole"


def test_a_child_refused_before_it_began_may_be_left_out():
    bruno = someone()
    child = does(rename, name="test.child", role=(), unless=(lambda user, by: WHY,))

    def parent(user: User) -> None:
        with pytest.raises(Refused):
            child(user, by=ADA, to="child")
        user.printed_name = "parent"

    does(parent)(bruno, by=ADA)
    assert name_of("bruno") == "parent"
    assert [row.action for row in records("person", "bruno")] == ["person.register", "test.act"]


def test_a_child_that_broke_off_in_the_middle_takes_all_with_it():
    bruno = someone()

    def half(user: User) -> None:
        user.printed_name = "half"
        raise Refused(WHY)

    child = does(half, name="test.child", role=())

    def parent(user: User) -> None:
        with pytest.raises(Refused):
            child(user, by=ADA)

    with pytest.raises(Refused, match=r"test\.no"):
        does(parent)(bruno, by=ADA)
    assert name_of("bruno") == "Bruno Lang"


def test_a_consequence_that_fails_takes_all_with_it(monkeypatch: pytest.MonkeyPatch):
    bruno = someone()
    monkeypatch.setitem(messages.ANNOUNCEMENTS, "test.happened", "for this test")
    failing = messages.Subscription(lambda touched: (_ for _ in ()).throw(Refused(WHY)), lambda touched: [])
    monkeypatch.setitem(messages._consequences, "test.happened", [failing])

    def told(user: User) -> None:
        user.printed_name = "told"
        messages.announce("test.happened", touched=[("person", "bruno")])

    with pytest.raises(Refused):
        does(told)(bruno, by=ADA)
    assert name_of("bruno") == "Bruno Lang"


def test_what_consequences_change_is_locked_from_the_start(monkeypatch: pytest.MonkeyPatch):
    bruno, ines = someone(), someone("ines", "Ines")
    monkeypatch.setitem(messages.ANNOUNCEMENTS, "test.happened", "for this test")
    follows = messages.Subscription(
        lambda touched: RENAME(ines, by=ADA, to="too"),
        lambda touched: [ines] if touched == [("person", "bruno")] else [],
    )
    monkeypatch.setitem(messages._consequences, "test.happened", [follows])
    touched = lambda user: [("person", user.code)]  # noqa: E731
    does(
        lambda user: messages.announce("test.happened", touched=touched(user)),
        announces=(("test.happened", touched),),
    )(bruno, by=ADA)
    assert name_of("ines") == "too"
    with pytest.raises(ValueError, match="nobody declared"):
        does(lambda user: messages.announce("test.unheard", touched=[]))(bruno, by=ADA)


def busy(words: str = "database is locked", *, lost: bool = False) -> OperationalError:
    return OperationalError("UPDATE", {}, Exception(words), connection_invalidated=lost)


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.parametrize("lost", [False, True])
def test_a_busy_database_is_asked_again(failures: int, lost: bool):
    bruno = someone()
    tries: list[int] = []

    def impatient(user: User) -> None:
        tries.append(1)
        user.printed_name = f"try {len(tries)}"
        session.flush()
        if len(tries) <= failures:
            raise busy(lost=lost)

    does(impatient)(bruno, by=ADA)
    assert name_of("bruno") == f"try {failures + 1}"
    assert len(records("person", "bruno")) == 2


def test_a_database_that_stays_busy_is_a_503_and_nothing_was_changed():
    bruno = someone()

    def never(user: User) -> None:
        user.printed_name = "never"
        raise busy()

    with pytest.raises(Busy) as caught:
        does(never)(bruno, by=ADA)
    assert caught.value.status == 503
    assert name_of("bruno") == "Bruno Lang"
    assert len(records("person", "bruno")) == 1


def test_a_connection_lost_while_saving_is_said_to_be_uncertain(monkeypatch: pytest.MonkeyPatch):
    bruno = someone()

    def lost(_session: Any) -> None:
        raise busy("server closed the connection", lost=True)

    with monkeypatch.context() as patched:
        patched.setattr(type(session.registry()), "commit_act", lost)
        with pytest.raises(Busy) as caught:
            RENAME(bruno, by=ADA, to="perhaps")
    assert caught.value.code == "acts.uncertain"


@pytest.mark.parametrize("state", ["40P01", "40001", "55P03"])
def test_deadlocks_and_serialisation_failures_are_tried_again(state: str):
    bruno = someone()
    tries: list[int] = []
    fault = Exception("deadlock detected")
    fault.sqlstate = state  # type: ignore[attr-defined]

    def deadlocked(user: User) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("x", {}, fault)

    does(deadlocked)(bruno, by=ADA)
    assert len(tries) == 3


def test_two_acts_that_wait_for_each_other_both_come_through(engine_kind: str):
    """A real deadlock, made by locking in the wrong order: PostgreSQL ends one, the door repeats it."""
    if engine_kind == "sqlite":
        pytest.skip("one writer at a time cannot wait for another")
    bruno, ines = someone(), someone("ines", "Ines")
    meet = threading.Barrier(2)
    errors: list[BaseException] = []

    def cross(first: int, second: int) -> None:
        def body(_user: User) -> None:
            session.execute(text("SELECT 1 FROM site WHERE id = 1 FOR SHARE"))
            if not meet.broken:
                with suppress(threading.BrokenBarrierError):
                    meet.wait(2)
                meet.abort()
            session.execute(text(f"SELECT 1 FROM person WHERE id = {second} FOR NO KEY UPDATE"))

        try:
            does(body)(session.get(User, first), by=ADA)
        except BaseException as error:  # noqa: BLE001 - told after the threads have ended
            errors.append(error)
        finally:
            session.remove()

    keys = (bruno.id, ines.id)
    threads = [threading.Thread(target=cross, args=pair) for pair in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert len(records("person", "bruno")) == len(records("person", "ines")) == 2


# --- What the database refuses, in our words ---------------------------------------------------------------

TAKEN = Refusal("test.taken", "This number is taken.")


def two_roles_with_one_number(user: User) -> None:
    for role in (Role.QA, Role.QP):
        session.add(RoleGrant(person=user, number=1, role=role, starts_at=clock.now()))


def test_a_violated_key_is_a_refusal_and_kept():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        does(two_roles_with_one_number)(bruno, by=ADA)
    assert caught.value.code == "acts.already_there"
    assert caught.value.blocked_as == records("person", "bruno")[-1].act


def test_a_violated_key_that_a_step_explained_says_so(monkeypatch: pytest.MonkeyPatch):
    from_errors = acts.meaning_of.__globals__["_unique"]
    monkeypatch.setitem(from_errors, "uq_role_grant_person_id_number", TAKEN)
    monkeypatch.setitem(
        from_errors, "UNIQUE constraint failed: role_grant.person_id, role_grant.number", TAKEN
    )
    bruno = someone()
    with pytest.raises(Refused) as caught:
        does(two_roles_with_one_number)(bruno, by=ADA)
    assert caught.value.code == "test.taken"


def test_any_other_rule_of_the_database_is_a_refusal_too():
    bruno = someone()

    def without_a_name(user: User) -> None:
        session.add(User(code="nameless", printed_name=None))

    with pytest.raises(Refused) as caught:
        does(without_a_name)(bruno, by=ADA)
    assert caught.value.code == "acts.database_refused"


def test_a_value_that_does_not_fit_is_invalid(engine_kind: str):
    if engine_kind == "sqlite":
        pytest.skip("SQLite keeps texts of any length; the fields see to it")
    bruno = someone()
    with pytest.raises(Invalid):
        RENAME(bruno, by=ADA, to="x" * 5000)


def test_a_refusal_with_faults_passes_as_it_is():
    bruno = someone()

    def wrong(user: User) -> None:
        raise invalid(name=["Too short."])

    with pytest.raises(Invalid) as caught:
        does(wrong)(bruno, by=ADA)
    assert caught.value.faults == {"name": ["Too short."]}
