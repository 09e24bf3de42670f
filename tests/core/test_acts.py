"""The door: permission, locks, judgement, one transaction; how it breaks off stands beside."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from mscbank.core import acts, clock, locks, messages
from mscbank.core.access import Grant, Kind, Principal, Role, operator, system
from mscbank.core.acts import Again, current, shared
from mscbank.core.db import Unguarded, engines, session
from mscbank.core.errors import Busy, Invalid, Missing, NotAllowed, Obstacle, Refused, Stale
from mscbank.core.i18n import _
from mscbank.staff import actions, presence
from mscbank.staff.models import RoleGrant, Site, User
from tests.core.acting import RENAME, creates, does, name_of, records, rename, someone, somewhere
from tests.people import ADA, BRUNO, SAM, person

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

WHY = Obstacle("test.no", _("Not now."), Role.QA)


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
