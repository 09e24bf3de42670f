"""The codes of an authenticator app, against the vectors of RFC 4226 and RFC 6238."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from mscbank.staff import totp

RFC = b"12345678901234567890"
NOW = datetime(2026, 11, 23, 3, 0, 15, tzinfo=UTC)


RFC_4226 = [
    "755224",
    "287082",
    "359152",
    "969429",
    "338314",
    "254676",
    "287922",
    "162583",
    "399871",
    "520489",
]


@pytest.mark.parametrize(("count", "code"), [*enumerate(RFC_4226)])
def test_the_codes_are_those_of_rfc_4226(count: int, code: str):
    assert totp.code_of(RFC, count) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_the_codes_are_those_of_rfc_6238(seconds: int, code: str):
    """Its vectors have eight digits: these are the last six."""
    instant = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_of(RFC, totp.step_of(instant)) == code
    assert totp.step_of_code(RFC, code, instant, 0) == totp.step_of(instant)


@pytest.mark.parametrize(("drift", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_clock_may_differ_by_one_step(drift: int, is_right: bool):
    here = totp.step_of(NOW)
    found = totp.step_of_code(RFC, totp.code_of(RFC, here + drift), NOW, 0)
    assert found == (here + drift if is_right else None)


def test_a_step_that_was_used_is_over_and_the_next_is_not():
    here = totp.step_of(NOW)
    assert totp.step_of_code(RFC, totp.code_of(RFC, here), NOW, here) is None
    assert totp.step_of_code(RFC, totp.code_of(RFC, here - 1), NOW, here) is None
    assert totp.step_of_code(RFC, totp.code_of(RFC, here + 1), NOW, here) == here + 1


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345", "+12345", "1e5000"]
)
def test_what_is_no_code_is_none(typed: str):
    assert totp.step_of_code(RFC, typed, NOW, 0) is None


def test_a_code_may_be_typed_in_two_groups():
    code = totp.code_of(RFC, totp.step_of(NOW))
    assert totp.step_of_code(RFC, f" {code[:3]} {code[3:]} ", NOW, 0) == totp.step_of(NOW)


def test_the_address_says_what_an_app_needs():
    secret = totp.new_secret()
    found = urlsplit(totp.address(secret, login="bruno.lang", issuer="mscbank Saint-Louis / Paris"))
    assert (found.scheme, found.netloc) == ("otpauth", "totp")
    assert found.path == "/mscbank%20Saint-Louis%20%2F%20Paris:bruno.lang"
    said = {name: value for name, (value,) in parse_qs(found.query).items()}
    assert base64.b32decode(said.pop("secret")) == secret
    assert said == {
        "issuer": "mscbank Saint-Louis / Paris", "algorithm": "SHA1", "digits": "6", "period": "30",
    }  # fmt: skip
    assert base64.b32decode(totp.as_text(secret).replace(" ", "")) == secret


def test_secrets_are_long_and_differ():
    found = {totp.new_secret() for _ in range(50)}
    assert len(found) == 50
    assert {len(secret) for secret in found} == {20}
    assert timedelta(seconds=30 * totp.DRIFT) == timedelta(seconds=30)
