"""Whether an event counts as related, and what does not fit together (D §7.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.safety.causality import differ, inconsistencies, is_related, is_susar
from mscbank.safety.words import SUSPECTED, Causality, Criterion, Outcome

C = Causality
WORDS = st.none() | st.sampled_from(Causality)


@pytest.mark.parametrize(
    ("investigator", "sponsor", "related"),
    [
        (None, None, True),
        (None, C.NOT_RELATED, True),
        (C.RELATED, C.NOT_RELATED, True),
        (C.POSSIBLE, C.UNLIKELY, True),
        (C.NOT_ASSESSABLE, None, True),
        (C.UNLIKELY, None, False),
        (C.NOT_RELATED, None, False),
        (C.NOT_RELATED, C.POSSIBLE, True),
        (C.NOT_RELATED, C.NOT_RELATED, False),
    ],
)
def test_either_party_makes_it_related(investigator, sponsor, related):
    assert is_related(investigator, sponsor) is related


@given(WORDS, WORDS)
def test_invariant_20_the_sponsor_never_lowers(investigator, sponsor):
    """Whatever the sponsor says, what the investigator suspects, or has not answered, stays related."""
    if is_related(investigator, None):
        assert is_related(investigator, sponsor)
    assert is_related(investigator, sponsor) == (
        investigator is None or investigator in SUSPECTED or sponsor in SUSPECTED
    )


@given(WORDS, WORDS)
def test_they_differ_only_when_both_have_spoken(investigator, sponsor):
    said = differ(investigator, sponsor)
    assert said == (
        investigator is not None
        and sponsor is not None
        and (investigator in SUSPECTED) != (sponsor in SUSPECTED)
    )


@pytest.mark.parametrize(
    ("serious", "related", "expected", "susar"),
    [
        (True, True, False, True),
        (True, True, None, True),
        (True, True, True, False),
        (False, True, False, False),
        (True, False, False, False),
    ],
)
def test_a_susar_is_serious_suspected_and_unexpected(serious, related, expected, susar):
    assert is_susar(serious=serious, related=related, expected=expected) is susar


DEATH, LIFE, HOSPITAL = Criterion.DEATH, Criterion.LIFE_THREATENING, Criterion.HOSPITALISATION


@pytest.mark.parametrize(
    ("grade", "serious_for", "outcome", "faults"),
    [
        (5, [DEATH], Outcome.FATAL, set()),
        (5, [DEATH, HOSPITAL], Outcome.FATAL, set()),
        (5, [], Outcome.FATAL, {"serious_for"}),
        (5, [DEATH], Outcome.RECOVERED, {"outcome"}),
        (3, [DEATH], Outcome.FATAL, {"ctcae_grade"}),
        (None, [], Outcome.FATAL, {"ctcae_grade", "serious_for"}),
        (4, [LIFE], Outcome.RECOVERED, set()),
        (4, [HOSPITAL], Outcome.RECOVERED, {"serious_for"}),
        (4, [DEATH], Outcome.FATAL, {"ctcae_grade", "serious_for"}),
        (3, [], Outcome.RECOVERED, set()),
        (1, [HOSPITAL], Outcome.RECOVERED, set()),
        (2, [LIFE], Outcome.RECOVERING, set()),
        (None, [], Outcome.UNKNOWN, set()),
    ],
)
def test_grade_consequence_and_outcome_fit_together(grade, serious_for, outcome, faults):
    assert set(inconsistencies(grade, serious_for, outcome)) == faults


@given(st.integers(1, 3), st.sets(st.sampled_from([LIFE, HOSPITAL, Criterion.DISABILITY])))
def test_severity_and_seriousness_are_free_of_each_other_below_death(grade, serious_for):
    """A serious event of grade 1 and a grade 3 that led to nothing are both possible (invariant 20)."""
    assert inconsistencies(grade, serious_for, Outcome.RECOVERED) == {}
