"""Markdown for the generated pages."""

from collections.abc import Iterable, Sequence
from textwrap import dedent


def page(*parts: str) -> str:
    """Parts of a page, an empty line between them."""
    return "\n\n".join(parts) + "\n"


def said(text: str) -> str:
    """A paragraph that stands wrapped in the source."""
    return " ".join(dedent(text).split())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, middle: int = 0) -> str:
    """A table; the last ``middle`` columns are centred."""
    marks = ["---"] * (len(heads) - middle) + [":-:"] * middle
    lines = [list(heads), marks, *map(list, rows)]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """A text that stays inside its cell, with the code marks of a docstring made Markdown's."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def code(text: str) -> str:
    """A name of the code."""
    return f"`{text}`"


def codes(texts: Iterable[str]) -> str:
    """Names of the code, in a row."""
    return ", ".join(map(code, texts))


def anchor(heading: str) -> str:
    """The address of a heading on its page."""
    return heading.lower().replace(" ", "-").replace(":", "")
