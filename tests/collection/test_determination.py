"""What each result and each answer means, by profile (D §3.3, §3.4)."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.collection.determination import Judgement, Result, Verdict, Weight, judge
from mscbank.collection.panel import FOR_INFORMATION, PANEL, TEMPORARY, Dilution, Marker, Outcome, Topic
from mscbank.collection.windows import Profile

DONATED = date(2026, 3, 15)
EU, FDA = Profile.EU_MARROW, Profile.FDA_MARROW
R, N, I, U = Outcome.REACTIVE, Outcome.NON_REACTIVE, Outcome.INDETERMINATE, Outcome.SAMPLE_UNUSABLE
M = Marker
ALL_NO: dict[Topic, bool] = dict.fromkeys(Topic, False)


def results(
    *extra: tuple[Marker, Outcome, bool], odd: Mapping[Marker, Outcome] | None = None
) -> list[Result]:
    """The panel, non-reactive but for ``odd``, then more results in order: marker, outcome, confirmatory."""
    day = DONATED - timedelta(days=5)
    found = [Result(n, m, (odd or {}).get(m, N), day) for n, m in enumerate(PANEL, 1)]
    return found + [Result(100 + n, m, o, day, is_confirmatory=c) for n, (m, o, c) in enumerate(extra)]


def judged(*extra: tuple[Marker, Outcome, bool], profile: Profile = EU, **odd: Outcome) -> Judgement:
    markers = {Marker(name): outcome for name, outcome in odd.items()}
    return judge(profile, results(*extra, odd=markers), ALL_NO, DONATED)


def weight_of(judgement: Judgement, marker: Marker) -> Weight | None:
    return next((f.weight for f in judgement.findings if f.about is marker), None)


@pytest.mark.parametrize("profile", [EU, FDA])
def test_complete_and_non_reactive_is_eligible(profile: Profile):
    judgement = judged(profile=profile)
    assert judgement.verdict is Verdict.ELIGIBLE
    assert judgement.is_complete
    assert not judgement.findings
    assert judgement.lines() == []


@pytest.mark.parametrize("profile", [EU, FDA])
@pytest.mark.parametrize("marker", [M.HIV_NAT, M.HBV_NAT, M.HCV_NAT, M.HBS_ANTIGEN])
def test_nucleic_acid_or_surface_antigen_excludes_at_once(profile: Profile, marker: Marker):
    assert judged(profile=profile, **{marker: R}).verdict is Verdict.INELIGIBLE


@pytest.mark.parametrize("marker", [M.HIV_ANTIBODY, M.HCV_ANTIBODY, M.HTLV_ANTIBODY])
@pytest.mark.parametrize(
    ("profile", "confirmation", "verdict"),
    [
        (EU, None, Verdict.INCOMPLETE),
        (EU, R, Verdict.INELIGIBLE),
        (EU, N, Verdict.ELIGIBLE),
        (FDA, None, Verdict.INELIGIBLE),
        (FDA, R, Verdict.INELIGIBLE),
        (FDA, N, Verdict.INELIGIBLE),
    ],
)
def test_a_reactive_antibody_waits_for_its_confirmation(
    marker: Marker, profile: Profile, confirmation: Outcome | None, verdict: Verdict
):
    extra = [(marker, confirmation, True)] if confirmation else []
    assert judged(*extra, profile=profile, **{marker: R}).verdict is verdict


@pytest.mark.parametrize(("profile", "verdict"), [(EU, Verdict.RISK_ASSESSMENT), (FDA, Verdict.INELIGIBLE)])
def test_anti_hbc_alone_asks_for_a_risk_assessment_in_europe_and_excludes_in_america(
    profile: Profile, verdict: Verdict
):
    assert judged(profile=profile, hbc_antibody=R).verdict is verdict


def test_anti_hbc_with_surface_antigen_excludes():
    assert judged(hbc_antibody=R, hbs_antigen=R).verdict is Verdict.INELIGIBLE


@pytest.mark.parametrize(
    ("profile", "treponemal", "verdict"),
    [
        (EU, None, Verdict.INCOMPLETE),
        (EU, N, Verdict.ELIGIBLE),
        (EU, R, Verdict.RISK_ASSESSMENT),
        (FDA, None, Verdict.INCOMPLETE),
        (FDA, N, Verdict.ELIGIBLE),
        (FDA, R, Verdict.INELIGIBLE),
    ],
)
def test_syphilis_goes_by_its_treponemal_test(profile: Profile, treponemal: Outcome | None, verdict: Verdict):
    extra = [(M.SYPHILIS, treponemal, True)] if treponemal else []
    assert judged(*extra, profile=profile, syphilis=R).verdict is verdict


@pytest.mark.parametrize("marker", sorted(FOR_INFORMATION))
@pytest.mark.parametrize("profile", [EU, FDA])
def test_cmv_ebv_and_toxoplasma_inform_and_exclude_nobody(profile: Profile, marker: Marker):
    judgement = judged((marker, R, False), profile=profile)
    assert judgement.verdict is Verdict.ELIGIBLE
    assert weight_of(judgement, marker) is Weight.INFORMS


@pytest.mark.parametrize("marker", [M.CHAGAS_ANTIBODY, M.MALARIA])
def test_markers_by_history_count_when_they_were_tested(marker: Marker):
    assert judged((marker, N, False)).verdict is Verdict.ELIGIBLE
    assert judged((marker, R, False)).verdict is Verdict.RISK_ASSESSMENT
    assert judged((marker, R, False), profile=FDA).verdict is Verdict.INELIGIBLE


def test_invariant_12_a_later_negative_repeat_never_clears_a_reactive_result():
    assert judged((M.HIV_NAT, N, False), hiv_nat=R).verdict is Verdict.INELIGIBLE
    assert judged((M.HIV_ANTIBODY, N, False), hiv_antibody=R).verdict is Verdict.INCOMPLETE
    assert judged((M.HBC_ANTIBODY, N, False), hbc_antibody=R).verdict is Verdict.RISK_ASSESSMENT


def test_a_confirmation_counts_only_for_the_screening_before_it():
    again = [(M.HIV_ANTIBODY, N, True), (M.HIV_ANTIBODY, R, False)]
    assert judged(*again, hiv_antibody=R).verdict is Verdict.INCOMPLETE
    assert judged(*again, (M.HIV_ANTIBODY, N, True), hiv_antibody=R).verdict is Verdict.ELIGIBLE


def test_an_indeterminate_result_is_open_until_a_later_one_is_clear():
    first = judged(hiv_antibody=I)
    assert first.verdict is Verdict.INCOMPLETE
    assert judged((M.HIV_ANTIBODY, N, False), hiv_antibody=I).verdict is Verdict.ELIGIBLE
    assert judged((M.HIV_ANTIBODY, I, False)).verdict is Verdict.INCOMPLETE


def test_an_unusable_sample_is_no_negative():
    assert judged(htlv_antibody=U).verdict is Verdict.INCOMPLETE
    assert judged((M.HTLV_ANTIBODY, N, False), htlv_antibody=U).verdict is Verdict.ELIGIBLE


@pytest.mark.parametrize(
    ("dilution", "verdict"),
    [
        (Dilution.NONE, Verdict.ELIGIBLE),
        (Dilution.UP_TO_HALF, Verdict.ELIGIBLE),
        (Dilution.MORE_VALIDATED, Verdict.ELIGIBLE),
        (Dilution.MORE, Verdict.INCOMPLETE),
    ],
)
def test_a_sample_diluted_by_more_than_half_counts_only_with_a_kit_made_for_it(
    dilution: Dilution, verdict: Verdict
):
    rows = [r for r in results() if r.marker is not M.HIV_NAT]
    rows.append(Result(99, M.HIV_NAT, N, DONATED, dilution=dilution))
    assert judge(EU, rows, ALL_NO, DONATED).verdict is verdict


@pytest.mark.parametrize("marker", PANEL)
def test_one_marker_missing_makes_the_panel_incomplete(marker: Marker):
    rows = [r for r in results() if r.marker is not marker]
    judgement = judge(EU, rows, ALL_NO, DONATED)
    assert judgement.verdict is Verdict.INCOMPLETE
    assert [f.about for f in judgement.findings] == [marker]


def test_one_marker_out_of_its_window_names_the_days_that_would_do():
    rows = [r for r in results() if r.marker is not M.HCV_NAT]
    rows.append(Result(50, M.HCV_NAT, N, DONATED - timedelta(days=31)))
    judgement = judge(EU, rows, ALL_NO, DONATED)
    assert judgement.verdict is Verdict.INCOMPLETE
    assert "2026-02-13" in judgement.lines()[0]
    assert "2026-03-15" in judgement.lines()[0]
    rows.append(Result(51, M.HCV_NAT, N, DONATED))
    assert judge(EU, rows, ALL_NO, DONATED).verdict is Verdict.ELIGIBLE


def test_an_old_reactive_result_counts_although_its_sample_lies_outside_the_window():
    rows = [*results(), Result(60, M.HBS_ANTIGEN, R, DONATED - timedelta(days=400))]
    assert judge(EU, rows, ALL_NO, DONATED).verdict is Verdict.INELIGIBLE


@pytest.mark.parametrize("topic", [t for t in Topic if t not in TEMPORARY])
def test_an_exclusion_of_the_history_is_a_risk_in_europe_and_final_in_america(topic: Topic):
    answers = ALL_NO | {topic: True}
    assert judge(EU, results(), answers, DONATED).verdict is Verdict.RISK_ASSESSMENT
    assert judge(FDA, results(), answers, DONATED).verdict is Verdict.INELIGIBLE


@pytest.mark.parametrize("topic", sorted(TEMPORARY))
@pytest.mark.parametrize("profile", [EU, FDA])
def test_what_passes_defers(profile: Profile, topic: Topic):
    assert judge(profile, results(), ALL_NO | {topic: True}, DONATED).verdict is Verdict.DEFER


@pytest.mark.parametrize("topic", list(Topic))
def test_a_question_that_was_not_asked_is_open(topic: Topic):
    answers = {t: a for t, a in ALL_NO.items() if t is not topic}
    assert judge(EU, results(), answers, DONATED).verdict is Verdict.INCOMPLETE


def test_an_exclusion_outweighs_what_is_open_and_stands_first():
    judgement = judge(EU, [Result(1, M.HIV_NAT, R, DONATED)], {}, DONATED)
    assert judgement.verdict is Verdict.INELIGIBLE
    assert not judgement.is_complete
    assert judgement.lines()[0] == "HIV-1 NAT: reactive."


def test_what_is_open_outweighs_a_deferral_and_a_deferral_a_risk():
    answers = ALL_NO | {Topic.FEVER: True, Topic.MALIGNANCY: True}
    assert judge(EU, results(), answers, DONATED).verdict is Verdict.DEFER
    assert judge(EU, results()[1:], answers, DONATED).verdict is Verdict.INCOMPLETE


@given(
    st.permutations(results((M.HIV_ANTIBODY, R, False), (M.HIV_ANTIBODY, N, True), odd={M.CMV_ANTIBODY: R}))
)
def test_the_order_in_which_rows_come_makes_no_difference(rows: list[Result]):
    assert judge(EU, rows, ALL_NO, DONATED).verdict is Verdict.ELIGIBLE


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Marker)), st.sampled_from(list(Outcome)), st.booleans()), max_size=8
    ),
    st.sampled_from([EU, FDA]),
)
def test_more_results_never_lift_an_exclusion(extra: list[tuple[Marker, Outcome, bool]], profile: Profile):
    assert judged(*extra, profile=profile, hbs_antigen=R).verdict is Verdict.INELIGIBLE
