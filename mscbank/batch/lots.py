"""Material lots: what goes into a culture, delivery by delivery."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, String
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.batch import states
from mscbank.core.db import Thing, Trigger
from mscbank.core.types import Exact, Id, Utc, Word

LOGIN = 80
NAME = 200


class Material(StrEnum):
    """What a lot is (D §4.1)."""

    MEDIUM = "medium"
    PLATELET_LYSATE = "platelet_lysate"
    HEPARIN = "heparin"
    ANTIBIOTIC = "antibiotic"
    DISSOCIATION = "dissociation"
    BUFFER = "buffer"
    ALBUMIN = "albumin"
    DMSO = "dmso"
    FLASK = "flask"
    VIAL = "vial"
    DILUENT = "diluent"
    OTHER = "other"


HUMAN_ORIGIN = frozenset({Material.PLATELET_LYSATE, Material.ALBUMIN})


class MaterialLot(Thing):
    """One delivery of one supplier's lot; used only when released and in date."""

    __tablename__ = "material_lot"
    kind = "material_lot"
    lives: ClassVar = {"state": states.MATERIAL_LOT}

    material: Mapped[Material] = mapped_column(Word(Material))
    name: Mapped[str] = mapped_column(String(NAME))
    supplier: Mapped[str] = mapped_column(String(NAME))
    supplier_lot: Mapped[str] = mapped_column(String(NAME), index=True)
    catalogue_number: Mapped[str | None] = mapped_column(String(NAME))
    expires_on: Mapped[date] = mapped_column(Date, index=True)
    """The last day on which it may be used."""
    zone: Mapped[str] = mapped_column(String(60))
    quantity: Mapped[Decimal | None] = mapped_column(Exact(3))
    unit: Mapped[str] = mapped_column(String(20))
    pool_size: Mapped[int | None] = mapped_column(Id)
    """Donations pooled in a lot of human origin."""
    pathogen_inactivated: Mapped[bool | None] = mapped_column(Boolean)
    certificate: Mapped[str | None] = mapped_column(String(NAME))
    """Reference of the certificate of analysis."""
    received_by: Mapped[str] = mapped_column(String(LOGIN))
    received_at: Mapped[datetime] = mapped_column(Utc)
    judged_by: Mapped[str | None] = mapped_column(String(LOGIN))
    judged_at: Mapped[datetime | None] = mapped_column(Utc)
    state: Mapped[states.LotState] = mapped_column(Word(states.LotState), index=True)

    __table_args__ = (
        CheckConstraint("quantity IS NULL OR quantity > 0", name="quantity"),
        CheckConstraint("pool_size IS NULL OR pool_size > 0", name="pool"),
        CheckConstraint("(judged_at IS NULL) = (judged_by IS NULL)", name="judged_has_its_person"),
        CheckConstraint("state <> 'released' OR judged_by <> received_by", name="released_by_another"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_material_lot_identity",
            "material_lot",
            "BEFORE UPDATE OF material, supplier, supplier_lot",
            "OLD.material <> NEW.material OR OLD.supplier <> NEW.supplier"
            " OR OLD.supplier_lot <> NEW.supplier_lot",
            "a lot keeps its supplier and number",
        ),
    )

    @property
    def called(self) -> str:
        """Material and supplier's lot, which is what people call it."""
        return f"{self.name} {self.supplier_lot}"
