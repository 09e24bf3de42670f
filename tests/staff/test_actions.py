"""Accounts, roles, badges and sites: who may, and what must never happen to the last administrator."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.core import clock
from mscbank.core.access import Grant, Principal, Role, operator
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.staff import actions, people, presence
from mscbank.staff.models import User
from mscbank.staff.states import Account
from tests.core.acting import someone, somewhere
from tests.core.crowd import in_threads
from tests.people import ADA, BRUNO

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("office")]

HOST = operator("root")


def user(login: str) -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def administrators(*logins: str) -> list[User]:
    """Accounts with the administrator's role, given by the host."""
    found = [someone(login, login.title(), by=HOST) for login in logins]
    for one in found:
        actions.grant_role(one, by=HOST, role=Role.ADMIN)
    return found


@pytest.mark.parametrize(
    "login", ["", "a", "Bruno", "1bruno", "bruno lang", "br\0no", "x" * 41, "système", "a/b"]
)
def test_a_log_in_is_plain(login: str):
    with pytest.raises(Invalid) as caught:
        actions.register(by=ADA, login=login, printed_name="X")
    assert set(caught.value.faults) == {"login"}


def test_a_log_in_is_given_once_for_ever():
    bruno = someone()
    actions.disable(bruno, by=ADA, reason="left the house")
    with pytest.raises(Refused) as caught:
        someone()
    assert caught.value.code == "person.login_taken"


def test_forty_want_the_same_log_in():
    def want(_number: int) -> str:
        try:
            someone()
        except Refused as refused:
            return refused.code
        return "done"

    assert Counter(in_threads(40, want))["done"] == 1


@pytest.mark.parametrize(
    "values",
    [
        {"code": "paris"}, {"code": "P"}, {"code": "P" * 12}, {"code": "PA-RIS"}, {"zone": "Paris"},
        {"zone": ""}, {"zone": "../../etc/passwd"}, {"zone": "Europe/Atlantis"},
    ],
)  # fmt: skip
def test_a_site_has_a_plain_code_and_a_zone_that_is_one(values: dict[str, str]):
    with pytest.raises(Invalid) as caught:
        actions.open_site(by=ADA, **({"code": "PARIS", "name": "P", "zone": "Europe/Paris"} | values))
    assert set(caught.value.faults) == set(values)


def test_a_site_is_opened_once():
    somewhere()
    with pytest.raises(Refused) as caught:
        somewhere()
    assert caught.value.code == "site.taken"


def test_a_role_is_held_once_and_ended_with_a_reason():
    bruno, paris = someone(), somewhere()
    actions.grant_role(bruno, by=ADA, role=Role.QA, at=paris)
    actions.grant_role(bruno, by=ADA, role=Role.QA)
    with pytest.raises(Invalid):
        actions.grant_role(bruno, by=ADA, role=Role.QA, at=paris)
    actions.end_role(bruno, by=ADA, role=Role.QA, at=paris, reason="moved on")
    assert people.load("bruno").grants == {Grant(Role.QA)}  # type: ignore[union-attr]
    with pytest.raises(Invalid):
        actions.end_role(bruno, by=ADA, role=Role.QA, at=paris, reason="once more")
    actions.grant_role(bruno, by=ADA, role=Role.QA, at=paris)


def test_a_role_does_not_end_before_it_begins():
    with pytest.raises(Invalid) as caught:
        actions.grant_role(someone(), by=ADA, role=Role.QA, ends_at=clock.now() - timedelta(seconds=1))
    assert set(caught.value.faults) == {"ends_at"}


def test_nobody_gives_himself_a_role():
    administrators("ada", "alex")
    with pytest.raises(Refused) as caught:
        actions.grant_role(user("ada"), by=ADA, role=Role.QP)
    assert caught.value.code == "person.not_yourself"


def test_the_last_administrator_stays():
    ada, alex = administrators("ada", "alex")
    actions.end_role(alex, by=ADA, role=Role.ADMIN, reason="handed over")
    for last in (
        lambda: actions.end_role(ada, by=ADA, role=Role.ADMIN, reason="a bad idea"),
        lambda: actions.disable(ada, by=ADA, reason="a bad idea"),
        lambda: actions.end_role(ada, by=HOST, role=Role.ADMIN, reason="a bad idea"),
    ):
        with pytest.raises(Refused) as caught:
            last()
        assert caught.value.code == "person.last_admin"
    assert ada.state is Account.ACTIVE


def test_an_administrator_of_one_site_does_not_count():
    ada, alex = administrators("ada", "alex")
    paris = somewhere(by=HOST)
    actions.end_role(alex, by=HOST, role=Role.ADMIN, reason="handed over")
    actions.grant_role(alex, by=HOST, role=Role.ADMIN, at=paris)
    with pytest.raises(Refused):
        actions.disable(ada, by=ADA, reason="a bad idea")


def test_two_administrators_who_end_each_other_at_once_leave_one():
    administrators("ada", "alex")

    def end(number: int) -> str:
        me, other = ("ada", "alex") if number % 2 else ("alex", "ada")
        by = Principal(me, me, frozenset({Grant(Role.ADMIN)}))
        try:
            actions.disable(user(other), by=by, reason="at the same time")
        except Refused as refused:
            return refused.code
        return "done"

    assert Counter(in_threads(2, end)) == {"done": 1, "person.last_admin": 1}


def test_only_the_person_and_those_who_may_set_a_password():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        actions.set_password(bruno, by=ADA)
    assert caught.value.code == "person.no_password"
    with pytest.raises(Refused) as caught:
        actions.set_password(bruno, by=Principal("tomas", "T", frozenset({Grant(Role.QA)})))
    assert caught.value.code == "person.not_yours"


def test_a_badge_names_its_bearer_and_can_be_revoked():
    bruno = someone()
    badge = presence.issue_badge(by=ADA, person=bruno, expires_at=clock.now() + timedelta(days=9))
    assert len(badge.code) == 11
    presence.revoke_badge(badge, by=ADA, reason="it was lost")
    assert badge.revoked_at is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda: actions.register(by=BRUNO, login="x1", printed_name="X"),
        lambda: actions.open_site(by=BRUNO, code="LYON", name="L", zone="Europe/Paris"),
        lambda: actions.grant_role(user("bruno"), by=BRUNO, role=Role.QP),
        lambda: actions.disable(user("bruno"), by=BRUNO, reason="none of mine"),
    ],
)
def test_accounts_are_the_administrators(act):
    someone()
    with pytest.raises(NotAllowed):
        act()
