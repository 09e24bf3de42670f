"""The way from donor to patient: columns by step, a lane for each batch."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from markupsafe import Markup

from mscbank.core.pictures.pen import Words, coordinate, svg, svg_sign, tag, text
from mscbank.core.pictures.people import Event, grade_box

NODE_GAP, LANE_GAP, COLUMN_GAP, INDENT = 6, 26, 44, 24


@dataclass(frozen=True, slots=True)
class Node:
    """A thing on the way. Lane None stands between the lanes; `under` hangs it from another node.

    Counts are (sign, colour, n, word), shown as little bars.
    """

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
    """Columns by step, a lane for each batch, the searched thing filled; reached edges are thick."""
    places, width, height = _lay_out(columns, nodes)
    lefts = _column_lefts(columns, nodes)
    parts = [text(name, lefts[n], 12, class_="second") for n, name in enumerate(columns)]
    for source, target, reached in sorted(edges, key=lambda edge: edge[2]):
        parts.append(_edge(places[source], places[target], reached))
    parts.extend(_hanger(places[node.under], places[node.key]) for node in nodes if node.under)
    parts.extend(_node(node, places[node.key]) for node in nodes)
    linked = any(node.url for node in nodes)
    return svg("trace", width, height, title, sentence, *parts, role="group" if linked else "img")


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
    title = 8 * len(str(node.title)) + extra
    lines = max((13 * len(line) // 2 for line in _wrapped(node)), default=0)
    counts = 128 + 7 * max((len(str(c[3])) for c in node.counts), default=0) if node.counts else 0
    return max(title, lines, counts, 100) + 22


def _count_height(n: int) -> int:
    return 18 + 7 * ((n - 1) // 10) - 4 if 10 < n <= 40 else 18


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
    """A band for each lane, things without one in the middle; each stack is centred in its band."""
    lefts = _column_lefts(columns, nodes)
    lanes: list[int | None] = [*sorted({node.lane for node in nodes if node.lane is not None})]
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
            widest = max((_node_width(n) for n in nodes if n.column == column and not n.under), default=0)
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
    half = coordinate(Fraction(x1 + x2, 2))
    y1, y2 = coordinate(source.middle), coordinate(target.middle)
    d = f"M{x1} {y1}C{half} {y1} {half} {y2} {x2} {y2}"
    return tag("path", d=d, class_="edge reached" if reached else "edge")


def _hanger(parent: _Box, child: _Box) -> Markup:
    x = parent.x + INDENT // 2
    return tag(
        "path",
        d=f"M{x} {parent.y + parent.height}V{coordinate(child.middle)}H{child.x}",
        class_="edge hanger",
    )


def _node(node: Node, box: _Box) -> Markup:
    parts = [tag("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=6, class_="frame")]
    x, y = box.x + 11, box.y + 19
    if node.grade:
        parts.append(grade_box(node.grade, x + 7, y - 4))
    elif node.sign or node.found:
        parts.append(
            svg_sign(
                "flag" if node.found else node.sign or "ring",
                x,
                y - 12,
                14,
                "move" if node.found else node.colour,
            )
        )
    shift = 20 if node.sign or node.grade or node.found else 0
    parts.append(text(node.title, x + shift, y, class_="bold"))
    for line in box.lines:
        y += 15
        parts.append(text(line, x, y, class_="second"))
    for sign, colour, count, word in node.counts:
        y += 18
        parts.append(svg_sign(sign, x, y - 11, 12, colour))
        parts.append(text(str(count), x + 36, y, anchor="end", class_="bold"))
        parts.append(text(word, x + 44, y))
        parts.extend(_little_bars(count, colour, box.x + box.width - 80, y - 9))
        y += _count_height(count) - 18
    classes = "node" + (" found" if node.found else "")
    group = tag("g", *parts, class_=classes)
    return tag("a", group, href=node.url) if node.url else group


def _little_bars(count: int, colour: str, x: int, y: int) -> list[Markup]:
    """A bar for each vial up to forty; more are only counted."""
    if count > 40:
        return []
    return [
        tag(
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
