"""The papers of the two ways around a plain release: in two steps (D §4.3), and by exception (D §4.4)."""

from collections.abc import Sequence
from typing import Any

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.release.criteria import Outcome
from mscbank.release.gates import NOTHING_PENDING
from mscbank.release.judged import judged, signed_results
from mscbank.release.models import JUSTIFICATION_LENGTH, ExceptionalUse, Release, TwoStepPlan
from mscbank.release.states import LIFE, State

PHYSICIANS = (Role.PRESCRIBER, Role.TREATING_PHYSICIAN)

TOO_LATE = Refusal(
    "release.papers_too_late", "This is prepared before certification; it stands at “%(state)s”."
)
NOTHING_TO_ACKNOWLEDGE = Refusal(
    "release.nothing_to_acknowledge", "No release in two steps waits for your acknowledgement.", Role.QP
)
NO_REQUEST = Refusal(
    "release.no_request", "No physician's request for an exceptional use is open.", Role.PRESCRIBER
)
NOT_THE_PHYSICIAN = Refusal(
    "release.not_the_physician", "The physician who asked for it accepts it.", Role.PRESCRIBER
)
ALREADY_THERE = Refusal("release.paper_there", "This is recorded already.")
NOT_REACHED = Refusal("release.papers_in_order", "The papers come in their order: %(first)s first.")


def before_certification(release: Release, by: Principal) -> Obstacle | None:
    """A release in two steps is prepared while the record is open."""
    if release.state in (State.UNDER_REVIEW, State.CHECKED):
        return None
    return TOO_LATE(state=LIFE.word(release.state))


def what_may_wait(release: Release) -> dict[str, Any]:
    """What the prescriber acknowledges: the batch, the results, the tests to come and the reason."""
    plan = open_plan(release)
    return {
        "release": release.code,
        "batch": release.batch.code,
        "pending": sorted(plan.attributes) if plan else [],
        "surrogates": plan.surrogates.splitlines() if plan else [],
        "justification": plan.justification if plan else "",
    }


def open_plan(release: Release) -> TwoStepPlan | None:
    """The prepared two-step release, if there is one."""
    return next((plan for plan in reversed(release.two_steps) if plan.withdrawn_at is None), None)


@action("release.prepare_two_step", role=Role.QP, kind="release", unless=before_certification)
def prepare_two_step(
    release: Release, *, by: Principal, justification: str, surrogates: Sequence[str]
) -> None:
    """Prepare a release before the last results: why, and which rapid tests stand for those to come."""
    lines = judged([release])[release.id]
    pending = [one.criterion.attribute for one in lines if one.verdict.may_wait]
    if not pending:
        raise Refused(NOTHING_PENDING())
    passed = {
        one.criterion.attribute for one in lines if one.verdict.outcome is Outcome.PASSES and one.verdict.met
    }
    if not surrogates or not set(surrogates) <= passed:
        raise invalid(surrogates=["Name rapid tests of this batch that passed and were reviewed."])
    if len("".join(justification.split())) < JUSTIFICATION_LENGTH:
        raise invalid(justification=[f"Say why, in at least {JUSTIFICATION_LENGTH} characters."])
    if (earlier := open_plan(release)) is not None:
        earlier.withdrawn_at = clock.now()
    session.add(
        TwoStepPlan(
            release=release, number=len(release.two_steps) + 1, pending="\n".join(pending),
            surrogates="\n".join(dict.fromkeys(surrogates)), justification=justification,
            prepared_by=by.login, prepared_at=clock.now(),
        )
    )  # fmt: skip


@action(
    "release.acknowledge_two_step",
    role=Role.PRESCRIBER,
    kind="release",
    unless=before_certification,
    signs="release in two steps acknowledged",
    content=what_may_wait,
)
def acknowledge_two_step(release: Release, *, by: Principal) -> None:
    """The prescriber takes note that results are still to come when the vials are used."""
    plan = open_plan(release)
    if plan is None or plan.acknowledged_at is not None:
        raise Refused(NOTHING_TO_ACKNOWLEDGE())
    plan.acknowledged_by, plan.acknowledged_at = by.login, clock.now()


# --- by exception --------------------------------------------------------------------------------


def may_ask(release: Release, by: Principal) -> Obstacle | None:
    """An exceptional use is asked for while the batch is under review or after its rejection."""
    if release.state in (State.UNDER_REVIEW, State.REJECTED):
        return None
    return TOO_LATE(state=LIFE.word(release.state))


def last_request(release: Release) -> ExceptionalUse | None:
    """The latest request for an exceptional use, granted or not."""
    return release.exceptions[-1] if release.exceptions else None


def open_request(release: Release) -> ExceptionalUse:
    """The request for an exceptional use that nobody has granted yet; refused when there is none."""
    last = last_request(release)
    if last is None or last.granted_at is not None:
        raise Refused(NO_REQUEST())
    return last


def what_is_requested(release: Release) -> dict[str, Any]:
    """What a physician asks for: this batch for its recipient."""
    return {
        "release": release.code,
        "batch": release.batch.code,
        "recipient": release.batch.directed_to.code,
    }


def what_is_accepted(release: Release) -> dict[str, Any]:
    """What a physician accepts: the risk evaluation as it was given."""
    request = last_request(release)
    return what_is_requested(release) | {"evaluation": request.evaluation if request else None}


def what_is_exceptional(release: Release) -> dict[str, Any]:
    """What is signed for an exceptional use: the results as they stood, and the evaluation."""
    request = last_request(release)
    until = request.granted_at if request else None
    return what_is_accepted(release) | {"results": signed_results(release, until=until)}


@action(
    "release.request_exception",
    role=PHYSICIANS,
    kind="release",
    unless=may_ask,
    signs="exceptional use requested",
    content=what_is_requested,
)
def request_exception(release: Release, *, by: Principal, hazard: str) -> None:
    """The physician asks for a batch outside its specification, to avert an immediate significant hazard."""
    last = last_request(release)
    if last is not None and last.granted_at is None:
        raise Refused(ALREADY_THERE())
    if len("".join(hazard.split())) < JUSTIFICATION_LENGTH:
        raise invalid(
            hazard=[f"Say which immediate hazard, and why no other way: {JUSTIFICATION_LENGTH} characters."]
        )
    session.add(
        ExceptionalUse(
            release=release, number=len(release.exceptions) + 1, hazard=hazard, requested_by=by.login,
            requested_at=clock.now(),
        )
    )  # fmt: skip


@action(
    "release.evaluate_exception", role=Role.QP, kind="release", unless=may_ask, signs="risk evaluation given"
)
def evaluate_exception(release: Release, *, by: Principal, evaluation: str) -> None:
    """Give the physician the written risk evaluation: the product is out of specification."""
    request = open_request(release)
    if request.evaluated_at is not None:
        raise Refused(ALREADY_THERE())
    request.evaluation, request.evaluated_by, request.evaluated_at = evaluation, by.login, clock.now()


@action(
    "release.accept_exception",
    role=PHYSICIANS,
    kind="release",
    unless=may_ask,
    signs="exceptional use accepted",
    content=what_is_accepted,
)
def accept_exception(release: Release, *, by: Principal) -> None:
    """The physician who asked accepts the risk evaluation: the product is supplied at this request."""
    request = open_request(release)
    if request.evaluated_at is None:
        raise Refused(NOT_REACHED(first="the risk evaluation"))
    if request.requested_by != by.login:
        raise Refused(NOT_THE_PHYSICIAN())
    if request.accepted_at is not None:
        raise Refused(ALREADY_THERE())
    request.accepted_by, request.accepted_at = by.login, clock.now()


@action("release.tell_sponsor", role=Role.QP, kind="release", unless=may_ask, reason=True)
def tell_sponsor(release: Release, *, by: Principal) -> None:
    """Record that the sponsor was told of the exceptional use; the reason says how and whom."""
    request = open_request(release)
    if request.accepted_at is None:
        raise Refused(NOT_REACHED(first="the physician's acceptance"))
    if request.sponsor_told_at is not None:
        raise Refused(ALREADY_THERE())
    request.sponsor_told_by, request.sponsor_told_at = by.login, clock.now()
