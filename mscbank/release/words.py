"""How limits, results and verdicts are said."""

from mscbank.core.i18n import Sentence, _
from mscbank.release.criteria import Outcome, Verdict
from mscbank.release.models import Cause, Finding

NBSP = "\u00a0"

OUTCOME_WORDS: dict[Outcome, Sentence] = {
    Outcome.PASSES: _("Passes"),
    Outcome.FAILS: _("Outside"),
    Outcome.UNDECIDED: _("Does not decide"),
    Outcome.MISSING: _("Missing"),
    Outcome.INFORMATION: _("For information"),
}
HALF_SIGNED = _("One of two signed")

FINDING_WORDS: dict[Finding, Sentence] = {
    Finding.CONFIRMED: _("The result stands: the batch is outside its limit"),
    Finding.LABORATORY_ERROR: _("An error of the laboratory: the results named are invalid"),
    Finding.ENTRY_ERROR: _("An error of entry: the corrected result counts"),
}

CAUSE_WORDS: dict[Cause, Sentence] = {
    Cause.DEVIATION: _("deviation"),
    Cause.CONSENT: _("consent withdrawn"),
    Cause.DETERMINATION: _("donor determination lost"),
    Cause.KINSHIP: _("kinship refuted"),
    Cause.MATERIAL: _("material rejected"),
    Cause.RESULT: _("result outside its limit"),
    Cause.REOPENED: _("record re-opened"),
    Cause.DECISION: _("decision"),
}


def with_unit(text: str, unit: str) -> str:
    """A value and its unit, which never part at the end of a line."""
    return f"{text}{NBSP}{unit}" if unit else text


def verdict_words(verdict: Verdict) -> tuple[str, str, str]:
    """Silhouette, colour and word of a verdict, for the table of results."""
    word = str(OUTCOME_WORDS[verdict.outcome])
    match verdict.outcome:
        case Outcome.FAILS:
            return "octagon", "stop", word
        case Outcome.MISSING if not verdict.limit.blocking:
            return "ring", "end", word
        case Outcome.UNDECIDED | Outcome.MISSING:
            return "triangle", "wait", word
        case Outcome.INFORMATION:
            return "ring", "end", word
    if verdict.unreviewed:
        return "triangle", "wait", str(HALF_SIGNED)
    return "check", "go", word
