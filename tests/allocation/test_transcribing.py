"""A prescription on paper: transcribed with the paper attached, compared with it by somebody else."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mscbank.allocation import actions
from mscbank.allocation.models import Allergies, Allocation
from mscbank.allocation.signed import what_is_prescribed
from mscbank.allocation.states import State
from mscbank.core import attachments, shelf
from mscbank.core.access import Principal, Role
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.shelf import Shelf
from mscbank.core.verify import findings
from mscbank.core.web.history import signatures_on
from tests.core.stuffed import direct
from tests.files import CSV, paper
from tests.make_allocation import WEIGHT, draft, today, weigh
from tests.people import BRUNO, MARTA, NINA, NOAH, OTTO, PAUL, PAULA, PEOPLE, person, sign

pytestmark = pytest.mark.db

PHYSICIAN = "Dr Hélène Roux"
BOTH = person("both", "Both Hats", Role.NURSE, Role.PHARMACIST)


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_shelf", [Shelf(tmp_path / "shelf")])
    monkeypatch.setitem(PEOPLE, BOTH.login, BOTH)


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value
    return refused.value


def typed(batch, by: Principal = NINA, *, scanned: bool = True, **changes) -> Allocation:
    """What the paper says, typed, with the weight and the paper."""
    inputs = {
        "recipient": batch.directed_to, "protocol": batch.protocol, "batch": batch, "infusion_on": today(),
        "allergies": Allergies.NONE_KNOWN, "paper_on": today(), "paper_prescriber": PHYSICIAN,
    } | changes  # fmt: skip
    made = actions.draft_from_paper(by=by, **inputs)
    weigh(made, WEIGHT, by=NOAH)
    if scanned:
        attachments.attach(made, by=by, title="paper prescription, signed", upload=paper())
    return made


def transcribed(batch, by: Principal = NINA) -> Allocation:
    made = typed(batch, by)
    sign(actions.transcribe, made, by, scan=1)
    return made


def test_a_paper_prescription_is_transcribed_compared_and_reserved(stocked):
    a = transcribed(stocked)
    assert (a.state, a.transcribed_by, a.prescribed_by) == (State.PRESCRIBED, "nina", None)
    assert (a.paper_prescriber, a.scan.number, a.prescribed_weight_g) == (PHYSICIAN, 1, WEIGHT)
    sign(actions.verify_and_reserve, a, PAULA, compared=True)
    assert (a.state, a.verified_by, a.is_compared) == (State.RESERVED, "paula", True)
    first, second = signatures_on("allocation", a.code)
    assert (first.meaning, second.meaning) == ("transcription", "verification")
    assert first.holds
    assert second.holds
    session.rollback()
    assert [one.line for one in findings()] == []


def test_the_digest_of_the_paper_is_part_of_what_is_signed(stocked):
    a = transcribed(stocked)
    said = what_is_prescribed(a)
    assert said["paper_sha256"] == a.scan.digest == paper().code
    assert said["paper_prescriber"] == PHYSICIAN
    assert said["paper_on"] == today()


@pytest.mark.parametrize("by", [MARTA, BRUNO, OTTO], ids=lambda by: by.login)
def test_only_a_pharmacist_or_a_nurse_transcribes(stocked, by):
    with pytest.raises(NotAllowed):
        typed(stocked, by)


def test_without_the_paper_nothing_is_signed(stocked):
    a = typed(stocked, scanned=False)
    for number in (1, 2, 10_000):
        with pytest.raises(Invalid) as refused:
            sign(actions.transcribe, a, NINA, scan=number)
        assert list(refused.value.faults) == ["scan"]
    upload = attachments.received("a.csv", "text/csv", CSV)
    attachments.attach(a, by=NINA, title="no scan of a paper", upload=upload)
    with pytest.raises(Invalid):
        sign(actions.transcribe, a, NINA, scan=1)


def test_a_withdrawn_paper_does_not_count(stocked):
    a = typed(stocked)
    attachments.withdraw(a, by=NINA, number=1, reason="of another patient")
    with pytest.raises(Invalid):
        sign(actions.transcribe, a, NINA, scan=1)


def test_the_paper_stays_while_the_prescription_stands_on_it(stocked):
    a = transcribed(stocked)
    refusal(
        "allocation.stands_on_paper", attachments.withdraw, a, by=NINA, number=1, reason="of another patient"
    )
    actions.send_back(a, by=PAULA, reason="the weight was read wrongly")
    assert (a.state, a.scan_id, a.transcribed_by, a.is_compared) == (State.DRAFT, None, None, False)
    attachments.withdraw(a, by=NINA, number=1, reason="of another patient")
    attachments.attach(a, by=NINA, title="the right paper", upload=paper("the right one"))
    sign(actions.transcribe, a, NINA, scan=2)
    assert a.scan.number == 2


def test_a_transcription_is_not_prescribed_and_a_draft_not_transcribed(stocked):
    a = typed(stocked)
    refusal("allocation.on_paper", sign, actions.prescribe, a, MARTA)
    values = {"infusion_on": today(), "infusion_minutes": 45, "allergies": Allergies.NONE_KNOWN}
    refusal("allocation.on_paper", actions.amend, a, by=MARTA, reason="another day", **values)
    actions.cancel(a, by=PAULA, reason="prescribed here instead")
    other = draft(stocked)
    attachments.attach(other, by=NINA, title="paper", upload=paper())
    refusal("allocation.not_on_paper", sign, actions.transcribe, other, NINA, scan=1)


def test_whoever_typed_it_corrects_it_until_it_is_signed(stocked):
    a = typed(stocked)
    values = {
        "infusion_on": today() + timedelta(days=1), "infusion_minutes": 45,
        "allergies": Allergies.NONE_KNOWN, "paper_on": today() - timedelta(days=1),
        "paper_prescriber": PHYSICIAN,
    }  # fmt: skip
    refusal(
        "allocation.typed_by_another", actions.amend_transcription, a, by=NOAH, reason="misread", **values
    )
    actions.amend_transcription(a, by=NINA, reason="misread", **values)
    assert (a.infusion_minutes, a.paper_on) == (45, today() - timedelta(days=1))
    sign(actions.transcribe, a, NINA, scan=1)
    refusal("allocation.not_a_draft", actions.amend_transcription, a, by=NINA, reason="misread", **values)


def test_paper_is_not_dated_ahead(stocked):
    with pytest.raises(Invalid) as refused:
        typed(stocked, paper_on=today() + timedelta(days=1))
    assert "paper_on" in refused.value.faults


def test_what_a_physician_needs_to_sign_a_transcription_needs_too(stocked):
    a = typed(stocked, allergies=Allergies.NOT_ASKED)
    refusal("allocation.allergies_not_asked", sign, actions.transcribe, a, NINA, scan=1)


def test_who_verifies_says_that_it_was_compared(stocked):
    a = transcribed(stocked)
    with pytest.raises(Invalid) as refused:
        sign(actions.verify, a, PAULA)
    assert list(refused.value.faults) == ["compared"]
    with pytest.raises(Invalid):
        sign(actions.verify_and_reserve, a, PAULA)
    sign(actions.verify, a, PAULA, compared=True)
    assert a.is_compared


@pytest.mark.parametrize("does", [actions.verify, actions.verify_and_reserve], ids=lambda one: one.name)
def test_invariant_11_whoever_transcribed_does_not_verify(stocked, does):
    a = transcribed(stocked, PAULA)
    refusal("allocation.own_transcription", sign, does, a, PAULA, compared=True)
    sign(does, a, PAUL, compared=True)


def test_invariant_11_nor_does_whoever_only_typed_it(stocked):
    a = typed(stocked, BOTH)
    sign(actions.transcribe, a, NINA, scan=1)
    refusal("allocation.own_transcription", sign, actions.verify, a, BOTH, compared=True)


def test_invariant_11_nor_the_physician_on_the_paper(stocked, monkeypatch):
    roux = person("roux", "DR HELENE ROUX", Role.PHARMACIST)
    monkeypatch.setitem(PEOPLE, roux.login, roux)
    a = transcribed(stocked)
    refusal("allocation.own_prescription", sign, actions.verify, a, roux, compared=True)


def test_a_review_after_a_new_weight_compares_again(stocked):
    a = transcribed(stocked)
    weigh(a, 80_000, by=NOAH, confirmed=True)
    assert a.state is State.NEEDS_REVIEW
    actions.review_weight(a, by=NINA)
    with pytest.raises(Invalid) as refused:
        sign(actions.review, a, PAULA, reason="weighed again")
    assert list(refused.value.faults) == ["compared"]


# --- the database ---------------------------------------------------------------------------------


WITHDRAWN = (
    "INSERT INTO attachment_withdrawal (path, attachment_id, reason, withdrawn_by, withdrawn_at)"
    " SELECT path, id, 'wrong one', 'nina', attached_at FROM attachment"
)


def broken(url: str, statement: str) -> str:
    """What the database says to a statement that no action sends; nothing of it stays."""
    session.rollback()
    engine = direct(url)
    with pytest.raises(DBAPIError) as refused, engine.begin() as raw:
        raw.execute(text(statement))
    engine.dispose()
    return str(refused.value)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE allocation SET scan_id = NULL", "ck_allocation_"),
        ("UPDATE allocation SET transcribed_by = NULL, transcribed_at = NULL, scan_id = NULL",
         "no_paper_no_prescription"),
        ("UPDATE allocation SET verified_by = 'nina', verified_at = transcribed_at, is_compared = true",
         "compared_by_another"),
        ("UPDATE allocation SET verified_by = 'paula', verified_at = transcribed_at", "compared_by_another"),
        ("UPDATE allocation SET prescribed_by = 'marta', prescribed_at = transcribed_at",
         "prescribed_or_transcribed"),
        ("UPDATE allocation SET paper_on = NULL, paper_prescriber = NULL", "from paper"),
        ("UPDATE allocation SET paper_prescriber = NULL", "paper_names_its_prescriber"),
        (WITHDRAWN, "stands on this paper"),
    ],
)  # fmt: skip
def test_the_database_knows_no_transcription_without_its_paper(stocked, url, statement, words):
    transcribed(stocked)
    assert words in broken(url, statement)


def test_the_database_takes_no_paper_of_another_thing(stocked, url):
    a = typed(stocked)
    attachments.attach(stocked, by=BRUNO, title="of the batch", upload=paper("another"))
    said = broken(
        url,
        "UPDATE allocation SET transcribed_by = 'nina', transcribed_at = (SELECT max(attached_at)"
        " FROM attachment), scan_id = (SELECT id FROM attachment WHERE thing_kind = 'batch')",
    )
    assert "attached to it and not withdrawn" in said
    assert session.get(Allocation, a.id).scan_id is None
    names = ", ".join(c.name for c in Allocation.__table__.columns if c.name not in ("id", "scan_id"))
    said = broken(
        url, f"INSERT INTO allocation (scan_id, {names}) SELECT a.id, {names} FROM allocation, attachment a"
    )
    assert "is attached to it first" in said
