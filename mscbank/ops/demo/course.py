"""The course of one family, step by step, as it was worked: from registration to the released vials."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mscbank.batch import actions as batches
from mscbank.batch.lots import Material
from mscbank.batch.models import Counted, Step
from mscbank.coding.din import format_din
from mscbank.collection import actions as collection
from mscbank.collection.panel import PANEL, Outcome
from mscbank.custody import actions as custody
from mscbank.family import actions as family
from mscbank.family.eligibility import Organ
from mscbank.family.words import ConsentItem, PriorTherapy, Relation, Sex, Subset
from mscbank.ops.demo.cast import DIRECTOR, NURSE, PHYSICIAN, QA, QC, QC_2, QP, TECH, TECH_2
from mscbank.ops.demo.house import House, box
from mscbank.ops.demo.published import Family
from mscbank.ops.demo.stage import Stage, at
from mscbank.release import actions as release

MILLION = 1_000_000
VIALS = 12
TNC = 20 * MILLION
SEEDED = 180 * MILLION
HARVESTED = (40 * MILLION, 560 * MILLION)
PASSAGE_DAYS = 15
DONOR_ITEMS = [
    item
    for item in ConsentItem
    if item not in (ConsentItem.PARTICIPATION, ConsentItem.INFUSION, ConsentItem.FOLLOW_UP)
]
RECIPIENT_ITEMS = [
    ConsentItem.PARTICIPATION,
    ConsentItem.INFUSION,
    ConsentItem.FOLLOW_UP,
    ConsentItem.TRACEABILITY,
    ConsentItem.RIGHT_TO_WITHDRAW,
]
FAMILY_NAMES = (
    "Aubrac",
    "Brévent",
    "Causse",
    "Dombes",
    "Esterel",
    "Forez",
    "Gévaudan",
    "Hurepoix",
    "Iroise",
    "Jorat",
    "Kerlouan",
    "Luberon",
    "Morvan",
    "Nivernais",
    "Ossau",
    "Perche",
    "Queyras",
    "Rouergue",
    "Sologne",
    "Thiérache",
    "Ubaye",
    "Vercors",
    "Woëvre",
    "Xaintrie",
    "Yvelines",
    "Zorn",
)

RESULTS = (
    ("viability_fill", "95"),
    ("tnc_per_vial", "100.4"),
    ("cd73", "99.1"),
    ("cd90", "99.4"),
    ("cd105", "97.8"),
    ("cd34", "0.1"),
    ("cd45", "0.3"),
    ("cd14", "0.2"),
    ("cd19", "0.1"),
    ("hla_dr", "11.6"),
    ("sterility_marrow", "no growth"),
    ("sterility_in_process", "no growth"),
    ("gram", "negative"),
    ("endotoxin", "0.32"),
    ("donor_identity", "match"),
    ("passage", "1"),
    ("population_doublings", "3.8"),
    ("viability_post_thaw", "88"),
    ("tnc_recovery", "92"),
    ("viable_recovery", "85.2"),
    ("sterility_final", "no growth"),
    ("mycoplasma", "absent"),
    ("karyotype", "no clonal abnormality"),
)
FAILING = {"mycoplasma": "detected"}


@dataclass
class Course:
    """What has come of one family so far."""

    row: Family
    prefix: str = ""
    recipient: Any = None
    donor: Any = None
    link: Any = None
    consent: Any = None
    donation: Any = None
    batch: Any = None
    vials: list[Any] | None = None
    release: Any = None
    released_on: date = date(2014, 1, 1)
    box: Any = None


def register(stage: Stage, row: Family, *, protocol: Any, prefix: str = "", verified: bool = True) -> Course:
    """Register both, record the consents, claim and verify the link, examine."""
    course = Course(row, prefix)
    name = prefix + FAMILY_NAMES[row.number - 1]
    stage.go_to(at(row.enrolled - timedelta(days=21)))
    course.recipient = stage.do(
        family.register_recipient,
        by=PHYSICIAN,
        family_name=name,
        given_name="Patient",
        born_on=row.born,
        sex=Sex.FEMALE if row.woman else Sex.MALE,
        wristband=f"IPP-{prefix}{row.number:04d}",
    )
    course.donor = stage.do(
        family.register_donor,
        by=NURSE,
        family_name=name,
        given_name="Relative",
        born_on=row.donor_born,
        sex=Sex.FEMALE if row.donor_woman else Sex.MALE,
    )
    course.link = stage.do(
        family.claim,
        by=NURSE,
        donor=course.donor,
        recipient=course.recipient,
        relation=Relation(row.relation),
        evidence="Family record book, seen in original",
    )
    if verified:
        stage.do(family.verify, course.link, by=PHYSICIAN, evidence="Family record book, compared")
    signed = row.enrolled - timedelta(days=21)
    stage.do(
        family.record_recipient_consent,
        by=PHYSICIAN,
        recipient=course.recipient,
        form_version="2.0",
        given_on=signed,
        items=RECIPIENT_ITEMS,
        authority="the investigator",
    )
    course.consent = stage.do(
        family.record_donor_consent,
        by=NURSE,
        donor=course.donor,
        form_version="2.0",
        given_on=signed,
        items=DONOR_ITEMS,
        authority="president of the tribunal judiciaire",
        names_recipient=course.recipient,
    )
    stage.do(
        family.screen,
        course.recipient,
        by=PHYSICIAN,
        protocol=protocol,
        screened_on=signed,
        classification_score=14 + row.number % 6,
        subset=Subset.DIFFUSE,
        skin_score=18 + row.number % 15,
        prior_therapy=PriorTherapy.INADEQUATE_RESPONSE,
        organs=[Organ.LUNG],
        prior_reason="Progression under mycophenolate",
    )
    return course


def enrol(stage: Stage, course: Course) -> None:
    """Enrol: the order gives the number, the level and the place."""
    stage.go_to(at(course.row.enrolled, 10))
    stage.do(family.enrol, course.recipient, by=PHYSICIAN)


def assess(stage: Stage, course: Course, planned: date, *, decided: bool = True) -> Any:
    """The ten markers inside their window, the history, the signed determination."""
    sampled = planned - timedelta(days=10)
    stage.go_to(at(sampled))
    made = stage.do(
        collection.open_assessment,
        by=NURSE,
        donor=course.donor,
        planned_on=planned,
        recipient=course.recipient,
    )
    stage.do(collection.consent, made, by=NURSE, consent=course.consent, identity_checked=True)
    stage.do(collection.record_history, made, by=NURSE)
    stage.go_to(at(planned - timedelta(days=6)))
    stage.do(
        collection.record_results,
        made,
        by=TECH,
        markers=list(PANEL),
        outcome=Outcome.NON_REACTIVE,
        sampled_on=sampled,
        reported_on=planned - timedelta(days=7),
        laboratory="Fictive Virology",
        kit="CE-marked panel",
    )
    stage.do(collection.close_testing, made, by=NURSE)
    if decided:
        stage.sign(collection.find_eligible, made, DIRECTOR)
    return made


def donate(stage: Stage, course: Course, on: date, din: str) -> None:
    """Marrow under its DIN, received and accepted in the laboratory."""
    assessment = assess(stage, course, on)
    stage.go_to(at(on, 11))
    course.donation = stage.do(
        collection.procure,
        by=NURSE,
        assessment=assessment,
        din=format_din(din),
        started_at=at(on, 9),
        ended_at=at(on, 9, 40),
        volume_ml=Decimal("94.0"),
        anticoagulant="heparin",
        procured_at="Operating room 2",
        operator="Dr Eva Novák",
    )
    stage.do(
        collection.receive,
        course.donation,
        by=TECH,
        label=format_din(din),
        is_intact=True,
        documents_present=True,
        lowest_c=Decimal("18.2"),
        highest_c=Decimal("21.4"),
    )
    stage.do(collection.accept, course.donation, by=TECH)


def start(stage: Stage, house: House, course: Course, on: date) -> None:
    """The culture planned and started, its materials scanned."""
    stage.go_to(at(on, 14))
    batch = course.batch = stage.do(
        batches.plan,
        by=TECH,
        donation=course.donation,
        protocol=house.protocol,
        specification=house.specification,
        directed_to=course.recipient,
    )
    stage.do(batches.start, batch, by=TECH)
    for material in (Material.MEDIUM, Material.PLATELET_LYSATE, Material.HEPARIN):
        stage.do(
            batches.use_material,
            batch,
            by=TECH,
            lot=house.lot(material, on),
            quantity=Decimal(50),
            step=Step.CULTURE,
        )


def seed(stage: Stage, course: Course, on: date, number: int, cells: int) -> None:
    """A passage seeded, the count checked by a second person."""
    stage.go_to(at(on + timedelta(days=PASSAGE_DAYS * number), 15))
    stage.do(batches.add_passage, course.batch, by=TECH, seeded_cells=cells)
    stage.do(
        batches.check_count, course.batch, by=TECH_2, number=number, counted=Counted.SEEDING, cells=cells
    )


def begin(stage: Stage, house: House, course: Course, on: date) -> None:
    """A culture that has just been begun: P0 grows."""
    start(stage, house, course, on)
    seed(stage, course, on, 0, SEEDED)


def grow(stage: Stage, house: House, course: Course, on: date) -> None:
    """Culture over two passages with every material scanned, counts checked by a second person."""
    start(stage, house, course, on)
    batch, seeded = course.batch, SEEDED
    for number, yielded in enumerate(HARVESTED):
        seed(stage, course, on, number, seeded)
        stage.go_to(at(on + timedelta(days=PASSAGE_DAYS * (number + 1)), 9))
        stage.do(
            batches.harvest_passage,
            batch,
            by=TECH,
            number=number,
            harvested_cells=yielded,
            viability_percent=Decimal("96.0"),
        )
        stage.do(batches.check_count, batch, by=TECH_2, number=number, counted=Counted.HARVEST, cells=yielded)
        seeded = yielded
    stage.do(
        batches.use_material,
        batch,
        by=TECH,
        lot=house.lot(Material.DMSO, on),
        quantity=Decimal(12),
        step=Step.FREEZE,
    )
    stage.do(batches.harvest, batch, by=TECH)


def freeze(
    stage: Stage, house: House, course: Course, on: date, *, vials: int = VIALS, tnc: int = TNC
) -> None:
    """Fill, label, put away as one box, take the samples, close the fill."""
    stage.go_to(at(on, 11))
    expires = date(on.year + 2, on.month, min(on.day, 28))
    course.vials = stage.sign(
        custody.fill,
        course.batch,
        TECH,
        TECH_2,
        vials=vials,
        tnc=tnc,
        viability_percent=Decimal("95.00"),
        volume_ml=Decimal("5.000"),
        dmso_percent=Decimal("10.00"),
        expires_on=expires,
    )
    stage.do(custody.print_labels, course.batch, by=TECH, vials=course.vials)
    course.box = box(stage, house, f"Box {house.boxes + 1}")
    stage.do(custody.put_away_all, course.box, by=TECH, vials=course.vials)
    first, *_, last = course.vials
    stage.sign(custody.take_for_qc, first, TECH, TECH_2, purpose="sterility and test thaw")
    stage.sign(custody.retain, last, TECH, TECH_2, reason="reference sample of the batch")
    stage.do(batches.cryopreserve, course.batch, by=TECH)


def review(stage: Stage, course: Course, on: date, values: dict[str, str] | None = None) -> None:
    """Results entered by one and reviewed by another; in order, they are checked."""
    stage.go_to(at(on, 9))
    course.release = stage.do(release.open_review, by=QA, batch=course.batch)
    found = values or dict(RESULTS)
    stage.do(release.enter_results, course.release, by=QC, values=found, tested_at=at(on, 8))
    stage.do(release.review_results, course.release, by=QC_2, attributes=list(found))
    if values is None:
        read_trail(stage, course)
        stage.sign(release.check, course.release, QA)


def read_trail(stage: Stage, course: Course) -> None:
    """The audit trail of the batch reviewed, up to the entries that were there to be read."""
    stage.sign(
        release.review_trail, course.release, QA, seen=stage.trail(course.release),
        comment="What is picked out was compared with the raw data; the rest was sampled",
    )  # fmt: skip


def judge(stage: Stage, course: Course, on: date, *, fails: bool = False) -> None:
    """Reviewed, then certified and released; or rejected."""
    review(stage, course, on, dict(RESULTS) | FAILING if fails else None)
    if fails:
        stage.sign(release.reject, course.release, QP, reason="Mycoplasma was detected in the last culture")
        return
    stage.sign(release.certify, course.release, QP)
    stage.sign(release.release_batch, course.release, QP)
    course.released_on = on
