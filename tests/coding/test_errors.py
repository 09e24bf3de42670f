"""Every refusal has a sentence, and every sentence finds its values."""

import pickle
import re
from pathlib import Path

import pytest

from mscbank import coding
from mscbank.coding.errors import SENTENCES, CodeError

HERE = Path(coding.__file__).parent
RAISED = set(re.findall(r'CodeError\(\s*"([a-z_.]+)"', "".join(p.read_text() for p in HERE.glob("*.py"))))


def test_every_code_that_is_raised_has_a_sentence_and_the_other_way_round():
    assert set(SENTENCES) == RAISED


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_sentence_is_whole(code):
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", code)
    sentence = SENTENCES[code]
    names = re.findall(r"%\((\w+)\)s", sentence)
    refused = CodeError(code, **{name: f"<{name}>" for name in names})
    assert str(refused) == sentence % {name: f"<{name}>" for name in names}
    assert sentence.endswith(".")


def test_values_are_text_and_cut_and_printable():
    refused = CodeError("code.not_ours", text="\x00" + "x" * 500)
    assert refused.values["text"].startswith("\\u0000x")
    assert len(refused.values["text"]) < 80
    assert refused.sentence == SENTENCES["code.not_ours"]


def test_a_refusal_survives_a_queue():
    refused = CodeError("din.flag", flag="97", text="G123498654321")
    again = pickle.loads(pickle.dumps(refused))
    assert (again.code, again.values, str(again)) == (refused.code, refused.values, str(refused))
