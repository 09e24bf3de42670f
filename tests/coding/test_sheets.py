"""Label sheets: what a partial label needs, legible, in the right cell, decodable, the same bytes twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from reportlab.lib.units import mm

from mscbank.coding import short, typeface
from mscbank.coding.errors import CodeError
from mscbank.coding.sheets import DEMONSTRATION, VialLabel, label_pdf
from mscbank.coding.stock import STOCKS, LabelStock
from tests.coding import paper_eyes
from tests.coding.test_paper import filled


def label(n=1, **changes):
    made = VialLabel(
        code=short.with_print(short.make("V", "K7", 1000 + n), 1),
        lines=("20 × 10⁶ viable cells, 2 mL", "10 % DMSO · −150 °C", "Exp 29 Feb 2028 23:59"),
        number=f"{n} / 24",
        directed_to="For recipient RK7 00F 2GX 0B",
        identifier=f"A9999 26 000001 DAX12499 {n:06d}",
        demonstration=True,
    )
    return replace(made, **changes)


SMALL = {"lines": ()}
FITS = {"letter-80": SMALL}


@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda s: s.name)
def test_labels_lie_on_the_page_and_apart(stock):
    for cell in range(1, stock.cells + 1):
        left, top = stock.corner(cell)
        assert 0 <= left <= stock.page[0] - stock.label[0]
        assert 0 <= top <= stock.page[1] - stock.label[1]
    if stock.columns > 1:
        assert stock.pitch[0] >= stock.label[0]
        assert stock.pitch[1] >= stock.label[1]


@pytest.mark.parametrize("stock", STOCKS.values(), ids=lambda s: s.name)
def test_every_symbol_of_a_sheet_decodes(stock):
    count = min(stock.cells, 24)
    labels = [label(n, **FITS.get(stock.name, {})) for n in range(1, count + 1)]
    read = [code for page in paper_eyes.pages(label_pdf(labels, stock)) for code in paper_eyes.symbols(page)]
    assert sorted(read) == sorted(made.code for made in labels)


def test_the_text_holds_what_a_partial_label_needs():
    made = label(7, warnings=("NOT EVALUATED FOR INFECTIOUS SUBSTANCES",))
    (text,) = paper_eyes.words(label_pdf([made], STOCKS["a4-24"]))
    for part in (
        short.group(made.code),
        "MSC(M)",
        "7 / 24",
        made.identifier,
        made.directed_to,
        *made.warnings,
    ):
        assert part in text
    assert DEMONSTRATION in text
    assert all(line in text for line in made.lines)


def test_a_real_label_has_no_watermark():
    (text,) = paper_eyes.words(label_pdf([label(demonstration=False)], STOCKS["a4-24"]))
    assert "DEMONSTRATION" not in text


def test_names_of_europe_and_beyond_are_drawn():
    line = "Dvořák Şahin Nguyễn Ελένη Жанна µ 10⁶"
    (text,) = paper_eyes.words(label_pdf([label(lines=(line,))], STOCKS["a4-24"]))
    for word in ("Dvořák", "Şahin", "Ελένη", "Жанна"):
        assert word in text


def test_labels_begin_in_the_cell_asked_for_and_go_on_overleaf():
    stock = STOCKS["a4-24"]
    labels = [label(n) for n in range(1, 5)]
    pdf = label_pdf(labels, stock, start=22)
    first, second = paper_eyes.words(pdf)
    assert labels[2].identifier in first
    assert labels[3].identifier not in first
    assert labels[3].identifier in second
    picture = paper_eyes.pages(pdf, dpi=72)[0]
    top = int(stock.corner(22)[1] * mm)
    assert picture.crop((0, 0, picture.width, top)).getextrema() == ((255, 255),) * 3


def test_equal_labels_give_equal_bytes():
    labels = [label(n) for n in range(1, 4)]
    assert label_pdf(labels, STOCKS["a4-65"]) == label_pdf(labels, STOCKS["a4-65"])


def test_printing_at_the_same_time_gives_the_same_bytes():
    """Servers have threads, and the fonts are shared."""
    labels = [label(n) for n in range(1, 9)]

    def printed(turn):
        return filled(rows=5).render() if turn % 2 else label_pdf(labels, STOCKS["a4-24"])

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(printed, range(24)))
    assert len(set(made)) == 2


def test_no_labels_give_an_empty_page():
    assert paper_eyes.words(label_pdf([], STOCKS["a4-65"])) == [""]


@pytest.mark.parametrize("start", [0, 66, -1])
def test_a_cell_that_is_not_there(start):
    with pytest.raises(CodeError) as refused:
        label_pdf([label()], STOCKS["a4-65"], start=start)
    assert refused.value.code == "label.cell"


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": tuple(f"line {n} of far too much text for one vial" for n in range(12))},
        {"identifier": "W" * 40},
        {"warnings": ("WARNING: Advise patient of communicable disease risks",) * 3},
    ],
)
def test_text_is_never_cut_but_refused(changes):
    with pytest.raises(CodeError) as refused:
        label_pdf([label(**changes)], STOCKS["a4-65"])
    assert refused.value.code == "label.does_not_fit"


@pytest.mark.parametrize(
    "changes",
    [{"lines": ("漢字",)}, {"lines": ("a\x00b",)}, {"directed_to": " "}, {"identifier": ""}, {"name": ""}],
)
def test_text_that_cannot_be_drawn_is_refused(changes):
    with pytest.raises(CodeError) as refused:
        label_pdf([label(**changes)], STOCKS["a4-24"])
    assert refused.value.code == "label.text"


def test_a_wrong_code_is_not_printed():
    with pytest.raises(CodeError) as refused:
        label_pdf([label(code="VK700000100")], STOCKS["a4-24"])
    assert refused.value.code == "code.check_character"


def test_everything_stays_inside_its_label():
    stock = LabelStock("odd", (80.0, 60.0), 1, 1, (38.1, 21.2), (20.0, 20.0), (0.0, 0.0))
    picture = paper_eyes.pages(label_pdf([label()], stock), dpi=254)[0].convert("L").point(lambda v: 255 - v)
    left, top, right, bottom = picture.getbbox()
    assert left >= 200
    assert top >= 200
    assert right <= 200 + 381
    assert bottom <= 200 + 212


@pytest.mark.parametrize("name", ["a4-65", "a4-24", "letter-80", "letter-30"])
def test_nothing_stands_where_a_printer_cannot_print(name):
    stock = STOCKS[name]
    labels = [label(n, **FITS.get(name, {})) for n in range(1, stock.cells + 1)]
    page = paper_eyes.pages(label_pdf(labels, stock), dpi=127)[0].convert("L").point(lambda v: 255 - v)
    left, top, right, bottom = page.getbbox()
    margin = 4.2 * 127 / 25.4
    assert min(left, top, page.width - right, page.height - bottom) >= margin


def test_what_the_typefaces_lack_is_told():
    assert typeface.undrawable("Dvořák Ελένη ≥ → 10⁶") == ""
    assert typeface.undrawable("漢 a 漢字") == "漢字"


def test_wrapped_text_keeps_its_words():
    lines = typeface.wrapped("one two three four", typeface.Face.REGULAR, 10, 40)
    assert " ".join(lines) == "one two three four"
    assert len(lines) > 1
