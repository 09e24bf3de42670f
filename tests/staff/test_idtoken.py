"""An ID token is believed only when everything in it holds; all else is refused, never a fault of ours."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from mscbank.staff.idtoken import Expected, Told, UnknownKey, Untrusted, verified
from tests.make_provider import Idp, b64, new_key, with_the_public_key

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

KEY = RSAKey.generate_key(2048, {"kid": "first"})
OTHER = RSAKey.generate_key(2048, {"kid": "other"})
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ASKED = Expected("https://login.example", "mscbank", "n" * 43, "access")
AT = int(NOW.timestamp())
RIGHT = {
    "iss": ASKED.issuer, "sub": "248289", "aud": "mscbank", "exp": AT + 300, "iat": AT, "nonce": ASKED.nonce,
    "auth_time": AT, "at_hash": "oFYf1knNtrqnhAVfBRuteQ", "acr": "gold", "amr": ["pwd", "mfa"],
}  # fmt: skip


def made(claims: Any = None, *, key: Any = KEY, alg: str = "RS256", **header: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    whole = {"alg": alg, "kid": key.kid, "typ": "JWT"} | header
    whole = {name: value for name, value in whole.items() if value is not None}
    body = claims if isinstance(claims, bytes) else json.dumps(RIGHT | (claims or {}))
    return str(jws.serialize_compact(whole, body, key, registry=registry))


def judged(token: str, *keys: Any) -> Told:
    return verified(token, [one.as_dict(private=False) for one in keys or (KEY,)], ASKED, NOW)


def without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in RIGHT.items() if name not in names}).encode()


def test_it_says_who_it_was_and_how() -> None:
    told = judged(made())
    assert told == Told(ASKED.issuer, "248289", NOW, "gold", frozenset({"pwd", "mfa"}))
    assert judged(made({"aud": ["mscbank"], "azp": "mscbank"})) == told
    assert judged(made(without("acr", "amr", "auth_time", "at_hash"))) == Told(
        ASKED.issuer, "248289", None, None, frozenset()
    )


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_one_key_serves_the_algorithms_of_its_kind(alg: str) -> None:
    assert judged(made(without("at_hash"), alg=alg)).subject == "248289"


@pytest.mark.parametrize("sort", ["ES256", "EdDSA", "Ed25519"])
def test_other_kinds_of_keys(sort: str) -> None:
    key, alg = new_key(sort)
    assert judged(made(without("at_hash"), key=key, alg=alg), KEY, key).subject == "248289"
    with pytest.raises(Untrusted):
        judged(made(without("at_hash"), key=key, alg=alg), KEY)


FALSE: dict[str, Any] = {
    "another issuer": {"iss": "https://login.example/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another"},
    "an audience more": {"aud": ["mscbank", "another"]},
    "no audience": {"aud": []},
    "another party": {"azp": "another"},
    "another nonce": {"nonce": "m" * 43},
    "a nonce that is none": {"nonce": 7},
    "expired": {"exp": AT - 60},
    "expired as text": {"exp": str(AT + 60)},
    "a time without end": {"exp": 10**30},
    "a time that is none": {"exp": True},
    "a broken time": {"iat": 1.5},
    "issued in the future": {"iat": AT + 61},
    "issued long ago": {"iat": AT - 601},
    "not yet": {"nbf": AT + 61},
    "of another access token": {"at_hash": "oFYf1knNtrqnhAVfBRuteA"},
    "nobody": {"sub": ""},
    "no text": {"sub": 248289},
    "too long a name": {"sub": "x" * 256},
    "a name with a line": {"sub": "a\nb"},
    "amr as text": {"amr": "mfa"},
    "recognised at no time": {"auth_time": "now"},
}


@pytest.mark.parametrize("why", FALSE)
def test_one_claim_that_does_not_hold_is_enough(why: str) -> None:
    with pytest.raises(Untrusted):
        judged(made(FALSE[why]))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_nothing_that_is_needed_may_be_left_out(name: str) -> None:
    with pytest.raises(Untrusted):
        judged(made(without(name)))


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": "logout+jwt"}, {"crit": ["b64"], "b64": True}, {"kid": "nobody"}]
)
def test_another_token_or_key_is_none_of_ours(header: dict[str, Any]) -> None:
    with pytest.raises((Untrusted, ValueError)):
        judged(made(**header))


def test_a_key_that_is_not_shown_says_so_that_keys_are_asked_for_again() -> None:
    with pytest.raises(UnknownKey):
        judged(made(key=OTHER))
    with pytest.raises(UnknownKey):
        verified(made(), [KEY.as_dict(private=False) | {"use": "enc"}], ASKED, NOW)
    with pytest.raises(UnknownKey):
        verified(made(), [KEY.as_dict(private=False) | {"alg": "PS256"}], ASKED, NOW)


def test_without_a_name_the_only_key_is_meant_and_never_one_of_two() -> None:
    token = made(kid=None)
    assert judged(token).subject == "248289"
    with pytest.raises(Untrusted, match="which key"):
        judged(token, KEY, OTHER)


def test_a_signature_of_another_key_or_of_no_secret_key_holds_nothing() -> None:
    head, payload, signature = made().split(".")
    none = b64(json.dumps({"alg": "none"}).encode())
    forged = with_the_public_key(made(), Idp(key=KEY))
    mine = json.loads(without()) | {"sub": "somebody"}
    for token in (
        f"{none}.{payload}.", f"{none}.{payload}.{signature}", forged,
        f"{head}.{b64(json.dumps(mine).encode())}.{signature}", f"{head}.{payload}.", f"{head}.{payload}",
        made(key=OTHER, kid="first"), made(key=OTHER, kid=None, jwk=OTHER.as_dict(private=False)),
    ):  # fmt: skip
        with pytest.raises(Untrusted):
            judged(token)


def test_a_short_key_is_not_believed() -> None:
    short = RSAKey.generate_key(1024, {"kid": "first"})
    with pytest.raises(Untrusted, match="weak"):
        judged(made(key=short), short)


@pytest.mark.parametrize("keys", [[{}], [{"kty": "RSA"}], [{"kty": "RSA", "kid": "first", "n": 7, "e": []}],
                                  [{"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"}]])  # fmt: skip
def test_keys_that_are_none_are_refused(keys: list[dict[str, Any]]) -> None:
    with pytest.raises(Untrusted):
        verified(made(), keys, ASKED, NOW)


def test_the_clocks_may_be_a_minute_apart() -> None:
    assert judged(made({"iat": AT + 59, "nbf": AT + 59, "exp": AT - 59})).subject == "248289"
    assert verified(made(), [KEY.as_dict(private=False)], ASKED, NOW + timedelta(seconds=359))


@given(st.text() | st.binary().map(lambda raw: ".".join(3 * [b64(raw)])))
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Untrusted):
        judged(token)


NAMES = st.sampled_from(["alg", "typ", "kid", "crit", "iss", "x"])
PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda of: st.lists(of) | st.dictionaries(NAMES, of), max_leaves=8))
def test_a_header_of_anything_is_refused(header: Any) -> None:
    payload = made().split(".")[1]
    with pytest.raises(Untrusted):
        judged(f"{b64(json.dumps(header).encode())}.{payload}.AAAA")
