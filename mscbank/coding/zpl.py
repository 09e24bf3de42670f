"""One vial label in ZPL II, for a label printer; lengths in dots."""

from __future__ import annotations

from dataclasses import dataclass

from mscbank.coding.errors import CodeError
from mscbank.coding.sheets import DEMONSTRATION, VialLabel
from mscbank.coding.short import group, parse

_MODULE = 4
_QUIET = 4
_MODULES = 25
_UNSAFE = {"_": "_5F", "^": "_5E", "~": "_7E", "\\": "_5C"}


@dataclass(frozen=True, slots=True)
class Printer:
    """A label printer: dots a millimetre (12 for 300 dpi, 8 for 203) and the label's size in millimetres."""

    dots: int = 12
    width_mm: float = 51
    height_mm: float = 25


def label(content: VialLabel, printer: Printer = Printer(), copies: int = 1) -> str:
    """The label as ZPL text (UTF-8): the symbol left, the text right of it. CodeError if it does not fit."""
    parse(content.code)
    width, height = int(printer.width_mm * printer.dots), int(printer.height_mm * printer.dots)
    side = (_MODULES + 2 * _QUIET) * _MODULE
    texts = [(group(content.code), True), *content.texts()]
    if content.demonstration:
        texts.append((DEMONSTRATION, True))
    pitch = min(2 * printer.dots + 4, (height - 2 * _MODULE) // len(texts))
    size = pitch - 3
    if side > min(width, height) or size < _legible(printer) or _widest(texts) * size // 2 > width - side:
        raise CodeError(
            "label.does_not_fit", text=content.code, stock=f"{printer.width_mm}x{printer.height_mm}"
        )
    lines = [
        f"^XA^CI28^PW{width}^LL{height}^LH0,0",
        f"^FO{_QUIET * _MODULE},{_QUIET * _MODULE}^BQN,2,{_MODULE}^FDHA,{content.code}^FS",
    ]
    for row, (text, _) in enumerate(texts):
        lines.append(f"^FO{side},{_MODULE + row * pitch}^A0N,{size},{size}^FH_^FD{_safe(text)}^FS")
    lines.append(f"^PQ{copies}^XZ")
    return "\n".join(lines) + "\n"


def _legible(printer: Printer) -> int:
    return int(1.4 * printer.dots)


def _widest(texts: list[tuple[str, bool]]) -> int:
    return max(len(text) for text, _ in texts)


def _safe(text: str) -> str:
    if any(ord(c) < 32 for c in text):
        raise CodeError("label.text", text=text)
    return "".join(_UNSAFE.get(c, c) for c in text)
