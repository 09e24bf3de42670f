"""Documents that a hospital files: heads and feet on every page, whole rows, the same bytes twice."""

import pytest

from mscbank.coding import short
from mscbank.coding.paper import Document, Signature, Words
from mscbank.coding.sheets import DEMONSTRATION
from tests.coding import paper_eyes

CODE = short.make("C", "K7", 77)


def document(**changes):
    settings = {
        "title": "Certificate of the qualified person",
        "code": CODE,
        "state": "certified",
        "printed_by": "Quitéria Dvořák-Şahin",
        "printed_at": "5 January 2026, 09:30 CET",
        "fingerprint": "ab" * 32,
        "demonstration": True,
    }
    return Document(**settings | changes)


def filled(rows=60, **changes):
    made = document(**changes)
    made.section("The batch")
    made.facts([("Batch", "BK7 000 01K 0X"), ("Physician", "Nguyễn Ελένη Жанна <b>&amp;")])
    made.section("Results")
    body = [(f"Attribute-{n}", "96.4 %", f"End-{n}") for n in range(rows)]
    made.table(("Attribute", "Result", "Limit"), body, widths=(3, 2, 1), right=(1,))
    made.section("Signatures")
    made.signatures([Signature("Quitéria Dvořák", "certification", "09:29", "yes")], open_for=["review"])
    made.paragraph("First line.\nSecond line.", strong=True)
    return made


def test_every_page_says_what_it_is():
    texts = paper_eyes.words(filled().render())
    assert len(texts) > 1
    for number, text in enumerate(texts, start=1):
        for part in ("Certificate of the qualified person", CODE, "certified", "ab" * 32, DEMONSTRATION):
            assert part in text
        assert f"Page {number} of {len(texts)}" in text
        assert "Printed by Quitéria Dvořák-Şahin, 5 January 2026, 09:30 CET" in text


def test_heads_repeat_and_no_row_is_lost():
    texts = paper_eyes.words(filled(rows=200).render())
    assert all("Attribute Result Limit" in text for text in texts[:-1])
    assert sum(text.count("End-") for text in texts) == 200


def test_rows_never_break_over_pages():
    made = document()
    made.table(("Name", "Remark"), [(f"Start-{n}", "long remark " * 60 + f"End-{n}") for n in range(20)])
    texts = paper_eyes.words(made.render())
    for n in range(20):
        assert any(f"Start-{n} " in text and f"End-{n}" in text for text in texts)


def test_a_row_taller_than_a_page_is_printed_all_the_same():
    made = document()
    made.table(("Name", "Remark"), [("Start", "long remark " * 3000 + "End")])
    texts = paper_eyes.words(made.render())
    assert len(texts) > 1
    assert "End" in texts[-1]


def test_the_symbol_decodes_from_the_page():
    picture = paper_eyes.pages(filled().render(), dpi=200)[0]
    assert paper_eyes.symbols(picture) == {CODE}


def test_a_document_without_symbol_and_watermark():
    pdf = filled(symbol=False, demonstration=False).render()
    assert paper_eyes.symbols(paper_eyes.pages(pdf, dpi=150)[0]) == set()
    assert "DEMONSTRATION" not in "".join(paper_eyes.words(pdf))


def test_text_is_text_and_never_markup():
    (first, *_) = paper_eyes.words(filled().render())
    assert "<b>&amp;" in first
    assert "Ελένη" in first


def test_equal_documents_give_equal_bytes():
    assert filled().render() == filled().render()
    made = filled()
    assert made.render() == made.render()


def test_words_come_in_the_language_of_the_document():
    words = Words(page="Page %(page)s sur %(pages)s", printed="Imprimé par %(who)s, %(when)s", meaning="Sens")
    text = paper_eyes.words(filled(words=words, language="fr").render())[0]
    assert "Page 1 sur " in text
    assert "Imprimé par Quitéria" in text


def test_an_empty_document_is_one_page():
    assert len(paper_eyes.words(document(fingerprint="", title="T" * 200).render())) == 1


def test_signatures_stand_with_meaning_name_and_time():
    text = " ".join(paper_eyes.words(filled(rows=3).render()))
    assert "Meaning Name Date and time Still holds" in text
    assert "certification Quitéria Dvořák 09:29 yes" in text


@pytest.mark.parametrize("body", ["\x00", "\ud800", "漢字", "a\r\nb", "\u202e", ""])
def test_no_text_breaks_a_document(body):
    made = document(title=f"T {body}", state=body, printed_by=body)
    made.paragraph(body)
    made.table((body, "x"), [(body, body)])
    assert made.render().startswith(b"%PDF")


def test_rows_of_another_length_are_a_mistake():
    with pytest.raises(ValueError, match="differ"):
        document().table(("a", "b"), [("1",)])
    with pytest.raises(ValueError, match="differ"):
        document().table(("a", "b"), [], widths=(1,))
    made = document()
    made.table((), [])
    made.table(("only", "head"), [])
    assert "only head" in paper_eyes.words(made.render())[0]
