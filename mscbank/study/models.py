"""The protocol with its dose levels and visits, and the editions of the product's specification."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Part, Thing, Trigger
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.study.limits import Operator, Stage
from mscbank.study.states import PROTOCOL_LIFE, SPECIFICATION_LIFE, ProtocolState, SpecificationState

TITLE_LENGTH = 200
ZONE_LENGTH = 60
UNIT_LENGTH = 40
ATTRIBUTE_LENGTH = 60
LIMIT_PLACES = 6


class Protocol(Thing):
    """A clinical protocol: what is infused at which dose, to how many, with which visits and which gate."""

    __tablename__ = "protocol"
    kind = "protocol"
    lives: ClassVar = {"state": PROTOCOL_LIFE}

    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    registry_id: Mapped[str] = mapped_column(String(40))
    sponsor_code: Mapped[str] = mapped_column(String(40))
    infusion_zone: Mapped[str] = mapped_column(String(ZONE_LENGTH))
    """IANA zone of the infusion site: its civil date is day 0."""
    state: Mapped[ProtocolState] = mapped_column(Word(ProtocolState), default=None)
    written_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    approved_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    approved_at: Mapped[datetime | None] = mapped_column(Utc)
    opened_at: Mapped[datetime | None] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)

    max_infusions: Mapped[int] = mapped_column(Id, default=1)
    age_min: Mapped[int] = mapped_column(Id)
    """Whole years on the consent date, included."""
    age_max: Mapped[int] = mapped_column(Id)
    skin_score_min: Mapped[int] = mapped_column(Id)
    """Least modified Rodnan skin score, 0 to 51."""
    gate_infused: Mapped[int] = mapped_column(Id)
    """How many must be infused at a level before the next may open."""
    gate_day: Mapped[int] = mapped_column(Id)
    """The day after infusion that each of them must have passed."""

    paused_at: Mapped[datetime | None] = mapped_column(Utc)
    paused_why: Mapped[str | None] = mapped_column(Text)

    levels: Mapped[list["DoseLevel"]] = relationship(back_populates="protocol", order_by="DoseLevel.number")
    visits: Mapped[list["VisitPlan"]] = relationship(back_populates="protocol", order_by="VisitPlan.position")

    __table_args__ = (
        UniqueConstraint("registry_id"),
        CheckConstraint("max_infusions = 1", name="one_infusion"),
        CheckConstraint("age_min >= 0 AND age_min <= age_max AND age_max <= 120", name="age_range"),
        CheckConstraint("skin_score_min BETWEEN 0 AND 51", name="skin_score_range"),
        CheckConstraint("gate_infused >= 1 AND gate_day >= 0", name="gate"),
        CheckConstraint("(approved_at IS NULL) = (approved_by IS NULL)", name="approval_is_signed"),
        CheckConstraint("approved_by IS NULL OR approved_by <> written_by", name="approved_by_another"),
        CheckConstraint("(paused_at IS NULL) = (paused_why IS NULL)", name="pause_has_a_reason"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_protocol_content",
            "protocol",
            "BEFORE UPDATE OF title, registry_id, infusion_zone, age_min, age_max, skin_score_min,"
            " gate_infused, gate_day, max_infusions",
            "OLD.state <> 'draft'",
            "an approved protocol is not changed",
        ),
        Trigger(
            "guard_protocol_own_parts",
            "protocol",
            "BEFORE UPDATE OF approved_by",
            "NEW.approved_by IN (SELECT set_by FROM dose_level WHERE protocol_id = NEW.id"
            " UNION SELECT set_by FROM visit_plan WHERE protocol_id = NEW.id)",
            "who wrote a part of a protocol does not approve it",
        ),
    )

    @property
    def called(self) -> str:
        """Its registry number, which everybody uses."""
        return self.registry_id

    def level(self, number: int) -> "DoseLevel | None":
        """The dose level with this number."""
        return next((level for level in self.levels if level.number == number), None)


_NOT_DRAFT = "(SELECT state FROM protocol WHERE id = NEW.protocol_id) <> 'draft'"


class DoseLevel(Part):
    """A dose with its places: who is enrolled gets a place at the lowest open level."""

    __tablename__ = "dose_level"
    owner = "protocol"
    key: ClassVar = ("number",)

    protocol_id: Mapped[int] = mapped_column(Id, ForeignKey("protocol.id"))
    number: Mapped[int] = mapped_column(Id)
    viable_cells_per_kg: Mapped[int] = mapped_column(Id)
    places: Mapped[int] = mapped_column(Id)
    opened_at: Mapped[datetime | None] = mapped_column(Utc)
    set_by: Mapped[str] = mapped_column(String(NAME_LENGTH))

    protocol: Mapped[Protocol] = relationship(back_populates="levels")

    __table_args__ = (
        UniqueConstraint("protocol_id", "number"),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("viable_cells_per_kg > 0", name="dose_is_positive"),
        CheckConstraint("places > 0", name="places_are_positive"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_dose_level_added",
            "dose_level",
            "BEFORE INSERT",
            _NOT_DRAFT,
            "an approved protocol is not changed",
        ),
        Trigger(
            "guard_dose_level_changed",
            "dose_level",
            "BEFORE UPDATE OF protocol_id, number, viable_cells_per_kg, places",
            _NOT_DRAFT,
            "an approved protocol is not changed",
        ),
    )


class VisitPlan(Part):
    """A planned visit: days or months after the infusion, with the window around it (D §1.5)."""

    __tablename__ = "visit_plan"
    owner = "protocol"
    key: ClassVar = ("name",)

    protocol_id: Mapped[int] = mapped_column(Id, ForeignKey("protocol.id"))
    position: Mapped[int] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(20))
    days: Mapped[int | None] = mapped_column(Id)
    months: Mapped[int | None] = mapped_column(Id)
    before_days: Mapped[int] = mapped_column(Id, default=0)
    after_days: Mapped[int] = mapped_column(Id, default=0)
    set_by: Mapped[str] = mapped_column(String(NAME_LENGTH))

    protocol: Mapped[Protocol] = relationship(back_populates="visits")

    __table_args__ = (
        UniqueConstraint("protocol_id", "name"),
        UniqueConstraint("protocol_id", "position"),
        CheckConstraint("(days IS NULL) <> (months IS NULL)", name="days_or_months"),
        CheckConstraint("coalesce(days, months) >= 0", name="not_before_infusion"),
        CheckConstraint("before_days >= 0 AND after_days >= 0", name="window"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_visit_plan_added",
            "visit_plan",
            "BEFORE INSERT",
            _NOT_DRAFT,
            "an approved protocol is not changed",
        ),
        Trigger(
            "guard_visit_plan_changed",
            "visit_plan",
            "BEFORE UPDATE",
            _NOT_DRAFT,
            "an approved protocol is not changed",
        ),
    )


class Specification(Thing):
    """One edition of what the product must fulfil; immutable once it is approved."""

    __tablename__ = "specification"
    kind = "specification"
    lives: ClassVar = {"state": SPECIFICATION_LIFE}

    protocol_id: Mapped[int] = mapped_column(Id, ForeignKey("protocol.id"), index=True)
    name: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    edition: Mapped[int] = mapped_column(Id)
    state: Mapped[SpecificationState] = mapped_column(Word(SpecificationState), default=None)
    written_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    approved_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    approved_at: Mapped[datetime | None] = mapped_column(Utc)
    retired_at: Mapped[datetime | None] = mapped_column(Utc)

    protocol: Mapped[Protocol] = relationship()
    criteria: Mapped[list["Criterion"]] = relationship(
        back_populates="specification", order_by="Criterion.position"
    )

    __table_args__ = (
        UniqueConstraint("protocol_id", "name", "edition"),
        Index(
            "uq_specification_in_force",
            "protocol_id",
            "name",
            unique=True,
            sqlite_where=text("state = 'approved'"),
            postgresql_where=text("state = 'approved'"),
        ),
        CheckConstraint("edition >= 1", name="edition_from_one"),
        CheckConstraint("(approved_at IS NULL) = (approved_by IS NULL)", name="approval_is_signed"),
        CheckConstraint("state <> 'approved' OR approved_at IS NOT NULL", name="approved_has_its_time"),
        CheckConstraint("approved_by IS NULL OR approved_by <> written_by", name="approved_by_another"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_specification_content",
            "specification",
            "BEFORE UPDATE OF protocol_id, name, edition, written_by, approved_by, approved_at",
            "OLD.state <> 'draft'",
            "an approved specification is not changed",
        ),
        Trigger(
            "guard_specification_own_parts",
            "specification",
            "BEFORE UPDATE OF approved_by",
            "NEW.approved_by IN (SELECT set_by FROM criterion WHERE specification_id = NEW.id)",
            "who wrote a part of a specification does not approve it",
        ),
    )

    @property
    def called(self) -> str:
        """Its name and edition."""
        return f"{self.name}, edition {self.edition}"


_FROZEN = "(SELECT state FROM specification WHERE id = NEW.specification_id) <> 'draft'"
_WAS_FROZEN = "(SELECT state FROM specification WHERE id = OLD.specification_id) <> 'draft'"


class Criterion(Part):
    """One line of a specification: what is tested, how, when, against which limit."""

    __tablename__ = "criterion"
    owner = "specification"
    key: ClassVar = ("attribute",)

    specification_id: Mapped[int] = mapped_column(Id, ForeignKey("specification.id"))
    position: Mapped[int] = mapped_column(Id)
    attribute: Mapped[str] = mapped_column(String(ATTRIBUTE_LENGTH))
    """The stable name by which rules ask for it, such as ``viability_post_thaw``."""
    label: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    method: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    edition: Mapped[str | None] = mapped_column(String(40))
    """The edition of the pharmacopoeia or procedure that the method follows."""
    stage: Mapped[Stage] = mapped_column(Word(Stage))
    unit: Mapped[str] = mapped_column(String(UNIT_LENGTH), default="")
    operator: Mapped[Operator] = mapped_column(Word(Operator))
    low: Mapped[Decimal | None] = mapped_column(Exact(LIMIT_PLACES))
    high: Mapped[Decimal | None] = mapped_column(Exact(LIMIT_PLACES))
    expected_text: Mapped[str | None] = mapped_column(String(TITLE_LENGTH))
    blocking: Mapped[bool] = mapped_column(Boolean)
    may_be_pending: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether a two-step release may go ahead without it (D §4.3, PD-11)."""
    turnaround_days: Mapped[int] = mapped_column(Id)
    set_by: Mapped[str] = mapped_column(String(NAME_LENGTH))

    specification: Mapped[Specification] = relationship(back_populates="criteria")

    __table_args__ = (
        UniqueConstraint("specification_id", "attribute"),
        CheckConstraint("(operator IN ('at_least', 'between')) = (low IS NOT NULL)", name="low_limit"),
        CheckConstraint("(operator IN ('at_most', 'between')) = (high IS NOT NULL)", name="high_limit"),
        CheckConstraint("low IS NULL OR high IS NULL OR low <= high", name="limits_in_order"),
        CheckConstraint("(operator = 'equals') = (expected_text IS NOT NULL)", name="expected_text"),
        CheckConstraint("NOT (operator = 'report' AND blocking)", name="report_never_blocks"),
        CheckConstraint("turnaround_days >= 0", name="turnaround"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_criterion_added",
            "criterion",
            "BEFORE INSERT",
            _FROZEN,
            "an approved specification is not changed",
        ),
        Trigger(
            "guard_criterion_changed",
            "criterion",
            "BEFORE UPDATE",
            f"{_FROZEN} OR {_WAS_FROZEN}",
            "an approved specification is not changed",
        ),
        Trigger(
            "guard_criterion_removed",
            "criterion",
            "BEFORE DELETE",
            _WAS_FROZEN,
            "an approved specification is not changed",
        ),
    )
