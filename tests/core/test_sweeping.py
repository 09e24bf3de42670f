"""What has served its purpose is removed by the clockwork, some time later; what is of use stays."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from mscbank.core import clock, jobs, sweeping
from mscbank.core.access import system
from mscbank.core.db import PLUMBING, Plumbing, plumbing, session
from mscbank.core.idempotency import Idempotency
from mscbank.core.jobs import Heartbeat
from mscbank.core.signatures import ProofRow
from mscbank.core.sweeping import SWEEPS
from mscbank.staff.models import Challenge, RecoveryCode, SignOn, WebSession
from tests.core.acting import RENAME, does, records, rename, someone
from tests.people import ADA, proofs

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]

BOUNDED = {
    "chain_head": "a row a chain", "code_counter": "a row a kind", "job": "a row a rule",
    "credential": "a row a log-in", "code_app": "a row a log-in", "code_tries": "a row a log-in",
    "passkey_use": "a row a passkey", "token_use": "a row a token",
    "outbox": "says when each message of an act was sent and delivered",
}  # fmt: skip
"""The tables outside the record of which nothing is removed, and why."""

Made = dict[str, Any]


def proof(n: int, at: datetime) -> Made:
    return {
        "token_hash": f"{n}", "login": "ada", "meaning": "x", "action": "x", "content_hash": "x",
        "means": "password",
        "expires_at": at, "used_act": None if n % 2 else "act",
    }  # fmt: skip


def key(n: int, at: datetime) -> Made:
    return {
        "key": f"{n}", "login": "ada", "route": "x", "body_hash": "x", "act": "x", "subject_kind": None,
        "subject_code": None, "status": 200, "created_at": at,
    }  # fmt: skip


def challenge(n: int, at: datetime) -> Made:
    return {
        "challenge": f"{n}", "purpose": "sign", "origin": "x", "expires_at": at,
        "spent_at": None if n % 2 else at,
    }  # fmt: skip


def sign_on(n: int, at: datetime) -> Made:
    return {
        "state_hash": f"{n}", "browser_hash": "x", "handle": f"{n}", "purpose": "sign_in", "following": "/",
        "began_at": at - timedelta(minutes=10), "expires_at": at, "is_strong": False,
        "spent_at": None if n % 2 else at,
    }  # fmt: skip


def code(n: int, at: datetime) -> Made:
    return {"code_hash": f"{n}", "login": "ada", "made_at": at, "spent_at": at}


def beat(n: int, at: datetime) -> Made:
    return {"worker": f"{n}", "beat_at": at}


def browser(n: int, at: datetime) -> Made:
    return {
        "token_hash": f"{n}", "handle": f"{n}", "login": "ada", "station": "x", "browser": "x",
        "opened_at": at + timedelta(seconds=n), "seen_at": at + timedelta(seconds=n),
        "ended_at": None if n % 2 else at,
    }  # fmt: skip


KINDS = pytest.mark.parametrize(
    ("model", "row"),
    [(ProofRow, proof), (Idempotency, key), (Challenge, challenge), (SignOn, sign_on), (RecoveryCode, code),
     (Heartbeat, beat), (WebSession, browser)],
)  # fmt: skip


def put(model: type[Plumbing], rows: list[Made]) -> None:
    session.rollback()
    with plumbing() as connection:
        connection.execute(insert(model), rows)


def count(model: type[Plumbing]) -> int:
    session.rollback()
    return int(session.scalar(select(func.count()).select_from(model)) or 0)


def test_every_table_outside_the_record_is_swept_or_bounded():
    assert SWEEPS.keys().isdisjoint(BOUNDED)
    assert {name for name in PLUMBING if not name.startswith("test_")} == SWEEPS.keys() | BOUNDED.keys()


@KINDS
def test_what_is_of_no_use_goes_when_its_time_is_over_and_not_before(model: Any, row: Any):
    one, now = SWEEPS[model.__tablename__], clock.now()
    old, young = now - one.kept - timedelta(minutes=1), now - one.kept + timedelta(minutes=10)
    put(model, [row(n, old) for n in range(5)])
    put(model, [row(n, young) for n in range(5, 8)])
    put(model, [row(n, now + timedelta(minutes=1)) for n in range(8, 10)])
    assert sweeping.sweep(one) == 5
    assert count(model) == 5
    assert sweeping.sweep(one) == 0


def test_the_last_session_of_each_log_in_stays():
    """The review of access says when somebody was last there, and that may be long ago."""
    ago = clock.now() - timedelta(days=400)
    put(WebSession, [browser(n, ago) for n in range(3)])
    put(WebSession, [browser(n, ago) | {"login": "bruno"} for n in range(3, 5)])
    assert sweeping.sweep(SWEEPS["web_session"]) == 3
    session.rollback()
    left = session.execute(select(WebSession.login, WebSession.handle).order_by(WebSession.id)).all()
    assert [tuple(one) for one in left] == [("ada", "2"), ("bruno", "4")]


def test_a_code_that_was_never_used_stays():
    ago = clock.now() - timedelta(days=4000)
    put(RecoveryCode, [code(1, ago) | {"spent_at": None}])
    assert sweeping.sweep(SWEEPS["recovery_code"]) == 0


def test_many_rows_go_in_small_transactions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweeping, "AT_ONCE", 4)
    put(ProofRow, [proof(n, clock.now() - timedelta(days=2)) for n in range(10)])
    assert sweeping.sweep(SWEEPS["proof"]) == 10


def test_the_clockwork_sweeps_and_what_was_signed_stays_signed(monkeypatch: pytest.MonkeyPatch):
    bruno = someone()
    act = does(rename, name="test.swept", meanings=("approved",))
    act(bruno, by=ADA, to="B", proofs=proofs(act, bruno, ADA, to="B"), key="k")
    RENAME(bruno, by=ADA, to="C")
    kept = [row.hash for row in records("person", "bruno")]
    assert (count(ProofRow), count(Idempotency)) == (1, 1)
    jobs.run_due()
    assert (count(ProofRow), count(Idempotency)) == (1, 1)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=100))
    jobs.RULES[sweeping.RULE].run(system(sweeping.RULE))
    assert (count(ProofRow), count(Idempotency)) == (0, 0)
    assert [row.hash for row in records("person", "bruno")] == kept
