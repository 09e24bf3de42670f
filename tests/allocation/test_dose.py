"""The dose: every example of the domain reference, every boundary, and no vial too many (invariant 16)."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.allocation import dose
from mscbank.allocation.dose import Band, PlanKind, WeightBand

ONE, THREE = 10**6, 3 * 10**6
TWENTY = 20 * 10**6
LIMITS = {"accept": 10, "acknowledge": 20}


def vial_of(tnc: int = TWENTY, recovery: str = "92", viability: str = "88") -> Fraction:
    return dose.viable_in_vial(
        tnc_at_fill=tnc,
        tnc_recovery=dose.share_of(Decimal(recovery)),
        viability_post_thaw=dose.share_of(Decimal(viability)),
    )


def test_target_is_dose_times_weight():
    assert dose.target_viable(ONE, 62_400) == 62_400_000
    assert dose.target_viable(THREE, 81_350) == 244_050_000
    assert dose.target_viable(1_500, 62_401) == Fraction(1_500 * 62_401, 1_000)


@pytest.mark.parametrize(("cells", "grams"), [(0, 62_400), (ONE, 0), (-ONE, 62_400)])
def test_a_dose_of_nothing_is_refused(cells, grams):
    with pytest.raises(ValueError):
        dose.target_viable(cells, grams)


def test_viable_cells_in_a_vial_by_all_cells():
    assert vial_of() == 16_192_000


def test_viable_cells_in_a_vial_by_viable_cells():
    assert dose.viable_in_vial(
        viable_at_fill=Fraction(18_000_000), viable_recovery=Fraction(9, 10)
    ) == Fraction(16_200_000)


def test_invariant_16_viability_counts_once():
    """The two forms never mix: a viability beside viable cells at fill would count it twice."""
    for mixed in (
        {"viable_at_fill": Fraction(18), "viable_recovery": Fraction(1), "viability_post_thaw": Fraction(1)},
        {"tnc_at_fill": 20, "tnc_recovery": Fraction(1), "viability_post_thaw": Fraction(1),
         "viable_recovery": Fraction(1)},
        {"tnc_at_fill": 20, "tnc_recovery": Fraction(1)},
        {},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="viability counts once"):
            dose.viable_in_vial(**mixed)


def test_a_dead_vial_gives_no_dose():
    with pytest.raises(ValueError, match="without viable cells"):
        vial_of(viability="0")


def test_example_of_patient_07():
    """62.4 kg at 1 million per kg, 16.192 million a vial: 3.854, so 4 vials, +3.8 %, 1.04 million per kg."""
    target, each = dose.target_viable(ONE, 62_400), vial_of()
    assert dose.vials_needed(target, each) == 4
    (plan,) = dose.plans(target, [each] * 10, **LIMITS)
    assert (plan.kind, plan.vials, plan.share, plan.band) == (PlanKind.WHOLE, 4, 1, Band.ACCEPT)
    assert plan.planned_viable == 64_768_000
    assert dose.percent_shown(plan.difference) == Decimal("3.8")
    assert dose.millions(dose.dose_per_kg(plan.planned_viable, 62_400), 2) == Decimal("1.04")
    assert dose.volume_to_give(plan.share, Fraction(20)) == 20
    assert dose.decimal_of(target / each, 3) == Decimal("3.854")


def test_example_of_three_million_per_kg():
    """81.35 kg at 3 million per kg, 41.5 million a vial: 6 vials, 3.061 million per kg, +2.0 %."""
    target = dose.target_viable(THREE, 81_350)
    (plan,) = dose.plans(target, [Fraction(41_500_000)] * 10, **LIMITS)
    assert (plan.vials, plan.planned_viable) == (6, 249_000_000)
    assert dose.percent_shown(plan.difference) == Decimal("2.0")
    assert dose.millions(dose.dose_per_kg(plan.planned_viable, 81_350), 3) == Decimal("3.061")


def test_invariant_16_whole_vials_that_overdose_become_a_share():
    """57.9 kg at 1 million, 18.225 million a vial: 4 vials would be +25.9 %; 15.88 of 20 mL is the dose."""
    target, each = dose.target_viable(ONE, 57_900), Fraction(18_225_000)
    share, fewer = dose.plans(target, [each] * 10, **LIMITS)
    assert dose.percent_shown(dose.difference(4 * each, target)) == Decimal("25.9")
    assert (share.kind, share.vials, share.difference, share.band) == (PlanKind.SHARE, 4, 0, Band.ACCEPT)
    assert share.planned_viable == target
    assert dose.decimal_of(share.share, 4) == Decimal("0.7942")
    assert dose.decimal_of(dose.volume_to_give(share.share, Fraction(20)), 2) == Decimal("15.88")
    assert (fewer.kind, fewer.vials, fewer.band) == (PlanKind.FEWER, 3, Band.ACCEPT)
    assert dose.percent_shown(fewer.difference) == Decimal("-5.6")


def test_fewer_vials_are_offered_beside_whole_ones_too():
    target = Fraction(100)
    whole, fewer = dose.plans(target, [Fraction(18)] * 6, **LIMITS)
    assert (whole.kind, whole.vials, fewer.kind, fewer.vials) == (PlanKind.WHOLE, 6, PlanKind.FEWER, 5)


def test_an_exact_dose_offers_one_plan():
    (plan,) = dose.plans(Fraction(100), [Fraction(25)] * 9, **LIMITS)
    assert (plan.vials, plan.difference) == (4, 0)


def test_one_vial_is_never_reduced_to_none():
    (plan,) = dose.plans(Fraction(100), [Fraction(109)], **LIMITS)
    assert plan.vials == 1


def test_too_few_vials_are_all_taken_and_the_band_says_what_it_takes():
    for held, kind, band in (
        (9, PlanKind.FEWER, Band.ACCEPT),
        (8, PlanKind.SHORT, Band.ACKNOWLEDGE),
        (7, PlanKind.SHORT, Band.REFUSE),
    ):
        (plan,) = dose.plans(Fraction(100), [Fraction(10)] * held, **LIMITS)
        assert (plan.kind, plan.vials, plan.band) == (kind, held, band)


def test_no_vials_give_no_plan():
    assert dose.plans(Fraction(100), [], **LIMITS) == []


def test_vials_that_differ_are_added_up_one_by_one():
    viable = [Fraction(40), Fraction(30), Fraction(20), Fraction(60)]
    assert dose.enough(Fraction(90), viable) == 3
    assert dose.enough(Fraction(91), viable) == 4
    assert dose.enough(Fraction(151), viable) is None


@pytest.mark.parametrize(
    ("percent", "band"),
    [
        ("0", Band.ACCEPT),
        ("10", Band.ACCEPT),
        ("-10", Band.ACCEPT),
        ("10.000000001", Band.ACKNOWLEDGE),
        ("-10.000000001", Band.ACKNOWLEDGE),
        ("20", Band.ACKNOWLEDGE),
        ("-20", Band.ACKNOWLEDGE),
        ("20.000000001", Band.REFUSE),
        ("-20.000000001", Band.REFUSE),
    ],
)
def test_invariant_16_tolerance_boundaries_are_inclusive(percent, band):
    assert dose.band_of(Fraction(percent) / 100, **LIMITS) is band


def _exact_cases(per_kg: int) -> list[tuple[int, int, int]]:
    """(weight in g, recovery %, viability %) where whole vials of 20 million hold the target exactly."""
    found = []
    for recovery in range(60, 101):
        for viability in range(70, 101):
            each = vial_of(TWENTY, str(recovery), str(viability))
            for count in range(1, 20):
                grams = count * each * 1_000 / per_kg
                if grams.denominator == 1 and grams % 100 == 0 and 30_000 <= grams <= 150_000:
                    found.append((int(grams), recovery, viability))
    return found


@pytest.mark.parametrize("per_kg", [ONE, THREE])
def test_invariant_16_exact_cases_never_ask_one_vial_too_many(per_kg):
    cases = _exact_cases(per_kg)
    wrong_in_binary = 0
    for grams, recovery, viability in cases:
        target, each = dose.target_viable(per_kg, grams), vial_of(TWENTY, str(recovery), str(viability))
        exact = target / each
        assert exact.denominator == 1
        assert dose.vials_needed(target, each) == exact == dose.enough(target, [each] * 30)
        binary = (per_kg * (grams / 1_000)) / (TWENTY * (recovery / 100) * (viability / 100))
        wrong_in_binary += math.ceil(binary) > exact
    assert len(cases) > 50
    assert wrong_in_binary, "binary arithmetic would have asked one vial too many somewhere on this grid"


@given(
    st.integers(1, 5 * 10**6),
    st.integers(25_000, 250_000),
    st.integers(10**5, 2 * 10**8),
    st.integers(1, 100),
    st.integers(1, 100),
)
def test_invariant_16_vials_are_the_least_number_that_holds_the_target(
    per_kg, grams, tnc, recovery, viability
):
    target, each = dose.target_viable(per_kg, grams), vial_of(tnc, str(recovery), str(viability))
    count = dose.vials_needed(target, each)
    assert (count - 1) * each < target <= count * each


@given(
    st.integers(1, 10**9),
    st.lists(st.integers(1, 10**8), min_size=1, max_size=30),
)
def test_every_plan_offered_first_is_never_an_overdose(target, viable):
    offered = dose.plans(Fraction(target), [Fraction(v) for v in viable], **LIMITS)
    assert offered[0].difference <= Fraction(1, 10)
    assert 0 < offered[0].share <= 1
    for plan in offered[1:]:
        assert plan.band is Band.ACCEPT


def test_a_target_and_a_vial_hold_more_than_nothing():
    with pytest.raises(ValueError):
        dose.vials_needed(Fraction(0), Fraction(1))


def test_dmso_example():
    """4 vials × 5 mL × 10 % × 1.10 = 2.2 g = 0.035 g/kg at 62.4 kg."""
    grams = dose.dmso_g([(Decimal("5.000"), Decimal("10.00"))] * 4)
    assert grams == Fraction(22, 10)
    assert dose.decimal_of(dose.per_kg(grams, 62_400), 3) == Decimal("0.035")
    assert dose.dmso_g([(Decimal(5), Decimal(10))] * 4, Fraction(1, 2)) == Fraction(11, 10)


def test_the_limit_itself_is_kept():
    assert dose.within(Fraction(1), Decimal(1))
    assert not dose.within(Fraction(1_000_001, 1_000_000), Decimal(1))


def test_endotoxin_examples():
    passing = dose.endotoxin_per_kg_h(Decimal("0.8"), Fraction(100), 60_000, 60)
    failing = dose.endotoxin_per_kg_h(Decimal(4), Fraction(100), 60_000, 60)
    assert (dose.decimal_of(passing, 2), dose.decimal_of(failing, 2)) == (Decimal("1.33"), Decimal("6.67"))
    assert dose.within(passing, Decimal(5))
    assert not dose.within(failing, Decimal(5))


def test_an_infusion_shorter_than_an_hour_counts_as_the_whole_dose():
    an_hour = dose.endotoxin_per_kg_h(Decimal(1), Fraction(60), 60_000, 60)
    assert dose.endotoxin_per_kg_h(Decimal(1), Fraction(60), 60_000, 20) == an_hour
    assert dose.endotoxin_per_kg_h(Decimal(1), Fraction(60), 60_000, 120) == an_hour / 2
    with pytest.raises(ValueError):
        dose.endotoxin_per_kg_h(Decimal(1), Fraction(60), 60_000, 0)


def test_delivered_dose_follows_the_count_and_the_volume_given():
    assert (
        dose.delivered_viable(70_000_000, Decimal("88.00"), Decimal("16.000"), Decimal("20.000"))
        == 49_280_000
    )
    with pytest.raises(ValueError):
        dose.delivered_viable(1, Decimal(1), Decimal(1), Decimal(0))


@pytest.mark.parametrize(
    ("weighed", "fresh"),
    [("2026-10-08", True), ("2026-10-15", True), ("2026-10-07", False), ("2026-10-16", False)],
)
def test_a_weight_is_at_most_seven_days_old_and_not_of_the_future(weighed, fresh):
    assert dose.weight_is_fresh(date.fromisoformat(weighed), date(2026, 10, 15), oldest_days=7) is fresh


@pytest.mark.parametrize(
    ("grams", "band"),
    [
        (62_400, WeightBand.INFORMATION),
        (65_520, WeightBand.INFORMATION),
        (59_280, WeightBand.INFORMATION),
        (65_521, WeightBand.ACKNOWLEDGE),
        (68_640, WeightBand.ACKNOWLEDGE),
        (56_160, WeightBand.ACKNOWLEDGE),
        (68_641, WeightBand.REVIEW),
        (56_159, WeightBand.REVIEW),
        (137_000, WeightBand.REVIEW),
    ],
)
def test_bands_of_a_changed_weight_are_inclusive(grams, band):
    assert dose.weight_band(grams, 62_400, information=5, acknowledge=10) is band


def test_a_first_weight_changes_nothing():
    assert dose.weight_band(62_400, None, information=5, acknowledge=10) is WeightBand.FIRST


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Fraction(0), "0"),
        (Fraction(64_768, 1_000), "64.8"),
        (Fraction(16_192, 1_000), "16.2"),
        (Fraction(99_951, 100), "1000"),
        (Fraction(9_996, 10_000), "1.00"),
        (Fraction(244_050_000), "244000000"),
        (Fraction(1, 3), "0.333"),
        (Fraction(5, 1_000), "0.00500"),
        (Fraction(-1_235, 10), "-124"),
        (Fraction(1_225, 10), "123"),
    ],
)
def test_three_figures_are_rounded_half_up(amount, shown):
    assert dose.three_figures(amount) == Decimal(shown)


def test_percent_is_rounded_half_up_for_the_eye_only():
    assert dose.percent_shown(Fraction(1005, 10_000)) == Decimal("10.1")
    assert dose.band_of(Fraction(1005, 10_000), **LIMITS) is Band.ACKNOWLEDGE
    assert dose.percent_shown(Fraction(10_004, 100_000)) == Decimal("10.0")
    assert dose.band_of(Fraction(10_004, 100_000), **LIMITS) is Band.ACKNOWLEDGE
