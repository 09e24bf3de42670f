"""What a hospital's identifiers look like, written as people write it: ``IPP-999999``.

``9`` stands for a digit, ``A`` for a letter, ``X`` for either; every other symbol stands for itself. Several
forms are separated by spaces. No form at all: everything fits.
"""

import re

from mscbank.core.i18n import Sentence, _

MOST = 10
MASK = re.compile(r"[0-9A-Z./:_-]{1,80}")
_KINDS = {"9": "[0-9]", "A": "[A-Z]", "X": "[0-9A-Z]"}


def fault(formats: str) -> Sentence | None:
    """Why a text is no list of forms, in one sentence."""
    forms = formats.split()
    if len(forms) > MOST:
        return _("At most 10 forms.")
    if any(not MASK.fullmatch(form) for form in forms):
        return _("Capital letters, digits and . / : _ - alone.")
    if any(not set(form) & set(_KINDS) for form in forms):
        return _("A form has a 9, an A or an X in it.")
    return None


def fits(formats: str | None, text: str) -> bool:
    """Whether an identifier has one of the forms; small letters count as capitals, spaces at the ends not."""
    read = text.strip().upper()
    return not formats or any(_pattern(form).fullmatch(read) for form in formats.split())


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile("".join(_KINDS.get(symbol) or re.escape(symbol) for symbol in form))
