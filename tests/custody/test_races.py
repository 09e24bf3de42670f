"""The last vial wanted by fifty requests over four processes: exactly one yes, on both engines."""

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from mscbank.core import checks
from mscbank.core.db import session
from mscbank.custody.models import Vial
from mscbank.custody.states import Condition, Reservation
from tests import make_custody
from tests.custody import racing
from tests.custody.conftest import first_box, first_vials
from tests.processes import prepared

pytestmark = [pytest.mark.db, pytest.mark.long, pytest.mark.timeout(240)]

REQUESTS = 50
PROCESSES = 4


class Track:
    """Four processes that wait for the next race."""

    def __init__(self) -> None:
        place = prepared()
        gate, self.answers = place.Barrier(PROCESSES), place.Queue()
        self.orders = [place.Queue() for _ in range(PROCESSES)]
        self.runners = [
            place.Process(target=racing.runner, args=(gate, orders, self.answers), daemon=True)
            for orders in self.orders
        ]
        for process in self.runners:
            process.start()
        for _ in self.runners:
            assert self.answers.get(timeout=150) == "ready"

    def race(self, url: str, what: str, code: str) -> Counter[str]:
        """Send fifty requests over four processes at the same moment; how often each answer came."""
        session.remove()
        for n, orders in enumerate(self.orders):
            orders.put((url, what, code, list(range(n, REQUESTS, PROCESSES))))
        came = [answer for _ in self.runners for answer in self.answers.get(timeout=60)]
        session.expire_all()
        assert len(came) == REQUESTS
        return Counter(came)

    def close(self) -> None:
        """Send everybody home."""
        for orders in self.orders:
            orders.put(None)
        for process in self.runners:
            process.join(30)


@pytest.fixture(scope="module")
def track() -> Iterator[Track]:
    """The track, laid once."""
    made = Track()
    yield made
    made.close()


def refused(came: Counter[str]) -> set[str]:
    return set(came) - {"yes"}


def sound() -> bool:
    session.rollback()
    return not list(checks.run("custody.ledger", "custody.balance"))


def test_invariant_5_the_last_vial_is_reserved_once(track, released):
    code = first_vials()[0].code
    came = track.race(released, "reserve", code)
    assert came["yes"] == 1, came
    assert refused(came) <= {"lifecycle.wrong_state", "custody.not_for_this", "busy"}
    vial = racing.vial(code)
    assert vial.reservation is Reservation.RESERVED
    assert sound()


def test_invariant_4_the_reserved_vial_is_picked_once(track, released):
    vial = first_vials()[0]
    make_custody.reserved([vial])
    code = vial.code
    came = track.race(released, "pick", code)
    assert came["yes"] == 1, came
    assert refused(came) <= {"lifecycle.wrong_state", "busy"}
    assert racing.vial(code).holder_code.startswith("runner")
    assert sound()


def test_invariant_7_the_vial_is_destroyed_once(track, stock):
    code = first_vials()[0].code
    came = track.race(stock, "destroy", code)
    assert came["yes"] == 1, came
    assert refused(came) <= {"lifecycle.wrong_state", "signature.content_changed", "stale", "busy"}
    assert racing.vial(code).condition is Condition.DESTROYED
    assert sound()


def test_invariant_4_one_vial_gets_the_position(track, stock):
    codes = [vial.code for vial in first_vials()]
    position = make_custody.positions(first_box())[40].code
    came = track.race(stock, "move", f"{','.join(codes)}>{position}")
    assert came["yes"] == 1, came
    assert refused(came) <= {"custody.position_holds", "custody.position_taken", "custody.lies_there", "busy"}
    lying = session.scalars(select(Vial).where(Vial.code.in_(codes)))
    assert sum(vial.position.code == position for vial in lying) == 1
    assert sound()
