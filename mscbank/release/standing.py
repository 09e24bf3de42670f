"""What ``verify`` recomputes of the judgement: who may have which vials, and who judged what."""

from collections.abc import Iterator

from sqlalchemy import select

from mscbank.batch import registry
from mscbank.batch.models import Batch
from mscbank.core.checks import Fault, check
from mscbank.core.db import any_of, session
from mscbank.core.record import Record
from mscbank.custody.models import Hold, Vial
from mscbank.custody.states import Quality
from mscbank.release import trail
from mscbank.release.models import Release, Result, ResultReview, Suspension, TrailReview
from mscbank.release.states import State

AT_ONCE = 1000
REOPENED = (State.UNDER_REVIEW, State.CHECKED, State.CERTIFIED)
STOPPED = (State.SUSPENDED, State.RECALLED)

MAY_STAND: dict[Quality, tuple[State, ...]] = {
    Quality.AVAILABLE: (State.RELEASED, *STOPPED, *REOPENED),
    Quality.CONDITIONAL: (State.CONDITIONALLY_RELEASED, *STOPPED, *REOPENED),
    Quality.EXCEPTIONAL: (State.OOS_EXCEPTIONAL, *STOPPED, *REOPENED),
}
"""Quality of a vial → where the release of its batch may stand; a re-opened one keeps its vials on hold."""


@check("release.vials")
def vials() -> Iterator[Fault]:
    """No vial is out of quarantine unless its batch was released for that, and a stopped batch is on hold."""
    after = 0
    while releases := session.scalars(
        select(Release).where(Release.id > after).order_by(Release.id).limit(AT_ONCE)
    ).all():
        after = releases[-1].id
        states = {release.batch_id: release.state for release in releases}
        held = _held(list(states))
        rows = session.execute(
            select(Vial.code, Vial.batch_id, Vial.quality).where(
                any_of(Vial.batch_id, list(states)), Vial.quality.in_(sorted(MAY_STAND))
            )
        )
        for code, batch_id, quality in rows:
            state = states[batch_id]
            if state not in MAY_STAND[quality]:
                yield "vial", code, f"it is {quality} while the release of its batch stands at {state}"
            elif state in (*STOPPED, *REOPENED) and batch_id not in held:
                yield "vial", code, f"its batch stands at {state} and is not on hold"
    yield from _unjudged()


def _held(batch_ids: list[int]) -> set[int]:
    rows = session.scalars(
        select(Hold.batch_id).where(any_of(Hold.batch_id, batch_ids), Hold.lifted_at.is_(None))
    )
    return {batch_id for batch_id in rows if batch_id is not None}


def _unjudged() -> Iterator[Fault]:
    judged = select(Release.id).where(Release.batch_id == Vial.batch_id).exists()
    for code in session.scalars(
        select(Vial.code).where(Vial.quality != Quality.QUARANTINE, ~judged).order_by(Vial.id)
    ):
        yield "vial", code, "it left quarantine although nobody judged its batch"


@check("release.people")
def people() -> Iterator[Fault]:
    """Who certified a batch made nothing of it, tested nothing, and is not who checked it."""
    after = 0
    while releases := session.scalars(
        select(Release)
        .where(Release.id > after, Release.certified_by.is_not(None))
        .order_by(Release.id)
        .limit(AT_ONCE)
    ).all():
        after = releases[-1].id
        testers = _testers([release.id for release in releases])
        batches = {
            b.id: b
            for b in session.scalars(select(Batch).where(any_of(Batch.id, [r.batch_id for r in releases])))
        }
        for release in releases:
            by = release.certified_by
            if by in testers.get(release.id, set()):
                yield "release", release.code, f"{by} tested the batch and certified it"
            if by in registry.executors(batches[release.batch_id]):
                yield "release", release.code, f"{by} worked on the batch and certified it"
            if by == release.checked_by:
                yield "release", release.code, f"{by} checked the batch and certified it"


def _testers(release_ids: list[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    rows = session.execute(
        select(Result.release_id, Result.entered_by, ResultReview.reviewed_by)
        .outerjoin(ResultReview, ResultReview.result_id == Result.id)
        .where(any_of(Result.release_id, release_ids))
    )
    for release_id, entered_by, reviewed_by in rows:
        found.setdefault(release_id, set()).update(login for login in (entered_by, reviewed_by) if login)
    return found


@check("release.suspensions")
def suspensions() -> Iterator[Fault]:
    """A cause that is open has its hold open, and the other way round."""
    rows = session.execute(
        select(Release.code, Suspension.number, Suspension.lifted_at, Hold.lifted_at)
        .join(Suspension, Suspension.release_id == Release.id)
        .join(Hold, Hold.id == Suspension.hold_id)
        .order_by(Suspension.id)
    )
    for code, number, cause_lifted, hold_lifted in rows:
        if (cause_lifted is None) is not (hold_lifted is None):
            yield "release", code, f"suspension {number} and its hold tell different stories"


def _as_read(marks: set[trail.Mark]) -> set[trail.Mark]:
    """Those of the marks whose entries are in the record."""
    rows = session.execute(
        select(Record.chain_kind, Record.chain_code, Record.chain_sequence, Record.hash).where(
            Record.chain_kind.in_({mark[0] for mark in marks}),
            any_of(Record.chain_code, {mark[1] for mark in marks}),
            any_of(Record.chain_sequence, {mark[2] for mark in marks}),
        )
    )
    return marks & {(kind, code, sequence, hash_) for kind, code, sequence, hash_ in rows}


@check("release.trail_reviews")
def trail_reviews() -> Iterator[Fault]:
    """Every entry up to which an audit trail was reviewed is there as it was read."""
    after = 0
    while reviews := session.scalars(
        select(TrailReview).where(TrailReview.id > after).order_by(TrailReview.id).limit(AT_ONCE)
    ).all():
        after = reviews[-1].id
        found = {review.id: trail.marks_of(review) for review in reviews}
        there = _as_read({mark for marks in found.values() for mark in marks})
        for review in reviews:
            code = review.release.code
            if trail.seen_of(found[review.id]) != review.marks_hash:
                yield "release", code, f"review {review.number} of the audit trail was altered"
            missing = sum(mark not in there for mark in found[review.id])
            if missing:
                said = f"review {review.number} read {missing} entries that are not there as they were read"
                yield "release", code, said
