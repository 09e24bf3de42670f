"""Recording that a patient was seen (D §1.5): the follow-up from which the report counts."""

from datetime import date
from typing import Any

from sqlalchemy import func, select

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.family.models import Recipient
from mscbank.safety import visits
from mscbank.safety.courses import infusions_of, plans_of, standing_visits
from mscbank.safety.models import FollowUpVisit
from mscbank.safety.visits import UNPLANNED
from mscbank.study.models import Protocol

VISITORS = (Role.INVESTIGATOR, Role.TREATING_PHYSICIAN, Role.NURSE)

NOT_ENROLLED = Refusal(
    "visit.not_enrolled", "%(patient)s is not enrolled in a protocol: it has no visits.", Role.INVESTIGATOR
)
NO_SUCH_VISIT = Refusal("visit.unknown", "There is no visit %(number)s that could be corrected.")
SAME_PROTOCOL = "This patient is not enrolled in that protocol."


def _not_enrolled(recipient: Recipient, by: Principal) -> Obstacle | None:
    return None if recipient.enrolments else NOT_ENROLLED(patient=recipient.called)


def _around(recipient: Recipient, **_inputs: Any) -> list[Any]:
    protocols = [enrolment.protocol for enrolment in recipient.enrolments]
    return shared(*protocols, *infusions_of([recipient.id]).values())


@action("recipient.record_visit", role=VISITORS, kind="recipient", unless=_not_enrolled, locks=_around)
def record_visit(
    recipient: Recipient, *, by: Principal, visited_on: date, name: str = UNPLANNED,
    protocol: Protocol | None = None, is_alive: bool = True, has_malignancy: bool = False,
    skin_score: int | None = None, note: str | None = None,
) -> None:  # fmt: skip
    """Record that the patient was seen: which visit of the schedule, or one out of turn, and on which day."""
    _record(
        recipient, by, _protocol(recipient, protocol), None, name=name, visited_on=visited_on,
        is_alive=is_alive, has_malignancy=has_malignancy, skin_score=skin_score, note=note,
    )  # fmt: skip


@action(
    "recipient.correct_visit", role=VISITORS, kind="recipient", reason=True, unless=_not_enrolled,
    locks=_around,
)  # fmt: skip
def correct_visit(
    recipient: Recipient, *, by: Principal, number: int, visited_on: date, name: str = UNPLANNED,
    is_alive: bool = True, has_malignancy: bool = False, skin_score: int | None = None,
    note: str | None = None,
) -> None:  # fmt: skip
    """Enter a visit again as it was; the wrong entry stays readable and no longer counts."""
    wrong = next(
        (v for rows in standing_visits([recipient.id]).values() for v in rows if v.number == number), None
    )
    if wrong is None:
        raise Refused(NO_SUCH_VISIT(number=number))
    _record(
        recipient, by, wrong.protocol, wrong, name=name, visited_on=visited_on, is_alive=is_alive,
        has_malignancy=has_malignancy, skin_score=skin_score, note=note,
    )  # fmt: skip


def _protocol(recipient: Recipient, named: Protocol | None) -> Protocol:
    enrolled = [enrolment.protocol for enrolment in recipient.enrolments]
    if named is not None and named not in enrolled:
        raise invalid(protocol=[SAME_PROTOCOL])
    return named or enrolled[-1]


def _record(
    recipient: Recipient, by: Principal, protocol: Protocol, wrong: FollowUpVisit | None, *, name: str,
    visited_on: date, **findings: Any,
) -> None:  # fmt: skip
    if visited_on > clock.today(protocol.infusion_zone):
        raise invalid(visited_on=[visits.FUTURE])
    infusion = infusions_of([recipient.id]).get((recipient.id, protocol.id))
    standing = standing_visits([recipient.id]).get((recipient.id, protocol.id), [])
    judged = visits.judge(
        name, visited_on, infused_on=infusion.infused_on if infusion else None, plans=plans_of(protocol),
        recorded={v.name for v in standing if v is not wrong},
    )  # fmt: skip
    if judged.fault is not None:
        raise invalid(**{judged.field: [judged.fault]})
    last = session.scalar(
        select(func.max(FollowUpVisit.number)).where(FollowUpVisit.recipient_id == recipient.id)
    )
    session.add(
        FollowUpVisit(
            recipient=recipient, protocol=protocol, number=(last or 0) + 1, name=name, visited_on=visited_on,
            in_window=judged.in_window, replaces=wrong.number if wrong else None, recorded_by=by.login,
            recorded_at=clock.now(), **findings,
        )
    )  # fmt: skip
