"""Which vials are taken: first expiring first, then nearest together."""

from datetime import date
from fractions import Fraction

from mscbank.allocation.plan import Candidate, propose
from mscbank.core.errors import Refusal

ON_HOLD = Refusal("test.plan_on_hold", "On hold.")
EARLY, LATE = date(2028, 6, 29), date(2029, 6, 29)
EACH = Fraction(16_192_000)


def vial(
    number: int, *, expires=EARLY, box="box A", row=1, column=None, held=False, viable=EACH
) -> Candidate:
    return Candidate(
        code=f"V{number:02d}",
        number=number,
        viable=viable,
        expires_on=expires,
        box=box,
        row=row,
        column=column or number,
        obstacle=ON_HOLD() if held else None,
    )


def numbers(candidates) -> list[int]:
    return [c.number for c in candidates]


def test_the_vials_of_the_picture():
    """Vials 03, 04, 06 and 07 are proposed: 05 is on hold, with its reason."""
    proposal = propose([vial(n, held=n == 5) for n in range(3, 23)], 62_400_000)
    assert numbers(proposal.first(4)) == [3, 4, 6, 7]
    assert [(c.number, c.obstacle.code) for c in proposal.excluded] == [(5, "test.plan_on_hold")]
    assert len(proposal.order) == 19


def test_what_expires_first_is_taken_first_even_from_another_box():
    proposal = propose(
        [vial(1, expires=LATE), vial(2, expires=LATE), vial(9, expires=EARLY, box="box B")], 2 * EACH
    )
    assert numbers(proposal.order) == [9, 1, 2]


def test_of_one_date_as_few_boxes_as_possible_are_opened():
    scattered = [vial(1, box="box A"), vial(2, box="box B"), vial(3, box="box B"), vial(4, box="box B")]
    assert numbers(propose(scattered, 3 * EACH).first(3)) == [2, 3, 4]


def test_the_smallest_box_that_is_enough_is_emptied_first():
    vials = [vial(n, box="box A") for n in range(1, 9)] + [vial(n, box="box B") for n in range(11, 14)]
    assert numbers(propose(vials, 3 * EACH).first(3)) == [11, 12, 13]


def test_where_no_box_is_enough_the_fullest_comes_first():
    vials = [vial(1, box="box A"), vial(2, box="box B"), vial(3, box="box B")]
    assert numbers(propose(vials, 3 * EACH).order) == [2, 3, 1]


def test_a_box_that_is_open_already_costs_nothing():
    vials = [
        vial(1, box="box A", expires=EARLY),
        vial(2, box="box A", expires=LATE),
        vial(3, box="box B", expires=LATE),
    ]
    assert numbers(propose(vials, 2 * EACH).first(2)) == [1, 2]


def test_a_box_is_emptied_along_its_rows():
    vials = [vial(1, row=2, column=1), vial(2, row=1, column=9), vial(3, row=1, column=2)]
    assert numbers(propose(vials, 3 * EACH).order) == [3, 2, 1]


def test_a_vial_that_lies_in_no_box_comes_last():
    assert numbers(propose([vial(1, box=None), vial(2)], EACH).order) == [2, 1]


def test_the_order_does_not_depend_on_the_order_of_the_rows_read():
    vials = [vial(n, held=n % 3 == 0) for n in range(1, 20)]
    assert propose(vials, 5 * EACH) == propose(list(reversed(vials)), 5 * EACH)


def test_nothing_is_proposed_where_nothing_can_be_taken():
    proposal = propose([vial(1, held=True)], EACH)
    assert proposal.order == ()
    assert numbers(proposal.excluded) == [1]
