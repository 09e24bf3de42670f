"""Places, fills and vials: what lies where, and what has become of it."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.batch.models import Batch
from mscbank.core.db import Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import CODE_LENGTH, Exact, Id, Utc, Word
from mscbank.custody import states
from mscbank.custody.states import Condition, Quality, Reservation
from mscbank.custody.words import Area, HolderKind, Level
from mscbank.family.models import Recipient

LOGIN_LENGTH = 80
DIN_LENGTH = 13
PDC_LENGTH = 5
DIVISION_LENGTH = 6
GONE_WORDS = ", ".join(f"'{word.value}'" for word in sorted(states.GONE))


class Place(Thing):
    """A room, tank, rack, box or position; a vial lies in a position, and in a position lies one vial."""

    __tablename__ = "place"
    kind = "place"

    level: Mapped[Level] = mapped_column(Word(Level))
    name: Mapped[str] = mapped_column(String(40))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"), index=True)
    grid_rows: Mapped[int | None] = mapped_column(Id)
    grid_columns: Mapped[int | None] = mapped_column(Id)
    row_number: Mapped[int | None] = mapped_column(Id)
    column_number: Mapped[int | None] = mapped_column(Id)
    area: Mapped[Area] = mapped_column(Word(Area), default=Area.CONTROLLED)

    parent: Mapped["Place | None"] = relationship(remote_side="Place.id")

    __table_args__ = (
        UniqueConstraint("parent_id", "name"),
        CheckConstraint("(level = 'room') = (parent_id IS NULL)", name="stands_in_a_room"),
        CheckConstraint(
            "(level = 'box') = (grid_rows IS NOT NULL AND grid_columns IS NOT NULL)", name="box_has_a_grid"
        ),
        CheckConstraint(
            "(level = 'position') = (row_number IS NOT NULL AND column_number IS NOT NULL)",
            name="position_in_grid",
        ),
    )

    @property
    def called(self) -> str:
        """The name within its parent: ``Box 4`` or ``B5``."""
        return self.name


class Fill(Part):
    """One filling of a batch into vials: the number that two people counted. Never changed afterwards."""

    __tablename__ = "fill"
    owner = "batch"
    key = ("number",)
    append_only = True

    batch_id: Mapped[int] = mapped_column(ForeignKey(Batch.id), index=True)
    number: Mapped[int] = mapped_column(Id)
    vials: Mapped[int] = mapped_column(Id)
    filled_at: Mapped[datetime] = mapped_column(Utc)
    filled_by: Mapped[str] = mapped_column(String(LOGIN_LENGTH))
    checked_by: Mapped[str] = mapped_column(String(LOGIN_LENGTH))

    batch: Mapped[Batch] = relationship()

    __table_args__ = (
        UniqueConstraint("batch_id", "number"),
        CheckConstraint("vials > 0", name="some_vials"),
        CheckConstraint("filled_by <> checked_by", name="two_persons"),
    )


class Vial(Thing):
    """One container of cells: DIN + product code + division, unique for ever, and five things apart."""

    __tablename__ = "vial"
    kind = "vial"
    lives: ClassVar = {
        "condition": states.CONDITION,
        "quality": states.QUALITY,
        "reservation": states.RESERVATION,
    }
    touches: ClassVar[tuple[str, ...]] = ("batch", "position")

    batch_id: Mapped[int] = mapped_column(ForeignKey(Batch.id))
    fill_id: Mapped[int] = mapped_column(ForeignKey(Fill.id), index=True)
    number: Mapped[int] = mapped_column(Id)
    din: Mapped[str] = mapped_column(String(DIN_LENGTH))
    product_code: Mapped[str] = mapped_column(String(PDC_LENGTH))
    collection_type: Mapped[str] = mapped_column(String(1))
    division: Mapped[str] = mapped_column(String(DIVISION_LENGTH))
    """ISBT 128 DS032, counted per DIN and product code; the product code's own division is ``99``."""
    tnc: Mapped[int] = mapped_column(Id)
    """Total nucleated cells at fill."""
    viability_percent_at_fill: Mapped[Decimal] = mapped_column(Exact(2))
    volume_ml: Mapped[Decimal] = mapped_column(Exact(3))
    dmso_percent: Mapped[Decimal] = mapped_column(Exact(2))
    """Volume fraction of DMSO, in percent."""
    filled_at: Mapped[datetime] = mapped_column(Utc)
    expires_on: Mapped[date] = mapped_column(Date)
    """Valid to the end of this civil day (ISBT 128 DS004)."""
    expires_at: Mapped[datetime] = mapped_column(Utc)
    """The first instant after that day in the zone of the batch: from then on it is expired."""

    condition: Mapped[Condition] = mapped_column(Word(Condition))
    quality: Mapped[Quality] = mapped_column(Word(Quality))
    exceptional_for_id: Mapped[int | None] = mapped_column(ForeignKey(Recipient.id))
    reservation: Mapped[Reservation] = mapped_column(Word(Reservation))
    reserved_by: Mapped[str | None] = mapped_column(String(CODE_LENGTH), index=True)
    """The code of the allocation, a thing downstream."""

    position_id: Mapped[int | None] = mapped_column(ForeignKey(Place.id))
    holder_kind: Mapped[HolderKind | None] = mapped_column(Word(HolderKind))
    holder_code: Mapped[str | None] = mapped_column(String(LOGIN_LENGTH))
    is_gone: Mapped[bool] = mapped_column(Boolean, default=False)

    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether something about it was recorded past a gate; uniqueness and guards leave such rows out."""
    frozen_at: Mapped[datetime | None] = mapped_column(Utc)
    thawed_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    events: Mapped[int] = mapped_column(Id, default=0)
    """How many rows the ledger has of it."""

    batch: Mapped[Batch] = relationship()
    fill: Mapped[Fill] = relationship()
    exceptional_for: Mapped[Recipient | None] = relationship()
    position: Mapped[Place | None] = relationship()

    triggers: ClassVar[tuple[Trigger, ...]] = (
        Trigger(
            "guard_vial_infused_from", "vial", "BEFORE UPDATE OF condition",
            "NEW.condition = 'infused' AND OLD.condition NOT IN ('in_preparation', 'infused')"
            " AND NOT NEW.as_happened",
            "a vial is infused out of a preparation",
        ),
        Trigger(
            "guard_vial_identity", "vial", "BEFORE UPDATE",
            "NEW.din <> OLD.din OR NEW.product_code <> OLD.product_code OR NEW.division <> OLD.division"
            " OR NEW.collection_type <> OLD.collection_type OR NEW.code <> OLD.code"
            " OR NEW.batch_id <> OLD.batch_id OR NEW.tnc <> OLD.tnc",
            "the identity of a vial never changes",
        ),
    )  # fmt: skip

    __table_args__ = (
        UniqueConstraint("din", "product_code", "collection_type", "division", name="uq_vial_identity"),
        UniqueConstraint("batch_id", "number"),
        UniqueConstraint("position_id", name="uq_vial_position"),
        CheckConstraint(
            "(CASE WHEN position_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN holder_kind IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN is_gone THEN 1 ELSE 0 END) = 1",
            name="one_place",
        ),
        CheckConstraint("(holder_kind IS NULL) = (holder_code IS NULL)", name="holder_named"),
        CheckConstraint("(reservation <> 'none') = (reserved_by IS NOT NULL)", name="reservation_named"),
        CheckConstraint(f"is_gone = (condition IN ({GONE_WORDS}))", name="gone_at_its_end"),
        CheckConstraint(
            "position_id IS NULL OR condition IN ('filled', 'frozen', 'retained')",
            name="thawed_never_in_stock",
        ),
        CheckConstraint(
            "(quality = 'exceptional') = (exceptional_for_id IS NOT NULL)", name="exceptional_for_one"
        ),
        CheckConstraint(
            "condition NOT IN ('thawed', 'in_preparation') OR thawed_at IS NOT NULL", name="thaw_timed"
        ),
        CheckConstraint("tnc > 0", name="some_cells"),
        CheckConstraint("length(division) = 6", name="division_length"),
        CheckConstraint("expires_at > filled_at", name="expires_after_filling"),
    )

    @property
    def called(self) -> str:
        """The number by which the laboratory speaks of it."""
        return f"{self.number:02d}"

    @property
    def holder(self) -> str | None:
        """Kind and code of who or what holds it."""
        return f"{self.holder_kind}:{self.holder_code}" if self.holder_kind else None


unique_means(
    "uq_vial_position", "vial", ("position_id",),
    Refusal("custody.position_taken", "Another vial lies in this position already."),
)  # fmt: skip
unique_means(
    "uq_vial_identity", "vial", ("din", "product_code", "collection_type", "division"),
    Refusal("custody.identity_taken", "A vial with this DIN, product code and division exists already."),
)  # fmt: skip
unique_means(
    "uq_place_parent_id_name", "place", ("parent_id", "name"),
    Refusal("custody.place_exists", "There is a place of this name here already."),
)  # fmt: skip
