"""Adverse events of recipients and donors, visits, and the decisions at the gate."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Part, Thing, Trigger
from mscbank.core.types import Id, Utc, Word
from mscbank.family.models import Donor, Recipient
from mscbank.safety import states
from mscbank.safety.causality import is_related, is_susar
from mscbank.safety.deadlines import follow_up_due_on, report_is_late, susar_due_on
from mscbank.safety.periods import civil_date
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
    is_medication_error: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is an error in giving the product, which has its duties also where nobody was harmed."""
    ctcae_grade: Mapped[int | None] = mapped_column(Id)
    """How bad it was; ``None`` only for a medication error that harmed nobody, or not yet graded."""
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
    reported_at: Mapped[datetime] = mapped_column(Utc)
    """When it was entered here, which is when the sponsor has it."""
    serious_aware_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the site became aware that it is serious: at first, or later when it became so."""
    serious_reported_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it was entered here that it is serious."""
    worse_aware_at: Mapped[datetime | None] = mapped_column(Utc)
    """When a serious event was known to have become fatal or life-threatening, where that came later."""
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
    """When anyone at the sponsor held the minimum criteria, where that was before it was entered here."""
    sponsor_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    sponsor_at: Mapped[datetime | None] = mapped_column(Utc)
    submitted_at: Mapped[datetime | None] = mapped_column(Utc)
    submission_reference: Mapped[str | None] = mapped_column(String(TERM_LENGTH))
    follow_up_aware_at: Mapped[datetime | None] = mapped_column(Utc)
    """When significant new information came after the submission; it starts a clock of its own."""
    follow_up_note: Mapped[str | None] = mapped_column(Text)
    follow_up_submitted_at: Mapped[datetime | None] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)
    closed_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))

    __table_args__ = (
        CheckConstraint("(recipient_id IS NULL) <> (donor_id IS NULL)", name="of_one_person"),
        CheckConstraint("ctcae_grade BETWEEN 1 AND 5", name="grade"),
        CheckConstraint("ctcae_grade IS NOT NULL OR is_medication_error", name="graded_unless_an_error"),
        CheckConstraint("(coalesce(ctcae_grade, 0) = 5) = is_death", name="grade_5_is_death"),
        CheckConstraint("(outcome = 'fatal') = is_death", name="fatal_is_death"),
        CheckConstraint("ctcae_grade <> 4 OR is_life_threatening", name="grade_4_threatens_life"),
        CheckConstraint("(assessed_at IS NULL) = (assessed_by IS NULL)", name="assessment_is_signed"),
        CheckConstraint("assessed_at IS NULL OR causality IS NOT NULL", name="assessment_says_causality"),
        CheckConstraint("(sponsor_at IS NULL) = (sponsor_by IS NULL)", name="sponsor_is_signed"),
        CheckConstraint("aware_at <= reported_at", name="known_before_reported"),
        CheckConstraint(
            "(serious_aware_at IS NULL) = (serious_reported_at IS NULL)", name="seriousness_has_its_times"
        ),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closure_is_signed"),
        CheckConstraint("state <> 'closed' OR closed_at IS NOT NULL", name="closed_has_its_time"),
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
        Trigger(
            "guard_adverse_event_closed", "adverse_event",
            "BEFORE UPDATE OF term, meddra_code, description, onset_at, ended_on, ctcae_grade, is_death,"
            " is_life_threatening, is_hospitalisation, is_disability, is_congenital_anomaly,"
            " is_medically_important, is_infection_transmission, outcome, aware_at, cause, sponsor_causality,"
            " is_expected",
            "OLD.state = 'closed'",
            "a closed event is not changed: it is opened again first",
        ),
        Trigger(
            "guard_adverse_event_person", "adverse_event",
            "BEFORE UPDATE OF recipient_id, donor_id, protocol_id, reported_by, reported_at",
            "coalesce(OLD.recipient_id, 0) <> coalesce(NEW.recipient_id, 0)"
            " OR coalesce(OLD.donor_id, 0) <> coalesce(NEW.donor_id, 0)"
            " OR OLD.protocol_id <> NEW.protocol_id OR OLD.reported_by <> NEW.reported_by"
            " OR OLD.reported_at <> NEW.reported_at",
            "an event never changes its person, its protocol or who reported it",
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
    def is_reported_late(self) -> bool:
        """Whether a serious event was entered more than 24 hours after the site knew; kept, never refused."""
        if not self.is_serious or self.serious_aware_at is None or self.serious_reported_at is None:
            return False
        return report_is_late(self.serious_aware_at, self.serious_reported_at)

    @property
    def is_related(self) -> bool:
        """Whether either party suspects the product or procedure."""
        return is_related(self.causality, self.sponsor_causality)

    @property
    def is_susar(self) -> bool:
        """Serious, suspected, unexpected."""
        return is_susar(serious=self.is_serious, related=self.is_related, expected=self.is_expected)

    @property
    def is_assessed(self) -> bool:
        """Whether the investigator has judged it since it was reported or opened again."""
        return self.state not in (states.State.REPORTED, states.State.REOPENED)

    @property
    def day_0(self) -> date | None:
        """The civil day on which the sponsor knew of a serious event, at the infusion site's zone."""
        known = self.sponsor_aware_at or self.serious_reported_at
        return civil_date(known, self.protocol.infusion_zone) if self.is_serious and known else None

    @property
    def due_on(self) -> date | None:
        """When the authority must have it: the clock of a suspected unexpected serious reaction (D §7.2)."""
        day_0 = self.day_0
        if day_0 is None or not self.is_susar:
            return None
        zone = self.protocol.infusion_zone
        if self.submitted_at is not None:
            new = self.follow_up_aware_at if self.follow_up_submitted_at is None else None
            return follow_up_due_on(civil_date(new, zone)) if new is not None else None
        return susar_due_on(
            day_0,
            fatal_or_life_threatening=self.is_death or self.is_life_threatening,
            worse_since=civil_date(self.worse_aware_at, zone) if self.worse_aware_at else None,
        )

    @property
    def called(self) -> str:
        """The term with its grade."""
        return self.term if self.ctcae_grade is None else f"{self.term}, grade {self.ctcae_grade}"


def flags_of(serious_for: Iterable[Criterion]) -> dict[str, bool]:
    """The seriousness columns of an event."""
    criteria = set(serious_for)
    return {flag: criterion in criteria for criterion, flag in _FLAGS.items()}


class FollowUpVisit(Part):
    """A patient was seen: which visit, on which civil date, with what was found."""

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
    replaces: Mapped[int | None] = mapped_column(Id)
    """The number of the entry that this one corrects; both stay, the later one counts."""
    recorded_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    recorded_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("recipient_id", "number"),
        UniqueConstraint("recipient_id", "replaces"),
        CheckConstraint("replaces < number", name="replaces_an_earlier_one"),
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
    unreviewed: Mapped[int] = mapped_column(Id)
    severe_related: Mapped[int] = mapped_column(Id)
    """Related events of grade 3 or more to the gate's day: seen by the signer, not a condition."""
    comment: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("protocol_id", "number"),)
