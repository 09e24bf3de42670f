"""A process is killed in the middle of its work: what it answered stands, and nothing stands half."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mscbank.core import db, verify
from mscbank.core.db import session
from mscbank.core.record import Outcome, Record
from mscbank.custody.models import Place

ROOT = Path(__file__).parent.parent
ANSWERED = 25
KILLS = 3
WORKS = """
import sys
from itertools import count
from tests.fixtures import opened
from tests.people import BRUNO
from mscbank.custody import actions
from mscbank.custody.words import Level
bank = opened(sys.argv[1])
next(bank)
for number in count():
    made = actions.create_place(by=BRUNO, level=Level.ROOM, name=f"Room {sys.argv[2]}-{number}")
    print(made.code, flush=True)
"""
"""Answers each act when, and only when, the act has returned."""


@pytest.mark.db
def test_invariant_25_what_was_answered_is_on_disk_after_a_kill(bank: str) -> None:
    answered: list[str] = []
    db.disconnect()
    for turn in range(KILLS):
        work = [sys.executable, "-c", WORKS, bank, str(turn)]
        with subprocess.Popen(work, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            answered += [process.stdout.readline().strip() for _ in range(ANSWERED + turn)]
            process.kill()
            answered += [line.strip() for line in process.stdout if line.endswith("\n")]
    db.connect(bank)
    rooms = session.scalars(select(Place.code)).all()
    assert set(answered) <= set(rooms)
    assert len(rooms) <= len(answered) + KILLS, "of each process at most the act that was not answered"
    acts = select(func.count()).where(Record.action == "place.create", Record.outcome == Outcome.DONE)
    assert session.scalar(acts) == len(rooms)
    assert list(verify.whole()) == []
