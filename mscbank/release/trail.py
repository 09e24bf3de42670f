"""The audit trail of a batch: what of the record touches it and its upstream, and up to where it was read.

What belongs to the batch alone (batch, vials, release) is read by every act that touched it. What other
batches share (donor, donation, assessment, link, consents, material lots, deviations) is read by the acts of
which it is the subject, so that the work on a sister batch is not in the trail.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Row

from mscbank.batch.models import MaterialLot, MaterialUse
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import any_of, session
from mscbank.core.reading import once_an_act
from mscbank.core.record import ActTouch, Record
from mscbank.custody.models import Vial
from mscbank.deviation import rules as deviation_rules
from mscbank.family.models import Consent
from mscbank.release.exceptions import FAILED_SIGNINGS
from mscbank.release.models import Release, TrailReview

Key = tuple[str, str]
Mark = tuple[str, str, int, str]
"""The last entry of a chain: its kind, code, sequence and hash."""

OWN = ("batch", "release", "vial")
UPSTREAM = ("donor", "donation", "assessment", "family_link", "consent", "material_lot", "deviation")

OWN_PATH = frozenset(
    {"release.check", "release.review_trail", "release.certify", "release.complete", *FAILED_SIGNINGS}
)
"""The certification's own path: done or refused, it makes no review stale; nor does a mistyped password."""

_LIGHT = (
    Record.act, Record.parent, Record.action, Record.chain_kind, Record.chain_code, Record.chain_sequence,
    Record.hash, Record.entered_at,
)  # fmt: skip


@once_an_act
def things(release: Release) -> tuple[Key, ...]:
    """Everything whose record belongs to the trail: (kind, code), the batch's own and its upstream."""
    batch = release.batch
    donation = batch.donation
    found: list[Key] = [("batch", batch.code), ("release", release.code)]
    vials = select(Vial.code).where(Vial.batch_id == batch.id).order_by(Vial.id)
    found += [("vial", code) for code in session.scalars(vials)]
    upstream = (donation, donation.assessment, donation.donor, batch.link, donation.consent)
    found += [(thing.kind, thing.code) for thing in upstream]
    consents = select(Consent.code).where(Consent.recipient_id == batch.directed_to_id)
    found += [("consent", code) for code in session.scalars(consents)]
    lots = (
        select(MaterialLot.code)
        .join(MaterialUse, MaterialUse.lot_id == MaterialLot.id)
        .where(MaterialUse.batch_id == batch.id)
    )
    found += [("material_lot", code) for code in session.scalars(lots)]
    named = [*found, ("recipient", batch.directed_to.code)]
    deviations = {one.code for listed in deviation_rules.about(named).values() for one in listed}
    found += [("deviation", code) for code in sorted(deviations)]
    return tuple(dict.fromkeys(found))


def _about(columns: Sequence[Any], keys: Iterable[Key]) -> list[Select[Any]]:
    """The selects of the entries: those that touched what is the batch's own, those about the upstream."""
    listed = list(keys)
    own = [code for kind, code in listed if kind in OWN]
    upstream = [code for kind, code in listed if kind in UPSTREAM]
    touched = select(*columns).join(ActTouch, ActTouch.act == Record.act)
    return [
        touched.where(ActTouch.kind.in_(OWN), any_of(ActTouch.code, own)),
        select(*columns).where(Record.subject_kind.in_(UPSTREAM), any_of(Record.subject_code, upstream)),
    ]


@once_an_act
def read(release: Release) -> tuple[Row[Any], ...]:
    """The entries of the trail without their bodies, oldest first; each once."""
    found = {row.act: row for one in _about(_LIGHT, things(release)) for row in session.execute(one)}
    return tuple(sorted(found.values(), key=lambda row: (row.entered_at, row.chain_sequence)))


def entries(release: Release) -> list[Record]:
    """The entries of the trail whole, newest first."""
    found = {row.act: row for one in _about((Record,), things(release)) for row in session.scalars(one)}
    return sorted(found.values(), key=lambda row: (row.entered_at, row.chain_sequence), reverse=True)


def marks(rows: Iterable[Any]) -> list[Mark]:
    """The last entry of each chain, the certification's own path left out."""
    last: dict[Key, Mark] = {}
    for row in rows:
        key = (row.chain_kind, row.chain_code)
        if row.action not in OWN_PATH and (key not in last or last[key][2] < row.chain_sequence):
            last[key] = (*key, row.chain_sequence, row.hash)
    return [last[key] for key in sorted(last)]


def seen_of(found: Iterable[Mark]) -> str:
    """The digest of the ends up to which a trail was read: what a reviewer saw, and signs."""
    return digest(canonical([list(mark) for mark in found]))


def state_of(release: Release) -> str:
    """The same for the trail as it stands now."""
    return seen_of(marks(read(release)))


@dataclass(frozen=True)
class Reading:
    """How far a review's marks reach in each chain."""

    ends: dict[Key, int]

    @classmethod
    def of(cls, found: Iterable[Sequence[Any]]) -> "Reading":
        """The reach of marks."""
        return cls({(kind, code): sequence for kind, code, sequence, _hash in found})

    def reaches(self, row: Any) -> bool:
        """Whether an entry was there to be read."""
        return bool(row.chain_sequence <= self.ends.get((row.chain_kind, row.chain_code), 0))


def last_review(release: Release) -> TrailReview | None:
    """The review that was made last."""
    return release.trail_reviews[-1] if release.trail_reviews else None


def since(release: Release, review: TrailReview) -> list[Any]:
    """The entries that came after a review and make it stale, oldest first."""
    reading = Reading.of(marks_of(review))
    return [row for row in read(release) if row.action not in OWN_PATH and not reading.reaches(row)]


def marks_of(review: TrailReview) -> list[Mark]:
    """The ends up to which a review was made."""
    return [(kind, code, int(sequence), hash_) for kind, code, sequence, hash_ in json.loads(review.marks)]
