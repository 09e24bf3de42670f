"""What later steps ask about the judgement of batches."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core.db import any_of, session
from mscbank.core.reading import once_an_act
from mscbank.release.criteria import Qualifier
from mscbank.release.judged import Line, judged
from mscbank.release.models import Release
from mscbank.release.states import USABLE
from mscbank.release.units import in_unit

RECOVERY, VIABILITY = "tnc_recovery", "viability_post_thaw"


@dataclass(frozen=True)
class Potency:
    """What a test thaw said of the vials of a batch, in percent, and which results say so."""

    tnc_recovery: Fraction
    viability_post_thaw: Fraction
    sources: tuple[Line, Line]


def potency(batch: Batch) -> Potency | None:
    """Recovery and viability after the thaw, from the latest reviewed results that count; else ``None``."""
    release = session.scalar(select(Release).where(Release.batch_id == batch.id))
    if release is None:
        return None
    found: dict[str, tuple[Fraction, Line]] = {}
    for one in judged([release])[release.id]:
        for line in one.standing:
            share = _percent(line)
            if share is not None:
                found[one.criterion.attribute] = (share, line)
    if RECOVERY not in found or VIABILITY not in found:
        return None
    (recovery, first), (viability, second) = found[RECOVERY], found[VIABILITY]
    return Potency(recovery, viability, (first, second))


def _percent(line: Line) -> Fraction | None:
    """A reviewed plain number in percent; a value with a qualifier is no measurement to calculate with."""
    value: Decimal | None = line.result.value
    if line.review is None or value is None or line.result.qualifier is not Qualifier.NONE:
        return None
    return in_unit(value, line.result.unit, "%")


@once_an_act
def releases_of(batch_ids: Iterable[int]) -> dict[int, Release]:
    """Batch id → its release, where one was opened."""
    rows = session.scalars(select(Release).where(any_of(Release.batch_id, list(batch_ids))))
    return {release.batch_id: release for release in rows}


def stands_released(batch_ids: Iterable[int]) -> set[int]:
    """The batches whose vials may be given to somebody now, as far as the release goes."""
    return {batch_id for batch_id, release in releases_of(batch_ids).items() if release.state in USABLE}
