"""One step done to several things inside a larger act: judged together, done, written, put down apart."""

import json
from typing import Any

import pytest
from sqlalchemy import event

from mscbank.core.acts import Action
from mscbank.core.db import Unguarded, session
from mscbank.core.errors import Obstacle, Refused
from mscbank.core.i18n import _
from mscbank.core.record import Record
from mscbank.staff.models import User
from tests.core.acting import does, records, rename, someone
from tests.people import ADA

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

WHY = Obstacle("test.no", _("Not now."))


def over(users: list[User], body: Any) -> Action:
    """A larger act on the first that locks them all."""
    return does(body, locks=lambda user: users)


def names(users: list[User]) -> list[str]:
    session.rollback()
    return [user.printed_name for user in users]


def changes(row: Record) -> Any:
    return json.loads(row.body)["changes"]


def three() -> list[User]:
    return [someone(login, f"Dr {login}") for login in ("bruno", "carla", "dora")]


def test_each_is_put_down_to_its_own_act():
    users = three()
    child = does(rename, name="test.child", role=())

    def parent(user: User) -> None:
        child.each(users, by=ADA, to="anew")

    over(users, parent)(users[0], by=ADA)
    assert names(users) == ["anew"] * 3
    rows = [row for row in records("person", "bruno") if row.action == "test.child"]
    assert [row.subject_code for row in rows] == ["bruno", "carla", "dora"]
    for row in rows:
        one = changes(row)
        assert [entry["thing"] for entry in one] == [["person", row.subject_code]]
        assert one[0]["fields"]["printed_name"] == [f"Dr {row.subject_code}", "anew"]
        assert json.loads(row.body)["touched"] == [["person", row.subject_code]]


def test_it_is_recorded_as_if_done_one_by_one():
    together, apart = three(), [someone(login, f"Dr {login}") for login in ("emil", "fred", "gina")]
    child = does(rename, name="test.child", role=())
    over(together, lambda user: child.each(together, by=ADA, to="anew"))(together[0], by=ADA)
    over(apart, lambda user: [child(one, by=ADA, to="anew") for one in apart] and None)(apart[0], by=ADA)
    said = [
        [(row.action, [entry["fields"] for entry in changes(row)]) for row in records("person", code)[1:]]
        for code in ("bruno", "emil")
    ]
    plain = json.dumps(said[0]).replace("bruno", "emil").replace("carla", "fred").replace("dora", "gina")
    assert json.loads(plain) == json.loads(json.dumps(said[1]))


def test_all_are_judged_before_any_is_touched():
    users = three()
    child = does(
        rename, name="test.child", role=(), unless=(lambda user, by: WHY if user is users[2] else None,)
    )

    def parent(user: User) -> None:
        with pytest.raises(Refused, match=r"test\.no"):
            child.each(users, by=ADA, to="anew")
        user.printed_name = "parent"

    over(users, parent)(users[0], by=ADA)
    assert names(users) == ["parent", "Dr carla", "Dr dora"]
    assert [row.action for row in records("person", "bruno")] == ["person.register", "test.act"]


def test_what_it_needs_is_asked_of_all_together_with_the_inputs():
    users, asked = three(), []

    def needs(things: list[User], *, to: str) -> None:
        asked.append(([user.code for user in things], to))
        if to == "nobody":
            raise Refused(WHY)

    child = does(rename, name="test.child", role=(), needs=needs)
    over(users, lambda user: child.each(users, by=ADA, to="anew"))(users[0], by=ADA)
    with pytest.raises(Refused, match=r"test\.no"):
        over(users, lambda user: child.each(users, by=ADA, to="nobody"))(users[0], by=ADA)
    assert asked == [(["bruno", "carla", "dora"], "anew"), (["bruno", "carla", "dora"], "nobody")]
    assert names(users) == ["anew"] * 3


def test_an_outermost_act_needs_it_too():
    bruno = someone()

    def needs(things: list[User], *, to: str) -> None:
        raise Refused(WHY)

    with pytest.raises(Refused, match=r"test\.no"):
        does(rename, needs=needs)(bruno, by=ADA, to="anew")
    assert names([bruno]) == ["Bruno Lang"]


def test_nothing_else_is_changed_beside_the_subjects():
    users = three()
    other = users[2]

    def body(user: User, *, to: str) -> None:
        user.printed_name = to
        other.printed_name = to

    child = does(body, name="test.child", role=())
    with pytest.raises(Unguarded, match="none of its subjects"):
        over(users, lambda user: child.each(users[:2], by=ADA, to="anew"))(users[0], by=ADA)
    assert names(users) == ["Dr bruno", "Dr carla", "Dr dora"]


def test_a_thing_listed_twice_is_refused():
    users = three()
    child = does(rename, name="test.child", role=())
    with pytest.raises(Refused, match=r"acts\.twice"):
        over(users, lambda user: child.each([*users, users[1]], by=ADA, to="anew"))(users[0], by=ADA)
    assert names(users) == ["Dr bruno", "Dr carla", "Dr dora"]


def test_what_is_not_locked_is_not_touched():
    users = three()
    child = does(rename, name="test.child", role=())
    with pytest.raises(Unguarded, match="not among the locks"):
        over(users[:2], lambda user: child.each(users, by=ADA, to="anew"))(users[0], by=ADA)
    assert names(users) == ["Dr bruno", "Dr carla", "Dr dora"]


def test_one_that_breaks_off_takes_all_with_it():
    users = three()

    def half(user: User) -> None:
        user.printed_name = "half"
        if user is users[1]:
            raise Refused(WHY)

    child = does(half, name="test.child", role=())

    def parent(user: User) -> None:
        with pytest.raises(Refused):
            child.each(users, by=ADA)

    with pytest.raises(Refused, match=r"test\.no"):
        over(users, parent)(users[0], by=ADA)
    assert names(users) == ["Dr bruno", "Dr carla", "Dr dora"]


def test_of_none_nothing_happens():
    bruno = someone()
    child = does(rename, name="test.child", role=())
    does(lambda user: child.each([], by=ADA, to="anew"))(bruno, by=ADA)
    assert [row.action for row in records("person", "bruno")] == ["person.register", "test.act"]


def test_it_writes_once_however_many_there_are():
    users = three()
    child = does(rename, name="test.child", role=())
    counts = []
    for act in (
        over(users, lambda user: child.each(users[:1], by=ADA, to="one")),
        over(users, lambda user: child.each(users, by=ADA, to="all")),
    ):
        flushes: list[Any] = []

        def seen(*args: Any, into: list[Any] = flushes) -> None:
            into.append(args)

        event.listen(session.registry(), "after_flush", seen)
        act(users[0], by=ADA)
        event.remove(session.registry(), "after_flush", seen)
        counts.append(len(flushes))
    assert counts[0] == counts[1]
