"""Badges identify and never authenticate; presence is opened with a secret and ends by itself."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from mscbank.coding import short
from mscbank.core import clock
from mscbank.core.db import engines, permitted, plumbing, session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.staff import actions, people, presence
from mscbank.staff.models import Badge, Presence, User, WebSession
from tests.core.acting import does, records
from tests.house import House, employ
from tests.people import ADA, BRUNO, SECRET, TOMAS, sign


def user(login: str = "bruno") -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def badge_of(login: str = "bruno", days: float = 90) -> Badge:
    until = clock.now() + timedelta(days=days)
    found: Badge = presence.issue_badge(by=ADA, person=user(login), expires_at=until)
    return found


def stand(station: str = "bench 1") -> None:
    sign(presence.open_presence, user(), BRUNO, station=station)


@pytest.fixture
def staffed(office: str) -> str:
    for person in (BRUNO, TOMAS):
        employ(person.login, person.printed_name, *person.grants)
    return office


@pytest.mark.db
@pytest.mark.usefixtures("staffed")
class TestBadges:
    def test_its_number_is_drawn(self):
        numbers = [short.parse(badge_of().code).number for _ in range(6)]
        assert len(set(numbers)) == 6
        steps = {b - a for a, b in pairwise(numbers)}
        assert len(steps) > 1, "no counting"
        assert max(numbers) > 100_000

    @pytest.mark.parametrize("days", [-1, 0, 732])
    def test_it_ends_in_the_future_and_within_two_years(self, days: int):
        with pytest.raises(Invalid) as caught:
            badge_of(days=days)
        assert set(caught.value.faults) == {"expires_at"}

    def test_it_names_its_bearer_until_it_is_revoked_expired_or_he_is_gone(self, monkeypatch):
        badge = badge_of()
        assert presence.bearer(badge.code) == people.load("bruno")
        assert presence.bearer("made up") is None
        after = clock.now() + timedelta(days=91)
        with monkeypatch.context() as later:
            later.setattr("mscbank.staff.presence.clock.now", lambda: after)
            assert presence.bearer(badge.code) is None
        actions.disable(user(), by=ADA, reason="left the house")
        assert presence.bearer(badge.code) is None
        actions.enable(user(), by=ADA, reason="came back")
        presence.revoke_badge(badge, by=ADA, reason="it was lost")
        assert presence.bearer(badge.code) is None
        with pytest.raises(Refused) as caught:
            presence.revoke_badge(badge, by=ADA, reason="once more")
        assert caught.value.code == "badge.revoked"

    def test_only_an_administrator_issues_and_revokes(self):
        badge = badge_of()
        with pytest.raises(NotAllowed):
            presence.issue_badge(by=BRUNO, person=user(), expires_at=badge.expires_at)
        with pytest.raises(NotAllowed):
            presence.revoke_badge(badge, by=BRUNO, reason="none of mine")


@pytest.mark.db
@pytest.mark.usefixtures("staffed")
class TestPresence:
    def test_it_lasts_four_hours_at_most(self):
        stand()
        here = presence.standing_at(user())
        assert here is not None
        assert here.closes_at - here.opened_at == timedelta(hours=4)

        def end(_user: User) -> None:
            session.scalars(select(Presence)).one().closes_at = clock.now()

        does(end)(user(), by=ADA)
        assert people.present_at("bench 1") == []
        assert presence.standing_at(user()) is None
        stand()
        assert people.present_at("bench 1") == ["bruno"]

    def test_one_stands_at_one_station(self):
        stand("bench 1")
        stand("bench 2")
        assert people.present_at("bench 1") == []
        assert people.present_at("bench 2") == ["bruno"]

    def test_nobody_leaves_where_he_does_not_stand(self):
        with pytest.raises(Refused) as caught:
            presence.close_presence(user(), by=BRUNO, station="bench 1")
        assert caught.value.code == "person.not_present"

    def test_the_database_knows_one_station_too(self):
        stand()
        copy = (
            "INSERT INTO presence (id, person_id, number, station, opened_at, closes_at) "
            "SELECT id + 1, person_id, number + 1, 'bench 2', opened_at, closes_at FROM presence"
        )
        with pytest.raises(IntegrityError), engines().write.begin() as connection, permitted(connection):
            connection.execute(text(copy))


class TestPages:
    def test_at_the_station_and_by_signing_out(self, house: House):
        one = house.client_of("bruno")
        own = {"station": "bench 1", "login": "bruno", "secret": SECRET}
        assert one.post("/station/stand", data=own | {"secret": "wrong"}).status_code == 401
        assert one.post("/station/stand", data=own | {"station": ""}).status_code == 422
        assert one.post("/station/stand", data=own | {"station": "x" * 81}).status_code == 422
        done = one.post("/station/stand", data=own)
        assert done.status_code == 302
        kept = next(line for line in done.headers.getlist("Set-Cookie") if line.startswith("station="))
        assert all(word in kept for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert "You are present at bench 1" in one.get("/account").text
        assert people.present_at("bench 1") == ["bruno"]
        assert one.post("/station/leave", data={"login": "bruno"}).status_code == 302
        assert people.present_at("bench 1") == []
        one.post("/station/stand", data=own)
        with plumbing() as connection:
            connection.execute(update(WebSession).values(seen_at=clock.now() - timedelta(minutes=31)))
        one.post("/sign-out")
        assert people.present_at("bench 1") == [], "an idle browser signs out and leaves, too"
        assert records("person", "bruno")[-1].action == "person.close_presence"

    def test_behind_tls_the_cookie_of_the_station_is_strict_too(self, house: House, monkeypatch):
        one = house.client_of("bruno")
        monkeypatch.setitem(house.app.config, "SESSION_COOKIE_SECURE", True)
        done = one.post("/station/stand", data={"station": "bench 1", "login": "bruno", "secret": SECRET})
        (kept,) = [line for line in done.headers.getlist("Set-Cookie") if "station=" in line]
        assert kept.startswith("__Host-station=")
        assert all(word in kept for word in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Strict"))
        assert "Domain" not in kept

    def test_badges_are_issued_shown_and_revoked(self, house: House):
        ada = house.client_of("ada")
        made = ada.post("/badges/new", data={"person": "bruno", "expires_at": "2027-06-01T10:00"})
        assert made.status_code == 302, made.text
        page = ada.get(made.location).text
        assert "Badge of Bruno Lang" in page
        assert "<svg" in page
        assert ada.get("/badges/").status_code == 200
        assert house.client_of("bruno").get("/badges/new").status_code == 403
