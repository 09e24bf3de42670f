"""What is stored of the culture: batch, passages, corrected counts, the lots that went in."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.batch import states
from mscbank.batch.lots import HUMAN_ORIGIN, LOGIN, NAME, Material, MaterialLot
from mscbank.collection.models import Donation
from mscbank.core.db import Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.family.models import FamilyLink, Recipient
from mscbank.study.models import Protocol, Specification

__all__ = [
    "HUMAN_ORIGIN",
    "Batch",
    "CountCorrection",
    "Counted",
    "Material",
    "MaterialLot",
    "MaterialUse",
    "Passage",
    "Step",
]


class Counted(StrEnum):
    """Which of a passage's two counts is meant."""

    SEEDING = "seeding"
    HARVEST = "harvest"


class Step(StrEnum):
    """The step of manufacture in which a material was used."""

    ISOLATION = "isolation"
    CULTURE = "culture"
    PASSAGE = "passage"
    HARVEST = "harvest"
    FILL = "fill"
    FREEZE = "freeze"


class Batch(Thing):
    """One culture campaign from one donation, directed to one relative. Donations are never pooled."""

    __tablename__ = "batch"
    kind = "batch"
    lives: ClassVar = {"state": states.BATCH}

    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), index=True)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    specification_id: Mapped[int] = mapped_column(ForeignKey("specification.id"), index=True)
    """The version by which it is judged, frozen at the start (invariant 10)."""
    directed_to_id: Mapped[int] = mapped_column(ForeignKey("recipient.id"), index=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("family_link.id"), index=True)
    """The verified link between donor and directed recipient."""
    planned_by: Mapped[str] = mapped_column(String(LOGIN))
    planned_at: Mapped[datetime] = mapped_column(Utc)
    started_by: Mapped[str | None] = mapped_column(String(LOGIN))
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    harvested_by: Mapped[str | None] = mapped_column(String(LOGIN))
    harvested_at: Mapped[datetime | None] = mapped_column(Utc)
    frozen_by: Mapped[str | None] = mapped_column(String(LOGIN))
    frozen_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_because: Mapped[str | None] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(String(60))
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    source_document: Mapped[str | None] = mapped_column(String(NAME))
    state: Mapped[states.BatchState] = mapped_column(Word(states.BatchState), index=True)

    donation: Mapped[Donation] = relationship()
    protocol: Mapped[Protocol] = relationship()
    specification: Mapped[Specification] = relationship()
    directed_to: Mapped[Recipient] = relationship()
    link: Mapped[FamilyLink] = relationship()
    passages: Mapped[list["Passage"]] = relationship(back_populates="batch", order_by="Passage.number")
    corrections: Mapped[list["CountCorrection"]] = relationship(
        back_populates="batch", order_by="CountCorrection.number"
    )
    uses: Mapped[list["MaterialUse"]] = relationship(back_populates="batch", order_by="MaterialUse.number")

    __table_args__ = (
        CheckConstraint("(started_at IS NULL) = (started_by IS NULL)", name="start_is_signed"),
        CheckConstraint("(harvested_at IS NULL) = (harvested_by IS NULL)", name="harvest_is_signed"),
        CheckConstraint("(frozen_at IS NULL) = (frozen_by IS NULL)", name="freezing_is_signed"),
        CheckConstraint(
            "state NOT IN ('in_culture', 'harvested', 'cryopreserved') OR started_at IS NOT NULL",
            name="started",
        ),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_batch_origin",
            "batch",
            "BEFORE UPDATE OF donation_id, specification_id, protocol_id",
            "OLD.state <> 'planned' AND (OLD.donation_id <> NEW.donation_id"
            " OR OLD.specification_id <> NEW.specification_id OR OLD.protocol_id <> NEW.protocol_id)",
            "donation, protocol and specification are frozen when the culture starts",
        ),
        Trigger(
            "guard_batch_relative",
            "batch",
            "BEFORE INSERT",
            "NOT EXISTS (SELECT 1 FROM family_link k JOIN donation d ON d.id = NEW.donation_id"
            " WHERE k.id = NEW.link_id AND k.donor_id = d.donor_id AND k.recipient_id = NEW.directed_to_id)",
            "the link is of another donor or another recipient",
        ),
        Trigger(
            "guard_batch_redirect",
            "batch",
            "BEFORE UPDATE OF directed_to_id, link_id, donation_id",
            "NOT EXISTS (SELECT 1 FROM family_link k JOIN donation d ON d.id = NEW.donation_id"
            " WHERE k.id = NEW.link_id AND k.donor_id = d.donor_id AND k.recipient_id = NEW.directed_to_id)",
            "the link is of another donor or another recipient",
        ),
    )

    def executors(self) -> set[str]:
        """The logins of everybody who worked on the culture: they do not certify it (PD-30)."""
        found = {self.planned_by, self.started_by, self.harvested_by, self.frozen_by}
        for passage in self.passages:
            found |= {passage.seeded_by, passage.harvested_by}
            found |= {passage.seeding_checked_by, passage.harvest_checked_by}
        found |= {c.before_by for c in self.corrections} | {c.corrected_by for c in self.corrections}
        found |= {use.used_by for use in self.uses} | {use.struck_by for use in self.uses}
        return {login for login in found if login is not None}


class Passage(Part):
    """One passage: what was seeded, what was harvested, who counted and who checked."""

    __tablename__ = "passage"
    owner = "batch"
    key = ("number",)

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    number: Mapped[int] = mapped_column(Id)
    """0 is the primary culture."""
    seeded_cells: Mapped[int] = mapped_column(Id)
    seeded_at: Mapped[datetime] = mapped_column(Utc)
    seeded_by: Mapped[str] = mapped_column(String(LOGIN))
    seeding_checked_by: Mapped[str | None] = mapped_column(String(LOGIN))
    seeding_note: Mapped[str | None] = mapped_column(Text)
    vessels: Mapped[str | None] = mapped_column(String(NAME))
    surface_cm2: Mapped[Decimal | None] = mapped_column(Exact(1))
    harvested_cells: Mapped[int | None] = mapped_column(Id)
    harvested_at: Mapped[datetime | None] = mapped_column(Utc)
    harvested_by: Mapped[str | None] = mapped_column(String(LOGIN))
    harvest_checked_by: Mapped[str | None] = mapped_column(String(LOGIN))
    viability_percent: Mapped[Decimal | None] = mapped_column(Exact(2))

    batch: Mapped[Batch] = relationship(back_populates="passages")

    __table_args__ = (
        UniqueConstraint("batch_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        CheckConstraint("seeded_cells > 0", name="seeded"),
        CheckConstraint("harvested_cells IS NULL OR harvested_cells >= 0", name="harvested"),
        CheckConstraint(
            "(harvested_cells IS NULL) = (harvested_at IS NULL)"
            " AND (harvested_at IS NULL) = (harvested_by IS NULL)"
            " AND (harvested_at IS NULL) = (viability_percent IS NULL)",
            name="harvest_is_whole",
        ),
        CheckConstraint("harvested_at IS NULL OR harvested_at >= seeded_at", name="harvest_after_seeding"),
        CheckConstraint(
            "viability_percent IS NULL OR viability_percent BETWEEN 0 AND 10000", name="viability"
        ),
        CheckConstraint(
            "seeding_checked_by IS NULL OR seeding_checked_by <> seeded_by", name="seeding_second_person"
        ),
        CheckConstraint(
            "harvest_checked_by IS NULL OR (harvested_by IS NOT NULL AND harvest_checked_by <> harvested_by)",
            name="harvest_second_person",
        ),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_passage_identity",
            "passage",
            "BEFORE UPDATE OF batch_id, number",
            "OLD.batch_id <> NEW.batch_id OR OLD.number <> NEW.number",
            "a passage keeps its number",
        ),
    )


class CountCorrection(Part):
    """A count that was entered wrongly: the figure and its author before, and who put it right."""

    __tablename__ = "count_correction"
    append_only = True
    owner = "batch"
    key = ("number",)

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    number: Mapped[int] = mapped_column(Id)
    passage_number: Mapped[int] = mapped_column(Id)
    counted: Mapped[Counted] = mapped_column(Word(Counted))
    before_cells: Mapped[int] = mapped_column(Id)
    before_by: Mapped[str] = mapped_column(String(LOGIN))
    after_cells: Mapped[int] = mapped_column(Id)
    corrected_by: Mapped[str] = mapped_column(String(LOGIN))
    corrected_at: Mapped[datetime] = mapped_column(Utc)
    reason: Mapped[str] = mapped_column(Text)

    batch: Mapped[Batch] = relationship(back_populates="corrections")

    __table_args__ = (UniqueConstraint("batch_id", "number"),)


class MaterialUse(Part):
    """One use of one lot in one batch. A use entered by mistake is struck out, never removed."""

    __tablename__ = "material_use"
    owner = "batch"
    key = ("number",)
    touches: ClassVar = ("lot",)

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    number: Mapped[int] = mapped_column(Id)
    lot_id: Mapped[int] = mapped_column(ForeignKey("material_lot.id"), index=True)
    step: Mapped[Step] = mapped_column(Word(Step))
    passage_number: Mapped[int | None] = mapped_column(Id)
    quantity: Mapped[Decimal] = mapped_column(Exact(3))
    unit: Mapped[str] = mapped_column(String(20))
    used_at: Mapped[datetime] = mapped_column(Utc)
    used_on: Mapped[date] = mapped_column(Date)
    """The civil date of the use at the site; the lot's expiry is compared with it."""
    used_by: Mapped[str] = mapped_column(String(LOGIN))
    struck_by: Mapped[str | None] = mapped_column(String(LOGIN))
    struck_at: Mapped[datetime | None] = mapped_column(Utc)
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    source_document: Mapped[str | None] = mapped_column(String(NAME))

    batch: Mapped[Batch] = relationship(back_populates="uses")
    lot: Mapped[MaterialLot] = relationship()

    __table_args__ = (
        UniqueConstraint("batch_id", "number"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("(struck_at IS NULL) = (struck_by IS NULL)", name="struck_has_its_person"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_material_use_lot",
            "material_use",
            "BEFORE INSERT",
            "NOT NEW.as_happened AND NOT EXISTS (SELECT 1 FROM material_lot l WHERE l.id = NEW.lot_id"
            " AND l.state = 'released' AND l.expires_on >= NEW.used_on)",
            "a lot past expiry, quarantined or rejected is not used",
        ),
        Trigger(
            "guard_material_use_kept",
            "material_use",
            "BEFORE UPDATE OF batch_id, number, lot_id, step, quantity, unit, used_at, used_on, used_by,"
            " as_happened, source_document",
            "1 = 1",
            "a use is struck out and entered again, never changed",
        ),
    )


PASSAGE_EXISTS = Refusal("batch.passage_exists", "This passage is recorded already. Look at the batch again.")
unique_means("uq_passage_batch_id_number", "passage", ("batch_id", "number"), PASSAGE_EXISTS)
