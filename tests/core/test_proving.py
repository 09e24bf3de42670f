"""The proof of one entry: recomputed by what docs/checkpoints.md prints, without the house's own code."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mscbank.core import checkpoint_check, checkpoints
from mscbank.core.checkpointing import entries_called, entry_of, make, proof_of_entry
from mscbank.core.checkpoints import SigningKey, change_key
from mscbank.core.record import Record
from tests import worlds
from tests.core.acting import RENAME, records, someone
from tests.core.checkpointed import HOST, SHA3
from tests.people import ADA

pytestmark = pytest.mark.db


@pytest.fixture(autouse=True)
def _chains(bank: str) -> None:
    """Bruno's chain has five entries, sealed after the second and after the fifth; others stand beside it."""
    checkpoints.open_key(worlds.CHECKPOINT_KEY)
    bruno = someone()
    RENAME(bruno, by=ADA, to="B2")
    for login in ("ines", "tomas"):
        someone(login, login.title())
    make()
    for name in ("B3", "B4", "B5"):
        RENAME(bruno, by=ADA, to=name)
    someone("vera", "Vera")
    make()


def entry(number: int) -> Record:
    found = entry_of("person", "bruno", number)
    assert found is not None
    return found


def told(number: int) -> Any:
    proof = json.loads(json.dumps(proof_of_entry(entry(number))))
    assert (proof["about"], proof["open"]) == (["record", entry(number).act], [])
    [shown] = proof["proofs"]
    return shown


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def sha3(content: bytes) -> bytes:
    return hashlib.sha3_256(content).digest()


def climbed(shown: Any, hashed: Callable[[bytes], bytes]) -> str:
    """RFC 9162, section 2.1.3.2, as the RFC words it."""
    index, last = shown["position"], shown["checkpoint"]["chains"] - 1
    at = hashed(b"\x00" + shown["leaf"].encode())
    for other in map(bytes.fromhex, shown["path"]):
        if index % 2 or index == last:
            at = hashed(b"\x01" + other + at)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            at = hashed(b"\x01" + at + other)
        index, last = index // 2, last // 2
    assert last == 0
    return at.hex()


def stated(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def recomputed(shown: Any, hashed: Callable[[bytes], bytes] = sha256) -> list[Any]:
    """Everything that the proof claims, by hand; the entry that it proves."""
    ends = [sha256(text.encode()).hex() for text in shown["entries"]]
    assert [json.loads(text)[-1] for text in shown["entries"][1:]] == ends[:-1]
    assert json.loads(shown["leaf"])[4] == ends[-1]
    assert climbed(shown, hashed) == shown["checkpoint"]["root"]
    said = {name: stated(value) for name, value in shown["checkpoint"].items()}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hashed(text).hex() == shown["hash"]
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown["public"]))
    public.verify(base64.b64decode(shown["signature"]), text)
    found: list[Any] = json.loads(shown["entries"][0])
    return found


@pytest.mark.parametrize(
    ("number", "checkpoint", "follow"), [(1, 1, 1), (2, 1, 0), (3, 2, 2), (4, 2, 1), (5, 2, 0)]
)
def test_an_entry_leads_to_the_first_checkpoint_after_it(number: int, checkpoint: int, follow: int):
    shown = told(number)
    assert (shown["checkpoint"]["number"], len(shown["entries"])) == (checkpoint, follow + 1)
    proved = recomputed(shown)
    assert (proved[0], proved[5:8]) == (entry(number).act, ["person", "bruno", str(number)])
    assert checkpoint_check.proof_fault(shown) is None
    words = checkpoint_check.proof_words(shown)
    assert f"entry {number} of the record of person bruno" in words
    assert f"stood in checkpoint {checkpoint}" in words


def test_an_entry_of_another_chain_and_algorithm(bank: str):
    change_key(SigningKey(worlds.CHECKPOINT_KEY), algorithm=SHA3, by=HOST, reason="SHA-256 grows old")
    RENAME(someone("sam", "Sam"), by=ADA, to="S")
    make()
    [shown] = proof_of_entry(records("person", "sam")[0])["proofs"]
    assert recomputed(shown, sha3)[5:8] == ["person", "sam", "1"]
    assert checkpoint_check.proof_fault(shown) is None


def test_what_no_checkpoint_covers_yet_is_open():
    newest = records("person", someone("sam", "Sam").code)[-1]
    assert proof_of_entry(newest) == {
        "about": ["record", newest.act], "proofs": [], "open": [["person", "sam"]],
    }  # fmt: skip


def test_an_entry_is_found_by_the_first_digits_of_its_act():
    for row in records("person", "bruno"):
        assert [one.act for one in entries_called(row.act[:12])] == [row.act]
        assert [one.act for one in entries_called(row.act)] == [row.act]
    assert len(entries_called("")) == 2
    assert entries_called("f" * 32) == []
    assert entry_of("person", "bruno", 6) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.__setitem__(0, entries[0].replace("B3", "B9")),
        lambda entries: entries.__setitem__(2, entries[2].replace("B5", "B9")),
        lambda entries: entries.pop(), lambda entries: entries.pop(1), lambda entries: entries.clear(),
        lambda entries: entries.reverse(), lambda entries: entries.__setitem__(0, "[]"),
        lambda entries: entries.__setitem__(0, 7), lambda entries: entries.append(entries[-1]),
        lambda entries: entries.insert(0, entries[0]),
    ],
)  # fmt: skip
def test_a_changed_entry_does_not_hold(change: Any):
    shown = told(3)
    change(shown["entries"])
    assert checkpoint_check.proof_fault(shown) == "the entry does not lead to the end of its chain"


def test_the_entry_of_another_chain_does_not_hold():
    shown, other = told(2), json.loads(json.dumps(proof_of_entry(records("person", "ines")[0])))
    shown["entries"] = other["proofs"][0]["entries"]
    assert checkpoint_check.proof_fault(shown) == "the entry does not lead to the end of its chain"
