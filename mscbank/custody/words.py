"""The words of custody: causes, holders, places, labels, scans, and the verbs of the ledger."""

from enum import StrEnum

from mscbank.core.i18n import Sentence, _


class Cause(StrEnum):
    """Why a vial or a batch is on hold."""

    SUSPENSION = "suspension"
    RECALL = "recall"
    EXCURSION = "excursion"
    WITHDRAWAL = "withdrawal"
    DEVIATION = "deviation"
    RETURNED = "returned"
    FOUND = "found"
    QUALITY = "quality"


class HolderKind(StrEnum):
    """Who or what holds a vial that is in no position."""

    PERSON = "person"
    SHIPPER = "shipper"
    SITE = "site"
    STATION = "station"


class Level(StrEnum):
    """How large a place is."""

    ROOM = "room"
    TANK = "tank"
    RACK = "rack"
    BOX = "box"
    POSITION = "position"


class Area(StrEnum):
    """What may be kept in a place."""

    CONTROLLED = "controlled"
    QUARANTINE = "quarantine"
    RELEASED = "released"
    SEPARATE = "separate"


class Purpose(StrEnum):
    """What a printed label is for."""

    VIAL = "vial"
    RECORD = "record"
    SPARE = "spare"


class LabelState(StrEnum):
    """How far a printed label is: printed, read on the vial, or void for ever."""

    PRINTED = "printed"
    APPLIED = "applied"
    VOID = "void"


class Scan(StrEnum):
    """Where a code came from."""

    GUN = "gun"
    CAMERA = "camera"
    TYPED = "typed"
    PICKED = "picked"
    NONE = "none"


class Verb(StrEnum):
    """What a row of the custody ledger tells."""

    FILL = "fill"
    PUT_AWAY = "put_away"
    MOVE = "move"
    TAKE = "take"
    HAND_OVER = "hand_over"
    HOLD = "hold"
    LIFT_HOLD = "lift_hold"
    FREE = "free"
    REJECT = "reject"
    EXCEPT = "except"
    RESERVE = "reserve"
    UNRESERVE = "unreserve"
    PICK = "pick"
    DISPENSE = "dispense"
    RETURN = "return"
    USE_UP = "use_up"
    THAW = "thaw"
    INTO_PREPARATION = "into_preparation"
    INFUSE = "infuse"
    TAKE_FOR_QC = "take_for_qc"
    RETAIN = "retain"
    DESTROY = "destroy"
    BREAK = "break"
    LOSE = "lose"
    FIND = "find"
    AS_HAPPENED = "as_happened"
    VOID_LABEL = "void_label"


CAUSE_WORDS: dict[Cause, Sentence] = {
    Cause.SUSPENSION: _("release suspended"),
    Cause.RECALL: _("recalled"),
    Cause.EXCURSION: _("temperature excursion"),
    Cause.WITHDRAWAL: _("consent withdrawn"),
    Cause.DEVIATION: _("deviation"),
    Cause.RETURNED: _("returned unopened"),
    Cause.FOUND: _("found again"),
    Cause.QUALITY: _("quality question"),
}
HOLDER_WORDS: dict[HolderKind, Sentence] = {
    HolderKind.PERSON: _("person"),
    HolderKind.SHIPPER: _("shipper"),
    HolderKind.SITE: _("site"),
    HolderKind.STATION: _("station"),
}
LEVEL_WORDS: dict[Level, Sentence] = {
    Level.ROOM: _("Room"),
    Level.TANK: _("Tank"),
    Level.RACK: _("Rack"),
    Level.BOX: _("Box"),
    Level.POSITION: _("Position"),
}
AREA_WORDS: dict[Area, Sentence] = {
    Area.CONTROLLED: _("any stock, told apart by its status"),
    Area.QUARANTINE: _("quarantine only"),
    Area.RELEASED: _("released stock only"),
    Area.SEPARATE: _("stock with a warning, kept apart"),
}
PURPOSE_WORDS: dict[Purpose, Sentence] = {
    Purpose.VIAL: _("on the vial"),
    Purpose.RECORD: _("in the batch record"),
    Purpose.SPARE: _("accompanying the vial"),
}
LABEL_WORDS: dict[LabelState, Sentence] = {
    LabelState.PRINTED: _("printed"),
    LabelState.APPLIED: _("on the vial"),
    LabelState.VOID: _("void"),
}
VERB_WORDS: dict[Verb, Sentence] = {
    Verb.FILL: _("Filled"),
    Verb.PUT_AWAY: _("Put away"),
    Verb.MOVE: _("Moved"),
    Verb.TAKE: _("Taken out"),
    Verb.HAND_OVER: _("Handed over"),
    Verb.HOLD: _("Put on hold"),
    Verb.LIFT_HOLD: _("Hold lifted"),
    Verb.FREE: _("Freed by release"),
    Verb.REJECT: _("Rejected"),
    Verb.EXCEPT: _("Freed by exception"),
    Verb.RESERVE: _("Reserved"),
    Verb.UNRESERVE: _("Reservation ended"),
    Verb.PICK: _("Picked"),
    Verb.DISPENSE: _("Dispensed"),
    Verb.RETURN: _("Returned unopened"),
    Verb.USE_UP: _("Used up"),
    Verb.THAW: _("Thawed"),
    Verb.INTO_PREPARATION: _("Taken into the preparation"),
    Verb.INFUSE: _("Infused"),
    Verb.TAKE_FOR_QC: _("Taken for quality control"),
    Verb.RETAIN: _("Kept as retention sample"),
    Verb.DESTROY: _("Destroyed"),
    Verb.BREAK: _("Broken"),
    Verb.LOSE: _("Lost"),
    Verb.FIND: _("Found again"),
    Verb.AS_HAPPENED: _("Recorded as it happened"),
    Verb.VOID_LABEL: _("A void label was scanned"),
}
