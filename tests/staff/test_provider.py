"""Single sign-on at a real provider on loopback: the right answer opens, every wrong one is refused."""

import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from mscbank.core import clock
from mscbank.core.access import Role
from mscbank.core.db import plumbing, session
from mscbank.core.errors import Refused
from mscbank.staff import actions, factors, identities, people, provider, signon
from mscbank.staff.models import Identity, SignOn, User, WebSession
from tests.attack import refused
from tests.core.acting import records
from tests.core.tampering import lines
from tests.house import HOST, House, Someone
from tests.make_factor import enrolled
from tests.make_provider import (
    Idp,
    by_another_key,
    changed,
    drips,
    fails,
    hangs_up,
    new_key,
    own_key_in_header,
    provided,
    says,
    sends_elsewhere,
    unsigned,
    with_the_public_key,
)
from tests.people import ADA, SECRET


@pytest.fixture(scope="module")
def _serving() -> Iterator[Idp]:
    with provided() as idp:
        yield idp


@pytest.fixture
def idp(_serving: Idp, house: House) -> Iterator[Idp]:
    """The provider, honest, in use, and linked to Ana's account."""
    _serving.reset()
    provider.open_provider(_serving.settings())
    linked("ana", _serving)
    yield _serving
    provider.open_provider(None)
    factors.demand("nobody")


_addresses = count(1)


def somebody(app: Flask, login: str) -> Someone:
    """Somebody at a browser of a station of his own, so that nobody else's failed tries count."""
    one = Someone(app, login)
    one.client.environ_base["REMOTE_ADDR"] = str(IPv4Address("10.0.0.0") + next(_addresses))
    return one


def linked(login: str, idp: Idp, subject: str | None = None) -> None:
    by = people.load(login)
    assert by is not None
    user = session.scalars(select(User).where(User.code == login)).one()
    identities.link(user, by=by, issuer=idp.address, subject=subject or f"s-{login}")
    session.rollback()


def asked(one: Someone, **typed: str) -> str:
    """Press the button; the address at the provider to which the page leads on."""
    page = one.post("/sign-in/provider", data=typed)
    assert page.status_code == 200, page.text
    return address_in(page)


def address_in(page: TestResponse) -> str:
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1].replace("&amp;", "&")


def back(one: Someone, to: str) -> TestResponse:
    """The provider sends the browser back: another site began this, only the lax cookie goes along."""
    kept = one.client.get_cookie("provider")
    other = Someone(one.client.application, one.login)
    other.client.environ_base = one.client.environ_base
    if kept is not None:
        other.client.set_cookie("provider", kept.value)
    crossing = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = other.get(to.partition("localhost")[2], headers=crossing)
    assert "Set-Cookie" not in answer.headers, "the session that this request does not show stays as it is"
    assert "<form" not in answer.text
    return answer


def came(one: Someone, idp: Idp, **typed: str) -> TestResponse:
    """Sign in at the provider, up to the page that was wanted, or to where it ended."""
    answer = back(one, idp.recognise(asked(one, **typed)))
    return one.get(address_in(answer)) if answer.status_code == 200 else answer


def tries(login: str) -> list[str]:
    """Why each sign-on of this account was refused, as the record tells."""
    session.rollback()
    rows = records("person", login)
    return [str(row.body) for row in rows if row.action == "person.failed_sign_on"]


class TestSigningIn:
    def test_the_button_leads_there_and_back(self, house: House, idp: Idp) -> None:
        ana = somebody(house.app, "ana")
        assert "Sign in with House login" in ana.get("/sign-in").text
        address = asked(ana, next="/people/")
        for part in (
            "response_type=code",
            "code_challenge_method=S256",
            "scope=openid&",
            "prompt=login",
            "max_age=0",
        ):
            assert part in address
        answer = back(ana, idp.recognise(address))
        assert answer.status_code == 200
        done = ana.get(address_in(answer))
        assert (done.status_code, done.location) == (302, "/people/")
        account = ana.get("/account").text
        assert "sign-on provider" in account
        assert "s-ana" in account
        assert idp.asked.count("/token") == 1

    def test_nothing_of_the_tokens_is_kept(self, house: House, idp: Idp) -> None:
        came(somebody(house.app, "ana"), idp)
        (given,) = idp.given
        with plumbing() as connection:
            kept = str(connection.execute(select(SignOn.__table__)).all())
            kept += str(connection.execute(select(WebSession.__table__)).all())
        for secret in (given["id_token"], given["access_token"]):
            assert secret not in kept

    def test_only_the_press_of_the_button_begins_it(self, house: House, idp: Idp) -> None:
        ana = somebody(house.app, "ana")
        assert ana.get("/sign-in/provider").status_code == 405
        assert ana.client.post("/sign-in/provider").status_code == 400, "without the token of the page"
        foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert ana.post("/sign-in/provider", headers=foreign).status_code == 403
        assert idp.asked == []

    def test_it_never_leads_to_another_host(self, house: House, idp: Idp) -> None:
        assert came(somebody(house.app, "ana"), idp, next="//evil.example/").location == "/"

    def test_the_cookie_on_the_way_is_lax_and_short(self, house: House, idp: Idp) -> None:
        cookie = somebody(house.app, "ana").post("/sign-in/provider").headers["Set-Cookie"]
        for part in ("SameSite=Lax", "HttpOnly", "Path=/", "Max-Age=600"):
            assert part in cookie
        behind_tls = {"SESSION_COOKIE_SECURE": True, "WTF_CSRF_ENABLED": False}
        with patch.dict(house.app.config, behind_tls):
            sent = somebody(house.app, "ana").client.post("/sign-in/provider", base_url="https://localhost")
        cookie = sent.headers["Set-Cookie"]
        assert cookie.startswith("__Host-provider=")
        assert "Secure" in cookie
        assert "Domain" not in cookie

    def test_without_a_provider_there_is_no_way_to_one(self, house: House) -> None:
        ana = house.stranger()
        assert "Single sign-on" not in ana.get("/sign-in").text
        for path in ("answer", "on", "link"):
            assert ana.get(f"/sign-in/provider/{path}").location == "/sign-in"
        assert ana.post("/sign-in/provider").status_code == 404

    def test_a_password_still_opens_an_account_that_has_one(self, house: House, idp: Idp) -> None:
        assert house.client_of("ana").get("/account").status_code == 200


FORGED: dict[str, dict[str, Any]] = {
    "no signature": {"forge": unsigned},
    "the public key as secret": {"forge": with_the_public_key},
    "another key": {"forge": by_another_key},
    "a key of its own": {"forge": own_key_in_header},
    "another person under the same signature": {"forge": changed},
    "another issuer": {"claims": {"iss": "http://127.0.0.1:9"}},
    "another audience": {"claims": {"aud": "another"}},
    "an audience more": {"claims": {"aud": ["mscbank", "another"]}},
    "another party": {"claims": {"azp": "another"}},
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": None}},
    "expired": {"claims": {"exp": 1_700_000_000}},
    "from the future": {"claims": {"iat": 4_000_000_000}},
    "recognised long ago": {"claims": {"auth_time": 1_700_000_000}},
    "not said when recognised": {"claims": {"auth_time": None}},
    "an access token": {"header": {"typ": "at+jwt"}},
    "another access token's": {"token": {"access_token": "another"}},
    "no ID token": {"token": {"id_token": None}},
    "no text": {"token": {"id_token": ["x"]}},
    "another answerer": {"back": {"iss": "https://evil.example"}},
    "nobody says who answers": {"back": {"iss": None}},
    "another code": {"back": {"code": "made up"}},
    "no code": {"back": {"code": None}},
    "nobody recognised": {"back": {"error": "access_denied"}},
    "metadata of another": {"metadata": {"issuer": "https://evil.example"}},
    "keys in clear elsewhere": {"metadata": {"jwks_uri": "http://evil.example/jwks"}},
    "a file as address": {"metadata": {"token_endpoint": "file:///etc/passwd"}},
    "no metadata": {"broken": {"/.well-known/openid-configuration": fails(404)}},
    "refused": {"broken": {"/token": fails(400)}},
    "no JSON": {"broken": {"/token": says(b"<html>")}},
    "a list": {"broken": {"/jwks": says(b"[]")}},
    "deep": {"broken": {"/jwks": says(b"[" * 100_000)}},
    "no keys": {"broken": {"/jwks": says(b'{"keys": 7}')}},
    "huge": {"broken": {"/token": says(b'{"x": "' + b"y" * 300_000 + b'"}')}},
    "elsewhere": {"broken": {"/token": sends_elsewhere("http://127.0.0.1:9/")}},
    "a fault of its own": {"broken": {"/token": fails(500)}},
    "no answer": {"broken": {"/token": hangs_up}},
}
AT_ONCE = {"metadata of another", "keys in clear elsewhere", "a file as address", "no metadata"}
"""What shows before anybody is sent to the provider."""


class TestRefused:
    @pytest.mark.parametrize("why", FORGED)
    def test_an_answer_that_does_not_hold_opens_nothing_and_is_kept(
        self, house: House, idp: Idp, why: str
    ) -> None:
        idp.__dict__.update(FORGED[why])
        ana = somebody(house.app, "ana")
        if why in AT_ONCE:
            page = ana.post("/sign-in/provider")
            assert page.status_code == 503
            assert "does not answer" in page.text
            return
        answer = back(ana, idp.recognise(asked(ana)))
        assert answer.status_code in (401, 503)
        assert "Nothing was done" in answer.text
        assert ana.get("/account").status_code == 302
        (kept,) = tries("ana" if why == "recognised long ago" or "not said" in why else signon.NOBODY_KNOWN)
        assert '"why"' in kept

    def test_a_provider_that_is_away_stops_nobody_else(self, house: House, idp: Idp) -> None:
        provider.open_provider(provider.Settings("http://127.0.0.1:9", "mscbank", "x"))
        page = somebody(house.app, "ana").post("/sign-in/provider")
        assert (page.status_code, "does not answer" in page.text) == (503, True)
        assert house.client_of("ana").get("/account").status_code == 200

    def test_one_that_is_slow_is_not_waited_for(
        self, house: House, idp: Idp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider, "WAIT_SECONDS", 0.3)
        idp.broken["/token"] = drips
        ana = somebody(house.app, "ana")
        assert back(ana, idp.recognise(asked(ana))).status_code == 503

    def test_an_answer_is_good_once_for_the_browser_that_asked(self, house: House, idp: Idp) -> None:
        ana, eve = somebody(house.app, "ana"), somebody(house.app, "eve")
        to = idp.recognise(asked(ana))
        asked(eve)
        assert back(eve, to).status_code == 401, "another browser"
        assert "another browser" in tries(signon.NOBODY_KNOWN)[-1]
        assert lines() == [], "the record holds with it"
        told = house.client_of("otto").get("/record").text
        assert "Was not signed on by the provider" in told
        assert back(ana, to).status_code == 401, "it was used up by the try"
        to = idp.recognise(asked(ana))
        first = back(ana, to)
        assert back(ana, to).status_code == 401
        assert ana.get(address_in(first)).status_code == 302
        assert ana.get(address_in(first)).status_code == 401, "and so is what followed from it"

    def test_the_page_behind_it_is_for_that_browser_alone(self, house: House, idp: Idp) -> None:
        ana, eve = somebody(house.app, "ana"), somebody(house.app, "eve")
        confirmed = address_in(back(ana, idp.recognise(asked(ana))))
        asked(eve)
        assert eve.get(confirmed).status_code == 401
        assert house.stranger().get(confirmed).status_code == 401

    def test_a_code_of_another_request_is_not_taken(self, house: House, idp: Idp) -> None:
        ana = somebody(house.app, "ana")
        stolen = re.search("code=([^&]+)", idp.recognise(asked(ana)))
        assert stolen is not None
        idp.back["code"] = stolen[1]
        assert back(ana, idp.recognise(asked(ana))).status_code == 401

    def test_it_may_not_take_too_long(self, house: House, idp: Idp) -> None:
        ana = somebody(house.app, "ana")
        to = idp.recognise(asked(ana))
        with plumbing() as connection:
            connection.execute(update(SignOn).values(expires_at=clock.now() - timedelta(seconds=1)))
        assert back(ana, to).status_code == 401

    @pytest.mark.parametrize(
        "given", ["", "state=", "state=%00", "state=x&code=y", "error=x", "state=%ED%A0%80", "iss=x"]
    )
    def test_an_answer_to_nothing_is_refused_and_leaves_nothing(
        self, house: House, idp: Idp, given: str
    ) -> None:
        assert back(somebody(house.app, "x"), f"localhost/sign-in/provider/answer?{given}").status_code == 401
        assert house.stranger().get(f"/sign-in/provider/on?of={given}").status_code == 401
        assert house.stranger().get(f"/sign-in/provider/link?of={given}").status_code == 401
        assert tries(signon.NOBODY_KNOWN) == []

    def test_a_disabled_account_stays_out(self, house: House, idp: Idp) -> None:
        user = session.scalars(select(User).where(User.code == "ana")).one()
        actions.disable(user, by=ADA, reason="left the hospital")
        answer = came(somebody(house.app, "ana"), idp)
        assert (answer.status_code, "disabled" in answer.text) == (403, True)
        assert "disabled" in tries("ana")[-1]

    def test_a_link_that_was_ended_opens_nothing(self, house: House, idp: Idp) -> None:
        ana = somebody(house.app, "ana")
        came(ana, idp)
        user = session.scalars(select(User).where(User.code == "ana")).one()
        identities.unlink(user, by=ADA, reason="left the directory")
        session.rollback()
        assert ana.get("/account").status_code == 302, "its sessions are over"
        assert "/sign-in/provider/link" in str(came(somebody(house.app, "ana"), idp).location)


class TestKeys:
    @pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
    @pytest.mark.parametrize("sort", ["RS256", "ES256", "EdDSA", "PS256"])
    def test_new_keys_are_asked_for_once(self, house: House, idp: Idp, sort: str, monkeypatch) -> None:
        monkeypatch.setattr(provider, "AGAIN_AFTER_SECONDS", 0)
        assert came(somebody(house.app, "ana"), idp).status_code == 302
        assert came(somebody(house.app, "ana"), idp).status_code == 302
        assert idp.asked.count("/jwks") == 1, "they are kept"
        idp.key, idp.alg = new_key(sort)
        idp.claims["at_hash"] = None
        assert came(somebody(house.app, "ana"), idp).status_code == 302
        assert idp.asked.count("/jwks") == 2

    def test_an_unknown_key_makes_it_ask_no_oftener_than_twice_a_minute(self, house: House, idp: Idp) -> None:
        idp.shown = [idp.key.as_dict(private=False)]
        idp.key, idp.alg = new_key("RS256")
        for _again in range(3):
            assert came(somebody(house.app, "ana"), idp).status_code == 401
        assert idp.asked.count("/jwks") == 1


class TestStrength:
    def test_whoever_must_have_a_second_factor_comes_with_one_that_was_told(
        self, house: House, idp: Idp
    ) -> None:
        factors.demand("qa")
        weak = came(somebody(house.app, "ana"), idp)
        assert (weak.status_code, "second factor" in weak.text) == (403, True)
        assert "no second factor" in tries("ana")[-1]
        provider.open_provider(idp.settings(acr=frozenset({"gold"}), amr=frozenset({"mfa"})))
        for claims in ({"acr": "silver"}, {"amr": ["pwd"]}, {"acr": ["gold"]}, {}):
            idp.claims = claims
            assert came(somebody(house.app, "ana"), idp).status_code == 403
        for claims in ({"acr": "gold"}, {"amr": ["pwd", "mfa"]}):
            idp.claims = claims
            ana = somebody(house.app, "ana")
            assert "acr_values=gold" in asked(ana)
            assert came(ana, idp).status_code == 302
            assert ana.get("/people/").status_code == 200, "nothing is left to be set up"

    def test_where_the_settings_name_one_everybody_needs_it(self, house: House, idp: Idp) -> None:
        provider.open_provider(idp.settings(amr=frozenset({"mfa"})))
        assert came(somebody(house.app, "ana"), idp).status_code == 403


class TestSessions:
    def test_it_ends_by_the_time_of_recognition(self, house: House, idp: Idp) -> None:
        provider.open_provider(idp.settings(prompt="provider"))
        ana = somebody(house.app, "ana")
        assert "prompt" not in asked(ana)
        assert "max_age=43200" in asked(ana)
        since = int((clock.now() - timedelta(hours=11, minutes=50)).timestamp())
        idp.claims["auth_time"] = since
        assert came(ana, idp).status_code == 302
        assert ana.get("/account").status_code == 200
        left = timedelta(minutes=11)
        row = session.execute(select(WebSession.authenticated_at).where(WebSession.login == "ana")).one()
        assert clock.now() - row[0] > timedelta(hours=12) - left
        with plumbing() as connection:
            connection.execute(update(WebSession).values(authenticated_at=row[0] - left))
        assert ana.get("/account").status_code == 302
        idp.claims["auth_time"] = int((clock.now() - timedelta(hours=13)).timestamp())
        assert came(somebody(house.app, "ana"), idp).status_code == 401

    def test_the_session_before_ends(self, house: House, idp: Idp) -> None:
        ana = house.client_of("ana")
        before = ana.client.get_cookie("mscbank")
        assert before is not None
        came(ana, idp)
        ana.client.set_cookie("mscbank", before.value)
        assert ana.get("/account").status_code == 302


class TestLinking:
    def test_a_password_handed_over_links_and_is_used_up(self, house: House, idp: Idp) -> None:
        user = actions.register(by=HOST, login="zoe", printed_name="Zoë Zahn")
        actions.grant_role(user, by=HOST, role=Role.QA)
        ada = house.client_of("ada")
        given = re.search(r"<code>([0-9a-f-]{35})</code>", ada.post("/people/zoe/password").text)
        assert given is not None
        idp.who = "s-zoe"
        zoe = somebody(house.app, "zoe")
        at = str(came(zoe, idp).location)
        assert "no account here is linked to you" in zoe.get(at).text
        assert "no account is linked" in tries(signon.NOBODY_KNOWN)[-1]
        of = {"of": at.partition("of=")[2], "login": "zoe"}
        wrong = zoe.post("/sign-in/provider/link", data=of | {"password": "wrong"})
        assert (wrong.status_code, "not right" in wrong.text) == (401, True)
        done = zoe.post("/sign-in/provider/link", data=of | {"password": given[1]})
        assert (done.status_code, done.location) == (302, "/")
        assert "Zoë Zahn" in zoe.get("/account").text
        assert "no password of its own" in zoe.get("/account").text
        assert not people.has_password("zoe")
        assert zoe.post("/sign-in/provider/link", data=of | {"password": given[1]}).status_code == 401
        assert somebody(house.app, "zoe").sign_in(given[1]).status_code == 401
        assert came(somebody(house.app, "zoe"), idp).location == "/"
        (row,) = [row for row in records("person", "zoe") if row.action == "person.link_identity"]
        assert row.actor_login == "zoe"
        assert given[1] not in str(row.body)

    def test_ones_own_password_links_and_stays(self, house: House, idp: Idp) -> None:
        idp.who = "s-bruno"
        bruno = somebody(house.app, "bruno")
        of = str(came(bruno, idp).location).partition("of=")[2]
        sent = {"of": of, "login": "bruno", "password": SECRET}
        assert bruno.post("/sign-in/provider/link", data=sent).status_code == 302
        assert house.client_of("bruno").get("/account").status_code == 200

    def test_one_subject_is_one_account_for_ever(self, house: House, idp: Idp) -> None:
        bruno, ana = (session.scalars(select(User).where(User.code == c)).one() for c in ("bruno", "ana"))
        by = people.load("bruno")
        assert by is not None
        with pytest.raises(Refused) as caught:
            identities.link(bruno, by=by, issuer=idp.address, subject="s-ana")
        assert caught.value.code == "identity.taken"
        with pytest.raises(Refused) as caught:
            identities.link(ana, by=people.load("ana"), issuer=idp.address, subject="s-other")
        assert caught.value.code == "identity.linked"
        with pytest.raises(Refused) as caught:
            identities.link(ana, by=by, issuer=idp.address, subject="s-other")
        assert caught.value.code == "person.not_yours"
        identities.unlink(ana, by=ADA, reason="left the directory")
        with pytest.raises(Refused) as caught:
            identities.link(bruno, by=by, issuer=idp.address, subject="s-ana")
        assert caught.value.code == "identity.taken", "not even when the link has ended"
        identities.link(ana, by=people.load("ana"), issuer=idp.address, subject="s-ana")
        assert len(identities.of(ana)) == 1
        with pytest.raises(Refused):
            identities.unlink(bruno, by=ADA, reason="nothing to end")

    def test_with_a_second_factor_its_code_is_asked_for_too(self, house: House, idp: Idp) -> None:
        telephone, _codes = enrolled("bruno")
        idp.who = "s-bruno"
        bruno = somebody(house.app, "bruno")
        of = str(came(bruno, idp).location).partition("of=")[2]
        sent = {"of": of, "login": "bruno", "password": SECRET}
        wrong = bruno.post("/sign-in/provider/link", data=sent)
        assert (wrong.status_code, "code is not right" in wrong.text) == (401, True)
        assert (
            bruno.post("/sign-in/provider/link", data=sent | {"code": telephone.fresh()}).status_code == 302
        )


@pytest.mark.db
class TestInTheDatabase:
    def test_a_subject_goes_to_nobody_else(self, house: House, idp: Idp) -> None:
        refused("UPDATE identity SET subject = 's-eve'", "one person for ever")
        refused("UPDATE identity SET person_id = person_id + 1", "one person for ever")
        refused("DELETE FROM identity", "identity")
        columns = "person_id, number, issuer, subject, linked_at"
        other = "SELECT person_id + 1, 1, issuer, subject, linked_at FROM identity"
        again = f"INSERT INTO identity ({columns}) {other}"
        refused(again, "(?i)unique")
        second = f"INSERT INTO identity ({columns}) SELECT person_id, 2, issuer, 'x', linked_at FROM identity"
        refused(second, "(?i)unique")
        assert session.scalars(select(Identity.subject)).all() == ["s-ana"]
