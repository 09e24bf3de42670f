"""The release of a batch, its results side by side, and the papers that a judgement needs."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.batch.models import Batch
from mscbank.core.db import NAME_LENGTH, Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.custody.models import Hold
from mscbank.release.criteria import Qualifier
from mscbank.release.states import LIFE, State
from mscbank.study.models import ATTRIBUTE_LENGTH, TITLE_LENGTH, UNIT_LENGTH, Criterion

if TYPE_CHECKING:
    from mscbank.release.register import Certification, TrailReview

RESULT_PLACES = 6
JUSTIFICATION_LENGTH = 50
HASH_LENGTH = 64

ALREADY_OPEN = Refusal("release.already_open", "The release of this batch is open already.")
TWICE_REVIEWED = Refusal("release.reviewed_already", "This result was reviewed already.")


class Release(Thing):
    """The judgement of one batch, beside it, with a life of its own."""

    __tablename__ = "release"
    kind = "release"
    lives: ClassVar = {"state": LIFE}
    touches: ClassVar = ("batch",)

    batch_id: Mapped[int] = mapped_column(Id, ForeignKey("batch.id"))
    state: Mapped[State] = mapped_column(Word(State), default=None)
    opened_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    opened_at: Mapped[datetime] = mapped_column(Utc)
    checked_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    checked_at: Mapped[datetime | None] = mapped_column(Utc)
    certified_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    certified_at: Mapped[datetime | None] = mapped_column(Utc)
    released_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    released_at: Mapped[datetime | None] = mapped_column(Utc)
    suspended_from: Mapped[State | None] = mapped_column(Word(State))
    """The state to which it goes back when the causes are lifted."""

    batch: Mapped[Batch] = relationship()
    results: Mapped[list["Result"]] = relationship(
        back_populates="release", order_by="(Result.criterion_id, Result.number)"
    )
    investigations: Mapped[list["Investigation"]] = relationship(
        back_populates="release", order_by="Investigation.number"
    )
    suspensions: Mapped[list["Suspension"]] = relationship(
        back_populates="release", order_by="Suspension.number"
    )
    two_steps: Mapped[list["TwoStepPlan"]] = relationship(
        back_populates="release", order_by="TwoStepPlan.number"
    )
    exceptions: Mapped[list["ExceptionalUse"]] = relationship(
        back_populates="release", order_by="ExceptionalUse.number"
    )
    certifications: Mapped[list["Certification"]] = relationship(
        back_populates="release", order_by="Certification.number"
    )
    trail_reviews: Mapped[list["TrailReview"]] = relationship(
        back_populates="release", order_by="TrailReview.number"
    )

    __table_args__ = (
        UniqueConstraint("batch_id"),
        CheckConstraint("(checked_at IS NULL) = (checked_by IS NULL)", name="check_is_signed"),
        CheckConstraint("(certified_at IS NULL) = (certified_by IS NULL)", name="certification_is_signed"),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="release_is_signed"),
        CheckConstraint("certified_by IS NULL OR certified_by <> checked_by", name="certified_by_another"),
        CheckConstraint(
            "state NOT IN ('certified', 'released', 'conditionally_released')"
            " OR (certified_by IS NOT NULL AND checked_by IS NOT NULL)",
            name="released_after_certification",
        ),
        CheckConstraint(
            "(suspended_from IS NOT NULL) = (state = 'suspended')", name="suspended_from_somewhere"
        ),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_release_batch",
            "release",
            "BEFORE UPDATE OF batch_id",
            "OLD.batch_id <> NEW.batch_id",
            "a release keeps its batch",
        ),
        Trigger(
            "guard_release_own_work",
            "release",
            "BEFORE UPDATE OF checked_by, certified_by",
            "EXISTS (SELECT 1 FROM passage p WHERE p.batch_id = NEW.batch_id"
            " AND (NEW.certified_by IN (p.seeded_by, p.harvested_by)"
            " OR NEW.checked_by IN (p.seeded_by, p.harvested_by)))"
            " OR EXISTS (SELECT 1 FROM material_use u WHERE u.batch_id = NEW.batch_id"
            " AND u.used_by IN (NEW.checked_by, NEW.certified_by))",
            "who worked on a batch neither checks nor certifies it",
        ),
        Trigger(
            "guard_release_own_check_of_results",
            "release",
            "BEFORE UPDATE OF checked_by",
            "NEW.checked_by IS NOT NULL AND EXISTS (SELECT 1 FROM result r WHERE r.release_id = NEW.id"
            " AND r.entered_by = NEW.checked_by)",
            "who entered a result does not check the batch",
        ),
        Trigger(
            "guard_release_own_results",
            "release",
            "BEFORE UPDATE OF certified_by",
            "NEW.certified_by IS NOT NULL AND EXISTS (SELECT 1 FROM result r WHERE r.release_id = NEW.id"
            " AND r.entered_by = NEW.certified_by)",
            "who entered a result certifies nothing",
        ),
        Trigger(
            "guard_release_trail_reviewed",
            "release",
            "BEFORE UPDATE OF certified_by",
            "NEW.certified_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM trail_review t"
            " WHERE t.release_id = NEW.id AND NOT EXISTS"
            " (SELECT 1 FROM certification c WHERE c.trail_review_id = t.id))",
            "no batch is certified before its audit trail is reviewed",
        ),
        Trigger(
            "guard_vial_available",
            "vial",
            "BEFORE UPDATE OF quality",
            "NEW.quality = 'available' AND OLD.quality <> 'available' AND NOT EXISTS"
            " (SELECT 1 FROM release WHERE batch_id = NEW.batch_id AND state = 'released')",
            "no vial is available unless its batch is released",
        ),
        Trigger(
            "guard_vial_conditional",
            "vial",
            "BEFORE UPDATE OF quality",
            "NEW.quality = 'conditional' AND OLD.quality <> 'conditional' AND NOT EXISTS"
            " (SELECT 1 FROM release WHERE batch_id = NEW.batch_id AND state = 'conditionally_released')",
            "no vial is conditional unless its batch is released in step 1",
        ),
        Trigger(
            "guard_vial_exceptional",
            "vial",
            "BEFORE UPDATE OF quality",
            "NEW.quality = 'exceptional' AND OLD.quality <> 'exceptional' AND NOT EXISTS"
            " (SELECT 1 FROM release WHERE batch_id = NEW.batch_id AND state = 'oos_exceptional')",
            "no vial is exceptional unless its batch is released by exception",
        ),
    )

    @property
    def called(self) -> str:
        """The batch it judges: people call it by that."""
        return self.batch.code


unique_means("uq_release_batch_id", "release", ("batch_id",), ALREADY_OPEN)


class Result(Part):
    """One result as reported. It is never changed: a correction or a repeat is another row beside it."""

    __tablename__ = "result"
    append_only = True
    owner = "release"
    key: ClassVar = ("attribute", "number")
    touches: ClassVar = ("batch",)

    release_id: Mapped[int] = mapped_column(Id, ForeignKey("release.id"))
    criterion_id: Mapped[int] = mapped_column(Id, ForeignKey("criterion.id"), index=True)
    attribute: Mapped[str] = mapped_column(String(ATTRIBUTE_LENGTH))
    """The criterion's own word for it, so that the row can be named without it."""
    number: Mapped[int] = mapped_column(Id)
    """Counted for each attribute: 1 is the first result, the others are repeats and corrections."""
    value_text: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    """As reported, letter by letter."""
    value: Mapped[Decimal | None] = mapped_column(Exact(RESULT_PLACES))
    qualifier: Mapped[Qualifier] = mapped_column(Word(Qualifier))
    unit: Mapped[str] = mapped_column(String(UNIT_LENGTH), default="")
    detail: Mapped[str | None] = mapped_column(String(TITLE_LENGTH))
    """What the report says beyond the value, such as “46,XX in 20 of 20”."""
    tested_at: Mapped[datetime] = mapped_column(Utc)
    entered_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    entered_at: Mapped[datetime] = mapped_column(Utc)
    corrects_id: Mapped[int | None] = mapped_column(Id, ForeignKey("result.id"), unique=True)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was repeated or corrected."""

    release: Mapped[Release] = relationship(back_populates="results")
    criterion: Mapped[Criterion] = relationship()
    corrects: Mapped["Result | None"] = relationship(remote_side="Result.id")

    __table_args__ = (
        UniqueConstraint("release_id", "attribute", "number"),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("number = 1 OR reason IS NOT NULL", name="repeat_has_a_reason"),
        CheckConstraint("corrects_id IS NULL OR number > 1", name="correction_comes_after"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_result_frozen_specification",
            "result",
            "BEFORE INSERT",
            "NOT EXISTS (SELECT 1 FROM release l JOIN batch b ON b.id = l.batch_id JOIN criterion c"
            " ON c.specification_id = b.specification_id WHERE l.id = NEW.release_id"
            " AND c.id = NEW.criterion_id AND c.attribute = NEW.attribute)",
            "a batch is judged by the specification frozen at its start",
        ),
    )

    @property
    def batch(self) -> Batch:
        """The batch that was tested."""
        return self.release.batch


class ResultReview(Part):
    """A second person looked at a result and at its raw data."""

    __tablename__ = "result_review"
    append_only = True
    owner = "result"
    key: ClassVar = ()

    result_id: Mapped[int] = mapped_column(Id, ForeignKey("result.id"), unique=True)
    reviewed_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    reviewed_at: Mapped[datetime] = mapped_column(Utc)
    note: Mapped[str | None] = mapped_column(Text)

    result: Mapped[Result] = relationship()

    triggers: ClassVar = (
        Trigger(
            "guard_result_review_by_another",
            "result_review",
            "BEFORE INSERT",
            "EXISTS (SELECT 1 FROM result r WHERE r.id = NEW.result_id AND r.entered_by = NEW.reviewed_by)",
            "who entered a result does not review it",
        ),
    )


unique_means("uq_result_review_result_id", "result_review", ("result_id",), TWICE_REVIEWED)


class OfRelease(Part):
    """One of several papers of a release, counted for each; people call it by its number."""

    __abstract__ = True
    owner = "release"
    key: ClassVar = ("number",)

    release_id: Mapped[int] = mapped_column(Id, ForeignKey("release.id"), sort_order=-2)
    number: Mapped[int] = mapped_column(Id, sort_order=-1)


class Finding(StrEnum):
    """What an out-of-specification investigation found."""

    CONFIRMED = "confirmed"
    LABORATORY_ERROR = "laboratory_error"
    ENTRY_ERROR = "entry_error"


class Investigation(OfRelease):
    """Opened by a blocking result outside its limit; quality assurance decides which results are valid."""

    __tablename__ = "investigation"

    attribute: Mapped[str] = mapped_column(String(ATTRIBUTE_LENGTH), index=True)
    opened_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    opened_at: Mapped[datetime] = mapped_column(Utc)
    finding: Mapped[Finding | None] = mapped_column(Word(Finding))
    conclusion: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    decided_at: Mapped[datetime | None] = mapped_column(Utc)

    release: Mapped[Release] = relationship(back_populates="investigations")

    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (finding IS NULL)"
            " AND (decided_at IS NULL) = (conclusion IS NULL)",
            name="decision_is_whole",
        ),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_investigation_decided",
            "investigation",
            "BEFORE UPDATE",
            "OLD.decided_at IS NOT NULL OR OLD.release_id <> NEW.release_id"
            " OR OLD.attribute <> NEW.attribute",
            "a decided investigation is not changed",
        ),
        Trigger(
            "guard_investigation_own_results",
            "investigation",
            "BEFORE UPDATE OF decided_by",
            "NEW.decided_by IN (SELECT entered_by FROM result WHERE release_id = NEW.release_id"
            " AND attribute = NEW.attribute)",
            "who entered results of a test does not decide its investigation",
        ),
    )


class ResultInvalidation(Part):
    """A decided investigation found this result invalid; it stays and is shown."""

    __tablename__ = "result_invalidation"
    append_only = True
    owner = "result"
    key: ClassVar = ()

    result_id: Mapped[int] = mapped_column(Id, ForeignKey("result.id"), unique=True)
    investigation_id: Mapped[int] = mapped_column(Id, ForeignKey("investigation.id"), index=True)
    invalidated_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    invalidated_at: Mapped[datetime] = mapped_column(Utc)

    result: Mapped[Result] = relationship()
    investigation: Mapped[Investigation] = relationship()


class Cause(StrEnum):
    """Why a release was suspended."""

    DEVIATION = "deviation"
    CONSENT = "consent"
    DETERMINATION = "determination"
    KINSHIP = "kinship"
    MATERIAL = "material"
    RESULT = "result"
    REOPENED = "reopened"
    DECISION = "decision"


class Suspension(OfRelease):
    """One cause for which the batch may not be used, with its hold; each is lifted by itself."""

    __tablename__ = "suspension"

    cause: Mapped[Cause] = mapped_column(Word(Cause))
    reason: Mapped[str] = mapped_column(Text)
    hold_id: Mapped[int] = mapped_column(Id, ForeignKey("hold.id"), unique=True)
    placed_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    placed_at: Mapped[datetime] = mapped_column(Utc)
    lifted_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    lifted_at: Mapped[datetime | None] = mapped_column(Utc)

    release: Mapped[Release] = relationship(back_populates="suspensions")
    hold: Mapped[Hold] = relationship()

    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifting_is_signed"),
    )


class TwoStepPlan(OfRelease):
    """A release before the last results: which may come later, why, and the prescriber's word (D §4.3)."""

    __tablename__ = "two_step_plan"

    pending: Mapped[str] = mapped_column(Text)
    """The attributes that may come later, one a line."""
    surrogates: Mapped[str] = mapped_column(Text)
    """The attributes of the rapid tests that passed, one a line."""
    justification: Mapped[str] = mapped_column(Text)
    prepared_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    prepared_at: Mapped[datetime] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Utc)

    release: Mapped[Release] = relationship(back_populates="two_steps")

    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledgement_is_signed"
        ),
        CheckConstraint("acknowledged_by IS NULL OR acknowledged_by <> prepared_by", name="two_persons"),
    )

    @property
    def attributes(self) -> frozenset[str]:
        """The tests whose results may come later."""
        return frozenset(self.pending.splitlines())


class ExceptionalUse(OfRelease):
    """The papers of an out-of-specification use, in their order (D §4.4): request, evaluation, acceptance."""

    __tablename__ = "exceptional_use"

    hazard: Mapped[str] = mapped_column(Text)
    """The immediate significant hazard to the patient and the alternatives considered."""
    requested_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    requested_at: Mapped[datetime] = mapped_column(Utc)
    evaluation: Mapped[str | None] = mapped_column(Text)
    """The manufacturer's risk evaluation, which says that the product is out of specification."""
    evaluated_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    evaluated_at: Mapped[datetime | None] = mapped_column(Utc)
    accepted_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    accepted_at: Mapped[datetime | None] = mapped_column(Utc)
    sponsor_told_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    sponsor_told_at: Mapped[datetime | None] = mapped_column(Utc)
    granted_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    granted_at: Mapped[datetime | None] = mapped_column(Utc)

    release: Mapped[Release] = relationship(back_populates="exceptions")

    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        CheckConstraint(f"length(hazard) >= {JUSTIFICATION_LENGTH}", name="hazard_is_explained"),
        CheckConstraint(
            "(evaluated_at IS NULL) = (evaluated_by IS NULL)"
            " AND (evaluated_at IS NULL) = (evaluation IS NULL)",
            name="evaluation_is_signed",
        ),
        CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="acceptance_is_signed"),
        CheckConstraint("accepted_at IS NULL OR evaluated_at IS NOT NULL", name="accepted_after_evaluation"),
        CheckConstraint("evaluated_by IS NULL OR evaluated_by <> requested_by", name="evaluated_by_another"),
        CheckConstraint("(sponsor_told_at IS NULL) = (sponsor_told_by IS NULL)", name="notice_is_signed"),
        CheckConstraint("(granted_at IS NULL) = (granted_by IS NULL)", name="grant_is_signed"),
        CheckConstraint(
            "granted_at IS NULL OR (accepted_at IS NOT NULL AND sponsor_told_at IS NOT NULL)",
            name="granted_after_all",
        ),
    )
