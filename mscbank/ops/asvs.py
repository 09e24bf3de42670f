"""The table of OWASP ASVS 5.0.0, levels 1 and 2: what of it applies, where it is met, which test says so.

The rows stand in ``docs/asvs.toml``, in our own words; a test holds every place, test and number against
what is there. ASVS itself: https://github.com/OWASP/ASVS, CC BY-SA 4.0.
"""

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache

from mscbank.core.schema import PACKAGE
from mscbank.ops.markdown import code, page, said, table

MET, NOT_HERE = "met", "n/a"
WORDS = {MET: "met", NOT_HERE: "does not apply"}
"""How a requirement may stand; there is no third way."""


@dataclass(frozen=True)
class Requirement:
    """One requirement: number, level, what it asks in a few words, how it stands, where, shown by what."""

    number: str
    level: int
    asks: str
    stands: str
    where: tuple[str, ...]
    tests: tuple[str, ...]
    why: str

    @property
    def name(self) -> str:
        """As ASVS asks to cite it."""
        return f"v5.0.0-{self.number}"


@cache
def chapters() -> dict[str, tuple[Requirement, ...]]:
    """Title of a chapter → its requirements of levels 1 and 2.

    A row of the file is ``number = [level, asks, "met", places, tests]``, the places and tests being words
    with spaces between, or ``number = [level, asks, "n/a", why]``.
    """
    raw = tomllib.loads((PACKAGE.parent / "docs" / "asvs.toml").read_text(encoding="utf-8"))
    return {
        title: tuple(_requirement(number, *row) for number, row in rows.items())
        for title, rows in raw.items()
    }


def _requirement(number: str, level: int, asks: str, stands: str, where: str, shown: str = "") -> Requirement:
    if stands != MET:
        return Requirement(number, level, asks, stands, (), (), where)
    return Requirement(number, level, asks, stands, tuple(where.split()), tuple(shown.split()), "")


def requirements() -> list[Requirement]:
    """All of them."""
    return [one for rows in chapters().values() for one in rows]


def table_of_all() -> str:
    """The page."""
    counted = Counter((one.level, one.stands) for one in requirements())
    about = said("""
        The OWASP Application Security Verification Standard 5.0.0 at level 2, which is that of systems with
        health data; level 1 is part of it. Each requirement is named in our own words; its number leads
        to the full text in the [standard](https://github.com/OWASP/ASVS/tree/v5.0.0). A test holds every
        number, place and test named here against what is there; whoever moves one changes `asvs.toml`.""")
    sums = table(
        ("Level", *WORDS.values()),
        ([str(level), *(str(counted[level, stands]) for stands in WORDS)] for level in (1, 2)),
    )
    heads = ("Number", "L", "Asks", "Stands", "Where", "Shown by")
    parts = [
        part for title, rows in chapters().items() for part in (f"## {title}", table(heads, map(_row, rows)))
    ]
    head = "<!-- Written by `mscbank docs` from asvs.toml. Change that, then run `./run fix`. -->"
    return page(head, "# OWASP ASVS 5.0.0, level 2", about, sums, *parts)


def _row(one: Requirement) -> tuple[str, ...]:
    return (
        one.name.removeprefix("v5.0.0-"),
        str(one.level),
        one.asks,
        WORDS[one.stands],
        one.why or ", ".join(_place(place) for place in one.where),
        ", ".join(code(test.removeprefix("tests/")) for test in one.tests),
    )


def _place(place: str) -> str:
    """A page of docs as a link, a module as its name."""
    if ".md" not in place:
        return code(place.removeprefix("mscbank/") or "mscbank")
    file, _hash, heading = place.partition("#")
    shown = file.rpartition("/")[2] + (f", {heading.replace('-', ' ')}" if heading else "")
    target = file.removeprefix("docs/") if file.startswith("docs/") else f"../{file}"
    return f"[{shown}]({target}{'#' + heading if heading else ''})"
