"""A repeated request acts once; a stale edit does not pass (invariant 23), however many come at once."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from mscbank.core import acts, clock
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import NotAllowed, Refused, Stale
from mscbank.core.idempotency import Idempotency
from mscbank.staff import actions, presence
from mscbank.staff.models import User
from tests.core.acting import RENAME, records, someone
from tests.core.crowd import in_processes, in_threads
from tests.people import ADA, SAM, person

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

OTHER_ADMIN = person("alex", "Alex", Role.ADMIN)
FORTY = 40
AN_HOUR = timedelta(hours=1)


def keys() -> list[str]:
    session.rollback()
    return list(session.scalars(select(Idempotency.key)))


def test_the_second_time_it_answers_and_does_nothing():
    first = actions.register(by=ADA, login="bruno", printed_name="Bruno", key="k1")
    assert session.info["replayed"] is False
    again = actions.register(by=ADA, login="bruno", printed_name="Bruno", key="k1")
    assert session.info["replayed"] is True
    assert again is first
    assert len(records("person", "bruno")) == 1
    assert records("person", "bruno")[0].idempotency_key == "k1"


def test_an_act_on_a_thing_answers_with_it_though_its_version_has_moved_on():
    bruno = someone()
    RENAME(bruno, by=ADA, to="B", expected=1, key="k1")
    assert RENAME(bruno, by=ADA, to="B", expected=1, key="k1") is bruno
    assert bruno.version == 2
    RENAME(bruno, by=ADA, to="C")
    assert session.info["replayed"] is False


def test_the_key_is_for_this_request_alone():
    bruno, ines = someone(), someone("ines", "Ines")
    RENAME(bruno, by=ADA, to="B", key="k1")
    for other in (
        lambda: RENAME(bruno, by=ADA, to="C", key="k1"),
        lambda: RENAME(ines, by=ADA, to="B", key="k1"),
        lambda: RENAME(bruno, by=ADA, to="B", key="k1", reason="another one"),
        lambda: RENAME(bruno, by=ADA, to="B", key="k1", happened_at=clock.now() - AN_HOUR),
        lambda: actions.grant_role(bruno, by=ADA, role=Role.QA, key="k1"),
    ):
        with pytest.raises(Refused) as caught:
            other()
        assert caught.value.code == "idempotency.reused"
    assert bruno.printed_name == "B"


def test_everybody_has_keys_of_his_own():
    actions.register(by=ADA, login="bruno", printed_name="Bruno", key="k1")
    actions.register(by=OTHER_ADMIN, login="ines", printed_name="Ines", key="k1")
    assert len(keys()) == 2


def test_what_was_refused_keeps_no_key():
    bruno = someone()
    with pytest.raises(Refused):
        actions.enable(bruno, by=ADA, reason="it was never disabled", key="k1")
    with pytest.raises(NotAllowed):
        RENAME(bruno, by=SAM, to="x", key="k1")
    with pytest.raises(Stale):
        RENAME(bruno, by=ADA, to="x", expected=9, key="k1")
    assert keys() == []
    RENAME(bruno, by=ADA, to="B", expected=1, key="k1")
    assert keys() == ["k1"]


def test_the_row_keeps_no_answer():
    someone()
    columns = set(Idempotency.__table__.columns.keys())
    assert columns == {
        "id", "key", "login", "route", "body_hash", "act", "subject_kind", "subject_code", "status",
        "created_at",
    }  # fmt: skip


def test_invariant_23_forty_threads_with_one_key_act_once():
    answers = in_threads(
        FORTY, lambda _n: actions.register(by=ADA, login="bruno", printed_name="Bruno", key="k1").code
    )
    assert Counter(answers) == {"bruno": FORTY}
    assert len(records("person", "bruno")) == 1
    assert session.scalar(select(func.count()).select_from(User)) == 1


def test_invariant_23_forty_threads_with_one_version_one_passes():
    someone()

    def edit(number: int) -> str:
        user = session.scalars(select(User)).one()
        try:
            RENAME(user, by=ADA, to=f"Bruno {number}", expected=1)
        except Stale:
            return "stale"
        return "done"

    assert Counter(in_threads(FORTY, edit)) == {"done": 1, "stale": FORTY - 1}
    session.rollback()
    assert session.scalars(select(User)).one().version == 2


def test_forty_creations_at_once_have_codes_and_places_of_their_own():
    bruno = someone()
    made = in_threads(
        FORTY,
        lambda _n: (
            presence.issue_badge(
                by=ADA, person=session.get(User, bruno.id), expires_at=clock.now() + timedelta(days=9)
            ).code
        ),
    )
    assert len(set(made)) == FORTY, Counter(made)


def give_a_role(_number: int) -> str:
    """One of many that want to give the same role: it can be held once."""
    user = session.scalars(select(User)).one()
    try:
        actions.grant_role(user, by=ADA, role=Role.QA)
    except Refused as refused:
        return refused.code
    return "done"


def register_with_one_key(_number: int) -> str:
    return str(actions.register(by=ADA, login="bruno", printed_name="Bruno", key="k1").code)


def test_invariant_23_four_processes_with_one_key_act_once(bank: str):
    assert Counter(in_processes(bank, register_with_one_key)) == {"bruno": FORTY}
    assert len(records("person", "bruno")) == 1


def test_four_processes_want_the_one_role(bank: str):
    someone()
    assert Counter(in_processes(bank, give_a_role)) == {"done": 1, "invalid": FORTY - 1}
    chain = records("person", "bruno")
    assert [row.chain_sequence for row in chain] == list(range(1, len(chain) + 1))


def test_a_key_is_taken_back_with_its_act():
    bruno = someone()

    def fails(user: User) -> None:
        user.printed_name = "x"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        acts.Action("test.fails", fails, role=(Role.ADMIN,), kind="person")(bruno, by=ADA, key="k1")
    assert keys() == []
