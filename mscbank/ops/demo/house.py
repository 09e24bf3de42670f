"""What stands before the first patient: protocols, the specification, material lots, tanks and boxes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mscbank.batch import actions as batches
from mscbank.batch.lots import Material
from mscbank.core.db import Row, session
from mscbank.custody import actions as custody
from mscbank.custody.words import Level
from mscbank.ops.demo.cast import DIRECTOR, QA, QA_2, TECH
from mscbank.ops.demo.stage import ZONE, Stage, at
from mscbank.study import actions as study

LOT_YEARS = 2
MATERIALS = (
    (Material.MEDIUM, "alpha-MEM", "Fictive Media SA", "bottle"),
    (Material.PLATELET_LYSATE, "Platelet lysate, pooled", "Fictive Blood Products", "mL"),
    (Material.HEPARIN, "Heparin", "Fictive Pharma", "mL"),
    (Material.DISSOCIATION, "Trypsin", "Fictive Media SA", "mL"),
    (Material.ALBUMIN, "Human albumin 4 %", "Fictive Blood Products", "mL"),
    (Material.DMSO, "DMSO", "Fictive Pharma", "mL"),
)


@dataclass
class House:
    """What the replay finds when a family arrives."""

    protocol: Any
    specification: Any
    rack: Any
    boxes: int = 0
    lots: dict[Material, list[tuple[date, Callable[[], Any]]]] = field(default_factory=dict)
    """Each with the day on which it expires, earliest first."""

    def lot(self, material: Material, on: date) -> Any:
        """A released lot of a material that is in date for two months more."""
        return next(find for expires, find in self.lots[material] if expires > on + timedelta(days=60))()


def at_need(thing: Any) -> Callable[[], Any]:
    """A row by its key: one that is held is read anew by every act, though nobody looks at it."""
    if not isinstance(thing, Row):
        return lambda: thing
    model, key = type(thing), thing.id
    return lambda: session.get(model, key)


def protocol(
    stage: Stage,
    *,
    title: str,
    registry_id: str,
    levels: tuple[tuple[int, int], ...],
    on: date,
    gate_infused: int = 10,
) -> tuple[Any, Any]:
    """A protocol with its dose levels and the approved specification of its product."""
    stage.go_to(at(on))
    made = stage.do(
        study.draft_protocol,
        by=DIRECTOR,
        title=title,
        registry_id=registry_id,
        sponsor_code="AP-HP-DEMO",
        infusion_zone=ZONE,
        gate_infused=gate_infused,
    )
    for number, (cells, places) in enumerate(levels, 1):
        stage.do(study.set_level, made, by=DIRECTOR, number=number, viable_cells_per_kg=cells, places=places)
    stage.sign(study.approve_protocol, made, QA)
    stage.do(study.open_protocol, made, by=DIRECTOR)
    edition = stage.do(
        study.draft_specification, by=QA, protocol=made, name="Marrow MSC, cryopreserved vials"
    )
    stage.sign(study.approve_specification, edition, QA_2)
    return made, edition


def storage(stage: Stage, tank: str) -> Any:
    """A room, a tank and a rack."""
    number = tank.rpartition("-")[2]
    room = stage.do(custody.create_place, by=TECH, level=Level.ROOM, name=f"Cryo room {number}")
    made = stage.do(custody.create_place, by=TECH, level=Level.TANK, name=tank, parent=room)
    return stage.do(custody.create_place, by=TECH, level=Level.RACK, name="Rack 1", parent=made)


def box(stage: Stage, house: House, name: str) -> Any:
    """A box of 16 positions: enough for a batch."""
    house.boxes += 1
    return stage.do(custody.create_box, by=TECH, parent=house.rack, name=name, rows=4, columns=4)


def deliveries(stage: Stage, house: House, first: date, last: date) -> None:
    """A lot of every material, received and released, as often as their dates require."""
    for material, name, supplier, unit in MATERIALS:
        day, number = first, 1
        while day < last:
            stage.go_to(at(day, 8))
            lot = stage.do(
                batches.receive,
                by=TECH,
                material=material,
                name=name,
                supplier=supplier,
                supplier_lot=f"{name[:3].upper()}-{day:%y%m}-{number:02d}",
                unit=unit,
                expires_on=day + timedelta(days=365 * LOT_YEARS),
                quantity=Decimal(5000),
                certificate=f"CoA {day:%Y%m%d}",
                **_pool(material),
            )
            stage.do(batches.release, lot, by=QA)
            house.lots.setdefault(material, []).append((lot.expires_on, at_need(lot)))
            day, number = day + timedelta(days=365 * LOT_YEARS - 90), number + 1


def _pool(material: Material) -> dict[str, Any]:
    if material is Material.PLATELET_LYSATE:
        return {"pool_size": 120, "pathogen_inactivated": True}
    return {}
