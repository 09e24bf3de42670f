"""QR symbols as dots, one SVG path or PDF rectangles; the mask is fixed, so a text always looks alike.

A short code (11 symbols, alphanumeric) is drawn as version 2 with error correction H: 25 modules, 33 with
the quiet zone, which is 4 dots a module (11.2 mm) on a 13 mm square at 300 dpi. Version 1 cannot hold it at
H, and version 3 would be larger at the same dots. Longer texts get the smallest version that holds them at
the level asked for.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Literal

from qrcode import constants
from qrcode.main import QRCode
from qrcode.util import QRData
from reportlab.pdfgen.canvas import Canvas

from mscbank.coding.errors import CodeError
from mscbank.coding.short import LENGTH

QUIET = 4
"""Light modules around the symbol, as ISO/IEC 18004 asks."""
VERSION = 2
"""The version of every short code's symbol: labels made years apart have the same size."""
LONGEST = 512

_MASK = 2
_ALPHANUMERIC_MODE: Literal[2] = 2
_BYTE_MODE: Literal[4] = 4
_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")

Matrix = tuple[tuple[bool, ...], ...]


class Correction(IntEnum):
    """How much of the symbol may be lost: about 7, 15, 25, 30 percent."""

    L = constants.ERROR_CORRECT_L
    M = constants.ERROR_CORRECT_M
    Q = constants.ERROR_CORRECT_Q
    H = constants.ERROR_CORRECT_H


@lru_cache(maxsize=1024)
def matrix(text: str, correction: Correction = Correction.H) -> Matrix:
    """The rows of the symbol without quiet zone, True for dark; CodeError for an empty or endless text."""
    if not text:
        raise CodeError("code.empty")
    if len(text) > LONGEST:
        raise CodeError("code.too_long", limit=LONGEST)
    alphanumeric = _ALPHANUMERIC.issuperset(text)
    short = alphanumeric and len(text) <= LENGTH
    symbol = QRCode(version=VERSION if short else None, error_correction=int(correction), mask_pattern=_MASK)
    if alphanumeric:
        symbol.add_data(QRData(text, mode=_ALPHANUMERIC_MODE))
    else:
        symbol.add_data(QRData(text.encode(), mode=_BYTE_MODE))
    symbol.make(fit=not short)
    return tuple(tuple(bool(module) for module in row) for row in symbol.modules)


def path(text: str, correction: Correction = Correction.H) -> str:
    """The dark modules as one SVG path in module units, quiet zone included; a run is one rectangle."""
    return "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in _runs(matrix(text, correction)))


def svg(text: str, correction: Correction = Correction.H) -> str:
    """The symbol as one ``<svg>``: ``currentColor`` on transparent, sized by the page; no style, no script.

    It must stand in dark colour on a light ground in every theme, or scanners will not read it.
    """
    side = len(matrix(text, correction)) + 2 * QUIET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" '
        f'shape-rendering="crispEdges" focusable="false"><title>{_escaped(text)}</title>'
        f'<path fill="currentColor" d="{path(text, correction)}"/></svg>'
    )


def draw(
    canvas: Canvas, text: str, x: float, y: float, side: float, correction: Correction = Correction.H
) -> None:
    """Draw the symbol and its quiet zone, black, in the square of ``side`` points at (x, y) bottom left."""
    dots = matrix(text, correction)
    module = side / (len(dots) + 2 * QUIET)
    shape = canvas.beginPath()
    for column, row, width in _runs(dots):
        shape.rect(column, row, width, 1)
    canvas.saveState()
    canvas.translate(x, y + side)
    canvas.scale(module, -module)
    canvas.setFillGray(0)
    canvas.drawPath(shape, stroke=0, fill=1)
    canvas.restoreState()


def _runs(dots: Matrix) -> list[tuple[int, int, int]]:
    """Column, row and width of each run of dark modules, counted from the corner of the quiet zone."""
    runs: list[tuple[int, int, int]] = []
    for y, row in enumerate(dots, start=QUIET):
        start = None
        for x, dark in enumerate((*row, False), start=QUIET):
            if dark and start is None:
                start = x
            elif not dark and start is not None:
                runs.append((start, y, x - start))
                start = None
    return runs


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
