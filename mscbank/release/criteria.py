"""Is a result inside its limit? Compared as reported, with its unit, unrounded (D §2.2; invariant 12).

Everything here is exact: ``Decimal`` comes in, ``Fraction`` is compared, nothing is rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from mscbank.release.units import in_unit


class Qualifier(StrEnum):
    """How the reported number is meant: “< 0.05” is a value with a qualifier, not zero."""

    NONE = "none"
    LESS_THAN = "less_than"
    GREATER_THAN = "greater_than"
    NOT_DETECTED = "not_detected"


class Outcome(StrEnum):
    """What the comparison says."""

    PASSES = "passes"
    FAILS = "fails"
    UNDECIDED = "undecided"
    """Reported in a way that shows neither, such as “< 10” against a limit of 5: never a pass."""
    MISSING = "missing"
    INFORMATION = "information"


@dataclass(frozen=True)
class Limit:
    """One row of the frozen specification."""

    attribute: str
    operator: str
    """``at_least``, ``at_most``, ``between``, ``equals`` or ``report``."""
    unit: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    expected_text: str | None = None
    blocking: bool = True
    may_be_pending: bool = False


@dataclass(frozen=True)
class Reported:
    """One result as it was reported, and whether it counts."""

    text: str
    value: Decimal | None = None
    qualifier: Qualifier = Qualifier.NONE
    unit: str = ""
    reviewed: bool = False
    standing: bool = True
    """False when a correction replaced it or an investigation found it invalid; it stays visible."""


@dataclass(frozen=True)
class Verdict:
    """What all results of one criterion say together."""

    limit: Limit
    outcome: Outcome
    standing: int
    unreviewed: int

    @property
    def met(self) -> bool:
        """Inside the limit and reviewed by a second person; missing is not a pass."""
        return self.outcome in (Outcome.PASSES, Outcome.INFORMATION) and not self.unreviewed

    @property
    def blocks(self) -> bool:
        """Whether certification waits for it."""
        return self.limit.blocking and not self.met

    @property
    def may_wait(self) -> bool:
        """Still to come and on the allow-list of the two-step release (D §4.3); a failing one never is."""
        return self.blocks and self.limit.may_be_pending and self.outcome is Outcome.MISSING


def judge(limit: Limit, results: Sequence[Reported]) -> Verdict:
    """All standing results of one criterion; the worst of them counts: nobody tests into compliance."""
    standing = [result for result in results if result.standing]
    outcomes = {judge_one(limit, result) for result in standing}
    if not standing:
        outcome = Outcome.MISSING
    elif Outcome.FAILS in outcomes:
        outcome = Outcome.FAILS
    elif Outcome.UNDECIDED in outcomes:
        outcome = Outcome.UNDECIDED
    else:
        outcome = Outcome.INFORMATION if limit.operator == "report" else Outcome.PASSES
    return Verdict(limit, outcome, len(standing), sum(not result.reviewed for result in standing))


def judge_one(limit: Limit, result: Reported) -> Outcome:
    """One result against one limit, in the limit's unit."""
    if limit.operator == "report":
        return Outcome.INFORMATION
    if limit.operator == "equals":
        return _same_words(limit, result)
    if result.value is None:
        return Outcome.UNDECIDED
    value = in_unit(result.value, result.unit, limit.unit)
    if value is None:
        return Outcome.UNDECIDED
    low, high = _exact(limit.low), _exact(limit.high)
    return _inside(value, result.qualifier, low, high)


def _same_words(limit: Limit, result: Reported) -> Outcome:
    wanted = words(limit.expected_text or "")
    if not wanted:
        return Outcome.UNDECIDED
    return Outcome.PASSES if words(result.text) == wanted else Outcome.FAILS


def words(text: str) -> str:
    """A text result for comparison: case and spacing do not matter, nothing else is forgiven."""
    return " ".join(text.split()).casefold()


def _exact(number: Decimal | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def _inside(value: Fraction, qualifier: Qualifier, low: Fraction | None, high: Fraction | None) -> Outcome:
    if qualifier in (Qualifier.LESS_THAN, Qualifier.NOT_DETECTED):
        return _below(value, low, high)
    if qualifier is Qualifier.GREATER_THAN:
        return _above(value, low, high)
    if (low is not None and value < low) or (high is not None and value > high):
        return Outcome.FAILS
    return Outcome.PASSES


def _below(bound: Fraction, low: Fraction | None, high: Fraction | None) -> Outcome:
    """The true value lies somewhere under ``bound``."""
    if low is not None:
        return Outcome.FAILS if bound <= low else Outcome.UNDECIDED
    return Outcome.PASSES if high is not None and bound <= high else Outcome.UNDECIDED


def _above(bound: Fraction, low: Fraction | None, high: Fraction | None) -> Outcome:
    """The true value lies somewhere over ``bound``."""
    if high is not None:
        return Outcome.FAILS if bound >= high else Outcome.UNDECIDED
    return Outcome.PASSES if low is not None and bound >= low else Outcome.UNDECIDED
