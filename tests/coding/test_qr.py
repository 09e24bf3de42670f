"""QR symbols decode, look alike for ever, and carry nothing that a strict page would refuse."""

import re
from io import BytesIO

import pytest
from hypothesis import given, settings
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

from mscbank.coding import qr, short
from mscbank.coding.errors import CodeError
from mscbank.coding.qr import Correction
from tests.coding import paper_eyes
from tests.coding.test_short import codes

CODE = short.make("V", "K7", 12_345)
COMPOUND = "=+03000=F75012600012369=<S1234400&>0280600930"

FIRST = [
    "#######.#.##.#.##.#######",
    "#.....#.#..##..#..#.....#",
    "#.###.#.#...##.##.#.###.#",
    "#.###.#....##.##..#.###.#",
    "#.###.#....#.##...#.###.#",
    "#.....#.#..##.#.#.#.....#",
    "#######.#.#.#.#.#.#######",
    "........#...####.........",
    "..###.#.###.##.#####..###",
    ".###....##..#.##..###..#.",
    ".#.##.#.#..##.###.#.#####",
    ".#.##..#.#.#..########...",
    "#..#..##.#......#.#..#..#",
    "#.###....#######.##..#.#.",
    "#.#.###..#####.###...#.##",
    "#....#...##...##...###..#",
    "#.#.#.###.#..#########...",
    "........#.#######...##.##",
    "#######...#######.#.##.#.",
    "#.....#...#####.#...##.##",
    "#.###.#.##.###..######.##",
    "#.###.#.#####..###.#.#..#",
    "#.###.#.###...#.#.#..#..#",
    "#.....#...#...#...##.#...",
    "#######...##..##.######.#",
]


def painted(path, side, dots=4):
    """The picture of an SVG path made of ``Mx yhWv1h-Wz`` runs."""
    picture = Image.new("L", (side * dots, side * dots), 255)
    pen = ImageDraw.Draw(picture)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        left, top = int(x) * dots, int(y) * dots
        pen.rectangle((left, top, left + int(width) * dots - 1, top + dots - 1), fill=0)
    return picture


@settings(max_examples=60)
@given(codes)
def test_every_code_is_one_small_symbol_that_decodes(code):
    assert len(qr.matrix(code)) == 25
    assert paper_eyes.symbols(painted(qr.path(code), 33)) == {code}


@pytest.mark.parametrize("correction", list(Correction))
@pytest.mark.parametrize("text", ["A", CODE, COMPOUND, "Dvořák 7/24", "x" * 300])
def test_other_texts_decode_too(text, correction):
    side = len(qr.matrix(text, correction)) + 2 * qr.QUIET
    assert paper_eyes.symbols(painted(qr.path(text, correction), side)) == {text}


def test_a_third_of_the_symbol_may_be_gone():
    picture = painted(qr.path(CODE), 33)
    ImageDraw.Draw(picture).rectangle((60, 60, 94, 94), fill=128)
    assert paper_eyes.symbols(picture) == {CODE}


def test_the_symbol_of_a_code_never_changes():
    """Labels are read for ever: a new encoder must draw the same dots."""
    rows = ["".join("#" if dark else "." for dark in row) for row in qr.matrix(short.make("V", "K7", 1))]
    assert rows == FIRST


def test_svg_is_one_path_with_a_quiet_zone():
    drawn = qr.svg(CODE)
    assert drawn.count("<path") == 1
    assert 'viewBox="0 0 33 33"' in drawn
    assert 'fill="currentColor"' in drawn
    assert "style" not in drawn
    assert f"<title>{CODE}</title>" in drawn
    xs = [int(x) for x in re.findall(r"M(\d+) ", drawn)]
    assert min(xs) == qr.QUIET


def test_svg_escapes_its_title():
    assert "<title>=+03000=F75012600012369=&lt;S1234400&amp;&gt;0280600930</title>" in qr.svg(COMPOUND)


def test_pdf_decodes_at_the_size_of_a_vial():
    out = BytesIO()
    canvas = Canvas(out, pagesize=(100, 100), invariant=1)
    qr.draw(canvas, CODE, 30, 30, 37)
    canvas.showPage()
    canvas.save()
    assert paper_eyes.symbols(paper_eyes.pages(out.getvalue())[0]) == {CODE}


@pytest.mark.parametrize(("text", "code"), [("", "code.empty"), ("x" * 513, "code.too_long")])
def test_what_is_not_drawn(text, code):
    with pytest.raises(CodeError) as refused:
        qr.matrix(text)
    assert refused.value.code == code
