"""A value in its bands, a result between its limits, growth over days, a whole in its parts."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from markupsafe import Markup, escape

from mscbank.core.pictures.pen import (
    Number,
    Place,
    Tick,
    Words,
    anchor_at,
    coordinate,
    hatch,
    mark_of,
    scale,
    svg,
    tag,
    text,
)


def band_gauge(
    value: Number,
    bands: Sequence[tuple[Number, Number, str]],
    ticks: Sequence[Tick],
    *,
    label: Words,
    title: Words,
    sentence: Words,
) -> Markup:
    """A value in its bands (low, high, colour), limits written; beyond them it stands at the edge."""
    low, high = bands[0][0], bands[-1][1]
    across = scale(low, high, 0, 390)
    at = across(min(max(value, low), high))
    beyond = value < low or value > high
    parts = [
        tag("rect", x=across(a), y=18, width=across(b) - across(a), height=14, class_=f"band {colour}")
        for a, b, colour in bands
    ]
    for where, words in ticks:
        parts.append(tag("line", x1=across(where), x2=across(where), y1=14, y2=36, class_="tick"))
        parts.append(text(words, across(where), 50, anchor=anchor_at(across(where), 390)))
    parts.append(tag("path", d=f"M{coordinate(at - 6)} 2h12l-6 10Z", class_="mark"))
    parts.append(tag("line", x1=at, x2=at, y1=8, y2=32, class_="mark-line"))
    side, anchor = (10, "start") if at + 10 + 7 * len(str(label)) < 405 else (-10, "end")
    parts.append(text(label, at + side, 12, class_="bold" + (" beyond" if beyond else ""), anchor=anchor))
    return svg("gauge", 390, 54, title, sentence, *parts, pad=20)


def limit_bar(
    values: Iterable[Number],
    *,
    start: Number,
    end: Number,
    low: Number | None = None,
    high: Number | None = None,
    title: Words,
    sentence: Words,
) -> Markup:
    """Where a result lies: the allowed stretch, a tick at each limit, dots (diamonds outside)."""
    across = scale(start, end, 4, 146)
    first, last = across(start if low is None else low), across(end if high is None else high)
    parts = [
        tag("line", x1=0, x2=150, y1=8, y2=8, class_="whole"),
        tag(
            "line",
            x1=0 if low is None else first,
            x2=150 if high is None else last,
            y1=8,
            y2=8,
            class_="allowed",
        ),
    ]
    limits = [across(limit) for limit in (low, high) if limit is not None]
    parts.extend(tag("line", x1=at, x2=at, y1=2, y2=14, class_="tick") for at in limits)
    for value in values:
        passes = (low is None or value >= low) and (high is None or value <= high)
        at = across(min(max(value, start), end))
        parts.append(
            tag("circle", cx=at, cy=8, r=4, class_="dot")
            if passes
            else tag("path", d=f"M{coordinate(at)} 2l6 6-6 6-6-6Z", class_="dot out")
        )
    return svg("limits", 150, 16, title, sentence, *parts)


def growth_curve(
    points: Sequence[tuple[Number, Number]],
    *,
    title: Words,
    sentence: Words,
    labels: Sequence[Words] = (),
    x_ticks: Sequence[Tick] = (),
    y_ticks: Sequence[Tick] = (),
    x_name: Words = "",
    y_name: Words = "",
) -> Markup:
    """Cells over days over a zero line: without ticks a sparkline, with them a chart with axes."""
    if not (x_ticks or y_ticks):
        return _sparkline(points, title, sentence)
    days = [p[0] for p in points] + [t[0] for t in x_ticks]
    cells = [p[1] for p in points] + [t[0] for t in y_ticks]
    across = scale(min(days), max(days), 60, 600)
    up = scale(0, max([*cells, 1]), 210, 24)
    parts: list[Markup] = []
    for at, words in y_ticks:
        parts.append(tag("line", x1=60, x2=610, y1=up(at), y2=up(at), class_="grid"))
        parts.append(text(words, 52, up(at) + 4, anchor="end"))
    for at, words in x_ticks:
        parts.append(tag("line", x1=across(at), x2=across(at), y1=210, y2=215, class_="tick"))
        parts.append(text(words, across(at), 230, anchor="middle"))
    parts.append(tag("line", x1=60, x2=610, y1=210, y2=210, class_="axis"))
    parts.append(text(x_name, 610, 246, anchor="end", class_="second"))
    parts.append(text(y_name, 0, 12, class_="second"))
    parts.extend(_line_with_points(points, across, up))
    for (day, count), words in zip(points, labels, strict=False):
        parts.append(
            text(words, across(day), up(count) - 10, anchor=anchor_at(across(day), 610), class_="bold")
        )
    return svg("growth", 620, 250, title, sentence, *parts)


def segmented_bar(segments: Sequence[tuple[int, str, Words]], *, title: Words, sentence: Words) -> Markup:
    """A whole in its parts (count, colour, word), each as long as its count; `wait` is hatched."""
    shown = [s for s in segments if s[0]]
    total = sum(s[0] for s in shown) or 1
    pattern = "hatch-" + mark_of(title, sentence)
    parts = [hatch(pattern, "wait")] if any(s[1] == "wait" for s in shown) else []
    left: Fraction = Fraction(0)
    room = 400 - 2 * (len(shown) - 1)
    for count, colour, words in shown:
        width = Fraction(room * count, total)
        segment = {"x": left, "y": 0, "width": width, "height": 14, "rx": 2}
        if colour == "wait":
            parts.append(
                tag("rect", tag("title", escape(words)), class_="part", fill=f"url(#{pattern})", **segment)
            )
        else:
            parts.append(tag("rect", tag("title", escape(words)), class_=f"part {colour}", **segment))
        left += width + 2
    return svg("segments", 400, 14, title, sentence, *parts, stretch=True)


def _sparkline(points: Sequence[tuple[Number, Number]], title: Words, sentence: Words) -> Markup:
    days, cells = [p[0] for p in points], [p[1] for p in points]
    across, up = (
        scale(min(days, default=0), max(days, default=1), 5, 139),
        scale(0, max([*cells, 1]), 34, 6),
    )
    zero = tag("line", x1=0, x2=144, y1=34, y2=34, class_="grid")
    return svg("spark", 144, 40, title, sentence, zero, *_line_with_points(points, across, up))


def _line_with_points(points: Sequence[tuple[Number, Number]], across: Place, up: Place) -> list[Markup]:
    path = " ".join(f"{coordinate(across(day))},{coordinate(up(count))}" for day, count in points)
    dots = [tag("circle", cx=across(day), cy=up(count), r=3, class_="point") for day, count in points]
    return [tag("polyline", points=path, class_="curve"), *dots]
