"""A bank with checkpoints, for the tests of them: who is in it, and what a verification finds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from mscbank.core import checkpoint_check, checkpoints, keeping
from mscbank.core.access import operator
from mscbank.core.checkpointing import make
from mscbank.core.checkpoints import (
    Checkpoint,
    CheckpointKey,
    CheckpointLeaf,
    kept_form,
)
from mscbank.core.db import session
from mscbank.staff.models import User
from tests import worlds
from tests.core.acting import RENAME, someone
from tests.core.tampering import lines
from tests.people import ADA

POINTS, LEAVES, KEYS = Checkpoint.__table__, CheckpointLeaf.__table__, CheckpointKey.__table__
HOST = operator("tests")
SHA3 = "sha3-256-ed25519"


@pytest.fixture(autouse=True)
def _key(bank: str) -> Iterator[None]:
    checkpoints.open_key(worlds.CHECKPOINT_KEY)
    keeping._way.clear()
    yield
    keeping._way.clear()


@pytest.fixture
def bruno(bank: str) -> User:
    """Somebody with five entries, of which a checkpoint covers four."""
    found = someone()
    for number in range(3):
        RENAME(found, by=ADA, to=f"Bruno {number}")
    assert make() == 1
    RENAME(found, by=ADA, to="Bruno 3")
    return found


def all_lines() -> list[str]:
    session.rollback()
    return lines("core.record", checkpoint_check.NAME)


def only(words: str) -> None:
    """There are findings, and each says this."""
    found = all_lines()
    assert found, "nothing was found"
    assert all(words in line for line in found), found


def again() -> User:
    """Bruno, read anew."""
    return session.scalars(select(User).where(User.code == "bruno")).one()


def last() -> Checkpoint:
    session.rollback()
    found = checkpoints.latest()
    assert found is not None
    return found


EDIT = "UPDATE record SET reason = 'another' WHERE chain_code = 'bruno' AND chain_sequence = 2"


def kept() -> dict[str, Any]:
    """The last checkpoint as somebody outside keeps it."""
    return json.loads(json.dumps(kept_form(last())))


def against(*forms: Any) -> list[str]:
    session.rollback()
    return [f"{kind} {code}: {said}" for kind, code, said in checkpoint_check.whole(forms)]
