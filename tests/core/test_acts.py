"""The door: permission, locks, judgement, one transaction, and how it ends when something goes wrong."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from mscbank.core import acts, clock, locks, messages
from mscbank.core.access import Grant, Kind, Principal, Role, operator, system
from mscbank.core.acts import Again, current, shared
from mscbank.core.db import Unguarded, engines, session
from mscbank.core.errors import Busy, Invalid, Missing, NotAllowed, Obstacle, Refusal, Refused, Stale, invalid
from mscbank.core.i18n import _
from mscbank.staff import actions, presence
from mscbank.staff.models import RoleGrant, Site, User
from tests.core.acting import RENAME, creates, does, records, rename, someone, somewhere
from tests.people import ADA, BRUNO, SAM, person

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

WHY = Obstacle("test.no", _("Not now."), Role.QA)


def name_of(login: str) -> str | None:
    session.rollback()
    return session.scalar(select(User.printed_name).where(User.code == login))


# --- Who may -----------------------------------------------------------------------------------------------


def test_somebody_with_the_role_may_and_others_may_not():
    bruno = someone()
    RENAME(bruno, by=ADA, to="B")
    for other in (BRUNO, SAM):
        with pytest.raises(NotAllowed) as caught:
            RENAME(bruno, by=other, to="C")
        assert caught.value.obstacles[0].roles == (Role.ADMIN,)
    assert name_of("bruno") == "B"


def test_a_role_at_one_site_counts_there_alone():
    paris, lyon = somewhere("PARIS"), somewhere("LYON")

    def at(*, site: Site) -> User:
        user = User(code=f"u-{site.code.lower()}", printed_name="U", site=site.code)
        session.add(user)
        return user

    admin_of_paris = person("anna", "Anna", Role.ADMIN, site="PARIS")
    here = creates(at)(by=admin_of_paris, site=paris)
    RENAME(here, by=admin_of_paris, to="Here")
    with pytest.raises(NotAllowed):
        creates(at)(by=admin_of_paris, site=lyon)
    assert name_of("u-lyon") is None
    there = creates(at)(by=ADA, site=lyon)
    with pytest.raises(Missing):
        RENAME(there, by=admin_of_paris, to="There")


def test_a_step_of_a_bigger_act_is_nobodys_by_itself():
    bruno = someone()
    step = does(rename, role=())
    with pytest.raises(NotAllowed) as caught:
        step(bruno, by=ADA, to="x")
    assert caught.value.code == "acts.not_by_itself"
    does(lambda user: step(user, by=ADA, to="inside"))(bruno, by=ADA)
    assert name_of("bruno") == "inside"


def test_the_clockwork_starts_only_what_names_its_rule():
    bruno = someone()
    by_rule = does(rename, role=(), rule="expire")
    by_rule(bruno, by=system("expire"), to="by rule")
    assert records("person", "bruno")[-1].actor_role == "system"
    for other in (system("another"), ADA, operator("root")):
        with pytest.raises(NotAllowed):
            by_rule(bruno, by=other, to="x")
    with pytest.raises(NotAllowed):
        RENAME(bruno, by=system("expire"), to="x")


def test_the_operator_of_the_host_does_accounts_and_nothing_else():
    bruno = someone(by=operator("root"))
    with pytest.raises(NotAllowed):
        RENAME(bruno, by=operator("root"), to="x")


@pytest.mark.parametrize(
    ("scopes", "kind", "may"),
    [
        ("read write", Kind.PERSON, True), ("write", Kind.PERSON, True), ("test.rename", Kind.PERSON, True),
        ("test", Kind.PERSON, True), ("read", Kind.PERSON, False), ("", Kind.PERSON, False),
        ("test.renames", Kind.PERSON, False), ("write", Kind.DEVICE, False),
        ("test.rename", Kind.DEVICE, True), (None, Kind.DEVICE, False), (None, Kind.PERSON, True),
    ],
)  # fmt: skip
def test_a_token_may_what_its_scopes_say(scopes: str | None, kind: Kind, may: bool):
    bruno = someone()
    held = None if scopes is None else frozenset(scopes.split())
    token = Principal("ada", "Ada", frozenset({Grant(Role.ADMIN)}), kind, held)
    if may:
        RENAME(bruno, by=token, to="by token")
    else:
        with pytest.raises(NotAllowed) as caught:
            RENAME(bruno, by=token, to="by token")
        assert caught.value.code == "acts.scope_needed"
    assert (name_of("bruno") == "by token") is may


# --- What is asked before anything happens -----------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, "", "    ", "abcd", " a b c d "])
def test_a_change_that_needs_a_reason_gets_one(reason: str | None):
    bruno = someone()
    with pytest.raises(Invalid) as caught:
        actions.disable(bruno, by=ADA, reason=reason)
    assert set(caught.value.faults) == {"reason"}
    assert bruno.state.value == "active"


def test_nothing_happens_in_the_future():
    bruno = someone()
    with pytest.raises(Invalid) as caught:
        RENAME(bruno, by=ADA, to="x", happened_at=clock.now() + timedelta(seconds=5))
    assert set(caught.value.faults) == {"happened_at"}


def test_the_clock_is_moved_in_a_demonstration_only():
    bruno = someone()
    with clock.moved_to(datetime(2020, 1, 1, tzinfo=UTC)), pytest.raises(Refused) as caught:
        RENAME(bruno, by=ADA, to="x")
    assert caught.value.code == "acts.clock_moved"


def test_an_act_begins_with_nothing_changed():
    bruno = someone()
    bruno.printed_name = "by hand"
    with pytest.raises(Unguarded, match="before the act"):
        RENAME(bruno, by=ADA, to="x")
    session.rollback()
    assert name_of("bruno") == "Bruno Lang"


def test_an_action_is_called_with_its_own_kind_of_subject():
    paris = somewhere()
    with pytest.raises(TypeError, match="acts on a person"):
        RENAME(paris, by=ADA, to="x")
    with pytest.raises(TypeError, match="with one subject"):
        RENAME(by=ADA, to="x")
    with pytest.raises(TypeError, match="without a subject"):
        actions.register(paris, by=ADA, login="abc", printed_name="x")


def test_a_thing_from_another_session_is_found_again():
    bruno = someone()
    session.remove()
    RENAME(bruno, by=ADA, to="B")
    assert name_of("bruno") == "B"
    with pytest.raises(Unguarded, match="never saved"):
        RENAME(User(code="ghost", printed_name="G"), by=ADA, to="x")


def test_what_was_read_before_is_read_again():
    """A stale fact must not be judged."""
    bruno = someone()
    assert bruno.printed_name == "Bruno Lang"
    other = threading.Thread(
        target=lambda: (RENAME(session.get(User, 1), by=ADA, to="Elsewhere"), session.remove())
    )
    other.start()
    other.join()
    seen: list[str] = []
    does(lambda user: seen.append(user.printed_name))(bruno, by=ADA)
    assert seen == ["Elsewhere"]


# --- Versions ----------------------------------------------------------------------------------------------


def test_invariant_23_a_stale_version_is_refused():
    bruno = someone()
    RENAME(bruno, by=ADA, to="B", expected=1)
    with pytest.raises(Stale):
        RENAME(bruno, by=ADA, to="C", expected=1)
    assert (name_of("bruno"), bruno.version) == ("B", 2)


def test_the_version_counts_once_an_act_also_for_a_part_alone():
    bruno = someone()
    actions.grant_role(bruno, by=ADA, role=Role.QA)
    assert bruno.version == 2

    def nothing(user: User) -> None:
        """Changes nothing."""

    does(nothing)(bruno, by=ADA, expected=2)
    assert bruno.version == 3


# --- Locks -------------------------------------------------------------------------------------------------


def locking(run: Any) -> list[str]:
    """The tables locked while something runs, in their order, with the strength."""
    found: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.split()
        if "FOR" in words[-5:] and "FROM" in words:
            found.append(f"{words[words.index('FROM') + 1]} {' '.join(words[words.index('FOR') :])}")

    event.listen(engines().write, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(engines().write, "before_cursor_execute", note)
    return found


def test_locks_are_taken_in_one_order_each_with_its_strength(engine_kind: str):
    bruno, paris = someone(), somewhere()
    badge = presence.issue_badge(by=ADA, person=bruno, expires_at=clock.now() + timedelta(days=9))
    act = does(rename, locks=lambda user, to: [badge, *shared(paris), user])
    taken = locking(lambda: act(bruno, by=ADA, to="x"))
    expected = ["badge FOR NO KEY UPDATE", "site FOR SHARE", "person FOR NO KEY UPDATE"]
    assert taken == ([] if engine_kind == "sqlite" else expected)


def test_a_kind_of_which_some_are_written_is_locked_in_one_statement(engine_kind: str):
    bruno, ines = someone(), someone("ines", "Ines")
    taken = locking(lambda: does(rename, locks=lambda user, to: shared(ines))(bruno, by=ADA, to="x"))
    assert taken == ([] if engine_kind == "sqlite" else ["person FOR NO KEY UPDATE"])
    with pytest.raises(Unguarded, match="without being locked"):
        does(lambda user: rename(ines, to="x"), locks=lambda user: shared(ines))(bruno, by=ADA)


def test_a_thing_that_was_not_locked_is_not_changed():
    bruno, ines = someone(), someone("ines", "Ines")
    with pytest.raises(Unguarded, match="without being locked"):
        does(lambda user: rename(ines, to="x"))(bruno, by=ADA)
    with pytest.raises(Unguarded, match="not among the locks"):
        does(lambda user: RENAME(ines, by=ADA, to="x"))(bruno, by=ADA)
    with pytest.raises(Unguarded, match="without being locked"):
        does(lambda user: session.add(RoleGrant(person=ines, number=1, role=Role.QA, starts_at=clock.now())))(
            bruno, by=ADA
        )
    assert name_of("ines") == "Ines"


def test_a_part_stays_with_its_owner():
    bruno, ines = someone(), someone("ines", "Ines")
    actions.grant_role(bruno, by=ADA, role=Role.QA)
    for move in (
        lambda grant: setattr(grant, "person", ines),
        lambda grant: setattr(grant, "person_id", ines.id),
    ):
        with pytest.raises(Unguarded, match="stays with its owner"):
            does(lambda user, move=move: move(session.scalar(select(RoleGrant))), locks=lambda user: [ines])(
                bruno, by=ADA
            )


def test_what_leads_to_more_once_it_is_locked_begins_again(engine_kind: str, monkeypatch: pytest.MonkeyPatch):
    bruno, ines = someone(), someone("ines", "Ines")
    asked: list[int] = []

    def more_each_time(_user: User) -> list[User]:
        asked.append(1)
        return [ines] if len(asked) > 1 else []

    does(lambda user: rename(ines, to="x"), locks=more_each_time)(
        bruno, by=ADA
    ) if engine_kind == "postgresql" else None
    if engine_kind == "postgresql":
        assert name_of("ines") == "x"
    never = lambda *_: (_ for _ in ()).throw(Again)  # noqa: E731 - a lock that never comes to rest
    monkeypatch.setattr(acts, "lock", never)
    with pytest.raises(Busy):
        RENAME(bruno, by=ADA, to="x")


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


# --- Threads and little things -----------------------------------------------------------------------------


def test_another_thread_knows_nothing_of_this_act():
    bruno = someone()
    found: list[Any] = []

    def elsewhere() -> None:
        try:
            found.append(session.registry().act)
            session.execute(text("DELETE FROM person"))
        except Unguarded as error:
            found.append(error)
        finally:
            session.remove()

    def body(_user: User) -> None:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    does(body)(bruno, by=ADA)
    assert found[0] is None
    assert isinstance(found[1], Unguarded)


def test_a_session_handed_to_another_thread_does_not_write_there():
    bruno = someone()
    found: list[BaseException] = []

    def body(_user: User) -> None:
        mine = session.registry()

        def elsewhere() -> None:
            try:
                mine.connection().execute(text("DELETE FROM person"))
            except (Unguarded, DBAPIError) as error:
                found.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    does(body)(bruno, by=ADA)
    assert len(found) == 1
    assert name_of("bruno") == "Bruno Lang"


def test_no_act_is_open_outside_of_one():
    with pytest.raises(Unguarded, match="no act"):
        current()
    with pytest.raises(RuntimeError, match="belongs to an act"):
        messages.message("x", someone())


def test_it_answers_with_what_the_function_gives_back():
    bruno = someone()
    assert does(lambda user: 7)(bruno, by=ADA) == 7
    assert does(rename)(bruno, by=ADA, to="x") is bruno


def test_an_action_has_one_name():
    with pytest.raises(ValueError, match="two actions"):
        acts.action("person.register", creates="person")(lambda: None)
    assert acts.ACTIONS["person.register"].doc.startswith("Give somebody an account")


def test_locks_know_that_more_or_stronger_is_not_enough():
    assert locks._is_enough({(User, 1): True}, {(User, 1): False})
    assert not locks._is_enough({(User, 1): False}, {(User, 1): True})
    assert not locks._is_enough({}, {(User, 1): False})
