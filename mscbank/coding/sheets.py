"""Vial labels on paper: a QR symbol left, the text of a partial label right of it, many to a page.

A label that is too small for everything carries at least the unique identifier with its division, the
proper name and, as our products are directed, the recipient's identifier (FACT-JACIE); the rest accompanies
the vial. Text is never cut: it is set as large as it fits, and refused below the smallest legible size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from mscbank.coding import qr, typeface
from mscbank.coding.errors import CodeError
from mscbank.coding.short import group, parse
from mscbank.coding.stock import LabelStock
from mscbank.coding.typeface import Face

DEMONSTRATION = "DEMONSTRATION – NOT FOR HUMAN USE"
PROPER_NAME = "MSC(M)"
"""The proper name of the product class: mesenchymal stromal cells from marrow."""
LARGEST, SMALLEST, STEP = 9.0, 4.5, 0.25
"""Type sizes in points."""

_LEADING = 1.12
_SMALLEST_SYMBOL = 13 * mm
_LARGEST_SYMBOL = 20 * mm


@dataclass(frozen=True, slots=True)
class VialLabel:
    """What one vial's label says.

    ``code`` is the short code of this very print, ``identifier`` the donation number, product code and
    division as the eye reads them, ``number`` the vial among its batch (``7 / 24``), ``directed_to`` the
    recipient's identifier in words of the label's language, ``lines`` the rest, ``warnings`` the statements
    of the donor's assessment in capitals. No names of persons belong here.
    """

    code: str
    lines: tuple[str, ...]
    number: str
    directed_to: str
    identifier: str
    warnings: tuple[str, ...] = ()
    demonstration: bool = False
    name: str = PROPER_NAME

    def texts(self) -> list[tuple[str, bool]]:
        """Everything but the code, in order; True for what is set in bold."""
        return [
            (f"{self.name}  {self.number}".rstrip(), True),
            (self.identifier, False),
            (self.directed_to, True),
            *((line, False) for line in self.lines),
            *((warning, True) for warning in self.warnings),
        ]


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    face: Face


def label_pdf(labels: Sequence[VialLabel], stock: LabelStock, *, start: int = 1, title: str = "") -> bytes:
    """The labels as PDF pages, the first in cell ``start`` of the first page; equal input gives equal bytes.

    Raises CodeError: ``label.cell``, ``label.does_not_fit``, ``label.text``, or what is wrong with a code.
    """
    stock.corner(start)
    with typeface.PRESS:
        return _printed(labels, stock, start, title)


def _printed(labels: Sequence[VialLabel], stock: LabelStock, start: int, title: str) -> bytes:
    out = BytesIO()
    size = (stock.page[0] * mm, stock.page[1] * mm)
    canvas = Canvas(out, pagesize=size, invariant=1, pageCompression=1, lang="en")
    canvas.setTitle(typeface.sound(title) or "Labels")
    canvas.setCreator("mscbank")
    for index, label in enumerate(labels, start=start - 1):
        if index > start - 1 and index % stock.cells == 0:
            canvas.showPage()
        left, top = stock.corner(index % stock.cells + 1)
        draw_label(canvas, label, stock, left * mm, size[1] - top * mm)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def draw_label(canvas: Canvas, label: VialLabel, stock: LabelStock, left: float, top: float) -> None:
    """Draw one label with its top left corner at (left, top), in points from the bottom left of the page."""
    _check(label)
    padding = stock.padding * mm
    width, height = stock.label[0] * mm - 2 * padding, stock.label[1] * mm - 2 * padding
    left, top = left + padding, top - padding
    side = min(height, width / 2, max(_SMALLEST_SYMBOL, 0.34 * width), _LARGEST_SYMBOL)
    qr.draw(canvas, label.code, left, top - (height + side) / 2, side)
    room = width - side, height
    lines, size = _set(label, stock, room)
    leading = size * _LEADING
    y = top - (room[1] - leading * len(lines)) / 2 - size * 0.85
    canvas.saveState()
    canvas.setFillGray(0)
    for line in lines:
        typeface.draw(canvas, left + side, y, line.text, line.face, size)
        y -= leading
    canvas.restoreState()


def _set(label: VialLabel, stock: LabelStock, room: tuple[float, float]) -> tuple[list[_Line], float]:
    """The lines and the largest type size at which all of them fit into the room (width, height)."""
    height = room[1] / ((len(label.texts()) + 1) * _LEADING)
    size = min(LARGEST, height - height % STEP)
    while size >= SMALLEST:
        lines = _lines(label, size, room[0])
        narrow = all(typeface.width(line.text, line.face, size) <= room[0] for line in lines)
        if narrow and len(lines) * size * _LEADING <= room[1]:
            return lines, size
        size -= STEP
    raise CodeError("label.does_not_fit", text=label.code, stock=stock.name)


def _lines(label: VialLabel, size: float, limit: float) -> list[_Line]:
    lines = [_Line(group(label.code), Face.CODE)]
    texts = label.texts()
    if label.demonstration:
        texts.append((DEMONSTRATION, True))
    for text, bold in texts:
        face = Face.BOLD if bold else Face.REGULAR
        lines += [_Line(line, face) for line in typeface.wrapped(text, face, size, limit) if line]
    return lines


def _check(label: VialLabel) -> None:
    parse(label.code)
    for text, _ in label.texts():
        if any(ord(c) < 32 for c in text) or typeface.undrawable(text):
            raise CodeError("label.text", text=text)
    for text in (label.name, label.identifier, label.directed_to):
        if not text.strip():
            raise CodeError("label.text", text=text)
