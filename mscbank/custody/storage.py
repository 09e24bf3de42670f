"""Places, and what people do with vials in them: put away, move, take out, hand over, count."""

from sqlalchemy import func, select

from mscbank.core import acts
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.codes import new_code, new_codes
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.custody import ledger
from mscbank.custody.areas import misfit
from mscbank.custody.facts import life_facts, open_holds
from mscbank.custody.grid import MOST_COLUMNS, MOST_ROWS, positions
from mscbank.custody.ledger import In, With
from mscbank.custody.models import Place, Vial
from mscbank.custody.states import COLD, HANDS, WARM, Condition, Reservation, kept_for_somebody, on_hold
from mscbank.custody.words import Area, HolderKind, Level, Scan, Verb

KEEPERS = (Role.LAB_TECH, Role.QA)
INSIDE = {Level.TANK: (Level.ROOM,), Level.RACK: (Level.TANK,), Level.BOX: (Level.RACK, Level.TANK)}
"""What a place may stand in."""

ENDED = Refusal("custody.ended", "Vial %(vial)s is no more: “%(state)s”.")
LIES_THERE = Refusal("custody.lies_there", "Vial %(vial)s lies in a position already. Use “move”.")
LIES_NOWHERE = Refusal("custody.lies_nowhere", "Vial %(vial)s lies in no position: put it away first.")
ON_ITS_WAY = Refusal(
    "custody.on_its_way", "Vial %(vial)s is on its way for %(allocation)s: take it back as a return first.",
    Role.PHARMACIST,
)  # fmt: skip
NOT_YOURS = Refusal("custody.not_yours", "%(holder)s holds vial %(vial)s: only the holder hands it over.")
SAME_HOLDER = Refusal("custody.same_holder", "%(holder)s holds vial %(vial)s already.")
COUNT_DIFFERS = Refusal(
    "custody.count_differs",
    "You count %(counted)s; the bank has %(known)s in %(box)s. Find the difference before you sign.",
    Role.LAB_TECH,
)


@action("place.create", role=KEEPERS, creates="place", locks=lambda *, parent=None, **_: shared(parent))
def create_place(
    *, by: Principal, level: Level, name: str, parent: Place | None = None, area: Area = Area.CONTROLLED,
    site: str | None = None,
) -> Place:  # fmt: skip
    """Set up a room, a tank or a rack."""
    if level in (Level.BOX, Level.POSITION):
        raise invalid(level=["Boxes come with their positions: use “create a box”."])
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
    if not (1 <= rows <= MOST_ROWS and 1 <= columns <= MOST_COLUMNS):
        raise invalid(rows=[f"A box has at most {MOST_ROWS} rows and {MOST_COLUMNS} columns."])
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
        allowed = " or ".join(word.value for word in INSIDE[level])
        raise invalid(parent=[f"A {level.value} stands in a {allowed}."])


def _may_lie(vial: Vial, position: Place, *, is_held: bool) -> None:
    """Whether the vial may be put into the position at all."""
    if vial.condition in WARM:
        raise Refused(ledger.THAWED(vial=vial.called))
    if vial.condition not in (*COLD, Condition.RETAINED):
        raise Refused(ENDED(vial=vial.called, state=type(vial).lives["condition"].word(vial.condition)))
    ledger.must_be_free(position, vial)
    found = misfit(
        position.area, ledger.said(position), vial.called, quality=vial.quality, is_held=is_held,
        collection_type=vial.collection_type,
    )  # fmt: skip
    if found:
        raise Refused(found)


def _put(vial: Vial, position: Place, by: Principal, *, is_held: bool, scan: Scan) -> None:
    if vial.position is not None:
        raise Refused(LIES_THERE(vial=vial.called))
    _may_lie(vial, position, is_held=is_held)
    if vial.reservation in (Reservation.PICKED, Reservation.DISPENSED):
        raise Refused(ON_ITS_WAY(vial=vial.called, allocation=vial.reserved_by))
    frozen = vial.condition is Condition.FILLED
    if frozen:
        vial.frozen_at = acts.current().time
    ledger.enter(
        vial, Verb.PUT_AWAY, by=by, to=In(position), condition=Condition.FROZEN if frozen else None,
        reservation=(Reservation.NONE,) if vial.reservation is Reservation.RETURNED else (), scan=scan,
    )  # fmt: skip


@action("vial.put_away", role=HANDS, locks=lambda vial, *, position, **_: [position, *shared(vial.batch)])
def put_away(
    vial: Vial, *, by: Principal, position: Place, seen: str | None = None, scan: Scan = Scan.NONE
) -> None:
    """Put a vial into a position; the first time it is frozen there."""
    ledger.must_be_seen(vial, seen)
    _put(vial, position, by, is_held=bool(open_holds([vial])[vial.id]), scan=scan)


@action(
    "place.put_away_all", role=HANDS, kind="place",
    locks=lambda box, *, vials, **_: [*vials, *shared(*{v.batch_id: v.batch for v in vials}.values())],
)  # fmt: skip
def put_away_all(box: Place, *, by: Principal, vials: list[Vial], scan: Scan = Scan.NONE) -> None:
    """Put several vials into the next free positions of a box, in the order given."""
    if box.level is not Level.BOX:
        raise Refused(ledger.NOT_A_POSITION(place=box.called))
    free = free_positions(box)
    if len(free) < len(vials):
        raise invalid(vials=[f"The box has {len(free)} free positions."])
    holds = open_holds(vials)
    for vial, position in zip(vials, free, strict=False):
        _put(vial, position, by, is_held=bool(holds[vial.id]), scan=scan)


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


@action("vial.move", role=HANDS, locks=lambda vial, *, position, **_: [position, *shared(vial.batch)])
def move(
    vial: Vial, *, by: Principal, position: Place, seen: str | None = None, scan: Scan = Scan.NONE
) -> None:
    """Move a vial from one position to another."""
    ledger.must_be_seen(vial, seen)
    if vial.position is None:
        raise Refused(LIES_NOWHERE(vial=vial.called))
    _may_lie(vial, position, is_held=bool(open_holds([vial])[vial.id]))
    ledger.enter(vial, Verb.MOVE, by=by, to=In(position), scan=scan)


@action("vial.take_out", role=HANDS, locks=lambda vial, **_: shared(vial.batch))
def take_out(vial: Vial, *, by: Principal, seen: str | None = None, scan: Scan = Scan.NONE) -> None:
    """Take a vial out of its position into your own hands."""
    ledger.must_be_seen(vial, seen)
    if vial.position is None:
        raise Refused(LIES_NOWHERE(vial=vial.called))
    facts = life_facts([vial])[vial.id]
    found = kept_for_somebody(facts, by)
    if found is None and by.holds(Role.QA, vial.site) is None:
        found = on_hold(facts, by)
    if found:
        raise Refused(found)
    ledger.enter(vial, Verb.TAKE, by=by, to=With(HolderKind.PERSON, by.login), scan=scan)


def _hand(vial: Vial, by: Principal, kind: HolderKind, code: str | None, scan: Scan) -> None:
    if vial.is_gone:
        raise Refused(ENDED(vial=vial.called, state=type(vial).lives["condition"].word(vial.condition)))
    if vial.position is not None:
        raise Refused(ledger.SEEN_ELSEWHERE(vial=vial.called, place=ledger.place_words(vial)))
    if vial.holder_kind is HolderKind.PERSON and vial.holder_code != by.login:
        raise Refused(NOT_YOURS(holder=vial.holder_code, vial=vial.called))
    receiver = acts.current().signers["received"]
    to = With(kind, code or receiver)
    if kind is HolderKind.PERSON and to.code != receiver:
        raise invalid(holder=["Who receives it signs for it."])
    if (vial.holder_kind, vial.holder_code) == (to.kind, to.code):
        raise Refused(SAME_HOLDER(holder=to.code, vial=vial.called))
    ledger.enter(vial, Verb.HAND_OVER, by=by, to=to, second=receiver, scan=scan)


@action("vial.hand_over", role=(*HANDS, Role.COURIER, Role.RECEIVING_SITE), signs=("handed over", "received"))
def hand_over(
    vial: Vial, *, by: Principal, holder_kind: HolderKind = HolderKind.PERSON, holder: str | None = None,
    seen: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Hand a vial over; who receives it signs too."""
    ledger.must_be_seen(vial, seen)
    _hand(vial, by, holder_kind, holder, scan)


@action(
    "custody.hand_over_all", role=(*HANDS, Role.COURIER, Role.RECEIVING_SITE), kind="batch",
    signs=("handed over", "received"), locks=lambda batch, *, vials, **_: vials,
)  # fmt: skip
def hand_over_all(
    batch: object, *, by: Principal, vials: list[Vial], holder_kind: HolderKind = HolderKind.PERSON,
    holder: str | None = None, scan: Scan = Scan.NONE,
) -> None:  # fmt: skip
    """Hand several vials of a batch over at once; who receives them signs too."""
    for vial in vials:
        _hand(vial, by, holder_kind, holder, scan)


@action("place.count", role=KEEPERS, kind="place", signs=("counted", "checked"))
def count(box: Place, *, by: Principal, counted: int) -> None:
    """Count the vials in a box with a second person, and confirm that the bank says the same."""
    known = session.scalar(
        select(func.count())
        .select_from(Vial)
        .join(Place, Place.id == Vial.position_id)
        .where(Place.parent_id == box.id)
    )
    if known != counted:
        raise Refused(COUNT_DIFFERS(counted=counted, known=known, box=box.called))
    acts.current().note(counted=counted, checked_by=acts.current().signers["checked"])
