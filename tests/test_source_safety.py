"""What the source never does, so that a whole class of attacks finds nothing to hold on to."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mscbank.ops import components
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
MAY_USE = {
    (
        "mscbank/core/shelf.py",
        "subprocess",
    ): "hands a file to the virus scanner of the settings, no shell between"
}
MAY_CALL = {
    "mscbank/core/ways.py": "keeps checkpoints outside, at the addresses of the settings",
    "mscbank/staff/provider.py": "asks the OpenID provider of the settings, and what its metadata name",
}
ROLLS_DICE = {"mscbank/core/acts.py": "how long to wait before another try"}
SPEAKS_SQL = {
    "mscbank/core/schema.py", "mscbank/core/guards.py", "mscbank/core/db.py", "mscbank/core/record.py",
}  # fmt: skip
"""They write schema and guards from names of the models, as the models do; no request reaches that."""


@cache
def sources() -> list[tuple[str, str]]:
    return list(python_files("mscbank"))


def modules(*words: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules of the house in which one of these words stands at all, parsed."""
    wanted = re.compile("|".join(map(re.escape, words)))
    for path, source in sources():
        if wanted.search(source):
            yield path, ast.parse(source)


RUNS = {("os", "system"), ("os", "popen"), ("builtins", "eval"), ("builtins", "exec")}


def test_no_module_starts_programs_runs_text_or_unpickles():
    found = []
    for path, tree in modules(*DANGEROUS, *(name for _place, name in RUNS)):
        names = [module.split(".")[0] for _line, module, _name in imported(tree)]
        found += [f"{path}: {name}" for name in names if name in DANGEROUS and (path, name) not in MAY_USE]
        for node, name in calls(tree):
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            place = owner.id if isinstance(owner, ast.Name) else "builtins" if owner is None else ""
            if (place, name) in RUNS:
                found.append(f"{path}:{node.lineno}: {name}()")
            found += [f"{path}:{node.lineno}: a shell" for word in node.keywords if word.arg == "shell"]
    assert found == []


def test_no_module_reads_xml():
    found = [
        f"{path}: {module}.{name}"
        for path, tree in modules("xml")
        for _line, module, name in imported(tree)
        if any(module.startswith(one) for one in PARSERS_OF_XML)
        and (module, name) != ("xml.sax.saxutils", "escape")
    ]
    assert found == []


def test_two_modules_alone_call_out():
    found = {
        path
        for path, tree in modules(*(one.split(".")[0] for one in CALLS_OUT))
        for _line, module, name in imported(tree)
        if {module, f"{module}.{name}"} & CALLS_OUT
    }
    assert found == set(MAY_CALL)


def test_what_nobody_may_guess_comes_from_the_system():
    found = {
        path
        for path, tree in modules("random")
        for _line, module, name in imported(tree)
        if "random" in (module, name) and not path.startswith("mscbank/ops/demo")
    }
    assert found == set(ROLLS_DICE)


BROKEN = re.compile(r"(?i)\b(md[245]|sha1|ecb|cbc|arc4|blowfish|tripledes|pkcs1v15)\b")
NO_SECRET = {
    "mscbank/staff/passwords.py": "the published list of breaches is one of SHA-1 digests",
    "mscbank/staff/totp.py": "HMAC-SHA-1 is what every app computes (RFC 6238); HMAC is not broken with it",
}


def test_no_broken_hash_or_cipher_is_named():
    found = [path for path, source in sources() if path not in NO_SECRET and BROKEN.search(source)]
    assert found == []
    assert BROKEN.search("hashlib.md5(x)")


def test_sql_as_text_carries_no_value():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules("text(")
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
    unescaped = re.compile(r"\|\s*safe\b|autoescape\s+false|\bMarkup\(")
    assert [path for path, text in text_files(("templates",), (".html",)) if unescaped.search(text)] == []


def test_pages_are_only_made_of_our_own_templates():
    makers = ("render_template_string", "from_string")
    found = [path for path, tree in modules(*makers) for _node, name in calls(tree) if name in makers]
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
