"""The tables of custody: places, fills and vials, and beside them holds, printed labels and the ledger."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.batch.models import Batch
from mscbank.core.db import Part, Row, Thing, Trigger
from mscbank.core.types import CODE_LENGTH, Id, Utc, Word
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.stock import LOGIN_LENGTH, Fill, Place, Vial
from mscbank.custody.words import Cause, LabelState, Purpose, Scan, Verb

__all__ = ["CustodyEvent", "Fill", "Hold", "LabelPrint", "Place", "Vial"]

OPEN = text("lifted_at IS NULL")


class Hold(Part):
    """Why a vial or a whole batch may not be used; placed by one act, lifted by another."""

    __tablename__ = "hold"
    key = ("number",)

    vial_id: Mapped[int | None] = mapped_column(ForeignKey(Vial.id))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey(Batch.id))
    number: Mapped[int] = mapped_column(Id)
    cause: Mapped[Cause] = mapped_column(Word(Cause))
    source_kind: Mapped[str | None] = mapped_column(String(40))
    source_code: Mapped[str | None] = mapped_column(String(CODE_LENGTH))
    """The deviation, consent or recall that caused it: what is lifted with it."""
    reason: Mapped[str] = mapped_column(Text)
    placed_by: Mapped[str] = mapped_column(String(LOGIN_LENGTH))
    placed_at: Mapped[datetime] = mapped_column(Utc)
    lifted_by: Mapped[str | None] = mapped_column(String(LOGIN_LENGTH))
    lifted_at: Mapped[datetime | None] = mapped_column(Utc)
    lifted_reason: Mapped[str | None] = mapped_column(Text)

    vial: Mapped[Vial | None] = relationship()
    batch: Mapped[Batch | None] = relationship()

    __table_args__ = (
        UniqueConstraint("vial_id", "number"),
        UniqueConstraint("batch_id", "number"),
        CheckConstraint("(vial_id IS NULL) <> (batch_id IS NULL)", name="one_subject"),
        CheckConstraint(
            "(lifted_by IS NULL) = (lifted_at IS NULL) AND (lifted_by IS NULL) = (lifted_reason IS NULL)",
            name="lift_is_signed",
        ),
        CheckConstraint("(source_kind IS NULL) = (source_code IS NULL)", name="source_named"),
        Index("ix_hold_open_vial", "vial_id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_hold_open_batch", "batch_id", sqlite_where=OPEN, postgresql_where=OPEN),
    )

    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_hold_lifted_once", "hold", "BEFORE UPDATE",
            "OLD.lifted_at IS NOT NULL OR NEW.cause <> OLD.cause OR NEW.reason <> OLD.reason"
            " OR NEW.placed_by <> OLD.placed_by OR NEW.placed_at <> OLD.placed_at",
            "a hold is lifted once and never changed",
        ),
        Trigger(
            "guard_hold_own", "hold", "BEFORE UPDATE OF lifted_by",
            "NEW.lifted_by = NEW.placed_by AND NEW.source_kind IS NULL"
            " AND NEW.cause NOT IN ('suspension', 'recall')",
            "who placed a hold by hand does not lift it",
        ),
    )  # fmt: skip

    @property
    def owner(self) -> str:  # type: ignore[override]  # a hold belongs to either of two kinds
        """The relationship to what is on hold."""
        return "batch" if self.vial is None else "vial"

    @property
    def subject(self) -> Thing:
        """The vial or batch on hold."""
        found = self.vial or self.batch
        if found is None:
            raise LookupError("a hold without a subject")
        return found


class LabelPrint(Part):
    """A printed label of a vial: print 1 to 28, never reused."""

    __tablename__ = "label_print"
    owner = "vial"
    key = ("print_number",)

    vial_id: Mapped[int] = mapped_column(ForeignKey(Vial.id))
    print_number: Mapped[int] = mapped_column(Id)
    purpose: Mapped[Purpose] = mapped_column(Word(Purpose))
    reason: Mapped[str | None] = mapped_column(Text)
    printed_by: Mapped[str] = mapped_column(String(LOGIN_LENGTH))
    printed_at: Mapped[datetime] = mapped_column(Utc)
    applied_by: Mapped[str | None] = mapped_column(String(LOGIN_LENGTH))
    applied_at: Mapped[datetime | None] = mapped_column(Utc)
    voided_by: Mapped[str | None] = mapped_column(String(LOGIN_LENGTH))
    voided_at: Mapped[datetime | None] = mapped_column(Utc)

    vial: Mapped[Vial] = relationship()

    __table_args__ = (
        UniqueConstraint("vial_id", "print_number"),
        CheckConstraint("print_number BETWEEN 1 AND 28", name="print_range"),
        CheckConstraint("(applied_by IS NULL) = (applied_at IS NULL)", name="application_is_signed"),
        CheckConstraint("(voided_by IS NULL) = (voided_at IS NULL)", name="void_is_signed"),
    )

    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_label_print_void", "label_print", "BEFORE UPDATE OF voided_at, voided_by",
            "OLD.voided_at IS NOT NULL", "a void label stays void",
        ),
    )  # fmt: skip

    @property
    def state(self) -> LabelState:
        """Printed, read on the vial, or void."""
        if self.voided_at is not None:
            return LabelState.VOID
        return LabelState.PRINTED if self.applied_at is None else LabelState.APPLIED


class CustodyEvent(Row):
    """The custody ledger: one row a vial and event, with the vial's whole state after it. Append-only."""

    __tablename__ = "custody_event"
    append_only = True
    ledger: ClassVar[bool] = True
    touches: ClassVar[tuple[str, ...]] = ("vial",)
    key: ClassVar[tuple[str, ...]] = ("vial", "sequence")

    vial_id: Mapped[int] = mapped_column(ForeignKey(Vial.id))
    sequence: Mapped[int] = mapped_column(Id)
    act: Mapped[str] = mapped_column(
        ForeignKey("record.act", deferrable=True, initially="DEFERRED"), index=True
    )
    verb: Mapped[Verb] = mapped_column(Word(Verb))
    condition: Mapped[Condition] = mapped_column(Word(Condition))
    quality: Mapped[Quality] = mapped_column(Word(Quality))
    reservation: Mapped[Reservation] = mapped_column(Word(Reservation))
    reserved_by: Mapped[str | None] = mapped_column(String(CODE_LENGTH))
    from_position_id: Mapped[int | None] = mapped_column(ForeignKey(Place.id))
    position_id: Mapped[int | None] = mapped_column(ForeignKey(Place.id))
    from_holder: Mapped[str | None] = mapped_column(String(2 * LOGIN_LENGTH))
    holder: Mapped[str | None] = mapped_column(String(2 * LOGIN_LENGTH))
    is_gone: Mapped[bool] = mapped_column(Boolean)
    happened_at: Mapped[datetime] = mapped_column(Utc, index=True)
    entered_at: Mapped[datetime] = mapped_column(Utc)
    actor: Mapped[str] = mapped_column(String(LOGIN_LENGTH))
    second_person: Mapped[str | None] = mapped_column(String(LOGIN_LENGTH))
    scan: Mapped[Scan] = mapped_column(Word(Scan), default=Scan.NONE)
    detail: Mapped[str | None] = mapped_column(Text)

    vial: Mapped[Vial] = relationship()
    from_position: Mapped[Place | None] = relationship(foreign_keys=[from_position_id])
    position: Mapped[Place | None] = relationship(foreign_keys=[position_id])

    __table_args__ = (
        UniqueConstraint("vial_id", "sequence"),
        CheckConstraint("second_person IS NULL OR second_person <> actor", name="two_persons"),
    )
