"""The judgement step by step: opened, checked, certified, released; and the ways aside (D §4.2 to 4.4)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from mscbank.batch.models import Batch
from mscbank.batch.states import BATCH, BatchState
from mscbank.core import acts, clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import Thing, session
from mscbank.core.errors import Refused
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.states import COLD, WARM, Quality
from mscbank.custody.words import Cause as HoldCause
from mscbank.release import standing, trail
from mscbank.release.difference import kept
from mscbank.release.facts import dossiers
from mscbank.release.judged import results_hash, signed_results
from mscbank.release.models import Cause, Certification, Release, TrailReview
from mscbank.release.papers import (
    accept_exception,
    acknowledge_two_step,
    evaluate_exception,
    open_plan,
    open_request,
    prepare_two_step,
    request_exception,
    tell_sponsor,
    what_is_exceptional,
)
from mscbank.release.readiness import BATCH_NOT_FROZEN, TRAIL_UNREVIEWED
from mscbank.release.reviewing import review_trail
from mscbank.release.states import LIFE, State
from mscbank.release.suspension import add_cause, leave, lift, lift_causes, suspend
from mscbank.release.testing import (
    FAILED_LATE,
    correct_result,
    decide_investigation,
    enter_result,
    enter_results,
    review_result,
    review_results,
)

LIFE.facts = dossiers

RECOMPUTED = (standing.vials, standing.people, standing.suspensions, standing.trail_reviews)
"""What ``verify`` asks of this step."""


def vials_of(release: Release) -> list[Vial]:
    """The vials of the batch that are neither used up nor kept: what a judgement moves.

    Their places come with them: a place that is fetched while a vial is half changed would write the half.
    """
    return list(
        session.scalars(
            select(Vial)
            .options(joinedload(Vial.position))
            .where(Vial.batch_id == release.batch_id, Vial.condition.in_((*COLD, *WARM)))
            .order_by(Vial.id)
        )
    )


def read_upstream(release: Release) -> list[Any]:
    """What every judgement reads again and nobody may change meanwhile."""
    batch = release.batch
    donation = batch.donation
    return shared(batch, donation, donation.assessment, donation.consent, batch.link, batch.directed_to)


def _judging(release: Release, **_inputs: Any) -> list[Any]:
    return read_upstream(release)


def _certifying(release: Release, **_inputs: Any) -> list[Any]:
    """The vials too: nothing joins the trail that was reviewed while it is certified."""
    return [*read_upstream(release), *shared(*vials_of(release))]


def _freeing(release: Release, **_inputs: Any) -> list[Any]:
    return [*read_upstream(release), release.batch, *vials_of(release)]


def what_is_judged(release: Release) -> dict[str, Any]:
    """What is signed: batch, frozen specification, recipient, every result with its two people."""
    batch = release.batch
    return {
        "release": release.code,
        "batch": batch.code,
        "specification": [batch.specification.code, batch.specification.edition],
        "recipient": batch.directed_to.code,
        "results": signed_results(release, until=release.certified_at),
        "certified": [release.certified_by, release.certified_at],
    }


def what_is_checked(release: Release) -> dict[str, Any]:
    """The same as it stood at the check."""
    return what_is_judged(release) | {
        "results": signed_results(release, until=release.checked_at),
        "certified": None,
        "checked": [release.checked_by, release.checked_at],
    }


def what_is_reopened(release: Release) -> dict[str, Any]:
    """Which record is opened again: the signature holds whatever is corrected in it afterwards."""
    return {"release": release.code, "batch": release.batch.code}


def what_is_completed(release: Release) -> dict[str, Any]:
    """The same with the results that came after the first step."""
    last = release.certifications[-1] if release.certifications else None
    done = last is not None and release.state is not State.CONDITIONALLY_RELEASED
    until = last.certified_at if last is not None and done else None
    return what_is_judged(release) | {"results": signed_results(release, until=until)}


@action(
    "release.open_review",
    role=(Role.QA, Role.QC_ANALYST),
    creates="release",
    locks=lambda *, batch: shared(batch),
)
def open_review(*, by: Principal, batch: Batch) -> Release:
    """Open the judgement of a batch whose vials are frozen."""
    if batch.state is not BatchState.CRYOPRESERVED:
        raise Refused(BATCH_NOT_FROZEN(state=BATCH.word(batch.state)))
    release = Release(
        code=new_code("release"), site=batch.site, batch=batch, opened_by=by.login, opened_at=clock.now()
    )
    session.add(release)
    return release


@does(LIFE, "check", locks=_judging, content=what_is_checked)
def check(release: Release, *, by: Principal) -> None:
    """State that manufacture and testing followed the dossier."""
    release.checked_by, release.checked_at = by.login, clock.now()


@does(LIFE, "certify", locks=_certifying, content=what_is_judged)
def certify(release: Release, *, by: Principal) -> None:
    """Certify the batch in the register: it was made and tested as its dossier says."""
    release.certified_by, release.certified_at = by.login, clock.now()
    _register(release, by)


def _register(release: Release, by: Principal) -> None:
    session.add(
        Certification(
            release=release, number=len(release.certifications) + 1, certified_by=by.login,
            certified_at=clock.now(), in_two_steps=open_plan(release) is not None,
            results_hash=results_hash(release), certified=kept(release), trail_review=_reviewed(release),
        )
    )  # fmt: skip


def _reviewed(release: Release) -> TrailReview:
    """The review of the audit trail on which a certification rests."""
    found = trail.last_review(release)
    if found is None:
        raise Refused(TRAIL_UNREVIEWED())
    return found


@does(LIFE, "release", locks=_freeing, content=what_is_judged)
def release_batch(release: Release, *, by: Principal) -> None:
    """Give the batch the status released: from here its vials leave quarantine."""
    _let_go(release, by, State.RELEASED)


@does(LIFE, "release_conditionally", locks=_freeing, content=what_is_judged)
def release_conditionally(release: Release, *, by: Principal) -> None:
    """Release in step 1 while results on the allow-list are still to come."""
    plan = open_plan(release)
    acts.current().note(pending=sorted(plan.attributes) if plan else [])
    _let_go(release, by, State.CONDITIONALLY_RELEASED)


@does(LIFE, "complete", locks=_freeing, content=what_is_completed)
def complete(release: Release, *, by: Principal) -> None:
    """Release in step 2: the last results are in, and pass."""
    plan = open_plan(release)
    if plan is not None:
        plan.withdrawn_at = clock.now()
    _register(release, by)
    _let_go(release, by, State.RELEASED)


def _let_go(release: Release, by: Principal, state: State) -> None:
    """Move the release first: the database frees no vial of a batch that does not stand released."""
    release.released_by, release.released_at = by.login, clock.now()
    acts.current().lead(release, state)
    lift_causes(release, by, "released")
    free, wanted = {
        State.RELEASED: (custody.free, (Quality.QUARANTINE, Quality.CONDITIONAL)),
        State.CONDITIONALLY_RELEASED: (custody.free_conditionally, (Quality.QUARANTINE,)),
    }[state]
    free.each([v for v in vials_of(release) if v.quality in wanted and v.condition in COLD], by=by)


@does(LIFE, "reject", locks=_freeing, content=what_is_judged, reason=True)
def reject(release: Release, *, by: Principal) -> None:
    """Reject the batch: none of its vials is given to anybody."""
    leave(release, State.REJECTED)
    custody.reject.each([v for v in vials_of(release) if v.quality is not Quality.REJECTED], by=by)


@does(LIFE, "reopen", locks=lambda release, **_: [release.batch], content=what_is_reopened, reason=True)
def reopen(release: Release) -> None:
    """Open the record again; check and certification are done anew."""
    plan = open_plan(release)
    if plan is not None:
        plan.withdrawn_at = clock.now()
    release.checked_by = release.checked_at = release.certified_by = release.certified_at = None
    release.released_by = release.released_at = None
    leave(release, State.UNDER_REVIEW)


@does(
    LIFE, "reopen_released", locks=lambda release, **_: [release.batch], content=what_is_reopened, reason=True
)
def reopen_released(release: Release, *, by: Principal, reason: str) -> None:
    """Ask for the record to be opened again: the batch is suspended at once."""
    add_cause(release, Cause.REOPENED, reason, by)


@does(LIFE, "except", locks=_freeing, content=what_is_exceptional)
def except_for_recipient(release: Release, *, by: Principal) -> None:
    """Free the vials for the one named patient though the batch is outside its specification."""
    request = open_request(release)
    request.granted_by, request.granted_at = by.login, clock.now()
    acts.current().lead(release, State.OOS_EXCEPTIONAL)
    kept = (Quality.QUARANTINE, Quality.REJECTED)
    vials = [v for v in vials_of(release) if v.quality in kept and v.condition in COLD]
    custody.except_for.each(vials, by=by, recipient=release.batch.directed_to)


@does(LIFE, "recall", locks=lambda release, **_: [release.batch])
def recall(release: Release, *, by: Principal, reason: str, source: Thing | None = None) -> None:
    """Call the batch back: every vial is on hold for good."""
    custody.hold_batch(
        release.batch, by=by, reason=reason or "recall", cause=HoldCause.RECALL, source=source or release
    )
    leave(release, State.RECALLED)


__all__ = [
    "FAILED_LATE",
    "RECOMPUTED",
    "accept_exception",
    "acknowledge_two_step",
    "certify",
    "check",
    "complete",
    "correct_result",
    "decide_investigation",
    "enter_result",
    "enter_results",
    "evaluate_exception",
    "except_for_recipient",
    "lift",
    "open_review",
    "prepare_two_step",
    "read_upstream",
    "recall",
    "reject",
    "release_batch",
    "release_conditionally",
    "reopen",
    "reopen_released",
    "request_exception",
    "review_result",
    "review_results",
    "review_trail",
    "suspend",
    "tell_sponsor",
    "vials_of",
]
