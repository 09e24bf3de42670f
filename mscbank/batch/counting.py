"""What is counted in a culture: seeding and harvest of each passage, checked by a second person."""

from datetime import datetime
from decimal import Decimal

from mscbank.batch import growth, rules
from mscbank.batch.gates import PASSAGE_OPEN
from mscbank.batch.models import PASSAGE_EXISTS, Batch, CountCorrection, Counted, Passage
from mscbank.batch.states import BatchState
from mscbank.core import clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.foureyes import FourEyes
from mscbank.core.i18n import _

MOST_CELLS = 10**13

NOT_IN_CULTURE = Refusal(
    "batch.not_in_culture", "Passages are recorded while the batch is in culture.", Role.LAB_TECH
)
NO_SUCH_PASSAGE = Refusal("batch.no_such_passage", "Passage %(number)s is not recorded.", Role.LAB_TECH)
HARVESTED_ALREADY = Refusal(
    "batch.passage_harvested",
    "Passage %(number)s is harvested already. Correct the count with a reason.",
    Role.LAB_TECH,
)
NOT_HARVESTED = Refusal(
    "batch.passage_not_harvested", "Passage %(number)s has no harvest yet.", Role.LAB_TECH
)
NOTHING_GROWING = Refusal(
    "batch.nothing_growing", "No passage is in culture now: seed one first.", Role.LAB_TECH
)
ALL_CHECKED = Refusal("batch.all_checked", "Every count has been checked.")
OWN_COUNT = FourEyes(
    "batch.own_count",
    "You counted this: a second person checks it.",
    Role.LAB_TECH,
    first=("batch.add_passage", "batch.harvest_passage"),
    second=("batch.check_count",),
    held_by=(
        "ck_passage_seeding_second_person",
        "ck_passage_harvest_second_person",
    ),
)
CHECKED_ALREADY = Refusal("batch.checked_already", "This count has been checked by %(by)s.")
COUNTS_CLOSED = Refusal("batch.counts_closed", "The batch is closed: its counts no longer change.")


def not_future(field: str, given: datetime | None, not_before: datetime) -> datetime:
    when = given or clock.now()
    if when > clock.now():
        raise invalid(**{field: [_("This lies in the future.")]})
    if when < not_before:
        raise invalid(**{field: [_("This lies before what came before it.")]})
    return when


def _in_culture(batch: Batch, by: Principal) -> Obstacle | None:
    return None if batch.state is BatchState.IN_CULTURE else NOT_IN_CULTURE()


def _passage(batch: Batch, number: int) -> Passage:
    found = next((p for p in batch.passages if p.number == number), None)
    if found is None:
        raise Refused(NO_SUCH_PASSAGE(number=number))
    return found


def _still_growing(batch: Batch, by: Principal) -> Obstacle | None:
    growing = next((p for p in batch.passages if p.harvested_at is None), None)
    return PASSAGE_OPEN(number=growing.number) if growing is not None else None


def _nothing_growing(batch: Batch, by: Principal) -> Obstacle | None:
    return None if any(p.harvested_at is None for p in batch.passages) else NOTHING_GROWING()


@action("batch.add_passage", role=Role.LAB_TECH, kind="batch", unless=(_in_culture, _still_growing))
def add_passage(
    batch: Batch,
    *,
    by: Principal,
    seeded_cells: int,
    seeded_at: datetime | None = None,
    number: int | None = None,
    vessels: str | None = None,
    surface_cm2: Decimal | None = None,
    note: str | None = None,
) -> Passage:
    """Record the seeding of the next passage; the first one is P0, the primary culture."""
    before = batch.passages[-1] if batch.passages else None
    following = before.number + 1 if before else 0
    if number is not None and number < following:
        raise Refused(PASSAGE_EXISTS())
    if number is not None and number > following:
        raise invalid(number=[_("The next passage is %(number)s.", number=following)])
    after = before.harvested_at if before and before.harvested_at else rules.earliest(batch)
    _plausible("seeded_cells", seeded_cells)
    if (
        before is not None
        and growth.more_than_there_was(seeded_cells, rules.counts_of([before])[0])
        and not note
    ):
        raise invalid(
            note=[
                _(
                    "More cells than passage %(number)s gave. Count again, or say in the note why.",
                    number=before.number,
                )
            ]
        )
    made = Passage(
        number=following,
        seeded_cells=seeded_cells,
        seeded_at=not_future("seeded_at", seeded_at, after),
        seeded_by=by.login,
        seeding_note=note,
        vessels=vessels,
        surface_cm2=surface_cm2,
    )
    batch.passages.append(made)
    return made


def _plausible(field: str, cells: int, least: int = 1) -> None:
    if not least <= cells <= MOST_CELLS:
        said = _("A count lies between %(least)s and %(most)s cells.", least=least, most=f"{MOST_CELLS:,}")
        raise invalid(**{field: [said]})


def _viability(percent: Decimal) -> None:
    if not 0 <= percent <= 100:
        raise invalid(viability_percent=["A viability lies between 0 and 100 %."])


@action("batch.harvest_passage", role=Role.LAB_TECH, kind="batch", unless=(_in_culture, _nothing_growing))
def harvest_passage(
    batch: Batch,
    *,
    by: Principal,
    number: int,
    harvested_cells: int,
    viability_percent: Decimal,
    harvested_at: datetime | None = None,
) -> None:
    """Record what a passage gave: the cells counted and how many of them were alive."""
    passage = _passage(batch, number)
    if passage.harvested_at is not None:
        raise Refused(HARVESTED_ALREADY(number=number))
    _plausible("harvested_cells", harvested_cells, least=0)
    _viability(viability_percent)
    passage.harvested_at = not_future("harvested_at", harvested_at, passage.seeded_at)
    passage.harvested_cells, passage.harvested_by = harvested_cells, by.login
    passage.viability_percent = viability_percent


def _counts_open(batch: Batch, by: Principal) -> Obstacle | None:
    return None if batch.state in (BatchState.IN_CULTURE, BatchState.HARVESTED) else COUNTS_CLOSED()


def _nothing_to_check(batch: Batch, by: Principal) -> Obstacle | None:
    """Whether a count waits that somebody else made."""
    waiting = [p.seeded_by for p in batch.passages if p.seeding_checked_by is None]
    waiting += [p.harvested_by for p in batch.passages if p.harvested_by and p.harvest_checked_by is None]
    if not waiting:
        return ALL_CHECKED()
    return OWN_COUNT.stops(by, waiting) if len(set(waiting)) == 1 else None


@action("batch.check_count", role=Role.LAB_TECH, kind="batch", unless=(_counts_open, _nothing_to_check))
def check_count(batch: Batch, *, by: Principal, number: int, counted: Counted, cells: int) -> None:
    """Check a count as a second person: read the figure from its source and type it again (Annex 11, 6)."""
    passage = _passage(batch, number)
    seeding = counted is Counted.SEEDING
    done_by = passage.seeded_by if seeding else passage.harvested_by
    checked_by = passage.seeding_checked_by if seeding else passage.harvest_checked_by
    if done_by is None:
        raise Refused(NOT_HARVESTED(number=number))
    OWN_COUNT.refuse(by, done_by)
    if checked_by is not None:
        raise Refused(CHECKED_ALREADY(by=checked_by))
    if cells != (passage.seeded_cells if seeding else passage.harvested_cells):
        raise invalid(
            cells=["The record holds another figure. Compare both with the source, then correct it."]
        )
    if seeding:
        passage.seeding_checked_by = by.login
    else:
        passage.harvest_checked_by = by.login


@action("batch.correct_count", role=Role.LAB_TECH, kind="batch", reason=True, unless=_counts_open)
def correct_count(
    batch: Batch,
    *,
    by: Principal,
    reason: str,
    number: int,
    counted: Counted,
    cells: int,
    viability_percent: Decimal | None = None,
) -> None:
    """Correct a count that was entered wrongly; the old figure stays readable, the check is due again."""
    passage = _passage(batch, number)
    seeding = counted is Counted.SEEDING
    _plausible("cells", cells, least=1 if seeding else 0)
    before, author = (
        (passage.seeded_cells, passage.seeded_by)
        if seeding
        else (passage.harvested_cells, passage.harvested_by)
    )
    if before is None or author is None:
        raise Refused(NOT_HARVESTED(number=number))
    batch.corrections.append(
        CountCorrection(
            number=len(batch.corrections) + 1,
            passage_number=number,
            counted=counted,
            before_cells=before,
            before_by=author,
            after_cells=cells,
            corrected_by=by.login,
            corrected_at=clock.now(),
            reason=reason,
        )
    )
    if seeding:
        passage.seeded_cells, passage.seeded_by, passage.seeding_checked_by = cells, by.login, None
    else:
        passage.harvested_cells, passage.harvested_by, passage.harvest_checked_by = cells, by.login, None
    if viability_percent is not None and not seeding:
        _viability(viability_percent)
        passage.viability_percent = viability_percent
