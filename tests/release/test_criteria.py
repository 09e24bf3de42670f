"""The comparison with the limit: as reported, with its unit, unrounded; missing is not a pass."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.release.criteria import Limit, Outcome, Qualifier, Reported, judge, judge_one


def limit(operator="at_least", low=None, high=None, unit="%", **more):
    numbers = {k: None if v is None else Decimal(v) for k, v in (("low", low), ("high", high))}
    return Limit("attribute", operator, unit, **numbers, **more)


def result(text, unit="%", qualifier=Qualifier.NONE, **more):
    more.setdefault("reviewed", True)
    return Reported(text, Decimal(text), qualifier, unit, **more)


AT_LEAST_70 = limit(low="70")
AT_MOST_5 = limit("at_most", high="5", unit="EU/kg/h")
BETWEEN = limit("between", low="18", high="22", unit="million cells")
NO_GROWTH = limit("equals", unit="", expected_text="no growth")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("70", Outcome.PASSES),
        ("70.000000", Outcome.PASSES),
        ("69.9", Outcome.FAILS),
        ("69.999999", Outcome.FAILS),
        ("70.000001", Outcome.PASSES),
        ("0", Outcome.FAILS),
    ],
)
def test_invariant_12_nothing_is_rounded_before_the_comparison(text, outcome):
    assert judge_one(AT_LEAST_70, result(text)) is outcome


@pytest.mark.parametrize(
    ("text", "outcome"), [("5", Outcome.PASSES), ("5.000001", Outcome.FAILS), ("0", Outcome.PASSES)]
)
def test_at_most_includes_its_limit(text, outcome):
    assert judge_one(AT_MOST_5, result(text, "EU/kg/h")) is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("17.999999", Outcome.FAILS),
        ("18", Outcome.PASSES),
        ("20", Outcome.PASSES),
        ("22", Outcome.PASSES),
        ("22.000001", Outcome.FAILS),
    ],
)
def test_between_includes_both_limits(text, outcome):
    assert judge_one(BETWEEN, result(text, "million")) is outcome


def test_one_iu_of_endotoxin_is_one_eu():
    assert judge_one(AT_MOST_5, result("5", "IU/kg/h")) is Outcome.PASSES
    assert judge_one(AT_MOST_5, result("5.1", "IU/kg/h")) is Outcome.FAILS


def test_a_fraction_is_not_taken_for_a_percentage():
    assert judge_one(AT_LEAST_70, result("0.88", "fraction")) is Outcome.PASSES
    assert judge_one(AT_LEAST_70, result("0.88", "%")) is Outcome.FAILS


def test_a_unit_that_measures_something_else_is_never_a_pass():
    assert judge_one(AT_MOST_5, result("0.1", "EU/ml")) is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("criterion", "qualifier", "text", "outcome"),
    [
        (AT_MOST_5, Qualifier.LESS_THAN, "5", Outcome.PASSES),
        (AT_MOST_5, Qualifier.LESS_THAN, "0.05", Outcome.PASSES),
        (AT_MOST_5, Qualifier.LESS_THAN, "10", Outcome.UNDECIDED),
        (AT_MOST_5, Qualifier.NOT_DETECTED, "0.05", Outcome.PASSES),
        (AT_MOST_5, Qualifier.NOT_DETECTED, "5.1", Outcome.UNDECIDED),
        (AT_MOST_5, Qualifier.GREATER_THAN, "5", Outcome.FAILS),
        (AT_MOST_5, Qualifier.GREATER_THAN, "4", Outcome.UNDECIDED),
        (AT_LEAST_70, Qualifier.GREATER_THAN, "70", Outcome.PASSES),
        (AT_LEAST_70, Qualifier.GREATER_THAN, "69", Outcome.UNDECIDED),
        (AT_LEAST_70, Qualifier.LESS_THAN, "70", Outcome.FAILS),
        (AT_LEAST_70, Qualifier.LESS_THAN, "71", Outcome.UNDECIDED),
        (BETWEEN, Qualifier.LESS_THAN, "18", Outcome.FAILS),
        (BETWEEN, Qualifier.LESS_THAN, "20", Outcome.UNDECIDED),
        (BETWEEN, Qualifier.GREATER_THAN, "22", Outcome.FAILS),
        (BETWEEN, Qualifier.GREATER_THAN, "20", Outcome.UNDECIDED),
    ],
)
def test_a_qualifier_is_part_of_the_value(criterion, qualifier, text, outcome):
    assert judge_one(criterion, result(text, criterion.unit, qualifier)) is outcome


def test_below_the_detection_limit_is_not_zero():
    without_number = Reported("not detected", None, Qualifier.NOT_DETECTED, "EU/kg/h", reviewed=True)
    assert judge_one(AT_MOST_5, without_number) is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("no growth", Outcome.PASSES),
        (" No  GROWTH ", Outcome.PASSES),
        ("growth", Outcome.FAILS),
        ("no growth?", Outcome.FAILS),
        ("not detected", Outcome.FAILS),
    ],
)
def test_words_are_compared_word_by_word(text, outcome):
    assert judge_one(NO_GROWTH, Reported(text)) is outcome


def test_a_limit_without_expected_words_decides_nothing():
    assert judge_one(limit("equals", expected_text=" "), Reported(" ")) is Outcome.UNDECIDED


def test_missing_is_not_a_pass():
    verdict = judge(AT_LEAST_70, [])
    assert verdict.outcome is Outcome.MISSING
    assert verdict.blocks
    assert not verdict.met


def test_invariant_11_an_unreviewed_pass_does_not_count():
    verdict = judge(AT_LEAST_70, [result("90", reviewed=False)])
    assert (verdict.outcome, verdict.unreviewed) == (Outcome.PASSES, 1)
    assert verdict.blocks


def test_a_result_is_unreviewed_until_somebody_reviews_it():
    assert judge(AT_LEAST_70, [Reported("90", Decimal(90), unit="%")]).unreviewed == 1


def test_for_information_never_blocks():
    report = limit("report", unit="", blocking=False)
    assert judge(report, [result("11.6")]).outcome is Outcome.INFORMATION
    assert not judge(report, []).blocks
    assert not judge(report, [result("11.6", reviewed=False)]).blocks


def test_a_limit_that_does_not_block_still_says_that_it_fails():
    verdict = judge(limit(low="20", blocking=False), [result("19")])
    assert verdict.outcome is Outcome.FAILS
    assert not verdict.blocks


def test_invariant_12_a_repeat_that_passes_does_not_hide_the_one_that_failed():
    both = [result("69.9"), result("88")]
    assert judge(AT_LEAST_70, both).outcome is Outcome.FAILS
    assert judge(AT_LEAST_70, both[::-1]).outcome is Outcome.FAILS


def test_a_decided_investigation_leaves_the_valid_result():
    verdict = judge(AT_LEAST_70, [result("69.9", standing=False), result("88")])
    assert (verdict.outcome, verdict.standing) == (Outcome.PASSES, 1)
    assert verdict.met


def test_an_undecided_repeat_counts_before_a_pass_and_after_a_failure():
    unclear = result("69", qualifier=Qualifier.GREATER_THAN)
    assert judge(AT_LEAST_70, [unclear, result("88")]).outcome is Outcome.UNDECIDED
    assert judge(AT_LEAST_70, [unclear, result("60")]).outcome is Outcome.FAILS


def test_only_missing_results_on_the_allow_list_may_wait():
    sterility = limit("equals", unit="", expected_text="no growth", may_be_pending=True)
    assert judge(sterility, []).may_wait
    assert not judge(sterility, [Reported("growth", reviewed=True)]).may_wait
    assert not judge(sterility, [Reported("no growth")]).may_wait
    assert not judge(NO_GROWTH, []).may_wait
    assert not judge(sterility, [Reported("no growth", reviewed=True)]).may_wait


NUMBERS = st.decimals(min_value=0, max_value=1000, places=6)


@given(NUMBERS, NUMBERS)
def test_at_least_and_at_most_meet_only_at_the_limit(value, bound):
    low = judge_one(limit(low=bound), result(str(value)))
    high = judge_one(limit("at_most", high=bound), result(str(value)))
    assert (low is Outcome.PASSES) == (value >= bound)
    assert (high is Outcome.PASSES) == (value <= bound)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from([Qualifier.LESS_THAN, Qualifier.GREATER_THAN]))
def test_a_qualified_verdict_holds_for_every_value_it_allows(bound, low, high, qualifier):
    low, high = sorted((low, high))
    criterion = limit("between", low=low, high=high)
    verdict = judge_one(criterion, result(str(bound), qualifier=qualifier))
    step = Decimal("0.000001")
    for distance in (step, Decimal(1), Decimal(500)):
        possible = bound - distance if qualifier is Qualifier.LESS_THAN else bound + distance
        inside = judge_one(criterion, result(str(possible)))
        if verdict is Outcome.FAILS:
            assert inside is Outcome.FAILS
        if verdict is Outcome.PASSES:
            assert inside is Outcome.PASSES
