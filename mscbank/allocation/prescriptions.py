"""What is stored of a prescription: its weights, its doses, and the vials that are held for it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.allocation import states
from mscbank.allocation.dose import Band, PlanKind, WeightBand
from mscbank.batch.models import Batch
from mscbank.core.attachments import Attachment
from mscbank.core.db import Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.custody.models import Vial
from mscbank.family.models import Recipient
from mscbank.study.models import DoseLevel, Protocol

LOGIN = 80
NOTE = 400

ONE_A_PROTOCOL = Refusal(
    "allocation.one_a_protocol",
    "This patient already has a prescription under this protocol, which allows one infusion.",
)
TAKEN = Refusal(
    "allocation.vial_taken", "A vial was taken by another prescription a moment ago. Nothing was reserved."
)


class Allergies(StrEnum):
    """What the physician found when asking for allergies to DMSO, albumin, heparin and antibiotics."""

    NOT_ASKED = "not_asked"
    NONE_KNOWN = "none_known"
    NOTED = "noted"


class Allocation(Thing):
    """A prescription for one patient under one protocol, and the vials that are held for it."""

    __tablename__ = "allocation"
    kind = "allocation"
    lives: ClassVar = {"state": states.LIFE}
    touches: ClassVar[tuple[str, ...]] = ("recipient", "batch")

    state: Mapped[states.State] = mapped_column(Word(states.State))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipient.id"), index=True)
    recipient: Mapped[Recipient] = relationship()
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    protocol: Mapped[Protocol] = relationship()
    dose_level_id: Mapped[int] = mapped_column(ForeignKey("dose_level.id"), index=True)
    dose_level: Mapped[DoseLevel] = relationship()
    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"), index=True)
    batch: Mapped[Batch] = relationship()
    reference: Mapped[str | None] = mapped_column(String(40))
    """The hospital's own number of the prescription."""
    viable_cells_per_kg: Mapped[int] = mapped_column(Id)
    """As prescribed, copied from the dose level: what changes later does not change a prescription."""
    infusion_on: Mapped[date] = mapped_column(Date)
    infusion_minutes: Mapped[int] = mapped_column(Id)
    """How long the infusion is planned to last."""
    allergies: Mapped[Allergies] = mapped_column(Word(Allergies))
    allergy_note: Mapped[str | None] = mapped_column(Text)
    fluid_note: Mapped[str | None] = mapped_column(Text)
    """What the physician says of fluid overload (kidney, heart): clinical judgement, not a rule."""
    plan: Mapped[PlanKind | None] = mapped_column(Word(PlanKind))
    """Which plan the pharmacist chose where whole vials leave a choice; ``None``: the first one offered."""
    entered_by: Mapped[str] = mapped_column(String(LOGIN))
    prescribed_by: Mapped[str | None] = mapped_column(String(LOGIN))
    prescribed_at: Mapped[datetime | None] = mapped_column(Utc)
    prescribed_weight_g: Mapped[int | None] = mapped_column(Id)
    """The weight that stood there when it was signed."""
    paper_on: Mapped[date | None] = mapped_column(Date)
    """The date on the signed paper from which it is transcribed; ``None`` where it is prescribed here."""
    paper_prescriber: Mapped[str | None] = mapped_column(String(LOGIN))
    """The printed name of the physician who signed the paper."""
    scan_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True)
    scan: Mapped[Attachment | None] = relationship()
    """The signed paper, as it is attached here."""
    transcribed_by: Mapped[str | None] = mapped_column(String(LOGIN))
    transcribed_at: Mapped[datetime | None] = mapped_column(Utc)
    is_compared: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the person who verified it compared it with the signed paper."""
    verified_by: Mapped[str | None] = mapped_column(String(LOGIN))
    verified_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(LOGIN))
    """The prescriber who accepted a planned dose between the two tolerances."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_percent: Mapped[Decimal | None] = mapped_column(Exact(1))
    """The difference from the prescription that was accepted, as it was shown."""
    reserved_at: Mapped[datetime | None] = mapped_column(Utc)
    reserved_until: Mapped[datetime | None] = mapped_column(Utc)
    """From then on the reservation is overdue: a warning, never a lapse once vials are picked."""
    dispensed_by: Mapped[str | None] = mapped_column(String(LOGIN))
    dispensed_at: Mapped[datetime | None] = mapped_column(Utc)
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    gate_passed: Mapped[str | None] = mapped_column(Text)
    source_document: Mapped[str | None] = mapped_column(String(NOTE))

    weighings: Mapped[list["Weighing"]] = relationship(order_by="Weighing.number", viewonly=True)
    vials: Mapped[list["AllocatedVial"]] = relationship(order_by="AllocatedVial.number", viewonly=True)
    doses: Mapped[list["Dose"]] = relationship(order_by="Dose.number", viewonly=True)

    __table_args__ = (
        Index(
            "uq_allocation_live", "recipient_id", "protocol_id", unique=True,
            sqlite_where=text("state <> 'cancelled' AND NOT as_happened"),
            postgresql_where=text("state <> 'cancelled' AND NOT as_happened"),
        ),
        CheckConstraint("(prescribed_by IS NULL) = (prescribed_at IS NULL)", name="prescription_is_signed"),
        CheckConstraint("(verified_by IS NULL) = (verified_at IS NULL)", name="verification_is_signed"),
        CheckConstraint("(dispensed_by IS NULL) = (dispensed_at IS NULL)", name="dispensing_is_signed"),
        CheckConstraint(
            "(acknowledged_by IS NULL) = (acknowledged_at IS NULL)"
            " AND (acknowledged_by IS NULL) = (acknowledged_percent IS NULL)",
            name="acknowledgement_is_signed",
        ),
        CheckConstraint("verified_by <> prescribed_by", name="verified_by_another"),
        CheckConstraint("(paper_on IS NULL) = (paper_prescriber IS NULL)", name="paper_names_its_prescriber"),
        CheckConstraint(
            "(transcribed_by IS NULL) = (transcribed_at IS NULL)"
            " AND (transcribed_by IS NULL) = (scan_id IS NULL)",
            name="transcription_has_its_paper",
        ),
        CheckConstraint(
            "(transcribed_by IS NULL OR paper_on IS NOT NULL)"
            " AND (paper_on IS NULL OR prescribed_by IS NULL)",
            name="prescribed_or_transcribed",
        ),
        CheckConstraint(
            "paper_on IS NULL OR state IN ('draft', 'cancelled') OR gate_passed IS NOT NULL"
            " OR scan_id IS NOT NULL",
            name="no_paper_no_prescription",
        ),
        CheckConstraint(
            "paper_on IS NULL OR verified_by IS NULL"
            " OR (is_compared AND verified_by <> entered_by AND verified_by <> transcribed_by)",
            name="compared_by_another",
        ),
        CheckConstraint("(reserved_at IS NULL) = (reserved_until IS NULL)", name="reservation_has_an_end"),
        CheckConstraint("viable_cells_per_kg > 0", name="dose_is_positive"),
        CheckConstraint("infusion_minutes BETWEEN 1 AND 1440", name="duration"),
        CheckConstraint("NOT as_happened OR gate_passed IS NOT NULL", name="as_happened_names_its_gate"),
    )  # fmt: skip
    triggers: ClassVar = (
        Trigger(
            "guard_allocation_completed", "allocation", "BEFORE UPDATE OF state",
            "NEW.state = 'completed' AND OLD.state NOT IN ('completed', 'dispensed')"
            " AND NEW.gate_passed IS NULL",
            "an allocation is completed from dispensed, or as something that happened all the same",
        ),
        Trigger(
            "guard_allocation_own_weight", "allocation", "BEFORE UPDATE OF verified_by",
            "NEW.verified_by = (SELECT CASE WHEN reviewed_by IS NULL THEN entered_by END FROM weighing"
            " WHERE allocation_id = NEW.id ORDER BY number DESC LIMIT 1)",
            "who typed a weight that nobody has reviewed does not verify the dose",
        ),
        Trigger(
            "guard_allocation_own_pick", "allocation", "BEFORE UPDATE OF dispensed_by",
            "EXISTS (SELECT 1 FROM allocated_vial v WHERE v.allocation_id = NEW.id AND v.freed_at IS NULL"
            " AND NEW.dispensed_by IN (v.picked_by, v.pick_checked_by))",
            "who picked vials or checked the pick does not dispense them",
        ),
        Trigger(
            "guard_allocation_scan", "allocation", "BEFORE UPDATE OF scan_id",
            "NEW.scan_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.id = NEW.scan_id"
            " AND a.thing_kind = 'allocation' AND a.thing_code = NEW.code AND NOT EXISTS"
            " (SELECT 1 FROM attachment_withdrawal w WHERE w.attachment_id = a.id))",
            "the paper of a prescription is attached to it and not withdrawn",
        ),
        Trigger("guard_allocation_scan_start", "allocation", "BEFORE INSERT", "NEW.scan_id IS NOT NULL",
                "the paper of a prescription is attached to it first"),
        Trigger(
            "guard_allocation_paper", "allocation", "BEFORE UPDATE OF paper_on",
            "(OLD.paper_on IS NULL) <> (NEW.paper_on IS NULL)",
            "what was begun from paper stays from paper, and what was not stays so",
        ),
        Trigger(
            "guard_allocation_scan_stays", "attachment_withdrawal", "BEFORE INSERT",
            "EXISTS (SELECT 1 FROM allocation a WHERE a.scan_id = NEW.attachment_id)",
            "a prescription stands on this paper",
        ),
    )  # fmt: skip


unique_means("uq_allocation_live", "allocation", ("recipient_id", "protocol_id"), ONE_A_PROTOCOL)


class Weighing(Part):
    """One measured weight of the patient, with what its change asks for; never overwritten (PD-41)."""

    __tablename__ = "weighing"
    owner = "allocation"
    key = ("number",)

    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    allocation: Mapped[Allocation] = relationship()
    number: Mapped[int] = mapped_column(Id)
    weight_g: Mapped[int] = mapped_column(Id)
    weighed_at: Mapped[datetime] = mapped_column(Utc)
    weighed_on: Mapped[date] = mapped_column(Date)
    """The civil date at the ward, from which the seven days count."""
    weighed_where: Mapped[str] = mapped_column(String(LOGIN))
    last_weight_g: Mapped[int | None] = mapped_column(Id)
    """The weight known before, to which the change refers."""
    band: Mapped[WeightBand] = mapped_column(Word(WeightBand))
    confirmed: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether a change of more than the limit was confirmed when it was typed."""
    entered_by: Mapped[str] = mapped_column(String(LOGIN))
    reviewed_by: Mapped[str | None] = mapped_column(String(LOGIN))
    reviewed_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(LOGIN))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("allocation_id", "number"),
        CheckConstraint("weight_g BETWEEN 25000 AND 250000", name="plausible"),
        CheckConstraint("(reviewed_by IS NULL) = (reviewed_at IS NULL)", name="review_is_signed"),
        CheckConstraint("reviewed_by <> entered_by", name="reviewed_by_another"),
        CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="acknowledged"),
    )


class Dose(Part):
    """The dose as a pharmacist verified it: every input, and what came out, as it was signed."""

    __tablename__ = "dose"
    append_only = True
    owner = "allocation"
    key = ("number",)

    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    allocation: Mapped[Allocation] = relationship()
    number: Mapped[int] = mapped_column(Id)
    computed_at: Mapped[datetime] = mapped_column(Utc)
    computed_for: Mapped[str] = mapped_column(String(LOGIN))
    viable_cells_per_kg: Mapped[int] = mapped_column(Id)
    weight_g: Mapped[int] = mapped_column(Id)
    tnc_recovery_percent: Mapped[Decimal] = mapped_column(Exact(6))
    viability_percent: Mapped[Decimal] = mapped_column(Exact(6))
    vials: Mapped[int] = mapped_column(Id)
    tnc_pooled: Mapped[int] = mapped_column(Id)
    """All cells at fill in the vials of the plan together."""
    kind: Mapped[PlanKind] = mapped_column(Word(PlanKind))
    band: Mapped[Band] = mapped_column(Word(Band))
    target_viable: Mapped[Decimal] = mapped_column(Exact(3))
    planned_viable: Mapped[Decimal] = mapped_column(Exact(3))
    """The inputs stand above; these two are what was shown, half up at the column's places."""
    volume_to_give_ml: Mapped[Decimal] = mapped_column(Exact(3))
    volume_pooled_ml: Mapped[Decimal] = mapped_column(Exact(3))
    dmso_g: Mapped[Decimal] = mapped_column(Exact(6))

    __table_args__ = (UniqueConstraint("allocation_id", "number"),)


class AllocatedVial(Part):
    """A vial held for a prescription: reserved, picked by two, dispensed, or let go again."""

    __tablename__ = "allocated_vial"
    owner = "allocation"
    key = ("number",)
    touches: ClassVar[tuple[str, ...]] = ("vial",)

    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    allocation: Mapped[Allocation] = relationship()
    number: Mapped[int] = mapped_column(Id)
    vial_id: Mapped[int] = mapped_column(ForeignKey("vial.id"), index=True)
    vial: Mapped[Vial] = relationship()
    is_spare: Mapped[bool] = mapped_column(Boolean, default=False)
    """Held in case the count after the thaw is low; returned unthawed otherwise."""
    reserved_by: Mapped[str] = mapped_column(String(LOGIN))
    reserved_at: Mapped[datetime] = mapped_column(Utc)
    picked_by: Mapped[str | None] = mapped_column(String(LOGIN))
    picked_at: Mapped[datetime | None] = mapped_column(Utc)
    pick_checked_by: Mapped[str | None] = mapped_column(String(LOGIN))
    dispensed_at: Mapped[datetime | None] = mapped_column(Utc)
    freed_at: Mapped[datetime | None] = mapped_column(Utc)
    freed_by: Mapped[str | None] = mapped_column(String(LOGIN))
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        UniqueConstraint("allocation_id", "number"),
        Index(
            "uq_allocated_vial_live", "vial_id", unique=True,
            sqlite_where=text("freed_at IS NULL AND NOT as_happened"),
            postgresql_where=text("freed_at IS NULL AND NOT as_happened"),
        ),
        CheckConstraint("(picked_by IS NULL) = (picked_at IS NULL)", name="pick_is_signed"),
        CheckConstraint("(picked_by IS NULL) = (pick_checked_by IS NULL)", name="pick_is_checked"),
        CheckConstraint("pick_checked_by <> picked_by", name="pick_checked_by_another"),
        CheckConstraint("(freed_by IS NULL) = (freed_at IS NULL)", name="freed_is_signed"),
        CheckConstraint("dispensed_at IS NULL OR picked_at IS NOT NULL", name="picked_before_dispensed"),
    )  # fmt: skip


unique_means("uq_allocated_vial_live", "allocated_vial", ("vial_id",), TAKEN)
