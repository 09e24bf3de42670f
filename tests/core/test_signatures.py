"""Signing: the secret gives a one-use proof of just this content, the act uses it up (invariant 13)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from mscbank.core import acts, clock, parameters, signatures
from mscbank.core.access import Principal, operator, system
from mscbank.core.acts import Action
from mscbank.core.db import plumbing, session
from mscbank.core.errors import NotAllowed, Refused, SignIn, Stale
from mscbank.core.signatures import LIFETIME, Proof, ProofRow, Signature, Signer, prove
from mscbank.core.web import history
from mscbank.staff.models import User
from tests.core.acting import RENAME, does, records, rename, someone
from tests.people import ADA, ANA, BRUNO, EVA, INES, SAM, SECRET, proofs, sign

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]


def content(user: User) -> dict[str, Any]:
    return {"name": user.printed_name, "state": user.state}


SIGNED = does(rename, name="test.signed", meanings=("approved",), content=content)
WITNESSED = does(rename, name="test.witnessed", meanings=("done", "witnessed"), content=content)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for action in (SIGNED, WITNESSED):
        monkeypatch.setitem(acts.ACTIONS, action.name, action)


def a_proof(
    action: Action, user: Any, by: Principal = ADA, meaning: str = "approved", **inputs: Any
) -> Proof:
    signer = Signer(by, meaning, SECRET)
    return prove(action.name, user, signer, content=action.content, inputs=inputs)[0]


def signatures_kept() -> list[Signature]:
    session.rollback()
    return list(session.scalars(select(Signature).order_by(Signature.id)))


def test_invariant_13_a_signature_says_who_what_when_and_over_which_content():
    bruno = someone()
    sign(SIGNED, bruno, ADA, to="B")
    (kept,) = signatures_kept()
    assert (kept.login, kept.printed_name, kept.role) == ("ada", "Ada Moreau", "administrator of accounts")
    assert (kept.meaning, kept.action, kept.subject_code) == ("approved", "test.signed", "bruno")
    assert json.loads(kept.held) == {"name": "B", "state": "active"}
    row = records("person", "bruno")[-1]
    assert row.act == kept.act
    assert json.loads(row.signature or "") == [
        {
            "login": "ada", "meaning": "approved", "printed_name": "Ada Moreau",
            "role": "administrator of accounts", "content_hash": kept.content_hash,
            "held_hash": kept.held_hash, "means": "password", "badge": None, "station": None,
            "presence": None,
        }
    ]  # fmt: skip


def test_invariant_13_a_change_of_what_was_signed_shows():
    bruno = someone()
    sign(SIGNED, bruno, ADA, to="B")
    assert [one.holds for one in history.signatures_on("person", "bruno")] == [True]
    RENAME(bruno, by=ADA, to="C")
    assert [one.holds for one in history.signatures_on("person", "bruno")] == [False]
    RENAME(bruno, by=ADA, to="B")
    assert [one.holds for one in history.signatures_on("person", "bruno")] == [True]


def test_without_a_signature_it_is_refused():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        SIGNED(bruno, by=ADA, to="B")
    assert caught.value.code == "signature.missing"
    assert bruno.printed_name == "Bruno Lang"


def test_a_proof_is_used_once():
    bruno = someone()
    proof = a_proof(SIGNED, bruno, to="B")
    SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    with pytest.raises(Refused) as caught:
        SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    assert caught.value.code == "signature.proof_used"


def test_a_refused_act_gives_the_proof_back():
    bruno = someone()
    proof = a_proof(SIGNED, bruno, to="B")
    with pytest.raises(Refused):
        SIGNED(bruno, by=SAM, to="B", proofs=[proof])
    SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    assert bruno.printed_name == "B"


def test_a_proof_lives_two_minutes():
    bruno = someone()
    proof = a_proof(SIGNED, bruno, to="B")
    with plumbing() as connection:
        connection.execute(update(ProofRow).values(expires_at=clock.now() - timedelta(seconds=1)))
    with pytest.raises(Refused) as caught:
        SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    assert caught.value.code == "signature.proof_used"
    assert timedelta(minutes=2) == LIFETIME


def test_a_proof_is_for_this_action_alone():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        WITNESSED(bruno, by=ADA, to="B", proofs=[a_proof(SIGNED, bruno, to="B")])
    assert caught.value.code == "signature.proof_used"


@pytest.mark.parametrize("what", ["subject", "input", "content", "version"])
def test_a_proof_is_for_this_content_alone(what: str):
    bruno, ines = someone(), someone("ines", "Ines")
    proof = a_proof(SIGNED, ines if what == "subject" else bruno, to="X" if what == "input" else "B")
    if what == "content":
        RENAME(bruno, by=ADA, to="meanwhile")
    if what == "version":
        does(lambda user: None)(bruno, by=ADA)
    with pytest.raises(Stale) as caught:
        SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    assert caught.value.status == 412
    assert caught.value.code == "signature.content_changed"


def test_the_version_of_every_thing_in_the_request_is_signed():
    bruno, ines = someone(), someone("ines", "Ines")
    act = does(
        lambda user, other: None, name="test.two", meanings=("approved",), locks=lambda user, other: [other]
    )
    proof = a_proof(act, bruno, other=ines)
    RENAME(ines, by=ADA, to="meanwhile")
    with pytest.raises(Stale):
        act(bruno, by=ADA, other=ines, proofs=[proof])


def test_the_first_signer_is_whoever_acts():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        SIGNED(bruno, by=ADA, to="B", proofs=[a_proof(SIGNED, bruno, EVA, to="B")])
    assert caught.value.code == "signature.missing"


def test_a_paired_act_takes_two_people():
    bruno = someone()
    sign(WITNESSED, bruno, ADA, INES, to="B")
    assert [(s.meaning, s.login) for s in signatures_kept()] == [("done", "ada"), ("witnessed", "ines")]
    with pytest.raises(Refused) as caught:
        sign(WITNESSED, bruno, ADA, ADA, to="C")
    assert caught.value.code == "signature.same_person"
    one = proofs(WITNESSED, bruno, ADA, INES, to="C")[:1]
    with pytest.raises(Refused) as caught:
        WITNESSED(bruno, by=ADA, to="C", proofs=one)
    assert caught.value.code == "signature.missing"


def test_a_proof_too_many_is_refused():
    bruno = someone()
    both = [a_proof(SIGNED, bruno, to="B"), a_proof(SIGNED, bruno, EVA, "approved too", to="B")]
    with pytest.raises(Refused) as caught:
        SIGNED(bruno, by=ADA, to="B", proofs=both)
    assert caught.value.code == "signature.too_many"


def test_the_act_knows_who_signed():
    bruno = someone()
    seen: dict[str, str] = {}
    act = does(
        lambda user: seen.update(acts.current().signers), name="test.who", meanings=("done", "witnessed")
    )
    sign(act, bruno, ADA, INES)
    assert seen == {"done": "ada", "witnessed": "ines"}


def test_a_wrong_secret_signs_nothing():
    bruno = someone()
    with pytest.raises(SignIn):
        prove("test.signed", bruno, Signer(ADA, "approved", "wrong"), content=content, inputs={})
    assert session.scalars(select(ProofRow)).all() == []


def test_a_wrong_second_secret_leaves_no_proof_of_the_first():
    signers = (Signer(ADA, "done", SECRET), Signer(INES, "witnessed", "wrong"))
    with pytest.raises(SignIn):
        prove("test.witnessed", someone(), *signers, content=content, inputs={})
    assert session.scalars(select(ProofRow)).all() == []


@pytest.mark.parametrize("by", [system("expire"), operator("root")])
def test_only_people_sign(by: Principal):
    with pytest.raises(NotAllowed):
        prove("test.signed", someone(), Signer(by, "approved", SECRET), content=content, inputs={})


def test_neither_secret_nor_token_is_kept_anywhere(caplog: pytest.LogCaptureFixture, capsys: Any):
    bruno = someone()
    proof = a_proof(SIGNED, bruno, to="B")
    SIGNED(bruno, by=ADA, to="B", proofs=[proof])
    for row in [*records("person", "bruno"), *signatures_kept(), *session.scalars(select(ProofRow))]:
        text = str({c: getattr(row, c) for c in row.__table__.columns.keys()})  # noqa: SIM118 - a collection of columns
        assert SECRET not in text
        assert proof.token not in text
    said = capsys.readouterr()
    assert SECRET not in caplog.text + said.out + said.err
    assert proof.token not in caplog.text + said.out + said.err


def test_a_repeated_key_needs_no_new_signature():
    bruno = someone()
    proof = a_proof(SIGNED, bruno, to="B")
    SIGNED(bruno, by=ADA, to="B", proofs=[proof], key="k1")
    assert SIGNED(bruno, by=ADA, to="B", proofs=[proof], key="k1") is bruno
    assert len(signatures_kept()) == 1


def test_a_proof_survives_a_busy_database():
    bruno = someone()
    tries: list[int] = []

    def deadlocked(user: User) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise acts.Again

    act = does(deadlocked, name="test.deadlocked", meanings=("approved",))
    sign(act, bruno, ADA)
    assert len(tries) == 2
    assert len(signatures_kept()) == 1


def test_child_acts_refer_to_the_same_signature():
    bruno = someone()
    act = does(lambda user: RENAME(user, by=ADA, to="B"), name="test.parent", meanings=("approved",))
    sign(act, bruno, ADA)
    parent, child = records("person", "bruno")[1:]
    assert parent.signature == child.signature is not None


def test_a_parameter_is_set_by_a_signed_act(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        parameters.PARAMETERS,
        "test.days",
        parameters.Parameter("test.days", 3, "days", "for this test", "none"),
    )
    assert parameters.value("test.days") == 3
    row = sign(
        parameters.set_value, None, ANA, reason="the committee decided", parameter="test.days", value="5"
    )
    assert parameters.value("test.days") == 5
    assert parameters.value("test.days", clock.now() - timedelta(days=1)) == 3
    assert row.code == "test.days"
    assert signatures_kept()[0].subject_kind == "parameter"
    for wrong in ({"parameter": "test.none", "value": "5"}, {"parameter": "test.days", "value": "five"}):
        with pytest.raises(Refused):
            sign(parameters.set_value, None, ANA, reason="the committee decided", **wrong)
    with pytest.raises(NotAllowed):
        sign(parameters.set_value, None, BRUNO, reason="for my own sake", parameter="test.days", value="9")


def test_what_was_used_is_kept_with_the_act(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        parameters.PARAMETERS,
        "test.days",
        parameters.Parameter("test.days", 3, "days", "for this test", "none"),
    )
    bruno = someone()
    does(lambda user: parameters.value("test.days"))(bruno, by=ADA)
    assert json.loads(records("person", "bruno")[-1].body)["notes"] == {"parameters": {"test.days": "3"}}


def test_the_digest_is_of_the_canonical_content():
    bruno = someone()
    one = signatures.content_hash("a.b", bruno, content, {"x": 1, "y": [bruno]})
    assert one == signatures.content_hash("a.b", bruno, content, {"y": (bruno,), "x": 1})
    assert one != signatures.content_hash("a.b", bruno, content, {"x": 2, "y": [bruno]})
    assert one != signatures.content_hash("a.c", bruno, content, {"x": 1, "y": [bruno]})
