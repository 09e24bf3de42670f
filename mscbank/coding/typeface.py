"""The typefaces of everything printed: embedded, free (SIL OFL 1.1), and able to spell the names of Europe.

Atkinson Hyperlegible keeps 0 and O, 1 and I, 5 and S apart. What it lacks (Greek, Cyrillic, Vietnamese ...)
is drawn in Noto Sans; what both lack appears as a replacement mark, never as nothing: ask :func:`undrawable`
before printing.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from threading import RLock
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

_FOLDER = Path(__file__).parent / "fonts"
_MISSING = "\ufffd"
_SAME_SHAPE = str.maketrans(
    {
        "\u00b5": "\u03bc",
        "\u2011": "\u2010",
        "\u202f": "\u00a0",
        "\u2009": " ",
        "\t": " ",
        "\u2192": "->",
        "\u2190": "<-",
    }
)


PRESS = RLock()
"""Held while a PDF is made: reportlab's embedded fonts are shared and not safe among threads."""


class Face(StrEnum):
    """The three faces in use."""

    REGULAR = "AtkinsonHyperlegibleNext-Regular"
    BOLD = "AtkinsonHyperlegibleNext-Bold"
    CODE = "AtkinsonHyperlegibleMono-Medium"


_FALLBACK = {
    Face.REGULAR: "NotoSansNames-Regular",
    Face.BOLD: "NotoSansNames-Bold",
    Face.CODE: "NotoSansNames-Regular",
}


def runs(text: str, face: Face) -> list[tuple[str, str]]:
    """The text cut into (font name, part): the face where it can, the other typeface where it must."""
    cut: list[tuple[str, str]] = []
    for character in _normal(text):
        name, drawn = _drawn(character, face)
        if cut and cut[-1][0] == name:
            cut[-1] = (name, cut[-1][1] + drawn)
        else:
            cut.append((name, drawn))
    return cut


def width(text: str, face: Face, size: float) -> float:
    """The width of the text in points."""
    return _unit_width(text, face) * size


def draw(canvas: Canvas, x: float, y: float, text: str, face: Face, size: float) -> None:
    """Draw the text with its baseline starting at (x, y), in points."""
    for name, part in runs(text, face):
        canvas.setFont(name, size)
        canvas.drawString(x, y, part)
        x += pdfmetrics.stringWidth(part, name, size)


def markup(text: str, face: Face) -> str:
    """The text for a reportlab paragraph: escaped, each part in a font that has it."""
    parts = []
    for name, part in runs(text, face):
        safe = escape(part).replace("\n", "<br/>")
        parts.append(f'<font name="{name}">{safe}</font>')
    return "".join(parts)


def wrapped(text: str, face: Face, size: float, limit: float) -> list[str]:
    """The text in lines no wider than ``limit`` points; a word that is wider alone gets a line of its own."""
    room = limit / size
    space = _unit_width(" ", face)
    lines: list[str] = []
    used = 0.0
    for word in _normal(text).split(" "):
        needed = _unit_width(word, face)
        if lines and used + space + needed <= room:
            lines[-1] += f" {word}"
            used += space + needed
        else:
            lines.append(word)
            used = needed
    return lines


def undrawable(text: str) -> str:
    """The characters of the text that would come out as the replacement mark, each once."""
    return "".join(dict.fromkeys(c for c in _normal(text) if _drawn(c, Face.REGULAR)[1] == _MISSING != c))


def sound(text: str) -> str:
    """The text for a PDF's own description: lone surrogates replaced, which no encoding can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def register() -> None:
    """Make the fonts known to reportlab; done once a process, and by every other function here."""
    for face in Face:
        _font(face)
        _font(_FALLBACK[face])


def _drawn(character: str, face: Face) -> tuple[str, str]:
    other = _FALLBACK[face]
    if character == "\n" or ord(character) in _glyphs(face):
        return face, character
    if ord(character) in _glyphs(other):
        return other, character
    return other, _MISSING


@lru_cache(maxsize=16384)
def _unit_width(text: str, face: Face) -> float:
    """The width in points at one point; there is no kerning, so widths add up."""
    width: float = sum(pdfmetrics.stringWidth(part, name, 1) for name, part in runs(text, face))
    return width


@cache
def _glyphs(name: str) -> frozenset[int]:
    return frozenset(_font(name).face.charToGlyph)


@cache
def _font(name: str) -> TTFont:
    font = TTFont(name, str(_FOLDER / f"{name}.ttf"))
    pdfmetrics.registerFont(font)
    return font


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n")).translate(_SAME_SHAPE)
