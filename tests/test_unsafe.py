"""Unsafe settings: the service says in one sentence what is wrong and does not start."""

from pathlib import Path

import pytest

from mscbank.config import Config, Unsafe, for_demonstration, refuse_unsafe, refuse_unsafe_service
from mscbank.core import db
from mscbank.ops import serving
from tests import postgres, worlds
from tests.house import SETTINGS

SAFE = SETTINGS | {
    "MSCBANK_DATABASE_URL": "postgresql://bank@db.example/bank?sslmode=verify-full",
    "MSCBANK_COOKIE_SECURE": "yes",
    "MSCBANK_PROXIES": "1",
    "MSCBANK_HOSTS": "bank.example",
}

SIGN_ON = {
    "MSCBANK_OIDC_ISSUER": "https://login.example/realms/x", "MSCBANK_OIDC_CLIENT_ID": "mscbank",
    "MSCBANK_OIDC_CLIENT_SECRET": "x", "MSCBANK_ORIGIN": "https://bank.example",
}  # fmt: skip


def refuse(config: Config) -> None:
    refuse_unsafe(config)
    refuse_unsafe_service(config)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"MSCBANK_DATABASE_URL": "sqlite:////srv/bank.sqlite"},
        {"MSCBANK_DATABASE_URL": "postgresql:///bank?host=/run/postgresql"},
        {"MSCBANK_DATABASE_URL": "postgresql://bank@127.0.0.1/bank"},
        {"MSCBANK_DATABASE_URL": "postgresql:///bank?host=a:5432&host=b:5432&sslmode=verify-full"},
        {"MSCBANK_COOKIE_SECURE": "no", "MSCBANK_PROXIES": "0", "MSCBANK_HOSTS": ""},
        {"MSCBANK_SMTP": "smtp://localhost:25"},
        {"MSCBANK_SMTP": "smtp+tls://mail.example:587"},
        {"MSCBANK_ARGON2_MEMORY_KIB": "7168", "MSCBANK_ARGON2_TIME": "5"},
        {"MSCBANK_METRICS_FROM": "10.1.0.0/16 fd00::/8"},
        {"MSCBANK_BIND": "unix:/run/mscbank.sock"},
        {"MSCBANK_BIND": "[::1]:8470"},
        SIGN_ON | {"MSCBANK_OIDC_ACR": "gold", "MSCBANK_OIDC_PROMPT": "select_account"},
    ],
)
def test_safe_settings_pass(changed: dict[str, str]) -> None:
    refuse(Config(SAFE | changed))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"MSCBANK_SECRET_KEY": "x" * 40}, "not made at random"),
        ({"MSCBANK_SECRET_KEY": "short"}, "too short"),
        ({"MSCBANK_SECRET_KEY": ""}, "Set MSCBANK_SECRET_KEY"),
        ({"MSCBANK_DATABASE_URL": "postgresql://bank@db.example/bank"}, "db.example without verified TLS"),
        ({"MSCBANK_DATABASE_URL": "postgresql://bank@db.example/bank?sslmode=require"}, "verify-full"),
        ({"MSCBANK_DATABASE_URL": "postgresql:///bank?host=127.0.0.1&host=b:5432"}, "reaches b without"),
        ({"MSCBANK_DATABASE_URL": "postgresql+psycopg://u@10.0.0.7/bank"}, "10.0.0.7"),
        ({"MSCBANK_MIGRATION_URL": "postgresql://owner@db.example/bank"}, "MSCBANK_MIGRATION_URL reaches"),
        ({"MSCBANK_MIGRATION_URL": "postgresql:///bank?host=/run"}, "hand the owner's rights"),
        ({"MSCBANK_SMTP": "smtp://mail.example"}, "in clear"),
        ({"MSCBANK_ANCHOR": "http://time-stamp.example"}, "in clear"),
        ({"MSCBANK_COOKIE_SECURE": "yess"}, "must be yes or no"),
        ({"MSCBANK_COOKIE_SECURE": "no"}, "plain HTTP on this machine only"),
        (
            {"MSCBANK_COOKIE_SECURE": "no", "MSCBANK_PROXIES": "0", "MSCBANK_BIND": "0.0.0.0:8470"},
            "plain HTTP on this machine only",
        ),
        ({"MSCBANK_PROXIES": "0"}, "Set MSCBANK_PROXIES"),
        ({"MSCBANK_PROXIES": "x"}, "whole number"),
        ({"MSCBANK_PROXIES": "-1"}, "between 0 and 5"),
        ({"MSCBANK_BIND": "0.0.0.0:8470"}, "lets other machines in without TLS"),
        ({"MSCBANK_BIND": "[::]:8470"}, "lets other machines in without TLS"),
        ({"MSCBANK_TLS_KEY": "/k.pem"}, "belong together"),
        ({"MSCBANK_HOSTS": ""}, "Set MSCBANK_HOSTS"),
        ({"MSCBANK_HOSTS": "*"}, "no host name"),
        ({"MSCBANK_HOSTS": "bank.example, https://x"}, "no host name"),
        ({"MSCBANK_HOSTS": ".example"}, "no host name"),
        ({"MSCBANK_ARGON2_MEMORY_KIB": "64"}, "too cheap to guess"),
        ({"MSCBANK_ARGON2_TIME": "1"}, "too cheap to guess"),
        ({"MSCBANK_RATE_LIMIT": "many"}, "MSCBANK_RATE_LIMIT is no limit"),
        ({"MSCBANK_SIGN_IN_LIMIT": "0.5"}, "MSCBANK_SIGN_IN_LIMIT is no limit"),
        ({"MSCBANK_METRICS_FROM": "everywhere"}, "no network"),
        ({"MSCBANK_LOG_LEVEL": "chatty"}, "must be one of"),
        ({"MSCBANK_IDLE_MINUTES": "0"}, "between 1 and 480"),
        ({"MSCBANK_MAX_BODY_BYTES": "0"}, "between 1024"),
        ({"MSCBANK_WORKERS": "0"}, "between 1 and 64"),
        ({"MSCBANK_OIDC_ISSUER": "https://login.example"}, "half set: set MSCBANK_OIDC_CLIENT_ID"),
        ({"MSCBANK_OIDC_AMR": "mfa"}, "half set: set MSCBANK_OIDC_ISSUER"),
        (SIGN_ON | {"MSCBANK_OIDC_CLIENT_SECRET": ""}, "set MSCBANK_OIDC_CLIENT_SECRET"),
        (SIGN_ON | {"MSCBANK_OIDC_ISSUER": "http://login.example"}, "asked in clear"),
        (SIGN_ON | {"MSCBANK_OIDC_ISSUER": "http://127.0.0.1:8080"}, "asked in clear"),
        (SIGN_ON | {"MSCBANK_OIDC_ISSUER": "login.example"}, "is no issuer"),
        (SIGN_ON | {"MSCBANK_OIDC_ISSUER": "https://login.example/?x=1"}, "is no issuer"),
        (SIGN_ON | {"MSCBANK_OIDC_PROMPT": "none"}, "must be one of login"),
        (SIGN_ON | {"MSCBANK_ORIGIN": ""}, "Set MSCBANK_ORIGIN"),
        (SIGN_ON | {"MSCBANK_ORIGIN": "http://bank.example"}, "Set MSCBANK_ORIGIN"),
    ],
)
def test_unsafe_settings_are_refused_and_say_why(changed: dict[str, str], says: str) -> None:
    with pytest.raises(Unsafe, match=says):
        refuse(Config(SAFE | changed))


def test_a_file_of_secrets_is_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "mscbank.conf"
    file.write_text("")
    config = Config(SAFE | {"MSCBANK_SETTINGS_FILE": str(file)})
    file.chmod(0o644)
    with pytest.raises(Unsafe, match="chmod o="):
        refuse(config)
    file.chmod(0o640)
    refuse(config)
    key = tmp_path / "key.pem"
    key.write_text("")
    key.chmod(0o604)
    tls = {"MSCBANK_BIND": "0.0.0.0:1", "MSCBANK_TLS_CERTIFICATE": "/c.pem", "MSCBANK_TLS_KEY": str(key)}
    with pytest.raises(Unsafe, match="chmod o="):
        refuse(Config(SAFE | tls))
    key.chmod(0o600)
    refuse(Config(SAFE | tls))


def test_a_demonstration_needs_none_of_it() -> None:
    refuse(for_demonstration("sqlite:////srv/demo.sqlite", {}))


@pytest.mark.db
def test_a_role_that_owns_the_tables_serves_nobody(
    copies, engine_kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mscbank.staff.keys.unfit", lambda: None)
    url = copies.of(worlds.EMPTY, engine_kind)
    settings = SETTINGS | {"MSCBANK_ANCHOR": f"folder:{tmp_path}"}
    serving.ready(Config(settings | {"MSCBANK_DATABASE_URL": url}))
    if engine_kind == "sqlite":
        return
    for mighty in (postgres.owner_url(url), postgres.superuser_url(url)):
        with pytest.raises(Unsafe, match="owns the tables"):
            serving.ready(Config(settings | {"MSCBANK_DATABASE_URL": mighty}))
        db.disconnect()
