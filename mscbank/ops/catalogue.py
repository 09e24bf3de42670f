"""The catalogue of sentences: extracted from the sources, kept in ``translations/``, compiled for use.

Both files of a language are kept in the repository: the readable one for translators, the compiled one
because the service reads it from a checkout and from the wheel alike, without a step that builds it.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from mscbank.core.acts import ACTIONS
from mscbank.core.parameters import PARAMETERS
from mscbank.core.web.pages import Act, Pages

LANGUAGES = ("fr",)
FOLDERS = ("mscbank", "templates")
WIDTH = 100
HEADER = """\
# The sentences of mscbank, kept in step with the sources by `mscbank translations`.
# Keep %(names)s as they are and double a percent sign beside them; then run `./run fix`."""


def folder(root: Path, language: str) -> Path:
    """Where a language's files lie."""
    return root / "mscbank" / "translations" / language / "LC_MESSAGES"


def extract(root: Path) -> Catalog:
    """Every sentence of the sources, and what registries hold that is shown through ``_`` all the same.

    What marks a sentence stands in ``[tool.babel]`` of pyproject.toml, where Babel's own tools find it too.
    """
    found = Catalog(header_comment=HEADER, project="mscbank", fuzzy=False)
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]
    methods: list[tuple[str, str]] = []
    options: dict[str, dict[str, Any]] = {}
    keywords: dict[str, Any] = {}
    for mapping in settings["mappings"]:
        methods.append((mapping["pattern"], mapping["method"]))
        options[mapping["pattern"]] = {"silent": "false"} if mapping["method"] == "jinja2" else {}
        keywords |= parse_keywords(mapping["keywords"])
    for name in FOLDERS:
        for file, line, message, comments, context in extract_from_dir(
            root / name, methods, options, keywords
        ):
            place = f"{name}/{file}"
            found.add(message, None, [(place, line)], auto_comments=comments, context=context)
    for sentence, place in (*registered(), *field_faults(root)):
        found.add(sentence, None, [(place, 1)])
    return found


def field_faults(root: Path) -> Iterator[tuple[str, str]]:
    """What is said at a field: the sentences in ``invalid(field=[...])``, translated where they are shown."""
    for file in sorted((root / "mscbank").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "invalid":
                for listed in (word.value for word in node.keywords):
                    for one in listed.elts if isinstance(listed, ast.List) else ():
                        if isinstance(one, ast.Constant) and isinstance(one.value, str):
                            yield one.value, file.relative_to(root).as_posix()


def registered() -> Iterator[tuple[str, str]]:
    """Sentences that no source marks: what signatures mean, labels taken from an action's docstring, and what
    a parameter is."""
    for one in PARAMETERS.values():
        for said in (one.meaning, one.unit, one.source):
            if len(said) > 1:
                yield said, "mscbank/core/parameters.py"
    for action in ACTIONS.values():
        if not action.body.__module__.startswith("mscbank."):
            continue
        for sentence in (*action.meanings, action.doc.rstrip(".")):
            if sentence:
                yield sentence, _file(action.body.__module__)
    for name, module in sorted(sys.modules.items()):
        if name.startswith("mscbank.") and name.endswith(".pages"):
            doors = getattr(module, "all_pages", [getattr(module, "pages", None)])
            for act in (act for door in doors if isinstance(door, Pages) for act in _offered(door)):
                yield act.label.msgid, _file(name)


def _offered(door: Pages) -> list[Act]:
    return [*door.creations, *door.acts_offered.values()]


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"


def brought_up(root: Path, language: str) -> Catalog:
    """A language's catalogue in step with the sources: nothing guessed, what fell away dropped."""
    template = extract(root)
    file = folder(root, language) / "messages.po"
    if not file.exists():
        fresh = Catalog(
            locale=language,
            header_comment=HEADER,
            project="mscbank",
            version="1",
            msgid_bugs_address="see SECURITY.md and CONTRIBUTING.md",
            last_translator="the mscbank authors",
            language_team=language,
            fuzzy=False,
        )
        fresh.update(template, no_fuzzy_matching=True)
        return fresh
    held = read(file, language)
    held.update(template, no_fuzzy_matching=True, update_creation_date=False)
    held.obsolete.clear()
    return held


def read(file: Path, language: str) -> Catalog:
    """A catalogue from its file."""
    with file.open("rb") as source:
        return read_po(source, locale=language)


def as_po(catalog: Catalog) -> bytes:
    """The catalogue for translators; without line numbers, which would change with every edit above."""
    written = BytesIO()
    write_po(written, catalog, width=WIDTH, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return written.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """The catalogue for the service; what is not translated, or marked fuzzy, stays English.

    Babel would compile a plural without translation into an empty text, so those are left out here.
    """
    ready = Catalog(
        locale=catalog.locale,
        project="mscbank",
        version="1",
        creation_date=catalog.creation_date,
        fuzzy=False,
    )
    for message in catalog:
        if message.id and is_translated(message):
            ready.add(message.id, message.string, context=message.context)
    written = BytesIO()
    write_mo(written, ready)
    return written.getvalue()


def wanted(root: Path) -> dict[Path, bytes]:
    """Every file of the catalogues as it should be."""
    files: dict[Path, bytes] = {}
    for language in LANGUAGES:
        catalog = brought_up(root, language)
        files[folder(root, language) / "messages.po"] = as_po(catalog)
        files[folder(root, language) / "messages.mo"] = as_mo(catalog)
    return files


def stale(root: Path) -> list[Path]:
    """The files that are not in step with the sources."""
    return [file for file, text in wanted(root).items() if not file.exists() or file.read_bytes() != text]


def write(root: Path) -> list[Path]:
    """Bring every file in step; answers which ones changed."""
    changed = []
    for file, text in wanted(root).items():
        if not file.exists() or file.read_bytes() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
            changed.append(file)
    return changed


def count(root: Path, language: str) -> tuple[int, int]:
    """How many sentences are translated, of how many."""
    catalog = read(folder(root, language) / "messages.po", language)
    sentences = [message for message in catalog if message.id]
    return sum(is_translated(m) for m in sentences), len(sentences)


def is_translated(message: Message) -> bool:
    """Whether the service shows it in the other language: every form there, and not marked fuzzy."""
    forms = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(forms) and not message.fuzzy
