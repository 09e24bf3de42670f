"""What safety writes by itself: an infusion past a gate is a medication error that somebody must judge."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from mscbank.core import clock, messages, parameters
from mscbank.core.access import Principal
from mscbank.core.acts import action, current
from mscbank.core.codes import new_code
from mscbank.core.db import any_of, session
from mscbank.core.messages import Touched
from mscbank.infusion.actions import AS_HAPPENED
from mscbank.infusion.models import Infusion
from mscbank.safety.models import TERM_LENGTH, AdverseEvent
from mscbank.safety.recording import CTCAE
from mscbank.safety.words import Outcome

ERROR = "Medication error: %(gate)s"
FROM_RECORD = "Drafted from infusion %(infusion)s, which was recorded as it happened. Grade and consequences"
FROM_RECORD += " are open."


@action("adverse_event.draft_error", creates="adverse_event")
def draft_error(*, by: Principal, infusion: Infusion, gate: str, occurred_at: datetime) -> AdverseEvent:
    """Draft a medication error: the patient, when it happened, which gate was passed; nothing is guessed."""
    now = clock.now()
    event = AdverseEvent(
        code=new_code("adverse_event"), site=infusion.recipient.site, recipient=infusion.recipient,
        protocol=infusion.protocol, term=(ERROR % {"gate": gate})[:TERM_LENGTH],
        description=FROM_RECORD % {"infusion": infusion.code}, onset_at=occurred_at, is_medication_error=True,
        ctcae_version=parameters.value(CTCAE), outcome=Outcome.UNKNOWN, aware_at=now, reported_at=now,
        reported_by=by.login,
    )  # fmt: skip
    session.add(event)
    return event


@messages.consequence(AS_HAPPENED, locks=lambda touched: [])
def draft(*, touched: Touched, gate: str, occurred_at: datetime, **_payload: Any) -> None:
    """An infusion that happened past a gate drafts a medication error, in the act that records it."""
    codes = [code for kind, code in touched if kind == Infusion.kind]
    for infusion in session.scalars(select(Infusion).where(any_of(Infusion.code, codes))):
        draft_error(by=current().by, infusion=infusion, gate=gate, occurred_at=occurred_at)
