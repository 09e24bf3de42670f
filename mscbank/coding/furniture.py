"""What stands on every page of a document: head, foot, page x of y, and the demonstration's watermark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from mscbank.coding import qr, typeface
from mscbank.coding.sheets import DEMONSTRATION
from mscbank.coding.typeface import Face

PAGE = A4
MARGIN = 20 * mm
HEAD = 38 * mm
FOOT = 26 * mm

_SYMBOL = 18 * mm
_TITLE_SIZE = 15.0
_SMALL = 8.0
_INK, _PALE, _RULE = 0.0, 0.88, 0.55


@dataclass(frozen=True, slots=True)
class Words:
    """The words of head, foot and signature block in the document's language; English unless given."""

    page: str = "Page %(page)s of %(pages)s"
    printed: str = "Printed by %(who)s, %(when)s"
    fingerprint: str = "Fingerprint of the record: %(fingerprint)s"
    checkpoint: str = "Checkpoint %(checkpoint)s"
    demonstration: str = DEMONSTRATION
    meaning: str = "Meaning"
    name: str = "Name"
    at: str = "Date and time"
    holds: str = "Still holds"


@dataclass(frozen=True, slots=True)
class Furniture:
    """The texts of head and foot, the same on every page."""

    title: str
    code: str
    state: str
    printed_by: str
    printed_at: str
    fingerprint: str
    demonstration: bool
    words: Words
    symbol: bool
    checkpoint: str = ""

    def draw(self, canvas: Canvas, page: int, pages: int) -> None:
        """Draw head, foot and watermark on the present page."""
        canvas.saveState()
        canvas.setFillGray(_INK)
        canvas.setStrokeGray(_RULE)
        canvas.setLineWidth(0.6)
        self._draw_head(canvas)
        self._draw_foot(canvas, page, pages)
        canvas.restoreState()

    def draw_watermark(self, canvas: Canvas) -> None:
        """Draw the demonstration's watermark, beneath everything else."""
        if not self.demonstration:
            return
        size = 34.0
        length = typeface.width(self.words.demonstration, Face.BOLD, size)
        canvas.saveState()
        canvas.setFillGray(_PALE)
        canvas.translate(PAGE[0] / 2, PAGE[1] / 2)
        canvas.rotate(52)
        typeface.draw(canvas, -length / 2, -size / 3, self.words.demonstration, Face.BOLD, size)
        canvas.restoreState()

    def _draw_head(self, canvas: Canvas) -> None:
        top = PAGE[1] - 15 * mm
        right = PAGE[0] - MARGIN
        if self.symbol and self.code:
            qr.draw(canvas, self.code, right - _SYMBOL, top - _SYMBOL + 4 * mm, _SYMBOL)
            right -= _SYMBOL + 3 * mm
        size = _TITLE_SIZE
        while size > _SMALL and typeface.width(self.title, Face.BOLD, size) > right - MARGIN:
            size -= 0.5
        typeface.draw(canvas, MARGIN, top - 2 * mm, self.title, Face.BOLD, size)
        typeface.draw(canvas, MARGIN, top - 9 * mm, self.code, Face.CODE, 11)
        after = MARGIN + typeface.width(self.code, Face.CODE, 11) + 5 * mm
        typeface.draw(canvas, after, top - 9 * mm, self.state, Face.BOLD, 11)
        if self.demonstration:
            typeface.draw(canvas, MARGIN, PAGE[1] - 10 * mm, self.words.demonstration, Face.BOLD, _SMALL)
        canvas.line(MARGIN, top - 16 * mm, PAGE[0] - MARGIN, top - 16 * mm)

    def _draw_foot(self, canvas: Canvas, page: int, pages: int) -> None:
        words = self.words
        bottom = 14 * mm
        canvas.line(MARGIN, bottom + 7 * mm, PAGE[0] - MARGIN, bottom + 7 * mm)
        printed = words.printed % {"who": self.printed_by, "when": self.printed_at}
        fingerprint = words.fingerprint % {"fingerprint": self.fingerprint}
        number = words.page % {"page": page, "pages": pages}
        typeface.draw(canvas, MARGIN, bottom + 3 * mm, printed, Face.REGULAR, _SMALL)
        right = PAGE[0] - MARGIN - typeface.width(number, Face.REGULAR, _SMALL)
        typeface.draw(canvas, right, bottom + 3 * mm, number, Face.REGULAR, _SMALL)
        if self.fingerprint:
            self._draw_line(canvas, bottom - 1.5 * mm, fingerprint)
        if self.checkpoint:
            line = words.checkpoint % {"checkpoint": self.checkpoint}
            self._draw_line(canvas, bottom - 5.5 * mm, line)

    @staticmethod
    def _draw_line(canvas: Canvas, y: float, line: str) -> None:
        """A line in the type of codes, small enough for the page."""
        limit = PAGE[0] - 2 * MARGIN
        size = min(_SMALL, _SMALL * limit / typeface.width(line, Face.CODE, _SMALL))
        typeface.draw(canvas, MARGIN, y, line, Face.CODE, size)


def numbered(furniture: Furniture) -> type[Canvas]:
    """A canvas that knows the number of pages when it draws the furniture: pages are kept until the end."""

    class Numbered(Canvas):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._kept: list[dict[str, Any]] = []
            furniture.draw_watermark(self)

        def showPage(self) -> None:  # noqa: N802 (reportlab's name)
            self._kept.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]  # not in the stubs
            furniture.draw_watermark(self)

        def save(self) -> None:
            for number, page in enumerate(self._kept, start=1):
                self.__dict__.update(page)
                furniture.draw(self, number, len(self._kept))
                super().showPage()
            super().save()

    return Numbered
