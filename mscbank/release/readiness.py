"""Everything that still blocks a release: what, where it stands, who must act, when it is due (D §4.2).

Pure: it judges a ``Dossier`` that ``views.dossiers`` loads in bulk. Days are civil dates of the batch's site.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import Sentence, _
from mscbank.release.criteria import Outcome, Verdict

BATCH_NOT_FROZEN = Refusal(
    "release.batch_not_frozen", "The batch is not closed at frozen: it stands at “%(state)s”.", Role.LAB_TECH
)
RESULT_MISSING = Refusal("release.result_missing", "%(test)s has no result yet.", Role.QC_ANALYST)
RESULT_UNREVIEWED = Refusal(
    "release.result_unreviewed", "%(test)s waits for its review by a second person.", Role.QC_ANALYST
)
RESULT_OUTSIDE = Refusal(
    "release.result_outside", "%(test)s lies outside its limit: %(result)s against %(limit)s.", Role.QA
)
RESULT_UNDECIDED = Refusal(
    "release.result_undecided",
    "“%(result)s” does not show that %(test)s keeps its limit, %(limit)s.",
    Role.QC_ANALYST,
)
OOS_OPEN = Refusal("release.oos_open", "The investigation of %(test)s is not decided.", Role.QA)
DEVIATION_OPEN = Refusal(
    "release.deviation_open",
    "Deviation %(deviation)s, %(severity)s, is neither closed nor accepted: %(title)s.",
    Role.QA,
)
DEVIATION_UNCLASSIFIED = Refusal(
    "release.deviation_unclassified",
    "Nobody has said yet how grave deviation %(deviation)s is: %(title)s.",
    Role.QA,
)
KINSHIP_UNVERIFIED = Refusal(
    "release.kinship_unverified",
    "No verified kinship leads from donor %(donor)s to recipient %(recipient)s.",
    Role.MEDICAL_DIRECTOR,
)
NOT_RECONCILED = Refusal(
    "release.not_reconciled",
    "The vials are not reconciled: %(filled)s filled, difference %(difference)s.",
    Role.LAB_TECH,
)
MATERIAL_NOT_IN_ORDER = Refusal(
    "release.material_not_in_order", "Material lot %(lot)s: %(why)s.", (Role.QA, Role.LAB_TECH)
)
TRAIL_UNREVIEWED = Refusal(
    "release.trail_unreviewed", "Nobody has reviewed the audit trail of this batch yet.", Role.QA
)
TRAIL_STALE = Refusal(
    "release.trail_stale",
    "The record went on after the review of the audit trail: %(count)s entries are not reviewed.",
    Role.QA,
)
LABELS_OPEN = Refusal(
    "release.labels_open", "%(count)s of %(filled)s vials have no label in use.", Role.LAB_TECH
)


TRAIL = "audit-trail"
"""The key of the line of the board that is about the audit trail."""


class Group(StrEnum):
    """What a line of the board is about."""

    TEST = "test"
    INVESTIGATION = "investigation"
    DEVIATION = "deviation"
    DONOR = "donor"
    FAMILY = "family"
    MATERIAL = "material"
    STOCK = "stock"
    BATCH = "batch"
    RECORD = "record"


class Standing(StrEnum):
    """Done, waiting, or late."""

    DONE = "done"
    WAITING = "waiting"
    LATE = "late"


@dataclass(frozen=True)
class Assay:
    """A criterion of the frozen specification with what its results say and when they are due."""

    label: str
    limit: str
    result: str
    verdict: Verdict
    due: date | None
    """The day by which the result, or the review of it, is expected."""


@dataclass(frozen=True)
class Trouble:
    """A major or critical deviation that is neither closed nor accepted."""

    code: str
    title: str
    severity: str
    due: date | None = None


@dataclass(frozen=True)
class Material:
    """A material lot used in the batch; ``why`` is None when it was released and in date."""

    lot: str
    why: Sentence | None = None


@dataclass(frozen=True)
class Investigation:
    """An out-of-specification investigation that nobody has decided."""

    label: str
    due: date | None = None


@dataclass(frozen=True)
class TwoStep:
    """The prepared two-step release: which results may come later, and whether the prescriber has agreed."""

    attributes: frozenset[str]
    acknowledged: bool


@dataclass(frozen=True)
class Exceptional:
    """The papers of an out-of-specification use, in their order (D §4.4)."""

    requested: bool
    evaluated: bool
    accepted: bool
    sponsor_told: bool


@dataclass(frozen=True)
class TrailRead:
    """How far the audit trail of the batch is reviewed, for the certification that is to come or that was."""

    wanted: bool
    """Whether a certification is still to come."""
    reviewed_by: str | None = None
    reviewed_on: date | None = None
    since: int = 0
    """How many entries came after it."""


@dataclass(frozen=True)
class Dossier:
    """What the rules judge about one batch's release."""

    today: date
    batch_state: str = ""
    frozen: bool = True
    assays: tuple[Assay, ...] = ()
    investigations: tuple[Investigation, ...] = ()
    deviations: tuple[Trouble, ...] = ()
    unclassified: tuple[Trouble, ...] = ()
    """Deviations whose severity nobody has set: they may turn out to be major."""
    determination: Obstacle | None = None
    consents: tuple[Obstacle, ...] = ()
    kinship_verified: bool = True
    donor: str = ""
    recipient: str = ""
    materials: tuple[Material, ...] = ()
    filled: int = 0
    difference: int = 0
    unlabelled: int = 0
    executors: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()
    reviewed: frozenset[str] = frozenset()
    checked_by: str | None = None
    two_step: TwoStep | None = None
    exceptional: Exceptional | None = None
    suspended_from: str | None = None
    freed: bool = False
    """Whether vials of it are available already, from a release before."""
    trail: TrailRead | None = None
    """``None``: nobody has looked how far it is reviewed."""

    @property
    def pending(self) -> frozenset[str]:
        """The tests whose results may still come under the acknowledged two-step release."""
        if self.two_step is None or not self.two_step.acknowledged:
            return frozenset()
        waiting = {assay.verdict.limit.attribute for assay in self.assays if assay.verdict.may_wait}
        return self.two_step.attributes & waiting


@dataclass(frozen=True)
class Item:
    """One line of the board; without an obstacle it is done."""

    group: Group
    what: Sentence | str
    stands: Sentence | str
    obstacle: Obstacle | None = None
    due: date | None = None
    key: str = ""
    """The attribute of a test, the code of a deviation or lot."""

    def standing(self, today: date) -> Standing:
        """Done, waiting, or late; on the day itself it is not late."""
        if self.obstacle is None:
            return Standing.DONE
        return Standing.LATE if self.due is not None and self.due < today else Standing.WAITING


def items(dossier: Dossier) -> list[Item]:
    """Every line of the board, what blocks first: late before due, earlier before later, undated last."""
    listed = [
        *_batch(dossier), *_assays(dossier), *_investigations(dossier), *_deviations(dossier),
        *_donor(dossier), *_materials(dossier), *_stock(dossier), *_trail(dossier),
    ]  # fmt: skip
    return sorted(
        listed, key=lambda item: (item.obstacle is None, item.due is None, item.due or dossier.today)
    )


def blocking(dossier: Dossier) -> list[Item]:
    """The lines that stop every judgement now; what the acknowledged two-step release lets wait is left out.

    The review of the audit trail is asked for at the certification alone: ``trail_obstacle``.
    """
    waits = dossier.pending
    return [
        item
        for item in items(dossier)
        if item.obstacle is not None
        and item.group is not Group.RECORD
        and not (item.group is Group.TEST and item.key in waits)
    ]


def trail_obstacle(dossier: Dossier) -> Obstacle | None:
    """Why the audit trail is not reviewed for the certification to come (Annex 11, 9)."""
    trail = dossier.trail
    if trail is None or not trail.wanted:
        return None
    if trail.reviewed_by is None:
        return TRAIL_UNREVIEWED()
    return TRAIL_STALE(count=trail.since) if trail.since else None


def counts(listed: Iterable[Item], today: date) -> dict[Standing, int]:
    """How many lines are done, waiting and late; zeros are kept."""
    counted = dict.fromkeys(Standing, 0)
    for item in listed:
        counted[item.standing(today)] += 1
    return counted


def _batch(dossier: Dossier) -> Iterator[Item]:
    obstacle = None if dossier.frozen else BATCH_NOT_FROZEN(state=dossier.batch_state)
    yield Item(Group.BATCH, _("Batch frozen, its fill closed"), dossier.batch_state, obstacle)


def _assays(dossier: Dossier) -> Iterator[Item]:
    for assay in dossier.assays:
        yield Item(
            Group.TEST, assay.label, stands_at(assay.verdict), assay_obstacle(assay), assay.due,
            assay.verdict.limit.attribute,
        )  # fmt: skip


def stands_at(verdict: Verdict) -> Sentence:
    """Where a test stands, in words."""
    match verdict.outcome:
        case Outcome.MISSING:
            return _("no result yet")
        case Outcome.FAILS:
            return _("outside its limit")
        case Outcome.UNDECIDED:
            return _("does not show that the limit is kept")
    return _("not reviewed yet") if verdict.unreviewed else _("reviewed")


def assay_obstacle(assay: Assay) -> Obstacle | None:
    """Why this test blocks; ``None`` when it is met or only for information."""
    verdict = assay.verdict
    if not verdict.blocks:
        return None
    values = {"test": assay.label, "result": assay.result, "limit": assay.limit}
    match verdict.outcome:
        case Outcome.MISSING:
            return RESULT_MISSING(test=assay.label)
        case Outcome.FAILS:
            return RESULT_OUTSIDE(**values)
        case Outcome.UNDECIDED:
            return RESULT_UNDECIDED(**values)
    return RESULT_UNREVIEWED(test=assay.label)


def _investigations(dossier: Dossier) -> Iterator[Item]:
    for one in dossier.investigations:
        what = _("Investigation of %(test)s", test=one.label)
        yield Item(Group.INVESTIGATION, what, _("not decided"), OOS_OPEN(test=one.label), one.due)
    if not dossier.investigations:
        yield Item(Group.INVESTIGATION, _("No investigation open"), "0")


def _deviations(dossier: Dossier) -> Iterator[Item]:
    for one in dossier.deviations:
        what = _("%(code)s, %(severity)s: %(title)s", code=one.code, severity=one.severity, title=one.title)
        obstacle = DEVIATION_OPEN(deviation=one.code, severity=one.severity, title=one.title)
        yield Item(Group.DEVIATION, what, _("not accepted yet"), obstacle, one.due, one.code)
    for one in dossier.unclassified:
        what = _("%(code)s: %(title)s", code=one.code, title=one.title)
        obstacle = DEVIATION_UNCLASSIFIED(deviation=one.code, title=one.title)
        yield Item(Group.DEVIATION, what, _("severity not set yet"), obstacle, one.due, one.code)
    if not dossier.deviations and not dossier.unclassified:
        yield Item(Group.DEVIATION, _("No major or critical deviation open"), "0")


def _donor(dossier: Dossier) -> Iterator[Item]:
    found = dossier.determination
    stands: Sentence | str = found.sentence if found else _("stands")
    yield Item(Group.DONOR, _("Donor determination"), stands, found)
    yield from (Item(Group.FAMILY, _("Consent"), one.sentence, one) for one in dossier.consents)
    if not dossier.consents:
        yield Item(Group.FAMILY, _("Consents in force"), _("in force"))
    verified = dossier.kinship_verified
    obstacle = None if verified else KINSHIP_UNVERIFIED(donor=dossier.donor, recipient=dossier.recipient)
    yield Item(Group.FAMILY, _("Kinship"), _("verified") if verified else _("not verified"), obstacle)


def _materials(dossier: Dossier) -> Iterator[Item]:
    faulty = [one for one in dossier.materials if one.why is not None]
    for one in faulty:
        what = _("Material lot %(lot)s", lot=one.lot)
        yield Item(
            Group.MATERIAL,
            what,
            one.why or "",
            MATERIAL_NOT_IN_ORDER(lot=one.lot, why=one.why),
            None,
            one.lot,
        )
    if not faulty:
        what = _("%(count)s material lots released, in date", count=len(dossier.materials))
        yield Item(Group.MATERIAL, what, _("in order"))


def _stock(dossier: Dossier) -> Iterator[Item]:
    reconciled = dossier.filled > 0 and dossier.difference == 0
    yield Item(
        Group.STOCK,
        _("Vials: %(filled)s filled, %(found)s accounted for", filled=dossier.filled,
          found=dossier.filled - dossier.difference),
        _("difference %(difference)s", difference=dossier.difference),
        None if reconciled else NOT_RECONCILED(filled=dossier.filled, difference=dossier.difference),
    )  # fmt: skip
    labelled = dossier.unlabelled == 0
    yield Item(
        Group.STOCK, _("Labels in use"), _("%(count)s without", count=dossier.unlabelled),
        None if labelled else LABELS_OPEN(count=dossier.unlabelled, filled=dossier.filled),
    )  # fmt: skip


def _trail(dossier: Dossier) -> Iterator[Item]:
    trail = dossier.trail
    if trail is None or (trail.reviewed_by is None and not trail.wanted):
        return
    stands = _("not reviewed yet")
    if trail.reviewed_by is not None:
        stands = _("on %(day)s", day=trail.reviewed_on)
        if trail.wanted and trail.since:
            stands = _("%(count)s entries since %(day)s", count=trail.since, day=trail.reviewed_on)
    yield Item(Group.RECORD, _("Audit trail reviewed"), stands, trail_obstacle(dossier), key=TRAIL)
