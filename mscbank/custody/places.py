"""Rooms, tanks, racks and boxes: setting them up, what lies in them, and counting a box by two persons."""

from sqlalchemy import func, select

from mscbank.core import acts
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.codes import new_code, new_codes
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.custody.grid import MOST_COLUMNS, MOST_ROWS, positions
from mscbank.custody.models import Place, Vial
from mscbank.custody.words import Area, Level

KEEPERS = (Role.LAB_TECH, Role.QA)
INSIDE = {
    Level.TANK: (Level.ROOM,),
    Level.RACK: (Level.TANK,),
    Level.BOX: (Level.RACK, Level.TANK),
    Level.POSITION: (Level.BOX,),
}
"""What a place may stand in; a position comes with its box."""

NOT_A_BOX = Refusal("custody.not_a_box", "%(place)s is no box. Scan the box.")
COUNT_DIFFERS = Refusal(
    "custody.count_differs",
    "You count %(counted)s; the bank has %(known)s in %(box)s. Find the difference before you sign.",
    Role.LAB_TECH,
)


def no_box(place: Place, by: Principal) -> Obstacle | None:
    """What is done with boxes is done with nothing else."""
    return None if place.level is Level.BOX else NOT_A_BOX(place=place.called)


@action("place.create", role=KEEPERS, creates="place", locks=lambda *, parent=None, **_: shared(parent))
def create_place(
    *,
    level: Level,
    name: str,
    parent: Place | None = None,
    area: Area = Area.CONTROLLED,
    site: str | None = None,
) -> Place:
    """Set up a room, a tank or a rack."""
    if level in (Level.BOX, Level.POSITION):
        raise invalid(level=["A box comes with its positions: set up a box."])
    if (parent is None) is not (level is Level.ROOM):
        raise invalid(parent=["A room stands by itself; everything else stands in something."])
    if parent is not None:
        _must_stand_in(level, parent)
        site = parent.site
    place = Place(code=new_code("place"), site=site, level=level, name=name, parent=parent, area=area)
    session.add(place)
    return place


@action("place.create_box", role=KEEPERS, creates="place", locks=lambda *, parent, **_: shared(parent))
def create_box(
    *, parent: Place, name: str, rows: int = 9, columns: int = 9, area: Area = Area.CONTROLLED
) -> Place:
    """Set up a box with all its positions."""
    _must_stand_in(Level.BOX, parent)
    if not 1 <= rows <= MOST_ROWS:
        raise invalid(rows=[f"Between 1 and {MOST_ROWS} rows."])
    if not 1 <= columns <= MOST_COLUMNS:
        raise invalid(columns=[f"Between 1 and {MOST_COLUMNS} columns."])
    grid = positions(rows, columns)
    code, *codes = new_codes("place", len(grid) + 1)
    box = Place(
        code=code, site=parent.site, level=Level.BOX, name=name, parent=parent, area=area, grid_rows=rows,
        grid_columns=columns,
    )  # fmt: skip
    session.add(box)
    session.add_all(
        Place(
            code=one, site=parent.site, level=Level.POSITION, name=label, parent=box, area=area,
            row_number=row, column_number=column,
        )
        for one, (row, column, label) in zip(codes, grid, strict=True)
    )  # fmt: skip
    return box


def _must_stand_in(level: Level, parent: Place) -> None:
    if parent.level not in INSIDE[level]:
        allowed = " or a ".join(word.value for word in INSIDE[level])
        raise invalid(parent=[f"A {level.value} stands in a {allowed}."])


def free_positions(box: Place) -> list[Place]:
    """The positions of a box in which nothing lies, along the rows."""
    taken = select(Vial.id).where(Vial.position_id == Place.id).exists()
    return list(
        session.scalars(
            select(Place)
            .where(Place.parent_id == box.id, ~taken)
            .order_by(Place.row_number, Place.column_number)
        )
    )


def children(place: Place) -> list[Place]:
    """What stands in a place; the positions of a box along the rows."""
    rows = select(Place).where(Place.parent_id == place.id)
    return list(session.scalars(rows.order_by(Place.row_number, Place.column_number, Place.id)))


def vials_in(box: Place) -> dict[int, Vial]:
    """The vials that lie in a box, by position."""
    rows = select(Vial).join(Place, Place.id == Vial.position_id).where(Place.parent_id == box.id)
    return {vial.position_id: vial for vial in session.scalars(rows) if vial.position_id is not None}


def number_in(box: Place) -> int:
    """How many vials the bank has in a box."""
    inside = select(func.count()).select_from(Vial).join(Place, Place.id == Vial.position_id)
    return session.scalar(inside.where(Place.parent_id == box.id)) or 0


@action("place.count", role=KEEPERS, kind="place", unless=no_box, signs=("counted", "checked"), by_badge=True)
def count(box: Place, *, counted: int) -> None:
    """Count the vials in a box with a second person, and confirm that the bank says the same."""
    known = number_in(box)
    if known != counted:
        raise Refused(COUNT_DIFFERS(counted=counted, known=known, box=box.called))
    acts.current().note(counted=counted, checked_by=acts.current().signers["checked"])
