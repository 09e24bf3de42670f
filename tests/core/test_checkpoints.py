"""Checkpoints: what was sealed is not changed, shortened or added to unseen, whoever rules the database."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from mscbank.core import checkpoints, clock, jobs, merkle
from mscbank.core.access import system
from mscbank.core.canonical import canonical
from mscbank.core.checkpointing import make
from mscbank.core.checkpoints import (
    FIRST,
    Checkpoint,
    CheckpointLeaf,
    SigningKey,
    hash_of,
    leaf_hash,
    statement,
)
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.record import HASHED, ActTouch, ChainHead, Record
from mscbank.core.record import hash_of as row_hash
from mscbank.core.sealed import new_master
from mscbank.staff.models import User
from tests import worlds
from tests.core import tampering
from tests.core.acting import RENAME, someone
from tests.core.checkpointed import (
    EDIT,
    KEYS,
    LEAVES,
    POINTS,
    _key,
    against,
    all_lines,
    bruno,
    kept,
    last,
    only,
)
from tests.core.tampering import edited, forged
from tests.people import ADA

__all__ = ["_key", "bruno"]

pytestmark = pytest.mark.db


# --- made when something happened ----------------------------------------------------------------


def test_the_first_covers_every_chain_and_the_next_what_moved(bruno: User):
    someone("ines", "Ines")
    assert make() == 2
    session.rollback()
    first, second = session.scalars(select(Checkpoint).order_by(Checkpoint.number)).all()
    assert (first.is_whole, second.is_whole) == (True, False)
    assert first.entries == 5, "four of Bruno, one of the key"
    assert second.entries == 7
    assert second.previous == first.hash
    moved = session.scalars(select(CheckpointLeaf).where(CheckpointLeaf.checkpoint == 2)).all()
    assert [(m.chain_code, m.after_sequence, m.chain_sequence) for m in moved] == [
        ("bruno", 4, 5), ("ines", 0, 1),
    ]  # fmt: skip
    assert all_lines() == []


def test_nothing_is_made_when_nothing_happened(bruno: User):
    assert make() == 2
    assert make() is None
    assert last().number == 2


def test_the_clockwork_makes_them(bruno: User):
    jobs.RULES[checkpoints.RULE].run(system(checkpoints.RULE))
    assert last().number == 2


def test_of_two_made_at_once_one_stands(bruno: User, monkeypatch: pytest.MonkeyPatch):
    seen = checkpoints.latest()
    assert make() == 2
    someone("ines", "Ines")
    monkeypatch.setattr("mscbank.core.checkpointing.latest", lambda: seen)
    assert make() is None
    assert last().number == 2


def test_a_process_without_the_key_makes_none(bruno: User):
    checkpoints.open_key(new_master())
    with pytest.raises(Refused) as refused:
        make()
    assert refused.value.code == "checkpoint.no_key"
    assert last().number == 1


@pytest.mark.parametrize("text", ["", "short", "c2hvcnQ=", "!" * 44])
def test_a_key_is_32_bytes(text: str):
    with pytest.raises(ValueError, match=r"32 bytes|base64|padding|Only"):
        checkpoints.open_key(text)


def test_an_act_that_commits_late_is_not_sealed_over(bank: str, engine_kind: str):
    """Its entry has an earlier key than what is sealed, and comes in with the next checkpoint."""
    if engine_kind == "sqlite":
        pytest.skip("one writer at a time: nobody commits while another is open")
    late, other = someone("late", "Late"), someone("other", "Other")
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        person = session.scalars(select(User).where(User.code == "late")).one()
        original = session.registry().commit_act

        def waiting() -> None:
            written.set()
            go_on.wait(20)
            original()

        session.registry().commit_act = waiting  # type: ignore[method-assign]
        try:
            RENAME(person, by=ADA, to="Later")
        finally:
            session.remove()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(20)
    RENAME(other, by=ADA, to="Sooner")
    assert make() == 1
    go_on.set()
    thread.join(20)
    assert make() == 2
    session.rollback()
    keys = dict(session.execute(select(Record.chain_code, Record.id).where(Record.chain_sequence == 2)).all())
    assert keys["late"] < keys["other"], "the late one had its key first"
    leaf = session.scalars(select(CheckpointLeaf).where(CheckpointLeaf.checkpoint == 2)).one()
    assert (leaf.chain_code, leaf.after_sequence, leaf.chain_sequence) == ("late", 1, 2)
    assert late.printed_name == "Later"
    assert all_lines() == []


# --- tampering, with chains that fit again ---------------------------------------------------------

OF_BRUNO = "chain_code = 'bruno' AND chain_sequence"


def without(which: str) -> list[str]:
    """Delete entries of Bruno's chain, and from all histories."""
    return [
        f"DELETE FROM act_touch WHERE act IN (SELECT act FROM record WHERE {OF_BRUNO} {which})",
        f"DELETE FROM record WHERE {OF_BRUNO} {which}",
    ]


SEALED = [
    ("edited", [f"UPDATE record SET reason = 'another' WHERE {OF_BRUNO} = 2"]),
    ("removed", without("= 3")),
    ("reordered", [
        f"UPDATE record SET chain_sequence = {new} WHERE {OF_BRUNO} = {old}"
        for old, new in ((2, 99), (3, 2), (99, 3))
    ]),
    ("cut", without("> 3")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "words"), SEALED, ids=[kind for kind, _ in SEALED])
def test_a_chain_made_to_fit_again_no_longer_fits_its_checkpoint(
    bank: str, bruno: User, kind: str, words: list[str]
):
    edited(bank, forged("person", "bruno", *words))
    found = [line for line in all_lines() if "which checkpoint 1 covers" in line]
    is_what = "is gone" if kind == "cut" else "is not the one that was written"
    assert found == [f"person bruno: entry 4, which checkpoint 1 covers, {is_what}"]


def entry(connection: Connection, code: str, *, days_ago: int) -> None:
    """Put an entry at the end of a chain, or begin one, as of some days ago; everything fits."""
    some = connection.execute(select(tampering.RECORD).limit(1)).one()
    at = clock.now() - timedelta(days=days_ago)
    values = {name: getattr(some, name) for name in HASHED} | {
        "act": f"{code}{days_ago}".ljust(32, "0"), "subject_kind": "person", "subject_code": code,
        "chain_kind": "person", "chain_code": code, "chain_sequence": 900, "happened_at": at,
        "entered_at": at, "action": "test.forged", "signature": None, "prev_hash": "",
        "body": canonical({"changes": [], "ledger": {}, "notes": {}, "touched": [["person", code]]}),
    }  # fmt: skip
    connection.execute(insert(tampering.RECORD).values(**values, hash=row_hash(values)))
    connection.execute(insert(ActTouch.__table__).values(act=values["act"], kind="person", code=code))
    there = connection.execute(select(ChainHead.id).where(ChainHead.chain_code == code)).first()
    if there is None:
        head = {"chain_kind": "person", "chain_code": code, "sequence": 0, "hash": ""}
        connection.execute(insert(ChainHead.__table__).values(**head))
    tampering.rechained(connection, "person", code)


def test_an_entry_put_in_later_at_an_end_is_found(bank: str, bruno: User):
    make()
    edited(bank, lambda connection: entry(connection, "bruno", days_ago=3))
    found = all_lines()
    assert any("entry 6 of its record is dated before the one before it" in line for line in found), found
    assert any("entry 6 is dated" in line and "it was put in later" in line for line in found), found


def test_a_chain_put_in_later_is_found(bank: str, bruno: User):
    make()
    edited(bank, lambda connection: entry(connection, "ghost", days_ago=3))
    only("it was put in later")


def test_it_is_still_found_when_the_next_checkpoint_covers_it(bank: str, bruno: User):
    make()
    edited(bank, lambda connection: entry(connection, "ghost", days_ago=0))
    edited(
        bank,
        lambda connection: [
            connection.execute(
                update(tampering.RECORD)
                .where(tampering.RECORD.c.chain_code == "ghost")
                .values(entered_at=clock.now() - timedelta(minutes=1))
            ),
            tampering.rechained(connection, "person", "ghost"),
        ],
    )
    assert make() == 3
    edited(
        bank,
        lambda connection: connection.execute(
            update(POINTS).where(POINTS.c.number == 2).values(made_at=clock.now() + timedelta(hours=1))
        ),
    )
    assert any("person ghost: entry 1 is dated" in line for line in all_lines())


# --- the checkpoints themselves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("made_at", lambda: clock.now() - timedelta(days=9), "it was changed"),
        ("entries", lambda: 99, "it was changed"),
        ("root", lambda: "0" * 64, "its leaves were changed"),
        ("hash", lambda: "0" * 64, "it was changed"),
        ("previous", lambda: "1" * 64, "it does not follow the one before it"),
        ("signature", lambda: "AAAA", "its signature is not that of the key"),
        ("instance", lambda: "0" * 64, "it is of another installation"),
        ("algorithm", lambda: "md5-rsa", "it was changed"),
        ("introduction", lambda: 7, "its signature is not that of the key"),
        ("chains", lambda: 0, "its leaves were changed"),
    ],
)
def test_an_edited_checkpoint_is_found(bank: str, bruno: User, column: str, value: Any, says: str):
    edited(bank, lambda c: c.execute(update(POINTS).where(POINTS.c.number == 1).values({column: value()})))
    found = [line for line in all_lines() if line.startswith("checkpoint 1: ")]
    assert any(says in line for line in found), found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.execute(update(LEAVES).values(after_sequence=1)), "its leaves were changed"),
        (lambda c: c.execute(delete(LEAVES).where(LEAVES.c.position == 0)), "its leaves were changed"),
        (lambda c: c.execute(update(LEAVES).values(position=LEAVES.c.position + 5)), ""),
        (lambda c: c.execute(delete(POINTS).where(POINTS.c.number == 1)), "checkpoints are missing"),
        (lambda c: c.execute(update(KEYS).values(public=SigningKey(new_master()).public)), "was changed"),
        (lambda c: c.execute(delete(KEYS)), "its signature is not that of the key"),
    ],
)
def test_leaves_and_keys_are_held_against_the_checkpoint(bank: str, bruno: User, change: Any, says: str):
    make()
    edited(bank, change)
    found = all_lines()
    assert any(says in line for line in found) if says else found == [], found


def remade(connection: Connection, number: int, key: SigningKey) -> None:
    """Make a checkpoint fit the chains again, signed by a key."""
    rows = connection.execute(
        select(LEAVES).where(LEAVES.c.checkpoint == number).order_by(LEAVES.c.position)
    ).all()
    for row in rows:
        end = connection.execute(
            select(tampering.HEAD).where(tampering.HEAD.c.chain_code == row.chain_code)
        ).one()
        fitting = connection.execute(
            select(tampering.RECORD.c.hash).where(
                tampering.RECORD.c.chain_code == row.chain_code,
                tampering.RECORD.c.chain_sequence == min(row.chain_sequence, end.sequence),
            )
        ).scalar_one()
        connection.execute(
            update(LEAVES)
            .where(LEAVES.c.id == row.id)
            .values(chain_sequence=min(row.chain_sequence, end.sequence), chain_hash=fitting)
        )
    leaves = connection.execute(
        select(LEAVES).where(LEAVES.c.checkpoint == number).order_by(LEAVES.c.position)
    ).all()
    root = merkle.root([leaf_hash(leaf, FIRST) for leaf in leaves], FIRST.hashed).hex()
    connection.execute(update(POINTS).where(POINTS.c.number == number).values(root=root))
    said = statement(connection.execute(select(POINTS).where(POINTS.c.number == number)).one())
    connection.execute(
        update(POINTS)
        .where(POINTS.c.number == number)
        .values(hash=hash_of(said), signature=key.sign(canonical(said)))
    )


def everything(key: SigningKey) -> tampering.Edit:
    """Edit an entry and make chains and checkpoint fit again."""

    def edit(connection: Connection) -> None:
        forged("person", "bruno", EDIT)(connection)
        remade(connection, 1, key)

    return edit


def test_without_the_key_no_checkpoint_is_made_anew(bank: str, bruno: User):
    edited(bank, everything(SigningKey(new_master())))
    only("its signature is not that of the key of its time")


def test_with_database_and_key_only_what_was_kept_outside_tells(bank: str, bruno: User):
    outside = kept()
    assert against(outside) == []
    edited(bank, everything(SigningKey(worlds.CHECKPOINT_KEY)))
    assert all_lines() == [], "who has database and key can make it all anew"
    assert against(outside) == [
        "checkpoint 1: it is not the one that was kept outside: the record was written anew"
    ]


def test_a_tail_cut_off_with_its_checkpoints_is_found_by_a_kept_one(bank: str, bruno: User):
    assert make() == 2
    outside = kept()
    cut = forged(
        "person", "bruno", *without("= 5"), "DELETE FROM checkpoint_leaf WHERE checkpoint = 2",
        "DELETE FROM checkpoint WHERE number = 2",
        "UPDATE person SET printed_name = 'Bruno 2', version = 4 WHERE code = 'bruno'",
    )  # fmt: skip
    edited(bank, cut)
    assert all_lines() == []
    assert against(outside) == [
        "checkpoint 2: it was kept outside with 6 entries, but the record ends before it"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda form: form["checkpoint"].update(entries=1),
        lambda form: form.update(hash="0" * 64),
        lambda form: form.update(signature="AAAA"),
        lambda form: form.update(public=None),
        lambda form: form.pop("checkpoint"),
        lambda form: form["checkpoint"].update(algorithm="none"),
        lambda form: form["checkpoint"].update(number="1"),
        lambda form: form.clear(),
    ],
)
def test_what_was_changed_where_it_was_kept_is_told_so(bruno: User, change: Any):
    form = kept()
    change(form)
    assert against(form) == [
        "checkpoint -: what was kept outside is no checkpoint, or was changed where it was kept"
    ]


def test_one_of_another_installation_is_told_so(bruno: User):
    form, key = kept(), SigningKey(new_master())
    form["checkpoint"]["instance"] = "0" * 64
    said = form["checkpoint"]
    form |= {"hash": hash_of(said), "public": key.public, "signature": key.sign(canonical(said))}
    assert against(form) == ["checkpoint 1: what was kept outside is of another installation"]
