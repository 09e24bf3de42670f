"""The watcher of the house: habits that nobody should have to remember, read off the source.

Each rule takes a file's path and text and answers with its faults; each has samples that show it can fail.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "mscbank"

STEPS = [
    *("staff", "deviation", "study", "family", "collection", "batch", "custody", "release"),
    *("allocation", "infusion", "safety", "trace", "interop"),
]
"""The rooms that are steps; `coding`, `core` and `ops` are the ground and the attic."""

LONGEST = 500

Rule = Callable[[str, str], Iterator[str]]


def python_files(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def text_files(folders: tuple[str, ...], endings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in endings and path.is_file() and "vendor" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text()


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield node, name


def imported(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Every import as line, module, name (empty for a whole module)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)


def outside_scopes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that no function and no class encloses."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from outside_scopes(child)


# --- Rules about any Python file ---------------------------------------------------------------------------


def is_short(path: str, source: str) -> Iterator[str]:
    """A file is read in one sitting."""
    if (lines := len(source.splitlines())) > LONGEST:
        yield f"{path}: {lines} lines; split it by rule"


def has_no_float(path: str, source: str) -> Iterator[str]:
    """Cells and doses are exact: nothing is turned into a float, nor kept as one."""
    tree = ast.parse(source)
    for node, name in calls(tree):
        if name == "float":
            yield f"{path}:{node.lineno}: a call of float"
    for line, module, name in imported(tree):
        if module.startswith("sqlalchemy") and name in {"Float", "REAL", "Double", "DOUBLE", "Numeric"}:
            yield f"{path}:{line}: {name} is no type of this house; use Exact"


MARKS = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b")


def has_no_marks(path: str, source: str) -> Iterator[str]:
    """Nothing is left for later in the code."""
    for number, line in enumerate(source.splitlines(), 1):
        if found := MARKS.search(line):
            yield f"{path}:{number}: {found[0]}"


ASSEMBLES = {"mscbank/app.py"}
"""Finds the steps by their names, so that it need not name what a step may leave out."""


def imports_at_the_top(path: str, source: str) -> Iterator[str]:
    """An import that must hide in a function is the layout speaking; by name at run time it hides better."""
    tree = ast.parse(source)
    at_the_top = set(outside_scopes(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in at_the_top:
            yield f"{path}:{node.lineno}: an import inside a function or class"
    for node, name in calls(tree):
        if name in {"import_module", "__import__"} and path not in ASSEMBLES:
            yield f"{path}:{node.lineno}: {name}()"


# --- Rules about the database ------------------------------------------------------------------------------

COMMITS = re.compile(r"^mscbank/core/(acts\b|db\.py$|schema\.py$)")
"""The door commits; the session's own `commit` in db refuses everybody else; schema migrates as the owner."""

DRIVER = {
    "mscbank/core/db.py": "hooks and guard of the two engines",
    "mscbank/core/frame.py": "knows the act's own connection",
    "mscbank/core/guards.py": "creates the triggers",
    "mscbank/core/schema.py": "migrates and grants as the owner, on an engine of its own",
}
ESCAPES = {"exec_driver_sql", "raw_connection", "driver_connection", "dbapi_connection", "cursor"}

FUNCTIONS = {"sum", "min", "max", "coalesce", "count", "lower", "upper", "length", "json_each", "row_number"}
"""SQL functions that keep an Exact exact or never see one. Time arithmetic and averages belong in Python."""
BYPASSES = {"cast", "try_cast", "type_coerce", "literal_column", "extract"}


def leaves_commits_to_the_door(path: str, source: str) -> Iterator[str]:
    if COMMITS.search(path):
        return
    for node, name in calls(ast.parse(source)):
        if name in {"commit", "begin_nested"} and isinstance(node.func, ast.Attribute):
            yield f"{path}:{node.lineno}: .{name}(); only core/acts commits"


def stays_off_the_driver(path: str, source: str) -> Iterator[str]:
    """Past SQLAlchemy's cursor there is no guard."""
    if path in DRIVER:
        return
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ESCAPES:
            yield f"{path}:{node.lineno}: .{node.attr} goes round the guard"
    for line, module, _ in imported(tree):
        if module.split(".")[0] in {"sqlite3", "psycopg"} and not path.startswith("mscbank/ops/"):
            yield f"{path}:{line}: the driver {module} itself"


def keeps_exact(path: str, source: str) -> Iterator[str]:
    """`avg`, `round`, a cast: an Exact comes back silently a hundredfold wrong."""
    if path in {"mscbank/core/db.py", "mscbank/core/types.py"}:
        return
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="func"), attr=name) if name not in FUNCTIONS:
                yield f"{path}:{node.lineno}: func.{name} does not keep an Exact"
    for line, module, name in imported(tree):
        if module.startswith("sqlalchemy") and name in BYPASSES:
            yield f"{path}:{line}: {name} bypasses the column's type"


# --- Rules about rooms -------------------------------------------------------------------------------------

FURNITURE = {"__init__", "models", "states", "actions", "schemas", "api", "pages"}
ASKS_NOBODY = {"models", "states", "actions", "schemas"}
SAYS_NOTHING = {"base", "common", "data", "helper", "helpers", "manager", "misc", "service", "services"}
SAYS_NOTHING |= {"tools", "util", "utils", "handlers", "routes", "crud", "repository"}
REQUEST = {"flask", "flask_smorest", "flask_wtf", "werkzeug", "webargs"}


def furnishes_its_room(path: str, source: str) -> Iterator[str]:
    """Every room is the same shelf: the pieces, and modules named after their rule.

    Tables, lives and whatever holds an action know of no request; lives and schemas know no session.
    """
    parts = Path(path).with_suffix("").parts
    if len(parts) < 3 or parts[1] not in STEPS:
        return
    piece, room = parts[2], parts[1]
    if piece in SAYS_NOTHING:
        yield f"{path}: {piece} says nothing; name it after its rule"
    if len(parts) > 3 and piece not in FURNITURE:
        yield f"{path}: a room has no rooms but a piece of furniture split by rule"
    tree = ast.parse(source)
    acts = any(_decorates(node, {"action", "does"}) for node in ast.walk(tree))
    for line, module, name in imported(tree):
        top = module.split(".")[0]
        if (acts or piece in ASKS_NOBODY) and (top in REQUEST or module.startswith("mscbank.core.web")):
            yield f"{path}:{line}: {piece} of {room} sees a request ({module})"
        if (acts or piece in {"models", "states"}) and top == "marshmallow":
            yield f"{path}:{line}: {piece} of {room} sees a schema"
        if piece in {"states", "schemas"} and name in {"session", "Session"}:
            yield f"{path}:{line}: {piece} of {room} sees a session"


def _decorates(node: ast.AST, names: set[str]) -> bool:
    decorators = getattr(node, "decorator_list", [])
    called = [d.func if isinstance(d, ast.Call) else d for d in decorators]
    return any(isinstance(d, ast.Name) and d.id in names for d in called)


# --- Rules about tests -------------------------------------------------------------------------------------


def is_found_by_the_runner(path: str, source: str) -> Iterator[str]:
    """A test that no runner finds is worse than none."""
    tree = ast.parse(source)
    named = re.match(r"test_.+\.py$", Path(path).name)
    found = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            inside = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            tests = [name for name in inside if name.startswith("test_")]
            if tests and not node.name.startswith("Test"):
                yield f"{path}:{node.lineno}: class {node.name} holds tests and is never collected"
            if found_as_machine(node):
                found |= f"{node.name}.TestCase" in source
            found |= bool(tests)
        elif isinstance(node, ast.FunctionDef):
            found |= node.name.startswith("test_")
    if named and not found:
        yield f"{path}: no test in it"
    if found and not named:
        yield f"{path}: tests in a file that is never collected"


def found_as_machine(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "RuleBasedStateMachine" for base in node.bases)


# --- Rules about templates ---------------------------------------------------------------------------------

DATA = re.compile(r"""type=["']application/(ld\+)?json["']""")
INLINE = {
    "an inline handler": re.compile(r"""<[a-z][^<>]*\s(on[a-z]+|hx-on[:\w-]*)\s*=""", re.IGNORECASE),
    "a style attribute": re.compile(r"""\sstyle\s*=\s*\\?["']""", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a javascript: address": re.compile(r"""["']\s*javascript:""", re.IGNORECASE),
}
SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.IGNORECASE | re.DOTALL)
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)\s*=\s*["'](?:https?:)?//""")


def keeps_the_content_policy(path: str, source: str) -> Iterator[str]:
    """The Content-Security-Policy allows our own files only: no script or style inside a page."""
    source = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    for what, pattern in INLINE.items():
        if pattern.search(source):
            yield f"{path}: {what}"
    for attributes, body in SCRIPT.findall(source):
        if not DATA.search(attributes) and ("src=" not in attributes or body.strip()):
            yield f"{path}: an inline script"
    if ELSEWHERE.search(source):
        yield f"{path}: an asset from elsewhere"


# --- The house as it stands --------------------------------------------------------------------------------

IN_THE_HOUSE: list[Rule] = [
    is_short,
    has_no_float,
    imports_at_the_top,
    leaves_commits_to_the_door,
    stays_off_the_driver,
    keeps_exact,
    furnishes_its_room,
]

EVERYWHERE = ("mscbank", "templates", "tests", "migrations", "docs", "deploy", ".ci")
WRITTEN = (".py", ".html", ".txt", ".md", ".css", ".js", ".toml", ".po", ".sh", ".zpl", ".svg")


def all_faults(rule: Rule, files: Iterator[tuple[str, str]]) -> list[str]:
    return [fault for path, source in files for fault in rule(path, source)]


@pytest.mark.parametrize("rule", IN_THE_HOUSE, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule):
    assert all_faults(rule, python_files("mscbank")) == []


def test_nothing_is_left_for_later():
    assert all_faults(has_no_marks, text_files(EVERYWHERE, WRITTEN)) == []


def test_every_test_is_found():
    assert all_faults(is_found_by_the_runner, python_files("tests")) == []


def test_pages_hold_no_script_and_no_style():
    assert all_faults(keeps_the_content_policy, text_files(("templates",), (".html", ".svg"))) == []


def test_markup_made_in_python_holds_no_style():
    assert all_faults(keeps_the_content_policy, python_files("mscbank")) == []


def test_every_folder_of_the_house_is_a_room_of_the_tower():
    rooms = {path.name for path in HOUSE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms <= {*STEPS, "coding", "core", "ops"}


# --- Each rule can fail, and lets the right thing pass -----------------------------------------------------

VIAL = "mscbank/custody/actions.py"
PAGE = "templates/custody/show.html"

SAMPLES: list[tuple[Rule, str, str, str]] = [
    (is_short, VIAL, "x = 1\n" * 501, "x = 1\n" * 500),
    (has_no_float, VIAL, "cells = float" + "('81.7')", "cells = Fraction('81.7')"),
    (has_no_float, VIAL, "from sqlalchemy import Numeric", "from sqlalchemy import Integer"),
    (has_no_marks, VIAL, "x = 1  # FIX" + "ME later", "x = 1  # the hackathon's todo list"),
    (imports_at_the_top, VIAL, "def f():\n    import os", "import os\ndef f(): ..."),
    (imports_at_the_top, VIAL, "class A:\n    from os import path", "if True:\n    import os"),
    (imports_at_the_top, VIAL, "m = import_module('mscbank.safety')", "m = 1"),
    (leaves_commits_to_the_door, VIAL, "session.commit()", "commit = 1"),
    (leaves_commits_to_the_door, VIAL, "with session.begin_nested(): ...", "act.run(statement)"),
    (leaves_commits_to_the_door, "mscbank/core/jobs.py", "con.commit()", "con.execute(statement)"),
    (stays_off_the_driver, VIAL, "session.connection().connection.cursor()", "session.scalars(statement)"),
    (stays_off_the_driver, VIAL, "con.exec_driver_sql('DELETE FROM vial')", "con.execute(statement)"),
    (stays_off_the_driver, VIAL, "raw = engine.raw_connection()", "raw = engine.url"),
    (stays_off_the_driver, VIAL, "import sqlite3", "import sqlalchemy"),
    (keeps_exact, VIAL, "select(func.avg(Vial.cells))", "select(func.sum(Vial.cells))"),
    (keeps_exact, VIAL, "select(func.round(Vial.cells, 1))", "select(func.coalesce(Vial.cells, none))"),
    (keeps_exact, VIAL, "Vial.at < func.now()", "Vial.at < now"),
    (keeps_exact, VIAL, "from sqlalchemy import cast", "from typing import cast"),
    (furnishes_its_room, "mscbank/custody/utils.py", "x = 1", ""),
    (furnishes_its_room, "mscbank/custody/rules/dose.py", "x = 1", ""),
    (furnishes_its_room, VIAL, "from flask import request", "from mscbank.core.db import session"),
    (
        furnishes_its_room,
        VIAL,
        "from mscbank.core.web.here import actor",
        "from mscbank.core import acts",
    ),
    (
        furnishes_its_room,
        "mscbank/custody/filling.py",
        "from flask import g\n@action('custody.fill')\ndef fill(): ...",
        "from mscbank.core import acts\n@action('custody.fill')\ndef fill(): ...",
    ),
    (
        furnishes_its_room,
        "mscbank/custody/schemas.py",
        "from mscbank.core.db import session",
        "import marshmallow",
    ),
    (is_found_by_the_runner, "tests/custody/test_usable.py", "def helper(): ...", "def test_it(): ..."),
    (is_found_by_the_runner, "tests/custody/usable.py", "def test_it(): ...", "def make(): ..."),
    (
        is_found_by_the_runner,
        "tests/test_x.py",
        "class Vials:\n def test_it(self): ...",
        "class TestX:\n def test_it(self): ...",
    ),
    (
        is_found_by_the_runner,
        "tests/test_x.py",
        "class Fold(RuleBasedStateMachine): ...",
        "class Fold(RuleBasedStateMachine): ...\nTestFold = Fold.TestCase",
    ),
    (keeps_the_content_policy, PAGE, "<b onclick='go()'>", "<b data-onclick='no'>on time = 3"),
    (keeps_the_content_policy, PAGE, "<b hx-on:click='go()'>", "<b hx-get='/x'>"),
    (keeps_the_content_policy, PAGE, '<b style="color: red">', "{# style='' #}<b class='style'>"),
    (keeps_the_content_policy, PAGE, "<style>b {}</style>", "<link rel='stylesheet' href='/s.css'>"),
    (keeps_the_content_policy, PAGE, "<script>go()</script>", '<script type="application/json">{}</script>'),
    (
        keeps_the_content_policy,
        PAGE,
        "<script src='https://cdn/x.js'></script>",
        "<script src='/x.js'></script>",
    ),
    (keeps_the_content_policy, PAGE, "<a href='javascript:go()'>", "<a href='https://who.int'>"),
]


@pytest.mark.parametrize(("rule", "path", "bad", "good"), SAMPLES)
def test_the_rule_can_fail(rule, path, bad, good):
    assert list(rule(path, bad)), f"{rule.__name__} let pass: {bad}"
    good_path = path.replace("utils", "dose").replace("rules/", "")
    assert list(rule(good_path, good)) == []


def test_the_door_itself_may_commit():
    assert list(leaves_commits_to_the_door("mscbank/core/acts.py", "con.commit()")) == []
    assert list(stays_off_the_driver("mscbank/core/db.py", "con.exec_driver_sql('PRAGMA')")) == []
