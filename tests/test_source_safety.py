"""What the source never does, so that a whole class of attacks finds nothing to hold on to."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mscbank.ops import components
from tests.house import service
from tests.test_house import calls, imported, outside_scopes, python_files, text_files

DANGEROUS = {
    "subprocess",
    "pickle",
    "marshal",
    "shelve",
    "yaml",
    "ldap",
    "ldap3",
    "lxml",
    "telnetlib",
    "ctypes",
}
PARSERS_OF_XML = {"xml.etree", "xml.dom", "xml.sax", "xmlrpc"}
CALLS_OUT = {"urllib.request", "http.client", "smtplib", "socket", "requests", "httpx", "ftplib"}
ROLLS_DICE = {"mscbank/core/acts.py": "how long to wait before another try"}
SPEAKS_SQL = {"mscbank/core/schema.py", "mscbank/core/guards.py", "mscbank/core/db.py"}
"""They write schema and guards from names of the models, as the models do; no request reaches that."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path, source in python_files("mscbank"):
        yield path, ast.parse(source)


RUNS = {("os", "system"), ("os", "popen"), ("builtins", "eval"), ("builtins", "exec")}


def test_no_module_starts_programs_runs_text_or_unpickles():
    found = []
    for path, tree in modules():
        names = [module.split(".")[0] for _line, module, _name in imported(tree)]
        found += [f"{path}: {name}" for name in names if name in DANGEROUS]
        for node, name in calls(tree):
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            place = owner.id if isinstance(owner, ast.Name) else "builtins" if owner is None else ""
            if (place, name) in RUNS:
                found.append(f"{path}:{node.lineno}: {name}()")
    assert found == []


def test_no_module_reads_xml():
    found = [
        f"{path}: {module}.{name}"
        for path, tree in modules()
        for _line, module, name in imported(tree)
        if any(module.startswith(one) for one in PARSERS_OF_XML)
        and (module, name) != ("xml.sax.saxutils", "escape")
    ]
    assert found == []


def test_one_module_alone_calls_out():
    found = {
        path
        for path, tree in modules()
        for _line, module, name in imported(tree)
        if {module, f"{module}.{name}"} & CALLS_OUT
    }
    assert found == {"mscbank/core/ways.py"}


def test_what_nobody_may_guess_comes_from_the_system():
    found = {
        path
        for path, tree in modules()
        for _line, module, name in imported(tree)
        if "random" in (module, name) and not path.startswith("mscbank/ops/demo")
    }
    assert found == set(ROLLS_DICE)


def test_no_broken_hash_or_cipher_is_named():
    found = [
        f"{path}: {node.id if isinstance(node, ast.Name) else node.attr}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and re.fullmatch(
            r"(?i)md[245]|sha1|ecb|cbc|arc4|blowfish|tripledes|pkcs1v15",
            node.id if isinstance(node, ast.Name) else node.attr,
        )
    ]
    assert found == []


def test_sql_as_text_carries_no_value():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        if path not in SPEAKS_SQL and not path.endswith("/models.py")
        for node, name in calls(tree)
        if name == "text" and isinstance(node.func, ast.Name) and "sqlalchemy" in _origin(tree, "text")
        and node.args and not _is_constant(node.args[0], tree)
    ]  # fmt: skip
    assert found == []


def _origin(tree: ast.Module, name: str) -> str:
    return next((module for _line, module, found in imported(tree) if found == name), "")


def _is_constant(node: ast.expr, tree: ast.Module) -> bool:
    if isinstance(node, ast.Name):
        kept = [
            one.value
            for one in outside_scopes(tree)
            if isinstance(one, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
        ]
        return bool(kept) and all(_is_constant(one, tree) for one in kept)
    return isinstance(node, ast.Constant)


def test_pages_escape_whatever_they_show():
    assert service().jinja_env.autoescape is True or service().select_jinja_autoescape("x.html")
    unescaped = re.compile(r"\|\s*safe\b|autoescape\s+false|\bMarkup\(")
    assert [path for path, text in text_files(("templates",), (".html",)) if unescaped.search(text)] == []


def test_pages_are_only_made_of_our_own_templates():
    found = [f"{path}:{node.lineno}" for path, tree in modules() for node, name in calls(tree)
             if name in {"render_template_string", "from_string"}]  # fmt: skip
    assert found == []


SCRIPTS = sorted(Path("mscbank/static/js").glob("*.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_no_markup_run_no_text_and_hear_no_strangers(script: Path):
    text = script.read_text()
    never = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|"
        r"postMessage|__proto__|document\.cookie"
    )
    assert re.findall(never, text) == []
    assert re.findall(r"""addEventListener\(["']message""", text) == []


def test_scripts_keep_nothing_of_a_password_and_forget_on_signing_out():
    text = Path("mscbank/static/js/form.js").read_text()
    assert '"password"' in re.search(r"function keepable.*?\n}", text, re.DOTALL)[0]
    assert "dataset.private" in text
    assert 'form.sign-out")) form.addEventListener("submit", forgetAll)' in text
    keys = {
        key for path in SCRIPTS for key in re.findall(r"localStorage\.setItem\(([^,]+),", path.read_text())
    }
    assert keys == {'"loudness"'}


class TestParts:
    def test_every_pin_of_the_lock_is_listed_with_its_hash(self):
        lock = Path("requirements.lock").read_text()
        pins = set(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", lock, re.MULTILINE))
        listed = [one for one in components.components() if one.source == "pypi"]
        assert {(one.name, one.version) for one in listed} == pins
        assert all(one.hashes for one in listed)

    def test_every_vendored_asset_is_listed(self):
        assert {one.name for one in components.components() if one.source == "npm"} >= {
            "barcode-detector",
            "zxing-wasm",
        }

    def test_the_bill_names_each_part_for_scanners(self):
        assert components.bill().count('"purl": "pkg:') == len(components.components())
        assert "pkg:npm/%40fontsource-variable/" in components.bill()
