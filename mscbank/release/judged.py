"""All results of a batch, criterion by criterion, with what they say together; loaded in bulk."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.reading import once_an_act
from mscbank.release.criteria import Limit, Outcome, Reported, Verdict, judge
from mscbank.release.models import Release, Result, ResultInvalidation, ResultReview
from mscbank.release.words import with_unit
from mscbank.study.limits import Stage
from mscbank.study.models import Criterion
from mscbank.study.words import limit as limit_words

FROM_HARVEST = frozenset({Stage.MARROW, Stage.P0, Stage.IN_PROCESS, Stage.HARVEST, Stage.VALIDATION})
"""Stages whose samples are taken by the harvest; the others are taken when the vials are frozen."""


@dataclass(frozen=True)
class Line:
    """One result with its review and what became of it."""

    result: Result
    review: ResultReview | None
    invalid: ResultInvalidation | None
    corrected_by: Result | None

    @property
    def standing(self) -> bool:
        """Whether it counts: neither corrected nor found invalid."""
        return self.invalid is None and self.corrected_by is None

    @property
    def shown(self) -> str:
        """As reported, with its unit."""
        return with_unit(self.result.value_text, self.result.unit)

    @property
    def reported(self) -> Reported:
        """What the comparison needs of it."""
        r = self.result
        return Reported(
            r.value_text,
            r.value,
            r.qualifier,
            r.unit,
            reviewed=self.review is not None,
            standing=self.standing,
        )


@dataclass(frozen=True)
class Judged:
    """One criterion of the frozen specification with all its results."""

    criterion: Criterion
    lines: tuple[Line, ...]
    verdict: Verdict

    @property
    def standing(self) -> list[Line]:
        """The results that count, oldest first."""
        return [line for line in self.lines if line.standing]

    @property
    def changed(self) -> bool:
        """Whether a value was corrected since its entry (Annex 11, 8.2)."""
        return any(line.corrected_by is not None for line in self.lines)

    @property
    def limit(self) -> str:
        """The limit in words."""
        return limit_words(self.criterion)

    @property
    def shown(self) -> str:
        """The results that count, as reported."""
        return " · ".join(line.shown for line in self.standing)

    def sampled_at(self, batch: Batch, opened_at: datetime) -> datetime:
        """When the sample was taken, as far as the batch says it: the turnaround counts from there."""
        if self.criterion.stage in FROM_HARVEST:
            return batch.harvested_at or opened_at
        return batch.frozen_at or opened_at

    def expected_at(self, batch: Batch, opened_at: datetime, review_days: int) -> datetime:
        """When the result is due or, once it is there, its review."""
        open_reviews = [line.result.entered_at for line in self.standing if line.review is None]
        if open_reviews:
            return min(open_reviews) + timedelta(days=review_days)
        return self.sampled_at(batch, opened_at) + timedelta(days=self.criterion.turnaround_days)


def limit_of(criterion: Criterion) -> Limit:
    """A row of the specification as the comparison takes it."""
    return Limit(
        attribute=criterion.attribute,
        operator=criterion.operator.value,
        unit=criterion.unit,
        low=criterion.low,
        high=criterion.high,
        expected_text=criterion.expected_text,
        blocking=criterion.blocking,
        may_be_pending=criterion.may_be_pending,
    )


@once_an_act
def judged(releases: Iterable[Release]) -> dict[int, list[Judged]]:
    """For each release every criterion in the specification's order, judged."""
    listed = list(releases)
    ids = [release.id for release in listed]
    batches = {b.id: b for b in at_hand(Batch, (r.batch_id for r in listed))}
    criteria: dict[int, list[Criterion]] = {}
    wanted = {batch.specification_id for batch in batches.values()}
    for row in session.scalars(
        select(Criterion).where(any_of(Criterion.specification_id, wanted)).order_by(Criterion.position)
    ):
        criteria.setdefault(row.specification_id, []).append(row)
    lines = _lines(ids)
    found: dict[int, list[Judged]] = {}
    for release in listed:
        own = lines.get(release.id, {})
        found[release.id] = [
            _judged(criterion, own.get(criterion.id, ()))
            for criterion in criteria.get(batches[release.batch_id].specification_id, [])
        ]
    return found


def _judged(criterion: Criterion, lines: Iterable[Line]) -> Judged:
    kept = tuple(lines)
    return Judged(criterion, kept, judge(limit_of(criterion), [line.reported for line in kept]))


def _lines(release_ids: list[int]) -> dict[int, dict[int, list[Line]]]:
    rows = session.execute(
        select(Result, ResultReview, ResultInvalidation)
        .outerjoin(ResultReview, ResultReview.result_id == Result.id)
        .outerjoin(ResultInvalidation, ResultInvalidation.result_id == Result.id)
        .where(any_of(Result.release_id, release_ids))
        .order_by(Result.attribute, Result.number)
    ).all()
    corrections = {result.corrects_id: result for result, _, _ in rows if result.corrects_id is not None}
    found: dict[int, dict[int, list[Line]]] = {}
    for result, review, invalid in rows:
        line = Line(result, review, invalid, corrections.get(result.id))
        found.setdefault(result.release_id, {}).setdefault(result.criterion_id, []).append(line)
    return found


def signed_results(
    release: Release, *, until: datetime | None = None
) -> list[dict[str, str | int | Decimal | bool | None]]:
    """All results as they are signed: every one, standing or not, with who entered and reviewed it.

    ``until``: those that were there at that instant; what came later is not what was signed.
    """
    return [
        {
            "attribute": one.criterion.attribute,
            "number": line.result.number,
            "value_text": line.result.value_text,
            "value": line.result.value,
            "qualifier": line.result.qualifier.value,
            "unit": line.result.unit,
            "entered_by": line.result.entered_by,
            "reviewed_by": _reviewer(line, until),
            "standing": line.standing,
        }
        for one in judged([release])[release.id]
        for line in one.lines
        if until is None or line.result.entered_at <= until
    ]


def _reviewer(line: Line, until: datetime | None) -> str | None:
    review = line.review
    return review.reviewed_by if review and (until is None or review.reviewed_at <= until) else None


def results_hash(release: Release) -> str:
    """The digest of all results as they stand now."""
    return digest(canonical(signed_results(release)))


def failing(one: Judged) -> bool:
    """Whether a blocking criterion has a standing result outside its limit, reviewed or not."""
    return one.criterion.blocking and one.verdict.outcome is Outcome.FAILS
