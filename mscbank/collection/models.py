"""What is stored of the donor's assessment and of the marrow."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.collection import states
from mscbank.collection.panel import Dilution, Marker, Outcome, Topic
from mscbank.collection.windows import Profile
from mscbank.core.db import Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.family.models import Consent, Donor, FamilyLink, Recipient

LOGIN = 80
NAME = 200
DIN_LENGTH = 13


class Assessment(Thing):
    """The judgement of one donor for one planned donation; at procurement it binds to one DIN."""

    __tablename__ = "assessment"
    kind = "assessment"
    lives: ClassVar = {"state": states.ASSESSMENT}
    touches: ClassVar = ("donor",)

    donor_id: Mapped[int] = mapped_column(ForeignKey("donor.id"), index=True)
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipient.id"), index=True)
    """The relative for whom the marrow is planned."""
    consent_id: Mapped[int | None] = mapped_column(ForeignKey("consent.id"), index=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("family_link.id"))
    """The verified link on which a directed permission rests."""
    profile: Mapped[Profile] = mapped_column(Word(Profile))
    planned_on: Mapped[date] = mapped_column(Date)
    zone: Mapped[str] = mapped_column(String(60))
    """The IANA zone in which its civil dates are meant."""
    opened_by: Mapped[str] = mapped_column(String(LOGIN))
    history_by: Mapped[str | None] = mapped_column(String(LOGIN))
    history_at: Mapped[datetime | None] = mapped_column(Utc)
    history_note: Mapped[str | None] = mapped_column(Text)
    deferred_until: Mapped[date | None] = mapped_column(Date)
    physician_informed: Mapped[str | None] = mapped_column(String(NAME))
    """Name of the recipient's physician who was told the results of an ineligible donor."""
    physician_informed_at: Mapped[datetime | None] = mapped_column(Utc)
    state: Mapped[states.AssessmentState] = mapped_column(Word(states.AssessmentState), index=True)

    donor: Mapped[Donor] = relationship()
    recipient: Mapped[Recipient | None] = relationship()
    consent: Mapped[Consent | None] = relationship()
    link: Mapped[FamilyLink | None] = relationship()
    results: Mapped[list["MarkerResult"]] = relationship(
        back_populates="assessment", order_by="MarkerResult.number"
    )
    answers: Mapped[list["HistoryAnswer"]] = relationship(
        back_populates="assessment", order_by="HistoryAnswer.number"
    )
    risk_assessments: Mapped[list["RiskAssessment"]] = relationship(
        back_populates="assessment", order_by="RiskAssessment.number"
    )
    determinations: Mapped[list["Determination"]] = relationship(
        back_populates="assessment", order_by="Determination.number"
    )

    __table_args__ = (
        CheckConstraint("(history_at IS NULL) = (history_by IS NULL)", name="history_has_its_person"),
        CheckConstraint(
            "(physician_informed_at IS NULL) = (physician_informed IS NULL)", name="informed_has_its_date"
        ),
        CheckConstraint(
            "state = 'draft' OR state = 'consent_withdrawn' OR consent_id IS NOT NULL", name="consented"
        ),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_assessment_subject",
            "assessment",
            "BEFORE UPDATE OF donor_id",
            "OLD.donor_id <> NEW.donor_id",
            "an assessment keeps its donor",
        ),
    )


class MarkerResult(Part):
    """One result of one marker on one sample; a repeat is another row."""

    __tablename__ = "marker_result"
    append_only = True
    owner = "assessment"
    key = ("number",)

    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"))
    number: Mapped[int] = mapped_column(Id)
    marker: Mapped[Marker] = mapped_column(Word(Marker))
    is_confirmatory: Mapped[bool] = mapped_column(Boolean, default=False)
    """A confirmatory test; for syphilis the treponemal one after a non-treponemal screening."""
    sampled_on: Mapped[date] = mapped_column(Date)
    reported_on: Mapped[date] = mapped_column(Date)
    laboratory: Mapped[str] = mapped_column(String(NAME))
    kit: Mapped[str] = mapped_column(String(NAME))
    outcome: Mapped[Outcome] = mapped_column(Word(Outcome))
    value_text: Mapped[str | None] = mapped_column(String(NAME))
    """As reported by the laboratory, unit included."""
    dilution: Mapped[Dilution] = mapped_column(Word(Dilution), default=Dilution.NONE)
    entered_by: Mapped[str] = mapped_column(String(LOGIN))
    entered_at: Mapped[datetime] = mapped_column(Utc)

    assessment: Mapped[Assessment] = relationship(back_populates="results")

    __table_args__ = (
        UniqueConstraint("assessment_id", "number"),
        CheckConstraint("reported_on >= sampled_on", name="reported_after_sampled"),
    )


class HistoryAnswer(Part):
    """The answer to one question of the history; asked again, it is another row and the latest counts."""

    __tablename__ = "history_answer"
    append_only = True
    owner = "assessment"
    key = ("number",)

    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"))
    number: Mapped[int] = mapped_column(Id)
    topic: Mapped[Topic] = mapped_column(Word(Topic))
    is_present: Mapped[bool] = mapped_column(Boolean)
    entered_by: Mapped[str] = mapped_column(String(LOGIN))
    entered_at: Mapped[datetime] = mapped_column(Utc)

    assessment: Mapped[Assessment] = relationship(back_populates="answers")

    __table_args__ = (UniqueConstraint("assessment_id", "number"),)


class RiskAssessment(Part):
    """The responsible person's written assessment of a risk that does not exclude by itself."""

    __tablename__ = "risk_assessment"
    append_only = True
    owner = "assessment"
    key = ("number",)

    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"))
    number: Mapped[int] = mapped_column(Id)
    text: Mapped[str] = mapped_column(Text)
    is_acceptable: Mapped[bool] = mapped_column(Boolean)
    up_to_result: Mapped[int] = mapped_column(Id)
    """The last result that was known to it."""
    up_to_answer: Mapped[int] = mapped_column(Id)
    """The last answer of the history that was known to it."""
    written_by: Mapped[str] = mapped_column(String(LOGIN))
    written_at: Mapped[datetime] = mapped_column(Utc)

    assessment: Mapped[Assessment] = relationship(back_populates="risk_assessments")

    __table_args__ = (UniqueConstraint("assessment_id", "number"),)


class Determination(Part):
    """One verdict of the medical director, with what it rests on."""

    __tablename__ = "determination"
    append_only = True
    owner = "assessment"
    key = ("number",)

    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"))
    number: Mapped[int] = mapped_column(Id)
    verdict: Mapped[states.AssessmentState] = mapped_column(Word(states.AssessmentState))
    findings: Mapped[str] = mapped_column(Text)
    """What was found, line by line, as it was shown to the signer."""
    up_to_result: Mapped[int] = mapped_column(Id)
    up_to_answer: Mapped[int] = mapped_column(Id)
    decided_by: Mapped[str] = mapped_column(String(LOGIN))
    decided_at: Mapped[datetime] = mapped_column(Utc)

    assessment: Mapped[Assessment] = relationship(back_populates="determinations")

    __table_args__ = (UniqueConstraint("assessment_id", "number"),)
    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_determination_own_entry", "determination", "BEFORE INSERT",
            "NEW.verdict IN ('eligible', 'eligible_with_ra') AND NEW.decided_by IN"
            " (SELECT entered_by FROM marker_result WHERE assessment_id = NEW.assessment_id"
            " UNION SELECT entered_by FROM history_answer WHERE assessment_id = NEW.assessment_id)",
            "who entered results or history does not find the donor eligible",
        ),
        Trigger(
            "guard_determination_own_risk", "determination", "BEFORE INSERT",
            "NEW.verdict = 'eligible_with_ra' AND NEW.decided_by = (SELECT written_by FROM risk_assessment"
            " WHERE assessment_id = NEW.assessment_id ORDER BY number DESC LIMIT 1)",
            "who wrote the risk assessment does not decide on it",
        ),
    )  # fmt: skip


class DinEntry(StrEnum):
    """How the donation number came in."""

    SCANNED = "scanned"
    TYPED = "typed"


class Donation(Thing):
    """One procurement of marrow: one DIN, never altered, bound to one assessment."""

    __tablename__ = "donation"
    kind = "donation"
    lives: ClassVar = {"state": states.DONATION}
    touches: ClassVar = ("donor", "assessment")

    din: Mapped[str] = mapped_column(String(DIN_LENGTH), unique=True)
    din_entry: Mapped[DinEntry] = mapped_column(Word(DinEntry))
    donor_id: Mapped[int] = mapped_column(ForeignKey("donor.id"), index=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id"), unique=True)
    consent_id: Mapped[int] = mapped_column(ForeignKey("consent.id"), index=True)
    """The consent that was in force at procurement."""
    donated_on: Mapped[date] = mapped_column(Date)
    """The civil date at the procurement site; the windows count from it."""
    zone: Mapped[str] = mapped_column(String(60))
    started_at: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime] = mapped_column(Utc)
    volume_ml: Mapped[Decimal] = mapped_column(Exact(1))
    anticoagulant: Mapped[str] = mapped_column(String(NAME))
    procured_at: Mapped[str] = mapped_column(String(NAME))
    """Procurement site and department."""
    operator: Mapped[str] = mapped_column(String(NAME))
    """Who took the marrow, by name and function."""
    recorded_by: Mapped[str] = mapped_column(String(LOGIN))
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    source_document: Mapped[str | None] = mapped_column(String(NAME))
    state: Mapped[states.DonationState] = mapped_column(Word(states.DonationState), index=True)

    donor: Mapped[Donor] = relationship()
    assessment: Mapped[Assessment] = relationship()
    consent: Mapped[Consent] = relationship()
    receipt: Mapped["Receipt | None"] = relationship(back_populates="donation")

    __table_args__ = (
        CheckConstraint("ended_at >= started_at", name="ends_after_start"),
        CheckConstraint("volume_ml > 0", name="volume"),
        CheckConstraint("as_happened = (source_document IS NOT NULL)", name="as_happened_has_its_document"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_donation_identity",
            "donation",
            "BEFORE UPDATE OF din, donor_id, assessment_id",
            "OLD.din <> NEW.din OR OLD.donor_id <> NEW.donor_id OR OLD.assessment_id <> NEW.assessment_id",
            "a donation number is never altered",
        ),
        Trigger(
            "guard_donation_donor",
            "donation",
            "BEFORE INSERT",
            "NOT EXISTS (SELECT 1 FROM assessment a"
            " WHERE a.id = NEW.assessment_id AND a.donor_id = NEW.donor_id)",
            "the assessment is of another donor",
        ),
    )

    @property
    def called(self) -> str:
        """The DIN, which is what people call it."""
        return self.din


class Receipt(Part):
    """What the laboratory found when the marrow arrived."""

    __tablename__ = "receipt"
    owner = "donation"
    key = ("received_at",)
    append_only = True

    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), unique=True)
    received_at: Mapped[datetime] = mapped_column(Utc)
    received_by: Mapped[str] = mapped_column(String(LOGIN))
    is_intact: Mapped[bool] = mapped_column(Boolean)
    label_matches: Mapped[bool] = mapped_column(Boolean)
    documents_present: Mapped[bool] = mapped_column(Boolean)
    lowest_c: Mapped[Decimal] = mapped_column(Exact(1))
    """The lowest temperature of the transport, degrees Celsius."""
    highest_c: Mapped[Decimal] = mapped_column(Exact(1))
    allowed_low_c: Mapped[Decimal] = mapped_column(Exact(1))
    """The limits in force on arrival."""
    allowed_high_c: Mapped[Decimal] = mapped_column(Exact(1))
    note: Mapped[str | None] = mapped_column(Text)

    donation: Mapped[Donation] = relationship(back_populates="receipt")

    __table_args__ = (CheckConstraint("highest_c >= lowest_c", name="temperatures_in_order"),)

    @property
    def in_range(self) -> bool:
        """Whether the transport kept its limits, both ends included."""
        return self.allowed_low_c <= self.lowest_c and self.highest_c <= self.allowed_high_c

    @property
    def passes(self) -> bool:
        """Whether nothing speaks against taking the marrow in."""
        return self.is_intact and self.label_matches and self.documents_present and self.in_range


DIN_TAKEN = Refusal(
    "collection.din_taken",
    "This donation number is in the bank already. A number is used once in a hundred years.",
)
BOUND = Refusal(
    "collection.assessment_bound", "This assessment is bound to a donation: each donation has its own."
)
unique_means("uq_donation_din", "donation", ("din",), DIN_TAKEN)
unique_means("uq_donation_assessment_id", "donation", ("assessment_id",), BOUND)
