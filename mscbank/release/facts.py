"""The dossiers that the gates judge: for many releases at once, loaded after the locks."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from mscbank.batch import registry
from mscbank.batch.models import Batch, MaterialLot, MaterialUse
from mscbank.batch.states import BATCH, MATERIAL_LOT, BatchState, LotState
from mscbank.collection import rules as collection_rules
from mscbank.collection.models import Donation
from mscbank.core import clock, parameters
from mscbank.core.db import any_of, at_hand, session
from mscbank.core.errors import Obstacle
from mscbank.core.i18n import Sentence, _
from mscbank.core.reading import once_an_act
from mscbank.custody.models import LabelPrint, Vial
from mscbank.custody.states import COLD, Quality
from mscbank.custody.words import Purpose
from mscbank.deviation import rules as deviation_rules
from mscbank.deviation.models import Deviation
from mscbank.family import rules as family_rules
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.family.states import LinkState
from mscbank.release import trail
from mscbank.release.criteria import Outcome
from mscbank.release.judged import Judged, judged
from mscbank.release.models import ExceptionalUse, Investigation, Release, TrailReview, TwoStepPlan
from mscbank.release.readiness import (
    Assay,
    Dossier,
    Exceptional,
    Material,
    TrailRead,
    Trouble,
    TwoStep,
)
from mscbank.release.readiness import Investigation as OpenInvestigation
from mscbank.release.states import State

REVIEW_DAYS = parameters.declare(
    "release.review_days",
    3,
    unit="days",
    meaning="A result is reviewed within this time of its entry",
    source="ours",
    least=1,
    most=365,
)
INVESTIGATION_DAYS = parameters.declare(
    "release.investigation_days",
    30,
    unit="days",
    meaning="An out-of-specification investigation is decided within this time",
    source="ours",
    least=1,
    most=365,
)
DEVIATION_DAYS = parameters.declare(
    "release.deviation_days",
    30,
    unit="days",
    meaning="A deviation that blocks a release is accepted or closed within this time",
    source="ours",
    least=1,
    most=365,
)
BEFORE_CERTIFICATION = (State.UNDER_REVIEW, State.CHECKED, State.CONDITIONALLY_RELEASED)
"""Where a certification is still to come, for which the audit trail is reviewed."""
DAYS = (REVIEW_DAYS, INVESTIGATION_DAYS, DEVIATION_DAYS)


def civil(instant: datetime, zone: str) -> date:
    """The civil date of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def _by_batch(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.batch_id, []).append(row)
    return found


@once_an_act
def dossiers(releases: list[Release]) -> dict[int, Dossier]:
    """What the gates judge, for many releases at once."""
    ids = {release.batch_id for release in releases}
    worked = (selectinload(Batch.passages), selectinload(Batch.uses), selectinload(Batch.corrections))
    rows = session.scalars(select(Batch).options(*worked).where(any_of(Batch.id, ids)))
    batches = {batch.id: batch for batch in rows}
    loaded = _Loaded(releases, batches)
    return {release.id: loaded.dossier(release) for release in releases}


class _Loaded:
    """Everything that the dossiers of several releases rest on, a select each."""

    def __init__(self, releases: list[Release], batches: dict[int, Batch]) -> None:
        ids = [release.id for release in releases]
        self.batches = batches
        self.days: dict[str, int] = parameters.values(DAYS)
        self.judged = judged(releases)
        self.fills = registry.fills(list(batches.values()))
        self.deviations = deviation_rules.blocking_reach("batch", [b.code for b in batches.values()])
        self.unclassified = deviation_rules.unclassified_reach("batch", [b.code for b in batches.values()])
        donation_ids = {b.donation_id for b in batches.values()}
        self.donations = {d.id: d for d in at_hand(Donation, donation_ids)}
        self.acceptable = collection_rules.acceptable(donation_ids)
        self.given = family_rules.donor_consents(d.donor_id for d in self.donations.values())
        self.received = family_rules.recipient_consents(b.directed_to_id for b in batches.values())
        self.links = {k.id: k for k in at_hand(FamilyLink, (b.link_id for b in batches.values()))}
        self.people = _codes(
            {d.donor_id for d in self.donations.values()}, {b.directed_to_id for b in batches.values()}
        )
        self.uses = _by_batch(
            session.scalars(select(MaterialUse).where(any_of(MaterialUse.batch_id, batches)))
        )
        lots = (use.lot_id for listed in self.uses.values() for use in listed)
        self.lots = {lot.id: lot for lot in at_hand(MaterialLot, lots)}
        self.unlabelled = _unlabelled(batches)
        self.freed = set(
            session.scalars(
                select(Vial.batch_id)
                .where(any_of(Vial.batch_id, batches), Vial.quality == Quality.AVAILABLE)
                .distinct()
            )
        )
        self.investigations = _by_release(
            select(Investigation).where(
                any_of(Investigation.release_id, ids), Investigation.decided_at.is_(None)
            )
        )
        self.plans = _by_release(
            select(TwoStepPlan)
            .where(any_of(TwoStepPlan.release_id, ids), TwoStepPlan.withdrawn_at.is_(None))
            .order_by(TwoStepPlan.number)
        )
        self.exceptions = _by_release(
            select(ExceptionalUse)
            .where(any_of(ExceptionalUse.release_id, ids))
            .order_by(ExceptionalUse.number)
        )

        self.trail_reviews = _by_release(
            select(TrailReview).where(any_of(TrailReview.release_id, ids)).order_by(TrailReview.number)
        )

    def dossier(self, release: Release) -> Dossier:
        """The dossier of one release."""
        batch = self.batches[release.batch_id]
        donation = self.donations[batch.donation_id]
        results = [line for one in self.judged[release.id] for line in one.lines]
        count = self.fills[batch.id]
        donor, recipient = self.people[donation.donor_id, batch.directed_to_id]
        return Dossier(
            today=clock.today(batch.zone),
            batch_state=BATCH.word(batch.state),
            frozen=batch.state is BatchState.CRYOPRESERVED,
            assays=tuple(self._assay(release, batch, one) for one in self.judged[release.id]),
            investigations=tuple(self._investigation(release, batch, one) for one in self._open(release)),
            deviations=tuple(self._trouble(batch, one) for one in self.deviations.get(batch.code, [])),
            unclassified=tuple(self._trouble(batch, one) for one in self.unclassified.get(batch.code, [])),
            determination=self.acceptable.get(donation.id),
            consents=tuple(self._consents(batch, donation)),
            kinship_verified=self.links[batch.link_id].state is LinkState.VERIFIED,
            donor=donor,
            recipient=recipient,
            materials=tuple(self._materials(batch)),
            filled=count.filled,
            difference=count.difference,
            unlabelled=self.unlabelled.get(batch.id, 0),
            executors=frozenset(registry.executors(batch)),
            entered=frozenset(line.result.entered_by for line in results),
            reviewed=frozenset(line.review.reviewed_by for line in results if line.review),
            checked_by=release.checked_by,
            two_step=_two_step(self.plans.get(release.id, [])),
            exceptional=_papers(self.exceptions.get(release.id, [])),
            suspended_from=release.suspended_from.value if release.suspended_from else None,
            freed=batch.id in self.freed,
            trail=self._trail(release, batch),
        )

    def _trail(self, release: Release, batch: Batch) -> TrailRead:
        """How far it is reviewed; the record itself is read only while it matters."""
        wanted = release.state in BEFORE_CERTIFICATION
        reviews = self.trail_reviews.get(release.id)
        if not reviews:
            return TrailRead(wanted)
        last: TrailReview = reviews[-1]
        later = len(trail.since(release, last)) if wanted else 0
        return TrailRead(wanted, last.reviewed_by, civil(last.reviewed_at, batch.zone), later)

    def _consents(self, batch: Batch, donation: Donation) -> list[Obstacle]:
        """What is missing: the donor's consent that names this relative, the recipient's own."""
        pair = (donation.donor_id, batch.directed_to_id)
        donor, recipient = self.people[pair]
        found = [] if pair in self.given else [family_rules.NO_DONOR_CONSENT(donor=donor)]
        if batch.directed_to_id not in self.received:
            found.append(family_rules.NO_RECIPIENT_CONSENT(recipient=recipient))
        return found

    def _open(self, release: Release) -> list[Investigation]:
        found: list[Investigation] = self.investigations.get(release.id, [])
        return found

    def _assay(self, release: Release, batch: Batch, one: Judged) -> Assay:
        open_ended = one.verdict.outcome in (Outcome.FAILS, Outcome.UNDECIDED)
        due = one.expected_at(batch, release.opened_at, self.days[REVIEW_DAYS])
        expected = None if open_ended else civil(due, batch.zone)
        return Assay(one.criterion.label, one.limit, one.shown, one.verdict, expected)

    def _investigation(self, release: Release, batch: Batch, one: Investigation) -> OpenInvestigation:
        labels = {each.criterion.attribute: each.criterion.label for each in self.judged[release.id]}
        due = civil(one.opened_at + timedelta(days=self.days[INVESTIGATION_DAYS]), batch.zone)
        return OpenInvestigation(labels.get(one.attribute, one.attribute), due)

    def _trouble(self, batch: Batch, one: Deviation) -> Trouble:
        due = civil(one.found_at + timedelta(days=self.days[DEVIATION_DAYS]), batch.zone)
        return Trouble(one.code, one.title, one.severity.value if one.severity else "", due)

    def _materials(self, batch: Batch) -> list[Material]:
        faults: dict[str, Sentence | None] = {}
        for use in self.uses.get(batch.id, []):
            if use.struck_at is not None:
                continue
            lot = self.lots[use.lot_id]
            faults[lot.code] = faults.get(lot.code) or _fault(lot, use)
        return [Material(code, why) for code, why in faults.items()]


def _by_release(statement: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in session.scalars(statement):
        found.setdefault(row.release_id, []).append(row)
    return found


def _codes(donors: set[int], recipients: set[int]) -> dict[tuple[int, int], tuple[str, str]]:
    given = dict(session.execute(select(Donor.id, Donor.code).where(any_of(Donor.id, donors))).all())
    taken = dict(
        session.execute(select(Recipient.id, Recipient.code).where(any_of(Recipient.id, recipients))).all()
    )
    return {(d, r): (given[d], taken[r]) for d in given for r in taken}


def _unlabelled(batch_ids: Iterable[int]) -> dict[int, int]:
    """Vials in the cold without a label in use, by batch."""
    labelled = (
        select(LabelPrint.id)
        .where(
            LabelPrint.vial_id == Vial.id,
            LabelPrint.purpose == Purpose.VIAL,
            LabelPrint.voided_at.is_(None),
        )
        .exists()
    )
    found: dict[int, int] = {}
    for batch_id in session.scalars(
        select(Vial.batch_id).where(any_of(Vial.batch_id, batch_ids), Vial.condition.in_(COLD), ~labelled)
    ):
        found[batch_id] = found.get(batch_id, 0) + 1
    return found


def _fault(lot: MaterialLot, use: MaterialUse) -> Sentence | None:
    if use.used_on > lot.expires_on:
        return _("used on %(used)s, after its expiry", used=use.used_on)
    if lot.state is not LotState.RELEASED:
        return _("it stands at “%(state)s”", state=MATERIAL_LOT.word(lot.state))
    return None


def _two_step(plans: list[TwoStepPlan]) -> TwoStep | None:
    if not plans:
        return None
    return TwoStep(plans[-1].attributes, acknowledged=plans[-1].acknowledged_at is not None)


def _papers(uses: list[ExceptionalUse]) -> Exceptional | None:
    if not uses:
        return None
    last = uses[-1]
    return Exceptional(
        requested=True,
        evaluated=last.evaluated_at is not None,
        accepted=last.accepted_at is not None,
        sponsor_told=last.sponsor_told_at is not None,
    )
