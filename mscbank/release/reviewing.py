"""The review of the audit trail: a signed act for each batch, before it is certified (Annex 11, 9)."""

import json
from collections.abc import Iterable
from typing import Any

from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import REASON_NEEDED, action, reasoned
from mscbank.core.canonical import canonical
from mscbank.core.db import KINDS, session
from mscbank.core.errors import Obstacle, Refusal, Refused, Stale, invalid
from mscbank.core.lateness import late_after
from mscbank.core.record import Outcome, Record
from mscbank.release import exceptions, gates, trail
from mscbank.release.exceptions import Entry, Why
from mscbank.release.facts import BEFORE_CERTIFICATION, dossiers
from mscbank.release.models import Release, TrailReview
from mscbank.release.states import LIFE

NOT_TO_REVIEW = Refusal(
    "release.trail_not_to_review",
    "The batch stands at “%(state)s”: no certification is to come for which the audit trail is reviewed.",
)
TRAIL_MOVED = Refusal(
    "release.trail_moved",
    "The record went on while the audit trail was being read. Read what is new, then sign.",
    Role.QA,
)
NOTHING_NEW = Refusal(
    "release.trail_reviewed_already", "The audit trail is reviewed, and nothing came since.", Role.QA
)


def reasons(rows: Iterable[Record]) -> dict[str, tuple[Why, ...]]:
    """Act → why it is picked out, for every entry that is."""
    late = late_after()
    lives = {kind: tuple(model.lives) for kind, model in KINDS.items()}
    found = {row.act: exceptions.why(_entry(row), lives, late) for row in rows}
    return {act: said for act, said in found.items() if said}


def _entry(row: Record) -> Entry:
    return Entry(
        row.action, row.outcome is Outcome.REFUSED, row.happened_at, row.entered_at, json.loads(row.body)
    )


def _not_to_review(release: Release, by: Principal) -> Obstacle | None:
    if release.state not in BEFORE_CERTIFICATION:
        return NOT_TO_REVIEW(state=LIFE.word(release.state))
    return gates.reviews_own_trail(dossiers([release])[release.id], by)


def what_is_reviewed(release: Release) -> dict[str, Any]:
    """What the review's signature holds on to: the batch, and the end of each chain up to which it was read.

    What is about to be read is among the inputs, as the signer saw it.
    """
    last = trail.last_review(release)
    return {
        "release": release.code,
        "batch": release.batch.code,
        "review": None if last is None else [
            last.number, last.comment, last.findings, last.entries, last.exceptions,
            [list(mark) for mark in trail.marks_of(last)],
        ],
    }  # fmt: skip


@action(
    "release.review_trail",
    role=Role.QA,
    kind="release",
    unless=_not_to_review,
    signs="audit trail reviewed",
    content=what_is_reviewed,
)
def review_trail(
    release: Release, *, by: Principal, seen: str, comment: str, findings: str | None = None
) -> None:
    """Sign that the audit trail of the batch was reviewed, up to the entries that were read."""
    if not reasoned(comment):
        raise invalid(comment=[REASON_NEEDED])
    found = trail.marks(trail.read(release))
    if trail.seen_of(found) != seen:
        raise Stale(TRAIL_MOVED())
    last = trail.last_review(release)
    if last is not None and last.marks_hash == seen:
        raise Refused(NOTHING_NEW())
    rows = trail.entries(release)
    session.add(
        TrailReview(
            release=release, number=len(release.trail_reviews) + 1, reviewed_by=by.login,
            reviewed_at=clock.now(), comment=comment, findings=findings, entries=len(rows),
            exceptions=len(reasons(rows)), marks=canonical([list(mark) for mark in found]), marks_hash=seen,
        )
    )  # fmt: skip
