"""Deviations and the things they are about, known only by kind and code."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Part, Thing
from mscbank.core.types import CODE_LENGTH, WORD_LENGTH, Id, Utc, Word
from mscbank.deviation.severity import SETTLED, Severity, State, blocks
from mscbank.deviation.states import LIFE

TITLE_LENGTH = 200


class Deviation(Thing):
    """Something that went otherwise than it should: what, when, how bad, why, and what follows."""

    __tablename__ = "deviation"
    kind = "deviation"
    lives: ClassVar = {"state": LIFE}

    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    description: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(Utc)
    found_at: Mapped[datetime] = mapped_column(Utc)
    immediate_action: Mapped[str] = mapped_column(Text)
    opened_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    state: Mapped[State] = mapped_column(Word(State), default=None)

    severity: Mapped[Severity | None] = mapped_column(Word(Severity))
    severity_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    root_cause: Mapped[str | None] = mapped_column(Text)
    impact: Mapped[str | None] = mapped_column(Text)
    capa: Mapped[str | None] = mapped_column(Text)

    accepted_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    accepted_at: Mapped[datetime | None] = mapped_column(Utc)
    acceptance: Mapped[str | None] = mapped_column(Text)
    """Why the product may be judged although the deviation is still open."""
    closed_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    closed_at: Mapped[datetime | None] = mapped_column(Utc)
    duplicate_of_id: Mapped[int | None] = mapped_column(Id, ForeignKey("deviation.id"))

    duplicate_of: Mapped["Deviation | None"] = relationship(
        foreign_keys=[duplicate_of_id], remote_side="Deviation.id"
    )
    subjects: Mapped[list["DeviationSubject"]] = relationship(
        back_populates="deviation", order_by="DeviationSubject.id"
    )

    __table_args__ = (
        CheckConstraint("found_at >= happened_at", name="found_after_it_happened"),
        CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="acceptance_is_signed"),
        CheckConstraint("accepted_by <> opened_by", name="accepted_by_another"),
        CheckConstraint("closed_by <> opened_by", name="closed_by_another"),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closure_is_signed"),
        CheckConstraint("(closed_at IS NULL) = (state <> 'closed')", name="closed_has_its_time"),
        CheckConstraint(
            "(duplicate_of_id IS NULL) = (state <> 'rejected_as_duplicate')", name="duplicate_names_the_other"
        ),
        CheckConstraint("(severity IS NULL) = (severity_by IS NULL)", name="severity_has_an_author"),
        Index("ix_deviation_open", "state", "id"),
        Index("ix_deviation_duplicate_of_id", "duplicate_of_id"),
    )

    @property
    def called(self) -> str:
        """Its title beside its code, as lists print it."""
        return f"{self.code} {self.title}"

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way of release now."""
        return blocks(self.severity, self.state, is_accepted=self.accepted_at is not None)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in SETTLED


class DeviationSubject(Part):
    """One thing that a deviation is about, by kind and code: the room knows no vial and no batch."""

    __tablename__ = "deviation_subject"
    append_only = True
    owner = "deviation"
    key: ClassVar = ("kind", "code")

    deviation_id: Mapped[int] = mapped_column(Id, ForeignKey("deviation.id"))
    kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    code: Mapped[str] = mapped_column(String(CODE_LENGTH))

    deviation: Mapped[Deviation] = relationship(back_populates="subjects")

    __table_args__ = (
        UniqueConstraint("deviation_id", "kind", "code"),
        Index("ix_deviation_subject_kind_code", "kind", "code"),
    )
