"""The register: each review of an audit trail, each certification (Annex 11, 9; D §4.2)."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Boolean, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Trigger
from mscbank.core.types import Id, Utc
from mscbank.release.tables import HASH_LENGTH, OfRelease, Release


class TrailReview(OfRelease):
    """A signed review of the audit trail of a batch: up to which entry of each chain it was read, and what
    was found (Annex 11, 9). It serves one certification."""

    __tablename__ = "trail_review"
    append_only = True

    reviewed_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    reviewed_at: Mapped[datetime] = mapped_column(Utc)
    comment: Mapped[str] = mapped_column(Text)
    findings: Mapped[str | None] = mapped_column(Text)
    """What was found, and what became of it; nothing when nothing was found."""
    entries: Mapped[int] = mapped_column(Id)
    """How many entries were read."""
    exceptions: Mapped[int] = mapped_column(Id)
    """How many of them were picked out."""
    marks: Mapped[str] = mapped_column(Text)
    """The last entry read of each chain, canonical: kind, code, sequence, hash."""
    marks_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))

    release: Mapped[Release] = relationship(back_populates="trail_reviews")

    __table_args__ = (UniqueConstraint("release_id", "number"),)
    triggers: ClassVar = (
        Trigger(
            "guard_trail_review_by_another",
            "trail_review",
            "BEFORE INSERT",
            "EXISTS (SELECT 1 FROM result r WHERE r.release_id = NEW.release_id"
            " AND r.entered_by = NEW.reviewed_by)",
            "who entered a result does not review the audit trail",
        ),
    )


class Certification(OfRelease):
    """One line of the qualified person's register (D §4.2); it is never changed."""

    __tablename__ = "certification"
    append_only = True

    certified_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    certified_at: Mapped[datetime] = mapped_column(Utc)
    in_two_steps: Mapped[bool] = mapped_column(Boolean, default=False)
    results_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))
    """The digest of all results as they stood; a later one shows as “changed since certification”."""
    certified: Mapped[str] = mapped_column(Text)
    """What was certified, canonical: a later certification shows the difference."""
    trail_review_id: Mapped[int] = mapped_column(Id, ForeignKey("trail_review.id"), unique=True)

    release: Mapped[Release] = relationship(back_populates="certifications")
    trail_review: Mapped[TrailReview] = relationship()

    __table_args__ = (
        UniqueConstraint("release_id", "number"),
        Index("ix_certification_certified_at", "certified_at"),
    )
    triggers: ClassVar = (
        Trigger(
            "guard_certification_reviewed",
            "certification",
            "BEFORE INSERT",
            "NOT EXISTS (SELECT 1 FROM trail_review t WHERE t.id = NEW.trail_review_id"
            " AND t.release_id = NEW.release_id AND t.reviewed_at <= NEW.certified_at"
            " AND NOT EXISTS (SELECT 1 FROM result r WHERE r.release_id = NEW.release_id"
            " AND r.entered_at > t.reviewed_at))",
            "no batch is certified before its audit trail is reviewed, the last result included",
        ),
    )
