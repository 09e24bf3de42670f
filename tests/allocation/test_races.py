"""Fifty requests over four processes for the same vials: exactly one yes, on both engines."""

from collections import Counter

import pytest
from sqlalchemy import select

from mscbank.allocation.models import AllocatedVial, Allocation
from mscbank.allocation.states import State
from mscbank.core.db import session
from mscbank.custody.models import Vial
from mscbank.custody.states import Reservation
from tests.allocation import racing
from tests.processes import prepared

pytestmark = [pytest.mark.db, pytest.mark.timeout(180)]

REQUESTS, PROCESSES = 50, 4


def race(url: str, what: str) -> Counter[str]:
    """Send fifty requests over four processes at the same moment; how often each answer came."""
    session.remove()
    place = prepared()
    gate, answers = place.Barrier(PROCESSES), place.Queue()
    shares = [list(range(n, REQUESTS, PROCESSES)) for n in range(PROCESSES)]
    runners = [
        place.Process(target=racing.runner, args=(url, what, share, gate, answers)) for share in shares
    ]
    for process in runners:
        process.start()
    came = [answer for _ in runners for answer in answers.get(timeout=150)]
    for process in runners:
        process.join(30)
    session.expire_all()
    assert len(came) == REQUESTS
    return Counter(came)


def test_invariant_5_the_vials_of_a_dose_are_reserved_once(verified, url):
    came = race(url, "reserve")
    assert came["yes"] == 1, came
    assert set(came) - {"yes"} <= {"lifecycle.wrong_state", "busy"}
    rows = session.scalars(select(AllocatedVial)).all()
    assert (len(rows), session.scalars(select(Allocation.state)).one()) == (4, State.RESERVED)
    reserved = session.scalars(select(Vial).where(Vial.reservation == Reservation.RESERVED)).all()
    assert {vial.id for vial in reserved} == {row.vial_id for row in rows}


def test_invariant_15_a_patient_is_prescribed_for_once(stocked, url):
    came = race(url, "draft")
    assert came["yes"] == 1, came
    assert set(came) - {"yes"} <= {"allocation.one_a_protocol", "busy"}
    assert len(session.scalars(select(Allocation)).all()) == 1
