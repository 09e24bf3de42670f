"""The people of a study: each one's time after the infusion, and the dose levels with their gates."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from mscbank.core.pictures.pen import Number, Place, Tick, Words, coordinate, html_sign, scale, svg, tag, text


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event in time; the number is the grade, filled is serious, underlined is related."""

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
    """Each person's time from the infusion, in groups (name, colour, lanes), every event where it fell."""
    longest = max(
        [t[0] for t in ticks] + [lane.length for _, _, lanes in groups for lane in lanes], default=1
    )
    across = scale(0, longest, 64, 680)
    height = sum(_heading(name, lanes) + 17 * len(lanes) + 13 for name, _, lanes in groups)
    parts = [
        tag("line", x1=across(at), x2=across(at), y1=0, y2=height, class_="grid") for at, _ in ticks if at
    ]
    top = 0
    for name, colour, lanes in groups:
        if _heading(name, lanes):
            parts.append(text(name, 64, top + 13))
            top += _heading(name, lanes)
        else:
            middle = top + (17 * len(lanes)) // 2
            parts.append(text(name, 12, middle, anchor="middle", transform=f"rotate(-90 12 {middle})"))
        for lane in lanes:
            parts.extend(_lane(lane, colour, top, across))
            top += 17
        top += 13
    for at, words in ticks:
        parts.append(text(words, across(at), height + 12, anchor="middle", class_="mono"))
    parts.append(text(unit, 730, height + 12, anchor="end"))
    linked = any(event.url for _, _, lanes in groups for lane in lanes for event in lane.events)
    role = "group" if linked else "img"
    return svg("swimmer", 732, height + 18, title, sentence, *parts, role=role)


@dataclass(frozen=True, slots=True)
class Level:
    """One dose level with its people: (number, sign, colour, words)."""

    title: Words
    line: Words
    people: Sequence[tuple[str, str, str, Words]] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """The signed door between two levels: what was decided, by whom, its conditions (sign, colour, words)."""

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
    return tag("div", *parts, class_="board", role="group", aria_label=f"{title}. {sentence}")


def _heading(name: Words, lanes: Sequence[Lane]) -> int:
    """The height of a line for the name where the group is too small to carry it at its side."""
    return 18 if 7 * len(name) > 17 * len(lanes) else 0


def _lane(lane: Lane, colour: str | None, top: int, across: Place) -> list[Markup]:
    end = across(lane.length)
    parts = [
        text(lane.name, 54, top + 12, anchor="end", class_="mono"),
        tag("rect", x=64, y=top + 3, width=end - 64, height=10, class_=f"swim {colour or ''}".strip()),
    ]
    if lane.goes_on:
        parts.append(tag("path", d=f"M{coordinate(end)} {top + 2}l9 6-9 6Z", class_="mark"))
    else:
        parts.append(tag("line", x1=end, x2=end, y1=top + 1, y2=top + 15, class_="stop-mark"))
    parts.extend(grade_box(event, across(event.at), top + 8) for event in lane.events)
    return parts


def grade_box(event: Event, x: Number, y: Number) -> Markup:
    classes = "ae" + (" serious" if event.serious else "") + (" related" if event.related else "")
    parts = [
        tag("title", escape(event.words)) if event.words else Markup(),
        tag("rect", x=x - 7, y=y - 7, width=14, height=14, rx=3),
        text(str(event.grade), x, y + 4, anchor="middle"),
    ]
    if event.related:
        parts.append(tag("line", x1=x - 7, x2=x + 7, y1=y + 9, y2=y + 9))
    group = tag("g", *parts, class_=classes)
    return tag("a", group, href=event.url, aria_label=event.words or str(event.grade)) if event.url else group


def _level(level: Level) -> Markup:
    people = [
        tag(
            "li",
            tag("span", escape(number), class_="disc"),
            html_sign(sign),
            tag("span", escape(words), class_="unseen"),
            class_=colour,
        )
        for number, sign, colour, words in level.people
    ]
    return tag(
        "section",
        tag("h3", escape(level.title)),
        tag("p", escape(level.line), class_="note"),
        tag("ol", *people, class_="people"),
        class_="level",
    )


def _gate(gate: Gate) -> Markup:
    rules = [
        tag("li", html_sign(sign), tag("span", escape(words)), class_=colour)
        for sign, colour, words in gate.conditions
    ]
    return tag(
        "section",
        tag("h3", html_sign(gate.sign), tag("span", escape(gate.title))),
        tag("p", escape(gate.line), class_="note"),
        tag("ul", *rules),
        class_=f"gate {gate.colour}",
    )
