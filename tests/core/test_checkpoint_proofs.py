"""Checkpoints under another key or algorithm, and the proof for anyone that an entry stood there."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from mscbank.core import checkpoint_check, checkpoints
from mscbank.core.checkpointing import make, proof_of
from mscbank.core.checkpoints import (
    ALGORITHMS,
    FIRST,
    CheckpointLeaf,
    SigningKey,
    change_key,
)
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Refused
from mscbank.core.record import Record
from mscbank.core.sealed import new_master
from mscbank.core.types import iso
from mscbank.staff.models import User
from tests import worlds
from tests.core.acting import RENAME, does, rename, someone
from tests.core.checkpointed import (
    EDIT,
    HOST,
    KEYS,
    SHA3,
    _key,
    again,
    all_lines,
    bruno,
    kept,
    last,
    only,
)
from tests.core.tampering import edited
from tests.people import ADA

__all__ = ["_key", "bruno"]

pytestmark = pytest.mark.db


# --- another key, another algorithm ------------------------------------------------------------------


def test_the_next_key_is_endorsed_by_the_one_in_use(bank: str, bruno: User):
    following = new_master()
    change_key(SigningKey(following), algorithm=FIRST.name, by=HOST, reason="yearly change")
    with pytest.raises(Refused):
        make()
    checkpoints.open_key(following)
    assert make() == 2
    assert last().introduction == 2
    assert all_lines() == []
    edited(bank, lambda c: c.execute(update(KEYS).where(KEYS.c.introduction == 2).values(endorsement="AAAA")))
    assert "checkpoint_key 2: the key before it never handed over to it" in all_lines()


def test_no_other_key_slips_in(bruno: User):
    stranger = SigningKey(new_master())
    with pytest.raises(Refused) as refused:
        checkpoints.introduce(by=HOST, public=stranger.public, endorsement=stranger.sign("x"), reason="mine")
    assert refused.value.code == "checkpoint.not_endorsed"
    with pytest.raises(Invalid):
        checkpoints.introduce(by=HOST, public=stranger.public, algorithm="md5", reason="older")


def test_another_algorithm_hashes_the_whole_record_anew(bank: str, bruno: User):
    used = SigningKey(worlds.CHECKPOINT_KEY)
    change_key(used, algorithm=SHA3, by=HOST, reason="SHA-256 is no longer trusted")
    assert make() == 2
    found = last()
    assert (found.algorithm, found.is_whole, found.entries) == (SHA3, True, 7)
    leaves = session.scalars(select(CheckpointLeaf).where(CheckpointLeaf.checkpoint == 2)).all()
    assert len(leaves) == found.chains == 3
    assert all(leaf.rows_hash for leaf in leaves)
    assert all_lines() == []
    RENAME(again(), by=ADA, to="Bruno 4")
    assert make() == 3
    assert (last().is_whole, last().algorithm) == (False, SHA3)
    assert all_lines() == []


def test_where_the_old_hash_is_broken_the_new_one_still_tells(
    bank: str, bruno: User, monkeypatch: pytest.MonkeyPatch
):
    """An edit for which somebody found the same SHA-256: every chain fits, the new hash does not."""
    change_key(SigningKey(worlds.CHECKPOINT_KEY), algorithm=SHA3, by=HOST, reason="SHA-256 is broken")
    make()
    edited(bank, lambda c: c.exec_driver_sql(EDIT))
    table = {
        row["act"]: row["hash"]
        for row in (dict(one._mapping) for one in session.execute(select(Record.act, Record.hash)))
    }
    monkeypatch.setattr("mscbank.core.verify.hash_of", lambda row: table[row["act"]])
    only("its entries up to 5 are not those that checkpoint 2 hashed")


def test_both_algorithms_are_there():
    assert set(ALGORITHMS) == {FIRST.name, SHA3}
    assert FIRST.hashed(b"") != ALGORITHMS[SHA3].hashed(b"")


# --- a proof for anyone --------------------------------------------------------------------------------


def test_a_proof_holds_by_itself(bruno: User):
    someone("ines", "Ines")
    someone("tomas", "Tomas")
    make()
    told = json.loads(json.dumps(proof_of("person", "ines")))
    assert (told["about"], told["open"]) == (["person", "ines"], [])
    [shown] = told["proofs"]
    assert checkpoint_check.proof_fault(shown) is None
    assert json.loads(shown["leaf"])[:2] == ["person", "ines"]
    assert "the record of person ines had 1 entries" in checkpoint_check.proof_words(shown)
    assert proof_of("person", "nobody") == {"about": ["person", "nobody"], "proofs": [], "open": []}


def test_a_proof_covers_every_chain_that_tells_of_a_thing(bruno: User):
    """What is done to a thing as a step of something else stands in the chain of that."""
    ines = someone("ines", "Ines")
    child = does(rename, name="test.child", role=())
    whole = does(lambda user: child(ines, by=ADA, to="Ines K"), locks=lambda user: [ines])
    make()
    whole(again(), by=ADA)
    told = proof_of("person", "ines")
    assert [json.loads(one["leaf"])[1:4] for one in told["proofs"]] == [
        ["bruno", "4", "5"], ["ines", "0", "1"],
    ]  # fmt: skip
    someone("tomas", "Tomas")
    assert proof_of("person", "tomas")["open"] == [["person", "tomas"]]
    make()
    told = proof_of("person", "ines")
    assert [json.loads(one["leaf"])[1:4] for one in told["proofs"]] == [
        ["bruno", "5", "7"], ["ines", "0", "1"],
    ]  # fmt: skip
    assert [checkpoint_check.proof_fault(one) for one in told["proofs"]] == [None, None]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda shown: shown.update(leaf=shown["leaf"].replace("ines", "anna")), "does not lead to the root"),
        (lambda shown: shown.update(position=0), "does not lead to the root"),
        (lambda shown: shown.update(path=shown["path"][:-1]), "does not lead to the root"),
        (lambda shown: shown.update(path=["zz"]), "does not lead to the root"),
        (lambda shown: shown.pop("leaf"), "does not lead to the root"),
        (lambda shown: shown.update(hash="0" * 64), "no proof"),
        (lambda shown: shown["checkpoint"].update(root="0" * 64), "no proof"),
        (lambda shown: shown.clear(), "no proof"),
    ],
)
def test_a_changed_proof_does_not_hold(bruno: User, change: Any, says: str):
    for login in ("ines", "tomas", "vera"):
        someone(login, login)
    make()
    [shown] = proof_of("person", "ines")["proofs"]
    change(shown)
    assert says in (checkpoint_check.proof_fault(shown) or "")


def test_what_is_signed_is_what_is_printed(bruno: User):
    form = kept()
    assert form["checkpoint"]["made_at"] == iso(last().made_at)
    assert form["hash"] == last().hash


def test_an_act_with_nothing_of_its_own_moves_its_chain_too(bruno: User):
    does(lambda user: None)(again(), by=ADA)
    assert make() == 2
    assert all_lines() == []
