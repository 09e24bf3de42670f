"""Deviations in words: severities, kinds of things, and how each is marked."""

from mscbank.core.i18n import Sentence, _
from mscbank.deviation.severity import Severity

SEVERITY_WORDS: dict[Severity, Sentence] = {
    Severity.MINOR: _("minor"),
    Severity.MAJOR: _("major"),
    Severity.CRITICAL: _("critical"),
}
UNCLASSIFIED = _("not classified yet")

SEVERITY_SIGNS: dict[Severity | None, tuple[str, str]] = {
    None: ("triangle", "wait"),
    Severity.MINOR: ("ring", "move"),
    Severity.MAJOR: ("triangle", "wait"),
    Severity.CRITICAL: ("octagon", "stop"),
}


def severity_word(severity: Severity | None) -> Sentence:
    """A severity in words, also when it has not been set."""
    return UNCLASSIFIED if severity is None else SEVERITY_WORDS[severity]
