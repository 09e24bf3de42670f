"""Documents on A4 that a hospital files: certificates, reports, forms. Equal input gives equal bytes.

Every page has a head (title, code, state) and a foot (page x of y, printed by whom and when, fingerprint).
Table heads repeat and a row never breaks over pages, unless it is taller than a page. Text is given ready:
translated, and with its numbers and dates formatted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    LayoutError,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from mscbank.coding import typeface
from mscbank.coding.furniture import FOOT, HEAD, MARGIN, PAGE, Furniture, Words, numbered
from mscbank.coding.typeface import Face

__all__ = ["Document", "Signature", "Words"]

_RULE = HexColor("#8a8f98")
_SHADE = HexColor("#eef0f3")
_SIZE = 9.5
_HEADING_SIZE = 12.5
_WIDTH = PAGE[0] - 2 * MARGIN
_LINES: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.2),
]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as printed: who, in what meaning, when, and whether it still holds ('' if not asked)."""

    name: str
    meaning: str
    at: str
    holds: str = ""


@dataclass(frozen=True, slots=True)
class _Table:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    right: frozenset[int]


_Part = Callable[[bool], list[Flowable]]
"""A part of the document, laid out anew for each attempt; True allows its rows to break."""


class Document:
    """A document in the making: add its parts in reading order, then ask for the bytes.

    ``printed_at`` is ready text, ``fingerprint`` the hash of the record that is printed,
    ``checkpoint`` the last one of the whole record; the code stands as a
    QR symbol in the head unless ``symbol`` is false. ``language`` is that of the text (``en``, ``fr``).
    """

    def __init__(
        self,
        *,
        title: str,
        code: str,
        state: str,
        printed_by: str,
        printed_at: str,
        fingerprint: str,
        checkpoint: str = "",
        demonstration: bool = False,
        words: Words | None = None,
        symbol: bool = True,
        language: str = "en",
    ) -> None:
        typeface.register()
        self._language = language
        self._furniture = Furniture(
            title=title,
            code=code,
            state=state,
            printed_by=printed_by,
            printed_at=printed_at,
            fingerprint=fingerprint,
            checkpoint=checkpoint,
            demonstration=demonstration,
            words=words or Words(),
            symbol=symbol,
        )
        self._parts: list[_Part] = []

    def section(self, title: str) -> None:
        """A heading; it never stands alone at the end of a page."""
        style = _style(_HEADING_SIZE, before=3 * mm, after=1.5 * mm)
        self._add(lambda _: [CondPageBreak(30 * mm), Paragraph(typeface.markup(title, Face.BOLD), style)])

    def paragraph(self, text: str, *, strong: bool = False) -> None:
        """A paragraph; a line feed in the text begins a new line."""
        self._add(lambda _: [_text(text, strong=strong, after=2 * mm)])

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values in two columns."""
        self.table((), rows, widths=(1, 2))

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        widths: Sequence[float] = (),
        right: Sequence[int] = (),
    ) -> None:
        """A table: ``widths`` are shares of the page, ``right`` the columns set flush right (from 0).

        Without a head the first column is bold. ValueError if rows, head and widths differ in length.
        """
        columns = len(head) or (len(rows[0]) if rows else 0)
        if any(len(row) != columns for row in rows) or len(widths) not in (0, columns):
            raise ValueError("rows, head and widths differ in length")
        if columns:
            table = _Table(tuple(head), tuple(map(tuple, rows)), tuple(widths), frozenset(right))
            self._add(lambda breaking: [_laid(table, breaking=breaking)])

    def signatures(self, signed: Sequence[Signature], *, open_for: Sequence[str] = ()) -> None:
        """The signature block, kept on one page; ``open_for`` are meanings still to be signed by hand."""
        words = self._furniture.words
        rows = [(s.meaning, s.name, s.at, s.holds) for s in signed]
        rows += [(meaning, "\n\n", "", "") for meaning in open_for]
        head = (words.meaning, words.name, words.at, words.holds)
        table = _Table(head, tuple(rows), (2, 3, 2, 2), frozenset())
        self._add(lambda breaking: [KeepTogether([_laid(table, breaking=breaking)])])

    def render(self) -> bytes:
        """The PDF. Rows break over pages only if one of them is taller than a page."""
        with typeface.PRESS:
            try:
                return self._built(breaking=False)
            except LayoutError:
                return self._built(breaking=True)

    def _add(self, part: _Part) -> None:
        self._parts.append(part)

    def _built(self, *, breaking: bool) -> bytes:
        out = BytesIO()
        template = SimpleDocTemplate(
            out,
            pagesize=PAGE,
            leftMargin=MARGIN - 6,
            rightMargin=MARGIN - 6,
            topMargin=HEAD,
            bottomMargin=FOOT,
            title=typeface.sound(f"{self._furniture.title} {self._furniture.code}"),
            author=typeface.sound(self._furniture.printed_by),
            creator="mscbank",
            lang=self._language,
            invariant=1,
        )
        parts = [flowable for part in self._parts for flowable in part(breaking)] or [Spacer(0, 1)]
        template.build(parts, canvasmaker=numbered(self._furniture))
        return out.getvalue()


def _style(size: float, *, before: float = 0, after: float = 0, right: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName=Face.REGULAR.value,
        fontSize=size,
        leading=size * 1.3,
        spaceBefore=before,
        spaceAfter=after,
        alignment=TA_RIGHT if right else TA_LEFT,
        splitLongWords=1,
    )


def _text(text: str, *, strong: bool = False, right: bool = False, after: float = 0) -> Paragraph:
    face = Face.BOLD if strong else Face.REGULAR
    return Paragraph(typeface.markup(text, face), _style(_SIZE, right=right, after=after))


def _laid(table: _Table, *, breaking: bool) -> LongTable:
    cells = [[_text(cell, strong=True, right=i in table.right) for i, cell in enumerate(table.head)]]
    cells = cells if table.head else []
    for row in table.rows:
        cells.append(
            [
                _text(cell, strong=not table.head and i == 0, right=i in table.right)
                for i, cell in enumerate(row)
            ]
        )
    shares = table.widths or (1.0,) * len(cells[0])
    style = TableStyle(_LINES)
    if table.head:
        style.add("BACKGROUND", (0, 0), (-1, 0), _SHADE)
    return LongTable(
        cells,
        colWidths=[_WIDTH * share / sum(shares) for share in shares],
        repeatRows=1 if table.head else 0,
        splitInRow=1 if breaking else 0,
        hAlign="LEFT",
        spaceAfter=3 * mm,
        style=style,
    )
