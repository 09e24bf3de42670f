"""An infusion past a gate drafts a medication error, in the act that records it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.core.access import load
from mscbank.core.db import session
from mscbank.infusion import actions as infusion
from mscbank.infusion.models import Infusion
from mscbank.ops.demo.cast import WARD, WARD_2
from mscbank.safety import actions
from mscbank.safety.courses import judged
from mscbank.safety.models import AdverseEvent
from mscbank.safety.report import report_of
from mscbank.safety.states import State
from tests.fixtures import Walked


@pytest.mark.db
def test_what_happened_past_a_gate_drafts_a_medication_error(reserved: Walked):
    family = reserved.first
    now = reserved.stage.now
    made = reserved.stage.sign(
        infusion.record_as_happened, None, WARD, WARD_2, reason="the network was down",
        recipient=family.recipient, protocol=family.protocol, vials=family.stock[:2], ward="Ward 3",
        started_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1), gate="no bedside check",
        source_document="downtime form 12", allocation=family.allocation,
    )  # fmt: skip
    session.expire_all()
    event = session.scalars(select(AdverseEvent)).one()
    assert isinstance(made, Infusion)
    assert event.recipient is family.recipient
    assert (event.is_medication_error, event.ctcae_grade, event.state) == (True, None, State.REPORTED)
    assert event.term == "Medication error: no bedside check"
    assert made.code in str(event.description)
    assert not family.protocol.paused_at
    assert not any(one.grade for one in judged([event]).values())
    report = report_of(family.protocol)
    assert (report.table.infused, report.ungraded, len(report.events)) == (1, 1, 0)
    assert load("nurse") is not None


def test_a_draft_is_only_a_step_of_a_bigger_act():
    assert actions.draft_error.role == ()
