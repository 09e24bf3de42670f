"""Sessions: listed, ended by their owner or an administrator, over after a shift; tokens."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import plumbing, session
from mscbank.core.errors import NotAllowed, Refused
from mscbank.staff import actions, people, presence, secrets, sessions
from mscbank.staff.models import TokenUse, User, WebSession
from tests.core.acting import records, someone
from tests.house import House, employ, token_of
from tests.people import ADA, BRUNO, sign

IDLE = timedelta(minutes=30)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def user(login: str) -> User:
    return session.scalars(select(User).where(User.code == login)).one()


def shown(login: str = "bruno") -> list[sessions.Shown]:
    session.rollback()
    return sessions.open_sessions(login, people.LIFE)


def age(column: str, **by: float) -> None:
    with plumbing() as connection:
        connection.execute(update(WebSession).values({column: clock.now() - timedelta(**by)}))


@pytest.mark.db
@pytest.mark.usefixtures("office")
class TestEnding:
    def test_an_open_session_is_listed_with_where_and_what(self):
        someone()
        people.open_session("bruno", "10.0.0.7", "Firefox 140, Linux")
        people.open_session("tomas", "10.0.0.8")
        (one,) = shown()
        assert (one.station, one.browser) == ("10.0.0.7", "Firefox 140, Linux")
        assert one.opened_at == one.seen_at

    def test_its_owner_ends_one_or_all_the_others(self):
        employ("bruno", "Bruno", *BRUNO.grants)
        kept = [people.open_session("bruno", str(n)) for n in range(4)]
        me = people.by_session(kept[0], IDLE)
        assert me is not None
        assert me.session in {one.handle for one in shown()}
        handle = next(one.handle for one in shown() if one.station == "1")
        actions.end_own_sessions(user("bruno"), by=me, handle=handle)
        assert {one.station for one in shown()} == {"0", "2", "3"}
        actions.end_own_sessions(user("bruno"), by=me)
        assert {one.station for one in shown()} == {"0"}
        assert [people.by_session(token, IDLE) is not None for token in kept] == [True, False, False, False]
        with pytest.raises(Refused) as caught:
            actions.end_own_sessions(user("bruno"), by=me, handle=handle)
        assert caught.value.code == "person.no_session"

    def test_nobody_ends_another_ones_but_an_administrator_and_that_is_recorded(self):
        employ("bruno", "Bruno", *BRUNO.grants)
        token = people.open_session("bruno", "a")
        with pytest.raises(Refused) as caught:
            actions.end_own_sessions(user("bruno"), by=ADA)
        assert caught.value.code == "person.not_yours"
        with pytest.raises(NotAllowed):
            actions.end_sessions(user("bruno"), by=BRUNO, reason="none of mine")
        actions.end_sessions(user("bruno"), by=ADA, reason="a tablet was lost")
        assert people.by_session(token, IDLE) is None
        row = records("person", "bruno")[-1]
        assert (row.action, row.actor_login, row.reason) == (
            "person.end_sessions",
            "ada",
            "a tablet was lost",
        )
        assert '"sessions_ended":"1"' in row.body or '"sessions_ended":1' in row.body
        assert token not in row.body

    def test_a_new_password_ends_all_but_the_one_in_use(self):
        employ("bruno", "Bruno", *BRUNO.grants)
        mine, other = people.open_session("bruno", "a"), people.open_session("bruno", "b")
        secrets.prepare("bruno", "another long enough one 7")
        actions.set_password(user("bruno"), by=people.by_session(mine, IDLE))
        assert people.by_session(mine, IDLE)
        assert people.by_session(other, IDLE) is None
        secrets.prepare("bruno", "given by somebody else 8")
        actions.set_password(user("bruno"), by=ADA)
        assert people.by_session(mine, IDLE) is None

    def test_a_disabled_account_leaves_its_sessions_and_its_station_for_good(self):
        employ("bruno", "Bruno", *BRUNO.grants)
        token, bruno = people.open_session("bruno", "a"), people.load("bruno")
        sign(presence.open_presence, user("bruno"), BRUNO, station="bench 1")
        assert people.present_at("bench 1") == ["bruno"]
        actions.disable(user("bruno"), by=ADA, reason="left the house")
        actions.enable(user("bruno"), by=ADA, reason="came back")
        assert bruno is not None
        assert people.by_session(token, IDLE) is None
        assert people.present_at("bench 1") == []

    def test_it_is_over_after_a_shift_however_busy(self):
        someone()
        token = people.open_session("bruno", "a")
        age("opened_at", hours=11.9)
        assert people.by_session(token, IDLE)
        age("opened_at", hours=12.1)
        assert people.by_session(token, IDLE) is None
        assert people.idle_login(token, IDLE) is None
        assert shown() == []

    def test_an_idle_one_is_known_until_it_is_ended(self):
        someone()
        token = people.open_session("bruno", "a")
        assert people.idle_login(token, IDLE) is None
        assert IDLE - timedelta(seconds=5) < people.time_left(token, IDLE) <= IDLE
        age("seen_at", minutes=31)
        assert people.by_session(token, IDLE) is None
        assert people.idle_login(token, IDLE) == "bruno"
        assert people.time_left(token, IDLE) == timedelta(0)
        people.go_on(token)
        assert people.by_session(token, IDLE)
        age("seen_at", minutes=31)
        people.end_session(token)
        people.go_on(token)
        assert people.idle_login(token, IDLE) is people.by_session(token, IDLE) is None
        assert people.time_left("made up", IDLE) == timedelta(0)

    def test_the_last_use_of_a_token_is_known_to_the_minute(self):
        employ("bruno", "Bruno", *BRUNO.grants)
        token = token_of("bruno")
        assert sessions.tokens(user("bruno"))[0].used_at is None
        assert people.by_token(token)
        first = sessions.tokens(user("bruno"))[0].used_at
        assert first is not None
        assert people.by_token(token)
        assert sessions.tokens(user("bruno"))[0].used_at == first
        with plumbing() as connection:
            connection.execute(update(TokenUse).values(used_at=first - timedelta(hours=1)))
        assert people.by_token(token)
        assert (sessions.tokens(user("bruno"))[0].used_at or first) >= first

    def test_the_last_log_in_of_several(self):
        someone()
        someone("tomas")
        people.open_session("bruno", "a")
        assert set(sessions.last_log_ins(["bruno", "tomas"])) == {"bruno"}


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox 140, Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/139.0 Safari/537 Edg/139.0", "Edge 139, Windows"),
        (f"Mozilla/5.0 (iPhone; CPU like Mac OS X) {WEBKIT} Version/18.5 Safari/604.1", "Safari 604, iPhone"),
        ("curl/8.1", ""), ("", ""), ("Chrome/" + "9" * 500, "Chrome 9999"), ("\0<b>", ""),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_a_few_words(agent: str, words: str):
    assert sessions.browser_of(agent) == words


class TestPages:
    def test_one_sees_and_ends_ones_own(self, house: House):
        here, there = house.client_of("bruno"), house.client_of("bruno")
        page = here.get("/account").text
        assert "this one" in page
        handle = next(one.handle for one in shown() if one.handle in page and f'value="{one.handle}"' in page)
        assert here.post("/account/sessions/end", data={"handle": handle}).status_code == 302
        assert there.get("/account").status_code == 302
        assert here.get("/account").status_code == 200
        assert here.post("/account/sessions/end", data={"handle": handle}).status_code == 409
        assert here.post("/account/sessions/end", data={"handle": "x" * 17}).status_code == 422
        for label in ("x" * 81, "a\0b"):
            assert here.post("/account/tokens", data={"label": label}).status_code == 422

    def test_those_who_look_into_it_see_others_and_nobody_else_does(self, house: House):
        house.client_of("bruno")
        token_of("bruno")
        for login, sees in (("ada", True), ("otto", True), ("tomas", False), ("bruno", True)):
            page = house.client_of(login).get("/people/bruno").text
            assert ("is signed in" in page) is sees, login
        page = house.client_of("ada").get("/people/bruno").text
        assert "End all sessions" in page
        assert "Revoke an API token" in page

    def test_the_browser_is_noted_when_one_signs_in(self, house: House):
        one = house.stranger()
        one.login, one.client.environ_base["HTTP_USER_AGENT"] = "bruno", FIREFOX
        one.sign_in()
        assert shown()[0].browser == "Firefox 140, Linux"

    def test_over_the_api(self, house: House):
        house.client_of("bruno")
        ada = house.api_of("ada")
        tag = ada.get("/api/v1/people/bruno").headers["ETag"]
        sent = {"json": {"reason": "a tablet was lost"}, "headers": {"If-Match": tag}}
        assert ada.post("/api/v1/people/bruno/end-sessions", **sent).status_code == 200
        assert shown() == []

    def test_a_token_for_one_action_does_only_that(self, house: House):
        one = house.client_of("bruno")
        made = one.post(
            "/account/tokens", data={"label": "gun", "only": "person.close_presence", "days": "7"}
        )
        token = made.text.partition("msc_")[2].partition("<")[0]
        found = people.by_token(f"msc_{token}")
        assert found is not None
        assert found.scopes == {"read", "person.close_presence"}
        assert found.may_use("person.close_presence")
        assert not found.may_use("person.open_presence")
        assert (sessions.tokens(user("bruno"))[0].expires_at - clock.now()).days in (6, 7)
        assert one.post("/account/tokens", data={"label": "x", "only": "Not A Name!"}).status_code == 422
        assert Role.LAB_TECH in found.roles
        assert people.by_token(token_of("bruno", scopes="read")) is not None
