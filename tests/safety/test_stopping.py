"""The stopping rule (D §1.3): what counts, and which act sets it off."""

import pytest

from mscbank.safety.periods import Period
from mscbank.safety.stopping import Judged, pauses, stops

EARLY = Judged(3, True, Period.TO_DAY_10)


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (Judged(3, True, Period.DURING), True),
        (Judged(5, True, Period.TO_DAY_10), True),
        (Judged(2, True, Period.TO_DAY_10), False),
        (Judged(3, False, Period.TO_DAY_10), False),
        (Judged(3, True, Period.LATER), False),
        (Judged(3, True, Period.PRE_INFUSION), False),
        (Judged(None, True, Period.DURING), False),
    ],
)
def test_related_grade_3_from_the_infusion_to_day_10_counts(event, counts):
    assert stops(event, 3) is counts


def test_the_event_that_comes_to_count_pauses():
    mild = Judged(2, True, Period.TO_DAY_10)
    assert pauses(None, EARLY, [], grade=3, events=1)
    assert pauses(mild, EARLY, [], grade=3, events=1)
    assert not pauses(EARLY, EARLY, [], grade=3, events=1)
    assert not pauses(EARLY, Judged(5, True, Period.TO_DAY_10), [], grade=3, events=1)
    assert not pauses(None, mild, [EARLY], grade=3, events=1)


def test_a_protocol_may_stop_at_the_second_event():
    assert not pauses(None, EARLY, [], grade=3, events=2)
    assert pauses(None, EARLY, [EARLY], grade=3, events=2)
    assert not pauses(None, EARLY, [Judged(2, True, Period.DURING)], grade=3, events=2)
