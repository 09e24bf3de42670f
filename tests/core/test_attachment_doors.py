"""Attachments at both doors: sent, listed, fetched so that nothing runs, withdrawn, refused with a reason."""

import base64
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from mscbank.core import shelf
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.record import Record
from mscbank.core.shelf import Shelf
from mscbank.core.web import security
from mscbank.core.web.attachments import disposition
from mscbank.family.models import Recipient
from tests import make_family
from tests.files import CSV, HTML, SVG, TIFF, pdf, png
from tests.house import House, Someone, employ
from tests.people import SECRET, person

PDF = pdf()
AWAY = ("default-src 'none'", "frame-ancestors 'none'", "form-action 'none'")


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shelf, "_shelf", [Shelf(tmp_path / "shelf")])
    return tmp_path / "shelf"


@pytest.fixture
def patient(house: House) -> str:
    return str(make_family.recipient().code)


@pytest.fixture
def nina(house: House) -> Someone:
    return house.client_of("nina")


def version_of(code: str) -> int:
    session.rollback()
    return int(session.query(Recipient).filter(Recipient.code == code).one().version)


def attached(one: Someone, code: str, content: bytes = PDF, name: str = "scan.pdf",
             declared: str = "application/pdf", **more: Any) -> TestResponse:  # fmt: skip
    data = {"title": "a signed paper", "version": version_of(code),
            "file": (io.BytesIO(content), name, declared)} | more  # fmt: skip
    return one.post(f"/attachments/{code}/new", data=data, content_type="multipart/form-data")


# --- pages ----------------------------------------------------------------------------------------


def test_a_file_is_attached_listed_and_fetched(nina: Someone, patient: str):
    page = nina.get(f"/recipients/{patient}").text
    assert f"/attachments/{patient}/new" in page
    form = nina.get(f"/attachments/{patient}/new").text
    assert 'enctype="multipart/form-data"' in form
    assert 'type="file"' in form
    answer = attached(nina, patient)
    assert answer.status_code == 302, answer.text
    page = nina.get(f"/recipients/{patient}").text
    assert "a signed paper" in page
    assert hashlib.sha256(PDF).hexdigest()[:16] in page
    assert "not scanned" in page
    assert "scan.pdf" not in page
    found = nina.get(f"/attachments/{patient}/1")
    assert found.data == PDF
    assert found.headers["Content-Disposition"].startswith('attachment; filename="scan.pdf"; ')
    assert "Read an attachment" in nina.get(f"/recipients/{patient}").text


def test_what_is_fetched_cannot_run(nina: Someone, patient: str):
    attached(nina, patient)
    attached(nina, patient, png(), "a.png", "image/png")
    attached(nina, patient, TIFF, "a.tif", "image/tiff")
    attached(nina, patient, CSV, "a.csv", "text/csv")
    attached(nina, patient, pdf(more="/OpenAction << /S /JavaScript /JS (1) >>"))
    kinds = ("application/pdf", "image/png", "image/tiff", "text/plain; charset=utf-8", "application/pdf")
    for number, (kind, is_shown) in enumerate(zip(kinds, (True, True, False, False, False), strict=True), 1):
        for path, shown in ((f"/attachments/{patient}/{number}", False),
                            (f"/attachments/{patient}/{number}/view", is_shown)):  # fmt: skip
            found = nina.get(path)
            assert found.headers["Content-Type"] == kind
            assert found.headers["X-Content-Type-Options"] == "nosniff"
            policy = found.headers["Content-Security-Policy"]
            assert all(part in policy for part in AWAY)
            assert ("sandbox" in policy) is not (shown and kind == "application/pdf")
            assert found.headers["Content-Disposition"].startswith("inline" if shown else "attachment")
            assert found.headers["Cache-Control"] == "no-store"
            digest = base64.b64encode(hashlib.sha256(found.data).digest()).decode()
            assert found.headers["Repr-Digest"] == f"sha-256=:{digest}:"


def test_a_name_in_any_script_goes_out_as_it_came(nina: Someone, patient: str):
    attached(nina, patient, name="ordonnance signée 处方.pdf")
    found = nina.get(f"/attachments/{patient}/1").headers["Content-Disposition"]
    assert "filename*=UTF-8''ordonnance%20sign%C3%A9e%20%E5%A4%84%E6%96%B9.pdf" in found
    assert 'filename="ordonnance signee .pdf"' in found
    found.encode("ascii")
    assert disposition("inline", 'a";x="/b\\.pdf').startswith('inline; filename="ax=/b.pdf"; ')
    assert disposition("inline", "处").startswith('inline; filename="attachment"; ')


@pytest.mark.parametrize(
    ("content", "name", "declared", "words"),
    [
        (HTML, "scan.pdf", "application/pdf", "no whole file"),
        (SVG, "a.svg", "image/svg+xml", "no whole file"),
        (b"", "scan.pdf", "application/pdf", "is empty"),
        (png(), "scan.pdf", "application/pdf", "says something else"),
        (PDF, "", "application/pdf", "Choose a file"),
        (PDF, "a\x07.pdf", "application/pdf", "cannot be kept"),
    ],
)
def test_a_refused_file_comes_back_to_its_field(nina, patient, content, name, declared, words):
    answer = attached(nina, patient, content, name, declared)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'id="file-fault"' in answer.text
    assert "a signed paper" in answer.text
    assert "Nothing here is attached" not in nina.get(f"/recipients/{patient}").text
    assert nina.get(f"/attachments/{patient}/1").status_code == 404


def test_a_form_without_a_title_a_version_or_a_file_is_refused(nina: Someone, patient: str):
    assert attached(nina, patient, title=" ").status_code == 422
    assert attached(nina, patient, version="x").status_code == 412
    assert attached(nina, patient, version="99").status_code == 412
    assert nina.post(f"/attachments/{patient}/new", data={"title": "no file"}).status_code == 422
    assert nina.client.post(f"/attachments/{patient}/new", data={"title": "no token"}).status_code == 400


def test_only_this_form_takes_more_than_others_and_only_from_who_is_known(
    house, nina, patient, folder, monkeypatch
):
    monkeypatch.setitem(house.app.config, "MAX_CONTENT_LENGTH", 100_000)
    most, large = 300_000, b"a;b\n" * 50_000
    shelf._shelf[:] = [Shelf(folder, most=most)]
    assert attached(nina, patient, large, "a.csv", "text/csv").status_code == 302
    assert attached(nina, patient, b"a" * (most + 1), "a.txt", "text/plain").status_code == 413
    assert attached(nina, patient, b"a" * (most + 100_000), "a.txt", "text/plain").status_code == 413
    assert nina.post("/recipients/new", data={"family_name": "x" * 150_000}).status_code == 413
    stranger = house.stranger()
    assert attached(stranger, patient, large, "a.csv", "text/csv").status_code == 413
    assert set(security.LARGER) == {"attachments.add", "api_attachments.add_file"}


def test_a_wrong_one_is_withdrawn_on_the_page(nina: Someone, patient: str):
    attached(nina, patient)
    path = f"/attachments/{patient}/1/withdraw"
    assert "Withdraw the attachment" in nina.get(path).text
    assert nina.post(path, data={"version": version_of(patient)}).status_code == 422
    done = nina.post(path, data={"version": version_of(patient), "reason": "of another patient"})
    assert done.status_code == 302
    page = nina.get(f"/recipients/{patient}").text
    assert "of another patient" in page
    assert path not in page
    assert nina.get(f"/attachments/{patient}/1").data == PDF
    again = nina.post(path, data={"version": version_of(patient), "reason": "once more"})
    assert again.status_code == 409


@pytest.mark.parametrize("code", ["x", "R00000000", "nina", "%00", "é" * 90, "RØ", "r" * 200, "0" * 11])
def test_what_bears_nothing_is_not_found(house: House, nina: Someone, code: str):
    api = house.api_of("nina")
    for path in (f"/attachments/{code}/new", f"/attachments/{code}/1", f"/attachments/{code}/1/view"):
        assert nina.get(path).status_code == 404, path
    assert api.get(f"/api/v1/attachments/{code}").status_code == 404


def test_a_number_that_is_none_is_not_found(house: House, nina: Someone, patient: str):
    for number in ("0", "2", str(10**30), "-1", "x"):
        assert nina.get(f"/attachments/{patient}/{number}").status_code == 404
        assert nina.get(f"/attachments/{patient}/{number}/withdraw").status_code == 404
        assert house.api_of("nina").get(f"/api/v1/attachments/{patient}/{number}").status_code == 404


def test_who_sees_codes_only_sees_no_attachment(house: House, nina: Someone, patient: str):
    attached(nina, patient)
    for login, role in (("mona", Role.MONITOR), ("spencer", Role.SPONSOR)):
        one = person(login, login.title(), role)
        employ(login, login.title(), *one.grants)
        reader, api = house.client_of(login), house.api_of(login)
        page = reader.get(f"/recipients/{patient}").text
        assert "a signed paper" not in page or "Attachments" not in page
        assert f"/attachments/{patient}" not in page
        assert reader.get(f"/attachments/{patient}/1").status_code == 403
        assert reader.get(f"/attachments/{patient}/new").status_code == 403
        assert api.get(f"/api/v1/attachments/{patient}").status_code == 403
        assert api.get(f"/api/v1/attachments/{patient}/1").status_code == 403
    assert house.client_of("ada").get(f"/attachments/{patient}/1").status_code == 403
    assert house.stranger().get(f"/attachments/{patient}/1").status_code == 302


def test_a_changed_file_is_said_to_be_changed(nina: Someone, patient: str, folder: Path):
    attached(nina, patient)
    (file,) = [one for one in folder.rglob("*") if one.is_file()]
    file.chmod(0o600)
    file.write_bytes(PDF)
    answer = nina.get(f"/attachments/{patient}/1")
    assert answer.status_code == 409
    assert "attachment.altered" in answer.text
    file.unlink()
    assert "attachment.gone" in nina.get(f"/attachments/{patient}/1/view").text


# --- the API --------------------------------------------------------------------------------------


def sent(api: Someone, code: str, content: bytes = PDF, **more: Any) -> TestResponse:
    query = {"name": "scan.pdf", "title": "a signed paper"} | more.pop("query", {})
    headers = api.headers | {"If-Match": f'"{version_of(code)}"'} | more.pop("headers", {})
    return api.client.post(
        f"/api/v1/attachments/{code}", query_string=query, data=content, headers=headers,
        content_type=more.pop("content_type", "application/pdf"), **more,
    )  # fmt: skip


def test_a_program_attaches_lists_fetches_and_withdraws(house: House, patient: str):
    api = house.api_of("nina")
    made = sent(api, patient, headers={"Idempotency-Key": "k1"})
    assert made.status_code == 201, made.text
    (item,) = made.json["items"]
    assert (item["number"], item["media"], item["size"]) == (1, "application/pdf", len(PDF))
    assert item["digest"] == hashlib.sha256(PDF).hexdigest()
    assert made.headers["ETag"] == f'"{version_of(patient)}"'
    again = sent(api, patient, headers={"Idempotency-Key": "k1", "If-Match": '"1"'})
    assert (again.status_code, len(again.json["items"])) == (201, 1)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get(f"/api/v1/attachments/{patient}").json == made.json
    found = api.get(f"/api/v1/attachments/{patient}/1")
    assert found.data == PDF
    assert "sandbox" in found.headers["Content-Security-Policy"]
    path = f"/api/v1/attachments/{patient}/1/withdraw"
    body = {"reason": "of another patient"}
    assert api.post(path, json=body).status_code == 428
    gone = api.post(path, json=body, headers={"If-Match": f'"{version_of(patient)}"'})
    assert gone.status_code == 200, gone.text
    assert gone.json["items"][0]["reason"] == "of another patient"
    assert session.query(Record).filter(Record.action == "attachment.withdraw").count() == 1


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"query": {"title": ""}}, 422, "invalid"),
        ({"query": {"name": ""}}, 422, "invalid"),
        ({"query": {"name": "a\0.pdf"}}, 422, "invalid"),
        ({"query": {"more": "x"}}, 422, "invalid"),
        ({"query": {"name": "../.."}}, 422, "attachment.bad_name"),
        ({"query": {"name": "a.png"}}, 422, "attachment.not_what_it_says"),
        ({"content_type": "text/html"}, 422, "attachment.not_what_it_says"),
        ({"content": HTML}, 422, "attachment.unknown_kind"),
        ({"content": b""}, 422, "attachment.empty"),
        ({"content_type": "application/json"}, 415, "attachment.is_json"),
        ({"headers": {"If-Match": "1"}}, 400, "if_match.unquoted"),
        ({"headers": {"If-Match": '"99"'}}, 412, "stale"),
        ({"headers": {"Idempotency-Key": "a b"}}, 400, "idempotency.key"),
    ],
)
def test_what_a_program_sends_wrongly_is_a_problem(house, patient, more, status, code):
    answer = sent(house.api_of("nina"), patient, **more)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert session.query(Record).filter(Record.action == "attachment.attach").count() == 0 or status == 412


def test_a_token_of_another_scope_and_a_role_without_the_right_attach_nothing(house: House, patient: str):
    for api in (house.api_of("nina", "read"), house.api_of("otto"), house.api_of("ada")):
        answer = sent(api, patient)
        assert answer.status_code == 403, answer.text


def test_a_scanner_that_hangs_or_finds_answers_the_program(house: House, patient: str, folder: Path):
    api = house.api_of("nina")
    shelf._shelf[:] = [Shelf(folder, scanner="sh -c 'sleep 30'", patience=1)]
    silent = sent(api, patient)
    assert (silent.status_code, silent.json["code"]) == (503, "attachment.scanner_silent")
    shelf._shelf[:] = [Shelf(folder, scanner="false")]
    found = sent(api, patient)
    assert (found.status_code, found.json["code"]) == (409, "attachment.infected")
    assert found.json["record"]
    shelf._shelf[:] = [Shelf(folder, scanner="true")]
    assert sent(api, patient).json["items"][0]["is_scanned"] is True


def test_ready_says_whether_a_scanner_is_set(house: House, folder: Path):
    one = house.stranger()
    assert one.get("/readyz").json["scanner"] is False
    shelf._shelf[:] = [Shelf(folder, scanner="clamdscan --fdpass")]
    assert one.get("/readyz").json["scanner"] is True


def test_the_reader_of_a_page_in_french_finds_it_in_french(nina: Someone, patient: str):
    page = nina.get(f"/attachments/{patient}/new", headers={"Accept-Language": "fr"}).text
    assert re.search(r"<html[^>]* lang=\"fr\"", page)
    assert "Joindre un fichier" in page
    assert SECRET not in page
