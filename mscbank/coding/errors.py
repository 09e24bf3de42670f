"""Why a code was refused: a stable code, the values, and one English sentence for the translators."""

from __future__ import annotations


def N_(sentence: str) -> str:  # noqa: N802 (the name by which catalogue tools find sentences)
    """Mark a sentence for the translation catalogue and give it back unchanged."""
    return sentence


SENTENCES: dict[str, str] = {
    "code.empty": N_("Nothing was read: scan again."),
    "code.too_long": N_("This is longer than any code that we read (%(limit)s characters at most)."),
    "code.length": N_("A short code has 11 symbols; this one has %(length)s: %(text)s."),
    "code.unknown_symbol": N_("“%(symbol)s” at place %(place)s never occurs in a short code: %(text)s."),
    "code.check_character": N_("The check character does not fit: one symbol of %(text)s was misread."),
    "code.ambiguous": N_(
        "The scanner and this computer use different keyboard layouts, and this text could be "
        "either %(first)s or %(second)s: scan again with Caps Lock off."
    ),
    "code.keyboard": N_(
        "The scanner and this computer seem to use different keyboard layouts, and this text cannot "
        "be repaired with certainty: %(text)s. Set the scanner to the keyboard of this computer."
    ),
    "code.not_ours": N_("This is no code that we know: %(text)s."),
    "code.instance": N_("An instance prefix is two symbols out of %(alphabet)s, not %(text)s."),
    "code.number": N_("The number of a code lies between 0 and %(most)s, not %(number)s."),
    "code.print": N_("A label is print 1 to 28 of its code, not %(print)s: the 29th is refused."),
    "din.format": N_("A donation number has 13 characters, like G1234 98 654321: this is %(text)s."),
    "din.check_missing": N_(
        "A typed donation number ends with its boxed check character: %(text)s has none."
    ),
    "din.check_character": N_(
        "The check character %(given)s does not fit the donation number %(text)s: compare it with the label."
    ),
    "din.flag": N_("The flag %(flag)s behind the donation number %(text)s is reserved: it has no meaning."),
    "din.flag_checksum": N_(
        "The flag %(flag)s is a checksum that does not fit the donation number %(text)s: scan again."
    ),
    "din.tube_label": N_(
        "This is the label of a tube or a record (flag %(flag)s) of donation %(text)s, not of a product."
    ),
    "isbt.empty": N_("A message needs at least one data structure."),
    "isbt.identifier": N_("This starts with %(given)s; %(name)s starts with %(expected)s."),
    "isbt.unknown_identifier": N_("No ISBT 128 data structure that we know starts like this: %(text)s."),
    "isbt.retired": N_("%(name)s is a retired ISBT 128 structure: it is not used any more."),
    "isbt.length": N_("%(name)s has %(expected)s characters; this one has %(length)s: %(text)s."),
    "isbt.characters": N_("%(name)s cannot read like this: %(text)s."),
    "isbt.count": N_("The message announces %(announced)s structures but holds %(found)s: scan again."),
    "isbt.trailing": N_("After the %(announced)s announced structures there is something left: %(text)s."),
    "isbt.duplicate": N_("%(name)s occurs twice in one message."),
    "isbt.nested": N_("%(name)s is not allowed inside a compound message."),
    "isbt.too_many": N_("A message holds at most 99 structures, not %(found)s."),
    "isbt.escaped": N_("This text was changed on its way (HTML or web address escapes): %(text)s."),
    "product.format": N_("A product code has 8 characters, like S1234400: this is %(text)s."),
    "product.division": N_("%(text)s is no division of a product."),
    "product.division_missing": N_("Product code %(text)s ends in 99: its division code must be read too."),
    "product.division_unexpected": N_(
        "Product code %(text)s carries its own division: no other can be added."
    ),
    "date.format": N_("%(text)s is no ISBT 128 date."),
    "date.range": N_("ISBT 128 dates lie between 1900 and 2199, not in %(year)s."),
    "markers.format": N_("Infection markers are 18 digits from 0 to 8, the last eight 0: this is %(text)s."),
    "lot.format": N_(
        "A lot has 1 to 18 capital letters and digits and does not begin with 0: this is %(text)s."
    ),
    "sec.format": N_("A Single European Code has 40 characters in two parts: this is %(text)s."),
    "sec.donation": N_("%(text)s is no donation identification sequence."),
    "sec.product": N_("%(text)s is no product identification sequence."),
    "sec.expiry": N_("%(text)s is no expiry date of a Single European Code."),
    "label.does_not_fit": N_(
        "The text of label %(text)s does not fit on the stock %(stock)s in a legible size."
    ),
    "label.cell": N_("The stock %(stock)s has cells 1 to %(most)s, not %(cell)s."),
    "label.text": N_("%(text)s cannot be printed: it holds characters that a label cannot carry."),
}

LONGEST_QUOTE = 60


class CodeError(ValueError):
    """A refused code: ``code`` is stable, ``sentence`` a template for ``values``, ``str()`` is English."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = {name: quoted(str(value)) for name, value in values.items()}
        self.sentence = SENTENCES[code]
        super().__init__(self.sentence % self.values)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.code, self.values)


def _rebuilt(code: str, values: dict[str, str]) -> CodeError:
    return CodeError(code, **values)


def quoted(text: str) -> str:
    """The text as it may stand in a message: unprintable characters made visible, long texts cut."""
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:LONGEST_QUOTE])
    return visible + ("…" if len(text) > LONGEST_QUOTE or len(visible) > 4 * LONGEST_QUOTE else "")
