"""ZPL of one label: the symbol, the text, and nothing that the printer would take for a command."""

import pytest

from mscbank.coding.errors import CodeError
from mscbank.coding.sheets import DEMONSTRATION
from mscbank.coding.short import group
from mscbank.coding.zpl import Printer, label
from tests.coding.test_sheets import label as made


def test_the_label_holds_symbol_and_text():
    content = made(3)
    text = label(content)
    assert text.startswith("^XA^CI28^PW612^LL300")
    assert text.endswith("^PQ1^XZ\n")
    assert f"^BQN,2,4^FDHA,{content.code}^FS" in text
    for part in (
        group(content.code),
        "MSC(M)  3 / 24",
        content.identifier,
        content.directed_to,
        DEMONSTRATION,
    ):
        assert f"^FD{part}^FS" in text


def test_a_real_label_has_no_watermark():
    assert "DEMONSTRATION" not in label(made(demonstration=False))


def test_commands_in_the_text_are_disarmed():
    text = label(made(lines=("a^XZ~JA_b\\c",)))
    assert "^FDa_5EXZ_7EJA_5Fb_5Cc^FS" in text
    assert text.count("^XZ") == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"lines": ("a\nb",)}, "label.text"), ({"lines": ("x",) * 30}, "label.does_not_fit"),
     ({"identifier": "W" * 60}, "label.does_not_fit"), ({"code": "VK7"}, "code.length")],
)  # fmt: skip
def test_what_is_not_printed(changes, code):
    with pytest.raises(CodeError) as refused:
        label(made(**changes))
    assert refused.value.code == code


def test_a_label_smaller_than_the_symbol_is_refused():
    with pytest.raises(CodeError) as refused:
        label(made(), Printer(dots=8, width_mm=20, height_mm=10))
    assert refused.value.code == "label.does_not_fit"


def test_copies():
    assert "^PQ2^XZ" in label(made(), copies=2)
