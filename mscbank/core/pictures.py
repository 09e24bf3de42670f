"""Pictures drawn by the server: ink, one tint, states only by sign and class.

Pure functions that return markup without any inline style, so that they pass the content policy. Every word comes from the caller,
translated. Each takes a `title` and a `sentence` that says what is seen to those who do not see it. A colour is one of the state
classes of `tokens.css`: go wait stop move keep lock end ink.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from markupsafe import Markup, escape

SIGNS = "/static/icons/signs.svg"
WIDE_SIGNS = {"check-clock": Fraction(34, 16)}

Number = int | Decimal | Fraction
Words = str
Tick = tuple[Number, Words]


def band_gauge(
    value: Number,
    bands: Sequence[tuple[Number, Number, str]],
    ticks: Sequence[Tick],
    *,
    label: Words,
    title: Words,
    sentence: Words,
) -> Markup:
    """A value in its tolerance bands (low, high, colour), with the limits written beneath. Outside the bands it stands at the edge."""
    low, high = bands[0][0], bands[-1][1]
    across = _scale(low, high, 0, 390)
    at = across(min(max(value, low), high))
    beyond = value < low or value > high
    parts = [
        _tag("rect", x=across(a), y=18, width=across(b) - across(a), height=14, class_=f"band {colour}")
        for a, b, colour in bands
    ]
    for where, words in ticks:
        parts.append(_tag("line", x1=across(where), x2=across(where), y1=14, y2=36, class_="tick"))
        parts.append(_text(words, across(where), 50, anchor=_anchor(across(where), 390)))
    parts.append(_tag("path", d=f"M{_n(at - 6)} 2h12l-6 10Z", class_="mark"))
    parts.append(_tag("line", x1=at, x2=at, y1=8, y2=32, class_="mark-line"))
    side, anchor = (10, "start") if at < 230 else (-10, "end")
    parts.append(_text(label, at + side, 12, class_="bold" + (" beyond" if beyond else ""), anchor=anchor))
    return _svg("gauge", 390, 54, title, sentence, *parts, pad=20)


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
    """Where a result lies between its limits: the allowed stretch, a tick at each limit, a dot for each value."""
    across = _scale(start, end, 4, 146)
    first, last = across(start if low is None else low), across(end if high is None else high)
    parts = [
        _tag("line", x1=0, x2=150, y1=8, y2=8, class_="whole"),
        _tag(
            "line",
            x1=0 if low is None else first,
            x2=150 if high is None else last,
            y1=8,
            y2=8,
            class_="allowed",
        ),
    ]
    for limit in (low, high):
        if limit is not None:
            parts.append(_tag("line", x1=across(limit), x2=across(limit), y1=2, y2=14, class_="tick"))
    for value in values:
        passes = (low is None or value >= low) and (high is None or value <= high)
        at = across(min(max(value, start), end))
        parts.append(
            _tag("circle", cx=at, cy=8, r=4, class_="dot")
            if passes
            else _tag("path", d=f"M{_n(at)} 2l6 6-6 6-6-6Z", class_="dot out")
        )
    return _svg("limits", 150, 16, title, sentence, *parts)


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
    """Cells over days, joined by straight lines from a zero line. Without ticks a sparkline, with them a chart with axes."""
    if not (x_ticks or y_ticks):
        return _sparkline(points, title, sentence)
    days = [p[0] for p in points] + [t[0] for t in x_ticks]
    cells = [p[1] for p in points] + [t[0] for t in y_ticks]
    across = _scale(min(days), max(days), 60, 600)
    up = _scale(0, max([*cells, 1]), 210, 24)
    parts: list[Markup] = []
    for at, words in y_ticks:
        parts.append(_tag("line", x1=60, x2=610, y1=up(at), y2=up(at), class_="grid"))
        parts.append(_text(words, 52, up(at) + 4, anchor="end"))
    for at, words in x_ticks:
        parts.append(_tag("line", x1=across(at), x2=across(at), y1=210, y2=215, class_="tick"))
        parts.append(_text(words, across(at), 230, anchor="middle"))
    parts.append(_tag("line", x1=60, x2=610, y1=210, y2=210, class_="axis"))
    parts.append(_text(x_name, 610, 246, anchor="end", class_="second"))
    parts.append(_text(y_name, 0, 12, class_="second"))
    parts.extend(_line_with_points(points, across, up))
    for (day, count), words in zip(points, labels, strict=False):
        parts.append(
            _text(words, across(day), up(count) - 10, anchor=_anchor(across(day), 610), class_="bold")
        )
    return _svg("growth", 620, 250, title, sentence, *parts)


def segmented_bar(segments: Sequence[tuple[int, str, Words]], *, title: Words, sentence: Words) -> Markup:
    """A whole in its parts (count, colour, word), each as long as its count. `wait` is hatched, so that it is seen in black print."""
    shown = [s for s in segments if s[0]]
    total = sum(s[0] for s in shown) or 1
    hatch = "hatch-" + _mark_of(title, sentence)
    parts = [_hatch(hatch, "wait")]
    left: Fraction = Fraction(0)
    room = 400 - 2 * (len(shown) - 1)
    for count, colour, words in shown:
        width = Fraction(room * count, total)
        segment = dict(x=left, y=0, width=width, height=14, rx=2)
        if colour == "wait":
            parts.append(
                _tag("rect", _tag("title", escape(words)), class_="part", fill=f"url(#{hatch})", **segment)
            )
        else:
            parts.append(_tag("rect", _tag("title", escape(words)), class_=f"part {colour}", **segment))
        left += width + 2
    return _svg("segments", 400, 14, title, sentence, *parts, stretch=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a position of a box; `mark` is "placed" (last), "next" or "found"."""

    number: str
    word: Words
    colour: str = "lock"
    url: str | None = None
    mark: str | None = None


def box_map(
    rows: int,
    columns: int,
    cells: Mapping[str, Cell],
    *,
    title: Words,
    sentence: Words,
    free: Words,
    field: str | None = None,
    station: bool = False,
) -> Markup:
    """A box from above, row letters and column numbers; real buttons, so that arrow keys move. `field`: a press submits the position."""
    numbers = Markup().join(_tag("th", str(n), scope="col") for n in range(1, columns + 1))
    lines = [_tag("tr", _tag("td"), numbers)]
    for row in (chr(ord("A") + n) for n in range(rows)):
        places = [f"{row}{n}" for n in range(1, columns + 1)]
        lines.append(
            _tag(
                "tr",
                _tag("th", row, scope="row"),
                *(_tag("td", _place(p, cells.get(p), free, field)) for p in places),
            )
        )
    return _tag(
        "table",
        _tag("caption", escape(title), ". ", escape(sentence), class_="unseen"),
        _tag("tbody", *lines),
        class_="boxmap" + (" large" if station else ""),
        data_boxmap="",
    )


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event on a person's line of time; the number is the grade, filled is serious, underlined is related."""

    at: Number
    grade: int
    serious: bool = False
    related: bool = False
    url: str | None = None
    words: Words = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One person's time, to the end of follow-up; `goes_on` draws an arrow instead of the end."""

    name: str
    length: Number
    events: Sequence[Event] = ()
    goes_on: bool = False


def swimmer_plot(
    groups: Sequence[tuple[Words, str | None, Sequence[Lane]]],
    ticks: Sequence[Tick],
    *,
    unit: Words,
    title: Words,
    sentence: Words,
) -> Markup:
    """Each person's time from the infusion, in groups (name, colour, lanes), with every adverse event where it fell."""
    longest = max(
        [t[0] for t in ticks] + [lane.length for _, _, lanes in groups for lane in lanes], default=1
    )
    across = _scale(0, longest, 64, 680)
    height = sum(17 * len(lanes) + 13 for _, _, lanes in groups)
    parts = [
        _tag("line", x1=across(at), x2=across(at), y1=0, y2=height, class_="grid") for at, _ in ticks if at
    ]
    top = 0
    for name, colour, lanes in groups:
        middle = top + (17 * len(lanes)) // 2
        parts.append(_text(name, 12, middle, anchor="middle", transform=f"rotate(-90 12 {middle})"))
        for lane in lanes:
            parts.extend(_lane(lane, colour, top, across))
            top += 17
        top += 13
    for at, words in ticks:
        parts.append(_text(words, across(at), height + 12, anchor="middle", class_="mono"))
    parts.append(_text(unit, 730, height + 12, anchor="end"))
    return _svg("swimmer", 732, height + 18, title, sentence, *parts)


@dataclass(frozen=True, slots=True)
class Level:
    """One dose level with its people: (number, sign, colour, words)."""

    title: Words
    line: Words
    people: Sequence[tuple[str, str, str, Words]] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """The signed door between two levels: what was decided, by whom, and its conditions (sign, colour, words)."""

    title: Words
    line: Words
    sign: str
    colour: str
    conditions: Sequence[tuple[str, str, Words]] = ()


def escalation_board(
    levels: Sequence[Level], gates: Sequence[Gate], *, title: Words, sentence: Words
) -> Markup:
    """Dose levels as rows of people, and between two levels the gate as a signed door."""
    parts: list[Markup] = []
    for n, level in enumerate(levels):
        if n:
            parts.append(_gate(gates[n - 1]))
        parts.append(_level(level))
    return _tag("div", *parts, class_="board", role="group", aria_label=f"{title}. {sentence}")


@dataclass(frozen=True, slots=True)
class Node:
    """A thing on the way. Lane None stands between the lanes; `under` hangs it from another node; counts are (sign, colour, n, word)."""

    key: str
    column: int
    title: Words
    lane: int | None = 0
    lines: Sequence[Words] = ()
    sign: str | None = None
    colour: str = "ink"
    url: str | None = None
    found: bool = False
    under: str | None = None
    grade: Event | None = None
    counts: Sequence[tuple[str, str, int, Words]] = ()


def trace_graph(
    columns: Sequence[Words],
    nodes: Sequence[Node],
    edges: Sequence[tuple[str, str, bool]],
    *,
    title: Words,
    sentence: Words,
) -> Markup:
    """Columns by step, a lane for each batch, the searched thing filled; a reached edge (from, to, True) is thick."""
    places, width, height = _lay_out(columns, nodes)
    by_key = {node.key: node for node in nodes}
    lefts = _column_lefts(columns, nodes)
    parts = [_text(name, lefts[n], 12) for n, name in enumerate(columns)]
    for source, target, reached in sorted(edges, key=lambda edge: edge[2]):
        parts.append(_edge(places[source], places[target], reached))
    for node in nodes:
        if node.under:
            parts.append(_hanger(places[node.under], places[node.key]))
    parts.extend(_node(node, places[node.key]) for node in by_key.values())
    linked = any(node.url for node in nodes)
    return _svg("trace", width, height, title, sentence, *parts, role="group" if linked else "img")


# Parts of the box


def _place(position: str, cell: Cell | None, free: Words, field: str | None) -> Markup:
    if cell is None:
        inside, words, classes, url = Markup("·"), f"{position}, {free}", "cell free", None
    else:
        mark = f" {cell.mark}" if cell.mark else ""
        inside = _tag("span", escape(cell.number))
        words, classes, url = f"{position}, {cell.number}, {cell.word}", f"cell {cell.colour}{mark}", cell.url
    if field:
        return _tag("button", inside, class_=classes, name=field, value=position, aria_label=words)
    if url:
        return _tag("a", inside, class_=classes, href=url, aria_label=words)
    if cell is None:
        return _tag("span", inside, class_=classes, data_position=position, aria_hidden="true")
    return _tag("button", inside, type="button", class_=classes, data_position=position, aria_label=words)


# Parts of the curve


def _sparkline(points: Sequence[tuple[Number, Number]], title: Words, sentence: Words) -> Markup:
    days, cells = [p[0] for p in points], [p[1] for p in points]
    across, up = (
        _scale(min(days, default=0), max(days, default=1), 5, 139),
        _scale(0, max([*cells, 1]), 34, 6),
    )
    zero = _tag("line", x1=0, x2=144, y1=34, y2=34, class_="grid")
    return _svg("spark", 144, 40, title, sentence, zero, *_line_with_points(points, across, up))


def _line_with_points(points, across, up) -> list[Markup]:
    path = " ".join(f"{_n(across(day))},{_n(up(count))}" for day, count in points)
    dots = [_tag("circle", cx=across(day), cy=up(count), r=3, class_="point") for day, count in points]
    return [_tag("polyline", points=path, class_="curve"), *dots]


# Parts of the swimmer plot


def _lane(lane: Lane, colour: str | None, top: int, across) -> list[Markup]:
    end = across(lane.length)
    parts = [
        _text(lane.name, 54, top + 12, anchor="end", class_="mono"),
        _tag("rect", x=64, y=top + 3, width=end - 64, height=10, class_=f"swim {colour or ''}".strip()),
    ]
    if lane.goes_on:
        parts.append(_tag("path", d=f"M{_n(end)} {top + 2}l9 6-9 6Z", class_="mark"))
    else:
        parts.append(_tag("line", x1=end, x2=end, y1=top + 1, y2=top + 15, class_="stop-mark"))
    parts.extend(_grade(event, across(event.at), top + 8) for event in lane.events)
    return parts


def _grade(event: Event, x: Number, y: Number) -> Markup:
    classes = "ae" + (" serious" if event.serious else "") + (" related" if event.related else "")
    parts = [
        _tag("title", escape(event.words)) if event.words else Markup(),
        _tag("rect", x=x - 7, y=y - 7, width=14, height=14, rx=3),
        _text(str(event.grade), x, y + 4, anchor="middle"),
    ]
    if event.related:
        parts.append(_tag("line", x1=x - 7, x2=x + 7, y1=y + 9, y2=y + 9))
    group = _tag("g", *parts, class_=classes)
    return (
        _tag("a", group, href=event.url, aria_label=event.words or str(event.grade)) if event.url else group
    )


# Parts of the board


def _level(level: Level) -> Markup:
    people = [
        _tag(
            "li",
            _tag("span", escape(number), class_="disc"),
            _html_sign(sign),
            _tag("span", escape(words), class_="unseen"),
            class_=colour,
        )
        for number, sign, colour, words in level.people
    ]
    return _tag(
        "section",
        _tag("h3", escape(level.title)),
        _tag("p", escape(level.line), class_="note"),
        _tag("ol", *people, class_="people"),
        class_="level",
    )


def _gate(gate: Gate) -> Markup:
    rules = [
        _tag("li", _html_sign(sign), _tag("span", escape(words)), class_=colour)
        for sign, colour, words in gate.conditions
    ]
    return _tag(
        "section",
        _tag("h3", _html_sign(gate.sign), _tag("span", escape(gate.title))),
        _tag("p", escape(gate.line), class_="note"),
        _tag("ul", *rules),
        class_=f"gate {gate.colour}",
    )


# Parts of the trace graph

NODE_GAP, LANE_GAP, COLUMN_GAP, INDENT = 6, 26, 44, 24


@dataclass(slots=True)
class _Box:
    x: int
    y: int
    width: int
    height: int
    lines: list[str] = field(default_factory=list)

    @property
    def middle(self) -> Fraction:
        return Fraction(2 * self.y + self.height, 2)


def _wrapped(node: Node) -> list[str]:
    return [part for line in node.lines for part in textwrap.wrap(str(line), 34) or [""]]


def _node_width(node: Node) -> int:
    extra = 20 if node.sign or node.grade or node.found else 0
    title = 7 * len(str(node.title)) + extra
    lines = max((6 * len(line) for line in _wrapped(node)), default=0)
    counts = 104 + 7 * max((len(str(c[3])) for c in node.counts), default=0) if node.counts else 0
    return max(title, lines, counts, 100) + 22


def _count_height(n: int) -> int:
    return 18 + 7 * max(0, (min(n, 40) - 1) // 10 - 0) if n > 10 else 18


def _node_height(node: Node) -> int:
    return 28 + 15 * len(_wrapped(node)) + sum(_count_height(c[2]) for c in node.counts) + 4


def _column_lefts(columns: Sequence[Words], nodes: Sequence[Node]) -> list[int]:
    lefts, left = [], 1
    for n, name in enumerate(columns):
        lefts.append(left)
        widths = [_node_width(node) + (INDENT if node.under else 0) for node in nodes if node.column == n]
        left += max([*widths, 7 * len(str(name)), 60]) + COLUMN_GAP
    return [*lefts, left]


def _lay_out(columns: Sequence[Words], nodes: Sequence[Node]) -> tuple[dict[str, _Box], int, int]:
    """A band for each lane, things without a lane in a band of their own in the middle; each stack is centred in its band."""
    lefts = _column_lefts(columns, nodes)
    lanes: list[int | None] = sorted({node.lane for node in nodes if node.lane is not None})
    if any(node.lane is None for node in nodes):
        lanes.insert((len(lanes) + 1) // 2, None)
    places: dict[str, _Box] = {}
    top = 26
    for lane in lanes:
        stacks = [
            [n for n in nodes if n.lane == lane and n.column == column] for column in range(len(columns))
        ]
        band = max(sum(_node_height(n) + NODE_GAP for n in stack) - NODE_GAP for stack in stacks if stack)
        for column, stack in enumerate(stacks):
            widest = max((_node_width(n) for n in stack if not n.under), default=0)
            y = top + (band - sum(_node_height(n) + NODE_GAP for n in stack) + NODE_GAP) // 2
            for node in stack:
                indent = INDENT if node.under else 0
                width = _node_width(node) if node.under else widest
                places[node.key] = _Box(lefts[column] + indent, y, width, _node_height(node), _wrapped(node))
                y += _node_height(node) + NODE_GAP
        top += band + LANE_GAP
    return places, lefts[-1] - COLUMN_GAP + 1, max(top - LANE_GAP + 2, 30)


def _edge(source: _Box, target: _Box, reached: bool) -> Markup:
    if target.x > source.x + source.width:
        x1, x2 = source.x + source.width, target.x
    else:
        x1, x2 = source.x, target.x + target.width
    half = Fraction(x1 + x2, 2)
    y1, y2 = source.middle, target.middle
    d = f"M{_n(x1)} {_n(y1)}C{_n(half)} {_n(y1)} {_n(half)} {_n(y2)} {_n(x2)} {_n(y2)}"
    return _tag("path", d=d, class_="edge reached" if reached else "edge")


def _hanger(parent: _Box, child: _Box) -> Markup:
    x = parent.x + INDENT // 2
    return _tag(
        "path", d=f"M{x} {parent.y + parent.height}V{_n(child.middle)}H{child.x}", class_="edge hanger"
    )


def _node(node: Node, box: _Box) -> Markup:
    parts = [_tag("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=6, class_="frame")]
    x, y = box.x + 11, box.y + 19
    if node.grade:
        parts.append(_grade(node.grade, x + 7, y - 4))
    elif node.sign or node.found:
        parts.append(
            _svg_sign(
                "flag" if node.found else node.sign or "ring",
                x,
                y - 12,
                14,
                "move" if node.found else node.colour,
            )
        )
    shift = 20 if node.sign or node.grade or node.found else 0
    parts.append(_text(node.title, x + shift, y, class_="bold"))
    for line in box.lines:
        y += 15
        parts.append(_text(line, x, y, class_="second"))
    for sign, colour, count, word in node.counts:
        y += 18
        parts.append(_svg_sign(sign, x, y - 11, 12, colour))
        parts.append(_text(str(count), x + 36, y, anchor="end", class_="bold"))
        parts.append(_text(word, x + 44, y))
        parts.extend(_little_bars(count, colour, box.x + box.width - 80, y - 9))
        y += _count_height(count) - 18
    classes = "node" + (" found" if node.found else "")
    group = _tag("g", *parts, class_=classes)
    return _tag("a", group, href=node.url) if node.url else group


def _little_bars(count: int, colour: str, x: int, y: int) -> list[Markup]:
    """A bar for each vial up to forty; more are only counted."""
    if count > 40:
        return []
    return [
        _tag(
            "rect",
            x=x + 7 * (n % 10),
            y=y + 7 * (n // 10),
            width=5,
            height=5 if count > 10 else 9,
            rx=1,
            class_=f"bar-one {colour}",
        )
        for n in range(count)
    ]


# Lines, words, numbers


def _scale(low: Number, high: Number, start: Number, end: Number):
    """From a value between low and high to a place between start and end; a span of nothing stands at the start."""
    span = Fraction(high) - Fraction(low)
    reach = Fraction(end) - Fraction(start)

    def place(value: Number) -> Fraction:
        return Fraction(start) + ((Fraction(value) - Fraction(low)) / span * reach if span else 0)

    return place


def _n(value: Number) -> str:
    """A coordinate with at most one decimal."""
    tenths = round(Fraction(value) * 10)
    whole, rest = divmod(abs(tenths), 10)
    return ("-" if tenths < 0 else "") + (f"{whole}.{rest}" if rest else str(whole))


def _anchor(x: Number, width: int) -> str:
    if x < 30:
        return "start"
    return "end" if x > width - 20 else "middle"


def _mark_of(*words: Words) -> str:
    return f"{zlib.crc32(' '.join(map(str, words)).encode()):08x}"


def _hatch(name: str, colour: str) -> Markup:
    line = _tag("line", x1=0, y1=0, x2=0, y2=6, class_="hatch-line")
    ground = _tag("rect", width=6, height=6, class_="hatch-ground")
    pattern = _tag(
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
    return _tag("defs", pattern)


def _svg_sign(name: str, x: Number, y: Number, size: int, colour: str) -> Markup:
    width = size * WIDE_SIGNS.get(name, 1)
    return _tag(
        "use", href=f"{SIGNS}#{name}", x=x, y=y, width=width, height=size, class_=f"pic-sign {colour}"
    )


def _html_sign(name: str) -> Markup:
    return _tag("svg", _tag("use", href=f"{SIGNS}#{name}"), class_=f"sign sign-{name}", aria_hidden="true")


def _text(
    words: Words,
    x: Number,
    y: Number,
    *,
    anchor: str | None = None,
    class_: str | None = None,
    transform: str | None = None,
) -> Markup:
    return _tag(
        "text",
        escape(words),
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
        class_=class_,
        transform=transform,
    )


def _svg(
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
    return _tag(
        "svg",
        _tag("desc", escape(sentence)),
        *parts,
        class_=f"pic pic-{kind}",
        viewBox=f"{_n(-pad)} 0 {_n(width + 2 * pad)} {_n(height)}",
        width=None if stretch else width + 2 * pad,
        height=height,
        preserveAspectRatio="none" if stretch else None,
        role=role,
        aria_label=f"{title}. {sentence}",
    )


def _tag(name: str, *inside: Markup | str, **attributes: object) -> Markup:
    """One element. `class_` and dashes are spelt the Python way; numbers become coordinates; None leaves the attribute out."""
    told = Markup()
    for key, value in attributes.items():
        if value is None:
            continue
        word = "class" if key == "class_" else key.replace("_", "-")
        shown = _n(value) if isinstance(value, int | Decimal | Fraction) else str(value)
        told += Markup(' {}="{}"').format(word, shown)
    if name in {"rect", "line", "circle", "path", "polyline", "use"} and not inside:
        return Markup("<{}{}/>").format(Markup(name), told)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), told, Markup().join(inside))
