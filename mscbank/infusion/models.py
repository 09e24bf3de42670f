"""What is stored of an infusion: who, which prescription, which preparations, every check and observation."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mscbank.allocation.models import Allocation, Preparation
from mscbank.core.db import Part, Thing, Trigger
from mscbank.core.errors import Refusal, unique_means
from mscbank.core.types import Exact, Id, Utc, Word
from mscbank.family.models import Recipient
from mscbank.infusion import states
from mscbank.study.models import Protocol

LOGIN = 80
PLACE = 120
ZONE = 60
NOTE = 400

ONE_INFUSION = Refusal(
    "infusion.one_a_protocol",
    "This patient has an infusion under this protocol already: the protocol allows one.",
)
ELSEWHERE = Refusal("infusion.preparation_elsewhere", "This preparation belongs to another infusion.")


class Moment(StrEnum):
    """When the patient was observed."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Choice(StrEnum):
    """What the prescriber chose when fewer cells were counted than the floor (PD-40)."""

    GIVE = "give"
    ADD_SPARE = "add_spare"
    STOP = "stop"


class Infusion(Thing):
    """One intravenous infusion of one patient under one prescription; a patient has one a protocol."""

    __tablename__ = "infusion"
    kind = "infusion"
    lives: ClassVar = {"state": states.LIFE}
    touches: ClassVar[tuple[str, ...]] = ("allocation", "recipient")

    state: Mapped[states.State] = mapped_column(Word(states.State))
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    allocation: Mapped[Allocation] = relationship()
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipient.id"), index=True)
    recipient: Mapped[Recipient] = relationship()
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    protocol: Mapped[Protocol] = relationship()
    planned_on: Mapped[date] = mapped_column(Date)
    planned_minutes: Mapped[int] = mapped_column(Id)
    ward: Mapped[str] = mapped_column(String(PLACE))
    zone: Mapped[str] = mapped_column(String(ZONE))
    """IANA zone of the infusion site: its civil dates decide day 0 and day 10."""
    planned_by: Mapped[str] = mapped_column(String(LOGIN))
    ready_at: Mapped[datetime | None] = mapped_column(Utc)
    """The last confirmation of the ward; how long it holds is judged when read."""
    thawed_at: Mapped[datetime | None] = mapped_column(Utc)
    """The first thaw for this infusion."""
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    started_by: Mapped[str | None] = mapped_column(String(LOGIN))
    infused_on: Mapped[date | None] = mapped_column(Date)
    """The civil date at the infusion site on which it started: day 0."""
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_by: Mapped[str | None] = mapped_column(String(LOGIN))
    volume_to_give_ml: Mapped[Decimal | None] = mapped_column(Exact(3))
    volume_given_ml: Mapped[Decimal | None] = mapped_column(Exact(3))
    delivered_viable: Mapped[Decimal | None] = mapped_column(Exact(3))
    """Viable cells that reached the patient, from the count after the thaw where there is one."""
    is_measured: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the delivered dose rests on a count after the thaw, not on the plan."""
    reaction: Mapped[str | None] = mapped_column(Text)
    stop_reason: Mapped[str | None] = mapped_column(Text)
    window_prescriber: Mapped[str | None] = mapped_column(String(LOGIN))
    window_pharmacist: Mapped[str | None] = mapped_column(String(LOGIN))
    """Who decided jointly to start outside the stability window (PD-42)."""
    window_decided_at: Mapped[datetime | None] = mapped_column(Utc)
    low_dose_choice: Mapped[Choice | None] = mapped_column(Word(Choice))
    low_dose_by: Mapped[str | None] = mapped_column(String(LOGIN))
    low_dose_at: Mapped[datetime | None] = mapped_column(Utc)
    as_happened: Mapped[bool] = mapped_column(Boolean, default=False)
    gate_passed: Mapped[str | None] = mapped_column(Text)
    source_document: Mapped[str | None] = mapped_column(String(NOTE))

    preparations: Mapped[list["InfusionPreparation"]] = relationship(
        order_by="InfusionPreparation.number", viewonly=True
    )
    ready_checks: Mapped[list["ReadyCheck"]] = relationship(order_by="ReadyCheck.number", viewonly=True)
    bedside_checks: Mapped[list["BedsideCheck"]] = relationship(order_by="BedsideCheck.number", viewonly=True)
    observations: Mapped[list["Observation"]] = relationship(order_by="Observation.number", viewonly=True)
    pauses: Mapped[list["Pause"]] = relationship(order_by="Pause.number", viewonly=True)

    __table_args__ = (
        Index(
            "uq_infusion_live", "recipient_id", "protocol_id", unique=True,
            sqlite_where=text("state <> 'cancelled' AND NOT as_happened"),
            postgresql_where=text("state <> 'cancelled' AND NOT as_happened"),
        ),
        CheckConstraint("(started_at IS NULL) = (started_by IS NULL)", name="start_is_signed"),
        CheckConstraint("(started_at IS NULL) = (infused_on IS NULL)", name="start_has_its_date"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_is_signed"),
        CheckConstraint("ended_at >= started_at", name="ends_after_it_started"),
        CheckConstraint(
            "state IN ('planned', 'ready', 'checked', 'cancelled') OR started_at IS NOT NULL",
            name="running_started",
        ),
        CheckConstraint(
            "state <> 'completed' OR (ended_at IS NOT NULL AND delivered_viable IS NOT NULL)",
            name="completed_has_its_dose",
        ),
        CheckConstraint(
            "(window_prescriber IS NULL) = (window_pharmacist IS NULL)"
            " AND (window_prescriber IS NULL) = (window_decided_at IS NULL)",
            name="window_decision_is_joint",
        ),
        CheckConstraint("window_prescriber <> window_pharmacist", name="window_decided_by_two"),
        CheckConstraint(
            "(low_dose_choice IS NULL) = (low_dose_by IS NULL)"
            " AND (low_dose_by IS NULL) = (low_dose_at IS NULL)",
            name="low_dose_is_signed",
        ),
        CheckConstraint("volume_given_ml >= 0 AND delivered_viable >= 0", name="amounts_are_not_negative"),
        CheckConstraint("planned_minutes BETWEEN 1 AND 1440", name="duration"),
        CheckConstraint("NOT as_happened OR gate_passed IS NOT NULL", name="as_happened_names_its_gate"),
    )  # fmt: skip
    triggers: ClassVar = (
        Trigger(
            "guard_infusion_has_preparation", "infusion", "BEFORE UPDATE OF state",
            "NEW.state IN ('checked', 'started', 'interrupted', 'stopped', 'completed') AND NOT EXISTS"
            " (SELECT 1 FROM infusion_preparation p WHERE p.infusion_id = NEW.id)",
            "nothing is checked, started or completed without a preparation",
        ),
        Trigger(
            "guard_infusion_checked", "infusion", "BEFORE UPDATE OF state",
            "NEW.state IN ('started', 'completed') AND NOT NEW.as_happened AND NOT EXISTS"
            " (SELECT 1 FROM bedside_check c WHERE c.infusion_id = NEW.id)",
            "nothing is infused without the bedside check of two people",
        ),
        Trigger(
            "guard_infusion_names", "infusion", "BEFORE UPDATE OF allocation_id, recipient_id, protocol_id",
            "NEW.allocation_id <> OLD.allocation_id OR NEW.recipient_id <> OLD.recipient_id"
            " OR NEW.protocol_id <> OLD.protocol_id",
            "an infusion never changes its patient or prescription",
        ),
    )  # fmt: skip


unique_means("uq_infusion_live", "infusion", ("recipient_id", "protocol_id"), ONE_INFUSION)


class InfusionPreparation(Part):
    """A preparation for an infusion, and when the bedside check read its label."""

    __tablename__ = "infusion_preparation"
    owner = "infusion"
    key = ("number",)
    touches: ClassVar[tuple[str, ...]] = ("preparation",)

    infusion_id: Mapped[int] = mapped_column(ForeignKey("infusion.id"), index=True)
    infusion: Mapped[Infusion] = relationship()
    number: Mapped[int] = mapped_column(Id)
    preparation_id: Mapped[int] = mapped_column(ForeignKey("preparation.id"))
    preparation: Mapped[Preparation] = relationship()
    checked_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("infusion_id", "number"),
        UniqueConstraint("preparation_id", name="uq_infusion_preparation_once"),
    )


unique_means("uq_infusion_preparation_once", "infusion_preparation", ("preparation_id",), ELSEWHERE)


class ReadyCheck(Part):
    """The ward's confirmation of patient and line; it holds for an hour while nothing is thawed."""

    __tablename__ = "ready_check"
    append_only = True
    owner = "infusion"
    key = ("number",)

    infusion_id: Mapped[int] = mapped_column(ForeignKey("infusion.id"), index=True)
    infusion: Mapped[Infusion] = relationship()
    number: Mapped[int] = mapped_column(Id)
    confirmed_at: Mapped[datetime] = mapped_column(Utc)
    confirmed_by: Mapped[str] = mapped_column(String(LOGIN))
    second_checker: Mapped[str] = mapped_column(String(LOGIN))
    is_fit: Mapped[bool] = mapped_column(Boolean)
    """Whether the patient is fit to be infused today."""
    line_is_open: Mapped[bool] = mapped_column(Boolean)
    premedication: Mapped[str] = mapped_column(Text)
    """What was given beforehand, or that nothing was ordered."""
    weight_g: Mapped[int] = mapped_column(Id)
    """The weight at the ward; as every weight it stands among those of the prescription."""

    __table_args__ = (
        UniqueConstraint("infusion_id", "number"),
        CheckConstraint("is_fit AND line_is_open", name="confirms_both"),
        CheckConstraint("second_checker <> confirmed_by", name="confirmed_by_two"),
        CheckConstraint("weight_g BETWEEN 25000 AND 250000", name="plausible_weight"),
    )


class BedsideCheck(Part):
    """Two people scanned wristband, prescription and every preparation, and all matched (D §4.6)."""

    __tablename__ = "bedside_check"
    append_only = True
    owner = "infusion"
    key = ("number",)

    infusion_id: Mapped[int] = mapped_column(ForeignKey("infusion.id"), index=True)
    infusion: Mapped[Infusion] = relationship()
    number: Mapped[int] = mapped_column(Id)
    checked_at: Mapped[datetime] = mapped_column(Utc)
    first_person: Mapped[str] = mapped_column(String(LOGIN))
    second_person: Mapped[str] = mapped_column(String(LOGIN))
    identifiers: Mapped[str] = mapped_column(String(NOTE))
    """Which identifiers of the patient were compared; their values are never stored here."""
    prescription_code: Mapped[str] = mapped_column(String(LOGIN))
    preparation_codes: Mapped[str] = mapped_column(Text)
    """The codes that were read, in the order of the scans, blank between them."""
    expires_at: Mapped[datetime] = mapped_column(Utc)
    """The earliest expiry that they saw."""

    __table_args__ = (
        UniqueConstraint("infusion_id", "number"),
        CheckConstraint("first_person <> second_person", name="checked_by_two"),
    )


class Observation(Part):
    """Vital signs before, during or after; never overwritten."""

    __tablename__ = "observation"
    append_only = True
    owner = "infusion"
    key = ("number",)

    infusion_id: Mapped[int] = mapped_column(ForeignKey("infusion.id"), index=True)
    infusion: Mapped[Infusion] = relationship()
    number: Mapped[int] = mapped_column(Id)
    moment: Mapped[Moment] = mapped_column(Word(Moment))
    observed_at: Mapped[datetime] = mapped_column(Utc)
    observed_by: Mapped[str] = mapped_column(String(LOGIN))
    pulse: Mapped[int | None] = mapped_column(Id)
    systolic: Mapped[int | None] = mapped_column(Id)
    diastolic: Mapped[int | None] = mapped_column(Id)
    temperature_c: Mapped[Decimal | None] = mapped_column(Exact(1))
    saturation_percent: Mapped[int | None] = mapped_column(Id)
    rate_ml_per_min: Mapped[Decimal | None] = mapped_column(Exact(1))
    note: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("infusion_id", "number"),
        CheckConstraint("pulse BETWEEN 10 AND 350", name="pulse"),
        CheckConstraint("systolic BETWEEN 20 AND 350 AND diastolic BETWEEN 10 AND 250", name="pressure"),
        CheckConstraint("saturation_percent BETWEEN 0 AND 100", name="saturation"),
    )


class Pause(Part):
    """An interruption: when, why, how much had been given, and when it went on."""

    __tablename__ = "pause"
    owner = "infusion"
    key = ("number",)

    infusion_id: Mapped[int] = mapped_column(ForeignKey("infusion.id"), index=True)
    infusion: Mapped[Infusion] = relationship()
    number: Mapped[int] = mapped_column(Id)
    paused_at: Mapped[datetime] = mapped_column(Utc)
    paused_by: Mapped[str] = mapped_column(String(LOGIN))
    why: Mapped[str] = mapped_column(Text)
    given_ml: Mapped[Decimal] = mapped_column(Exact(3))
    resumed_at: Mapped[datetime | None] = mapped_column(Utc)
    resumed_by: Mapped[str | None] = mapped_column(String(LOGIN))

    __table_args__ = (
        UniqueConstraint("infusion_id", "number"),
        CheckConstraint("(resumed_at IS NULL) = (resumed_by IS NULL)", name="resume_is_signed"),
        CheckConstraint("resumed_at >= paused_at", name="resumed_after_the_pause"),
        CheckConstraint("given_ml >= 0", name="volume_is_not_negative"),
    )
