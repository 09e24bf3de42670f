"""The judgement through both doors."""

import re
from collections.abc import Callable, Iterator

import pypdfium2
import pytest
from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core import db
from mscbank.core.checkpointing import make
from mscbank.core.checkpoints import latest
from mscbank.core.db import session
from mscbank.deviation.severity import Severity
from mscbank.release import actions, pages
from mscbank.release.judged import judged
from mscbank.release.models import Release
from tests import make_deviation, make_release
from tests.copies import World
from tests.doors import Caller, Service
from tests.make_release import WHY
from tests.people import ANA, BRUNO, INES, MARTA, OTTO, PIETER, QUITERIA, SAM, SECRET
from tests.release.conftest import CONDITIONAL, FROZEN, RELEASED, REVIEWED

TESTED = "2026-01-13T14:32:00+01:00"
FUTURE = "2999-01-01T00:00:00Z"


@pytest.fixture
def serve(world_url: Callable[..., str]) -> Iterator[Callable[[World], Service]]:
    """The whole service on a world."""
    yield lambda world: Service(world_url(world.name, world.build, world.base))
    db.disconnect()


def code_of(model: type = Release) -> str:
    found = session.scalars(select(model)).one().code
    session.remove()
    return found


def sheet(code: str, *, without: tuple[str, ...] = ()) -> list[dict[str, str]]:
    release = session.scalars(select(Release).where(Release.code == code)).one()
    lines = [
        {"attribute": one.criterion.attribute, "value_text": make_release.passing(one)}
        for one in judged([release])[release.id]
        if one.criterion.attribute not in without
    ]
    session.remove()
    return lines


def step(who: Caller, path: str, action: str, meaning: str, code: str, **body):
    """One signed act over the API, with the version that stands."""
    version = who.read(f"releases/{code}")["version"]
    reason = {k: body.pop(k) for k in ("reason",) if k in body}
    proofs = who.proofs(action, code, meaning, **body)
    answer = who.api(f"releases/{code}/{path}", body | reason | {"proofs": proofs}, version=version)
    assert answer.status_code == 200, answer.text
    return answer.json


def read_trail(who: Caller, code: str) -> None:
    """The audit trail read and its review signed, over the API."""
    seen = who.read(f"releases/{code}/audit-trail")["seen"]
    said = "compared with the raw data"
    step(
        who,
        "audit-trail-reviews",
        "release.review_trail",
        "audit trail reviewed",
        code,
        seen=seen,
        comment=said,
    )


def test_the_whole_way_over_the_api(serve):
    service = serve(FROZEN)
    ana, ines, pieter, quiteria = (service.call(p) for p in (ANA, INES, PIETER, QUITERIA))
    made = ana.api("releases", {"batch": code_of(Batch)})
    assert made.status_code == 201, made.text
    code = made.json["code"]
    assert [m["name"] for m in made.json["moves"]] == ["check", "reject", "except"]
    lines = sheet(code, without=("viability_fill",))
    entered = ines.api(f"releases/{code}/result-sheets", {"results": lines, "tested_at": TESTED}, version=1)
    assert entered.status_code == 200, entered.text
    one = {"attribute": "viability_fill", "value_text": "81,7", "unit": "%", "tested_at": TESTED}
    assert ines.api(f"releases/{code}/results", one, version=2).status_code == 200
    corrected = {"attribute": "viability_fill", "number": 1, "value_text": "87.1", "reason": "digits swapped"}
    assert ines.api(f"releases/{code}/corrections", corrected, version=3).status_code == 200
    own = ines.api(f"releases/{code}/reviews", {"attribute": "viability_fill", "number": 2}, version=4)
    assert (own.status_code, own.json["code"]) == (409, "release.own_result")
    assert (
        pieter.api(
            f"releases/{code}/reviews", {"attribute": "viability_fill", "number": 2}, version=4
        ).status_code
        == 200
    )
    names = {"attributes": [line["attribute"] for line in lines]}
    assert pieter.api(f"releases/{code}/review-sheets", names, version=5).status_code == 200
    board = quiteria.read(f"releases/{code}/readiness")
    assert (board["waiting"], board["late"]) == (1, 0)
    [open_line] = [one for one in board["items"] if one["obstacle"]]
    assert open_line["obstacle"]["code"] == "release.trail_unreviewed"
    assert (open_line["group"], open_line["who"]) == ("record", ["quality assurance"])
    found = {c["attribute"]: c for c in quiteria.read(f"releases/{code}/results")["criteria"]}
    old, new = found["viability_fill"]["results"]
    assert (old["value"], old["is_standing"], new["value"], new["corrects"]) == (
        "81.700000",
        False,
        "87.100000",
        1,
    )
    assert new["reviewed_by"] == "pieter"
    step(ana, "check", "release.check", "manufacture and testing checked", code)
    read_trail(ana, code)
    step(quiteria, "certify", "release.certify", "certification", code)
    done = step(quiteria, "release", "release.release", "released for use", code)
    assert (done["state"], done["certified_by"]) == ("released", "quiteria")
    assert [r["code"] for r in ana.read("releases?state=released")["items"]] == [code]
    paper = service.call(OTTO).get(f"/api/v1/releases/{code}/certificate.pdf")
    assert (paper.status_code, paper.mimetype) == (200, "application/pdf")


def test_the_audit_trail_is_read_and_reviewed_over_the_api(serve):
    service = serve(REVIEWED)
    code = code_of()
    ana, ines, otto = service.call(ANA), service.call(INES), service.call(OTTO)
    version = ana.read(f"releases/{code}")["version"]
    body = {"attribute": "cd73", "number": 1, "value_text": "96.5", "reason": "digits swapped"}
    assert ines.api(f"releases/{code}/corrections", body, version=version).status_code == 200
    told = otto.read(f"releases/{code}/audit-trail")
    assert (told["picked_out"]["correction"], told["picked_out"]["late"], told["reviews"]) == (1, 0, [])
    [corrected] = [act for act in told["acts"] if "correction" in act["why"]]
    assert (corrected["who"], corrected["reason"]) == ("Ines Kowal", "digits swapped")
    assert {"field": "Result as reported", "old": None, "new": "96.5"} in corrected["changes"]
    assert corrected["things"] == [{"kind": "release", "code": code}]
    assert not any(act["is_new"] for act in told["acts"])
    read_trail(ana, code)
    again = otto.read(f"releases/{code}/audit-trail")
    assert [(one["reviewed_by"], one["marks_hash"]) for one in again["reviews"]] == [("ana", told["seen"])]
    version = ana.read(f"releases/{code}")["version"]
    assert service.call(PIETER).api(
        f"releases/{code}/reviews", {"attribute": "cd73", "number": 2}, version=version
    ).status_code == 200  # fmt: skip
    board = otto.read(f"releases/{code}/readiness")
    [line] = [one for one in board["items"] if one["group"] == "record"]
    assert line["obstacle"]["code"] == "release.trail_stale"
    assert [act["action"] for act in otto.read(f"releases/{code}/audit-trail")["acts"] if act["is_new"]] == [
        "release.review_result"
    ]
    version = ana.read(f"releases/{code}")["version"]
    bad = ana.api(f"releases/{code}/audit-trail-reviews", {"seen": "", "comment": "x"}, version=version)
    assert (bad.status_code, set(bad.json["errors"])) == (422, {"seen"})


def test_the_audit_trail_on_its_pages(serve):
    service = serve(REVIEWED)
    code = code_of()
    ana, ines, otto = service.call(ANA), service.call(INES), service.call(OTTO)
    refused = ines.form(f"/releases/{code}/reviews", attribute="cd73", number="1")
    assert refused.status_code == 409
    page = otto.page(f"/releases/{code}/audit-trail")
    for words in ("Audit trail of batch", "Blocked: 1", "Late entry: 0", "release.own_result",
                  "Nobody has reviewed the audit trail", "Everything else"):  # fmt: skip
        assert words in page, words
    assert "Review the audit trail" not in page, "an auditor only looks"
    assert otto.get(f"/releases/{code}/review-trail").status_code == 403
    form = f"/releases/{code}/review-trail"
    assert "to the last entry shown here" in ana.page(form)
    unsaid = ana.form(form, comment="x", secret_0=SECRET)
    assert unsaid.status_code == 422
    assert "at least 5 characters" in unsaid.text
    done = ana.form(form, comment="the blocked act was by mistake", findings="none", secret_0=SECRET)
    assert done.status_code == 302, done.text
    for words in ("Review 1", "Ana Lindqvist", "the blocked act was by mistake"):
        assert words in otto.page(f"/releases/{code}/audit-trail")
    stale = ana.form(form, comment="once more, in vain", secret_0=SECRET)
    assert (stale.status_code, "nothing came since" in stale.text) == (409, True)


def told_in(page: str) -> int:
    """How many acts a page tells among everything else."""
    return page.split('id="rest"')[1].split("</ol>")[0].count('<div class="event">')


def test_what_stands_out_nowhere_is_read_page_by_page_and_signed_as_a_whole(serve, monkeypatch):
    monkeypatch.setattr(pages, "TRAIL_PAGE", 5)
    service = serve(REVIEWED)
    code = code_of()
    otto, ana, path = service.call(OTTO), service.call(ANA), f"/releases/{code_of()}/audit-trail"
    wanted = {act["act"] for act in otto.read(f"releases/{code}/audit-trail")["acts"] if not act["why"]}
    shown, following = [], path
    while following is not None:
        page = otto.page(following)
        on = re.search(r'href="([^"]*after=[0-9a-f]+)#rest" rel="next"', page)
        following = on[1] if on else None
        shown.append(told_in(page))
    assert (sum(shown), max(shown), len(shown)) == (len(wanted), 5, -(-len(wanted) // 5))
    assert len(shown) > 2
    assert "Back to the first" in page
    assert otto.get(f"{path}?after=nothing").status_code == 422
    form = ana.page(f"/releases/{code}/review-trail")
    assert told_in(form) == len(wanted), "whoever signs has all of it before him"


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("results", {"attribute": "gram", "value_text": "", "tested_at": TESTED}, "value_text"),
        ("results", {"attribute": "gram", "value_text": "x" * 201, "tested_at": TESTED}, "value_text"),
        ("results", {"attribute": "gram", "value_text": 5, "tested_at": TESTED}, "value_text"),
        ("results", {"attribute": "none", "value_text": "5", "tested_at": TESTED}, "attribute"),
        (
            "results",
            {"attribute": "gram", "value_text": "5", "tested_at": "2999-01-01T00:00:00Z"},
            "tested_at",
        ),
        ("results", {"attribute": "gram", "value_text": "5", "tested_at": TESTED, "value": 5}, "value"),
        ("result-sheets", {"results": [], "tested_at": TESTED}, "results"),
        (
            "result-sheets",
            {"results": [{"attribute": "gram", "value_text": "negative"}] * 2, "tested_at": TESTED},
            "results",
        ),
        (
            "result-sheets",
            {"results": [{"attribute": "cd90", "value_text": "many"}], "tested_at": TESTED},
            "cd90",
        ),
        ("reviews", {"attribute": "gram", "number": 0}, "number"),
        ("reviews", {"attribute": "gram", "number": 1}, "number"),
        ("review-sheets", {"attributes": ["gram"]}, "attributes"),
    ],
)
def test_bad_input_is_named_by_its_field(serve, path, body, fault):
    service = serve(FROZEN)
    ana, ines = service.call(ANA), service.call(INES)
    code = ana.api("releases", {"batch": code_of(Batch)}).json["code"]
    answer = ines.api(f"releases/{code}/{path}", body, version=1)
    assert answer.status_code == 422, answer.text
    assert fault in answer.json["errors"]


def test_roles_versions_and_strangers(serve):
    service = serve(REVIEWED)
    code = code_of()
    ana = service.call(ANA)
    assert ana.api(f"releases/{code}/check").status_code == 428
    assert ana.api(f"releases/{code}/suspend", {"reason": "a doubt"}, version=99).status_code == 412
    assert service.call(SAM).get(f"/api/v1/releases/{code}").status_code in (200, 403, 404)
    assert service.call(None).get(f"/api/v1/releases/{code}").status_code == 401
    asked = service.call(BRUNO).api(f"releases/{code}/results", {
        "attribute": "gram", "value_text": "negative", "tested_at": TESTED, "reason": "once more",
    }, version=ana.read(f"releases/{code}")["version"])  # fmt: skip
    assert asked.status_code == 403
    second = ana.api("releases", {"batch": code_of(Batch)})
    assert (second.status_code, second.json["code"]) == (409, "release.already_open")


def text_of(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    try:
        return " ".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def test_the_certificate_says_what_was_found_changed_and_signed(serve):
    service = serve(REVIEWED)
    code = code_of()
    otto = service.call(OTTO)
    before = text_of(otto.get(f"/releases/{code}/certificate.pdf").data)
    assert "not certified" in before
    release = session.scalars(select(Release)).one()
    actions.correct_result(
        release, by=INES, reason="digits swapped", attribute="viability_fill", number=1, value_text="87.1"
    )
    actions.review_result(release, by=PIETER, attribute="viability_fill", number=2)
    session.remove()
    ana, quiteria = service.call(ANA), service.call(QUITERIA)
    step(ana, "check", "release.check", "manufacture and testing checked", code)
    read_trail(ana, code)
    step(quiteria, "certify", "release.certify", "certification", code)
    paper = otto.get(f"/releases/{code}/certificate.pdf")
    assert paper.headers["Content-Disposition"].startswith('attachment; filename="certificate-BT1')
    said = " ".join(text_of(paper.data).split())
    for words in ("Certificate of the batch", "87.1", "digits swapped", "Ana Lindqvist", "certification",
                  "holds", "≥ 70", "Audit trail reviewed", "picked out",
                  "Fingerprint of the record", "those that were certified"):  # fmt: skip
        assert words in said
    assert "HUMAN USE" not in said
    assert "Checkpoint" not in said, "there is none yet"
    number = make()
    last = latest()
    said = " ".join(text_of(otto.get(f"/releases/{code}/certificate.pdf").data).split())
    assert last is not None
    assert f"Checkpoint {number}, " in said
    assert last.hash in said
    step(quiteria, "release", "release.release", "released for use", code)
    release = session.scalars(select(Release)).one()
    make_release.enter(release, "cd90", "99", reason="stability", by=INES)
    session.remove()
    said = " ".join(text_of(otto.get(f"/releases/{code}/certificate.pdf").data).split())
    assert "added or changed after the certification" in said


def test_the_certificate_of_step_one_says_what_is_still_to_come(serve):
    service = serve(CONDITIONAL)
    said = " ".join(text_of(service.call(OTTO).get(f"/releases/{code_of()}/certificate.pdf").data).split())
    assert "Still to come Sterility, final product" in said
    assert "results to come" in said


def test_the_certificate_in_french(serve):
    service = serve(RELEASED)
    otto = service.call(OTTO)
    otto.get("/language/fr")
    assert otto.get(f"/releases/{code_of()}/certificate.pdf").status_code == 200


def test_the_page_says_what_blocks_and_who_is_independent(serve):
    service = serve(REVIEWED)
    code = code_of()
    make_deviation.deviation(
        session.scalars(select(Batch)).one(), severity=Severity.MAJOR, title="CO₂ low for 41 min"
    )
    session.remove()
    page = service.call(QUITERIA).page(f"/releases/{code}")
    for words in (
        "2 things block certification",
        "Nobody has reviewed the audit trail",
        "CO₂ low for 41 min",
        "Who must act",
        "Results against limits",
        "You made nothing in this batch",
        "Not yet:",
        "Under review",
    ):
        assert words in page
    assert "You worked on this batch" not in page
    listed = service.call(OTTO).page("/releases/")
    assert code in listed
    assert "Are you independent" not in service.call(OTTO).page(f"/releases/{code}")


def test_the_whole_way_over_the_pages(serve):
    service = serve(FROZEN)
    ana, ines, pieter, quiteria = (service.call(p) for p in (ANA, INES, PIETER, QUITERIA))
    batch = code_of(Batch)
    assert "Open the review" in ana.page(f"/batches/{batch}")
    assert "Open the review of batch" in ana.page("/")
    opened = ana.form("/releases/new", batch=batch)
    assert opened.status_code == 302, opened.text
    page = opened.location
    code = page.rsplit("/", 1)[1]
    assert "Enter 18 results" in ines.page("/") or "results of batch" in ines.page("/")
    typed = {line["attribute"]: line["value_text"] for line in sheet(code, without=("karyotype",))}
    wrong = ines.form(f"{page}/sheet", tested_at="2026-01-13T14:32", cd90="many")
    assert wrong.status_code == 422
    assert "Type the result as reported" in wrong.text
    assert ines.form(f"{page}/sheet", tested_at="2026-01-13T14:32").status_code == 422
    assert ines.form(f"{page}/sheet", tested_at="2026-01-13T14:32", **typed).status_code == 302
    found = ines.form(
        f"{page}/results", attribute="karyotype", value_text="no clonal abnormality",
        tested_at="2026-01-13T14:32", detail="46,XX in 20 of 20",
    )  # fmt: skip
    assert found.status_code == 302, found.text
    assert "46,XX in 20 of 20" in pieter.page(page)
    assert "Review 27 results" in pieter.page("/")
    assert pieter.form(f"{page}/reviews", attribute="karyotype", number="1").status_code == 302
    assert pieter.form(f"{page}/review-sheet", attributes=list(typed)).status_code == 302
    assert "Check manufacture and testing of batch" in ana.page("/")
    assert "1 thing blocks certification" in ana.page(page)
    assert "Review the audit trail of batch" in ana.page("/")
    reviewed = ana.form(f"{page}/review-trail", comment="compared with the raw data", secret_0=SECRET)
    assert reviewed.status_code == 302, reviewed.text
    assert "Nothing blocks certification" in ana.page(page)
    refused = ana.form(f"{page}/check", secret_0="wrong")
    assert refused.status_code == 401
    assert ana.form(f"{page}/check", secret_0=SECRET).status_code == 302
    assert "Certify batch" in quiteria.page("/")
    assert quiteria.form(f"{page}/certify", secret_0=SECRET).status_code == 302
    assert "Release batch" in quiteria.page("/")
    assert quiteria.form(f"{page}/release", secret_0=SECRET).status_code == 302
    assert "released" in quiteria.page(page)
    assert "Released" in quiteria.page(f"/batches/{batch}")


def test_the_prescriber_acknowledges_on_a_page(serve):
    service = serve(FROZEN)
    release = make_release.fill_in(
        make_release.opened(session.scalars(select(Batch)).one()), without=["sterility_final"]
    )
    page = f"/releases/{release.code}"
    session.remove()
    quiteria, marta = service.call(QUITERIA), service.call(MARTA)
    assert "Prepare a release in two steps" in quiteria.page(page)
    prepared = quiteria.form(f"{page}/prepare-two-step", justification=WHY, surrogates=["gram"])
    assert prepared.status_code == 302, prepared.text
    assert "Waits for the prescriber" in quiteria.page(page)
    assert "in two steps" in marta.page("/")
    assert marta.form(f"{page}/acknowledge-two-step", secret_0=SECRET).status_code == 302
    assert "Acknowledged by Dr Marta Rinaldi" in quiteria.page(page)


def test_a_suspended_batch_shows_its_causes(serve):
    service = serve(CONDITIONAL)
    release = session.scalars(select(Release)).one()
    make_release.enter(release, "sterility_final", "growth")
    page = f"/releases/{release.code}"
    session.remove()
    said = service.call(QUITERIA).page(page)
    for words in ("suspended", "result outside its limit", "not decided", "Reject the batch", "growth"):
        assert words in said
    ana = service.call(ANA)
    assert "Decide an investigation of batch" in ana.page("/")
    decided = ana.form(
        f"{page}/decisions", number="1", finding="confirmed", conclusion="grown again", secret_0=SECRET
    )
    assert decided.status_code == 302, decided.text
    assert "The result stands" in ana.page(page)
    assert "Decide about the suspended batch" in service.call(QUITERIA).page("/")


def test_a_physician_walks_the_exception_on_pages(serve):
    service = serve(FROZEN)
    release = make_release.fill_in(
        make_release.opened(session.scalars(select(Batch)).one()), viability_post_thaw="62"
    )
    page = f"/releases/{release.code}"
    session.remove()
    marta, quiteria, ana = service.call(MARTA), service.call(QUITERIA), service.call(ANA)
    assert (
        ana.form(
            f"{page}/decisions", number="1", finding="confirmed", conclusion="thawed again", secret_0=SECRET
        ).status_code
        == 302
    )
    assert marta.form(f"{page}/request-exception", hazard=WHY, secret_0=SECRET).status_code == 302
    assert "Give the risk evaluation" in quiteria.page(page)
    given = quiteria.form(f"{page}/evaluate-exception", evaluation=make_release.EVALUATION, secret_0=SECRET)
    assert given.status_code == 302
    assert "Answer the risk evaluation" in marta.page("/")
    assert marta.form(f"{page}/accept-exception", secret_0=SECRET).status_code == 302
    assert quiteria.form(f"{page}/tell-sponsor", reason="by telephone and letter").status_code == 302
    assert quiteria.form(f"{page}/except", secret_0=SECRET).status_code == 302
    assert "by exception" in quiteria.page(page)


@pytest.mark.parametrize(
    "path", ["/releases/CT19999990K", "/releases/CT19999990K/sheet", "/releases/x/certificate.pdf"]
)
def test_what_is_not_there_is_404(serve, path):
    assert serve(FROZEN).call(ANA).get(path).status_code == 404
