"""Adverse events of recipients and donors, visits, and the decisions at the gate."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Part, Thing, Trigger
from mscbank.core.types import Id, Utc, Word
from mscbank.family.models import Donor, Recipient
from mscbank.safety import states
from mscbank.safety.causality import is_related, is_susar
from mscbank.safety.words import Causality, Cause, Criterion, Decision, Outcome
from mscbank.study.models import Protocol

TERM_LENGTH = 200

_FLAGS = {
    Criterion.DEATH: "is_death", Criterion.LIFE_THREATENING: "is_life_threatening",
    Criterion.HOSPITALISATION: "is_hospitalisation", Criterion.DISABILITY: "is_disability",
    Criterion.CONGENITAL: "is_congenital_anomaly", Criterion.IMPORTANT: "is_medically_important",
    Criterion.TRANSMISSION: "is_infection_transmission",
}  # fmt: skip


class AdverseEvent(Thing):
    """Something untoward in a person of the study. Grade says how bad, seriousness what it led to."""

    __tablename__ = "adverse_event"
    kind: ClassVar[str] = "adverse_event"
    lives: ClassVar = {"state": states.LIFE}
    touches: ClassVar[tuple[str, ...]] = ("recipient", "donor")

    state: Mapped[states.State] = mapped_column(Word(states.State))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipient.id"), index=True)
    recipient: Mapped[Recipient | None] = relationship()
    donor_id: Mapped[int | None] = mapped_column(ForeignKey("donor.id"), index=True)
    donor: Mapped[Donor | None] = relationship()
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    protocol: Mapped[Protocol] = relationship()
    term: Mapped[str] = mapped_column(String(TERM_LENGTH))
    meddra_code: Mapped[str | None] = mapped_column(String(20))
    meddra_version: Mapped[str | None] = mapped_column(String(20))
    description: Mapped[str | None] = mapped_column(Text)
    onset_at: Mapped[datetime] = mapped_column(Utc)
    ended_on: Mapped[date | None] = mapped_column(Date)
    ctcae_grade: Mapped[int] = mapped_column(Id)
    ctcae_version: Mapped[str] = mapped_column(String(20))
    is_death: Mapped[bool] = mapped_column(Boolean, default=False)
    is_life_threatening: Mapped[bool] = mapped_column(Boolean, default=False)
    is_hospitalisation: Mapped[bool] = mapped_column(Boolean, default=False)
    is_disability: Mapped[bool] = mapped_column(Boolean, default=False)
    is_congenital_anomaly: Mapped[bool] = mapped_column(Boolean, default=False)
    is_medically_important: Mapped[bool] = mapped_column(Boolean, default=False)
    is_infection_transmission: Mapped[bool] = mapped_column(Boolean, default=False)
    outcome: Mapped[Outcome] = mapped_column(Word(Outcome))
    aware_at: Mapped[datetime] = mapped_column(Utc)
    """When the investigator's site became aware of it."""
    reported_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    causality: Mapped[Causality | None] = mapped_column(Word(Causality))
    """The investigator's judgement; nobody else changes it."""
    cause: Mapped[Cause | None] = mapped_column(Word(Cause))
    assessed_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    assessed_at: Mapped[datetime | None] = mapped_column(Utc)
    sponsor_causality: Mapped[Causality | None] = mapped_column(Word(Causality))
    is_expected: Mapped[bool | None] = mapped_column(Boolean)
    reference_information: Mapped[str | None] = mapped_column(String(TERM_LENGTH))
    """The edition of the reference safety information in force at the onset."""
    sponsor_aware_at: Mapped[datetime | None] = mapped_column(Utc)
    """Day 0: when anyone at the sponsor held the minimum criteria."""
    sponsor_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    sponsor_at: Mapped[datetime | None] = mapped_column(Utc)
    submitted_at: Mapped[datetime | None] = mapped_column(Utc)
    submission_reference: Mapped[str | None] = mapped_column(String(TERM_LENGTH))

    __table_args__ = (
        CheckConstraint("(recipient_id IS NULL) <> (donor_id IS NULL)", name="of_one_person"),
        CheckConstraint("ctcae_grade BETWEEN 1 AND 5", name="grade"),
        CheckConstraint("(ctcae_grade = 5) = is_death", name="grade_5_is_death"),
        CheckConstraint("(outcome = 'fatal') = is_death", name="fatal_is_death"),
        CheckConstraint("ctcae_grade <> 4 OR is_life_threatening", name="grade_4_threatens_life"),
        CheckConstraint("(assessed_at IS NULL) = (assessed_by IS NULL)", name="assessment_is_signed"),
        CheckConstraint("assessed_at IS NULL OR causality IS NOT NULL", name="assessment_says_causality"),
        CheckConstraint("(sponsor_at IS NULL) = (sponsor_by IS NULL)", name="sponsor_is_signed"),
        CheckConstraint(
            "sponsor_at IS NULL OR (sponsor_causality IS NOT NULL AND is_expected IS NOT NULL)",
            name="sponsor_says_both",
        ),
        Index("ix_adverse_event_protocol_onset", "protocol_id", "onset_at"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_adverse_event_causality", "adverse_event", "BEFORE UPDATE OF causality",
            "OLD.causality IS NOT NULL AND OLD.causality <> NEW.causality AND OLD.state <> 'reopened'",
            "the investigator's causality is changed only when the event is assessed afresh",
        ),
    )  # fmt: skip

    @property
    def person(self) -> Recipient | Donor:
        """Who had it."""
        found = self.recipient or self.donor
        if found is None:
            raise LookupError("an adverse event belongs to a recipient or a donor")
        return found

    @property
    def serious_for(self) -> list[Criterion]:
        """What makes it serious."""
        return [criterion for criterion, flag in _FLAGS.items() if getattr(self, flag)]

    @property
    def is_serious(self) -> bool:
        """Whether it had one of the consequences that make an event serious, whatever its grade."""
        return bool(self.serious_for)

    @property
    def is_related(self) -> bool:
        """Whether either party suspects the product or procedure."""
        return is_related(self.causality, self.sponsor_causality)

    @property
    def is_susar(self) -> bool:
        """Serious, suspected, unexpected."""
        return is_susar(serious=self.is_serious, related=self.is_related, expected=self.is_expected)

    @property
    def called(self) -> str:
        return f"{self.term}, grade {self.ctcae_grade}"


def flags_of(serious_for: list[Criterion]) -> dict[str, bool]:
    """The seriousness columns of an event."""
    return {flag: criterion in serious_for for criterion, flag in _FLAGS.items()}


class FollowUpVisit(Part):
    """A patient was seen: which visit, on which civil date, alive, with or without malignancy."""

    __tablename__ = "follow_up_visit"
    append_only = True
    owner: ClassVar[str] = "recipient"
    key: ClassVar[tuple[str, ...]] = ("number",)

    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipient.id"))
    recipient: Mapped[Recipient] = relationship()
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    protocol: Mapped[Protocol] = relationship()
    number: Mapped[int] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(20))
    """The name in the protocol's schedule, or ``unplanned``."""
    visited_on: Mapped[date] = mapped_column(Date)
    in_window: Mapped[bool] = mapped_column(Boolean)
    is_alive: Mapped[bool] = mapped_column(Boolean)
    has_malignancy: Mapped[bool] = mapped_column(Boolean)
    skin_score: Mapped[int | None] = mapped_column(Id)
    note: Mapped[str | None] = mapped_column(Text)
    recorded_by: Mapped[str] = mapped_column(String(NAME_LENGTH))

    __table_args__ = (
        UniqueConstraint("recipient_id", "number"),
        CheckConstraint("skin_score BETWEEN 0 AND 51", name="skin_score_range"),
    )


class GateDecision(Part):
    """What the safety reviewer decided about opening a level, with what stood before the gate then."""

    __tablename__ = "gate_decision"
    append_only = True
    owner: ClassVar[str] = "protocol"
    key: ClassVar[tuple[str, ...]] = ("number",)

    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"))
    protocol: Mapped[Protocol] = relationship()
    number: Mapped[int] = mapped_column(Id)
    opens_level: Mapped[int] = mapped_column(Id)
    decision: Mapped[Decision] = mapped_column(Word(Decision))
    infused: Mapped[int] = mapped_column(Id)
    past_day: Mapped[int] = mapped_column(Id)
    severe_related: Mapped[int] = mapped_column(Id)
    """Related events of grade 3 or more to the gate's day: seen by the signer, not a condition."""
    comment: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("protocol_id", "number"),)
