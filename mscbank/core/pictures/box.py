"""A box of vials from above."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from mscbank.core.pictures.pen import Words, tag


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
    """Rows by letter, columns by number; with `field` each position is a button that sends it."""
    numbers = Markup().join(tag("th", str(n), scope="col") for n in range(1, columns + 1))
    lines = [tag("tr", tag("td"), numbers)]
    for row in (chr(ord("A") + n) for n in range(rows)):
        places = [f"{row}{n}" for n in range(1, columns + 1)]
        lines.append(
            tag(
                "tr",
                tag("th", row, scope="row"),
                *(tag("td", _place(p, cells.get(p), free, field)) for p in places),
            )
        )
    return tag(
        "table",
        tag("caption", escape(title), ". ", escape(sentence), class_="unseen"),
        tag("colgroup", tag("col", class_="letters")),
        tag("tbody", *lines),
        class_="boxmap" + (" large" if station else ""),
        data_boxmap="",
    )


def _place(position: str, cell: Cell | None, free: Words, field: str | None) -> Markup:
    if cell is None:
        inside, words, classes, url = Markup("·"), f"{position}, {free}", "cell free", None
    else:
        mark = f" {cell.mark}" if cell.mark else ""
        inside = tag("span", escape(cell.number))
        words, classes, url = f"{position}, {cell.number}, {cell.word}", f"cell {cell.colour}{mark}", cell.url
    if field:
        return tag("button", inside, class_=classes, name=field, value=position, aria_label=words)
    if url:
        return tag("a", inside, class_=classes, href=url, aria_label=words)
    if cell is None:
        return tag("span", inside, class_=classes, data_position=position, aria_hidden="true")
    return tag("button", inside, type="button", class_=classes, data_position=position, aria_label=words)
