"""What is stored of a preparation: its vials, its diluents, its labels, and what became of it."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.allocation import states
from mscbank.allocation.prescriptions import LOGIN, NOTE, Allocation
from mscbank.batch.models import MaterialLot
from mscbank.core.db import Part, Thing
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.custody.models import Vial

IN_ANOTHER = Refusal("allocation.vial_in_another", "A vial stands in another preparation already.")


class Preparation(Thing):
    """What stands between vials and infusion: thawed vials in one container, with a clock (D §4.5, PD-42)."""

    __tablename__ = "preparation"
    kind = "preparation"
    lives: ClassVar = {"state": states.PREPARATION_LIFE}
    touches: ClassVar[tuple[str, ...]] = ("allocation",)

    state: Mapped[states.PreparationState] = mapped_column(Word(states.PreparationState))
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    allocation: Mapped[Allocation] = relationship()
    made_where: Mapped[str] = mapped_column(String(LOGIN))
    first_thaw_at: Mapped[datetime] = mapped_column(Utc)
    window_minutes: Mapped[int] = mapped_column(Id)
    """The stability window in force at the first thaw."""
    expires_at: Mapped[datetime] = mapped_column(Utc)
    """To the minute, from the first thaw, rounded down."""
    opened_by: Mapped[str] = mapped_column(String(LOGIN))
    finished_by: Mapped[str | None] = mapped_column(String(LOGIN))
    finished_at: Mapped[datetime | None] = mapped_column(Utc)
    volume_ml: Mapped[Decimal | None] = mapped_column(Exact(3))
    """All of it: vials and diluents together."""
    tnc_counted: Mapped[int | None] = mapped_column(Id)
    """Cells counted after the thaw, in the whole preparation; ``None``: not counted."""
    viability_counted_percent: Mapped[Decimal | None] = mapped_column(Exact(2))
    given_ml: Mapped[Decimal | None] = mapped_column(Exact(3))
    residual_ml: Mapped[Decimal | None] = mapped_column(Exact(3))
    discarded_by: Mapped[str | None] = mapped_column(String(LOGIN))
    discard_witness: Mapped[str | None] = mapped_column(String(LOGIN))
    discarded_at: Mapped[datetime | None] = mapped_column(Utc)
    discard_method: Mapped[str | None] = mapped_column(String(NOTE))
    """How the residual, or the whole of it, was destroyed, with the number of the waste container."""
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)

    vials: Mapped[list["PreparationVial"]] = relationship(order_by="PreparationVial.number", viewonly=True)
    diluents: Mapped[list["Diluent"]] = relationship(order_by="Diluent.number", viewonly=True)
    labels: Mapped[list["PreparationLabel"]] = relationship(
        order_by="PreparationLabel.print_number", viewonly=True
    )

    __table_args__ = (
        CheckConstraint("(finished_by IS NULL) = (finished_at IS NULL)", name="finish_is_signed"),
        CheckConstraint("(finished_at IS NULL) = (volume_ml IS NULL)", name="finished_has_a_volume"),
        CheckConstraint("(tnc_counted IS NULL) = (viability_counted_percent IS NULL)", name="count_is_whole"),
        CheckConstraint("viability_counted_percent BETWEEN 0 AND 10000", name="viability_is_a_percent"),
        CheckConstraint("(discarded_by IS NULL) = (discarded_at IS NULL)", name="discard_is_signed"),
        CheckConstraint("(discarded_by IS NULL) = (discard_witness IS NULL)", name="discard_is_witnessed"),
        CheckConstraint("discard_witness <> discarded_by", name="discard_witnessed_by_another"),
        CheckConstraint("given_ml >= 0 AND residual_ml >= 0", name="volumes_are_not_negative"),
        CheckConstraint("window_minutes > 0 AND expires_at >= first_thaw_at", name="expiry_follows_the_thaw"),
    )


class PreparationVial(Part):
    """A vial thawed for a preparation, and when two people put it in by scan."""

    __tablename__ = "preparation_vial"
    owner = "preparation"
    key = ("number",)
    touches: ClassVar[tuple[str, ...]] = ("vial",)

    preparation_id: Mapped[int] = mapped_column(ForeignKey("preparation.id"), index=True)
    preparation: Mapped[Preparation] = relationship()
    number: Mapped[int] = mapped_column(Id)
    vial_id: Mapped[int] = mapped_column(ForeignKey("vial.id"), index=True)
    vial: Mapped[Vial] = relationship()
    thawed_at: Mapped[datetime] = mapped_column(Utc)
    added_at: Mapped[datetime | None] = mapped_column(Utc)
    added_by: Mapped[str | None] = mapped_column(String(LOGIN))
    checked_by: Mapped[str | None] = mapped_column(String(LOGIN))
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        UniqueConstraint("preparation_id", "number"),
        Index(
            "uq_preparation_vial_live", "vial_id", unique=True,
            sqlite_where=text("NOT as_happened"), postgresql_where=text("NOT as_happened"),
        ),
        CheckConstraint("(added_by IS NULL) = (added_at IS NULL)", name="adding_is_signed"),
        CheckConstraint("(added_by IS NULL) = (checked_by IS NULL)", name="adding_is_checked"),
        CheckConstraint("checked_by <> added_by", name="adding_checked_by_another"),
    )  # fmt: skip


unique_means("uq_preparation_vial_live", "preparation_vial", ("vial_id",), IN_ANOTHER)


class Diluent(Part):
    """A lot of diluent, albumin or fluid that went into a preparation (D §4.5)."""

    __tablename__ = "diluent"
    append_only = True
    owner = "preparation"
    key = ("number",)
    touches: ClassVar[tuple[str, ...]] = ("lot",)

    preparation_id: Mapped[int] = mapped_column(ForeignKey("preparation.id"), index=True)
    preparation: Mapped[Preparation] = relationship()
    number: Mapped[int] = mapped_column(Id)
    lot_id: Mapped[int] = mapped_column(ForeignKey("material_lot.id"), index=True)
    lot: Mapped[MaterialLot] = relationship()
    volume_ml: Mapped[Decimal] = mapped_column(Exact(3))
    added_by: Mapped[str] = mapped_column(String(LOGIN))
    added_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("preparation_id", "number"),
        CheckConstraint("volume_ml > 0", name="volume_is_positive"),
    )


class PreparationLabel(Part):
    """A printed label of a preparation: print 1 to 28, never used again, a reprint with its reason."""

    __tablename__ = "preparation_label"
    append_only = True
    owner = "preparation"
    key = ("print_number",)

    preparation_id: Mapped[int] = mapped_column(ForeignKey("preparation.id"), index=True)
    preparation: Mapped[Preparation] = relationship()
    print_number: Mapped[int] = mapped_column(Id)
    printed_by: Mapped[str] = mapped_column(String(LOGIN))
    printed_at: Mapped[datetime] = mapped_column(Utc)
    reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("preparation_id", "print_number"),
        CheckConstraint("print_number BETWEEN 1 AND 28", name="print_number"),
        CheckConstraint("print_number = 1 OR reason IS NOT NULL", name="a_reprint_has_its_reason"),
    )
