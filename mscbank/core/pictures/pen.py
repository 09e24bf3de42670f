"""Lines, words and numbers: what every picture is made of."""

import zlib
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from markupsafe import Markup, escape

SIGNS = "/static/icons/signs.svg"
WIDE_SIGNS = {"check-clock": Fraction(34, 16)}

Number = int | Decimal | Fraction
Words = str
Tick = tuple[Number, Words]
Place = Callable[[Number], Fraction]


def scale(low: Number, high: Number, start: Number, end: Number) -> Place:
    """From a value between low and high to a place between start and end; no span stands at the start."""
    span = Fraction(high) - Fraction(low)
    reach = Fraction(end) - Fraction(start)

    def place(value: Number) -> Fraction:
        return Fraction(start) + ((Fraction(value) - Fraction(low)) / span * reach if span else 0)

    return place


def coordinate(value: Number) -> str:
    """A coordinate with at most one decimal."""
    tenths = round(Fraction(value) * 10)
    whole, rest = divmod(abs(tenths), 10)
    return ("-" if tenths < 0 else "") + (f"{whole}.{rest}" if rest else str(whole))


def anchor_at(x: Number, width: int) -> str:
    if x < 30:
        return "start"
    return "end" if x > width - 20 else "middle"


def mark_of(*words: Words) -> str:
    return f"{zlib.crc32(' '.join(map(str, words)).encode()):08x}"


def hatch(name: str, colour: str) -> Markup:
    line = tag("line", x1=0, y1=0, x2=0, y2=6, class_="hatch-line")
    ground = tag("rect", width=6, height=6, class_="hatch-ground")
    pattern = tag(
        "pattern",
        ground,
        line,
        id=name,
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
        class_=colour,
    )
    return tag("defs", pattern)


def svg_sign(name: str, x: Number, y: Number, size: int, colour: str) -> Markup:
    width = size * WIDE_SIGNS.get(name, 1)
    return tag("use", href=f"{SIGNS}#{name}", x=x, y=y, width=width, height=size, class_=f"pic-sign {colour}")


def html_sign(name: str) -> Markup:
    return tag("svg", tag("use", href=f"{SIGNS}#{name}"), class_=f"sign sign-{name}", aria_hidden="true")


def text(
    words: Words,
    x: Number,
    y: Number,
    *,
    anchor: str | None = None,
    class_: str | None = None,
    transform: str | None = None,
) -> Markup:
    return tag(
        "text",
        escape(words),
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
        class_=class_,
        transform=transform,
    )


def svg(
    kind: str,
    width: Number,
    height: Number,
    title: Words,
    sentence: Words,
    *parts: Markup,
    pad: int = 0,
    role: str = "img",
    stretch: bool = False,
) -> Markup:
    return tag(
        "svg",
        tag("desc", escape(sentence)),
        *parts,
        class_=f"pic pic-{kind}",
        viewBox=f"{coordinate(-pad)} 0 {coordinate(width + 2 * pad)} {coordinate(height)}",
        width=None if stretch else width + 2 * pad,
        height=height,
        preserveAspectRatio="none" if stretch else None,
        role=role,
        aria_label=f"{title}. {sentence}",
    )


def tag(name: str, /, *inside: Markup | str, **attributes: object) -> Markup:
    """One element; `class_` and dashes the Python way, numbers as coordinates, None left out."""
    told = Markup()
    for key, value in attributes.items():
        if value is None:
            continue
        word = "class" if key == "class_" else key.replace("_", "-")
        shown = coordinate(value) if isinstance(value, int | Decimal | Fraction) else str(value)
        told += Markup(' {}="{}"').format(word, shown)
    if name in {"rect", "line", "circle", "path", "polyline", "use", "col"} and not inside:
        return Markup("<{}{}/>").format(escape(name), told)
    return Markup("<{0}{1}>{2}</{0}>").format(escape(name), told, Markup().join(inside))
