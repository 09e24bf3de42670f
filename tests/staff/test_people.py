"""Who somebody is: roles that hold now, sessions, tokens, presence."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from mscbank.core import access, clock
from mscbank.core.access import Kind, Role
from mscbank.core.db import plumbing, session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.staff import actions, people, presence
from mscbank.staff.models import RoleGrant, User, WebSession
from tests.core.acting import does, someone, somewhere
from tests.house import HOST, employ, token_of
from tests.people import ADA, BRUNO, sign

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("office")]

IDLE = timedelta(minutes=30)


def user(login: str) -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def age_sessions(minutes: int) -> None:
    with plumbing() as connection:
        connection.execute(update(WebSession).values(seen_at=clock.now() - timedelta(minutes=minutes)))


def test_the_roles_are_those_that_hold_now():
    bruno, paris = someone(), somewhere()
    actions.grant_role(bruno, by=ADA, role=Role.LAB_TECH)
    actions.grant_role(bruno, by=ADA, role=Role.QA, at=paris, ends_at=clock.now() + timedelta(days=1))
    actions.grant_role(bruno, by=ADA, role=Role.QP)
    actions.end_role(bruno, by=ADA, role=Role.QP, reason="moved on")
    found = people.load("bruno")
    assert found is not None
    assert {(g.role, g.site) for g in found.grants} == {(Role.LAB_TECH, None), (Role.QA, "PARIS")}

    def expire(_user: User) -> None:
        for grant in session.scalars(select(RoleGrant).where(RoleGrant.role == Role.QA)):
            grant.ends_at = clock.now() - timedelta(seconds=1)

    does(expire)(bruno, by=ADA)
    assert people.load("bruno").roles == {Role.LAB_TECH}  # type: ignore[union-attr]


@pytest.mark.parametrize("login", ["nobody", "", "bru\0no", "system:x", "operator:root", "BRUNO"])
def test_nobody_else_is_found(login: str):
    someone()
    assert people.load(login) is None


def test_a_disabled_account_is_nobody_at_once():
    employ("bruno", "Bruno", *BRUNO.grants)
    token, sid = token_of("bruno"), people.open_session("bruno", "s")
    assert people.by_token(token)
    assert people.by_session(sid, IDLE)
    actions.disable(user("bruno"), by=ADA, reason="left the house")
    assert people.load("bruno") is people.by_token(token) is people.by_session(sid, IDLE) is None
    actions.enable(user("bruno"), by=ADA, reason="came back")
    assert people.by_token(token)


# --- Sessions ----------------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_lives_on_when_used():
    someone()
    sid = people.open_session("bruno", "127.0.0.1")
    for _ in range(3):
        age_sessions(29)
        assert people.by_session(sid, IDLE)
    age_sessions(31)
    assert people.by_session(sid, IDLE) is None


def test_a_session_ended_is_ended_on_the_server():
    someone()
    sid, other = people.open_session("bruno", "a"), people.open_session("bruno", "b")
    people.end_session(sid)
    assert people.by_session(sid, IDLE) is None
    assert people.by_session(other, IDLE)
    assert people.by_session("made up", IDLE) is None


def test_only_digests_of_tokens_are_kept():
    someone()
    sid, token = people.open_session("bruno", "a"), token_of("bruno")
    session.rollback()
    assert sid not in str(session.execute(select(WebSession.token_hash)).all())
    assert token not in str(session.execute(select(actions.ApiToken.token_hash)).all())


# --- Tokens ------------------------------------------------------------------------------------------------


def test_a_token_is_its_owner_narrowed_by_scopes():
    employ("bruno", "Bruno", *BRUNO.grants)
    found = people.by_token(token_of("bruno", "read batch.record_passage"))
    assert found is not None
    assert (found.login, found.kind, found.roles) == ("bruno", Kind.PERSON, {Role.LAB_TECH})
    assert found.may_read
    assert found.may_use("batch.record_passage")
    assert not found.may_use("batch.harvest")


def test_a_device_names_its_acts_and_sees_no_names():
    employ("freezer", "Freezer 3", *BRUNO.grants)
    found = people.by_token(token_of("freezer", "custody.reading", is_device=True))
    assert found is not None
    assert found.kind is Kind.DEVICE
    assert not found.sees_names
    assert not found.may_read
    assert found.may_use("custody.reading")
    assert not found.may_use("custody.move")


def test_a_token_ends_by_time_and_by_hand():
    bruno = someone()
    token = token_of("bruno")
    actions.revoke_token(bruno, by=ADA, number=1, reason="lost laptop")
    assert people.by_token(token) is None
    with pytest.raises(Invalid):
        actions.revoke_token(bruno, by=ADA, number=1, reason="once more")
    late = token_of("bruno", days=1)

    def expire(_user: User) -> None:
        session.scalars(
            select(actions.ApiToken).where(actions.ApiToken.number == 2)
        ).one().expires_at = clock.now()

    does(expire)(bruno, by=ADA)
    assert people.by_token(late) is None
    assert people.by_token("msc_made-up") is None


@pytest.mark.parametrize("days", [0, -1, 400])
def test_a_token_lives_at_most_a_year(days: int):
    someone()
    with pytest.raises(Invalid):
        token_of("bruno", days=days)


@pytest.mark.parametrize("scopes", ["", "  ", "READ", "a.b.c", "write;"])
def test_a_scope_is_a_word(scopes: str):
    someone()
    with pytest.raises(Invalid):
        token_of("bruno", scopes)


def test_an_administrator_makes_tokens_for_devices_never_for_people():
    """Whoever held somebody else's token could act as that person."""
    bruno = someone()
    values = {"label": "x", "token_hash": "0" * 64, "expires_at": clock.now() + timedelta(days=9)}
    with pytest.raises(Refused) as caught:
        actions.issue_token(bruno, by=ADA, scopes="read", **values)
    assert caught.value.code == "person.not_yours"
    actions.issue_token(bruno, by=ADA, scopes="custody.reading", is_device=True, **values)


# --- Presence ----------------------------------------------------------------------------------------------


def test_presence_is_opened_with_ones_own_secret_and_ends():
    for one in (ADA, BRUNO):
        employ(one.login, one.printed_name, *one.grants)
    bruno = people.load("bruno")
    assert bruno is not None
    with pytest.raises(Refused):
        presence.open_presence(user("bruno"), by=bruno, station="bench 1")
    sign(presence.open_presence, user("bruno"), bruno, station="bench 1")
    assert people.present_at("bench 1") == ["bruno"]
    assert people.present_at("bench 2") == []
    with pytest.raises(Refused):
        presence.close_presence(user("bruno"), by=people.load("ada"), station="bench 1")
    presence.close_presence(user("bruno"), by=bruno, station="bench 1")
    assert people.present_at("bench 1") == []


def test_nobody_is_present_for_longer_than_four_hours():
    employ("bruno", "Bruno", *BRUNO.grants)
    bruno = people.load("bruno")
    sign(presence.open_presence, user("bruno"), bruno, station="bench 1")

    def later(_user: User) -> None:
        session.scalars(select(actions.Presence)).one().closes_at = clock.now()

    does(later)(user("bruno"), by=ADA)
    assert people.present_at("bench 1") == []
    assert timedelta(hours=4) == presence.LONGEST_PRESENCE


def test_staff_says_who_is_who():
    assert access._load == [people.load]
    with pytest.raises(NotAllowed):
        actions.register(by=people.load("nobody") or BRUNO, login="x1", printed_name="X")
    assert HOST.kind is Kind.OPERATOR
