"""What the page of a release shows, without a page."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest

from mscbank.release.board import Board, _span, bar_of, due_words
from mscbank.release.criteria import Outcome, Qualifier, Reported, judge
from mscbank.release.judged import Judged, limit_of
from mscbank.release.words import verdict_words
from mscbank.study.limits import Operator
from tests.release.dossiers import ALL_DONE, STERILITY_OUT, TODAY, day, dossier


@pytest.mark.parametrize(
    ("offset", "sign", "words"),
    [
        (None, "triangle", "open"),
        (-2, "octagon", "2 days late"),
        (-1, "octagon", "1 day late"),
        (0, "triangle", "due today"),
        (1, "clock", "tomorrow"),
        (4, "clock", "in 4 days"),
    ],
)
def test_how_late_is_said_beside_the_date(offset, sign, words):
    found = due_words(None if offset is None else day(offset), TODAY)
    assert (found[0], str(found[2])) == (sign, words)


def test_zeros_are_printed():
    board = Board.of(ALL_DONE)
    assert [words for _sign, _colour, words in board.legend] == ["13 done", "0 waiting", "0 late"]
    assert board.open == []
    late = Board.of(dossier(assays=(STERILITY_OUT,), today=day(9)))
    assert [words for _sign, _colour, words in late.legend] == ["9 done", "0 waiting", "1 late"]


def criterion(operator=Operator.AT_LEAST, low="70", high=None, unit="%", **more):
    return SimpleNamespace(
        attribute="x", label="Test", operator=operator, unit=unit, expected_text=None, blocking=True,
        may_be_pending=False, low=None if low is None else Decimal(low),
        high=None if high is None else Decimal(high), **more,
    )  # fmt: skip


def line(value, unit="%", *, standing=True):
    result = SimpleNamespace(value=None if value is None else Decimal(value), unit=unit)
    return SimpleNamespace(result=result, standing=standing, shown=f"{value} {unit}", review=object())


def judged_as(row, *lines):
    reported = [
        Reported(each.shown, each.result.value, Qualifier.NONE, each.result.unit, reviewed=True)
        for each in lines
    ]
    return Judged(row, lines, judge(limit_of(row), reported))


def test_a_bar_is_drawn_where_there_is_a_number_and_a_limit():
    assert "dot" in bar_of(judged_as(criterion(), line("88")))
    assert "dot out" in bar_of(judged_as(criterion(), line("60")))
    assert bar_of(judged_as(criterion())) is None
    assert bar_of(judged_as(criterion(), line(None))) is None
    assert bar_of(judged_as(criterion(), line("88", "cells"))) is None
    assert bar_of(judged_as(criterion(Operator.REPORT, None), line("88"))) is None
    assert bar_of(judged_as(criterion(), line("88", standing=False))) is None


@pytest.mark.parametrize(
    ("low", "high", "unit", "span"),
    [
        (70, None, "%", (40, 100)),
        (18, 22, "million", (14, 26)),
        (None, 5, "EU/kg/h", (0, 10)),
        (None, 0, "EU", (0, 3)),
        (100, None, "%", (0, 200)),
        (7, None, "doublings", (0, 14)),
    ],
)
def test_the_limits_stand_in_the_picture(low, high, unit, span):
    exact = [None if number is None else Fraction(number) for number in (low, high)]
    assert _span([Fraction(3)], *exact, unit) == span


@pytest.mark.parametrize(
    ("outcome", "blocking", "reviewed", "word"),
    [
        (Outcome.PASSES, True, True, "Passes"),
        (Outcome.PASSES, True, False, "One of two signed"),
        (Outcome.FAILS, True, True, "Outside"),
        (Outcome.MISSING, True, True, "Missing"),
        (Outcome.MISSING, False, True, "Missing"),
        (Outcome.UNDECIDED, True, True, "Does not decide"),
        (Outcome.INFORMATION, False, True, "For information"),
    ],
)
def test_each_verdict_has_its_word(outcome, blocking, reviewed, word):
    verdict = SimpleNamespace(
        outcome=outcome, limit=SimpleNamespace(blocking=blocking), unreviewed=0 if reviewed else 1
    )
    assert verdict_words(verdict)[2] == word
