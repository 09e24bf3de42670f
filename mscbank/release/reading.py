"""What an analyst reports, read as it stands: “88.0”, “81,7”, “< 0.05”, “> 200”, “not detected”."""

import re
from decimal import Decimal

from mscbank.core.errors import Refusal
from mscbank.release.criteria import Qualifier, words

PLACES = 6
DIGITS = 12

NOT_A_NUMBER = Refusal(
    "release.not_a_number", "Type the result as reported: 88.0, or < 0.05, or > 200, or not detected."
)
AMBIGUOUS_COMMA = Refusal(
    "release.ambiguous_comma", "“%(text)s” can be read in two ways. Type it again with a decimal point."
)
TOO_EXACT = Refusal(
    "release.too_many_places", "“%(text)s” has more digits than are kept (12 before, 6 after the point)."
)

_NUMBER = re.compile(r"(?P<sign><|>)?\s*(?P<number>-?[0-9]+(?:[.,][0-9]+)?)", re.ASCII)
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
_SIGNS = {None: Qualifier.NONE, "<": Qualifier.LESS_THAN, ">": Qualifier.GREATER_THAN}
_NOT_DETECTED = {words(text) for text in ("not detected", "n.d.", "nd", "non détecté")}


class Unreadable(ValueError):
    """The text is no number; it carries the refusal that says what to type."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        self.obstacle = refusal(text=text) if "%(text)s" in refusal.msgid else refusal()
        super().__init__(str(self.obstacle.sentence))


def read_number(text: str) -> tuple[Qualifier, Decimal | None]:
    """Qualifier and value of a numeric result; a comma is a decimal comma unless it could group thousands."""
    plain = text.strip()
    if words(plain) in _NOT_DETECTED:
        return Qualifier.NOT_DETECTED, None
    found = _NUMBER.fullmatch(plain)
    if found is None:
        raise Unreadable(NOT_A_NUMBER, plain)
    number = found["number"]
    if _GROUPED.fullmatch(number):
        raise Unreadable(AMBIGUOUS_COMMA, plain)
    value = Decimal(number.replace(",", "."))
    exponent = value.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or -exponent > PLACES
        or len(number.lstrip("-").split(",")[0].split(".")[0]) > DIGITS
    ):
        raise Unreadable(TOO_EXACT, plain)
    return _SIGNS[found["sign"]], value
