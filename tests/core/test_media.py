"""What a file is by its bytes: whole files of few kinds, and nothing that could run."""

import pytest

from mscbank.core import media, shelf
from mscbank.core.attachments import received
from mscbank.core.errors import Invalid
from mscbank.core.media import Media
from mscbank.core.shelf import Shelf
from tests.files import CSV, FCS, HTML, JPEG, SVG, TIFF, pdf, png

TAKEN = [
    (pdf(), Media.PDF), (png(), Media.PNG), (JPEG, Media.JPEG), (JPEG + b"\0\0", Media.JPEG),
    (TIFF, Media.TIFF), (b"MM\0*\0\0\0\x08", Media.TIFF), (FCS, Media.FCS), (CSV, Media.TEXT),
    (b"\xef\xbb\xbfa;b\r\n", Media.TEXT), (b"a < b and c > d", Media.TEXT), (b"x", Media.TEXT),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), TAKEN)
def test_a_whole_file_is_known_by_its_bytes(content, expected):
    found = media.sniffed(content)
    assert found is not None
    assert found.media is expected


REFUSED = {
    "nothing": b"",
    "html": HTML,
    "html after blanks": b"\n\n  " + HTML,
    "html after words": b"a note\n" + HTML,
    "html after a mark": b"\xef\xbb\xbf" + HTML,
    "svg": SVG,
    "xml": b"<?xml version='1.0'?><a/>",
    "a script": b"#!/bin/sh\nrm -rf /\n",
    "postscript": b"%!PS-Adobe-3.0\n",
    "an archive": b"PK\x03\x04" + b"\0" * 40,
    "a program": b"MZ\x90\0" + b"\0" * 40,
    "a program of ours": b"\x7fELF\x02\x01\x01" + b"\0" * 40,
    "gif": b"GIF89a" + b"\0" * 20,
    "half a pdf": pdf()[:-20],
    "pdf and an archive": pdf() + b"PK\x03\x04" + b"\0" * 1200,
    "pdf and html": pdf() + HTML,
    "html and pdf": HTML + pdf(),
    "half a png": png()[:-4],
    "png and html": png() + HTML,
    "png and an archive": png() + b"PK\x05\x06" + b"\0" * 18,
    "png with a length that lies": b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xffIHDR" + b"\0" * 40,
    "png without a head": b"\x89PNG\r\n\x1a\n" + png()[33:],
    "jpeg and html": JPEG + HTML,
    "half a jpeg": JPEG[:-1],
    "text with a control": b"a\x07b",
    "text with a zero": b"a\0b",
    "latin": "é".encode("latin-1"),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_not_whole_or_could_run_is_of_no_kind(content):
    assert media.sniffed(content) is None


@pytest.mark.parametrize(
    ("content", "name", "declared", "expected"),
    [
        (pdf(), "scan.pdf", "application/pdf", True),
        (pdf(), "SCAN.PDF", "Application/PDF; charset=binary", True),
        (pdf(), "scan.pdf", "", True),
        (pdf(), "scan.pdf", "application/octet-stream", True),
        (pdf(), "scan.pdf", "text/html", False),
        (pdf(), "scan.html", "application/pdf", False),
        (pdf(), "scan", "application/pdf", False),
        (pdf(), "scan.pdf.exe", "application/pdf", False),
        (pdf(), "scan.png", "application/pdf", False),
        (png(), "scan.png", "image/jpeg", False),
        (JPEG, "a.jpeg", "image/jpg", True),
        (CSV, "a.csv", "application/vnd.ms-excel", True),
        (CSV, "a.html", "text/plain", False),
        (CSV, "a.svg", "text/plain", False),
    ],
)
def test_name_and_declared_type_are_those_of_the_content(content, name, declared, expected):
    kind = media.sniffed(content)
    assert kind is not None
    assert media.fits(kind, name, declared) is expected


def test_only_pictures_and_quiet_pdf_are_shown():
    assert media.is_shown(Media.PDF, pdf())
    assert media.is_shown(Media.PNG, png())
    assert media.is_shown(Media.JPEG, JPEG)
    for noisy in ("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "/AA << /O << /S /Launch >> >>"):
        assert not media.is_shown(Media.PDF, pdf(more=noisy))
    for kind, content in ((Media.TEXT, CSV), (Media.TIFF, TIFF), (Media.FCS, FCS)):
        assert not media.is_shown(kind, content)


@pytest.mark.parametrize(
    ("content", "name", "declared", "code"),
    [
        (b"", "scan.pdf", "application/pdf", "attachment.empty"),
        (HTML, "scan.pdf", "application/pdf", "attachment.unknown_kind"),
        (HTML, "scan.txt", "text/plain", "attachment.unknown_kind"),
        (pdf() + HTML, "scan.pdf", "application/pdf", "attachment.unknown_kind"),
        (png() + b"PK\x03\x04", "scan.png", "image/png", "attachment.unknown_kind"),
        (png(), "scan.pdf", "application/pdf", "attachment.not_what_it_says"),
        (pdf(), "scan.pdf", "text/html", "attachment.not_what_it_says"),
        (pdf(), "scan.pdf.exe", "application/pdf", "attachment.not_what_it_says"),
        (pdf(), "", "application/pdf", "attachment.bad_name"),
        (pdf(), "..", "application/pdf", "attachment.bad_name"),
        (pdf(), "folder/", "application/pdf", "attachment.bad_name"),
        (pdf(), "a\0.pdf", "application/pdf", "attachment.bad_name"),
        (pdf(), "a\r\nSet-Cookie: x.pdf", "application/pdf", "attachment.bad_name"),
        (pdf(), "fdp.\u202escan.pdf", "application/pdf", "attachment.bad_name"),
        (pdf(), "\ud800.pdf", "application/pdf", "attachment.bad_name"),
        (pdf(), "x" * 200 + ".pdf", "application/pdf", "attachment.bad_name"),
    ],
)
def test_a_hostile_file_is_refused_with_a_fault_at_its_field(
    tmp_path, monkeypatch, content, name, declared, code
):
    monkeypatch.setattr(shelf, "_shelf", [Shelf(tmp_path)])
    with pytest.raises(Invalid) as refused:
        received(name, declared, content)
    assert refused.value.code == code
    assert list(refused.value.faults) == ["file"]
