"""What an act reads once, and when it asks again."""

import pytest
from sqlalchemy import event

from mscbank.core.db import at_hand, engines, session
from mscbank.core.reading import once_an_act
from mscbank.staff.models import User
from tests.core.acting import does, rename, someone
from tests.people import ADA

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]


@pytest.fixture
def asked():
    """How often a loader was asked, and the loader."""
    count: list[tuple[int, ...]] = []

    @once_an_act
    def names(keys: list[int]) -> dict[int, str]:
        count.append(tuple(keys))
        return {user.id: user.printed_name for user in at_hand(User, keys)}

    return count, names


def test_the_same_question_is_asked_once_until_the_act_writes(asked):
    count, names = asked
    bruno = someone()
    seen = []

    def body(user: User) -> None:
        seen.append([names([user.id]), names(key for key in [user.id]), names([user.id, user.id])])
        rename(user, to="Bruno II")
        seen.append([names([user.id])])

    does(body)(bruno, by=ADA)
    assert count == [(bruno.id,), (bruno.id, bruno.id), (bruno.id,)]
    assert seen[0] == [{bruno.id: "Bruno Lang"}] * 3
    assert seen[1] == [{bruno.id: "Bruno II"}]


def test_outside_an_act_every_question_is_asked(asked):
    count, names = asked
    bruno = someone()
    names([bruno.id])
    names([bruno.id])
    assert len(count) == 2


def test_rows_at_hand_come_in_the_order_asked_and_the_missing_ones_in_one_statement():
    keys = [someone(login, login.title()).id for login in ("ines", "otto", "sam")]
    session.rollback()
    session.expire_all()
    statements: list[str] = []
    event.listen(engines().read, "before_cursor_execute", lambda *a: statements.append(a[2]))
    wanted = [keys[2], keys[0], keys[2], 999_999, keys[1]]
    rows = at_hand(User, wanted)
    assert [row.id for row in rows] == [keys[2], keys[0], keys[1]]
    assert len(statements) == 1
    assert at_hand(User, keys) == sorted(rows, key=lambda row: keys.index(row.id))
    assert len(statements) == 1, "they were at hand"
