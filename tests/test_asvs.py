"""The table of OWASP ASVS is whole, and every place and test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from mscbank.ops import asvs
from mscbank.ops.asvs import MET, NOT_HERE, Requirement
from mscbank.ops.markdown import anchor

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)

STANDARD = dict(
    row.split(":")
    for row in [
        "1.1:22",
        "1.2:1111122223",
        "1.3:112222222223",
        "1.4:222",
        "1.5:123",
        "2.1:122",
        "2.2:112",
        "2.3:12223",
        "2.4:23",
        "3.1:3",
        "3.2:113",
        "3.3:12223",
        "3.4:11222233",
        "3.5:11122333",
        "3.6:3",
        "3.7:22333",
        "4.1:12233",
        "4.2:23333",
        "4.3:22",
        "4.4:1222",
        "5.1:2",
        "5.2:112333",
        "5.3:113",
        "5.4:222",
        "6.1:122",
        "6.2:111111112222",
        "6.3:11223333",
        "6.4:112233",
        "6.5:22222333",
        "6.6:2223",
        "6.7:33",
        "6.8:2222",
        "7.1:222",
        "7.2:1111",
        "7.3:22",
        "7.4:11222",
        "7.5:223",
        "7.6:22",
        "8.1:1233",
        "8.2:1123",
        "8.3:133",
        "8.4:23",
        "9.1:111",
        "9.2:1222",
        "10.1:22",
        "10.2:223",
        "10.3:22223",
        "10.4:1111122222233333",
        "10.5:22222",
        "10.6:22",
        "10.7:222",
        "11.1:2233",
        "11.2:22233",
        "11.3:11233",
        "11.4:1222",
        "11.5:23",
        "11.6:23",
        "11.7:33",
        "12.1:12233",
        "12.2:11",
        "12.3:22223",
        "13.1:2333",
        "13.2:222223",
        "13.3:2233",
        "13.4:1222233",
        "14.1:22",
        "14.2:12223333",
        "14.3:122",
        "15.1:12233",
        "15.2:12233",
        "15.3:1222222",
        "15.4:3333",
        "16.1:2",
        "16.2:22222",
        "16.3:2222",
        "16.4:222",
        "16.5:2223",
        "17.1:23",
        "17.2:22223333",
        "17.3:22",
    ]
)
"""Section → the level of each of its requirements, in their order (ASVS 5.0.0 of May 2025)."""

ALL = {
    f"{section}.{number}": int(level)
    for section, levels in STANDARD.items()
    for number, level in enumerate(levels, 1)
}


def test_the_standard_has_its_345_requirements() -> None:
    assert len(ALL) == 345
    assert [list(ALL.values()).count(level) for level in (1, 2, 3)] == [70, 183, 92]


def test_each_requirement_of_levels_1_and_2_stands_there_once_with_its_level() -> None:
    assert [(one.number, one.level) for one in asvs.requirements()] == [
        (number, level) for number, level in ALL.items() if level < 3
    ]


def test_each_is_met_or_does_not_apply() -> None:
    assert [one.number for one in asvs.requirements() if one.stands not in (MET, NOT_HERE)] == []


@pytest.mark.parametrize("one", asvs.requirements(), ids=lambda one: one.name)
def test_a_row_says_what_where_and_by_what_it_shows(one: Requirement) -> None:
    assert len(one.asks.split()) <= 10
    if one.stands == NOT_HERE:
        assert one.why
        return
    assert one.stands == MET
    assert one.where
    assert one.tests or all(".md" in place for place in one.where), "code without a test"
    for place in one.where:
        file, _hash, heading = place.partition("#")
        assert (ROOT / file).exists(), place
        if heading:
            assert heading in {anchor(found) for found in HEADING.findall((ROOT / file).read_text())}, place
    for test in one.tests:
        file, _colons, name = test.partition("::")
        assert name in named_in(file), test


@cache
def named_in(file: str) -> frozenset[str]:
    """The names of a file's tests, with their class where they have one."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def test_the_page_counts_them() -> None:
    page = asvs.table_of_all()
    met = {
        level: sum(one.stands == MET and one.level == level for one in asvs.requirements())
        for level in (1, 2)
    }
    assert f"| 1 | {met[1]} |" in page
    assert f"| 2 | {met[2]} |" in page
