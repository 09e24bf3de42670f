"""The catalogue of sentences: found in the sources, and safe to show in every language."""

import re
from collections.abc import Iterator
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from mscbank.app import load_steps
from mscbank.ops import catalogue

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"%\((\w+)\)([a-z])")
PERCENT = re.compile(r"%%|%\(\w+\)[sd]|(%)")


class Anything(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 7


def forms(text: object) -> list[str]:
    return [str(form) for form in (text if isinstance(text, list | tuple) else [text])]


def faults(message: Message) -> Iterator[str]:
    """What is wrong with a translation: names that differ, or a text that cannot take its values."""
    wanted = set(NAMED.findall(" ".join(forms(message.id))))
    in_template = any(place.endswith(".html") for place, _line in message.locations)
    for form in forms(message.string):
        if set(NAMED.findall(form)) != wanted:
            yield f"{message.id!r} → {form!r}: other names in %(…)s"
        if wanted or in_template:
            if stray := [found for found in PERCENT.finditer(form) if found[1]]:
                yield f"{message.id!r} → {form!r}: {len(stray)} percent sign to be doubled"
            else:
                assert isinstance(form % Anything(), str)
        if form != form.strip():
            yield f"{message.id!r} → {form!r}: blanks around it"


@pytest.fixture(scope="module")
def template() -> Catalog:
    load_steps()
    return catalogue.extract(ROOT)


class TestExtraction:
    @pytest.mark.parametrize(
        ("sentence", "written_as"),
        [
            ("Not possible now", "_() in Python"),
            ("A deviation is no duplicate of itself.", "the sentence of a Refusal"),
            ("Nothing was read: scan again.", "N_() of the codes"),
            ("Close the deviation", "the label of a move"),
            ("Under investigation", "the word of a state"),
            ("deviation closure", "the meaning of a signature"),
            ("Sign in", "_() in a template"),
        ],
    )
    def test_it_finds(self, template, sentence, written_as):
        assert sentence in template, written_as

    def test_it_leaves_codes_and_names_alone(self, template):
        assert "deviation.settled" not in template
        assert "certify" not in template

    def test_every_sentence_can_take_its_values(self, template):
        bad = [m.id for m in template if m.id for text in forms(m.id) if NAMED.search(text) and any(
            found[1] for found in PERCENT.finditer(text))]  # fmt: skip
        assert bad == []


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
class TestLanguage:
    @pytest.fixture
    def held(self, language) -> Catalog:
        return catalogue.read(catalogue.folder(ROOT, language) / "messages.po", language)

    def test_every_translation_can_be_shown(self, held):
        translated = [message for message in held if message.id and catalogue.is_translated(message)]
        assert [fault for message in translated for fault in faults(message)] == []

    def test_what_is_compiled_is_what_is_written(self, held, language):
        compiled = catalogue.folder(ROOT, language) / "messages.mo"
        assert compiled.read_bytes() == catalogue.as_mo(held), "To mend it: ./run fix"


class TestKeeping:
    def test_what_is_not_translated_stays_english(self):
        held = Catalog(locale="fr", fuzzy=False)
        held.add(("%(num)d vial", "%(num)d vials"), ("", ""))
        held.add("Sign", "Signer")
        held.add("Scan", "Scanner", flags=["fuzzy"])
        shown = GNUTranslations(BytesIO(catalogue.as_mo(held)))
        assert shown.ngettext("%(num)d vial", "%(num)d vials", 2) == "%(num)d vials"
        assert shown.gettext("Sign") == "Signer"
        assert shown.gettext("Scan") == "Scan"

    def test_a_translation_stays_when_the_sources_move(self, tmp_path):
        (tmp_path / "mscbank").mkdir()
        (tmp_path / "templates").mkdir()
        (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
        source = tmp_path / "mscbank" / "a.py"
        source.write_text('_("Good morning")\n_("Good night")\n')
        po = catalogue.folder(tmp_path, "fr") / "messages.po"
        assert po in catalogue.write(tmp_path)
        po.write_text(po.read_text().replace('"Good morning"\nmsgstr ""', '"Good morning"\nmsgstr "Bonjour"'))
        source.write_text('\n\n_("Good morning")\n_("Good evening")\n')
        catalogue.write(tmp_path)
        held = catalogue.read(po, "fr")
        assert held["Good morning"].string == "Bonjour"
        assert "Good evening" in held
        assert "Good night" not in held
        assert catalogue.stale(tmp_path) == []


@pytest.mark.parametrize(
    ("sentence", "french", "is_good"),
    [
        ("%(count)s vials", "%(count)s flacons", True),
        ("%(count)s vials", "%(nombre)s flacons", False),
        ("%(share)s %% done", "%(share)s % fait", False),
        ("%(share)s %% done", "fait à %(share)s %%", True),
        ("Sign", " Signer", False),
        ("10 % of it", "10 % de cela", True),
    ],
)
def test_the_rule_can_fail(sentence, french, is_good):
    assert (list(faults(Message(sentence, french))) == []) is is_good
