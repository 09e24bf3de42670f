"""The pages that are read off the code say what the code says, and the others lead somewhere."""

import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import LIVES, Lifecycle, Move
from mscbank.ops import docs
from mscbank.ops.markdown import anchor, table
from tests.test_house import text_files

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)
WRITTEN_BY_HAND = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]


def mscbank(*arguments: str) -> subprocess.CompletedProcess:
    """The command in a process of its own: what other tests declare must not reach the pages."""
    call = "import sys; from mscbank.cli import main; sys.argv[0] = 'mscbank'; main()"
    return subprocess.run(
        [sys.executable, "-c", call, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=110
    )


def test_the_generated_pages_are_current():
    done = mscbank("docs", "--check")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nTo mend it: ./run fix"


def pages() -> list[str]:
    return WRITTEN_BY_HAND + [path for path, _text in text_files(("docs",), (".md",))]


@pytest.mark.parametrize("page", pages())
def test_every_link_of_a_page_leads_somewhere(page):
    text = (ROOT / page).read_text()
    for target in LINK.findall(text):
        if "://" in target:
            continue
        file, _hash, heading = target.partition("#")
        found = (ROOT / page).parent / file if file else ROOT / page
        assert found.exists(), f"{page}: {target}"
        if heading:
            assert heading in {anchor(name) for name in HEADING.findall(found.read_text())}, (
                f"{page}: {target}"
            )


def test_decisions_are_numbered_without_a_gap_and_say_three_things():
    found = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))
    for path in found:
        headings = HEADING.findall(path.read_text())
        assert headings[1:] == ["Context", "Decision", "Consequences"], path.name


def test_every_decision_is_listed():
    listed = (ROOT / "docs/decisions/README.md").read_text()
    assert [p.name for p in (ROOT / "docs/decisions").glob("[0-9]*.md") if p.name not in listed] == []


class Kettle(StrEnum):
    COLD = "cold"
    HOT = "hot"


def is_full(facts: object, by: object) -> None:
    """There is water in it."""


class TestGenerators:
    @pytest.fixture
    def life(self, monkeypatch) -> Lifecycle:
        """A small life that nobody else sees."""
        monkeypatch.setattr("mscbank.core.lifecycle.LIVES", LIVES.copy())
        return Lifecycle(
            "kettle",
            [
                Move(
                    "boil",
                    Kettle.COLD,
                    Kettle.HOT,
                    Role.NURSE,
                    _("Boil: now"),
                    unless=is_full,
                    signs="boiling",
                ),
                Move("cool", Kettle.HOT, Kettle.COLD, None, _("Let it cool")),
            ],
            start=Kettle.COLD,
            words={Kettle.COLD: _("Cold"), Kettle.HOT: _("Hot")},
        )

    def test_a_life_is_drawn(self, life):
        assert docs.diagram(life).splitlines() == [
            "stateDiagram-v2",
            '    state "Cold" as cold',
            '    state "Hot" as hot',
            "    [*] --> cold",
            "    cold --> hot: Boil – now",
            "    hot --> cold: (Let it cool)",
        ]

    def test_a_life_says_what_must_hold_and_what_is_signed(self, life):
        told = docs._life(life)
        assert "| `boil` | Boil: now | `cold` | `hot` | nurse | There is water in it. | boiling |" in told
        assert "only within a larger act" in told

    def test_a_table_keeps_its_cells(self):
        assert table(("A", "B"), [("a | b", "two\nlines")], middle=1).splitlines() == [
            "| A | B |",
            "| --- | :-: |",
            "| a \\| b | two lines |",
        ]

    def test_what_is_not_current_is_named_and_written(self, tmp_path, monkeypatch):
        monkeypatch.setattr(docs, "PAGES", {"a.md": lambda: "new\n", "b.md": lambda: "same\n"})
        (tmp_path / "b.md").write_text("same\n")
        assert docs.stale(tmp_path) == ["a.md"]
        assert docs.write(tmp_path) == ["a.md"]
        assert docs.stale(tmp_path) == []
