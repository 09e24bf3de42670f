"""Donors and recipients with sealed names, how they are related, what they consented to, who is enrolled."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.core.db import NAME_LENGTH, Part, Thing, Trigger
from mscbank.core.naming import UNTOLD
from mscbank.core.types import Envelope, Id, Sealed, Utc, Word
from mscbank.family import states
from mscbank.family.states import ConsentState, LinkState, RecipientState
from mscbank.family.words import ConsentItem, PriorTherapy, Relation, Sex, Subset, Zygosity
from mscbank.study.models import DoseLevel, Protocol

BLIND_LENGTH = 64
FORM_LENGTH = 40


def _unique_where(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, unique=True, sqlite_where=text(where), postgresql_where=text(where))


NUMBER_IS_FOUND = "(hospital_number IS NULL) = (hospital_number_blind IS NULL)"


def _stays_anonymous(table: str) -> Trigger:
    """Who is anonymised gets no name again."""
    kept = ("family_name", "given_name", "born_on", "name_blind", "family_blind", "birth_blind")
    changed = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in kept)
    return Trigger(
        f"guard_{table}_anonymised", table, "BEFORE UPDATE",
        f"OLD.anonymised_at IS NOT NULL AND (NEW.anonymised_at IS NULL OR {changed})",
        "who is anonymised stays so",
    )  # fmt: skip


class Person(Thing):
    """Who is known by name: every identifying value is sealed, and found only by its keyed hash."""

    __abstract__ = True

    family_name: Mapped[Envelope] = mapped_column(Sealed)
    given_name: Mapped[Envelope] = mapped_column(Sealed)
    born_on: Mapped[Envelope] = mapped_column(Sealed)
    """The birth date as ISO text."""
    name_blind: Mapped[str] = mapped_column(String(BLIND_LENGTH), index=True, info={UNTOLD: True})
    """Keyed hash of family name and given name."""
    family_blind: Mapped[str] = mapped_column(String(BLIND_LENGTH), index=True, info={UNTOLD: True})
    birth_blind: Mapped[str] = mapped_column(String(BLIND_LENGTH), info={UNTOLD: True})
    hospital_number: Mapped[Envelope | None] = mapped_column(Sealed)
    """The number that the hospital of the person's site gave."""
    hospital_number_blind: Mapped[str | None] = mapped_column(
        String(BLIND_LENGTH), unique=True, info={UNTOLD: True}
    )
    anonymised_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the key was destroyed; from then on nobody is found, and nothing is opened."""
    sex: Mapped[Sex] = mapped_column(Word(Sex))
    registered_by: Mapped[str] = mapped_column(String(NAME_LENGTH))


class Donor(Person):
    """An adult relative who gives marrow."""

    __tablename__ = "donor"
    kind = "donor"

    is_under_protection: Mapped[bool] = mapped_column(Boolean, default=False)
    """Under legal protection: may not give (D §1.8 e)."""

    links: Mapped[list["FamilyLink"]] = relationship(back_populates="donor", order_by="FamilyLink.id")
    consents: Mapped[list["Consent"]] = relationship(back_populates="donor", order_by="Consent.id")

    __table_args__ = (CheckConstraint(NUMBER_IS_FOUND, name="number_is_found"),)
    triggers: ClassVar[tuple[Trigger, ...]] = (_stays_anonymous("donor"),)


class Recipient(Person):
    """Somebody with the disease for whom a relative's cells are made."""

    __tablename__ = "recipient"
    kind = "recipient"
    lives: ClassVar = {"state": states.RECIPIENT_LIFE}

    state: Mapped[RecipientState] = mapped_column(Word(RecipientState), default=None)
    wristband: Mapped[Envelope | None] = mapped_column(Sealed)
    wristband_blind: Mapped[str | None] = mapped_column(
        String(BLIND_LENGTH), unique=True, info={UNTOLD: True}
    )
    left_on: Mapped[date | None] = mapped_column(Date)
    left_why: Mapped[str | None] = mapped_column(Text)

    links: Mapped[list["FamilyLink"]] = relationship(back_populates="recipient", order_by="FamilyLink.id")
    consents: Mapped[list["Consent"]] = relationship(
        back_populates="recipient", order_by="Consent.id", foreign_keys="Consent.recipient_id"
    )
    screenings: Mapped[list["Screening"]] = relationship(
        back_populates="recipient", order_by="Screening.number"
    )
    enrolments: Mapped[list["Enrolment"]] = relationship(back_populates="recipient", order_by="Enrolment.id")

    __table_args__ = (
        CheckConstraint(NUMBER_IS_FOUND, name="number_is_found"),
        CheckConstraint("(wristband IS NULL) = (wristband_blind IS NULL)", name="wristband_is_found"),
        CheckConstraint("(left_on IS NULL) = (left_why IS NULL)", name="leaving_has_a_reason"),
        CheckConstraint(
            "(left_on IS NULL) = (state IN ('registered', 'enrolled'))", name="who_left_has_a_date"
        ),
    )

    triggers: ClassVar[tuple[Trigger, ...]] = (_stays_anonymous("recipient"),)

    @property
    def enrolment(self) -> "Enrolment | None":
        """The enrolment in the study, if there is one."""
        return self.enrolments[-1] if self.enrolments else None

    @property
    def study_number(self) -> str | None:
        """The number by which the study knows this person, such as ``07``."""
        return self.enrolment.study_number if self.enrolment else None

    @property
    def has_left(self) -> bool:
        """Whether this person is no longer in the study."""
        return self.state in states.LEFT

    @property
    def called(self) -> str:
        """The study number where there is one, never a name."""
        return f"patient {self.study_number}" if self.study_number else self.code


class FamilyLink(Thing):
    """What a donor is to a recipient, with its evidence, claimed by one person and verified by another."""

    __tablename__ = "family_link"
    kind = "family_link"
    lives: ClassVar = {"state": states.LINK_LIFE}
    touches: ClassVar = ("donor", "recipient")

    donor_id: Mapped[int] = mapped_column(Id, ForeignKey("donor.id"))
    recipient_id: Mapped[int] = mapped_column(Id, ForeignKey("recipient.id"), index=True)
    relation: Mapped[Relation] = mapped_column(Word(Relation))
    degree: Mapped[int] = mapped_column(Id)
    """Degree of blood relation, 0 for none (29 CFR 1635.3)."""
    is_blood: Mapped[bool] = mapped_column(Boolean)
    zygosity: Mapped[Zygosity | None] = mapped_column(Word(Zygosity))
    evidence: Mapped[str] = mapped_column(Text)
    state: Mapped[LinkState] = mapped_column(Word(LinkState), default=None)
    claimed_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    doubts: Mapped[str | None] = mapped_column(Text)
    """What did not fit when it was claimed, one sentence a line; without birth dates."""
    confirmed_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    """Who vouched for the link in spite of the doubts."""
    confirmed_why: Mapped[str | None] = mapped_column(Text)
    verified_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    verified_at: Mapped[datetime | None] = mapped_column(Utc)
    verified_evidence: Mapped[str | None] = mapped_column(Text)
    """What the second person saw with their own eyes."""

    donor: Mapped[Donor] = relationship(back_populates="links")
    recipient: Mapped[Recipient] = relationship(back_populates="links")

    __table_args__ = (
        _unique_where("uq_family_link_live", "donor_id", "recipient_id", where="state <> 'refuted'"),
        CheckConstraint("degree BETWEEN 0 AND 3", name="degree_range"),
        CheckConstraint("(degree > 0) = is_blood", name="blood_has_a_degree"),
        CheckConstraint("zygosity IS NULL OR relation = 'full_sibling'", name="twins_are_siblings"),
        CheckConstraint("(verified_at IS NULL) = (verified_by IS NULL)", name="verification_is_signed"),
        CheckConstraint("verified_by IS NULL OR verified_by <> claimed_by", name="verified_by_another"),
        CheckConstraint("state <> 'verified' OR verified_at IS NOT NULL", name="verified_has_its_time"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_why IS NULL)", name="confirmation_is_explained"),
    )


class Consent(Thing):
    """What a donor or a recipient agreed to, on which form; revocable at any time (CSP L.1241-1)."""

    __tablename__ = "consent"
    kind = "consent"
    lives: ClassVar = {"state": states.CONSENT_LIFE}
    touches: ClassVar = ("donor", "recipient", "names_recipient")

    donor_id: Mapped[int | None] = mapped_column(Id, ForeignKey("donor.id"), index=True)
    recipient_id: Mapped[int | None] = mapped_column(Id, ForeignKey("recipient.id"), index=True)
    names_recipient_id: Mapped[int | None] = mapped_column(Id, ForeignKey("recipient.id"), index=True)
    """The relative whom a donor's consent names."""
    form_version: Mapped[str] = mapped_column(String(FORM_LENGTH))
    given_on: Mapped[date] = mapped_column(Date)
    authority: Mapped[str] = mapped_column(String(NAME_LENGTH))
    """Before whom it was expressed (``consent_authority`` of D §3.6)."""
    state: Mapped[ConsentState] = mapped_column(Word(ConsentState), default=None)
    recorded_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    withdrawn_on: Mapped[date | None] = mapped_column(Date)
    withdrawn_recorded_by: Mapped[str | None] = mapped_column(String(NAME_LENGTH))

    donor: Mapped[Donor | None] = relationship(back_populates="consents")
    recipient: Mapped[Recipient | None] = relationship(back_populates="consents", foreign_keys=[recipient_id])
    names_recipient: Mapped[Recipient | None] = relationship(foreign_keys=[names_recipient_id])
    covered: Mapped[list["ConsentCover"]] = relationship(
        back_populates="consent", order_by="ConsentCover.item"
    )

    __table_args__ = (
        CheckConstraint("(donor_id IS NULL) <> (recipient_id IS NULL)", name="of_one_person"),
        CheckConstraint("names_recipient_id IS NULL OR donor_id IS NOT NULL", name="donors_name_a_relative"),
        CheckConstraint(
            "(withdrawn_on IS NULL) = (withdrawn_recorded_by IS NULL)", name="withdrawal_is_recorded"
        ),
        CheckConstraint("(withdrawn_on IS NULL) = (state = 'in_force')", name="withdrawn_has_a_date"),
        CheckConstraint("withdrawn_on IS NULL OR withdrawn_on >= given_on", name="withdrawn_after_given"),
    )

    @property
    def person(self) -> Person:
        """Who gave it."""
        found = self.donor or self.recipient
        if found is None:
            raise LookupError("a consent belongs to a donor or to a recipient")
        return found

    @property
    def items(self) -> list[ConsentItem]:
        """What it covers."""
        return [cover.item for cover in self.covered]


class ConsentCover(Part):
    """One item that a consent covers."""

    __tablename__ = "consent_cover"
    append_only = True
    owner = "consent"
    key: ClassVar = ("item",)

    consent_id: Mapped[int] = mapped_column(Id, ForeignKey("consent.id"))
    item: Mapped[ConsentItem] = mapped_column(Word(ConsentItem))

    consent: Mapped[Consent] = relationship(back_populates="covered")

    __table_args__ = (UniqueConstraint("consent_id", "item"),)


class Screening(Part):
    """What was found when a recipient was examined for inclusion (D §1.2); never changed, only repeated."""

    __tablename__ = "screening"
    append_only = True
    owner = "recipient"
    key: ClassVar = ("number",)

    recipient_id: Mapped[int] = mapped_column(Id, ForeignKey("recipient.id"))
    protocol_id: Mapped[int] = mapped_column(Id, ForeignKey("protocol.id"), index=True)
    consent_id: Mapped[int] = mapped_column(Id, ForeignKey("consent.id"), index=True)
    number: Mapped[int] = mapped_column(Id)
    screened_on: Mapped[date] = mapped_column(Date)
    screened_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    age_years: Mapped[int] = mapped_column(Id)
    """Whole years on the day of the consent."""
    classification_score: Mapped[int] = mapped_column(Id)
    """2013 ACR/EULAR score."""
    subset: Mapped[Subset] = mapped_column(Word(Subset))
    skin_score: Mapped[int] = mapped_column(Id)
    """Modified Rodnan skin score, 17 sites from 0 to 3."""
    is_lung_severe: Mapped[bool] = mapped_column(Boolean)
    is_heart_severe: Mapped[bool] = mapped_column(Boolean)
    is_kidney_severe: Mapped[bool] = mapped_column(Boolean)
    prior_therapy: Mapped[PriorTherapy] = mapped_column(Word(PriorTherapy))
    prior_reason: Mapped[str] = mapped_column(Text)
    has_severe_comorbidity: Mapped[bool] = mapped_column(Boolean)
    comorbidity: Mapped[str | None] = mapped_column(Text)

    recipient: Mapped[Recipient] = relationship(back_populates="screenings")
    protocol: Mapped[Protocol] = relationship()
    consent: Mapped[Consent] = relationship()

    __table_args__ = (
        UniqueConstraint("recipient_id", "number"),
        CheckConstraint("age_years BETWEEN 0 AND 130", name="age_range"),
        CheckConstraint("skin_score BETWEEN 0 AND 51", name="skin_score_range"),
        CheckConstraint("classification_score BETWEEN 0 AND 30", name="classification_range"),
        CheckConstraint("NOT has_severe_comorbidity OR comorbidity IS NOT NULL", name="comorbidity_is_named"),
    )


class Enrolment(Part):
    """A recipient's number, dose level and place in a protocol; the number is never used again."""

    __tablename__ = "enrolment"
    owner = "recipient"
    key: ClassVar = ("protocol",)
    touches: ClassVar = ("protocol",)

    recipient_id: Mapped[int] = mapped_column(Id, ForeignKey("recipient.id"))
    protocol_id: Mapped[int] = mapped_column(Id, ForeignKey("protocol.id"))
    screening_id: Mapped[int] = mapped_column(Id, ForeignKey("screening.id"), unique=True)
    dose_level_id: Mapped[int] = mapped_column(Id, ForeignKey("dose_level.id"))
    number: Mapped[int] = mapped_column(Id)
    """The order of enrolment."""
    place: Mapped[int] = mapped_column(Id)
    enrolled_on: Mapped[date] = mapped_column(Date)
    enrolled_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    freed_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the place was given back, because the person left before infusion."""
    freed_why: Mapped[str | None] = mapped_column(Text)

    recipient: Mapped[Recipient] = relationship(back_populates="enrolments")
    protocol: Mapped[Protocol] = relationship()
    screening: Mapped[Screening] = relationship()
    dose_level: Mapped[DoseLevel] = relationship()

    __table_args__ = (
        UniqueConstraint("protocol_id", "number"),
        UniqueConstraint("recipient_id", "protocol_id"),
        _unique_where("uq_enrolment_place", "dose_level_id", "place", where="freed_at IS NULL"),
        CheckConstraint("number >= 1 AND place >= 1", name="counted_from_one"),
        CheckConstraint("(freed_at IS NULL) = (freed_why IS NULL)", name="freeing_has_a_reason"),
    )

    @property
    def study_number(self) -> str:
        """The order number as it is written: ``07``."""
        return f"{self.number:02d}"

    @property
    def level(self) -> int:
        """The number of the dose level."""
        return self.dose_level.number
