"""How limits, results and verdicts are said."""

from decimal import Decimal

from mscbank.core.i18n import Sentence, _, language
from mscbank.release.criteria import Outcome, Qualifier, Verdict
from mscbank.study.limits import Operator
from mscbank.study.models import Criterion

NBSP = "\u00a0"

OUTCOME_WORDS: dict[Outcome, Sentence] = {
    Outcome.PASSES: _("Passes"),
    Outcome.FAILS: _("Outside"),
    Outcome.UNDECIDED: _("Does not decide"),
    Outcome.MISSING: _("Missing"),
    Outcome.INFORMATION: _("For information"),
}
HALF_SIGNED = _("One of two signed")

QUALIFIER_WORDS: dict[Qualifier, Sentence] = {
    Qualifier.NONE: _("as measured"),
    Qualifier.LESS_THAN: _("less than"),
    Qualifier.GREATER_THAN: _("more than"),
    Qualifier.NOT_DETECTED: _("not detected"),
}


def number(value: Decimal) -> str:
    """A number with all its digits and no idle zeros, with the reader's decimal sign."""
    plain = format(value.normalize() + 0, "f")
    return plain.replace(".", ",") if language() == "fr" else plain


def with_unit(text: str, unit: str) -> str:
    """A value and its unit, which never part at the end of a line."""
    return f"{text}{NBSP}{unit}" if unit else text


def limit_words(criterion: Criterion) -> str:
    """The limit as people write it: “≥ 70 %”, “18 to 22 million cells”, “no growth”, “report”."""
    low, high, unit = criterion.low, criterion.high, criterion.unit
    match criterion.operator:
        case Operator.AT_LEAST:
            return with_unit(f"≥{NBSP}{number(low or Decimal())}", unit)
        case Operator.AT_MOST:
            return with_unit(f"≤{NBSP}{number(high or Decimal())}", unit)
        case Operator.BETWEEN:
            words = _("%(low)s to %(high)s", low=number(low or Decimal()), high=number(high or Decimal()))
            return with_unit(str(words), unit)
        case Operator.EQUALS:
            return criterion.expected_text or ""
    return str(_("report"))


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
